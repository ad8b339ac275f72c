//! The requests that a server of the fleet got, as its own log has them.

use std::path::Path;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query, if there was one.
    pub(crate) path: String,
    /// None where the server never answered.
    pub(crate) status: Option<u16>,
}

impl Request {
    /// Whether it asks for a change.
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// Whether it sends the content of an image.
    pub(crate) fn is_upload(&self) -> bool {
        self.method == "PUT" && self.path.ends_with("/file")
    }
}

/// Reads the access log of a real server: method, path and status between tabs.
pub(crate) fn read_access_log(path: &Path) -> Vec<Request> {
    let text = std::fs::read_to_string(path).expect("an access log");
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [method, path, status] = fields[..] else {
                panic!("in {}: {line:?}", path.display())
            };
            Request {
                method: method.to_owned(),
                path: path.to_owned(),
                status: Some(status.parse().expect("a status")),
            }
        })
        .collect()
}
