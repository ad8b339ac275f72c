//! Hashes of the master's contents that were proved, kept for later runs.

use std::sync::Arc;

use super::context::RunContext;
use crate::model::{ContentHash, MultiHash, RegionName};

/// Keeps a hash that a content of the master was proved to have. Where that fails, a later run finds it
/// anew.
pub(super) async fn keep_hash(
    context: &Arc<RunContext>,
    region: &RegionName,
    master: &ContentHash,
    found: MultiHash,
) {
    let (hashes, master) = (Arc::clone(&context.hashes), master.clone());
    let kept = tokio::task::spawn_blocking(move || hashes.add(&master, found)).await;
    if let Ok(Err(error)) = kept {
        let what = format!("a hash cannot be kept for later runs: {error}");
        context.events.note(region, what);
    }
}

/// Keeps a hash that a content of the master was proved to have when it is expanded to raw, with the size of that in
/// bytes. Where that fails, a later run finds it anew.
pub(super) async fn keep_expansion(
    context: &Arc<RunContext>,
    region: &RegionName,
    master: &ContentHash,
    size: u64,
    found: MultiHash,
) {
    let (hashes, master) = (Arc::clone(&context.hashes), master.clone());
    let keep = move || hashes.add_expansion(&master, size, found);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(keep).await {
        let what = format!("a hash cannot be kept for later runs: {error}");
        context.events.note(region, what);
    }
}
