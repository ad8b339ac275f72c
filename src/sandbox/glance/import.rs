//! `POST /v2/images/{id}/import`: which imports are begun, and the tasks that they become.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use chrono::Utc;
use serde_json::{Value, json};

use super::fail::Fail;
use super::image::{Image, Status};
use super::import_job::{ImportJob, LOCK, Method};
use super::importing::run;
use super::limits::internal;
use super::policy::Caller;
use super::project_limits::{self, Resource};
use super::region::Region;
use super::replies::reply;
use super::schema;
use super::task::{Task, TaskOrigin};
use crate::sandbox::http::{Call, locked};
use crate::sandbox::keystone::Identity;
use crate::sandbox::python::python;
use crate::sandbox::spec::ImportMethod;

/// The tasks of an image, those of other projects left out.
pub(super) fn tasks(region: &Region, caller: &Caller, id: &str) -> Result<Response<Body>, Fail> {
    locked(&region.images)
        .seen(id, caller)
        .map_err(|_| Fail::bare(StatusCode::NOT_FOUND))?;
    let tasks = locked(&region.tasks);
    let own = tasks
        .iter()
        .filter(|task| task.image_id == id)
        .filter(|task| caller.is_admin() || task.origin.owner == caller.project);
    let views: Vec<Value> = own.map(Task::view).collect();
    Ok(reply(StatusCode::OK, &json!({"tasks": views})))
}

/// Begins an import.
pub(super) fn import(
    (region, identity): (&Arc<Region>, &Identity),
    caller: &Caller,
    id: &str,
    call: &Call,
    (body, request_id): (&Value, &str),
) -> Result<Response<Body>, Fail> {
    let request = Request::parse(region, body)?;
    let mut images = locked(&region.images);
    let limits = region.spec.limits.project;
    let owner = caller.project.as_deref();
    project_limits::check(limits, &images, owner, Resource::Stored, 0)?;
    let image = images.seen(id, caller)?;
    check_state(image, request.method)?;
    let method = match request.method {
        ImportMethod::GlanceDirect => Method::Direct,
        ImportMethod::GlanceDownload => download(identity, call, &body["method"])?,
    };
    caller.check_change("modify_image", image)?;
    if image.properties.contains_key(LOCK) {
        return Err(Fail::conflict("Image has active task"));
    }
    let stores = stores(region, call.header("x-image-meta-store"), body)?;
    let origin = TaskOrigin {
        owner: caller.project.clone(),
        user_id: caller.user.clone(),
        request_id: request_id.to_owned(),
    };
    let task = Task::new(id, origin, body, &stores);
    let job = ImportJob {
        region: Arc::clone(region),
        image: id.to_owned(),
        task: task.id.clone(),
        owner: caller.project.clone(),
        request: call.number(),
        life: region.lives.load(Ordering::SeqCst),
        method,
        stores,
        all_must_succeed: request.all_must_succeed,
        fault: call.response_fault,
    };
    let image = images.changeable(id, caller, "modify_image")?;
    let lock = Some(task.id.clone());
    image.properties.insert(LOCK.to_owned(), lock);
    image.updated_at = Utc::now();
    locked(&region.tasks).push(task);
    drop(images);
    tokio::spawn(run(job));
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::ACCEPTED;
    let kind = HeaderValue::from_static("text/html; charset=UTF-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(answer)
}

/// What is read of a request before the image is looked at.
struct Request {
    method: ImportMethod,
    all_must_succeed: bool,
}

impl Request {
    fn parse(region: &Region, body: &Value) -> Result<Self, Fail> {
        let fields = body.as_object().ok_or_else(internal)?;
        let method = fields
            .get("method")
            .ok_or_else(|| Fail::bad_request("Import request requires a 'method' field."))?;
        let name = method
            .as_object()
            .ok_or_else(internal)?
            .get("name")
            .ok_or_else(|| Fail::bad_request("Import request requires a 'name' field."))?;
        let mut offered = region.spec.imports.methods.iter();
        let method = offered
            .find(|method| name == method.as_str())
            .ok_or_else(|| {
                let name = name.as_str().map_or_else(|| python(name), str::to_owned);
                Fail::bad_request(format!("Unknown import method name '{name}'."))
            })?;
        let flag = |name: &str, usual: bool| match fields.get(name) {
            None => Ok(usual),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Fail::bad_request(format!(
                "'{name}' must be boolean value only"
            ))),
        };
        let all_must_succeed = flag("all_stores_must_succeed", true)?;
        flag("all_stores", false)?;
        Ok(Self {
            method: *method,
            all_must_succeed,
        })
    }
}

/// Whether the image is one that this method can be used on.
fn check_state(image: &Image, method: ImportMethod) -> Result<(), Fail> {
    let wrong = match (image.status, method) {
        (Status::Active, _) => Some("Image with status active cannot be target for import"),
        (Status::Queued, ImportMethod::GlanceDownload)
        | (Status::Uploading, ImportMethod::GlanceDirect) => None,
        (_, ImportMethod::GlanceDownload) => {
            Some("Image needs to be in 'queued' state to use 'glance-download' method")
        }
        (_, ImportMethod::GlanceDirect) => {
            Some("Image needs to be staged before 'glance-direct' method can be used")
        }
    };
    if let Some(wrong) = wrong {
        return Err(Fail::conflict(wrong));
    }
    for (name, value) in [
        ("container_format", &image.container_format),
        ("disk_format", &image.disk_format),
    ] {
        if value.is_none() {
            return Err(Fail::conflict(format!(
                "'{name}' needs to be set before import"
            )));
        }
    }
    Ok(())
}

/// Where a `glance-download` is to get its content.
fn download(identity: &Identity, call: &Call, method: &Value) -> Result<Method, Fail> {
    let field = |name: &str| {
        method.get(name).ok_or_else(|| {
            Fail::bad_request(format!(
                "'{name}' needs to be set for glance-download import method"
            ))
        })
    };
    let region = field("glance_region")?;
    let image = field("glance_image_id")?.as_str().ok_or_else(internal)?;
    if !schema::is_uuid(image) {
        return Err(Fail::bad_request(format!(
            "Remote image id does not look like a UUID: {image}"
        )));
    }
    let interface = method.get("glance_service_interface");
    let is_known = interface.is_none_or(|interface| {
        let mut known = ["public", "internal", "admin"].into_iter();
        known.any(|known| interface == known)
    });
    let endpoint = identity
        .glance_url(region.as_str().unwrap_or_default())
        .filter(|_| is_known);
    Ok(Method::Download {
        endpoint: endpoint.map(str::to_owned),
        image: image.to_owned(),
        token: call.header("x-auth-token").unwrap_or_default().to_owned(),
    })
}

/// The stores that the content is to get into.
fn stores(region: &Region, header: Option<&str>, body: &Value) -> Result<Vec<String>, Fail> {
    let named = body.get("stores");
    let wanted: Vec<String> = if body["all_stores"] == true {
        if named.is_some() || header.is_some() {
            return Err(Fail::bad_request(
                "All_stores parameter can't be used with x-image-meta-store header or stores \
                 parameter",
            ));
        }
        region.spec.stores.clone()
    } else {
        match named {
            None => vec![header.unwrap_or(region.default_store()).to_owned()],
            Some(_) if header.is_some() => {
                return Err(Fail::bad_request(
                    "Stores parameter and x-image-meta-store header can't be both specified",
                ));
            }
            Some(Value::Array(ids)) => ids
                .iter()
                .map(|id| id.as_str().map(str::to_owned).ok_or_else(internal))
                .collect::<Result<_, _>>()?,
            // Python takes each letter for a store.
            Some(Value::String(text)) => text.chars().map(String::from).collect(),
            Some(_) => return Err(internal()),
        }
    };
    match wanted.iter().find(|id| region.store(id).is_none()) {
        Some(unknown) => Err(Fail::conflict(format!(
            "Store for identifier {unknown} not found"
        ))),
        None => Ok(wanted),
    }
}
