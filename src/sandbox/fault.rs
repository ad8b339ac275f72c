//! Faults as data: which request goes wrong, and how.
//!
//! A [`Fault`] is matched by the service's front (`http`) before a request reaches Keystone's or
//! Glance's own code; the effects that belong to an upload are handed on to `glance::upload`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One thing that goes wrong, and for which requests.
///
/// Of several faults that match a request, the first one whose [`Calls`] are not used up acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The HTTP method; none means any.
    #[serde(default)]
    pub method: Option<String>,
    /// Pattern of the path: `*` stands for one segment, a last `**` for any number of them; none
    /// means any path. `/v2/images/*/file` is every upload and download.
    #[serde(default)]
    pub path: Option<String>,
    /// A part of the query string that must be there, as in `marker=`.
    #[serde(default)]
    pub query: Option<String>,
    /// Which of the matching requests, in the order of their arrival.
    #[serde(default)]
    pub calls: Calls,
    /// What happens to them.
    pub effect: Effect,
}

impl Fault {
    /// A fault of every request to that method and path pattern.
    pub fn new(method: &str, path: &str, effect: Effect) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: Some(path.to_owned()),
            query: None,
            calls: Calls::default(),
            effect,
        }
    }

    /// A fault of every request whatever.
    pub fn always(effect: Effect) -> Self {
        Self {
            method: None,
            path: None,
            query: None,
            calls: Calls::default(),
            effect,
        }
    }

    /// Limits the fault to `count` matching requests, beginning with the `first`, counted from 1.
    #[must_use]
    pub fn on(mut self, first: u64, count: u64) -> Self {
        self.calls = Calls {
            first,
            count: Some(count),
        };
        self
    }

    fn matches(&self, method: &str, path: &str, query: &str) -> bool {
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_deref()
                .is_none_or(|pattern| path_matches(pattern, path))
            && self
                .query
                .as_deref()
                .is_none_or(|part| query.contains(part))
    }
}

/// A range of the requests that a fault matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// The first one that the fault acts on, counted from 1.
    pub first: u64,
    /// How many from there on; none means all.
    pub count: Option<u64>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            first: 1,
            count: None,
        }
    }
}

impl Calls {
    fn holds(self, nth: u64) -> bool {
        nth >= self.first && self.count.is_none_or(|count| nth - self.first < count)
    }
}

/// Whether a fault strikes before the service did what was asked of it, or afterwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing was done.
    #[default]
    Before,
    /// It was done, and only the answer is lost or wrong.
    After,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// Answers with this status. The request's body is read first, unless `early` is set: then
    /// the answer comes at once and the connection is closed over the unread body.
    Answer {
        /// HTTP status code.
        status: u16,
        /// Headers of the answer, such as `Retry-After`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body; none gives the service's own error body of that status.
        #[serde(default)]
        body: Option<String>,
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
        /// Whether the request's body is left unread.
        #[serde(default)]
        early: bool,
    },
    /// Waits, then goes on as usual.
    Delay {
        /// Milliseconds.
        millis: u64,
    },
    /// Never answers; the connection stays open.
    Hang {
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
    },
    /// Closes the connection without an answer.
    Drop {
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
    },
    /// Closes the connection after so many bytes of an upload were read.
    DropUpload {
        /// Bytes of the request's body.
        bytes: u64,
    },
    /// The service dies after so many bytes of an upload were read, as if killed, and is back at
    /// once: every connection to it is closed, and the image stays `saving` for ever.
    Crash {
        /// Bytes of the request's body.
        bytes: u64,
    },
    /// Sends only so many bytes of the answer's body, then closes the connection.
    CutBody {
        /// Bytes of the answer's body.
        bytes: u64,
    },
    /// Answers with the usual status and a body that breaks off, though it claims to be JSON.
    WrongJson,
    /// Reads an upload, or sends a body, at that rate only.
    Slow {
        /// Bytes a second.
        bytes_per_sec: u64,
    },
    /// An upload is stored damaged, so that its checksums are others; a download is sent with its
    /// first byte changed.
    WrongContent,
    /// The token turns out to be expired: it is revoked, and the answer is 401.
    ExpireToken,
    /// An upload is read to its end and then refused with 415, as if its content were not what
    /// `disk_format` says.
    WrongFormat,
    /// Answers with this status, and with all that the request held, secrets included, in its body
    /// and its headers: what a proxy does that was left in debugging.
    Echo {
        /// HTTP status code.
        status: u16,
    },
    /// Answers with this status and a body that never ends.
    Endless {
        /// HTTP status code.
        status: u16,
        /// How the body begins.
        start: String,
        /// What comes after that, again and again.
        piece: String,
    },
}

impl Effect {
    /// An answer of that status instead of the usual one, nothing having been done.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::new(),
            body: None,
            when: When::Before,
            early: false,
        }
    }

    /// An answer of that status without reading the request's body; the connection is closed.
    pub fn early(status: u16) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::new(),
            body: None,
            when: When::Before,
            early: true,
        }
    }

    /// An answer of that status with a `Retry-After` header of that many seconds.
    pub fn retry_after(status: u16, secs: u64) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::from([("Retry-After".to_owned(), secs.to_string())]),
            body: None,
            when: When::Before,
            early: false,
        }
    }
}

/// The faults of one service and how often each was met.
#[derive(Debug, Default)]
pub(super) struct FaultBook {
    faults: Vec<(Fault, u64)>,
}

impl FaultBook {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults: faults.into_iter().map(|fault| (fault, 0)).collect(),
        }
    }

    /// Counts the request and gives the effect that it suffers, if any.
    pub(super) fn strike(&mut self, method: &str, path: &str, query: &str) -> Option<Effect> {
        let mut struck = None;
        for (fault, met) in &mut self.faults {
            if fault.matches(method, path, query) {
                *met += 1;
                if struck.is_none() && fault.calls.holds(*met) {
                    struck = Some(fault.effect.clone());
                }
            }
        }
        struck
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    let mut wanted = pattern.trim_matches('/').split('/').peekable();
    while let Some(segment) = wanted.next() {
        if segment == "**" && wanted.peek().is_none() {
            return true;
        }
        match parts.next() {
            Some(part) if segment == "*" || segment == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_segment_and_two_are_many() {
        assert!(path_matches("/v2/images/*/file", "/v2/images/abc/file"));
        assert!(!path_matches("/v2/images/*", "/v2/images/abc/file"));
        assert!(path_matches("/v2/**", "/v2/images/abc/file"));
        assert!(path_matches("/v2/images/**", "/v2/images"));
        assert!(!path_matches("/v2/images", "/v2/imagesx"));
    }

    #[test]
    fn calls_are_counted_from_one() {
        let mut book = FaultBook::new(vec![
            Fault::new("get", "/v2/images", Effect::status(503)).on(2, 2),
        ]);
        let struck: Vec<bool> = (0..5)
            .map(|_| book.strike("GET", "/v2/images", "").is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert!(book.strike("POST", "/v2/images", "").is_none());
    }

    #[test]
    fn an_effect_is_readable_json() {
        let json = serde_json::to_value(Fault::new(
            "PUT",
            "/v2/images/*/file",
            Effect::Drop { when: When::After },
        ))
        .unwrap();
        assert_eq!(json["effect"]["kind"], "drop");
        assert_eq!(json["effect"]["when"], "after");
        let fault: Fault =
            serde_json::from_str(r#"{"effect": {"kind": "delay", "millis": 5}}"#).unwrap();
        assert_eq!(fault.effect, Effect::Delay { millis: 5 });
    }
}
