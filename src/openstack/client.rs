//! The HTTP client: what every call to every server has in common.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::Identity;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use tokio::runtime;
use url::{Host, Url};

use super::OpenStackError;
use super::tls::{self, ClientCertificate};
use super::upload_threads::UploadThreads;
use crate::host;
use crate::host::keeps_connections;

pub(super) const USER_AGENT: &str = concat!("glancesync/", env!("CARGO_PKG_VERSION"));

/// Of the way to a server only the making of the connection has a limit that holds for all calls.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Many servers close a connection that was idle for 5 s; one that is taken up again just then
/// would cost an upload.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How a target's servers are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// A file with PEM certificates that takes the place of the system's: of authorities, or the
    /// server's own.
    pub cacert: Option<PathBuf>,
    /// A PEM file with the certificate that is shown to servers which ask for one.
    pub cert: Option<PathBuf>,
    /// A PEM file with its key; without one, the key is in the same file.
    pub key: Option<PathBuf>,
    /// Certificates are not verified at all.
    pub insecure: bool,
}

/// One client for each way to trust servers, so that targets alike share their connections.
#[derive(Debug, Default)]
pub struct HttpClients(Mutex<HashMap<TlsOptions, HttpClient>>);

impl HttpClients {
    /// The client for these options. The files of certificates are read at the first call (blocking).
    ///
    /// # Errors
    ///
    /// [`OpenStackError::CaCert`] and [`OpenStackError::ClientCert`] where they cannot be used.
    pub fn get(&self, tls: &TlsOptions) -> Result<HttpClient, OpenStackError> {
        let mut clients = host::locked(&self.0);
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
    trust: Trust,
    identity: Option<Identity>,
    // A connection belongs to the runtime that made it, so each has clients of its own.
    clients: Mutex<HashMap<(Option<runtime::Id>, Route), reqwest::Client>>,
    upload_threads: UploadThreads,
}

/// Which servers are who they say.
enum Trust {
    /// Those that an authority of this machine vouches for.
    System,
    /// Those that `cacert` says. What the client shows is in it too.
    Own(Box<ClientConfig>),
    /// All of them.
    Anybody,
}

/// The ways to a server that need different clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Route {
    /// To this machine, in the clear: no proxy, and no certificates to load.
    PlainLoopback,
    /// To this machine: no proxy.
    Loopback,
    /// To anywhere else, in the clear.
    Plain,
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
            (false, "http") => Self::Plain,
            (false, _) => Self::Network,
        }
    }
}

impl HttpClient {
    fn new(tls: &TlsOptions) -> Result<Self, OpenStackError> {
        let cert = tls.cert.as_deref();
        let client = cert.map(|cert| ClientCertificate::read(cert, tls.key.as_deref()));
        let client = client.transpose()?;
        let identity = client
            .as_ref()
            .map(ClientCertificate::identity)
            .transpose()?;
        let own = tls.cacert.as_deref();
        let own = own.map(|cacert| tls::trusting(cacert, client.as_ref()));
        let trust = match (tls.insecure, own.transpose()?) {
            (true, _) => Trust::Anybody,
            (false, Some(own)) => Trust::Own(Box::new(own)),
            (false, None) => Trust::System,
        };
        Ok(Self(Arc::new(Shared {
            trust,
            identity,
            clients: Mutex::default(),
            upload_threads: UploadThreads::default(),
        })))
    }

    /// The client of the current runtime for a server.
    pub(super) fn for_url(&self, url: &Url) -> Result<reqwest::Client, OpenStackError> {
        let runtime = runtime::Handle::try_current()
            .ok()
            .map(|handle| handle.id());
        let key = (runtime, Route::to(url));
        let mut clients = host::locked(&self.0.clients);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.client_for(key.1)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// The threads for uploads that have to be encrypted.
    pub(super) fn upload_threads(&self) -> &UploadThreads {
        &self.0.upload_threads
    }

    /// True where the way to the server leads through neither TLS nor a proxy.
    pub(super) fn is_direct(url: &Url) -> bool {
        match Route::to(url) {
            Route::PlainLoopback => true,
            Route::Loopback | Route::Network => false,
            // Which hosts a proxy is not for is the pooled client's business.
            Route::Plain => Self::plain_proxy().is_none(),
        }
    }

    /// The variable that names a proxy for plain HTTP, if any does.
    fn plain_proxy() -> Option<&'static str> {
        PROXY_VARIABLES
            .into_iter()
            .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }

    /// The variable that names the proxy through which plain HTTP to that server goes, as far as the
    /// exceptions of `NO_PROXY` do not say otherwise.
    pub fn proxy_in_the_clear(url: &Url) -> Option<&'static str> {
        if Route::to(url) == Route::Plain {
            Self::plain_proxy()
        } else {
            None
        }
    }

    fn client_for(&self, route: Route) -> Result<reqwest::Client, OpenStackError> {
        let trusts_the_system = matches!(self.0.trust, Trust::System);
        let error = match self.build(route, trusts_the_system) {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        // Without any authority on this machine the system's client cannot be made, and any other can.
        if trusts_the_system && let Ok(client) = self.build(route, false) {
            return if route == Route::Plain {
                Ok(client)
            } else {
                Err(OpenStackError::NoAuthorities)
            };
        }
        Err(OpenStackError::Client {
            what: error.without_url().to_string(),
        })
    }

    fn build(&self, route: Route, with_system: bool) -> reqwest::Result<reqwest::Client> {
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
            .tcp_user_timeout(None);
        if !keeps_connections() {
            builder = builder.pool_max_idle_per_host(0);
        }
        if matches!(route, Route::PlainLoopback | Route::Loopback) {
            builder = builder.no_proxy();
        }
        if let Some(identity) = &self.0.identity {
            builder = builder.identity(identity.clone());
        }
        builder = match &self.0.trust {
            _ if route == Route::PlainLoopback => builder.tls_certs_only([]),
            Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
            Trust::Own(config) => builder.tls_backend_preconfigured((**config).clone()),
            Trust::System if with_system => builder,
            Trust::System => builder.tls_certs_only([]),
        };
        builder.build()
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("insecure", &matches!(self.0.trust, Trust::Anybody))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn loopback_is_told_by_address_and_name() {
        for (url, route) in [
            ("http://127.0.0.1:5000/", Route::PlainLoopback),
            ("http://[::1]/", Route::PlainLoopback),
            ("https://localhost/", Route::Loopback),
            ("http://glance.example.org/", Route::Plain),
            ("https://10.0.0.1/", Route::Network),
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
                    ..TlsOptions::default()
                })
                .unwrap_err();
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
}
