//! The HTTP client: what every call to every server has in common.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::Certificate;
use reqwest::redirect::Policy;
use tokio::runtime;
use url::{Host, Url};

use super::OpenStackError;
use crate::host::{FILE_BYTES_MAX, Links, keeps_connections, read_regular};

pub(super) const USER_AGENT: &str = concat!("glancesync/", env!("CARGO_PKG_VERSION"));

/// Of the way to a server only the making of the connection has a limit that holds for all calls.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Many servers close a connection that was idle for 5 s; one that is taken up again just then
/// would cost an upload.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How a target's servers are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// A file with PEM certificates that takes the place of the system's.
    pub cacert: Option<PathBuf>,
    /// Certificates are not verified at all.
    pub insecure: bool,
}

/// One client for each way to trust servers, so that targets alike share their connections.
#[derive(Debug, Default)]
pub struct HttpClients(Mutex<HashMap<TlsOptions, HttpClient>>);

impl HttpClients {
    /// The client for these options. The file of `cacert` is read at the first call (blocking).
    ///
    /// # Errors
    ///
    /// [`OpenStackError::CaCert`] where that file cannot be used.
    pub fn get(&self, tls: &TlsOptions) -> Result<HttpClient, OpenStackError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(tls) {
            return Ok(client.clone());
        }
        let client = HttpClient::new(tls)?;
        clients.insert(tls.clone(), client.clone());
        Ok(client)
    }
}

/// An HTTP client that any runtime may use. Cheap to clone.
///
/// Loopback is never reached through a proxy; for everything else the environment's proxies count.
/// Redirections are not followed, so that a token never goes to a host that it is not for, and
/// nothing is ever written to a place that was not checked.
#[derive(Clone)]
pub struct HttpClient(Arc<Shared>);

/// What names a proxy for plain HTTP.
const PROXY_VARIABLES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

struct Shared {
    certificates: Option<Vec<Certificate>>,
    insecure: bool,
    // A connection belongs to the runtime that made it, so each has clients of its own.
    clients: Mutex<HashMap<(Option<runtime::Id>, Route), reqwest::Client>>,
}

/// The ways to a server that need different clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Route {
    /// To this machine, in the clear: no proxy, and no certificates to load.
    PlainLoopback,
    /// To this machine: no proxy.
    Loopback,
    /// To anywhere else.
    Network,
}

impl Route {
    fn to(url: &Url) -> Self {
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        };
        match (is_loopback, url.scheme()) {
            (true, "http") => Self::PlainLoopback,
            (true, _) => Self::Loopback,
            (false, _) => Self::Network,
        }
    }
}

impl HttpClient {
    fn new(tls: &TlsOptions) -> Result<Self, OpenStackError> {
        let certificates = tls.cacert.as_deref().map(read_certificates).transpose()?;
        Ok(Self(Arc::new(Shared {
            certificates,
            insecure: tls.insecure,
            clients: Mutex::default(),
        })))
    }

    /// The client of the current runtime for a server.
    pub(super) fn for_url(&self, url: &Url) -> Result<reqwest::Client, OpenStackError> {
        let runtime = runtime::Handle::try_current()
            .ok()
            .map(|handle| handle.id());
        let key = (runtime, Route::to(url));
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(key.1).map_err(|error| OpenStackError::Client {
            what: error.without_url().to_string(),
        })?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// True where the way to the server leads through neither TLS nor a proxy.
    pub(super) fn is_direct(url: &Url) -> bool {
        match Route::to(url) {
            Route::PlainLoopback => true,
            Route::Loopback => false,
            // Which hosts a proxy is not for is the pooled client's business.
            Route::Network => {
                url.scheme() == "http"
                    && PROXY_VARIABLES
                        .iter()
                        .all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()))
            }
        }
    }

    fn build(&self, route: Route) -> reqwest::Result<reqwest::Client> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // The default of 30 s would break connections to a server that pauses in reading,
            // before the limit on stalls that the operator chose.
            .tcp_user_timeout(None)
            .tls_danger_accept_invalid_certs(self.0.insecure);
        if !keeps_connections() {
            builder = builder.pool_max_idle_per_host(0);
        }
        if route != Route::Network {
            builder = builder.no_proxy();
        }
        match (&self.0.certificates, route) {
            (_, Route::PlainLoopback) => builder = builder.tls_certs_only([]),
            (Some(own), _) => builder = builder.tls_certs_only(own.iter().cloned()),
            (None, _) => {}
        }
        builder.build()
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("insecure", &self.0.insecure)
            .finish_non_exhaustive()
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, OpenStackError> {
    let error = |what: String| OpenStackError::CaCert {
        path: path.to_owned(),
        what,
    };
    let pem = read_regular(path, Links::Follow, FILE_BYTES_MAX)
        .map_err(|cause| error(cause.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|cause| error(cause.to_string()))?;
    if certificates.is_empty() {
        return Err(error("no certificate is in it".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_address_and_name() {
        for (url, route) in [
            ("http://127.0.0.1:5000/", Route::PlainLoopback),
            ("http://[::1]/", Route::PlainLoopback),
            ("https://localhost/", Route::Loopback),
            ("http://glance.example.org/", Route::Network),
            ("http://10.0.0.1/", Route::Network),
        ] {
            assert_eq!(Route::to(&url.parse().unwrap()), route, "{url}");
        }
    }

    #[test]
    fn targets_with_the_same_options_share_a_client() {
        let clients = HttpClients::default();
        let plain = TlsOptions::default();
        let one = clients.get(&plain).unwrap();
        let other = clients.get(&plain).unwrap();
        assert!(Arc::ptr_eq(&one.0, &other.0));
        let insecure = clients
            .get(&TlsOptions {
                insecure: true,
                ..plain
            })
            .unwrap();
        assert!(!Arc::ptr_eq(&one.0, &insecure.0));
    }

    #[test]
    fn a_cacert_that_holds_none_is_an_error_that_names_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate").unwrap();
        for path in [file.path(), Path::new("/nonexistent/ca.pem")] {
            let error = HttpClients::default()
                .get(&TlsOptions {
                    cacert: Some(path.to_owned()),
                    insecure: false,
                })
                .unwrap_err();
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
}
