//! What the statuses of a region's images give cause to say.

use super::image_status::ImageStatuses;
use super::reason::Reason;
use crate::model::{Image, RegionName, TargetName, Warning, WarningCode};

/// What the states themselves give cause to say.
pub(super) fn warn(statuses: &ImageStatuses<'_>, region: &RegionName, warnings: &mut Vec<Warning>) {
    for (index, state) in statuses.states.iter().enumerate() {
        let Some((status, reason)) = state else {
            continue;
        };
        if status.is_same_content() && !statuses.is_in_wanted_format(index) {
            warnings.extend(statuses.matches[index].map(|found| other_format(found, region)));
        }
        if matches!(reason, Reason::InStep | Reason::Absent) {
            continue;
        }
        // Of one that is left as it is, nothing is kept under another name.
        if statuses.is_deactivated(index) && reason.is_protected() {
            continue;
        }
        let name = &statuses.selection.images[index].master.name;
        let Some((code, what)) = warning_text(reason, &region.target) else {
            continue;
        };
        let mut warning =
            Warning::new(code, format!("the image `{name}` of {region} {what}")).image(name);
        if let Some(found) = statuses.matches[index] {
            warning = warning.image_id(&found.id).checksum(found.content.listed());
        }
        if let Reason::PartUnavailable { part, .. } = reason {
            warning = warning.missing(part);
        }
        warnings.push(warning);
    }
}

/// About an image of a region that has the right content in another format than wanted.
pub fn other_format(found: &Image, region: &RegionName) -> Warning {
    let name = &found.name;
    let format = found.disk_format.as_deref().unwrap_or("none");
    let message = format!(
        "the image `{name}` of {region} has the master's content in another format than wanted ({format}), and stays as it is; to have it delivered anew, list its checksum in `rename` or `replace` of [{}]",
        region.target
    );
    let warning = Warning::new(WarningCode::OtherFormat, message).image(name);
    warning.image_id(&found.id).checksum(found.content.listed())
}

fn warning_text(reason: &Reason, target: &TargetName) -> Option<(WarningCode, String)> {
    match reason {
        Reason::Unlisted { .. } => Some((
            WarningCode::ChecksumConflict,
            format!(
                "has other content than the master's, and is not changed: {reason}; add it to one of them in [{target}], or set `rename` or `replace` there to `any`"
            ),
        )),
        Reason::Listed {
            key: "dontupdate", ..
        } => Some((
            WarningCode::StalledChecksum,
            format!("has other content than the master's, and is not changed: {reason}"),
        )),
        _ if reason.is_protected() => Some((
            WarningCode::ProtectedImage,
            format!("is renamed instead of deleted: {reason}"),
        )),
        Reason::Listed {
            needed_by: Some(_), ..
        }
        | Reason::Unfinished {
            needed_by: Some(_), ..
        } => Some((
            WarningCode::ImageInUse,
            format!("is renamed instead of deleted: {reason}"),
        )),
        Reason::PartUnavailable { .. } => Some((
            WarningCode::AmiMissing,
            format!(
                "is not changed: {reason}; select its kernel and ramdisk too, or correct the reference at the master"
            ),
        )),
        _ => None,
    }
}
