//! Endpoints in one spelling, so that two URLs of one Glance are seen to be one.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use url::Url;

use super::{OpenStackError, Session};

/// Where a Glance is, without the version of its API.
///
/// Scheme and host are in lower case, a default port, a trailing dot of the host, slashes that
/// stand for nothing, and a version at the end of the path (`/v2`) are taken off. So equal values
/// lead to the same service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointUrl(Url);

/// The text is no endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It cannot be read as a URL.
    #[error("it is no URL ({0})")]
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
        let mut url = self.0.clone();
        // Only a URL that cannot be a base has no segments, and those have no host either.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v2").extend(segments);
        }
        url
    }

    /// The URL of the list of API versions, which tells no more to one who may than to anybody.
    pub fn versions(&self) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("versions");
        }
        url
    }

    /// The URL without version; its path ends in no slash, unless it is the root.
    pub fn base(&self) -> &Url {
        &self.0
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
        Ok(Self(url))
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

/// Every endpoint that leads to the master region's Glance: what is never written to.
#[derive(Debug, Clone)]
pub struct MasterEndpoints(BTreeSet<EndpointUrl>);

impl MasterEndpoints {
    /// The endpoints of the region of that bare name in the catalogue of the target `master`, of
    /// all interfaces.
    ///
    /// # Errors
    ///
    /// [`OpenStackError::RegionUnknown`] where the catalogue has none: without an endpoint nothing
    /// could be told to be the master.
    pub fn of(session: &Session, region: &str) -> Result<Self, OpenStackError> {
        let endpoints: BTreeSet<_> = session.catalogue().endpoints(region).collect();
        if endpoints.is_empty() {
            return Err(session.region_unknown(region, None));
        }
        Ok(Self(endpoints))
    }

    /// True where one of the region's endpoints, of whatever interface, is one of the master's.
    pub fn lead_to(&self, session: &Session, region: &str) -> bool {
        session
            .catalogue()
            .endpoints(region)
            .any(|endpoint| self.contains(&endpoint))
    }

    /// True for an endpoint of the master.
    pub fn contains(&self, endpoint: &EndpointUrl) -> bool {
        self.0.contains(endpoint)
    }
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
        ] {
            assert_eq!(endpoint(one), endpoint(other));
        }
        for (one, other) in [
            ("http://g", "https://g"),
            ("http://g:9292", "http://g:9293"),
            ("http://g/a", "http://g/b"),
            ("http://g/vault", "http://g"),
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
