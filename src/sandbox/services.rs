//! The services of a sandbox: how they are brought up from a specification, and found by name.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::error::SandboxError;
use super::glance::{self, Glance, Region};
use super::http::{Front, Service};
use super::keystone::Keystone;
use super::ports::{Bound, endpoints, port_of};
use super::running::Running;
use super::spec::{KeystoneSpec, RegionSpec, SandboxSpec};
use super::threads::Threads;

/// The Keystones and Glances of a sandbox.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) keystones: Vec<Running<Keystone>>,
    pub(super) regions: Vec<Running<Glance>>,
    /// Other names of those regions: Keystone, name, place in `regions`.
    aliases: Vec<(String, String, usize)>,
}

impl Services {
    /// Brings up what the specification says, on those threads, with content below that folder.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when the specification contradicts itself, a port is taken, or the
    /// folder cannot be written.
    pub(super) fn start(
        spec: &SandboxSpec,
        threads: &Threads,
        folder: &Path,
    ) -> Result<Self, SandboxError> {
        let mut services = Self::default();
        let bound = Bound::all(spec)?;
        for (keystone, listener) in spec.keystones.iter().zip(bound.keystones) {
            let url = format!("http://127.0.0.1:{}/v3", port_of(&listener));
            let endpoints = endpoints(keystone, &bound.regions)?;
            let service = Arc::new(Keystone::new(keystone, url.clone(), endpoints)?);
            let running = services.run(
                threads,
                (&keystone.name, &keystone.name),
                url,
                listener,
                service,
            )?;
            services.keystones.push(running);
        }
        for (keystone, region, listener) in bound.listeners {
            services.add_region(threads, folder, (keystone, region), listener)?;
        }
        services.name_aliases(spec)?;
        let regions: Vec<Arc<Region>> = services
            .regions
            .iter()
            .map(|running| Arc::clone(&running.service.region))
            .collect();
        for running in &services.regions {
            running.service.region.introduce(&regions);
            for seed in &running.service.region.spec.images {
                let owner = running.service.identity.first_project_id();
                glance::seed(&running.service.region, seed, owner)?;
            }
        }
        Ok(services)
    }

    fn add_region(
        &mut self,
        threads: &Threads,
        folder: &Path,
        (keystone, region): (&KeystoneSpec, &RegionSpec),
        listener: TcpListener,
    ) -> Result<(), SandboxError> {
        // The folder's name is a number, for a region's name may hold a slash.
        let images_dir = folder.join(self.regions.len().to_string()).join("images");
        if region.stores.is_empty() {
            return Err(SandboxError::Spec(format!("{} has no store", region.name)));
        }
        let url = format!("http://127.0.0.1:{}", port_of(&listener));
        let state = Region::new(region.clone(), images_dir);
        state.make_folders().map_err(|source| SandboxError::Store {
            region: region.name.clone(),
            source,
        })?;
        let identity = Arc::clone(&self.keystone(&keystone.name)?.service.identity);
        let service = Arc::new(Glance {
            front: Front::new(&region.faults, region.date),
            identity,
            region: Arc::new(state),
            url: url.clone(),
            confirmed: Mutex::default(),
        });
        let running = self.run(
            threads,
            (&keystone.name, &region.name),
            url,
            listener,
            service,
        )?;
        self.regions.push(running);
        Ok(())
    }

    fn name_aliases(&mut self, spec: &SandboxSpec) -> Result<(), SandboxError> {
        for keystone in &spec.keystones {
            for region in &keystone.regions {
                if let Some(target) = &region.is_same_content {
                    let place = self.place_of(target)?;
                    self.aliases
                        .push((keystone.name.clone(), region.name.clone(), place));
                }
            }
        }
        Ok(())
    }

    fn run<S: Service>(
        &self,
        threads: &Threads,
        (keystone, name): (&str, &str),
        url: String,
        listener: TcpListener,
        service: Arc<S>,
    ) -> Result<Running<S>, SandboxError> {
        let place = self.keystones.len() + self.regions.len();
        let running = Running {
            keystone: keystone.to_owned(),
            name: name.to_owned(),
            port: port_of(&listener),
            url,
            place,
            service,
            accepting: Mutex::new(None),
        };
        running.accept(threads, listener)?;
        Ok(running)
    }

    pub(super) fn keystone(&self, name: &str) -> Result<&Running<Keystone>, SandboxError> {
        self.keystones
            .iter()
            .find(|keystone| keystone.name == name)
            .ok_or_else(|| SandboxError::UnknownKeystone(name.to_owned()))
    }

    pub(super) fn region(&self, name: &str) -> Result<&Running<Glance>, SandboxError> {
        self.place_of(name).map(|place| &self.regions[place])
    }

    fn place_of(&self, wanted: &str) -> Result<usize, SandboxError> {
        let own = self
            .regions
            .iter()
            .enumerate()
            .map(|(place, region)| (region.keystone.as_str(), region.name.as_str(), place));
        let aliases = self
            .aliases
            .iter()
            .map(|(keystone, name, place)| (keystone.as_str(), name.as_str(), *place));
        let mut places = own
            .chain(aliases)
            .filter(|(keystone, name, _)| {
                wanted == *name || wanted.split_once(':') == Some((keystone, name))
            })
            .map(|(_, _, place)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            _ => Err(SandboxError::UnknownRegion(wanted.to_owned())),
        }
    }
}
