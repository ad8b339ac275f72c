//! What a run of the product left behind: exit code, output, events, and the requests it made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::events;
use super::traffic::Request;

/// A finished run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was run, for messages.
    pub(crate) command: String,
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What each Keystone and region got, by `keystone:<target>` and `<target>:<Region>`.
    pub(crate) traffic: BTreeMap<String, Vec<Request>>,
}

/// A line of the status report.
pub(crate) type StatusLine = (String, String, String);

impl Outcome {
    /// The outcome itself, if its exit code is that one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The status report: status, region and image of each line.
    #[track_caller]
    pub(crate) fn status(&self) -> Vec<StatusLine> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(self.stdout.as_bytes());
        let lines: Result<Vec<StatusLine>, _> = reader.deserialize().collect();
        lines.unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// `<status> <image>` of each line about that region.
    #[track_caller]
    pub(crate) fn status_of(&self, region: &str) -> Vec<String> {
        let lines = self.status().into_iter().filter(|(_, of, _)| of == region);
        lines
            .map(|(status, _, image)| format!("{status} {image}"))
            .collect()
    }

    /// Standard output as one JSON document, which is as the page about documents says.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document = serde_json::from_str(&self.stdout);
        let document = document.unwrap_or_else(|error| panic!("{error} in {self}"));
        let complaints = super::documents::complaints(&document);
        assert!(complaints.is_empty(), "{complaints:#?} in {self}");
        document
    }

    /// The events on standard error, one object a line.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}"))
        };
        self.stderr.lines().map(parse).collect()
    }

    /// Asserts that every event is as the page about events says and of one run, whatever else is in there.
    #[track_caller]
    pub(crate) fn assert_events_are_documented(&self) {
        let objects = self.stderr.lines().filter(|line| line.starts_with('{'));
        let mut run_ids = BTreeSet::new();
        for line in objects {
            let Ok(event) = serde_json::from_str(line) else {
                continue;
            };
            let complaints = events::complaints(&event);
            assert_eq!(complaints, [""; 0], "{line}\nin {self}");
            run_ids.insert(event["run_id"].to_string());
        }
        assert!(run_ids.len() <= 1, "{run_ids:?} in {self}");
    }

    /// The events of that name.
    #[track_caller]
    pub(crate) fn events_named(&self, name: &str) -> Vec<Value> {
        let events = self.events().into_iter();
        events.filter(|event| event["event"] == name).collect()
    }

    /// `<code> <image>` of each warning, or the code alone where it is about no image.
    #[track_caller]
    pub(crate) fn warnings(&self) -> Vec<String> {
        words(&self.events_named("warning"), &["code", "image"])
    }

    /// `<code> <image>` of each error, or the code alone.
    #[track_caller]
    pub(crate) fn errors(&self) -> Vec<String> {
        words(&self.events_named("error"), &["code", "image"])
    }

    /// `<region> <action> <image>` of each event of that name, in order.
    #[track_caller]
    pub(crate) fn actions(&self, name: &str) -> Vec<String> {
        words(&self.events_named(name), &["region", "action", "image"])
    }

    /// `<region> <result>` of each region that ended.
    #[track_caller]
    pub(crate) fn results(&self) -> Vec<String> {
        words(&self.events_named("region_finished"), &["region", "result"])
    }

    /// Asserts that a warning with that code, about that image, was given.
    #[track_caller]
    pub(crate) fn assert_warns(&self, warning: &str) {
        assert!(
            self.warnings().iter().any(|given| given == warning),
            "no {warning} in {self}"
        );
    }

    /// Asserts that an error with that code, about that image, was given.
    #[track_caller]
    pub(crate) fn assert_fails(&self, error: &str) {
        assert!(
            self.errors().iter().any(|given| given == error),
            "no {error} in {self}"
        );
    }

    /// Asserts that a person finds that in what was said on standard error.
    #[track_caller]
    pub(crate) fn assert_says(&self, text: &str) {
        let said = self.stderr.to_lowercase();
        assert!(said.contains(&text.to_lowercase()), "no {text:?} in {self}");
    }

    /// The requests that a server got during the run.
    #[track_caller]
    pub(crate) fn requests(&self, server: &str) -> &[Request] {
        self.traffic
            .get(server)
            .unwrap_or_else(|| panic!("no server {server}"))
    }

    /// Those of them that ask for a change.
    #[track_caller]
    pub(crate) fn changes(&self, server: &str) -> Vec<&Request> {
        self.requests(server)
            .iter()
            .filter(|request| request.is_change())
            .collect()
    }

    /// Those of them that send content.
    #[track_caller]
    pub(crate) fn uploads(&self, server: &str) -> usize {
        self.requests(server)
            .iter()
            .filter(|request| request.is_upload())
            .count()
    }

    /// Asserts that no region was asked for any change.
    #[track_caller]
    pub(crate) fn assert_changed_nothing(&self) {
        for server in self
            .traffic
            .keys()
            .filter(|name| !name.starts_with("keystone:"))
        {
            assert_eq!(
                self.changes(server),
                [] as [&Request; 0],
                "{server} after {self}"
            );
        }
    }
}

/// Those fields of each event that it has, joined by spaces.
fn words(events: &[Value], fields: &[&str]) -> Vec<String> {
    let join = |event: &Value| {
        let present: Vec<&str> = fields
            .iter()
            .filter_map(|field| event[field].as_str())
            .collect();
        present.join(" ")
    };
    events.iter().map(join).collect()
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.command)?;
        writeln!(f, "exit code {:?}", self.code)?;
        writeln!(f, "--- standard output\n{}", self.stdout)?;
        writeln!(f, "--- standard error\n{}", self.stderr)
    }
}
