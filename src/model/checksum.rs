//! Checksums of image content, and when two contents are the same.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of md5 where hashes of several kinds are named.
const MD5: &str = "md5";

/// An md5 checksum as Glance's `checksum` attribute has it: 32 hexadecimal digits, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum(String);

/// The text is not an md5 checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an md5 checksum (32 hexadecimal digits)")]
pub struct ChecksumError(pub String);

impl Checksum {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Checksum {
    /// The checksum of that digest.
    pub fn from_digest(digest: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(digest)))
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ChecksumError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Checksum {
    type Error = ChecksumError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Glance's `os_hash_algo` and `os_hash_value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MultiHash {
    /// `sha512` unless an operator chose another.
    pub algorithm: String,
    /// Hexadecimal digits, in lower case.
    pub value: String,
}

impl MultiHash {
    /// Takes both words in either case; none where the value is not hexadecimal.
    pub fn new(algorithm: &str, value: &str) -> Option<Self> {
        let is_hash = !algorithm.is_empty()
            && !value.is_empty()
            && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self {
            algorithm: algorithm.to_ascii_lowercase(),
            value: value.to_ascii_lowercase(),
        })
    }
}

/// The algorithms by which this program can hash a content.
const COMPUTABLE: [&str; 6] = [MD5, "sha1", "sha224", "sha256", "sha384", "sha512"];

impl MultiHash {
    /// True where this program can make such a hash.
    pub fn is_computable(&self) -> bool {
        COMPUTABLE.contains(&self.algorithm.as_str())
    }
}

impl fmt::Display for MultiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.value)
    }
}

/// A hash as the lists of the configuration hold it: the digits of an md5 checksum, or
/// `<algorithm>:<digits>`, in either case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ListedHash {
    /// Glance's `checksum`.
    Md5(Checksum),
    /// Glance's `os_hash_*`.
    Other(MultiHash),
}

/// The text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a checksum: neither md5 (32 hexadecimal digits) nor `<algorithm>:<hexadecimal digits>`"
)]
pub struct ListedHashError(pub String);

impl FromStr for ListedHash {
    type Err = ListedHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ListedHashError(text.to_owned());
        let (algorithm, digits) = text.split_once(':').unwrap_or(("md5", text));
        let (algorithm, digits) = (algorithm.trim(), digits.trim());
        if algorithm.eq_ignore_ascii_case("md5") {
            return digits.parse().map(Self::Md5).map_err(|_| error());
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !algorithm.bytes().all(is_word) {
            return Err(error());
        }
        let hash = MultiHash::new(algorithm, digits).map(Self::Other);
        hash.ok_or_else(error)
    }
}

impl TryFrom<String> for ListedHash {
    type Error = ListedHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ListedHash> for String {
    fn from(hash: ListedHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for ListedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(md5) => md5.fmt(f),
            Self::Other(hash) => hash.fmt(f),
        }
    }
}

/// How it can be proved that a region has a content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// By a hash that is known already.
    Compared,
    /// By a hash of another kind, of that algorithm, which is made of what is sent.
    Hashed(String),
    /// Not at all: the region gives no hash, or none that can be made here.
    None,
}

/// What a content comes to when it is expanded to raw.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expansion {
    /// Its size, in bytes.
    pub size: u64,
    /// Its hashes, as far as they are known.
    pub hashes: BTreeSet<MultiHash>,
}

impl Expansion {
    /// True where its hash by that algorithm is known.
    pub fn is_hashed_by(&self, algorithm: &str) -> bool {
        self.hashes.iter().any(|hash| hash.algorithm == algorithm)
    }

    /// Whether an image of that size and content is it; none where no hash of its kinds is known.
    pub fn compare(&self, size: Option<u64>, content: &ContentHash) -> Option<bool> {
        if size != Some(self.size) {
            return Some(false);
        }
        content.hashes().find_map(|theirs| {
            let mut known = self.hashes.iter();
            let mine = known.find(|mine| mine.algorithm == theirs.algorithm)?;
            Some(*mine == theirs)
        })
    }
}

/// What is known of an image's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash {
    /// Glance's `checksum`.
    pub md5: Option<Checksum>,
    /// Glance's `os_hash_*`.
    pub multihash: Option<MultiHash>,
    /// Hashes of other kinds that the same content was found to have.
    #[serde(skip)]
    pub found: BTreeSet<MultiHash>,
    /// What it was found to come to when it is expanded to raw.
    #[serde(skip)]
    pub expansion: Option<Expansion>,
}

impl ContentHash {
    /// What Glance says of an image; an `os_hash_algo` that is md5 counts as its checksum.
    pub fn new(md5: Option<Checksum>, multihash: Option<MultiHash>) -> Self {
        let is_md5 = |hash: &MultiHash| hash.algorithm == MD5;
        let as_md5 = multihash.as_ref().filter(|hash| is_md5(hash));
        Self {
            md5: md5.or_else(|| as_md5?.value.parse().ok()),
            multihash: multihash.filter(|hash| !is_md5(hash)),
            found: BTreeSet::new(),
            expansion: None,
        }
    }

    /// True where Glance gave neither checksum: such content can be compared with nothing.
    pub fn is_unknown(&self) -> bool {
        self.md5.is_none() && self.multihash.is_none()
    }

    /// Whether both are the same content: by `os_hash_value` where both have the same
    /// `os_hash_algo`, otherwise by md5 where both have one, otherwise by a hash of the other's kind
    /// that one was found to have. None where they have no kind in common.
    pub fn compare(&self, other: &Self) -> Option<bool> {
        let by_multihash = match (&self.multihash, &other.multihash) {
            (Some(mine), Some(theirs)) if mine.algorithm == theirs.algorithm => {
                Some(mine.value == theirs.value)
            }
            _ => None,
        };
        let by_md5 = || Some(self.md5.as_ref()? == other.md5.as_ref()?);
        by_multihash
            .or_else(by_md5)
            .or_else(|| self.compare_found(other))
            .or_else(|| other.compare_found(self))
    }

    /// The same checksum; see [`ContentHash::compare`].
    pub fn is_same_content(&self, other: &Self) -> bool {
        self.compare(other) == Some(true)
    }

    /// My hash by which the two are compared; where they have no kind in common, my first.
    pub fn compared_hash(&self, other: &Self) -> Option<MultiHash> {
        let kinds: Vec<String> = other.hashes().map(|hash| hash.algorithm).collect();
        let of_a_kind = self.hashes().find(|hash| kinds.contains(&hash.algorithm));
        of_a_kind.or_else(|| self.hashes().next())
    }

    /// How it can be proved that an image whose hashes are of the kinds of `theirs` has this content.
    pub fn proof(&self, theirs: &Self) -> Proof {
        if self.compare(theirs).is_some() {
            return Proof::Compared;
        }
        let kind = |content: &Self| content.hashes().find(MultiHash::is_computable);
        match (kind(self), kind(theirs)) {
            (Some(_), Some(theirs)) => Proof::Hashed(theirs.algorithm),
            _ => Proof::None,
        }
    }

    fn compare_found(&self, other: &Self) -> Option<bool> {
        other.hashes().find_map(|theirs| {
            let mine = self.found.iter();
            let mut mine = mine.filter(|mine| mine.algorithm == theirs.algorithm);
            mine.next().map(|mine| *mine == theirs)
        })
    }

    /// Which kinds of hashes Glance gave: whether md5, and the `os_hash_algo`.
    pub fn kinds(&self) -> (bool, Option<&str>) {
        let algorithm = self.multihash.as_ref();
        (
            self.md5.is_some(),
            algorithm.map(|hash| hash.algorithm.as_str()),
        )
    }

    /// The hashes that Glance gave, `os_hash_*` first.
    pub fn hashes(&self) -> impl Iterator<Item = MultiHash> {
        let md5 = self.md5.as_ref().map(|md5| MultiHash {
            algorithm: MD5.to_owned(),
            value: md5.as_str().to_owned(),
        });
        self.multihash.iter().cloned().chain(md5)
    }

    /// How a list of the configuration names this content: by md5 where Glance gave it.
    pub fn listed(&self) -> Option<ListedHash> {
        let md5 = self.md5.clone().map(ListedHash::Md5);
        md5.or_else(|| self.multihash.clone().map(ListedHash::Other))
    }

    /// The entry of a list that names this content, by whichever of its hashes.
    pub fn entry_of(&self, list: &BTreeSet<ListedHash>) -> Option<ListedHash> {
        let multihash = self.multihash.clone().map(ListedHash::Other);
        let mut hashes = self.listed().into_iter().chain(multihash);
        hashes.find(|hash| list.contains(hash))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.listed() {
            Some(hash) => hash.fmt(f),
            None => f.write_str("no checksum"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(md5: Option<&str>, sha: Option<&str>) -> ContentHash {
        of_kind("sha512", md5, sha)
    }

    fn of_kind(algorithm: &str, md5: Option<&str>, value: Option<&str>) -> ContentHash {
        ContentHash::new(
            md5.map(|digits| digits.parse().unwrap()),
            value.map(|value| MultiHash::new(algorithm, value).unwrap()),
        )
    }

    const ONE: &str = "9046fd22131a96502cb0d85b4a406a5a";
    const TWO: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn case_of_a_checksum_does_not_count() {
        let upper = ONE.to_ascii_uppercase();
        assert_eq!(upper.parse::<Checksum>(), ONE.parse());
        assert_eq!(upper.parse::<ListedHash>(), ONE.parse());
        assert_eq!(format!("MD5:{upper}").parse::<ListedHash>(), ONE.parse());
        assert_eq!("SHA512:AB".parse::<ListedHash>(), "sha512:ab".parse());
        assert!("9046".parse::<Checksum>().is_err());
        for bad in [
            "any",
            "9046",
            "md5:9046",
            "sha512:",
            ":ab",
            "sha512:xy",
            "a b:ab",
        ] {
            assert!(bad.parse::<ListedHash>().is_err(), "{bad}");
        }
    }

    #[test]
    fn os_hash_decides_where_its_kind_is_the_same_and_md5_otherwise() {
        let sha256 = |md5, value| of_kind("sha256", md5, value);
        for (one, other, expected) in [
            (
                hash(Some(ONE), Some("aa")),
                hash(Some(ONE), Some("bb")),
                Some(false),
            ),
            (
                hash(Some(ONE), Some("aa")),
                hash(Some(TWO), Some("aa")),
                Some(true),
            ),
            (
                hash(None, Some("aa")),
                hash(Some(TWO), Some("aa")),
                Some(true),
            ),
            (hash(None, Some("aa")), hash(None, Some("bb")), Some(false)),
            (
                hash(Some(ONE), Some("aa")),
                sha256(Some(ONE), Some("bb")),
                Some(true),
            ),
            (
                hash(Some(ONE), Some("aa")),
                sha256(Some(TWO), Some("aa")),
                Some(false),
            ),
            (hash(Some(ONE), Some("aa")), sha256(None, Some("aa")), None),
            (hash(Some(ONE), None), hash(None, Some("aa")), None),
            (hash(None, None), hash(None, None), None),
            (
                of_kind("md5", None, Some(ONE)),
                hash(Some(ONE), Some("aa")),
                Some(true),
            ),
        ] {
            assert_eq!(one.compare(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.compare(&one), expected, "{other:?} {one:?}");
        }
    }

    #[test]
    fn a_hash_that_was_found_decides_where_there_is_no_other() {
        let found = |value| ContentHash {
            found: [MultiHash::new("sha256", value).unwrap()].into(),
            ..hash(Some(ONE), Some("aa"))
        };
        let theirs = of_kind("sha256", None, Some("bb"));
        assert_eq!(found("bb").compare(&theirs), Some(true));
        assert_eq!(theirs.compare(&found("cc")), Some(false));
        assert_eq!(
            found("cc").compare(&of_kind("sha256", Some(ONE), Some("bb"))),
            Some(true)
        );
        assert_eq!(
            found("bb").compare(&of_kind("sha1", None, Some("bb"))),
            None
        );
    }

    #[test]
    fn what_has_no_kind_in_common_is_proved_by_hashing_or_not_at_all() {
        let master = hash(Some(ONE), Some("aa"));
        let of = |algorithm| of_kind(algorithm, None, Some("bb"));
        assert_eq!(master.proof(&of("sha512")), Proof::Compared);
        assert_eq!(
            master.proof(&of("sha384")),
            Proof::Hashed("sha384".to_owned())
        );
        assert_eq!(master.proof(&of("blake2b")), Proof::None);
        assert_eq!(master.proof(&hash(None, None)), Proof::None);
        assert_eq!(of("blake2b").proof(&master), Proof::None);
    }

    #[test]
    fn a_list_names_a_content_by_any_of_its_hashes() {
        let both = hash(Some(ONE), Some("aa"));
        let entry = |list: &[&str]| {
            let list = list.iter().map(|text| text.parse().unwrap()).collect();
            both.entry_of(&list).map(|hash| hash.to_string())
        };
        assert_eq!(entry(&["sha512:AA"]).as_deref(), Some("sha512:aa"));
        assert_eq!(entry(&["sha512:aa", ONE]).as_deref(), Some(ONE));
        assert_eq!(entry(&["sha256:aa", TWO]), None);
        assert_eq!(
            hash(None, Some("aa")).listed().unwrap().to_string(),
            "sha512:aa"
        );
    }
}
