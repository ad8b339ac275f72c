//! HTTP/1.1 in as few lines as the tests need, so that no bug of the product's client can hide in
//! the client that examines it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_mins(1);

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name)?;
        Some(&found.1)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer itself, if its status is that one.
    pub(crate) fn expect(self, status: u16, what: &str) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{what}: {body}");
        self
    }
}

/// Sends one request over a connection of its own and reads the answer to its end.
pub(crate) fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let length = body.len().to_string();
    let mut headers = headers.to_vec();
    if !body.is_empty() || method != "GET" {
        headers.push(("Content-Length", &length));
    }
    exchange(method, url, &headers, body)
}

/// The same, but of the body the server learns only what the headers say.
pub(crate) fn exchange(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let rest = url.strip_prefix("http://").expect("a plain HTTP address");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut connection = TcpStream::connect(host)?;
    connection.set_read_timeout(Some(SILENCE))?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head += "\r\n";
    connection.write_all(head.as_bytes())?;
    // A server that answers early closes its side; the answer is still there to be read.
    let sent = connection.write_all(body);
    let mut bytes = Vec::new();
    let received = connection.read_to_end(&mut bytes);
    if bytes.is_empty() {
        sent?;
        received?;
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> std::io::Result<Answer> {
    let broken = || std::io::Error::other(String::from_utf8_lossy(bytes).into_owned());
    let end = position(bytes, b"\r\n\r\n").ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status: status.ok_or_else(broken)?,
        headers,
        body: Vec::new(),
    };
    let body = &bytes[end + 4..];
    answer.body = match answer.header("transfer-encoding") {
        Some("chunked") => dechunk(body).ok_or_else(broken)?,
        _ => body.to_vec(),
    };
    Ok(answer)
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = position(rest, b"\r\n")?;
        let length = str::from_utf8(&rest[..line])
            .ok()?
            .split(';')
            .next()?
            .trim();
        let length = usize::from_str_radix(length, 16).ok()?;
        rest = &rest[line + 2..];
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
