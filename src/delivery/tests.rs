//! What an upload does on the wire, against a server that follows a script.

use std::fs::File;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body::Body;

use super::body::ContentBody;
use super::progress::UploadProgress;
use super::rate_limit::UploadRate;
use super::{RateLimiter, TransferError, UploadLimits, read_ahead, upload};
use crate::content::{Content, ImagesDir};
use crate::model::{ErrorCode, ImageId};
use crate::openstack::ContentTarget;
use crate::openstack::testing::{FakeCloud, Script};
use crate::wait::until;

const ID: &str = "3e2b1a9c-0000-4000-8000-000000000001";
const PATH: &str = "/v2/images/3e2b1a9c-0000-4000-8000-000000000001/file";
const MIB: usize = 1 << 20;

const SHORT: UploadLimits = UploadLimits {
    stall_timeout: Duration::from_millis(300),
    save_timeout: Duration::from_mins(15),
    bandwidth: Vec::new(),
};
const LONG: UploadLimits = UploadLimits {
    stall_timeout: Duration::from_secs(30),
    save_timeout: Duration::from_mins(15),
    bandwidth: Vec::new(),
};

struct Upload {
    cloud: FakeCloud,
    folder: tempfile::TempDir,
    content: Content,
    bytes_sent: Arc<AtomicU64>,
}

impl Upload {
    async fn of(size: usize, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join(ID)).unwrap();
        if size < 32 * MIB {
            (&file)
                .write_all(&(0..=250).cycle().take(size).collect::<Vec<_>>())
                .unwrap();
        } else {
            // A file with a hole costs no space.
            file.set_len(size as u64).unwrap();
        }
        let content = ImagesDir::new(folder.path())
            .find(&ImageId::new(ID), size as u64)
            .unwrap();
        let cloud =
            FakeCloud::start(move |seen| seen.is("PUT", PATH).then(|| script.clone())).await;
        Self {
            cloud,
            folder,
            content: content.into(),
            bytes_sent: Arc::default(),
        }
    }

    async fn run(&self, limits: UploadLimits) -> Result<(), TransferError> {
        let writer = self.cloud.writer().await;
        upload(
            &writer,
            &ImageId::new(ID),
            &ContentTarget::DefaultStore,
            &self.content,
            &self.bytes_sent,
            &limits,
        )
        .await
    }

    fn sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn contents_of_every_size_go_out_whole_and_with_their_length() {
    for size in [0, 1, 64 << 10, (512 << 10) + 1, 20 * MIB + 3] {
        let upload = Upload::of(size, Script::status(204)).await;
        upload.run(LONG).await.unwrap();
        let seen = upload.cloud.last();
        assert_eq!(seen.headers["content-length"], size.to_string());
        assert_eq!(seen.headers["x-openstack-image-size"], size.to_string());
        assert_eq!(seen.headers["content-type"], "application/octet-stream");
        assert!(!seen.headers.contains_key("transfer-encoding"));
        assert_eq!(upload.sent(), size as u64);
        assert_eq!(
            upload.cloud.body_bytes.load(Ordering::Relaxed),
            (size + login_bytes(&upload)) as u64
        );
        let kept = &seen.body[..];
        assert!(
            kept.iter().copied().eq((0..=250).cycle().take(kept.len())),
            "{size}"
        );
    }
}

/// The log-in has a body as well.
fn login_bytes(upload: &Upload) -> usize {
    upload.cloud.seen.lock().unwrap()[0].body.len()
}

#[tokio::test]
async fn an_early_answer_is_reported_and_not_the_broken_pipe() {
    for read in [0, 1, MIB, 2 * MIB, 3 * MIB, 5 * MIB, 9 * MIB, 20 * MIB] {
        let message = r#"{"message": "Quota exceeded.<br />"}"#.to_owned();
        let upload = Upload::of(30 * MIB, Script::AnswerAfter(read, 413, message)).await;
        let error = upload.run(LONG).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::QuotaExceeded, "{error}");
        assert!(
            error.to_string().contains("HTTP 413: Quota exceeded."),
            "{error}"
        );
        assert!(upload.sent() < 30 << 20);
    }
}

#[tokio::test]
async fn an_answer_at_the_end_is_reported_with_its_hint() {
    for (status, code, hint) in [
        (415, ErrorCode::UploadFailed, "disk format"),
        (410, ErrorCode::UploadFailed, "deleted"),
        (500, ErrorCode::UploadFailed, "Run again"),
    ] {
        let upload = Upload::of(MIB, Script::status(status)).await;
        let error = upload.run(LONG).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.hint().contains(hint), "{}", error.hint());
        assert_eq!(upload.cloud.count("PUT", PATH), 1);
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_all_is_sent_again() {
    let upload = Upload::of(2 * MIB, Script::status(401)).await;
    let error = upload.run(LONG).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AuthFailed);
    assert_eq!(upload.cloud.count("PUT", PATH), 2);
    assert_eq!(upload.cloud.count("POST", "/v3/auth/tokens"), 3);
    assert_eq!(upload.sent(), 2 << 20);
}

#[tokio::test]
async fn a_success_before_the_end_is_none() {
    let upload = Upload::of(64 * MIB, Script::AnswerAfter(1, 204, String::new())).await;
    let error = upload.run(LONG).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UploadFailed, "{error}");
}

#[tokio::test]
async fn a_server_that_stops_reading_is_a_stall() {
    let upload = Upload::of(1 << 30, Script::StopAfter(5 * MIB)).await;
    let started = Instant::now();
    let error = upload.run(SHORT).await.unwrap_err();
    assert!(matches!(error, TransferError::Stalled { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::UploadStalled);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_never_answers_has_longer_but_not_for_ever() {
    for size in [0, MIB] {
        let upload = Upload::of(size, Script::NeverAnswer).await;
        let started = Instant::now();
        let error = upload.run(SHORT).await.unwrap_err();
        assert!(matches!(error, TransferError::NoAnswer { .. }), "{error}");
        assert!(started.elapsed() >= SHORT.stall_timeout * 5);
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// Takes all of a body, as an HTTP client whose connection takes everything at once.
async fn drain(upload: &Upload, rate: Option<UploadRate>) -> usize {
    let progress = Arc::new(UploadProgress::default());
    let pieces = read_ahead::start(upload.content.clone(), &progress);
    let pieces = pieces.await.unwrap();
    let mut body = ContentBody::new(upload.content.clone(), pieces, progress, rate);
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        bytes += frame.unwrap().into_data().unwrap().len();
    }
    bytes
}

#[tokio::test]
async fn uploads_by_sendfile_and_by_body_share_a_limit_evenly() {
    const SIZE: usize = 300 << 10;
    let upload = Upload::of(SIZE, Script::status(204)).await;
    let limiter = RateLimiter::new(&"400K".parse().unwrap()).unwrap();
    let limits = UploadLimits {
        // By the limit alone, 64 KiB take longer than `stall_timeout`.
        bandwidth: vec![Arc::clone(&limiter)],
        ..SHORT
    };
    let started = Instant::now();
    let by_body = async {
        let bytes = drain(&upload, UploadRate::join(&[limiter])).await;
        (bytes, started.elapsed())
    };
    let by_sendfile = async {
        upload.run(limits).await.unwrap();
        started.elapsed()
    };
    let (sendfile, (bytes, body)) = tokio::join!(by_sendfile, by_body);
    assert_eq!(bytes, SIZE);
    for elapsed in [sendfile, body] {
        // One that got all until it had enough would be over after 0.75 s.
        assert!(
            elapsed > Duration::from_millis(1100),
            "{sendfile:?} {body:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_connection_is_an_upload_that_failed() {
    let upload = Upload::of(30 * MIB, Script::CloseAfter(MIB)).await;
    let error = upload.run(LONG).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UploadFailed, "{error}");
    assert!(
        error.to_string().contains("closed the connection"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_blamed_itself_and_never_completes() {
    for (change, code) in [
        ("grow", ErrorCode::SourceSize),
        ("shrink", ErrorCode::SourceSize),
        ("touch", ErrorCode::SourceChanged),
    ] {
        let size = 96 * MIB;
        let upload = Upload::of(size, Script::status(204)).await;
        let file = File::options()
            .append(true)
            .open(upload.folder.path().join(ID))
            .unwrap();
        let changing = async {
            while upload.sent() == 0 {
                tokio::task::yield_now().await;
            }
            match change {
                "grow" => (&file).write_all(b"more").unwrap(),
                "shrink" => file.set_len(size as u64 - 1).unwrap(),
                _ => file
                    .set_modified(std::time::SystemTime::UNIX_EPOCH)
                    .unwrap(),
            }
        };
        let (result, ()) = tokio::join!(upload.run(LONG), changing);
        let error = result.unwrap_err();
        assert_eq!(error.code(), code, "{change}: {error}");
        assert!(error.to_string().contains(ID), "{error}");
        let is_over = async || upload.cloud.broken_off.load(Ordering::Relaxed) == 1;
        until("the end of the connection", is_over).await;
        assert!(
            upload.cloud.body_bytes.load(Ordering::Relaxed) < (size + login_bytes(&upload)) as u64,
            "{change}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_gone_costs_no_connection() {
    let upload = Upload::of(MIB, Script::status(204)).await;
    std::fs::remove_file(upload.content.path().unwrap()).unwrap();
    let error = upload.run(LONG).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SourceMissing);
    assert_eq!(upload.cloud.count("PUT", PATH), 0);
}

#[tokio::test]
async fn a_dropped_upload_is_broken_off_and_ends_its_thread() {
    for script in [Script::Slowly, Script::StopAfter(5 * MIB)] {
        let upload = Upload::of(1 << 30, script).await;
        let is_amid = async || upload.sent() > 5 << 20;
        tokio::select! {
            result = upload.run(LONG) => panic!("{result:?}"),
            () = until("an upload under way", is_amid) => {}
        }
        let sent = upload.sent();
        // Whether the server reads or not.
        let is_over = async || Arc::strong_count(&upload.bytes_sent) == 1;
        until("the end of the body and its thread", is_over).await;
        assert!(upload.sent() <= sent + (1 << 20));
    }
}
