//! Faults as data: which request goes wrong, and how.
//!
//! A [`Fault`] is matched by the service's front (`http`) before a request reaches Keystone's or
//! Glance's own code. What an [`Effect`] does is in `effect`.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::effect::Effect;

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
    /// A header that must be there, as in `range`.
    #[serde(default)]
    pub header: Option<String>,
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
            header: None,
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
            header: None,
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

    /// Limits the fault to requests that have that header.
    #[must_use]
    pub fn with_header(mut self, name: &str) -> Self {
        self.header = Some(name.to_owned());
        self
    }

    fn matches(&self, method: &str, path: &str, query: &str, headers: &HeaderMap) -> bool {
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
            && self
                .header
                .as_deref()
                .is_none_or(|name| headers.contains_key(name))
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

/// The faults of one service and how often each was met.
#[derive(Debug, Default)]
pub(super) struct ServiceFaults {
    faults: Vec<(Fault, u64)>,
}

impl ServiceFaults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults: faults.into_iter().map(|fault| (fault, 0)).collect(),
        }
    }

    /// Counts the request and gives the effect that it suffers, if any.
    pub(super) fn effect_on(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Option<Effect> {
        let mut effect = None;
        for (fault, met) in &mut self.faults {
            if fault.matches(method, path, query, headers) {
                *met += 1;
                if effect.is_none() && fault.calls.holds(*met) {
                    effect = Some(fault.effect.clone());
                }
            }
        }
        effect
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
    use super::super::effect::When;
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
        let none = HeaderMap::new();
        let mut faults = ServiceFaults::new(vec![
            Fault::new("get", "/v2/images", Effect::status(503)).on(2, 2),
        ]);
        let effect: Vec<bool> = (0..5)
            .map(|_| faults.effect_on("GET", "/v2/images", "", &none).is_some())
            .collect();
        assert_eq!(effect, [false, true, true, false, false]);
        assert!(faults.effect_on("POST", "/v2/images", "", &none).is_none());
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
