//! The running sandbox: what its owner asks it, and how its services are stopped and started.

use std::fmt::Debug;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::AbortHandle;

use super::error::SandboxError;
use super::fault::{Fault, FaultBook};
use super::glance::{Glance, Region};
use super::http::{Front, Gate, Service, locked, serve};
use super::keystone::{Endpoint, Identity, Keystone};
use super::record::RecordedRequest;
use super::seed::ImageSeed;
use super::spec::{KeystoneSpec, RegionSpec, SandboxSpec};
use super::threads::{Threads, spawn};

/// How long a restart tries to get its port back.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// A running fleet. Dropping it closes every connection and deletes every image.
///
/// It serves on threads of its own, so that it can be started and used from synchronous code and
/// from within any runtime. A region is named `keystone:Region`, or `Region` where only one
/// Keystone has such a region.
#[derive(Debug)]
pub struct Sandbox {
    keystones: Vec<Running<Keystone>>,
    regions: Vec<Running<Glance>>,
    /// Other names of those regions: Keystone, name, place in `regions`.
    aliases: Vec<(String, String, usize)>,
    // The threads end before the folder goes.
    threads: Threads,
    folder: TempDir,
}

/// A service with its port and the task that accepts its connections.
#[derive(Debug)]
struct Running<S> {
    keystone: String,
    name: String,
    port: u16,
    url: String,
    place: usize,
    service: Arc<S>,
    accepting: Mutex<Option<AbortHandle>>,
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
                front: front(&keystone.faults),
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
            front: front(&region.faults),
            identity,
            region: Arc::new(Region::new(region.clone(), images_dir)),
            url: url.clone(),
        });
        let running = self.run(&keystone.name, &region.name, url, listener, service)?;
        self.regions.push(running);
        Ok(())
    }

    fn name_aliases(&mut self, spec: &SandboxSpec) -> Result<(), SandboxError> {
        for keystone in &spec.keystones {
            for region in &keystone.regions {
                if let Some(target) = &region.same_as {
                    let place = self.place_of(target)?;
                    self.aliases
                        .push((keystone.name.clone(), region.name.clone(), place));
                }
            }
        }
        Ok(())
    }

    fn run<S: Service + Debug>(
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

    /// The requests that a region's Glance received, oldest first.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn requests(&self, region: &str) -> Result<Vec<RecordedRequest>, SandboxError> {
        Ok(locked(&self.region(region)?.service.front.log).all())
    }

    /// The requests that a Keystone received, oldest first.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn keystone_requests(&self, keystone: &str) -> Result<Vec<RecordedRequest>, SandboxError> {
        Ok(locked(&self.keystone(keystone)?.service.front.log).all())
    }

    /// Forgets the requests of every Keystone and region.
    pub fn clear_requests(&self) {
        for keystone in &self.keystones {
            locked(&keystone.service.front.log).clear();
        }
        for region in &self.regions {
            locked(&region.service.front.log).clear();
        }
    }

    /// Replaces a region's faults; their counts begin anew.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn set_faults(&self, region: &str, faults: Vec<Fault>) -> Result<(), SandboxError> {
        *locked(&self.region(region)?.service.front.faults) = FaultBook::new(faults);
        Ok(())
    }

    /// Replaces a Keystone's faults; their counts begin anew.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn set_keystone_faults(
        &self,
        keystone: &str,
        faults: Vec<Fault>,
    ) -> Result<(), SandboxError> {
        *locked(&self.keystone(keystone)?.service.front.faults) = FaultBook::new(faults);
        Ok(())
    }

    /// Makes every token that a Keystone gave out worthless, as when they all expire.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn expire_tokens(&self, keystone: &str) -> Result<(), SandboxError> {
        self.keystone(keystone)?.service.identity.revoke_all();
        Ok(())
    }

    /// Puts an image into a region without any request, and gives its UUID. Blocks while the
    /// content is written.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`], [`SandboxError::Store`] when the content cannot be
    /// written, [`SandboxError::Spec`] when the seed holds a word that Glance does not know or
    /// an id that was used before.
    pub fn add_image(&self, region: &str, seed: &ImageSeed) -> Result<String, SandboxError> {
        let region = &self.region(region)?.service;
        region.region.seed(seed, region.identity.first_project_id())
    }

    /// Every image of a region as an admin would read it, in no order that means anything.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn images(&self, region: &str) -> Result<Vec<Value>, SandboxError> {
        Ok(self
            .region(region)?
            .service
            .region
            .snapshot()
            .into_values()
            .collect())
    }

    /// Makes the store refuse to delete an image because it is in use, or allow it again.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`], [`SandboxError::UnknownImage`].
    pub fn set_in_use(&self, region: &str, id: &str, in_use: bool) -> Result<(), SandboxError> {
        if self.region(region)?.service.region.set_in_use(id, in_use) {
            Ok(())
        } else {
            Err(SandboxError::UnknownImage {
                region: region.to_owned(),
                image: id.to_owned(),
            })
        }
    }

    /// Closes a region's port and its connections; uploads under way go back to `queued`.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn stop_region(&self, region: &str) -> Result<(), SandboxError> {
        self.region(region)?.refuse();
        Ok(())
    }

    /// As [`Self::stop_region`], but as a kill does it: an image under way stays `saving` for
    /// ever, and its partial file stays.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn kill_region(&self, region: &str) -> Result<(), SandboxError> {
        let running = self.region(region)?;
        running.service.region.kill_uploads();
        running.refuse();
        Ok(())
    }

    /// Opens a stopped region's port again, the same one.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`], [`SandboxError::Listen`] when another program took the
    /// port meanwhile.
    pub fn start_region(&self, region: &str) -> Result<(), SandboxError> {
        self.region(region)?.restart(&self.threads)
    }

    /// Closes a Keystone's port. The Glances behind it cannot check tokens until it is back, and
    /// answer 401.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn stop_keystone(&self, keystone: &str) -> Result<(), SandboxError> {
        let running = self.keystone(keystone)?;
        running.service.identity.set_up(false);
        running.refuse();
        Ok(())
    }

    /// Opens a stopped Keystone's port again, the same one.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`], [`SandboxError::Listen`] when another program took the
    /// port meanwhile.
    pub fn start_keystone(&self, keystone: &str) -> Result<(), SandboxError> {
        let running = self.keystone(keystone)?;
        running.restart(&self.threads)?;
        running.service.identity.set_up(true);
        Ok(())
    }

    fn keystone(&self, name: &str) -> Result<&Running<Keystone>, SandboxError> {
        self.keystones
            .iter()
            .find(|keystone| keystone.name == name)
            .ok_or_else(|| SandboxError::UnknownKeystone(name.to_owned()))
    }

    fn region(&self, name: &str) -> Result<&Running<Glance>, SandboxError> {
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

impl<S: Service> Running<S> {
    fn accept(&self, threads: &Threads, listener: TcpListener) -> Result<(), SandboxError> {
        let runtime = threads.runtime(self.place);
        let board = Arc::clone(&self.service.front().board);
        let gate = {
            let _inside = runtime.enter();
            Gate::new(listener, board)
        };
        let gate = gate.map_err(|source| SandboxError::Listen {
            service: self.name.clone(),
            port: self.port,
            source,
        })?;
        let task = spawn(runtime, serve(gate, Arc::clone(&self.service)));
        *locked(&self.accepting) = Some(task);
        Ok(())
    }

    fn refuse(&self) {
        if let Some(task) = locked(&self.accepting).take() {
            task.abort();
        }
        self.service.front().board.cut_all();
    }

    fn restart(&self, threads: &Threads) -> Result<(), SandboxError> {
        if locked(&self.accepting).is_some() {
            return Ok(());
        }
        let started = Instant::now();
        loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)) {
                Ok(listener) => return self.accept(threads, listener),
                // The aborted task may not have let go of the port yet.
                Err(_) if started.elapsed() < RESTART_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(source) => {
                    return Err(SandboxError::Listen {
                        service: self.name.clone(),
                        port: self.port,
                        source,
                    });
                }
            }
        }
    }
}

/// The sockets of a specification, bound before anything serves, for the catalogues name them all.
struct Bound<'a> {
    keystones: Vec<TcpListener>,
    listeners: Vec<(&'a KeystoneSpec, &'a RegionSpec, TcpListener)>,
    /// Keystone, region and port.
    regions: Vec<(String, String, u16)>,
}

impl<'a> Bound<'a> {
    fn all(spec: &'a SandboxSpec) -> Result<Self, SandboxError> {
        let mut bound = Self {
            keystones: Vec::new(),
            listeners: Vec::new(),
            regions: Vec::new(),
        };
        for (place, keystone) in spec.keystones.iter().enumerate() {
            if spec.keystones[..place]
                .iter()
                .any(|other| other.name == keystone.name)
            {
                return Err(SandboxError::Spec(format!(
                    "two Keystones {:?}",
                    keystone.name
                )));
            }
            bound.keystones.push(listen(&keystone.name, keystone.port)?);
            for (place, region) in keystone.regions.iter().enumerate() {
                if keystone.regions[..place]
                    .iter()
                    .any(|other| other.name == region.name)
                {
                    return Err(SandboxError::Spec(format!("two regions {:?}", region.name)));
                }
                if region.same_as.is_none() {
                    let listener = listen(&region.name, region.port)?;
                    let port = port_of(&listener);
                    bound
                        .regions
                        .push((keystone.name.clone(), region.name.clone(), port));
                    bound.listeners.push((keystone, region, listener));
                }
            }
        }
        Ok(bound)
    }
}

fn endpoints(
    keystone: &KeystoneSpec,
    ports: &[(String, String, u16)],
) -> Result<Vec<Endpoint>, SandboxError> {
    keystone
        .regions
        .iter()
        .map(|region| {
            let own = format!("{}:{}", keystone.name, region.name);
            let target = region.same_as.as_deref().unwrap_or(&own);
            let (_, _, port) = ports
                .iter()
                .find(|(keystone, name, _)| {
                    target == name || target.split_once(':') == Some((keystone, name))
                })
                .ok_or_else(|| SandboxError::UnknownRegion(target.to_owned()))?;
            Ok(Endpoint {
                region: region.name.clone(),
                url: format!("http://127.0.0.1:{port}{}", region.endpoint_suffix),
            })
        })
        .collect()
}

fn listen(service: &str, port: u16) -> Result<TcpListener, SandboxError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| SandboxError::Listen {
        service: service.to_owned(),
        port,
        source,
    })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

fn front(faults: &[Fault]) -> Arc<Front> {
    Arc::new(Front {
        faults: Mutex::new(FaultBook::new(faults.to_vec())),
        ..Front::default()
    })
}
