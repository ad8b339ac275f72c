//! Projects and users, resolved: names have become ids.

use std::collections::HashMap;

/// A project, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Project {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) domain: String,
}

/// A user, resolved: roles by project id.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) password: String,
    pub(super) has_passcodes: bool,
    pub(super) roles: HashMap<String, Vec<String>>,
}

/// The roles, and those that they imply in a bootstrapped Keystone.
pub(super) fn with_implied(roles: &[String]) -> Vec<String> {
    const CHAIN: [&str; 4] = ["admin", "manager", "member", "reader"];
    let mut all = roles.to_vec();
    if let Some(highest) = CHAIN
        .iter()
        .position(|name| roles.iter().any(|role| role == name))
    {
        for name in &CHAIN[highest..] {
            if !all.iter().any(|role| role == name) {
                all.push((*name).to_owned());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_implies_the_lesser_roles() {
        assert_eq!(
            with_implied(&["admin".to_owned()]),
            ["admin", "manager", "member", "reader"]
        );
        assert_eq!(with_implied(&["publisher".to_owned()]), ["publisher"]);
    }
}
