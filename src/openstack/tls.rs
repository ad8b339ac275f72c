//! Which servers are trusted where `cacert` is set, and the certificate that is shown to them.
//!
//! A file of `cacert` holds authorities, as elsewhere, or the very certificate of a server, as one
//! has who made it with a single `openssl req -x509`. webpki takes the second for an authority that
//! poses as a server, or for one of an unknown issuer. [`PinnedOrIssued`] takes it for what it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::OpenStackError;
use crate::host::{FILE_BYTES_MAX, Links, read_regular};

/// The certificate that this program shows, with its key.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Both, as one PEM file.
    pem: Vec<u8>,
    path: PathBuf,
}

impl ClientCertificate {
    /// Reads it (blocking). Without a file for the key, it is beside the certificate.
    pub(super) fn read(cert: &Path, key: Option<&Path>) -> Result<Self, OpenStackError> {
        let error = |path: &Path, what: String| OpenStackError::ClientCert {
            path: path.to_owned(),
            what,
        };
        let mut pem = read(cert).map_err(|cause| error(cert, cause.to_string()))?;
        let chain = certificates(&pem).map_err(|what| error(cert, what))?;
        let place = key.unwrap_or(cert);
        if let Some(key) = key {
            let more = read(key).map_err(|cause| error(key, cause.to_string()))?;
            pem.push(b'\n');
            pem.extend(more);
        }
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            error(
                place,
                "no private key without a passphrase is in it".to_owned(),
            )
        })?;
        Ok(Self {
            chain,
            key,
            pem,
            path: place.to_owned(),
        })
    }

    /// The same for a client that trusts what the system does.
    pub(super) fn identity(&self) -> Result<reqwest::Identity, OpenStackError> {
        reqwest::Identity::from_pem(&self.pem).map_err(|error| OpenStackError::ClientCert {
            path: self.path.clone(),
            what: error.to_string(),
        })
    }
}

/// Trusts what the file holds, and nothing else. Reads the file (blocking).
pub(super) fn trusting(
    cacert: &Path,
    client: Option<&ClientCertificate>,
) -> Result<ClientConfig, OpenStackError> {
    let error = |what: String| OpenStackError::CaCert {
        path: cacert.to_owned(),
        what,
    };
    let pem = read(cacert).map_err(|cause| error(cause.to_string()))?;
    let own = certificates(&pem).map_err(error)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = PinnedOrIssued::new(own, &provider).map_err(error)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| error(cause.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match client {
        None => Ok(builder.with_no_client_auth()),
        Some(client) => builder
            .with_client_auth_cert(client.chain.clone(), client.key.clone_key())
            .map_err(|cause| OpenStackError::ClientCert {
                path: client.path.clone(),
                what: cause.to_string(),
            }),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    read_regular(path, Links::Follow, FILE_BYTES_MAX)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("it is not valid PEM ({error})"))?;
    if found.is_empty() {
        return Err("no certificate is in it".to_owned());
    }
    Ok(found)
}

/// Takes a certificate that comes from an authority of the file, or is itself in it. Name and time
/// have to be right either way.
#[derive(Debug)]
struct PinnedOrIssued {
    own: Vec<CertificateDer<'static>>,
    issued: Arc<WebPkiServerVerifier>,
}

impl PinnedOrIssued {
    fn new(
        own: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(own.iter().cloned());
        let issued =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|_| "none of its certificates can be read".to_owned())?;
        Ok(Self { own, issued })
    }
}

/// True where nothing but the issuer is in the way. webpki looks at the issuer, and at whether an
/// authority poses as a server, only after it found the certificate to be in its time and for servers.
fn is_about_the_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl ServerCertVerifier for PinnedOrIssued {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let error = match self.issued.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(error) if is_about_the_issuer(&error) => error,
            verdict => return verdict,
        };
        if !self.own.iter().any(|own| own == end_entity) {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}
