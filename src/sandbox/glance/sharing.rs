//! Tags, deactivation and members of an image.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::create::{check_characters, check_quotas};
use super::fail::Fail;
use super::image::{Image, Member, Status, Visibility};
use super::policy::Caller;
use super::region::Region;
use super::replies::{no_content, reply};
use super::schema;
use crate::sandbox::http::locked;

/// `PUT /v2/images/{id}/tags/{tag}`.
pub(super) fn add_tag(
    region: &Region,
    caller: &Caller,
    id: &str,
    tag: &str,
) -> Result<Response<Body>, Fail> {
    if let Some(problem) = schema::complaint("tags", &json!([tag]), false) {
        return Err(Fail::bad_request(problem));
    }
    let mut images = locked(&region.images);
    let image = images
        .changeable(id, caller, "modify_image")
        .map_err(|fail| tagged(fail, id))?;
    let mut after = image.clone();
    after.tags.insert(tag.to_owned());
    check_quotas(region, &after)?;
    after.updated_at = Utc::now();
    *image = after;
    Ok(no_content())
}

/// `DELETE /v2/images/{id}/tags/{tag}`.
pub(super) fn remove_tag(
    region: &Region,
    caller: &Caller,
    id: &str,
    tag: &str,
) -> Result<Response<Body>, Fail> {
    let mut images = locked(&region.images);
    let image = images
        .changeable(id, caller, "modify_image")
        .map_err(|fail| tagged(fail, id))?;
    if !image.tags.remove(tag) {
        return Err(Fail::bare(StatusCode::NOT_FOUND));
    }
    image.updated_at = Utc::now();
    Ok(no_content())
}

/// The refusal in the words that it has for tags.
fn tagged(fail: Fail, id: &str) -> Fail {
    if fail.status == StatusCode::NOT_FOUND {
        Fail::not_found(format!("Image {id} not found."))
    } else {
        fail
    }
}

/// `POST /v2/images/{id}/actions/deactivate` and `…/reactivate`.
pub(super) fn switch_off_or_on(
    region: &Region,
    caller: &Caller,
    id: &str,
    off: bool,
) -> Result<Response<Body>, Fail> {
    let verb = if off { "deactivate" } else { "reactivate" };
    let mut images = locked(&region.images);
    let image = images.changeable(id, caller, verb)?;
    let to = if off {
        Status::Deactivated
    } else {
        Status::Active
    };
    match image.status {
        Status::Active | Status::Deactivated if image.status == to => {}
        Status::Active | Status::Deactivated => {
            image.status = to;
            image.updated_at = Utc::now();
        }
        status => {
            return Err(Fail::forbidden(format!(
                "Not allowed to {verb} image in status '{}'",
                status.as_str()
            )));
        }
    }
    Ok(no_content())
}

/// Everything below `/v2/images/{id}/members`.
pub(super) fn members(
    region: &Region,
    caller: &Caller,
    id: &str,
    member: Option<&str>,
    method: &str,
    body: &Value,
) -> Result<Response<Body>, Fail> {
    let mut images = locked(&region.images);
    images.seen(id, caller).map_err(|fail| tagged(fail, id))?;
    let image = images.get_mut(id).ok_or_else(|| Fail::no_image(id))?;
    let is_shared = image.visibility == Visibility::Shared;
    let is_owner = caller.is_admin() || caller.owns(image);
    // Of the members of another project's image, one sees oneself.
    let visible = |who: &str| is_owner || caller.project.as_deref() == Some(who);
    match (method, member) {
        ("GET", None) => {
            if !is_shared {
                return Err(Fail::forbidden(format!(
                    "Not allowed to list members for image {id}: Only shared images have members."
                )));
            }
            let mut list: Vec<(&String, &Member)> = image
                .members
                .iter()
                .filter(|(who, _)| visible(who))
                .collect();
            list.sort_by_key(|(_, member)| member.created_at);
            let list: Vec<Value> = list
                .into_iter()
                .map(|(who, member)| view(id, who, member))
                .collect();
            Ok(reply(
                StatusCode::OK,
                &json!({"members": list, "schema": "/v2/schemas/members"}),
            ))
        }
        ("GET", Some(who)) => {
            if !is_shared {
                return Err(Fail::not_found("Only shared images have members."));
            }
            let member = found(image, who, visible)?;
            Ok(reply(StatusCode::OK, &view(id, who, member)))
        }
        ("POST", None) => add_member(region, caller, image, body),
        ("PUT", Some(who)) => {
            let status = wanted_status(body)?;
            refuse_unless(is_shared, "update", id)?;
            let member = found(image, who, visible)?;
            if !(caller.is_admin() || caller.project.as_deref() == Some(who)) {
                return Err(Fail::policy("modify_member"));
            }
            if !matches!(status, "pending" | "accepted" | "rejected") {
                return Err(Fail::bad_request(
                    "Incorrect request: Status must be \"pending\", \"accepted\" or \"rejected\".",
                ));
            }
            status.clone_into(&mut member.status);
            member.updated_at = Utc::now();
            Ok(reply(StatusCode::OK, &view(id, who, member)))
        }
        ("DELETE", Some(who)) => {
            refuse_unless(is_shared, "delete", id)?;
            found(image, who, visible)?;
            caller.check_change("delete_member", image)?;
            image.members.remove(who);
            let mut answer = no_content();
            answer.headers_mut().remove(CONTENT_TYPE);
            Ok(answer)
        }
        (_, None) => Err(Fail::method_not_allowed("GET, POST")),
        (_, Some(_)) => Err(Fail::method_not_allowed("GET, PUT, DELETE")),
    }
}

fn add_member(
    region: &Region,
    caller: &Caller,
    image: &mut Image,
    body: &Value,
) -> Result<Response<Body>, Fail> {
    let fields = body.as_object().ok_or_else(|| {
        Fail::bad_request("Expected a member in the form: {\"member\": \"image_id\"}")
    })?;
    let member = fields
        .get("member")
        .ok_or_else(|| Fail::bad_request("Member to be added not specified"))?;
    let who = member
        .as_str()
        .filter(|who| !who.is_empty())
        .ok_or_else(|| Fail::bad_request("Member can't be empty"))?;
    check_characters("member", member)?;
    caller.check_change("add_member", image)?;
    if image.visibility != Visibility::Shared {
        return Err(Fail::forbidden(format!(
            "Not allowed to create members for image {}.",
            image.id
        )));
    }
    if image.members.contains_key(who) {
        return Err(Fail::conflict(format!(
            "Member {who} is duplicated for image {}",
            image.id
        )));
    }
    let maximum = region.spec.limits.members;
    if image.members.len() >= maximum {
        return Err(Fail::too_large(format!(
            "The limit has been exceeded on the number of allowed image members for this image. \
             Attempted: {}, Maximum: {maximum}",
            image.members.len() + 1
        )));
    }
    let now = Utc::now();
    let member = Member {
        status: "pending".to_owned(),
        created_at: now,
        updated_at: now,
    };
    let document = view(&image.id, who, &member);
    image.members.insert(who.to_owned(), member);
    Ok(reply(StatusCode::OK, &document))
}

/// The status that a member gives itself; none of the right type is an empty text.
fn wanted_status(body: &Value) -> Result<&str, Fail> {
    let fields = body.as_object().ok_or_else(|| {
        Fail::bad_request("Expected a status in the form: {\"status\": \"status\"}")
    })?;
    let status = fields
        .get("status")
        .ok_or_else(|| Fail::bad_request("Status not specified"))?;
    Ok(status.as_str().unwrap_or_default())
}

/// Only shared images have members.
fn refuse_unless(is_shared: bool, verb: &str, id: &str) -> Result<(), Fail> {
    if is_shared {
        return Ok(());
    }
    Err(Fail::forbidden(format!(
        "Not allowed to {verb} members for image {id}."
    )))
}

fn found<'a>(
    image: &'a mut Image,
    who: &str,
    visible: impl Fn(&str) -> bool,
) -> Result<&'a mut Member, Fail> {
    let id = &image.id;
    let member = image.members.get_mut(who).filter(|_| visible(who));
    member.ok_or_else(|| {
        Fail::not_found(format!(
            "{who} not found in the member list of the image {id}."
        ))
    })
}

fn view(id: &str, who: &str, member: &Member) -> Value {
    let stamp = |time: chrono::DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({
        "member_id": who,
        "image_id": id,
        "status": member.status,
        "created_at": stamp(member.created_at),
        "updated_at": stamp(member.updated_at),
        "schema": "/v2/schemas/member",
    })
}
