//! Ids in Keystone's form that depend on names alone, so that they are the same after every start.

use md5::{Digest, Md5};

use crate::sandbox::hex::hexadecimal;

/// The name of the domain that is meant when none is given; its id is `default`.
pub(super) const DEFAULT_DOMAIN: &str = "Default";

/// The id of a domain: `default` for `Default`, else one that depends on the name alone.
pub(super) fn domain_id(name: &str) -> String {
    if name == DEFAULT_DOMAIN {
        "default".to_owned()
    } else {
        stable_id("domain", "", name)
    }
}

/// A role's id, which depends on the name alone.
pub(super) fn role_id(name: &str) -> String {
    stable_id("role", "", name)
}

/// An id in Keystone's form that depends on the words alone.
pub(super) fn stable_id(kind: &str, scope: &str, name: &str) -> String {
    hexadecimal(&Md5::digest(format!("{kind}/{scope}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_names_alone() {
        assert_eq!(role_id("admin"), role_id("admin"));
        assert_ne!(role_id("admin"), role_id("member"));
        assert_eq!(role_id("admin").len(), 32);
        assert_eq!(domain_id("Default"), "default");
    }
}
