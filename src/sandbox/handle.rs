//! The running sandbox: how it is brought up, and where its services are.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::error::SandboxError;
use super::glance::{Glance, Region};
use super::http::{Front, Service};
use super::keystone::{Identity, Keystone};
use super::ports::{Bound, endpoints, port_of};
use super::running::Running;
use super::spec::{DateHeader, KeystoneSpec, RegionSpec, SandboxSpec};
use super::threads::Threads;

/// A running fleet. Dropping it closes every connection and deletes every image.
///
/// It serves on threads of its own, so that it can be started and used from synchronous code and
/// from within any runtime. A region is named `keystone:Region`, or `Region` where only one
/// Keystone has such a region.
#[derive(Debug)]
pub struct Sandbox {
    pub(super) keystones: Vec<Running<Keystone>>,
    pub(super) regions: Vec<Running<Glance>>,
    /// Other names of those regions: Keystone, name, place in `regions`.
    aliases: Vec<(String, String, usize)>,
    // The threads end before the folder goes.
    pub(super) threads: Threads,
    folder: TempDir,
}

impl Sandbox {
    /// Brings up what the specification says.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when the specification contradicts itself, a port is taken, or the
    /// temporary folder cannot be written.
    pub fn start(spec: &SandboxSpec) -> Result<Self, SandboxError> {
        let folder = tempfile::Builder::new()
            .prefix("glancesync-sandbox-")
            .tempdir()
            .map_err(|source| SandboxError::Store {
                region: "any region".to_owned(),
                source,
            })?;
        let services: usize = spec
            .keystones
            .iter()
            .map(|keystone| 1 + keystone.regions.len())
            .sum();
        let threads = Threads::start(services).map_err(SandboxError::Threads)?;
        let mut sandbox = Self {
            keystones: Vec::new(),
            regions: Vec::new(),
            aliases: Vec::new(),
            threads,
            folder,
        };
        let bound = Bound::all(spec)?;
        for (keystone, listener) in spec.keystones.iter().zip(bound.keystones) {
            let url = format!("http://127.0.0.1:{}/v3", port_of(&listener));
            let endpoints = endpoints(keystone, &bound.regions)?;
            let identity = Arc::new(Identity::new(keystone, url.clone(), endpoints)?);
            let service = Arc::new(Keystone {
                front: Front::new(&keystone.faults, DateHeader::Sent),
                identity,
            });
            let running = sandbox.run(&keystone.name, &keystone.name, url, listener, service)?;
            sandbox.keystones.push(running);
        }
        for (keystone, region, listener) in bound.listeners {
            sandbox.add_region(keystone, region, listener)?;
        }
        sandbox.name_aliases(spec)?;
        let regions: Vec<Arc<Region>> = sandbox
            .regions
            .iter()
            .map(|running| Arc::clone(&running.service.region))
            .collect();
        for running in &sandbox.regions {
            running.service.region.introduce(&regions);
            for seed in &running.service.region.spec.images {
                let owner = running.service.identity.first_project_id();
                running.service.region.seed(seed, owner)?;
            }
        }
        Ok(sandbox)
    }

    fn add_region(
        &mut self,
        keystone: &KeystoneSpec,
        region: &RegionSpec,
        listener: TcpListener,
    ) -> Result<(), SandboxError> {
        // The folder's name is a number, for a region's name may hold a slash.
        let images_dir = self
            .folder
            .path()
            .join(self.regions.len().to_string())
            .join("images");
        std::fs::create_dir_all(&images_dir).map_err(|source| SandboxError::Store {
            region: region.name.clone(),
            source,
        })?;
        let url = format!("http://127.0.0.1:{}", port_of(&listener));
        let identity = Arc::clone(&self.keystone(&keystone.name)?.service.identity);
        let service = Arc::new(Glance {
            front: Front::new(&region.faults, region.date),
            identity,
            region: Arc::new(Region::new(region.clone(), images_dir)),
            url: url.clone(),
            confirmed: Mutex::default(),
        });
        let running = self.run(&keystone.name, &region.name, url, listener, service)?;
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
        keystone: &str,
        name: &str,
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
        running.accept(&self.threads, listener)?;
        Ok(running)
    }

    /// The URL of a Keystone, ending in `/v3`: what `OS_AUTH_URL` holds.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn keystone_url(&self, keystone: &str) -> Result<&str, SandboxError> {
        Ok(&self.keystone(keystone)?.url)
    }

    /// The URL of a region's Glance, without a path.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn glance_url(&self, region: &str) -> Result<&str, SandboxError> {
        Ok(&self.region(region)?.url)
    }

    /// The folder that holds a region's content, in files named by image UUID.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn images_dir(&self, region: &str) -> Result<&Path, SandboxError> {
        Ok(&self.region(region)?.service.region.images_dir)
    }

    /// The id of a project.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`]; [`SandboxError::Spec`] when there is no such project.
    pub fn project_id(&self, keystone: &str, project: &str) -> Result<&str, SandboxError> {
        self.keystone(keystone)?
            .service
            .identity
            .project_id(project)
            .ok_or_else(|| SandboxError::Spec(format!("there is no project {project:?}")))
    }

    /// Every region as `keystone:Region`, in the order of the specification, aliases left out.
    pub fn regions(&self) -> Vec<String> {
        self.regions
            .iter()
            .map(|region| format!("{}:{}", region.keystone, region.name))
            .collect()
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
