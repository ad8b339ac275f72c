//! A request on its way to a service, and what a service is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};

use super::{Incoming, Switchboard, locked};
use crate::sandbox::effect::{ImportEnd, ImportStage, SaveEnd};
use crate::sandbox::fault::{Fault, ServiceFaults};
use crate::sandbox::record::RequestLog;
use crate::sandbox::spec::DateHeader;

/// What every service has: its log, its faults, its connections.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Front {
    pub(in crate::sandbox) log: Mutex<RequestLog>,
    pub(in crate::sandbox) faults: Mutex<ServiceFaults>,
    pub(in crate::sandbox) board: Arc<Switchboard>,
    pub(super) date: DateHeader,
}

impl Front {
    /// The front of a service that has these faults from its start.
    pub(in crate::sandbox) fn new(faults: &[Fault], date: DateHeader) -> Arc<Self> {
        Arc::new(Self {
            faults: Mutex::new(ServiceFaults::new(faults.to_vec())),
            date,
            ..Self::default()
        })
    }
}

/// A request as a service sees it.
#[derive(Debug)]
pub(in crate::sandbox) struct Call {
    pub(in crate::sandbox) method: Method,
    /// Path, still percent-encoded.
    pub(in crate::sandbox) path: String,
    pub(in crate::sandbox) query: String,
    pub(in crate::sandbox) headers: HeaderMap,
    pub(in crate::sandbox) body: Incoming,
    pub(in crate::sandbox) response_fault: ResponseFault,
    pub(super) front: Arc<Front>,
    pub(super) number: u64,
}

impl Call {
    /// A header's value, when it is there and text.
    pub(in crate::sandbox) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Closes every connection of the service.
    pub(in crate::sandbox) fn cut_all(&self) {
        self.front.board.cut_all();
    }

    /// The request's number in the log.
    pub(in crate::sandbox) fn number(&self) -> u64 {
        self.number
    }

    /// Enters the request's text into the log.
    pub(in crate::sandbox) fn note_body(&self, text: &str) {
        locked(&self.front.log).amend(self.number, |request| request.body = Some(text.to_owned()));
    }
}

/// What a fault asks of the service itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sandbox) enum ResponseFault {
    #[default]
    None,
    /// Store or send damaged content.
    WrongContent,
    /// Refuse an upload's content at its end.
    WrongFormat,
    /// Treat the token as expired.
    ExpireToken,
    /// Answer an upload before it is stored, which it is after that time.
    SaveLater { wait: Duration, end: SaveEnd },
    /// Have an import wait there, for ever where no time is given, and end so.
    Import {
        wait_at: ImportStage,
        wait: Option<Duration>,
        end: ImportEnd,
    },
    /// Do not find a new image for that long.
    Unseen(Duration),
    /// List images that do not exist, for ever.
    EndlessList,
}

impl ResponseFault {
    /// Whether content is to be damaged.
    pub(in crate::sandbox) fn damages(self) -> bool {
        matches!(
            self,
            Self::WrongContent
                | Self::SaveLater {
                    end: SaveEnd::Damaged,
                    ..
                }
        )
    }
}

/// An error answer that a fault asks for, to be written as the service would say it.
#[derive(Debug)]
pub(in crate::sandbox) struct Refusal<'a> {
    pub(in crate::sandbox) status: StatusCode,
    /// The request's `Accept` header.
    pub(in crate::sandbox) accept: Option<&'a str>,
}

/// Keystone or Glance.
pub(in crate::sandbox) trait Service: Send + Sync + 'static {
    fn front(&self) -> &Arc<Front>;

    /// Does what the request asks, and answers.
    fn answer(self: Arc<Self>, call: Call) -> impl Future<Output = Response<Body>> + Send;

    /// A request that asked for a change is over, whatever became of it.
    fn changed(&self, _request: u64) {}

    /// The service's error body of a status.
    fn refuse(&self, refusal: &Refusal<'_>) -> Response<Body>;
}
