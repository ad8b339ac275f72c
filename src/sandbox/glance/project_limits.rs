//! What Keystone lets a project have (`use_keystone_limits`), and what it has.

use serde_json::{Map, Value, json};

use super::fail::Fail;
use super::image::{Image, Status};
use super::region::Images;
use crate::sandbox::spec::ProjectLimits;

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// MiB in stores.
    Stored,
    /// MiB in the staging area.
    Staged,
    /// Images.
    Images,
    /// Images whose content is on its way.
    Uploading,
}

const RESOURCES: [Resource; 4] = [
    Resource::Stored,
    Resource::Staged,
    Resource::Images,
    Resource::Uploading,
];

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "image_size_total",
            Self::Staged => "image_stage_total",
            Self::Images => "image_count_total",
            Self::Uploading => "image_count_uploading",
        }
    }

    fn limit(self, limits: &ProjectLimits) -> i64 {
        match self {
            Self::Stored => limits.image_size_total,
            Self::Staged => limits.image_stage_total,
            Self::Images => limits.image_count_total,
            Self::Uploading => limits.image_count_uploading,
        }
    }

    fn used(self, images: &Images, owner: Option<&str>) -> i64 {
        let own = images
            .iter()
            .filter(|image| image.owner.as_deref() == owner);
        let is_on_its_way = |image: &&Image| {
            matches!(
                image.status,
                Status::Saving | Status::Uploading | Status::Importing
            )
        };
        let is_staged =
            |image: &&Image| matches!(image.status, Status::Uploading | Status::Importing);
        let number = match self {
            Self::Stored => images.usage(owner, "") >> 20,
            Self::Staged => {
                let sizes = own.filter(is_staged).filter_map(|image| image.size);
                sizes.sum::<u64>() >> 20
            }
            Self::Images => own.count() as u64,
            Self::Uploading => own.filter(is_on_its_way).count() as u64,
        };
        i64::try_from(number).unwrap_or(i64::MAX)
    }
}

/// Refuses what goes beyond a limit, `delta` more than there is.
pub(super) fn check(
    limits: Option<ProjectLimits>,
    images: &Images,
    owner: Option<&str>,
    resource: Resource,
    delta: i64,
) -> Result<(), Fail> {
    let Some(limits) = limits else {
        return Ok(());
    };
    let limit = resource.limit(&limits);
    let used = resource.used(images, owner);
    if limit < 0 || used.saturating_add(delta) <= limit {
        return Ok(());
    }
    Err(Fail::too_large(format!(
        "The request returned a 413 Request Entity Too Large. This generally means that rate \
         limiting or a quota threshold was breached.\n\nThe response body:\nProject {} is over a \
         limit for [Resource {} is over limit of {limit} due to current usage {used} and delta \
         {delta}]",
        owner.unwrap_or_default(),
        resource.name()
    )))
}

/// What `GET /v2/info/usage` answers to a project's member.
pub(super) fn usage(limits: Option<ProjectLimits>, images: &Images, owner: Option<&str>) -> Value {
    let mut usage = Map::new();
    if let Some(limits) = limits {
        for resource in RESOURCES {
            let entry = json!({
                "usage": resource.used(images, owner),
                "limit": resource.limit(&limits),
            });
            usage.insert(resource.name().to_owned(), entry);
        }
    }
    json!({"usage": usage})
}
