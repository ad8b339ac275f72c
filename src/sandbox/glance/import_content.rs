//! How an import brings content in: fetched or staged, converted, stored.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::channel;
use tokio::task::spawn_blocking;

use super::expand::expand;
use super::fetch::fetch;
use super::hashes::Hashes;
use super::image::Image;
use super::import_job::{ImportJob, Method, Stop};
use super::inspect::Inspector;
use super::limits::{check_quota, damaged};
use super::stage::NO_HASHES;
use super::store::{self, Chunk, Stored};
use super::upload::CHUNKS_IN_FLIGHT;
use crate::sandbox::effect::ImportEnd;
use crate::sandbox::http::locked;
use crate::sandbox::spec::{ContentMode, Conversion};

/// Bytes read from the staging area at once.
const BLOCK: usize = 256 << 10;
/// Bytes that a fault adds.
const LONGER: u64 = 512;

/// Brings the content into every store that was asked for; gives its length in bytes.
pub(super) async fn bring_in(job: &ImportJob) -> Result<u64, Stop> {
    let staged = job.region.staged(&job.image);
    let failed = job.end() == ImportEnd::Failed;
    match &job.method {
        Method::Direct if failed => return Err(Stop::Plugin),
        Method::Direct => {}
        Method::Download { .. } if failed => return Err(Stop::Metadata),
        Method::Download {
            endpoint,
            image,
            token,
        } => {
            let endpoint = endpoint.as_deref().ok_or(Stop::Metadata)?;
            download(job, endpoint, image, token, &staged).await?;
        }
    }
    let inject = &job.region.spec.imports.inject;
    if job.region.spec.imports.conversion == Conversion::Raw {
        convert(job, &staged).await?;
    }
    if !inject.is_empty() {
        job.change(|image| {
            let properties = inject.iter();
            let properties = properties.map(|(name, value)| (name.clone(), Some(value.clone())));
            image.properties.extend(properties);
        })?;
    }
    let mut bytes = 0;
    for place in 0..job.stores.len() {
        match store_in(job, &staged, place).await {
            Ok(stored) => bytes = stored,
            Err(Stop::Store(_)) if !job.all_must_succeed => {
                job.change(|image| job.fail_at(image, place))?;
            }
            Err(stop) => return Err(stop),
        }
    }
    store::discard(&staged);
    if job.change(|image| image.stores.is_empty())? {
        return Err(Stop::NoStore);
    }
    Ok(bytes)
}

/// Copies attributes and content of another region's image.
async fn download(
    job: &ImportJob,
    endpoint: &str,
    source: &str,
    token: &str,
    staged: &Path,
) -> Result<(), Stop> {
    let path = format!("/v2/images/{source}");
    let answer = fetch(endpoint, &path, token).await.ok_or(Stop::Metadata)?;
    let document = answer.document().await.ok_or(Stop::Metadata)?;
    let view: Value = serde_json::from_slice(&document).map_err(|_| Stop::Metadata)?;
    let view = view.as_object().ok_or(Stop::Metadata)?;
    let size = view.get("size").and_then(Value::as_u64);
    if view.get("status").is_none_or(|status| status != "active") {
        return Err(Stop::Metadata);
    }
    let size = size.ok_or(Stop::Metadata)?;
    let text = |name: &str| view.get(name).and_then(Value::as_str).map(str::to_owned);
    let prefixes = &job.region.spec.imports.copied_properties;
    job.change(|image| {
        image.disk_format = text("disk_format");
        image.container_format = text("container_format");
        for name in view.keys() {
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                image.properties.insert(name.clone(), text(name));
            }
        }
    })?;
    let path = format!("{path}/file");
    let mut content = fetch(endpoint, &path, token).await.ok_or(Stop::Download)?;
    let (sender, mut receiver) = channel(CHUNKS_IN_FLIGHT);
    let target = staged.to_owned();
    let writer = spawn_blocking(move || {
        store::receive(&target, ContentMode::Store, NO_HASHES, &mut receiver)
    });
    let mut is_whole = true;
    while let Some(chunk) = content.chunk().await {
        is_whole = match chunk {
            Ok(chunk) => sender.send(Chunk::Data(chunk)).await.is_ok(),
            Err(_) => false,
        };
        if !is_whole {
            break;
        }
    }
    if is_whole {
        let _ = sender.send(Chunk::End).await;
    }
    drop(sender);
    match writer.await {
        Ok(Ok(Some(stored))) if stored.size == size => job.change(|_| ()),
        _ => Err(Stop::Download),
    }
}

/// Makes what is staged raw.
async fn convert(job: &ImportJob, staged: &Path) -> Result<(), Stop> {
    let format = job.change(|image| image.disk_format.clone())?;
    let format = format.unwrap_or_default();
    let source = staged.to_owned();
    let wanted = format.clone();
    let converted = spawn_blocking(move || -> io::Result<Option<u64>> {
        let mut inspector = Inspector::default();
        for piece in pieces(&source)? {
            inspector.feed(&piece);
        }
        inspector.verdict(&wanted).map_err(io::Error::other)?;
        match wanted.as_str() {
            "raw" | "iso" => Ok(None),
            "qcow2" => {
                let target = source.with_extension("raw");
                let expanded = expand(&source, &target);
                if expanded.is_err() {
                    store::discard(&target);
                }
                let size = expanded?;
                std::fs::rename(&target, &source)?;
                Ok(Some(size))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    });
    let converted = converted.await.map_err(io::Error::other).flatten();
    let Ok(size) = converted else {
        return Err(Stop::Plugin);
    };
    if let Some(size) = size {
        job.change(|image| {
            image.disk_format = Some("raw".to_owned());
            image.container_format = Some("bare".to_owned());
            image.size = Some(size);
            image.virtual_size = Some(size);
        })?;
    }
    Ok(())
}

/// Copies what is staged into a store; gives its length in bytes.
async fn store_in(job: &ImportJob, staged: &Path, place: usize) -> Result<u64, Stop> {
    if job.end() == ImportEnd::FailedInStore {
        return Err(Stop::Store(place));
    }
    // Glance writes the image back as it read it before: what is changed meanwhile is lost.
    let mut after = job.change(|image| image.clone())?;
    let path = job.region.path_in(&job.stores[place], &job.image);
    if path.exists() {
        // The store never overwrites a file.
        return Err(Stop::Store(place));
    }
    let (mode, hashing) = (job.region.spec.content, job.region.spec.hashes);
    let (source, target, end) = (staged.to_owned(), path.clone(), job.end());
    let stored = spawn_blocking(move || {
        let pieces = faulty(&source, end)?;
        store::write(&target, mode, hashing, pieces)
    });
    let stored = stored.await.map_err(io::Error::other).flatten();
    job.change(|_| ()).inspect_err(|stop| {
        if *stop == Stop::Deleted {
            store::discard(&path);
        }
    })?;
    let settled = stored.ok().and_then(|stored| {
        settle(job, &mut after, &stored)?;
        Some(stored.size)
    });
    let Some(size) = settled else {
        store::discard(&path);
        return Err(Stop::Store(place));
    };
    job.stored(&mut after, place);
    job.change(|image| {
        after.members = std::mem::take(&mut image.members);
        after.in_use = image.in_use;
        *image = after;
    })?;
    Ok(size)
}

/// Completes the image for its activation; none where it does not fit or is not what it says.
fn settle(job: &ImportJob, image: &mut Image, stored: &Stored) -> Option<()> {
    let limits = &job.region.spec.limits;
    let images = locked(&job.region.images);
    let used = images.usage(image.owner.as_deref(), &image.id);
    let size = i128::from(stored.size);
    check_quota(limits.user_storage_quota, used, Some(size)).ok()?;
    let total = images.total().saturating_add(stored.size);
    drop(images);
    if limits.capacity.is_some_and(|capacity| total > capacity) {
        return None;
    }
    if image.container_format.as_deref() == Some("bare") {
        let format = image.disk_format.as_deref().unwrap_or_default();
        let verdict = stored.inspector.verdict(format);
        if job.region.spec.inspect_format && verdict.is_err() {
            return None;
        }
        image.virtual_size = verdict.unwrap_or(None);
    }
    let hashes = stored.hashes.clone().or_else(|| {
        let name = image.name.as_deref();
        job.region.hashes_elsewhere(name, stored.size)
    });
    image.set_hashes(hashes.unwrap_or_else(|| Hashes::of_nothing(job.region.spec.hashes)));
    image.size = Some(stored.size);
    Some(())
}

/// A file, block by block.
fn pieces(path: &Path) -> io::Result<impl Iterator<Item = Bytes> + use<>> {
    let mut file = File::open(path)?;
    Ok(std::iter::from_fn(move || {
        let mut block = vec![0; BLOCK];
        let length = file.read(&mut block).ok()?;
        block.truncate(length);
        (length > 0).then(|| Bytes::from(block))
    }))
}

/// A file as a fault has it stored.
fn faulty(path: &Path, end: ImportEnd) -> io::Result<Box<dyn Iterator<Item = Bytes>>> {
    let path: PathBuf = path.to_owned();
    let length = std::fs::metadata(&path)?.len();
    let mut pieces = pieces(&path)?;
    Ok(match end {
        ImportEnd::Damaged => {
            let first = pieces.next().map(|piece| damaged(&piece));
            Box::new(first.into_iter().chain(pieces))
        }
        ImportEnd::Truncated => {
            let mut left = length / 2;
            Box::new(pieces.map_while(move |mut piece| {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                left -= piece.len() as u64;
                (!piece.is_empty()).then_some(piece)
            }))
        }
        ImportEnd::Longer => {
            let zeros = vec![0; usize::try_from(LONGER).unwrap_or_default()];
            Box::new(pieces.chain(std::iter::once(Bytes::from(zeros))))
        }
        _ => Box::new(pieces),
    })
}
