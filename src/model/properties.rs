//! Custom properties of images, and which of them are carried between regions.

use std::collections::BTreeMap;

/// The property that refers to an AMI image's kernel.
pub const KERNEL_ID: &str = "kernel_id";
/// The property that refers to an AMI image's ramdisk.
pub const RAMDISK_ID: &str = "ramdisk_id";

/// Name and value of custom properties.
pub type Properties = BTreeMap<String, String>;

/// True for the attributes that Glance gives every image, whoever it belongs to.
fn is_base_attribute(name: &str) -> bool {
    matches!(
        name,
        "id" | "name"
            | "status"
            | "visibility"
            | "owner"
            | "size"
            | "virtual_size"
            | "checksum"
            | "disk_format"
            | "container_format"
            | "min_disk"
            | "min_ram"
            | "protected"
            | "created_at"
            | "updated_at"
            | "deleted_at"
            | "deleted"
            | "os_hidden"
            | "stores"
            | "locations"
            | "location"
            | "direct_url"
            | "file"
            | "schema"
            | "self"
            | "tags"
    )
}

const PROVENANCE_PREFIX: &str = "glancesync_";

/// True for the properties of provenance: they belong to this program, and no rule looks at them.
pub fn is_provenance(name: &str) -> bool {
    name.starts_with(PROVENANCE_PREFIX)
}

const RESERVED_PREFIXES: [&str; 4] = [
    "os_glance_",
    "os_hash_",
    "img_signature",
    "cinder_encryption_key",
];

/// True for the custom properties that are carried between regions: all but base attributes, what
/// Glance keeps for itself, provenance, and what refers to secrets of one region.
pub fn is_user_property(name: &str) -> bool {
    !is_base_attribute(name)
        && !is_provenance(name)
        && !RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_properties_are_what_is_left() {
        for name in ["nid", "kernel_id", "is_public", "hw_disk_bus", "os_type"] {
            assert!(is_user_property(name), "{name}");
        }
        for name in [
            "checksum",
            "os_hash_value",
            "os_glance_importing_to_stores",
            "stores",
            "img_signature_key_type",
            "glancesync_source",
            "cinder_encryption_key_id",
            "tags",
        ] {
            assert!(!is_user_property(name), "{name}");
        }
    }
}
