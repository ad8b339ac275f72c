//! A line for each request that is sent, for `-vv`: method, URL, status, seconds, and the id by which the
//! server's log is searched. No secret is in it: neither a user, a password nor a query of a URL, nor a header.

use std::fmt::Write as _;
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode};
use tracing::Level;
use url::Url;

use super::attempt::{AttemptError, REQUEST_ID};

/// The target of the lines, by which they are asked for.
macro_rules! target {
    () => {
        "glancesync::http"
    };
}

/// A request that was sent. Its line is written when this is dropped, however the request ended.
pub(super) struct RequestLog(Option<Sent>);

struct Sent {
    request: String,
    began: Instant,
    end: String,
}

impl RequestLog {
    /// A request that is sent now.
    pub(super) fn begin(method: &Method, url: &Url) -> Self {
        Self(
            tracing::enabled!(target: target!(), Level::DEBUG).then(|| Sent {
                request: format!("{method} {}", without_secrets(url)),
                began: Instant::now(),
                end: "no answer was waited for".to_owned(),
            }),
        )
    }

    /// The head of an answer came.
    pub(super) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(sent) = &mut self.0 {
            status.as_str().clone_into(&mut sent.end);
            let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
            if let Some(id) = id.filter(|id| is_request_id(id)) {
                // Writing to a string never fails.
                let _ = write!(sent.end, ", {id}");
            }
        }
    }

    /// It failed; told where no answer came before.
    pub(super) fn failed(&mut self, error: &AttemptError) {
        if let Some(sent) = &mut self.0
            && !matches!(error, AttemptError::Status { .. })
        {
            let answered = sent.end.starts_with(|c: char| c.is_ascii_digit());
            sent.end = if answered {
                format!("{}, then {error}", sent.end)
            } else {
                error.to_string()
            };
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if let Some(Sent {
            request,
            began,
            end,
        }) = &self.0
        {
            let seconds = began.elapsed().as_secs_f64();
            tracing::debug!(target: target!(), "{request}: {end}, {seconds:.3} s");
        }
    }
}

/// True for an id as OpenStack makes them; a server may answer with anything, a token included.
fn is_request_id(id: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    id.strip_prefix("req-")
        .is_some_and(|rest| rest.len() <= 64 && rest.chars().all(is_part))
}

/// The URL without user, password and query.
pub(super) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    // Fails for a URL without a host alone, which has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openstack::TransportCause;

    fn lines(act: impl FnOnce()) -> String {
        use std::io;
        use std::sync::{Arc, Mutex};
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("glancesync::http=debug")
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_request_is_one_line_without_secrets() {
        let url = Url::parse("http://me:s3cret@glance:9292/v2/images?token=s3cret").unwrap();
        let text = lines(|| {
            let mut log = RequestLog::begin(&Method::GET, &url);
            let headers = [(REQUEST_ID, "req-1".parse().unwrap())]
                .into_iter()
                .collect();
            log.answered(StatusCode::OK, &headers);
            drop(log);
            let mut log = RequestLog::begin(&Method::PUT, &url);
            log.failed(&AttemptError::Transport(TransportCause::not_in_time()));
            drop(log);
            drop(RequestLog::begin(&Method::DELETE, &url));
        });
        let words: Vec<&str> = text
            .lines()
            .map(|line| line.rsplit_once(", ").unwrap().0)
            .collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        DEBUG glancesync::http: GET http://glance:9292/v2/images: 200, req-1
        DEBUG glancesync::http: PUT http://glance:9292/v2/images: no connection could be made in time
        DEBUG glancesync::http: DELETE http://glance:9292/v2/images: no answer was waited for
        ");
    }
}
