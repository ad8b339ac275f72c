//! Why a server could not be talked to, in plain words.

use std::error::Error;
use std::fmt;
use std::io;

use crate::host::describe;

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
        if error.is_dns() {
            return Self::new(CauseKind::NameNotFound, unknown_host(&innermost(error)));
        }
        if error.is_connect() {
            if error.is_timeout() {
                return Self::not_in_time();
            }
            return Self::connecting(io_kind(error.source()), &innermost(error));
        }
        Self::exchanging(io_kind(error.source()), innermost(error))
    }

    /// An address could not be found for a host's name.
    pub(super) fn of_lookup(error: &io::Error) -> Self {
        Self::new(CauseKind::NameNotFound, unknown_host(&error.to_string()))
    }

    /// A connection could not be made.
    pub(super) fn of_connect(error: &io::Error) -> Self {
        Self::connecting(Some(error.kind()), &describe(error))
    }

    /// A connection could not be made before the limit.
    pub(super) fn not_in_time() -> Self {
        let text = "no connection could be made in time".to_owned();
        Self::new(CauseKind::NotConnected, text)
    }

    /// A connection was of no use, or not for long.
    pub(super) fn of_connection(error: &hyper::Error) -> Self {
        Self::exchanging(io_kind(Some(error)), innermost(error))
    }

    fn new(kind: CauseKind, text: String) -> Self {
        Self { kind, text }
    }

    fn connecting(kind: Option<io::ErrorKind>, words: &str) -> Self {
        if let Some(text) = tls_trouble(words) {
            return Self::new(CauseKind::Tls, format!("{text} ({words})"));
        }
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            let text = "the connection was refused: nothing listens there".to_owned();
            return Self::new(CauseKind::Refused, text);
        }
        let text = format!("no connection could be made ({words})");
        Self::new(CauseKind::NotConnected, text)
    }

    fn exchanging(kind: Option<io::ErrorKind>, words: String) -> Self {
        if let Some(text) = tls_trouble(&words) {
            return Self::new(CauseKind::Tls, format!("{text} ({words})"));
        }
        let is_closed = matches!(
            kind,
            Some(
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::UnexpectedEof
            )
        );
        if is_closed || words.contains("connection closed") || words.contains("end of file") {
            let text = format!("the server closed the connection ({words})");
            return Self::new(CauseKind::Lost, text);
        }
        Self::new(CauseKind::Other, words)
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

fn chain<'a>(
    first: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(first, |cause| (*cause).source())
}

fn io_kind(first: Option<&(dyn Error + 'static)>) -> Option<io::ErrorKind> {
    chain(first)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .find(|kind| *kind != io::ErrorKind::Other)
}

/// The last of the causes: the others only say that something below them failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let last = chain(Some(error)).last();
    last.map_or_else(String::new, |cause| {
        cause
            .downcast_ref()
            .map_or_else(|| cause.to_string(), describe)
    })
}

fn unknown_host(words: &str) -> String {
    format!("the host name is not known ({words})")
}

fn tls_trouble(words: &str) -> Option<&'static str> {
    let text = words.to_ascii_lowercase();
    if text.contains("causedasendentity") {
        return Some(
            "the server's certificate is an authority's own, and not one of those that are trusted",
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
