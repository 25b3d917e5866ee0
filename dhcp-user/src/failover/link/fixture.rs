//! Two servers for tests of the link.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::settings::{Clock, Settings};
use crate::config::model::{Protocol, Secret};
use crate::failover::{self, Role, Terms};
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

/// The settings of both servers.
pub(super) fn both() -> [Settings; 2] {
    let (one, other) = (address(), address());
    [settings(Role::Primary, one, other), settings(Role::Secondary, other, one)]
}

/// A secret that is said to nobody.
pub(super) fn secret(text: &str) -> Option<Secret> {
    Some(Secret(text.as_bytes().into()))
}
