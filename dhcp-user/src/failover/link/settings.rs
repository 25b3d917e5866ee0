//! What a link is made from, and what it counts.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::tls::Tls;
use crate::config::model::{Protocol, Role, Secret};
use crate::failover;
use crate::failover::{Connections, Refusal, Tls as Wish};
use crate::wire::Stamp;

/// The time that goes into headers. Leases must be reckoned by the same: the partner corrects our
/// times by it (draft-12 §5.10).
pub type Clock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// One link as an operator decides.
#[derive(Clone)]
pub struct Settings {
    /// What is greeted with, and the name for the log.
    pub endpoint: failover::Settings,
    /// Where we listen, and connect from. Several links may share it.
    pub local: SocketAddr,
    /// Where the partner listens, and the only address that may connect.
    pub peer: SocketAddr,
    /// Shared secret of the message-digest, if there is one.
    pub secret: Option<Secret>,
    /// What TLS is made with, if it may be used.
    pub tls: Option<Tls>,
    /// Whether a partner that does without TLS is refused.
    pub is_tls_required: bool,
    /// How long after a failed or lost connection the next is tried: up to a quarter longer, so
    /// that two servers do not keep meeting halfway (5 s, as dhcpd).
    pub reconnect: Duration,
    /// The same after a refusal or DISCONNECT (draft-12 §7.9, §7.12: "a minute or two"), unless the
    /// partner is dhcpd, which itself comes back after 5 s. Whoever connects to us is heard all the
    /// while.
    pub reconnect_after_refusal: Duration,
}

impl Settings {
    /// [`reconnect_after_refusal`](Self::reconnect_after_refusal) unless said otherwise.
    pub const REFUSED: Duration = Duration::from_secs(60);

    /// What the greeting asks for.
    pub(super) fn wish(&self) -> Wish {
        match self.tls {
            None => Wish::Off,
            Some(_) if self.is_tls_required => Wish::Required,
            Some(_) => Wish::Desired,
        }
    }

    /// Whether this server connects to the partner: in DHCPv6 only the primary does (RFC 8156 §6.1).
    pub(super) fn dials(&self) -> bool {
        (self.endpoint.terms.protocol, self.endpoint.terms.role)
            != (Protocol::Dhcpv6, Role::Secondary)
    }

    /// Whether the partner may connect to this server: in DHCPv6 the primary listens to nobody.
    pub(super) fn listens(&self) -> bool {
        (self.endpoint.terms.protocol, self.endpoint.terms.role)
            != (Protocol::Dhcpv6, Role::Primary)
    }

    /// After so long without a message, or without progress in writing one, the link is lost.
    pub(super) fn receive_timer(&self) -> Duration {
        Duration::from_secs(u64::from(self.endpoint.terms.receive_timer.0))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, local, peer, .. } = self;
        write!(f, "Link({} {local} {peer})", endpoint.terms.name)
    }
}

/// What a link counts, since the process began, and why the last connection was not to be the link.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) strangers: AtomicU64,
    pub(super) links: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    refusal: Mutex<Option<Refusal>>,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections {
            strangers: self.strangers.load(Relaxed),
            links: self.links.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            refused: self.refused.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
        }
    }

    /// The last greeting that came to nothing because one of the two refused.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
