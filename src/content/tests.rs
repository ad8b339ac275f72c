//! Expansions of files, as they are read, sent and hashed.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::hashes::Digests;
use super::hashing::{Hasher, Hashing};
use super::qcow2::fixture::Fixture;
use super::{Content, ImagesDir, SourceError, Unsupported};
use crate::model::{ErrorCode, ImageId};

const ID: &str = "3e2b1a9c-0000-4000-8000-000000000001";

fn file(bytes: &[u8]) -> (tempfile::TempDir, Content) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(ID), bytes).unwrap();
    let found = ImagesDir::new(folder.path()).find(&ImageId::new(ID), bytes.len() as u64);
    (folder, found.unwrap().into())
}

/// Reads all of it by pieces of an odd size.
fn read(content: &Content) -> Result<Vec<u8>, SourceError> {
    let mut opened = content.open()?;
    let mut all = Vec::new();
    while (all.len() as u64) < opened.size() {
        let offset = all.len() as u64;
        let ready = opened.ready(offset, Duration::ZERO)?.unwrap();
        let length = usize::try_from(ready.length.min(30_001)).unwrap();
        all.resize(all.len() + length, 0);
        let start = all.len() - length;
        opened.read(&ready, offset, &mut all[start..])?;
    }
    Ok(all)
}

#[tokio::test]
async fn an_expansion_is_read_and_hashed_as_the_raw_content_that_it_is() {
    let fixture = Fixture::mixed(3, 16, 20);
    let disk = fixture.expanded();
    let (folder, content) = file(&fixture.build());
    let expanded = content.expanded().await.unwrap();
    assert_eq!(expanded.size(), disk.len() as u64);
    assert_eq!(
        expanded.to_string(),
        format!("the raw expansion of {content}")
    );
    expanded.begin().await.unwrap();
    assert!(read(&expanded).unwrap() == disk);
    let algorithms = ["md5", "sha512"].map(str::to_owned);
    let mut digests = Digests::by(["md5", "sha512"]);
    digests.update(&disk);
    let wanted = digests.finish();
    assert_eq!(expanded.hashes(algorithms.clone()).await.unwrap(), wanted);
    // Made while it is sent, they are not made again.
    let sent = expanded.hashed_by(algorithms.clone());
    read(&sent).unwrap();
    drop(folder);
    assert_eq!(sent.hashes(algorithms).await.unwrap(), wanted);
}

#[tokio::test]
async fn the_qcow2_is_hashed_beside_the_sending_of_its_expansion() {
    let qcow2 = Fixture::mixed(3, 16, 20).build();
    let (folder, content) = file(&qcow2);
    let algorithm = || ["sha512".to_owned()];
    let content = content.hashed_by(algorithm()).expanded().await.unwrap();
    content.hash_stored().await.unwrap();
    drop(folder);
    let mut digests = Digests::by(["sha512"]);
    digests.update(&qcow2);
    let stored = content.as_stored();
    assert_eq!(stored.hashes(algorithm()).await.unwrap(), digests.finish());
    assert!(stored.hashes(["md5".to_owned()]).await.is_err());
    content.hash_stored().await.unwrap();
}

#[tokio::test]
async fn the_qcow2_of_an_expansion_is_hashed_only_while_it_is_what_was_found() {
    let (folder, content) = file(&Fixture::mixed(3, 16, 20).build());
    let hashed = content.hashed_by(["sha512".to_owned()]);
    let expanded = hashed.expanded().await.unwrap();
    let path = folder.path().join(ID);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5))
        .unwrap();
    let error = expanded.hash_stored().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SourceChanged);
    content.hash_stored().await.unwrap();
}

#[test]
fn what_is_broken_off_has_no_hash_and_leaves_no_thread() {
    let hashing = Arc::new(Hashing::by(["sha512".to_owned()].into()));
    let mut hasher = Hasher::begin(&hashing, 3 << 20).unwrap();
    let piece = vec![7; 1 << 20];
    for offset in [0, 1 << 20, 0, 3 << 20] {
        hasher.update(offset, &piece);
    }
    assert_eq!(Arc::strong_count(&hashing), 2);
    drop(hasher);
    assert_eq!(Arc::strong_count(&hashing), 1, "the thread has ended");
    assert!(hashing.made().is_none());
}

#[test]
fn nothing_is_hashed_as_nothing() {
    let hashing = Arc::new(Hashing::by(["md5".to_owned()].into()));
    let _hasher = Hasher::begin(&hashing, 0).unwrap();
    assert_eq!(*hashing.made(), Some(Digests::by(["md5"]).finish()));
}

#[tokio::test]
async fn nothing_of_an_expansion_is_sent_out_of_the_file() {
    let (_folder, content) = file(&Fixture::mixed(3, 16, 2).build());
    let mut opened = content.expanded().await.unwrap().open().unwrap();
    let ready = opened.ready(0, Duration::ZERO).unwrap().unwrap();
    assert!(ready.sendable().is_none());
    assert_eq!(
        ready.length,
        opened.size() - 1,
        "the last byte is not ready"
    );
}

#[tokio::test]
async fn what_must_not_be_expanded_is_refused_before_anything_is_read() {
    let (_folder, content) = file(b"no qcow2 at all");
    let error = content.expanded().await.unwrap_err();
    assert_eq!(error, SourceError::Unsupported(Unsupported::NotQcow2));
    assert_eq!(error.code(), ErrorCode::SourceUnsupported);
    let mut cut = Fixture::mixed(3, 16, 20).build();
    cut.truncate(700_000);
    let (_folder, content) = file(&cut);
    let error = content.expanded().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SourceUnsupported);
    assert!(error.to_string().contains("it was cut"), "{error}");
}

#[tokio::test]
async fn garbled_data_breaks_the_content_off_wherever_it_is_read() {
    let fixture = Fixture::mixed(3, 16, 20);
    let mut image = fixture.build();
    let start = fixture.compressed_offset(17);
    image[start..start + 500].fill(0xff);
    let (_folder, content) = file(&image);
    let expanded = content.expanded().await.unwrap();
    let hashes = expanded.hashes(["sha256".to_owned()]).await;
    for error in [read(&expanded).unwrap_err(), hashes.unwrap_err()] {
        let offset = 17 << 16;
        let wanted = Unsupported::Compressed { offset };
        assert_eq!(error, SourceError::Unsupported(wanted));
    }
}

#[tokio::test]
async fn a_file_that_is_written_to_meanwhile_is_not_taken_for_a_damaged_image() {
    let image = Fixture::mixed(3, 16, 20).build();
    let (folder, content) = file(&image);
    let expanded = content.expanded().await.unwrap();
    let mut opened = expanded.open().unwrap();
    let ready = opened.ready(0, Duration::ZERO).unwrap().unwrap();
    let path = folder.path().join(ID);
    fs::write(&path, vec![0xff; image.len()]).unwrap();
    let later = SystemTime::now() + Duration::from_secs(5);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(later).unwrap();
    let mut buffer = vec![0; 500_000];
    let error = opened.read(&ready, 0, &mut buffer).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SourceChanged);
    assert!(expanded.open().is_err());
}
