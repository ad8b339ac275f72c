//! The log of requests that each Keystone and each region keeps.
//!
//! Written by the services' front (`http`), read through the sandbox's accessors.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

/// How many requests a service remembers; older ones are forgotten.
const MAX_REQUESTS: usize = 20_000;

/// One request, as the service saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Counted from 1 per service, in order of arrival.
    pub number: u64,
    /// HTTP method.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query string without its question mark, as sent; empty when there was none.
    pub query: String,
    /// Headers, names in lower case, less `x-auth-token` and `x-subject-token`.
    pub headers: BTreeMap<String, String>,
    /// The body of a request to Glance that is no upload, when it is text.
    pub body: Option<String>,
    /// Bytes of body that were read.
    pub bytes_received: u64,
    /// Status of the answer; none while the request is under way, and when it was never answered.
    pub status: Option<u16>,
    /// Milliseconds from the arrival to the answer's head.
    pub millis: u64,
    /// Whether it met a fault.
    pub faulted: bool,
    /// Whether it is now held back by [`Effect::Hang`](super::Effect::Hang), its effect, if it was
    /// to have one, being over.
    pub held: bool,
}

impl RecordedRequest {
    /// Whether the request asks for a change: anything but `GET`, `HEAD` and `OPTIONS`.
    pub fn is_change(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// All images of a region at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RegionState {
    /// The number of the request that had just ended; 0 at the beginning and for the present.
    pub request: u64,
    /// Every image as an admin reads it, by UUID.
    pub images: BTreeMap<String, Value>,
}

/// The bounded log itself.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    next: u64,
    requests: VecDeque<RecordedRequest>,
}

impl RequestLog {
    /// Enters a request and gives its number.
    pub(super) fn enter(&mut self, mut request: RecordedRequest) -> u64 {
        self.next += 1;
        request.number = self.next;
        if self.requests.len() == MAX_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.next
    }

    /// Changes an entry that was not forgotten meanwhile.
    pub(super) fn amend(&mut self, number: u64, change: impl FnOnce(&mut RecordedRequest)) {
        let place = self
            .requests
            .binary_search_by_key(&number, |request| request.number);
        if let Ok(index) = place {
            change(&mut self.requests[index]);
        }
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str) -> RecordedRequest {
        RecordedRequest {
            number: 0,
            method: method.to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: BTreeMap::new(),
            body: None,
            bytes_received: 0,
            status: None,
            millis: 0,
            faulted: false,
            held: false,
        }
    }

    #[test]
    fn the_log_is_bounded_and_amendable() {
        let mut log = RequestLog::default();
        for _ in 0..=MAX_REQUESTS {
            log.enter(request("GET"));
        }
        log.amend(1, |request| request.status = Some(500));
        log.amend(2, |request| request.status = Some(200));
        let all = log.all();
        assert_eq!(all.len(), MAX_REQUESTS);
        assert_eq!((all[0].number, all[0].status), (2, Some(200)));
        let number = log.enter(request("PUT"));
        assert_eq!(number, MAX_REQUESTS as u64 + 2);
        assert!(log.all()[MAX_REQUESTS - 1].is_change());
    }
}
