//! The tags that new images carry while they are on their way, so that a later run knows its own.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::model::{Image, ImageId};

/// What every tag of this program begins with.
const PREFIX: &str = "glancesync-";

/// Carried from creation until the image is published.
pub const INCOMPLETE: &str = "glancesync-incomplete";
const INSTALLATION_PREFIX: &str = "glancesync-by:";
const REPLACES_PREFIX: &str = "glancesync-replaces:";
const ORPHAN_PREFIX: &str = "glancesync-orphan:";

/// `glancesync-by:<installation>`: whose image it is while it is incomplete.
pub fn installation(id: &str) -> String {
    format!("{INSTALLATION_PREFIX}{id}")
}

/// `glancesync-replaces:<UUID>`: carried until the old image of that id is dealt with.
pub fn replaces(id: &ImageId) -> String {
    format!("{REPLACES_PREFIX}{id}")
}

/// True for an image that is on its way, whoever has it under way.
pub fn is_incomplete(image: &Image) -> bool {
    image.tags.contains(INCOMPLETE)
}

/// The installations that have the image under way, by its tags.
pub(super) fn installations(image: &Image) -> impl Iterator<Item = &str> {
    image
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(INSTALLATION_PREFIX))
}

/// True where a tag's installation is this one: its id with the master's digits or, as earlier versions
/// wrote it, without.
pub(super) fn is_of(tagged: &str, installation: &str) -> bool {
    let id_alone = installation.rsplit_once('-').map(|(id, _)| id);
    tagged == installation || id_alone == Some(tagged)
}

/// The images that this one takes the place of, by its tags.
pub(super) fn replaced(image: &Image) -> impl Iterator<Item = ImageId> {
    image
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(REPLACES_PREFIX))
        .map(ImageId::new)
}

/// The image's tags without those that name one of `ids` as replaced.
pub fn without_replaced(image: &Image, ids: &[ImageId]) -> BTreeSet<String> {
    let names_one = |tag: &String| {
        tag.strip_prefix(REPLACES_PREFIX)
            .is_some_and(|id| ids.contains(&ImageId::new(id)))
    };
    let kept = image.tags.iter().filter(|tag| !names_one(tag));
    kept.cloned().collect()
}

/// The day on which an orphan was hidden, by its tag; of several the last.
pub(super) fn orphan_since(image: &Image) -> Option<NaiveDate> {
    let days = image
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(ORPHAN_PREFIX));
    days.filter_map(|day| day.parse().ok()).max()
}

/// True where a tag says since when the image is an orphan.
pub fn says_orphan(image: &Image) -> bool {
    image.tags.iter().any(|tag| tag.starts_with(ORPHAN_PREFIX))
}

/// The tags, less those that say since when the image is an orphan.
pub fn without_orphan(tags: &BTreeSet<String>) -> BTreeSet<String> {
    let others = tags.iter().filter(|tag| !tag.starts_with(ORPHAN_PREFIX));
    others.cloned().collect()
}

/// The tags of an orphan that is hidden on that day: `glancesync-orphan:<YYYY-MM-DD>` beside the others.
pub fn with_orphan(tags: &BTreeSet<String>, day: NaiveDate) -> BTreeSet<String> {
    let mut tags = without_orphan(tags);
    tags.insert(format!("{ORPHAN_PREFIX}{}", day.format("%Y-%m-%d")));
    tags
}

/// True for every tag of this program's, of whatever version: none of them is carried over, compared, or
/// put back.
pub fn is_ours(tag: &str) -> bool {
    tag.starts_with(PREFIX)
}
