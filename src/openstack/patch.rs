//! One step of a change of metadata (Image API v2, "Update image": JSON patch).

use serde_json::{Value, json};

use super::Operation;

/// One operation on one attribute or property. Several in one call are done together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchOp {
    /// Sets what may be absent or present.
    Add {
        /// The attribute or property.
        name: String,
        /// Its value: text for a property.
        value: Value,
    },
    /// Sets what is present; Glance refuses it (409) where it is absent.
    Replace {
        /// The attribute or property.
        name: String,
        /// Its value: text for a property.
        value: Value,
    },
    /// Removes a property; Glance refuses it (409) where it is absent, and for attributes (403).
    Remove {
        /// The property.
        name: String,
    },
}

impl PatchOp {
    /// Sets what may be absent or present.
    pub fn add(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::Add {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Sets what is present.
    pub fn replace(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::Replace {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Removes a property.
    pub fn remove(name: impl Into<String>) -> Self {
        Self::Remove { name: name.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Add { name, value } => {
                json!({"op": "add", "path": pointer(name), "value": value})
            }
            Self::Replace { name, value } => {
                json!({"op": "replace", "path": pointer(name), "value": value})
            }
            Self::Remove { name } => json!({"op": "remove", "path": pointer(name)}),
        }
    }

    fn is_of(&self, attribute: &str) -> bool {
        let (Self::Add { name, .. } | Self::Replace { name, .. } | Self::Remove { name }) = self;
        name == attribute
    }

    /// True where the image is as this makes it.
    fn is_done(&self, image: &Value) -> bool {
        match self {
            Self::Add { name, value } | Self::Replace { name, value } => {
                is_same(&image[name.as_str()], value)
            }
            // An empty value stands for none, as in a list.
            Self::Remove { name } => image.get(name).is_none_or(Value::is_null),
        }
    }

    fn publishes(&self) -> bool {
        let (Self::Add { value, .. } | Self::Replace { value, .. }) = self else {
            return false;
        };
        self.is_of("visibility") && (value == "public" || value == "community")
    }
}

/// What such a change is called: its most telling part counts.
pub(super) fn operation_of(ops: &[PatchOp]) -> Operation {
    if ops.iter().any(PatchOp::publishes) {
        Operation::Publish
    } else if ops.iter().any(|op| op.is_of("name")) {
        Operation::Rename
    } else {
        Operation::Update
    }
}

/// True where an image, as Glance shows it, is as those operations make it.
pub(super) fn is_done(ops: &[PatchOp], image: &Value) -> bool {
    image.is_object() && ops.iter().all(|op| op.is_done(image))
}

/// Lists are tags, which have no order.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found.as_array(), wanted.as_array()) {
        (Some(found), Some(wanted)) => {
            found.len() == wanted.len() && wanted.iter().all(|one| found.contains(one))
        }
        _ => found == wanted,
    }
}

/// The name as a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_json_pointers() {
        assert_eq!(
            PatchOp::add("a/b~c", "1").to_json(),
            json!({"op": "add", "path": "/a~1b~0c", "value": "1"})
        );
        assert_eq!(
            PatchOp::remove("~1").to_json(),
            json!({"op": "remove", "path": "/~01"})
        );
        assert_eq!(
            PatchOp::replace("tags", vec!["x"]).to_json(),
            json!({"op": "replace", "path": "/tags", "value": ["x"]})
        );
    }

    #[test]
    fn the_most_telling_part_names_the_change() {
        let publish = PatchOp::replace("visibility", "public");
        let rename = PatchOp::replace("name", "x.old");
        let hide = PatchOp::replace("visibility", "private");
        assert_eq!(operation_of(&[rename.clone(), publish]), Operation::Publish);
        assert_eq!(operation_of(&[hide.clone(), rename]), Operation::Rename);
        assert_eq!(
            operation_of(&[hide, PatchOp::remove("nid")]),
            Operation::Update
        );
    }

    #[test]
    fn what_is_done_already_is_known_by_looking() {
        let image = json!({"visibility": "public", "tags": ["a", "b"], "nid": "1"});
        let ops = |ops: &[PatchOp]| is_done(ops, &image);
        let tags = |tags: &[&str]| PatchOp::add("tags", tags.to_vec());
        assert!(ops(&[
            PatchOp::replace("visibility", "public"),
            tags(&["b", "a"]),
            PatchOp::remove("gone"),
        ]));
        assert!(!ops(&[PatchOp::add("nid", "2")]));
        assert!(!ops(&[PatchOp::remove("nid")]));
        assert!(!ops(&[tags(&["a"])]) && !ops(&[tags(&[])]));
    }
}
