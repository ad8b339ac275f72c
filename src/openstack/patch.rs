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

    /// True where doing it twice is refused.
    fn is_once_only(&self) -> bool {
        matches!(self, Self::Remove { .. })
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

/// True where doing the whole twice does the same as once.
pub(super) fn is_repeatable(ops: &[PatchOp]) -> bool {
    !ops.iter().any(PatchOp::is_once_only)
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
        assert!(!is_repeatable(&[PatchOp::remove("nid")]));
    }
}
