//! Interfaces to serve.

use std::net::Ipv4Addr;

/// `[[interface]]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// The kernel's name of it.
    pub name: String,
    /// How packets reach us.
    pub dataplane: Dataplane,
    /// Cores to pin workers to; empty is one for each core that the process may use.
    pub workers: Vec<usize>,
    /// Addresses to answer as, the first one being the server identifier; empty is the
    /// interface's own.
    pub addresses: Vec<Ipv4Addr>,
    /// Spin on the rings with `SO_PREFER_BUSY_POLL` in place of sleeping in `poll`.
    pub busy_poll: bool,
}

/// How packets reach us on one interface.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dataplane {
    /// The first of the three that works.
    #[default]
    Auto,
    /// XDP in the driver, AF_XDP rings.
    Xdp,
    /// XDP above the driver, AF_XDP rings with a copy.
    XdpGeneric,
    /// AF_PACKET sockets.
    Socket,
}
