//! What the owner of a running sandbox asks of it: requests seen, faults, images, stops and starts.

use serde_json::Value;

use super::error::SandboxError;
use super::fault::{Fault, FaultBook};
use super::handle::Sandbox;
use super::http::locked;
use super::record::{RecordedRequest, RegionState};
use super::seed::ImageSeed;

impl Sandbox {
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

    /// Every token that a Keystone gave out and did not take back: what must be in no log.
    ///
    /// # Errors
    ///
    /// [`SandboxError::UnknownKeystone`].
    pub fn tokens(&self, keystone: &str) -> Result<Vec<String>, SandboxError> {
        Ok(self.keystone(keystone)?.service.identity.tokens_out())
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
}
