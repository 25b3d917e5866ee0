//! What clients and servers say to each other, whichever protocol they say it in.

use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::lab::ledger::{Grant, Held, Mac};

/// A protocol, as a relay hears it.
pub(super) trait Speech: Debug {
    /// The relay's port, and the servers'.
    fn port(&self) -> u16;

    /// A client's message, as the relay passes it on. `trying` is how long it has asked in vain.
    fn write(&self, ask: Ask<'_>, client: Mac, xid: u32, trying: Duration) -> Vec<u8>;

    /// A server's message.
    ///
    /// # Errors
    /// If it is none, or lacks what it must have.
    fn read(&self, octets: &[u8]) -> Result<Answer, String>;

    /// Whether a client that was given one of them instead of the other has lost something.
    fn are_alike(&self, one: IpAddr, other: IpAddr) -> bool;
}

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    /// Whoever has something for it.
    Search,
    /// What that server offered.
    Take(&'a [IpAddr], &'a Server),
    /// More time for what it holds, of who gave it.
    Renew(&'a [Held], &'a Server),
    /// The same of anybody.
    Rebind(&'a [Held]),
    /// To give it back.
    Release(&'a [Held], &'a Server),
}

/// A server, as its clients know it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Where its answers come from.
    pub(super) at: SocketAddr,
    /// Its identifier.
    pub(super) identifier: Vec<u8>,
}

/// What a server said.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) xid: u32,
    pub(super) client: Mac,
    pub(super) server: Vec<u8>,
    pub(super) said: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Offer(Vec<IpAddr>),
    Grant(Vec<Grant>),
    Refusal,
}
