//! Deliveries after which what arrived could not be compared with the master's image, kept for later runs:
//! for some days they are not tried again.
//!
//! A small file of lines, a JSON object each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::{Keeps, make_private, write_atomic};
use crate::host;
use crate::host::{Links, read_regular};
use crate::model::FailedProof;

/// The name of the file in the state folder.
pub const FAILED_PROOFS: &str = "failed_proofs";

/// The newest are kept.
const MAX_LINES: usize = 10_000;

/// No file of so many lines is larger.
const MAX_BYTES: u64 = 16 << 20;

/// The deliveries that are known. All regions of a run share them.
#[derive(Debug, Default)]
pub struct FailedProofs {
    /// Where they are kept; none where they are not.
    path: Option<PathBuf>,
    list: Mutex<Vec<FailedProof>>,
}

impl FailedProofs {
    /// Those that earlier runs left in the folder, and whether some of the file was not readable.
    /// Blocking.
    pub fn read(folder: &Path, keeps: Keeps) -> (Self, bool) {
        let path = folder.join(FAILED_PROOFS);
        let (list, is_damaged) = read(&path);
        let proofs = Self {
            path: (keeps == Keeps::InFolder).then_some(path),
            list: Mutex::new(list),
        };
        (proofs, is_damaged)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FailedProof>> {
        host::locked(&self.list)
    }

    /// All that are known.
    pub fn all(&self) -> Vec<FailedProof> {
        self.lock().clone()
    }

    /// Keeps one in the place of an older one of the same delivery, and drops those whose time is over. Blocking.
    ///
    /// # Errors
    ///
    /// It is known to this run, and cannot be written for later ones.
    pub fn add(&self, proof: FailedProof) -> io::Result<()> {
        let mut list = self.lock();
        let now = proof.at;
        list.retain(|other| other.tried != proof.tried && other.until(now).is_some());
        list.push(proof);
        let surplus = list.len().saturating_sub(MAX_LINES);
        list.drain(..surplus);
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut lines = Vec::new();
        for proof in &*list {
            serde_json::to_writer(&mut lines, proof)?;
            lines.push(b'\n');
        }
        if let Some(folder) = path.parent() {
            make_private(folder)?;
        }
        write_atomic(path, &lines, 0o600)
    }
}

fn read(path: &Path) -> (Vec<FailedProof>, bool) {
    let bytes = match read_regular(path, Links::Refuse, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return (Vec::new(), error.kind() != io::ErrorKind::NotFound),
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    let read: Vec<_> = lines.map(serde_json::from_slice).collect();
    let is_damaged = read.iter().any(Result::is_err);
    (read.into_iter().flatten().collect(), is_damaged)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::*;
    use crate::model::{Delivery, DeliveryTried, ImageId, MultiHash, NOT_RETRIED_FOR};

    fn proof(image: &str, age: TimeDelta) -> FailedProof {
        FailedProof {
            tried: DeliveryTried {
                region: "other:Berlin".to_owned(),
                image: image.to_owned(),
                master_id: ImageId::new("1"),
                content: MultiHash::new("sha512", "aa").unwrap(),
                delivery: Delivery::Auto,
                disk_format: Some("raw".to_owned()),
                stores: vec!["fast".to_owned()],
            },
            at: Utc::now() - age,
        }
    }

    #[test]
    fn what_one_run_keeps_the_next_one_knows() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let (proofs, is_damaged) = FailedProofs::read(&state, Keeps::InFolder);
        assert!(!is_damaged && proofs.all().is_empty());
        let [first, second] = [3, 2].map(|days| proof("two\nlines", TimeDelta::days(days)));
        let other = proof("b", TimeDelta::zero());
        for proof in [&first, &second, &other] {
            proofs.add(proof.clone()).unwrap();
        }
        let (again, is_damaged) = FailedProofs::read(&state, Keeps::Nothing);
        assert!(!is_damaged);
        assert_eq!(again.all(), [second, other]);
        again.add(first).unwrap();
        let (third, _) = FailedProofs::read(&state, Keeps::Nothing);
        assert_eq!(third.all().len(), 2);
    }

    #[test]
    fn those_whose_time_is_over_go() {
        let folder = tempfile::tempdir().unwrap();
        let (proofs, _) = FailedProofs::read(folder.path(), Keeps::InFolder);
        proofs.add(proof("a", NOT_RETRIED_FOR)).unwrap();
        proofs.add(proof("b", TimeDelta::zero())).unwrap();
        assert_eq!(proofs.all().len(), 1);
    }

    #[test]
    fn lines_that_are_damaged_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let (proofs, _) = FailedProofs::read(folder.path(), Keeps::InFolder);
        proofs.add(proof("a", TimeDelta::zero())).unwrap();
        let path = folder.path().join(FAILED_PROOFS);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"region\":1}\n\xff");
        std::fs::write(&path, text).unwrap();
        let (proofs, is_damaged) = FailedProofs::read(folder.path(), Keeps::InFolder);
        assert!(is_damaged);
        assert_eq!(proofs.all().len(), 1);
    }
}
