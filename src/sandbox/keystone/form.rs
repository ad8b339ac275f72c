//! Whether the document of a login has the form that Keystone wants.

use serde_json::Value;

/// What Keystone's schema of a login finds wrong, without the schema itself.
pub(super) fn check_form(auth: &Value) -> Result<(), String> {
    let identity = auth
        .get("identity")
        .ok_or("'identity' is a required property")?;
    let methods = identity
        .get("methods")
        .ok_or("Invalid input for field 'identity': 'methods' is a required property")?;
    if !methods.is_array() {
        return Err(wrong_type("identity/methods", methods, "array"));
    }
    for (place, field) in [
        ("/identity/password/user", "identity/password/user"),
        ("/scope/project", "scope/project"),
    ] {
        let Some(Value::Object(members)) = auth.pointer(place) else {
            continue;
        };
        for name in ["id", "name"] {
            if let Some(value) = members.get(name).filter(|value| !value.is_string()) {
                return Err(wrong_type(&format!("{field}/{name}"), value, "string"));
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

fn wrong_type(field: &str, value: &Value, kind: &str) -> String {
    let value = match value {
        Value::String(text) => format!("'{text}'"),
        value => value.to_string(),
    };
    format!("Invalid input for field '{field}': {value} is not of type '{kind}'")
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
