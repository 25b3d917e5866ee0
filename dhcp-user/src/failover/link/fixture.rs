//! Two servers for tests of the link.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::settings::{Clock, Settings};
use super::tls::{Tls, TlsError};
use super::{Link, LinkEvent};
use crate::config::model::{Protocol, Secret};
use crate::failover::{self, Greeted, Role, Terms};
use crate::wire::{Seconds, Stamp};

/// A clock that stands still.
pub(super) fn clock() -> Clock {
    Arc::new(|| Stamp(1_000_000_000))
}

/// An address of this machine that no other test has, at the port of all tests.
pub(super) fn address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run in processes of their own or in one, and more than 16 addresses none of them needs.
    let number = std::process::id() << 4 | (NEXT.fetch_add(1, Ordering::Relaxed) & 15);
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, a, b, c)), 6_470)
}

/// A link that has neither secret nor TLS, and tries again soon.
pub(super) fn settings(role: Role, local: SocketAddr, peer: SocketAddr) -> Settings {
    Settings {
        endpoint: failover::Settings {
            terms: Terms {
                name: "metro".to_owned(),
                role,
                receive_timer: Seconds(30),
                startup: Seconds(5),
                ..Terms::of(Protocol::Dhcpv4)
            },
            identity: Vec::new(),
            pools: Vec::new(),
            addresses: 1,
            reconfigure: None,
        },
        local,
        peer,
        secret: None,
        tls: None,
        is_tls_required: false,
        reconnect: Duration::from_millis(20),
        reconnect_after_refusal: Duration::from_millis(20),
    }
}

/// The same of DHCPv6: both on the one address of IPv6 that a loopback has, at ports that are free.
pub(super) fn both_v6() -> [Settings; 2] {
    let free = || {
        let listener = std::net::TcpListener::bind("[::1]:0").expect("a port of ::1");
        listener.local_addr().expect("its address")
    };
    let (one, other) = (free(), free());
    [(Role::Primary, one, other), (Role::Secondary, other, one)].map(|(role, local, peer)| {
        let mut settings = settings(role, local, peer);
        settings.endpoint.terms.protocol = Protocol::Dhcpv6;
        settings.endpoint.terms.name = "metro6".to_owned();
        settings
    })
}

/// The settings of both servers.
pub(super) fn both() -> [Settings; 2] {
    let (one, other) = (address(), address());
    [settings(Role::Primary, one, other), settings(Role::Secondary, other, one)]
}

/// A link that is to come up.
pub(super) fn open(settings: Settings) -> Link {
    Link::open(vec![settings], &clock()).pop().unwrap()
}

/// It has come up.
pub(super) async fn up(link: &mut Link) -> Greeted {
    match link.next().await {
        LinkEvent::Up(greeted) => greeted,
        other => panic!("{other:?}"),
    }
}

/// A secret that is said to nobody.
pub(super) fn secret(text: &str) -> Option<Secret> {
    Some(Secret(text.as_bytes().into()))
}

/// An authority, and what it signs, as files.
pub(super) struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(dir.path().join("authority"), certificate.pem()).unwrap();
        Self { dir, issuer: Issuer::new(params, key) }
    }

    /// What a server for `name` is given, whose partner is `partner` and signed by `trusted`.
    pub(super) fn tls(&self, name: &str, partner: &str, trusted: &Self) -> Result<Tls, TlsError> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let [chain, private] = ["chain", "key"]
            .map(|what| self.dir.path().join(format!("{name}.{what}").replace(':', "_")));
        fs::write(&chain, certificate.pem()).unwrap();
        fs::write(&private, key.serialize_pem()).unwrap();
        Tls::read(&chain, &private, &trusted.dir.path().join("authority"), partner)
    }

    /// A file beside its own.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
