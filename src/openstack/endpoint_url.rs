//! Endpoints, and when two URLs of one Glance are seen to be one.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

/// Where a Glance is, without the version of its API.
///
/// Requests go to the URL with scheme and host in lower case, without a default port, a trailing dot of
/// the host, empty segments, and a version at the end of the path (`/v2`). Equal are those that lead to
/// the same service, however they are spelled.
#[derive(Debug, Clone)]
pub struct EndpointUrl {
    url: Url,
    location: Location,
}

impl PartialEq for EndpointUrl {
    fn eq(&self, other: &Self) -> bool {
        self.location == other.location
    }
}

impl Eq for EndpointUrl {}

impl PartialOrd for EndpointUrl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EndpointUrl {
    fn cmp(&self, other: &Self) -> Ordering {
        self.location.cmp(&other.location)
    }
}

impl Hash for EndpointUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.location.hash(state);
    }
}

/// The text is not an endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It cannot be read as a URL.
    #[error("it is not a URL ({0})")]
    Syntax(#[from] url::ParseError),
    /// Another scheme than `http` and `https`.
    #[error("`{0}` is neither `http` nor `https`")]
    Scheme(String),
    /// It names no host.
    #[error("it names no host")]
    Host,
}

impl EndpointUrl {
    /// The URL of a resource of the Image API v2: `v2(&["images", id])` gives `…/v2/images/<id>`.
    pub fn v2(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Only a URL that cannot be a base has no segments, and those have no host either.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v2").extend(segments);
        }
        url
    }

    /// The URL of the list of API versions, which tells no more to one who may than to anybody.
    pub fn versions(&self) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("versions");
        }
        url
    }

    /// What it leads to.
    pub(super) fn location(&self) -> &Location {
        &self.location
    }
}

/// True for `v1`, `v2`, `v2.0` and their like.
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix(['v', 'V'])
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        && segment[1..]
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.')
}

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url = Url::parse(text.trim())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointUrlError::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().ok_or(EndpointUrlError::Host)?;
        if let Some(bare) = host.strip_suffix('.').map(ToOwned::to_owned) {
            url.set_host(Some(&bare))?;
        }
        // What a catalogue might carry beside the place itself would only make equal ones differ.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let mut segments: Vec<&str> = url.path().split('/').filter(|s| !s.is_empty()).collect();
        if segments.last().is_some_and(|last| is_version(last)) {
            segments.pop();
        }
        let path = segments.join("/");
        url.set_path(&path);
        let location = Location::of(&url).ok_or(EndpointUrlError::Host)?;
        Ok(Self { url, location })
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.url.as_str())
    }
}

/// What an endpoint leads to, however it is spelled: the same host by name or address, the same port,
/// the same path once it is decoded and less the versions at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Location {
    pub(super) host: HostKey,
    pub(super) port: u16,
    pub(super) path: Vec<String>,
}

/// A host as an endpoint names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum HostKey {
    /// By its name, in lower case.
    Name(String),
    /// By its address; of IPv4 within IPv6 the former, and of the unspecified one, which leads to
    /// this machine, the loopback.
    Address(IpAddr),
}

impl From<IpAddr> for HostKey {
    fn from(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            address => address,
        })
    }
}

impl Location {
    fn of(url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => HostKey::Name(name.trim_end_matches('.').to_ascii_lowercase()),
            Host::Ipv4(address) => IpAddr::from(address).into(),
            Host::Ipv6(address) => IpAddr::from(address).into(),
        };
        let mut path: Vec<String> = Vec::new();
        for segment in decoded(url.path()).split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(path.pop()),
                segment => path.push(segment.to_owned()),
            }
        }
        while path.last().is_some_and(|last| is_version(last)) {
            path.pop();
        }
        Some(Self {
            host,
            port: url.port_or_known_default()?,
            path,
        })
    }
}

/// The path as the server sees it.
fn decoded(path: &str) -> String {
    let hex = |digit: Option<&u8>| char::from(*digit?).to_digit(16);
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%')
            .then(|| Some(hex(bytes.get(at + 1))? * 16 + hex(bytes.get(at + 2))?))
            .flatten()
            .and_then(|code| u8::try_from(code).ok());
        decoded.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> EndpointUrl {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_endpoint_are_equal() {
        for (one, other) in [
            (
                "http://Glance.Example.ORG:9292/v2/",
                "http://glance.example.org:9292",
            ),
            ("HTTPS://g/v2", "https://g:443/"),
            ("http://g:80/v2.0", "http://g"),
            ("http://g./image//v1/", "http://g/image"),
            ("http://g/image/v2/?x=1#y", "http://g/image"),
            ("http://user:pw@g/", "http://g/"),
            ("http://127.1:9292", "http://127.0.0.1:9292"),
            (" http://g:9292 ", "http://g:9292"),
            ("http://g:9292/v2/v2", "http://g:9292"),
            ("http://g:9292/%41/%62/v2", "http://g:9292/A/b"),
            ("http://g:9292/a/./x/../b/%2e%2e/%76%32", "http://g:9292/a"),
            ("http://g:9292/a%2Fb", "http://g:9292//a//b/"),
            ("http://[::ffff:10.0.0.1]:9292", "http://10.0.0.1:9292"),
            ("http://[::ffff:a00:1]:9292", "http://0xa.1:9292"),
            ("http://0.0.0.0:9292", "http://127.0.0.1:9292"),
            ("http://[::]:9292", "http://[0::1]:9292"),
            ("https://g:80", "http://g"),
        ] {
            assert_eq!(endpoint(one), endpoint(other));
        }
        for (one, other) in [
            ("http://g", "https://g"),
            ("http://g:9292", "http://g:9293"),
            ("http://g/a", "http://g/b"),
            ("http://g/vault", "http://g"),
            ("http://g/a", "http://g/A"),
            ("http://127.0.0.1/a%", "http://127.0.0.1/a"),
        ] {
            assert_ne!(endpoint(one), endpoint(other));
        }
    }

    #[test]
    fn resources_lie_below_the_base_whatever_their_names() {
        assert_eq!(
            endpoint("http://g/image/v2")
                .v2(&["images", "a/b?c"])
                .as_str(),
            "http://g/image/v2/images/a%2Fb%3Fc"
        );
        assert_eq!(
            endpoint("http://g:9292").v2(&["images"]).as_str(),
            "http://g:9292/v2/images"
        );
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in ["", "glance:9292", "/v2", "ftp://g", "http://"] {
            assert!(text.parse::<EndpointUrl>().is_err(), "{text}");
        }
    }
}
