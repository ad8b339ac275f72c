//! Why a server could not be talked to, in plain words.

use std::error::Error;
use std::fmt;
use std::io;

/// What kind of trouble there was on the way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CauseKind {
    /// The host's name could not be resolved.
    NameNotFound,
    /// Nothing listens there.
    Refused,
    /// The certificate is not trusted, or the server does not speak TLS.
    Tls,
    /// The connection could not be made for another reason.
    NotConnected,
    /// The connection was made and then lost.
    Lost,
    /// Anything else.
    Other,
}

/// Why a server could not be talked to. The text has been freed of URLs and secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportCause {
    /// The kind of trouble.
    pub kind: CauseKind,
    /// The same, for a person.
    pub text: String,
}

impl TransportCause {
    /// Looks through an error of the HTTP client and its causes.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let io_kind = chain(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .map(io::Error::kind)
            .find(|kind| *kind != io::ErrorKind::Other);
        let innermost = innermost(error);
        let lower = innermost.to_ascii_lowercase();
        let (kind, text) = if error.is_dns() {
            (
                CauseKind::NameNotFound,
                format!("the host name is not known ({innermost})"),
            )
        } else if let Some(text) = tls_trouble(&lower) {
            (CauseKind::Tls, format!("{text} ({innermost})"))
        } else if error.is_connect() {
            match io_kind {
                Some(io::ErrorKind::ConnectionRefused) => (
                    CauseKind::Refused,
                    "the connection was refused: nothing listens there".to_owned(),
                ),
                _ if error.is_timeout() => (
                    CauseKind::NotConnected,
                    "no connection could be made in time".to_owned(),
                ),
                _ => (
                    CauseKind::NotConnected,
                    format!("no connection could be made ({innermost})"),
                ),
            }
        } else if matches!(
            io_kind,
            Some(
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::UnexpectedEof
            )
        ) || lower.contains("connection closed")
            || lower.contains("end of file")
        {
            (
                CauseKind::Lost,
                format!("the server closed the connection ({innermost})"),
            )
        } else {
            (CauseKind::Other, innermost)
        };
        Self { kind, text }
    }

    /// True where the request cannot have reached the server.
    pub(super) fn is_before_sending(&self) -> bool {
        !matches!(self.kind, CauseKind::Lost | CauseKind::Other)
    }

    /// True where asking again may help: a certificate is no better the second time.
    pub(super) fn is_transient(&self) -> bool {
        self.kind != CauseKind::Tls
    }
}

impl fmt::Display for TransportCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// The last of the causes: the others only say that something below them failed.
fn innermost(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .map_or_else(|| "no further cause".to_owned(), ToString::to_string)
}

fn tls_trouble(text: &str) -> Option<&'static str> {
    if text.contains("causedasendentity") {
        return Some(
            "the server's certificate is an authority's own, which is no server's: it needs one \
             with `basicConstraints=CA:FALSE`",
        );
    }
    if text.contains("unknownissuer") || text.contains("unknown issuer") {
        Some("the server's certificate comes from an authority that is not trusted")
    } else if text.contains("notvalidforname") || text.contains("not valid for name") {
        Some("the server's certificate is for another host")
    } else if text.contains("expired") && text.contains("certificate") {
        Some("the server's certificate has expired")
    } else if text.contains("invalidcontenttype") || text.contains("corrupt message") {
        Some("the server does not speak TLS: `http` may be meant instead of `https`")
    } else if text.contains("certificate") || text.contains("tls") || text.contains("handshake") {
        Some("no secure connection could be made")
    } else {
        None
    }
}
