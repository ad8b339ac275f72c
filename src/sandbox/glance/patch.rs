//! `PATCH /v2/images/{id}`: all of the changes or none.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use chrono::Utc;
use serde_json::Value;

use super::create::{check_quotas, set};
use super::fail::Fail;
use super::image::{Image, Status, Visibility};
use super::patch_document::{Change, Op, Style, parse};
use super::policy::Caller;
use super::region::Region;
use super::replies::reply;
use super::schema;
use crate::sandbox::http::locked;

/// Changes an image.
pub(super) fn patch(
    region: &Region,
    caller: &Caller,
    id: &str,
    style: Style,
    body: &Value,
) -> Result<Response<Body>, Fail> {
    let operations = body.as_array().ok_or_else(|| {
        Fail::bad_request("Request body must be a JSON array of operation objects.")
    })?;
    let mut changes = Vec::with_capacity(operations.len());
    for operation in operations {
        changes.push(parse(region, style, operation)?);
    }
    let mut images = locked(&region.images);
    let before = images.seen(id, caller)?;
    let mut after = before.clone();
    for change in &changes {
        apply(&mut after, caller, style, change)?;
    }
    if after
        .properties
        .keys()
        .any(|name| !before.properties.contains_key(name))
        || after.tags != before.tags
    {
        check_quotas(region, &after)?;
    }
    if !changes.is_empty() {
        after.updated_at = Utc::now();
    }
    let view = after.view(caller.is_admin(), region.nullable_properties());
    if let Some(image) = images.get_mut(id) {
        *image = after;
    }
    Ok(reply(StatusCode::OK, &view))
}

fn apply(image: &mut Image, caller: &Caller, style: Style, change: &Change) -> Result<(), Fail> {
    let name = change.name.as_str();
    if name == "locations" {
        let verb = match change.op {
            Op::Replace if change.value.as_array().is_some_and(Vec::is_empty) => {
                return Err(Fail::denied("Cannot set locations to empty list."));
            }
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Replace => "update",
        };
        return Err(Fail::forbidden(format!(
            "It's not allowed to {verb} locations if locations are invisible."
        )));
    }
    if name == "owner" && change.op == Op::Replace && !caller.is_admin() {
        return Err(Fail::denied("Owner can't be updated by non admin."));
    }
    if name == "visibility"
        && let Some(visibility) = change.value.as_str().and_then(Visibility::parse)
    {
        caller.check_visibility(visibility)?;
    }
    caller.check_change("modify_image", image)?;
    let base = schema::BASE.contains(&name);
    let present = base || image.properties.contains_key(name);
    match change.op {
        Op::Remove if base => {
            return Err(Fail::denied(format!("Property {name} may not be removed.")));
        }
        Op::Remove | Op::Replace if !present => {
            return Err(Fail::misfit(format!("Property {name} does not exist.")));
        }
        Op::Add if present && style == Style::V20 => {
            return Err(Fail::misfit(format!("Property {name} already present.")));
        }
        Op::Remove => {
            image.properties.remove(name);
            return Ok(());
        }
        Op::Add | Op::Replace => {}
    }
    if matches!(name, "disk_format" | "container_format")
        && !matches!(image.status, Status::Queued | Status::Importing)
    {
        return Err(Fail::forbidden(format!(
            "Attribute {name} can be only replaced for a queued image."
        )));
    }
    set(image, name, &change.value)
}
