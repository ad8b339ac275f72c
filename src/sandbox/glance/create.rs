//! `POST /v2/images` and `DELETE /v2/images/{id}`.

use std::collections::BTreeSet;
use std::time::Instant;

use axum::body::Body;
use axum::http::header::{HeaderName, HeaderValue, LOCATION};
use axum::http::{Response, StatusCode};
use chrono::Utc;
use serde_json::{Map, Value};

use super::fail::Fail;
use super::image::{Image, Visibility};
use super::policy::Caller;
use super::project_limits::{self, Resource};
use super::region::Region;
use super::replies::{no_content, reply};
use super::schema;
use crate::sandbox::http::{ResponseFault, locked};

const STORE_IDS: HeaderName = HeaderName::from_static("openstack-image-store-ids");
const IMPORT_METHODS: HeaderName = HeaderName::from_static("openstack-image-import-methods");

/// Makes a queued image; `base_url` is the Glance's own, for the `Location` of the image.
pub(super) fn create(
    region: &Region,
    caller: &Caller,
    base_url: &str,
    response_fault: ResponseFault,
    body: &Value,
) -> Result<Response<Body>, Fail> {
    let fields = body
        .as_object()
        .ok_or_else(|| Fail::bare(StatusCode::INTERNAL_SERVER_ERROR))?;
    for name in ["direct_url", "self", "file", "schema", "stores"] {
        if fields.contains_key(name) {
            return Err(Fail::forbidden(format!("Attribute '{name}' is read-only.")));
        }
    }
    for (name, value) in fields {
        if let Some(problem) = schema::complaint(name, value, region.spec.schema_image_json) {
            return Err(Fail::bad_request(problem));
        }
        check_characters(name, value)?;
    }
    for name in fields.keys() {
        let custom = !schema::BASE.contains(&name.as_str());
        if custom && name.chars().count() > 255 {
            return Err(Fail::bad_request(
                "Custom property should not be greater than 255 characters.",
            ));
        }
        if name == "locations" {
            return Err(Fail::forbidden("Attribute 'locations' is reserved."));
        }
        if schema::is_reserved(name) {
            return Err(Fail::denied(format!("Attribute '{name}' is reserved.")));
        }
    }
    let owner = match fields.get("owner") {
        Some(owner) => owner.as_str().map(str::to_owned),
        None => caller.project.clone(),
    };
    caller.check_create(owner.as_deref())?;
    let mut image = assemble(region, caller, fields, owner)?;
    if let ResponseFault::Unseen(time) = response_fault {
        image.unseen_until = Some(Instant::now() + time);
    }
    let view = image.view(caller.is_admin(), region.nullable_properties());
    let id = image.id.clone();
    let mut images = locked(&region.images);
    let owner = caller.project.as_deref();
    project_limits::check(
        region.spec.limits.project,
        &images,
        owner,
        Resource::Images,
        1,
    )?;
    if !images.add(image) {
        return Err(Fail::conflict(format!("Image ID {id} already exists!")));
    }
    let mut answer = reply(StatusCode::CREATED, &view);
    let headers = answer.headers_mut();
    for (name, value) in [
        (LOCATION, format!("{base_url}/v2/images/{id}")),
        (STORE_IDS, region.spec.stores.join(",")),
        (IMPORT_METHODS, region.import_methods().join(",")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
    Ok(answer)
}

fn assemble(
    region: &Region,
    caller: &Caller,
    fields: &Map<String, Value>,
    owner: Option<String>,
) -> Result<Image, Fail> {
    let id = fields
        .get("id")
        .and_then(Value::as_str)
        .map_or_else(|| region.fresh_id(), str::to_owned);
    let mut image = Image::new(id, owner, Utc::now());
    if let Some(visibility) = fields.get("visibility").and_then(Value::as_str) {
        let visibility = Visibility::parse(visibility).unwrap_or(Visibility::Shared);
        caller.check_visibility(visibility)?;
        image.visibility = visibility;
    }
    for (name, value) in fields {
        match name.as_str() {
            // The hashes are taken for custom properties here, and never shown.
            "id" | "owner" | "visibility" | "os_hash_algo" | "os_hash_value" => {}
            name if schema::READ_ONLY.contains(&name) => {
                return Err(Fail::forbidden(format!("Attribute '{name}' is read-only.")));
            }
            name => set(&mut image, name, value)?,
        }
    }
    check_quotas(region, &image)?;
    Ok(image)
}

/// Sets an attribute or a custom property to a value that the schema allows.
pub(super) fn set(image: &mut Image, name: &str, value: &Value) -> Result<(), Fail> {
    let text = || value.as_str().map(str::to_owned);
    match name {
        "name" => image.name = text(),
        "owner" => image.owner = text(),
        "visibility" => {
            if let Some(visibility) = value.as_str().and_then(Visibility::parse) {
                image.visibility = visibility;
            }
        }
        "protected" => image.protected = value.as_bool().unwrap_or_default(),
        "os_hidden" => image.os_hidden = value.as_bool().unwrap_or_default(),
        "disk_format" => image.disk_format = text(),
        "container_format" => image.container_format = text(),
        "min_disk" => image.min_disk = minimum(name, value)?,
        "min_ram" => image.min_ram = minimum(name, value)?,
        "tags" => {
            let tags = value.as_array().map(Vec::as_slice).unwrap_or_default();
            image.tags = tags
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect::<BTreeSet<_>>();
        }
        _ => {
            image.properties.insert(name.to_owned(), text());
        }
    }
    Ok(())
}

/// The value of a whole number, which may be written with a fraction of zero.
fn whole(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
}

fn minimum(name: &str, value: &Value) -> Result<i64, Fail> {
    let number = whole(value).unwrap_or(i64::MAX);
    if number < 0 {
        return Err(Fail::bad_request(format!(
            "Invalid value '{number}' for parameter '{name}': Cannot be a negative value"
        )));
    }
    if number > i64::from(i32::MAX) {
        return Err(Fail::bad_request(format!(
            "'{name}' value out of range, must not exceed {}.",
            i32::MAX
        )));
    }
    Ok(number)
}

/// Refuses characters outside the basic plane, which Glance takes nowhere.
pub(super) fn check_characters(name: &str, value: &Value) -> Result<(), Fail> {
    let wide = |text: &str| text.chars().any(|character| character > '\u{ffff}');
    if wide(name) {
        return Err(Fail::bad_request(
            "Property names can't contain 4 byte unicode.",
        ));
    }
    let in_value = match value {
        Value::String(text) => wide(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).any(wide),
        _ => false,
    };
    if in_value && name == "tags" {
        return Err(Fail::bad_request(
            "Param values can't contain 4 byte unicode.",
        ));
    }
    if in_value {
        let mut letters = name.chars();
        let first = letters
            .next()
            .map(|letter| letter.to_uppercase().to_string());
        return Err(Fail::bad_request(format!(
            "{}{} can't contain 4 byte unicode characters.",
            first.unwrap_or_default(),
            letters.as_str()
        )));
    }
    Ok(())
}

/// Refuses more properties or tags than the region allows.
pub(super) fn check_quotas(region: &Region, image: &Image) -> Result<(), Fail> {
    let limits = &region.spec.limits;
    for (what, attempted, maximum) in [
        ("properties", image.properties.len(), limits.properties),
        ("tags", image.tags.len(), limits.tags),
    ] {
        if attempted > maximum {
            return Err(Fail::too_large(format!(
                "The limit has been exceeded on the number of allowed image {what}. Attempted: \
                 {attempted}, Maximum: {maximum}"
            )));
        }
    }
    Ok(())
}

/// Deletes an image and its content.
pub(super) fn delete(region: &Region, caller: &Caller, id: &str) -> Result<Response<Body>, Fail> {
    let mut images = locked(&region.images);
    let Some(image) = images.get(id).filter(|image| caller.sees(image)) else {
        return Err(Fail::not_found(format!(
            "Failed to find image {id} to delete"
        )));
    };
    caller.check_change("delete_image", image)?;
    if image.protected {
        return Err(Fail::forbidden(format!(
            "Image {id} is protected and cannot be deleted."
        )));
    }
    if image.in_use {
        return Err(Fail::conflict(format!(
            "Image {id} could not be deleted because it is in use: The image cannot be deleted \
             because it is in use through the backend store outside of Glance."
        )));
    }
    if let Some(image) = images.remove(id) {
        region.discard(&image);
    }
    Ok(no_content())
}
