//! Who may do what with which image: Glance's default policies.

use crate::sandbox::keystone::Token;

use super::fail::Fail;
use super::image::{Image, Visibility};

/// The caller of a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) project: Option<String>,
    /// The user's id.
    pub(super) user: String,
    roles: Vec<String>,
    may_publicize: bool,
}

impl Caller {
    pub(super) fn new(token: &Token, publicize_roles: &[String]) -> Self {
        let roles: Vec<String> = token.roles.iter().map(|role| role.to_lowercase()).collect();
        let may_publicize = publicize_roles
            .iter()
            .any(|wanted| roles.contains(&wanted.to_lowercase()));
        let project = token.project.as_ref().map(|project| project.id.clone());
        Self {
            project,
            user: token.user_id().to_owned(),
            roles,
            may_publicize,
        }
    }

    pub(super) fn is_admin(&self) -> bool {
        self.has("admin")
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Whether the image is the caller's project's own.
    pub(super) fn owns(&self, image: &Image) -> bool {
        self.project.is_some() && self.project == image.owner
    }

    /// Whether the caller may see the image at all.
    pub(super) fn sees(&self, image: &Image) -> bool {
        if image.is_unseen() {
            return false;
        }
        if self.is_admin() {
            return true;
        }
        let member = self
            .project
            .as_ref()
            .is_some_and(|own| image.members.contains_key(own));
        // An image without an owner counts as shared with everybody.
        let shared = member || image.owner.is_none();
        self.has("reader")
            && (matches!(image.visibility, Visibility::Public | Visibility::Community)
                || self.owns(image)
                || (image.visibility == Visibility::Shared && shared))
    }

    /// Whether the caller may do to the image what the rule says: for its project's members and
    /// for admins.
    pub(super) fn check_change(&self, rule: &str, image: &Image) -> Result<(), Fail> {
        if !self.sees(image) {
            return Err(Fail::no_image(&image.id));
        }
        if self.is_admin() || (self.has("member") && self.owns(image)) {
            Ok(())
        } else {
            Err(Fail::policy(rule))
        }
    }

    /// Whether the caller may read the content.
    pub(super) fn check_download(&self) -> Result<(), Fail> {
        if self.is_admin() || self.has("member") {
            Ok(())
        } else {
            Err(Fail::policy("download_image"))
        }
    }

    /// Whether the caller may list images.
    pub(super) fn check_list(&self) -> Result<(), Fail> {
        if self.is_admin() || self.has("reader") {
            Ok(())
        } else {
            Err(Fail::policy("get_images"))
        }
    }

    /// Whether the caller may make an image of that owner.
    pub(super) fn check_create(&self, owner: Option<&str>) -> Result<(), Fail> {
        if self.is_admin() {
            return Ok(());
        }
        if owner != self.project.as_deref() {
            let owner = owner.unwrap_or("None");
            return Err(Fail::denied(format!(
                "You are not permitted to create images owned by '{owner}'"
            )));
        }
        if self.has("member") {
            Ok(())
        } else {
            Err(Fail::policy("add_image"))
        }
    }

    /// Whether the caller may give an image that visibility.
    pub(super) fn check_visibility(&self, visibility: Visibility) -> Result<(), Fail> {
        match visibility {
            Visibility::Public if !self.may_publicize => Err(Fail::policy("publicize_image")),
            Visibility::Community if !(self.is_admin() || self.has("member")) => {
                Err(Fail::policy("communitize_image"))
            }
            _ => Ok(()),
        }
    }
}
