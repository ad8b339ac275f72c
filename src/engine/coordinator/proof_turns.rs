//! What all regions of a run need to know of a content is computed once: one region after another gets its turn, and
//! finds it known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::host;
use crate::model::ImageId;

/// The turns, for each image of the master.
#[derive(Debug, Default)]
pub(crate) struct ProofTurns(Mutex<HashMap<ImageId, Arc<tokio::sync::Mutex<()>>>>);

impl ProofTurns {
    /// Waits for the turn to read a content and hash it; it ends when the guard is dropped.
    pub(crate) async fn turn(&self, master_id: &ImageId) -> OwnedMutexGuard<()> {
        self.of(master_id).lock_owned().await
    }

    /// The same turn, where nobody has it.
    pub(crate) fn free_turn(&self, master_id: &ImageId) -> Option<OwnedMutexGuard<()>> {
        self.of(master_id).try_lock_owned().ok()
    }

    fn of(&self, master_id: &ImageId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = host::locked(&self.0);
        Arc::clone(turns.entry(master_id.clone()).or_default())
    }
}
