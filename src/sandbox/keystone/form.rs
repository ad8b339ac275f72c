//! Whether the document of a login has the form that Keystone wants.

use serde_json::Value;

use crate::sandbox::python::python;

/// What Keystone's schema of a login finds wrong, without the schema itself.
pub(super) fn check_form(auth: &Value) -> Result<(), String> {
    if !auth.is_object() {
        return Err(format!("{} is not of type 'object'", python(auth)));
    }
    let identity = auth
        .get("identity")
        .ok_or("'identity' is a required property")?;
    require(identity.is_object(), "identity", identity, "object")?;
    let methods = identity
        .get("methods")
        .ok_or("Invalid input for field 'identity': 'methods' is a required property")?;
    require(methods.is_array(), "identity/methods", methods, "array")?;
    for (place, method) in methods.as_array().into_iter().flatten().enumerate() {
        let field = format!("identity/methods/{place}");
        require(method.is_string(), &field, method, "string")?;
    }
    for field in [
        "identity/password",
        "identity/password/user",
        "identity/token",
    ] {
        if let Some(value) = auth.pointer(&format!("/{field}")) {
            require(value.is_object(), field, value, "object")?;
        }
    }
    if let Some(token) = identity.get("token") {
        let id = token
            .get("id")
            .ok_or("Invalid input for field 'identity/token': 'id' is a required property")?;
        require(id.is_string(), "identity/token/id", id, "string")?;
    }
    for field in ["identity/password/user", "scope/project"] {
        let Some(Value::Object(members)) = auth.pointer(&format!("/{field}")) else {
            continue;
        };
        for name in ["id", "name", "password"] {
            if let Some(value) = members.get(name) {
                require(
                    value.is_string(),
                    &format!("{field}/{name}"),
                    value,
                    "string",
                )?;
            }
        }
        if !members.contains_key("id") && !members.contains_key("name") {
            return Err(format!(
                "Invalid input for field {field}: id or name must be present."
            ));
        }
    }
    Ok(())
}

fn require(is_right: bool, field: &str, value: &Value, kind: &str) -> Result<(), String> {
    if is_right {
        return Ok(());
    }
    Err(format!(
        "Invalid input for field '{field}': {} is not of type '{kind}'",
        python(value)
    ))
}

/// What Keystone says where a part of a request is missing.
pub(super) fn expecting(what: &str, place: &str) -> String {
    format!(
        "Expecting to find {what} in {place}. The server could not comply with the request since \
         it is either malformed or otherwise incorrect. The client is assumed to be in error."
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        let user = |user: Value| {
            let password = json!({"user": user});
            json!({"identity": {"methods": ["password"], "password": password}})
        };
        for (auth, complaint) in [
            (json!({}), "'identity' is a required property"),
            (
                json!({"identity": {"methods": "password"}}),
                "Invalid input for field 'identity/methods': 'password' is not of type 'array'",
            ),
            (
                user(json!({"name": 5})),
                "Invalid input for field 'identity/password/user/name': 5 is not of type 'string'",
            ),
            (
                user(json!({"password": "x"})),
                "Invalid input for field identity/password/user: id or name must be present.",
            ),
        ] {
            assert_eq!(check_form(&auth).unwrap_err(), complaint);
        }
        assert_eq!(check_form(&user(json!({"name": "ann"}))), Ok(()));
    }
}
