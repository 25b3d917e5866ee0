//! TLS on the link: each side shows a certificate, and checks the other's against an authority and a
//! name. Departs from draft-12 §11.2, whose cipher suite is long broken: TLS 1.3 alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::frame::Fault;
use super::stream::Stream;
use crate::failover::{Role, Side};

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
            .with_client_cert_verifier(Arc::new(Named { verifier, partner: partner.clone() }))
            .with_single_cert(chain, key)
            .map_err(TlsError::Certificate)?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server), partner })
    }

    /// Goes over to TLS on a connection, `role` saying from which end. The partner has shown that
    /// it is the one by then.
    ///
    /// # Errors
    /// Why not, and the connection: TLS may have said so on it, and the partner not read it yet.
    pub(super) async fn secure(
        &self,
        role: Role,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, (Fault, Box<dyn Stream>)> {
        let broken = |(error, stream): (io::Error, _)| {
            let (by, why) = (Side::Us, format!("TLS: {error}"));
            (fault(&error).unwrap_or(Fault::Tls { by, why }), stream)
        };
        match role {
            Role::Primary => {
                let connector = TlsConnector::from(Arc::clone(&self.client));
                let secured = connector.connect(self.partner.clone(), stream).into_fallible().await;
                Ok(Box::new(secured.map_err(broken)?))
            }
            Role::Secondary => {
                let acceptor = TlsAcceptor::from(Arc::clone(&self.server));
                let secured = acceptor.accept(stream).into_fallible().await;
                Ok(Box::new(secured.map_err(broken)?))
            }
        }
    }
}

/// Checks what the verifier of a TLS server leaves to others: whom the client's certificate is for.
/// Within the handshake, so that the client learns of it.
#[derive(Debug)]
struct Named {
    verifier: Arc<dyn ClientCertVerifier>,
    partner: ServerName<'static>,
}

impl ClientCertVerifier for Named {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier.verify_client_cert(shown, between, now)?;
        verify_server_name(&ParsedCertificate::try_from(shown)?, &self.partner)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What TLS found wrong, if it is that which ended a connection.
pub(super) fn fault(error: &io::Error) -> Option<Fault> {
    let found = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let by = if let rustls::Error::AlertReceived(_) = found { Side::Partner } else { Side::Us };
    Some(Fault::Tls { by, why: format!("TLS: {found}") })
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
            Self::Certificate(error) => {
                write!(f, "own certificate, which must be of X.509 version 3, and key: {error}")
            }
            Self::Authority(error) => write!(f, "certificates of the authority: {error}"),
            Self::Name(name) => write!(f, "`{name}` is no name for a certificate"),
        }
    }
}

impl std::error::Error for TlsError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::failover::link::fixture::Authority;

    type Secured = Result<Box<dyn Stream>, String>;

    /// Both ends of one connection gone over to TLS. A side that fails closes.
    async fn secure(primary: &Tls, secondary: &Tls) -> (Secured, Secured) {
        let (one, other) = duplex(4_096);
        let one = async {
            let mut secured = primary
                .secure(Role::Primary, Box::new(one))
                .await
                .map_err(|it| it.0.to_string())?;
            // A client learns what the server thinks of its certificate with the first octets.
            secured.read_u8().await.map_err(|error| error.to_string())?;
            Ok(secured)
        };
        let other = async {
            let mut secured = secondary
                .secure(Role::Secondary, Box::new(other))
                .await
                .map_err(|it| it.0.to_string())?;
            secured.write_u8(1).await.map_err(|error| error.to_string())?;
            secured.flush().await.map_err(|error| error.to_string())?;
            Ok(secured)
        };
        tokio::join!(one, other)
    }

    #[tokio::test]
    async fn two_servers_that_one_authority_has_signed_go_over_to_tls() {
        let authority = Authority::new();
        for [one, other] in [["10.0.0.1", "10.0.0.2"], ["::1", "::2"], ["a.example", "b.example"]] {
            let primary = authority.tls(one, other, &authority).unwrap();
            let secondary = authority.tls(other, one, &authority).unwrap();
            let (primary, secondary) = secure(&primary, &secondary).await;
            let (mut primary, mut secondary) = (primary.unwrap(), secondary.unwrap());
            primary.write_all(b"hello").await.unwrap();
            primary.flush().await.unwrap();
            let mut heard = [0; 5];
            secondary.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"hello");
        }
    }

    #[tokio::test]
    async fn a_certificate_of_another_authority_is_refused_on_either_side() {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let good = ours.tls("10.0.0.1", "10.0.0.2", &ours).unwrap();
        let bad = theirs.tls("10.0.0.2", "10.0.0.1", &ours).unwrap();
        let (primary, _) = secure(&good, &bad).await;
        assert!(primary.is_err_and(|why| why.contains("invalid peer certificate")));
        let good = ours.tls("10.0.0.2", "10.0.0.1", &ours).unwrap();
        let bad = theirs.tls("10.0.0.1", "10.0.0.2", &ours).unwrap();
        let (primary, secondary) = secure(&bad, &good).await;
        assert!(secondary.is_err_and(|why| why.contains("invalid peer certificate")));
        assert!(primary.is_err());
    }

    #[tokio::test]
    async fn a_certificate_for_somebody_else_is_refused_on_either_side() {
        let authority = Authority::new();
        let good = authority.tls("10.0.0.1", "10.0.0.2", &authority).unwrap();
        let stranger = authority.tls("10.0.0.3", "10.0.0.1", &authority).unwrap();
        let (primary, _) = secure(&good, &stranger).await;
        assert!(primary.is_err_and(|why| why.contains("not valid for name")));
        let good = authority.tls("10.0.0.2", "10.0.0.1", &authority).unwrap();
        let stranger = authority.tls("10.0.0.3", "10.0.0.2", &authority).unwrap();
        let (primary, secondary) = secure(&stranger, &good).await;
        assert!(secondary.is_err_and(|why| why.contains("not valid for name")));
        assert!(primary.is_err());
    }

    #[test]
    fn files_that_do_not_serve_are_named() {
        let authority = Authority::new();
        let wrong = authority.tls("a", "not a name", &authority).err().unwrap();
        assert!(wrong.to_string().contains("not a name"), "{wrong}");
        let empty = authority.path("empty");
        fs::write(&empty, "").unwrap();
        let key = authority.path("a.key");
        let wrong = Tls::read(&empty, &key, &empty, "b").err().unwrap();
        assert!(wrong.to_string().contains("empty"), "{wrong}");
    }
}
