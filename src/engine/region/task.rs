//! What a region actor is handed: which region, and how it is reached. The coordinator queues tasks;
//! the works of `sync` and `backup` carry them out.

use crate::engine::coordinator::{CopyPlace, CopyRequest};
use crate::engine::shutdown::StopCause;
use crate::engine::targets::Target;
use crate::event::Failure;
use crate::model::{ErrorCode, RegionName};
use crate::openstack::{EndpointUrl, OpenStackError};
use crate::plan::Upload;

/// A region whose turn comes.
#[derive(Debug, Clone)]
pub(crate) struct RegionTask {
    /// Its name.
    pub region: RegionName,
    /// How it is reached; an error where it is known already that it fails.
    pub job: Result<RegionJob, Failure>,
}

/// How a region is reached.
#[derive(Debug, Clone)]
pub(crate) struct RegionJob {
    /// Its target.
    pub target: Target,
    /// Where its Glance is.
    pub endpoint: EndpointUrl,
}

impl RegionJob {
    /// The region of that name as one that has verified copies, or wants one.
    pub(super) fn place<'a>(&'a self, region: &'a RegionName) -> CopyPlace<'a> {
        CopyPlace {
            region,
            keystone: self.target.keystone(),
        }
    }

    /// What the region of that name asks for of the copies of a content.
    pub(super) fn copy_request<'a>(
        &'a self,
        region: &'a RegionName,
        wanted: &'a Upload,
    ) -> CopyRequest<'a> {
        CopyRequest {
            place: self.place(region),
            master_id: &wanted.master_id,
            from: self.target.settings.delivery.pull_from,
            formats: [wanted.disk_format.as_ref(), wanted.master_format.as_ref()],
        }
    }
}

impl RegionTask {
    /// The task for a region of a target that was logged in to.
    pub(crate) fn new(region: &RegionName, target: &Target) -> Self {
        let job = match target.reader(&region.region) {
            Ok(reader) => Ok(RegionJob {
                target: target.clone(),
                endpoint: reader.endpoint().clone(),
            }),
            Err(error) => Err(failure_of(&error)),
        };
        Self {
            region: region.clone(),
            job,
        }
    }

    /// The task for a region that fails.
    pub(crate) fn failing(region: &RegionName, failure: Failure) -> Self {
        Self {
            region: region.clone(),
            job: Err(failure),
        }
    }
}

/// The failure that an error of a server is, before it is known which image it is about.
pub(crate) fn failure_of(error: &OpenStackError) -> Failure {
    failure(error.code(), error.to_string(), error.hint())
}

/// The failure of a region that nothing is known of.
pub(crate) fn unknown_region(region: &RegionName) -> Failure {
    let code = ErrorCode::RegionUnknown;
    let message = format!("{region}: nothing is known of this region");
    failure(code, message, code.hint())
}

/// The failure of a region in which something was left undone because the run was stopped.
pub(crate) fn stopped(cause: StopCause, region: &RegionName, when: &str) -> Failure {
    let code = stopped_code(cause);
    let what = match cause {
        StopCause::Signal => "the run was interrupted",
        StopCause::OutOfTime => "the time of `max_duration` was over",
    };
    failure(code, format!("{region}: {what} {when}"), code.hint())
}

/// The code of what a stopped run left undone.
pub(super) fn stopped_code(cause: StopCause) -> ErrorCode {
    match cause {
        StopCause::Signal => ErrorCode::Interrupted,
        StopCause::OutOfTime => ErrorCode::OutOfTime,
    }
}

/// A failure that is about no image.
pub(crate) fn failure(code: ErrorCode, message: String, hint: &str) -> Failure {
    Failure::new(code, message, hint)
}
