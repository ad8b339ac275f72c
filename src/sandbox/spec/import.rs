//! Imports of a region as data: which methods it takes, and what its plugins do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a region takes imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportSpec {
    /// The methods that it offers (`enabled_import_methods`).
    pub methods: Vec<ImportMethod>,
    /// What imported content is converted to (the plugin `image_conversion`).
    pub conversion: Conversion,
    /// Properties that every imported image gets (the plugin `inject_image_metadata`).
    pub inject: BTreeMap<String, String>,
    /// What the names of those properties begin with that `glance-download` takes along from its
    /// source (`[glance_download_properties] extra_properties`).
    pub copied_properties: Vec<String>,
}

impl Default for ImportSpec {
    fn default() -> Self {
        Self {
            methods: vec![ImportMethod::GlanceDirect, ImportMethod::GlanceDownload],
            conversion: Conversion::None,
            inject: BTreeMap::new(),
            copied_properties: ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// A method of import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportMethod {
    /// What was staged before.
    GlanceDirect,
    /// What an image of another region of the same Keystone has.
    GlanceDownload,
}

impl ImportMethod {
    /// Its name in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GlanceDirect => "glance-direct",
            Self::GlanceDownload => "glance-download",
        }
    }
}

/// What a region makes of imported content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// It stays as it is.
    #[default]
    None,
    /// A qcow2 becomes raw; what is raw stays.
    Raw,
}
