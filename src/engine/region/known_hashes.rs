//! Hashes of the master's contents that were proved, kept for later runs.

use std::io;
use std::sync::Arc;

use super::context::RunContext;
use crate::model::{ContentHash, MultiHash, RegionName};
use crate::state::FoundHashes;

/// Keeps a hash that a content of the master was proved to have. Where that fails, a later run finds it
/// anew.
pub(super) async fn keep_hash(
    context: &RunContext,
    region: &RegionName,
    master: &ContentHash,
    found: MultiHash,
) {
    let master = master.clone();
    keep(context, region, move |hashes| hashes.add(&master, found)).await;
}

/// Keeps a hash that a content of the master was proved to have when it is expanded to raw, with the size of that in
/// bytes. Where that fails, a later run finds it anew.
pub(super) async fn keep_expansion(
    context: &RunContext,
    region: &RegionName,
    master: &ContentHash,
    size: u64,
    found: MultiHash,
) {
    let master = master.clone();
    let add = move |hashes: &FoundHashes| hashes.add_expansion(&master, size, found);
    keep(context, region, add).await;
}

async fn keep(
    context: &RunContext,
    region: &RegionName,
    add: impl FnOnce(&FoundHashes) -> io::Result<()> + Send + 'static,
) {
    let hashes = Arc::clone(&context.hashes);
    let kept = tokio::task::spawn_blocking(move || add(&hashes)).await;
    if let Ok(Err(error)) = kept {
        let what = format!("a hash cannot be kept for later runs: {error}");
        context.events.note(region, what);
    }
}
