//! Images that are there without anybody having uploaded them.

use std::collections::BTreeMap;

use axum::body::Bytes;
use chrono::{DateTime, Utc};

use super::image::{Image, Member, Status, Visibility};
use super::region::Region;
use super::{header, store};
use crate::sandbox::error::SandboxError;
use crate::sandbox::http::locked;
use crate::sandbox::seed::{Content, Generated, ImageSeed};
use crate::sandbox::spec::{ContentMode, HashAlgorithm};

/// Puts an image into the region and gives its UUID. Whatever the region's settings, the
/// content is hashed and kept.
///
/// # Errors
///
/// [`SandboxError::Spec`] when a word of the seed is none that Glance knows or the id was used
/// before, [`SandboxError::Store`] when the file cannot be written.
pub(in crate::sandbox) fn seed(
    region: &Region,
    seed: &ImageSeed,
    default_owner: Option<&str>,
) -> Result<String, SandboxError> {
    let wrong = |what: &str| {
        SandboxError::Spec(format!(
            "{what} of image {:?}",
            seed.name.as_deref().unwrap_or("")
        ))
    };
    let created_at = match &seed.created_at {
        None => Utc::now(),
        Some(text) => text
            .parse::<DateTime<Utc>>()
            .map_err(|_| wrong("created_at"))?,
    };
    let id = seed.id.clone().unwrap_or_else(|| region.fresh_id());
    let owner = match seed.owner.as_deref() {
        Some("") => None,
        Some(owner) => Some(owner.to_owned()),
        None => default_owner.map(str::to_owned),
    };
    let mut image = Image::new(id.clone(), owner, created_at);
    image.name.clone_from(&seed.name);
    image.status = Status::parse(&seed.status).ok_or_else(|| wrong("status"))?;
    image.visibility = Visibility::parse(&seed.visibility).ok_or_else(|| wrong("visibility"))?;
    image.disk_format.clone_from(&seed.disk_format);
    image.container_format.clone_from(&seed.container_format);
    image.min_disk = i64::try_from(seed.min_disk).map_err(|_| wrong("min_disk"))?;
    image.min_ram = i64::try_from(seed.min_ram).map_err(|_| wrong("min_ram"))?;
    image.protected = seed.protected;
    image.os_hidden = seed.os_hidden;
    image.tags.clone_from(&seed.tags);
    image.properties.clone_from(&seed.properties);
    image.in_use = seed.in_use;
    image.members = seed
        .members
        .iter()
        .map(|project| (project.clone(), accepted(created_at)))
        .collect::<BTreeMap<_, _>>();
    put_content(region, &mut image, &seed.content)?;
    let claimed = |claim: &Option<String>, real: Option<String>| match claim.as_deref() {
        None => real,
        Some("") => None,
        Some(claim) => Some(claim.to_owned()),
    };
    image.checksum = claimed(&seed.checksum, image.checksum.take());
    image.os_hash_value = claimed(&seed.os_hash_value, image.os_hash_value.take());
    let algorithm = region
        .spec
        .hashes
        .algorithm
        .unwrap_or(HashAlgorithm::Sha512)
        .as_str();
    image.os_hash_algo = seed
        .os_hash_algo
        .clone()
        .or_else(|| image.os_hash_value.is_some().then(|| algorithm.to_owned()));
    if locked(&region.images).add(image) {
        Ok(id)
    } else {
        Err(wrong("id"))
    }
}

fn put_content(region: &Region, image: &mut Image, content: &Content) -> Result<(), SandboxError> {
    const PIECE: usize = 1 << 20;
    let path = region.path_in(region.default_store(), &image.id);
    let mode = ContentMode::Store;
    let hashing = region.spec.hashes;
    let stored = match content {
        Content::None => return Ok(()),
        Content::Claimed { size } => {
            image.stores.push(region.default_store().to_owned());
            image.size = Some(*size);
            return Ok(());
        }
        Content::Bytes { bytes } => store::write(
            &path,
            mode,
            hashing,
            bytes.chunks(PIECE).map(Bytes::copy_from_slice),
        ),
        Content::Text { text } => store::write(
            &path,
            mode,
            hashing,
            text.as_bytes().chunks(PIECE).map(Bytes::copy_from_slice),
        ),
        Content::Generated { size, seed } => {
            let format = image.disk_format.as_deref().unwrap_or_default();
            let mut blocks = Generated::new(*size, *seed);
            let first = blocks.next().map(|mut block| {
                header::disguise(&mut block, format, *size);
                block
            });
            let pieces = first.into_iter().chain(blocks).map(Bytes::from);
            store::write(&path, mode, hashing, pieces)
        }
    };
    let stored = stored.map_err(|source| SandboxError::Store {
        region: region.spec.name.clone(),
        source,
    })?;
    image.stores.push(region.default_store().to_owned());
    image.size = Some(stored.size);
    if image.container_format.as_deref() == Some("bare") {
        let format = image.disk_format.as_deref().unwrap_or_default();
        image.virtual_size = stored.inspector.verdict(format).unwrap_or_default();
    }
    if let Some(hashes) = stored.hashes {
        image.set_hashes(hashes);
    }
    Ok(())
}

fn accepted(when: DateTime<Utc>) -> Member {
    Member {
        status: "accepted".to_owned(),
        created_at: when,
        updated_at: when,
    }
}
