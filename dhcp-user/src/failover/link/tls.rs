//! TLS on the link: each side shows a certificate, and checks the other's against an authority and a
//! name. Departs from draft-12 §11.2, whose cipher suite is long broken: TLS 1.3 alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::stream::Stream;
use crate::failover::Role;

/// What TLS is made with: the primary is its client, the secondary its server.
#[derive(Clone)]
pub struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    /// What the partner's certificate must be for.
    partner: ServerName<'static>,
}

/// Why there is no TLS to be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    File(PathBuf, pem::Error),
    /// A file holds nothing of what it should.
    Empty(PathBuf),
    /// Certificate and key do not go together, or are of a kind that is not known.
    Certificate(rustls::Error),
    /// The authority cannot be used.
    Authority(VerifierBuilderError),
    /// What the partner's certificate is to be for is neither a name nor an address.
    Name(String),
}

impl Tls {
    /// Reads PEM files: `chain` begins with our certificate, whose `key` is; the partner's must be
    /// signed by one of `authorities` and be for `partner`, a DNS name or an address. Certificates
    /// that name their purposes need both, client and server.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(
        chain: &Path,
        key: &Path,
        authorities: &Path,
        partner: &str,
    ) -> Result<Self, TlsError> {
        let certificates = certificates(chain)?;
        let private =
            PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::File(key.into(), error))?;
        let mut roots = RootCertStore::empty();
        for root in self::certificates(authorities)? {
            roots.add(root).map_err(TlsError::Certificate)?;
        }
        let partner = ServerName::try_from(partner.to_owned())
            .map_err(|_| TlsError::Name(partner.to_owned()))?;
        Self::new(certificates, private, roots, partner)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        roots: RootCertStore,
        partner: ServerName<'static>,
    ) -> Result<Self, TlsError> {
        let (provider, roots) = (provider(), Arc::new(roots));
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Certificate)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(TlsError::Certificate)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(TlsError::Authority)?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Certificate)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(TlsError::Certificate)?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server), partner })
    }

    /// Goes over to TLS on a connection, `role` saying from which end. The partner has shown that
    /// it is the one by then.
    ///
    /// # Errors
    /// In words.
    pub(super) async fn secure(
        &self,
        role: Role,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, String> {
        match role {
            Role::Primary => {
                let connector = TlsConnector::from(Arc::clone(&self.client));
                let secured = connector.connect(self.partner.clone(), stream).await;
                Ok(Box::new(secured.map_err(|error| format!("TLS: {error}"))?))
            }
            Role::Secondary => {
                let acceptor = TlsAcceptor::from(Arc::clone(&self.server));
                let secured = acceptor.accept(stream).await;
                let secured = secured.map_err(|error| format!("TLS: {error}"))?;
                // A server's verifier sees to the authority and leaves the name to us.
                let shown = secured.get_ref().1.peer_certificates().unwrap_or_default();
                let shown = shown.first().ok_or("TLS: the partner has no certificate")?;
                ParsedCertificate::try_from(shown)
                    .and_then(|certificate| verify_server_name(&certificate, &self.partner))
                    .map_err(|error| format!("TLS: {error}"))?;
                Ok(Box::new(secured))
            }
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::File(file.into(), error))?;
    if found.is_empty() { Err(TlsError::Empty(file.into())) } else { Ok(found) }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Empty(file) => write!(f, "{}: no certificate in it", file.display()),
            Self::Certificate(error) => write!(f, "certificate and key: {error}"),
            Self::Authority(error) => write!(f, "certificates of the authority: {error}"),
            Self::Name(name) => write!(f, "`{name}` is no name for a certificate"),
        }
    }
}

impl std::error::Error for TlsError {}
