//! The tags that new images carry while they are on their way, so that a later run knows its own.

/// Carried from creation until the image is published.
pub const INCOMPLETE: &str = "glancesync-incomplete";
const INSTALLATION_PREFIX: &str = "glancesync-by:";
const REPLACES_PREFIX: &str = "glancesync-replaces:";

/// `glancesync-by:<installation>`: whose image it is while it is incomplete.
pub fn installation(id: &str) -> String {
    format!("{INSTALLATION_PREFIX}{id}")
}

/// `glancesync-replaces:<UUID>`: carried until the old image of that id is dealt with.
pub fn replaces(id: &crate::model::ImageId) -> String {
    format!("{REPLACES_PREFIX}{id}")
}
