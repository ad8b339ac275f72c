//! The hashes of other kinds that contents of the master were found to have, kept for later runs: a
//! region whose Glance hashes otherwise than the master's is compared by them.
//!
//! A small file of lines: a hash that the master gives, and one that the same content has; or, with `raw` and a size
//! in bytes between them, one that it has when it is expanded to raw.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::{make_private, write_atomic};
use crate::host;
use crate::host::{Links, read_regular};
use crate::model::{ContentHash, Expansion, MultiHash};

/// The name of the file in the state folder.
pub const HASHES: &str = "hashes";

/// The newest are kept: some 3 MiB.
const MAX_LINES: usize = 10_000;

/// No file of so many lines is larger.
const MAX_BYTES: u64 = 4 << 20;

/// The hashes that are known. All regions of a run share them.
#[derive(Debug, Default)]
pub struct FoundHashes {
    /// Where they are kept; none where they are not.
    path: Option<PathBuf>,
    pairs: Mutex<VecDeque<Pair>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    master: MultiHash,
    /// The size of what the content is expanded to, where the hash is of that.
    expanded_to: Option<u64>,
    found: MultiHash,
}

impl FoundHashes {
    /// Those that earlier runs left in the folder, and whether some of the file was not readable.
    /// Blocking.
    pub fn read(folder: &Path, keeps: Keeps) -> (Self, bool) {
        let path = folder.join(HASHES);
        let (pairs, is_damaged) = read(&path);
        let hashes = Self {
            path: (keeps == Keeps::InFolder).then_some(path),
            pairs: Mutex::new(pairs),
        };
        (hashes, is_damaged)
    }

    /// True where nothing is known.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Pair>> {
        host::locked(&self.pairs)
    }

    /// The hashes that a content of the master was found to have.
    pub fn of(&self, master: &ContentHash) -> BTreeSet<MultiHash> {
        let pairs = self.lock();
        if pairs.is_empty() {
            return BTreeSet::new();
        }
        let names: Vec<MultiHash> = master.hashes().collect();
        let pairs = pairs.iter().filter(|pair| names.contains(&pair.master));
        let plain = pairs.filter(|pair| pair.expanded_to.is_none());
        plain.map(|pair| pair.found.clone()).collect()
    }

    /// What a content of the master was found to come to when it is expanded to raw.
    fn expansion_of(&self, master: &ContentHash) -> Option<Expansion> {
        let pairs = self.lock();
        let names: Vec<MultiHash> = master.hashes().collect();
        let pairs = pairs.iter().filter(|pair| names.contains(&pair.master));
        let mut expansion: Option<Expansion> = None;
        for pair in pairs {
            // Of two sizes the newer is right.
            let Some(size) = pair.expanded_to else {
                continue;
            };
            let known = expansion.get_or_insert_default();
            if known.size != size {
                *known = Expansion {
                    size,
                    ..Expansion::default()
                };
            }
            known.hashes.insert(pair.found.clone());
        }
        expansion
    }

    /// The same content, with them.
    pub fn complete(&self, master: &ContentHash) -> ContentHash {
        ContentHash {
            found: self.of(master),
            expansion: self.expansion_of(master),
            ..master.clone()
        }
    }

    /// Keeps a hash that a content of the master was proved to have. Blocking.
    ///
    /// # Errors
    ///
    /// It is known to this run, and cannot be written for later ones.
    pub fn add(&self, master: &ContentHash, found: MultiHash) -> io::Result<()> {
        self.add_pair(master, None, found)
    }

    /// Keeps a hash that a content of the master was proved to have when it is expanded to raw, with the size of
    /// that in bytes. Blocking.
    ///
    /// # Errors
    ///
    /// It is known to this run, and cannot be written for later ones.
    pub fn add_expansion(
        &self,
        master: &ContentHash,
        size: u64,
        found: MultiHash,
    ) -> io::Result<()> {
        self.add_pair(master, Some(size), found)
    }

    fn add_pair(
        &self,
        master: &ContentHash,
        expanded_to: Option<u64>,
        found: MultiHash,
    ) -> io::Result<()> {
        let Some(master) = master.hashes().next() else {
            return Ok(());
        };
        let mut pairs = self.lock();
        let pair = Pair {
            master,
            expanded_to,
            found,
        };
        pairs.retain(|other| *other != pair);
        pairs.push_back(pair);
        while pairs.len() > MAX_LINES {
            pairs.pop_front();
        }
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut lines = String::new();
        for pair in &*pairs {
            let (master, found) = (&pair.master, &pair.found);
            // Writing into a text does not fail.
            let _ = match pair.expanded_to {
                None => writeln!(lines, "{master} {found}"),
                Some(size) => writeln!(lines, "{master} raw {size} {found}"),
            };
        }
        if let Some(folder) = path.parent() {
            make_private(folder)?;
        }
        write_atomic(path, lines.as_bytes(), 0o600)
    }
}

/// Whether what is found in a run is kept for later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// In the folder.
    InFolder,
    /// For this run only.
    Nothing,
}

fn read(path: &Path) -> (VecDeque<Pair>, bool) {
    let text = match read_regular(path, Links::Refuse, MAX_BYTES) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return (VecDeque::new(), error.kind() != io::ErrorKind::NotFound),
    };
    let mut is_damaged = false;
    let mut pairs = VecDeque::new();
    for line in text.lines() {
        match pair(line) {
            Some(pair) => pairs.push_back(pair),
            None => is_damaged = true,
        }
    }
    while pairs.len() > MAX_LINES {
        pairs.pop_front();
    }
    (pairs, is_damaged)
}

fn pair(line: &str) -> Option<Pair> {
    let hash = |word: &str| {
        let (algorithm, value) = word.split_once(':')?;
        MultiHash::new(algorithm, value)
    };
    let words: Vec<&str> = line.split(' ').collect();
    let (master, expanded_to, found) = match words[..] {
        [master, found] => (master, None, found),
        [master, "raw", size, found] => (master, Some(size.parse().ok()?), found),
        _ => return None,
    };
    Some(Pair {
        master: hash(master)?,
        expanded_to,
        found: hash(found)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(algorithm: &str, value: &str) -> MultiHash {
        MultiHash::new(algorithm, value).unwrap()
    }

    fn master(value: &str) -> ContentHash {
        ContentHash::new(None, Some(hash("sha512", value)))
    }

    #[test]
    fn what_one_run_finds_the_next_one_knows() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let (hashes, is_damaged) = FoundHashes::read(&state, Keeps::InFolder);
        assert!(!is_damaged && hashes.of(&master("aa")).is_empty());
        hashes.add(&master("aa"), hash("sha256", "bb")).unwrap();
        hashes.add(&master("aa"), hash("sha1", "cc")).unwrap();
        hashes.add(&master("aa"), hash("sha256", "bb")).unwrap();
        let (again, is_damaged) = FoundHashes::read(&state, Keeps::Nothing);
        assert!(!is_damaged);
        for hashes in [&hashes, &again] {
            let found = [hash("sha256", "bb"), hash("sha1", "cc")];
            assert_eq!(hashes.of(&master("aa")), found.into());
            assert!(hashes.of(&master("bb")).is_empty());
            assert_eq!(hashes.complete(&master("aa")).found.len(), 2);
        }
        again.add(&master("dd"), hash("sha256", "ee")).unwrap();
        let text = std::fs::read_to_string(state.join(HASHES)).unwrap();
        assert_eq!(text, "sha512:aa sha1:cc\nsha512:aa sha256:bb\n");
    }

    #[test]
    fn what_a_content_expands_to_is_known_too() {
        let folder = tempfile::tempdir().unwrap();
        let (hashes, _) = FoundHashes::read(folder.path(), Keeps::InFolder);
        hashes.add(&master("aa"), hash("sha256", "bb")).unwrap();
        hashes
            .add_expansion(&master("aa"), 7, hash("sha512", "cc"))
            .unwrap();
        hashes
            .add_expansion(&master("aa"), 7, hash("md5", "dd"))
            .unwrap();
        let (again, is_damaged) = FoundHashes::read(folder.path(), Keeps::Nothing);
        assert!(!is_damaged);
        for hashes in [&hashes, &again] {
            let content = hashes.complete(&master("aa"));
            assert_eq!(content.found, [hash("sha256", "bb")].into());
            let expansion = content.expansion.unwrap();
            assert_eq!(expansion.size, 7);
            assert_eq!(
                expansion.hashes,
                [hash("sha512", "cc"), hash("md5", "dd")].into()
            );
            assert_eq!(hashes.complete(&master("bb")).expansion, None);
        }
    }

    #[test]
    fn lines_that_are_damaged_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(HASHES);
        std::fs::write(&path, "sha512:aa sha256:bb\nsha512:aa sha2\n").unwrap();
        let (hashes, is_damaged) = FoundHashes::read(folder.path(), Keeps::InFolder);
        assert!(is_damaged);
        assert_eq!(hashes.of(&master("aa")).len(), 1);
        for bytes in [&b"\xff\xfe"[..], b"x"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(FoundHashes::read(folder.path(), Keeps::InFolder).1);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let (hashes, is_damaged) = FoundHashes::read(folder.path(), Keeps::InFolder);
        assert!(is_damaged);
        assert!(hashes.add(&master("aa"), hash("sha256", "bb")).is_err());
        assert_eq!(hashes.of(&master("aa")).len(), 1);
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let line = |number: usize| format!("sha512:{number:08x} sha256:{number:08x}");
        let lines: Vec<String> = (0..=MAX_LINES).map(line).collect();
        std::fs::write(folder.path().join(HASHES), lines.join("\n")).unwrap();
        let (hashes, _) = FoundHashes::read(folder.path(), Keeps::Nothing);
        assert!(hashes.of(&master("00000000")).is_empty());
        assert_eq!(hashes.of(&master("00000001")).len(), 1);
        hashes.add(&master("aa"), hash("sha256", "aa")).unwrap();
        assert!(hashes.of(&master("00000001")).is_empty());
    }
}
