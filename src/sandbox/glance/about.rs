//! The paths that do not depend on any image, and the refusal of all that Glance does not have.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::fail::Fail;
use super::policy::Caller;
use super::region::Region;
use super::replies::reply;
use super::{documents, project_limits};
use crate::sandbox::http::locked;

/// What does not depend on any image, and the refusal of everything else.
pub(super) fn about(
    region: &Region,
    caller: &Caller,
    segments: &[&str],
    method: &str,
) -> Result<Response<Body>, Fail> {
    match (segments, method) {
        (["schemas", "image"], "GET") => Ok(reply(
            StatusCode::OK,
            &documents::image_schema(region.spec.schema_image_json),
        )),
        (["schemas", "images"], "GET") => Ok(reply(
            StatusCode::OK,
            &documents::images_schema(region.spec.schema_image_json),
        )),
        (["schemas", "member"], "GET") => Ok(reply(StatusCode::OK, &documents::member_schema())),
        (["schemas", "members"], "GET") => Ok(reply(StatusCode::OK, &documents::members_schema())),
        (["info", "import"], "GET") => Ok(reply(
            StatusCode::OK,
            &json!({"import-methods": {
                "description": "Import methods available.",
                "type": "array",
                "value": region.import_methods(),
            }}),
        )),
        (["info", "stores"], "GET") => Ok(reply(StatusCode::OK, &stores(region))),
        (["info", "usage"], "GET") => {
            let images = locked(&region.images);
            let owner = caller.project.as_deref();
            let usage = project_limits::usage(region.spec.limits.project, &images, owner);
            Ok(reply(StatusCode::OK, &usage))
        }
        (["images"], _) => Err(Fail::method_not_allowed("GET, POST")),
        (["images", _], _) => Err(Fail::method_not_allowed("GET, PATCH, DELETE")),
        (["images", _, "file"], _) => Err(Fail::method_not_allowed("GET, PUT")),
        (["images", _, "stage"], _) => Err(Fail::method_not_allowed("PUT")),
        (["images", _, "import"], _) => Err(Fail::method_not_allowed("POST")),
        (["images", _, "tags", _], _) => Err(Fail::method_not_allowed("PUT, DELETE")),
        (["images", _, "actions", "deactivate" | "reactivate"], _) => {
            Err(Fail::method_not_allowed("POST"))
        }
        (
            ["schemas", "image" | "images" | "member" | "members"] | ["info", "import" | "stores"],
            _,
        ) => Err(Fail::method_not_allowed("GET")),
        _ => Err(Fail::bare(StatusCode::NOT_FOUND)),
    }
}

/// The stores of a region, the default one marked.
fn stores(region: &Region) -> Value {
    let stores = region.spec.stores.iter().map(|id| {
        if id == region.default_store() {
            json!({"id": id, "default": "true"})
        } else {
            json!({"id": id})
        }
    });
    json!({"stores": stores.collect::<Vec<_>>()})
}
