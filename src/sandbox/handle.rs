//! The running sandbox: where its services are, and what its owner asks of it - requests seen, faults,
//! images, stops and starts.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::error::SandboxError;
use super::fault::{Fault, ServiceFaults};
use super::glance::{self, Glance};
use super::http::locked;
use super::keystone::Keystone;
use super::record::{RecordedRequest, RegionState};
use super::running::Running;
use super::seed::ImageSeed;
use super::services::Services;
use super::spec::SandboxSpec;
use super::threads::Threads;

/// A running fleet. Dropping it closes every connection and deletes every image.
///
/// It serves on threads of its own, so that it can be started and used from synchronous code and
/// from within any runtime. A region is named `keystone:Region`, or `Region` where only one
/// Keystone has such a region.
#[derive(Debug)]
pub struct Sandbox {
    services: Services,
    // The threads end before the folder goes.
    threads: Threads,
    _folder: TempDir,
}

impl Sandbox {
    /// Brings up what the specification says.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when the specification contradicts itself, a port is taken, or the
    /// temporary folder cannot be written.
    pub fn start(spec: &SandboxSpec) -> Result<Self, SandboxError> {
        Self::start_in(spec, &std::env::temp_dir())
    }

    /// The same, with content in a folder of its own in `parent`.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_in(spec: &SandboxSpec, parent: &Path) -> Result<Self, SandboxError> {
        let folder = tempfile::Builder::new()
            .prefix("glancesync-sandbox-")
            .tempdir_in(parent)
            .map_err(|source| SandboxError::Store {
                region: "any region".to_owned(),
                source,
            })?;
        let regions = spec.keystones.iter().map(|keystone| keystone.regions.len());
        let services = spec.keystones.len() + regions.sum::<usize>();
        let threads = Threads::start(services).map_err(SandboxError::Threads)?;
        Ok(Self {
            services: Services::start(spec, &threads, folder.path())?,
            threads,
            _folder: folder,
        })
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
        self.services
            .regions
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

    /// Replaces a region's faults; their counts begin anew.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn set_faults(&self, region: &str, faults: Vec<Fault>) -> Result<(), SandboxError> {
        *locked(&self.region(region)?.service.front.faults) = ServiceFaults::new(faults);
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
        *locked(&self.keystone(keystone)?.service.front.faults) = ServiceFaults::new(faults);
        Ok(())
    }

    /// Makes every token that a Keystone gave out worthless, as when they all expire.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn expire_tokens(&self, keystone: &str) -> Result<(), SandboxError> {
        self.keystone(keystone)?
            .service
            .identity
            .tokens
            .revoke_all();
        Ok(())
    }

    /// Every token that a Keystone gave out and did not take back: what must be in no log.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn tokens(&self, keystone: &str) -> Result<Vec<String>, SandboxError> {
        Ok(self.keystone(keystone)?.service.identity.tokens.ids())
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
        glance::seed(&region.region, seed, region.identity.first_project_id())
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

    /// From now on writes a region's state down after each request that may have changed it.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn keep_history(&self, region: &str) -> Result<(), SandboxError> {
        self.region(region)?.service.region.keep_history();
        Ok(())
    }

    /// A region's states since [`Self::keep_history`], the present one last.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`].
    pub fn history(&self, region: &str) -> Result<Vec<RegionState>, SandboxError> {
        Ok(self.region(region)?.service.region.history())
    }

    /// Closes a region's port and its connections, as a kill does it: an image under way stays
    /// `saving` for ever, and its partial file stays.
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

    /// Opens a killed region's port again, the same one.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownRegion`], [`SandboxError::Listen`] when another program took the
    /// port meanwhile.
    pub fn start_region(&self, region: &str) -> Result<(), SandboxError> {
        self.region(region)?.restart(&self.threads)
    }

    /// Closes a Keystone's port. Until it is back the Glances behind it answer 401 to every token
    /// that they have not met before.
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
        self.services.keystone(name)
    }

    fn region(&self, name: &str) -> Result<&Running<Glance>, SandboxError> {
        self.services.region(name)
    }
}
