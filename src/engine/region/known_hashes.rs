//! What a delivery found out, kept for later runs: hashes of the master's contents that were proved, and what could
//! not be proved.

use std::io;
use std::sync::Arc;

use chrono::Utc;

use super::context::RunContext;
use crate::model::{ContentHash, DeliveryRules, FailedProof, MultiHash, RegionName};
use crate::plan::{self, Upload};
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

/// Keeps that what this upload brought could not be compared with the master's image. Where that fails, the next
/// run tries it again.
pub(super) async fn keep_failed_proof(
    context: &RunContext,
    region: &RegionName,
    upload: &Upload,
    rules: &DeliveryRules,
) {
    let Some(tried) = plan::delivery_tried(region, upload, rules) else {
        return;
    };
    let at = Utc::now();
    let proofs = Arc::clone(&context.failed_proofs);
    let add = move || proofs.add(FailedProof { tried, at });
    let kept = tokio::task::spawn_blocking(add).await;
    if let Ok(Err(error)) = kept {
        let what = format!("that `{}` could not be verified", upload.image);
        let what = format!("{what} cannot be kept for later runs: {error}");
        context.events.note(region, what);
    }
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
