//! Logging in (`POST /v3/auth/tokens`).

use serde_json::{Value, json};

use super::{Case, ask, compare};

fn log_in(status: u16, body: Value) -> Case {
    let line = format!("POST /v3/auth/tokens {status}");
    ask(&line).keystone().json(body)
}

/// By password, with no scope for null.
fn by_password(status: u16, user: Value, scope: Value) -> Case {
    let mut auth = json!({"identity": {"methods": ["password"], "password": {}}});
    auth["identity"]["password"]["user"] = user;
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    log_in(status, json!({ "auth": auth }))
}

fn by_application_credential(status: u16, credential: Value) -> Case {
    let mut identity = json!({"methods": ["application_credential"]});
    identity["application_credential"] = credential;
    log_in(status, json!({"auth": {"identity": identity}}))
}

/// The sync user by name, with those members besides or instead.
fn user(change: &Value) -> Value {
    let user = json!({
        "name": "glancesync", "password": "<sync:password>", "domain": {"name": "Default"},
    });
    with(user, change)
}

/// The sync user's project by name, with those members besides or instead.
fn project(change: &Value) -> Value {
    let project = json!({"name": "images", "domain": {"name": "Default"}});
    json!({"project": with(project, change)})
}

/// The members that are null are left out.
fn with(mut object: Value, change: &Value) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in change.as_object().into_iter().flatten() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

#[test]
#[ignore = "needs the lab"]
fn a_password_is_taken_alike() {
    let nothing = json!({});
    let by_id = json!({"name": null, "domain": null, "id": "<sync:user>"});
    let project_by_id = json!({"name": null, "domain": null, "id": "<sync:project>"});
    let domain_by_id = json!({"domain": {"id": "default"}});
    compare(|pair| {
        pair.check_all([
            by_password(201, user(&nothing), project(&nothing)),
            by_password(201, user(&domain_by_id), project(&domain_by_id)),
            by_password(201, user(&by_id), project(&project_by_id)),
            by_password(201, user(&by_id), project(&nothing)),
            by_password(201, user(&nothing), project(&project_by_id)),
            by_password(201, user(&nothing), Value::Null),
            by_password(201, user(&nothing), json!("unscoped")),
        ]);
        let foreign = json!({"name": "stranger", "password": "<foreign:password>"});
        let tenant = json!({"name": "tenant"});
        pair.check_all([
            by_password(201, user(&foreign), project(&tenant)),
            by_password(201, user(&foreign), Value::Null),
            // It has no role there.
            by_password(401, user(&foreign), project(&nothing)),
        ]);
        for accept in ["text/html", "*/*", ""] {
            pair.check(by_password(201, user(&nothing), project(&nothing)).accept(accept));
        }
        pair.check(
            ask("GET /v3/auth/tokens 200")
                .keystone()
                .token("<sync:token>")
                .header("X-Subject-Token", "<sync:token>"),
        );
        pair.check(
            ask("GET /v3/auth/catalog 200")
                .keystone()
                .token("<foreign:token>"),
        );
    });
}

#[test]
#[ignore = "needs the lab"]
fn a_password_is_refused_alike() {
    let nothing = json!({});
    compare(|pair| {
        for change in [
            json!({"password": "wrong"}),
            json!({"password": ""}),
            json!({"password": null}),
            json!({"name": "nobody"}),
            json!({"domain": {"name": "Nowhere"}}),
            json!({"domain": {"id": "nowhere"}}),
            json!({"name": null, "domain": null, "id": "nobody"}),
        ] {
            pair.check(by_password(401, user(&change), project(&nothing)));
        }
        pair.check(
            by_password(401, user(&json!({"password": "wrong"})), project(&nothing)).accept(""),
        );
        for change in [
            json!({"domain": null}),
            json!({"name": null}),
            json!({"name": 5}),
        ] {
            pair.check(by_password(400, user(&change), project(&nothing)));
        }
        for change in [
            json!({"name": "nothing"}),
            json!({"name": "tenant"}),
            json!({"domain": {"name": "Nowhere"}}),
            json!({"name": null, "domain": null, "id": "nothing"}),
        ] {
            pair.check(by_password(401, user(&nothing), project(&change)));
        }
        for change in [json!({"domain": null}), json!({"name": null})] {
            pair.check(by_password(400, user(&nothing), project(&change)));
        }
        pair.check(by_password(
            401,
            user(&nothing),
            json!({"domain": {"id": "default"}}),
        ));
    });
}

#[test]
#[ignore = "needs the lab"]
fn an_application_credential_is_taken_alike() {
    let by_id = json!({"id": "<credential:id>", "secret": "<credential:secret>"});
    let by_name =
        |user: Value| json!({"name": "glancesync", "secret": "<credential:secret>", "user": user});
    let owner = json!({"name": "glancesync", "domain": {"name": "Default"}});
    compare(|pair| {
        pair.check_all([
            by_application_credential(201, by_id.clone()),
            by_application_credential(201, by_name(owner.clone())),
            by_application_credential(201, by_name(json!({"id": "<sync:user>"}))),
            by_application_credential(401, with(by_id.clone(), &json!({"secret": "wrong"}))),
            by_application_credential(404, with(by_id.clone(), &json!({"id": "unknown"}))),
            by_application_credential(
                401,
                with(by_name(owner.clone()), &json!({"name": "unknown"})),
            ),
            by_application_credential(
                401,
                with(by_name(owner.clone()), &json!({"secret": "wrong"})),
            ),
            by_application_credential(
                404,
                by_name(json!({"name": "nobody", "domain": {"name": "Default"}})),
            ),
            by_application_credential(401, by_name(json!({"id": "nobody"}))),
            by_application_credential(
                401,
                by_name(json!({"name": "glancesync", "domain": {"name": "Nowhere"}})),
            ),
            by_application_credential(400, by_name(json!({"name": "glancesync"}))),
            by_application_credential(400, with(by_name(owner), &json!({"user": null}))),
            by_application_credential(401, with(by_id.clone(), &json!({"secret": null}))),
        ]);
        let identity = json!({
            "methods": ["application_credential"], "application_credential": by_id,
        });
        let scope = json!({"project": {"id": "<sync:project>"}});
        pair.check(log_in(
            401,
            json!({"auth": {"identity": identity, "scope": scope}}),
        ));
    });
}

#[test]
#[ignore = "needs the lab"]
fn what_is_no_login_is_refused_alike() {
    compare(|pair| {
        for body in [
            json!({}),
            json!([]),
            json!("auth"),
            json!({"auth": {}}),
            json!({"auth": {"identity": {}}}),
            json!({"auth": {"identity": {"methods": ["password"]}}}),
            json!({"auth": {"identity": {"methods": ["password"], "password": {}}}}),
            json!({"auth": {"identity": {"methods": ["application_credential"]}}}),
            json!({"auth": {"identity": {"methods": "password"}}}),
        ] {
            pair.check(log_in(400, body));
        }
        for methods in [json!([]), json!(["something"])] {
            let identity = json!({"methods": methods, "something": {}});
            pair.check(log_in(401, json!({"auth": {"identity": identity}})));
        }
        for text in ["{", "", "null"] {
            pair.check(
                ask("POST /v3/auth/tokens 400")
                    .keystone()
                    .bytes("application/json", text),
            );
        }
    });
}
