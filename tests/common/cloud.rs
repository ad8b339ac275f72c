//! The description of a fleet, whoever runs it: where its servers are and who may log in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The target whose region is the master.
pub(crate) const MASTER: &str = "master";

/// A fleet of Glance regions behind its Keystones.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cloud {
    /// By target.
    pub(crate) keystones: BTreeMap<String, Keystone>,
    /// The master region is the first.
    pub(crate) regions: Vec<RegionFacts>,
    /// The socket that kills and starts real servers.
    pub(crate) control: Option<PathBuf>,
    /// Whether its converting region can convert: a real one needs `qemu-img`.
    pub(crate) converts: bool,
    /// python-openstackclient's command, where it is installed.
    pub(crate) openstack_command: Option<PathBuf>,
}

/// A Keystone and its users.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Keystone {
    /// With `/v3`.
    pub(crate) url: String,
    pub(crate) domain: String,
    /// Whom the product works for: role `admin` in its project.
    pub(crate) sync: User,
    /// One with as few rights as the product needs: `member`, and the role `image_publisher`, in the
    /// same project.
    pub(crate) publisher: User,
    /// Another project's ordinary member.
    pub(crate) foreign: User,
    /// Of the user `sync`.
    pub(crate) application_credential: ApplicationCredential,
    pub(crate) access_log: Option<PathBuf>,
}

/// Who logs in, and to which project.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    #[serde(rename = "user")]
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) project: String,
    pub(crate) project_id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ApplicationCredential {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A Glance.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RegionFacts {
    pub(crate) target: String,
    pub(crate) name: String,
    pub(crate) url: String,
    /// Where its store keeps content, in files called like the images' ids.
    pub(crate) images_dir: PathBuf,
    pub(crate) access_log: Option<PathBuf>,
}

impl RegionFacts {
    /// The name with its target, always.
    pub(crate) fn full_name(&self) -> String {
        format!("{}:{}", self.target, self.name)
    }
}
