//! `log`: what is said to a person and is no event, as one object a line beside the public events.

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::run_id::RunId;
use super::text::visible_json;
use crate::model::RegionName;

/// A message, as `--log-format json` has it.
#[derive(Serialize)]
pub(super) struct LogRecord<'a> {
    ts: String,
    level: &'static str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a RegionName>,
    message: &'a str,
    target: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    run_id: RunId,
}

impl<'a> LogRecord<'a> {
    /// A message to whoever looks at the run.
    pub(super) fn said(run_id: RunId, message: &'a str, region: Option<&'a RegionName>) -> Self {
        let record = Self::traced(run_id, "info", message, "glancesync", Map::new());
        Self { region, ..record }
    }

    /// A message of tracing in that run: its level, the part of the program that it comes from, and what it is
    /// about.
    pub(super) fn traced(
        run_id: RunId,
        level: &'static str,
        message: &'a str,
        target: &'a str,
        fields: Map<String, Value>,
    ) -> Self {
        Self {
            ts: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            level,
            event: "log",
            region: None,
            message,
            target,
            fields,
            run_id,
        }
    }

    /// The line, with its end; empty where it cannot be written.
    pub(super) fn line(&self) -> String {
        match serde_json::to_string(self) {
            Ok(line) => visible_json(line) + "\n",
            Err(_) => String::new(),
        }
    }
}
