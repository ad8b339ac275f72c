//! Provenance: four properties of an image that say which of the master's images it is a copy of, so that
//! equal content is known where the bytes differ (a region may convert what it takes).
//!
//! Properties travel: a snapshot of a server inherits those of its image, and users copy images with theirs. So
//! provenance counts only on the very image that it names, while its content is the one that it names.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ContentHash, ImageId, MultiHash, Properties};

/// `<algorithm>:<hash>` of the master's image.
const SOURCE: &str = "glancesync_source";
/// `<algorithm>:<hash>` of the image that has the property, as the region gave it.
const CONTENT: &str = "glancesync_content";
/// The id of the image that has the property.
const IMAGE: &str = "glancesync_image";
/// The [`MasterFingerprint`].
const MASTER: &str = "glancesync_master";

/// Which master an image was copied from: the first 16 hexadecimal digits of the SHA-256 of
/// `<project id>/<region>`. Everybody sees the properties of a public image, and it says neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MasterFingerprint(String);

impl MasterFingerprint {
    /// The fingerprint of a master, by the id of the project that owns its images and the bare name of its
    /// region.
    pub fn new(project_id: &str, region: &str) -> Self {
        let digest = Sha256::digest(format!("{project_id}/{region}"));
        let first = digest.iter().take(8);
        let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self(format!("{number:016x}"))
    }
}

impl fmt::Display for MasterFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the four properties of an image say, as Glance gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hash of the master's image that it is a copy of.
    pub source: String,
    /// The image's own hash when it was published.
    pub content: String,
    /// The image's own id.
    pub image: String,
    /// The fingerprint of the master.
    pub master: String,
}

/// What an image's provenance is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvenanceState {
    /// There is none, or it is about another image or another master.
    None,
    /// It names this image and this master, and another content than the image has.
    Broken,
    /// It says what this image is a copy of.
    Intact,
}

impl Provenance {
    /// The provenance of a copy of `source` that is published as `image` with that content; none where
    /// Glance gave no hash of one of them.
    pub fn new(
        source: &ContentHash,
        content: &ContentHash,
        image: &ImageId,
        master: &MasterFingerprint,
    ) -> Option<Self> {
        Some(Self {
            source: source.hashes().next()?.to_string(),
            content: content.compared_hash(source)?.to_string(),
            image: image.to_string(),
            master: master.to_string(),
        })
    }

    /// Reads it from the properties of an image; none where one of them is missing.
    pub fn from_properties(mut properties: Properties) -> Option<Self> {
        Some(Self {
            source: properties.remove(SOURCE)?,
            content: properties.remove(CONTENT)?,
            image: properties.remove(IMAGE)?,
            master: properties.remove(MASTER)?,
        })
    }

    /// Name and value of the four properties.
    pub fn properties(&self) -> [(&'static str, &str); 4] {
        [
            (SOURCE, &self.source),
            (CONTENT, &self.content),
            (IMAGE, &self.image),
            (MASTER, &self.master),
        ]
    }

    /// What it is worth on the image of that id and content, to a run with that master. It counts on own
    /// images only, which the caller looks at.
    pub fn state(
        &self,
        id: &ImageId,
        content: &ContentHash,
        master: &MasterFingerprint,
    ) -> ProvenanceState {
        let is_about_it = ImageId::new(&self.image).is_same_uuid(id) && self.master == master.0;
        if !is_about_it {
            ProvenanceState::None
        } else if names(&self.content, content) {
            ProvenanceState::Intact
        } else {
            ProvenanceState::Broken
        }
    }

    /// True where an intact provenance names that content of the master.
    pub fn is_of(&self, master: &ContentHash) -> bool {
        names(&self.source, master)
    }
}

/// True where the text is one of the hashes that Glance gave.
fn names(text: &str, content: &ContentHash) -> bool {
    let hash = text
        .split_once(':')
        .and_then(|(algorithm, value)| MultiHash::new(algorithm, value));
    hash.is_some_and(|hash| content.hashes().any(|own| own == hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{PROJECT, content};

    fn fingerprint() -> MasterFingerprint {
        MasterFingerprint::new(PROJECT, "Spain")
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_a_hash() {
        // printf 'our-project/Spain' | sha256sum
        assert_eq!(fingerprint().to_string(), "2ab6f693a42edef5");
    }

    #[test]
    fn it_counts_only_on_the_image_that_it_names_with_the_content_that_it_names() {
        let (id, other) = (ImageId::new("one"), ImageId::new("other"));
        let (master, copy) = (content("a"), content("converted"));
        let provenance = Provenance::new(&master, &copy, &id, &fingerprint()).unwrap();
        assert!(provenance.is_of(&master) && !provenance.is_of(&copy));
        let state = |id, content, region| {
            let master = MasterFingerprint::new(PROJECT, region);
            provenance.state(id, content, &master)
        };
        assert_eq!(state(&id, &copy, "Spain"), ProvenanceState::Intact);
        assert_eq!(state(&id, &master, "Spain"), ProvenanceState::Broken);
        assert_eq!(state(&other, &copy, "Spain"), ProvenanceState::None);
        assert_eq!(state(&id, &copy, "Berlin"), ProvenanceState::None);
    }

    #[test]
    fn it_is_all_four_properties_or_nothing() {
        let id = ImageId::new("one");
        let provenance = Provenance::new(&content("a"), &content("b"), &id, &fingerprint());
        let provenance = provenance.unwrap();
        let mut properties: Properties = provenance
            .properties()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let read = Provenance::from_properties(properties.clone());
        assert_eq!(read.as_ref(), Some(&provenance));
        properties.remove(MASTER);
        assert_eq!(Provenance::from_properties(properties), None);
        let unknown = ContentHash::default();
        assert_eq!(
            Provenance::new(&content("a"), &unknown, &id, &fingerprint()),
            None
        );
    }
}
