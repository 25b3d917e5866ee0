//! DHCPv6 as a whole.

use super::Secret;

/// `[dhcpv6]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dhcpv6 {
    /// How the server's DUID is made when the state directory has none yet.
    pub duid: ServerDuid,
    /// A Relay-forward with this hop-count or more is dropped; 1 to 32 (RFC 8415 §7.6 has 8, RFC
    /// 3315 had 32).
    pub hop_limit: u8,
    /// Key of [`Allocator::Hash`](super::Allocator::Hash): the same on all servers of a range. Where clients
    /// take Reconfigures, their keys follow from it, too.
    pub secret: Option<Secret>,
    /// Clients that take Reconfigure get a key for it (RFC 8415 §20.4).
    pub reconfigure: bool,
    /// A message that a client sent by unicast is answered as if it came by multicast, and not by
    /// UseMulticast: for clients that once had Server Unicast from another server.
    pub answer_unicast: bool,
    /// A Renew for leases that nobody has on record binds them, if they are free (RFC 8415
    /// §18.3.4); else it is told NoBinding.
    pub adopt_unknown: bool,
    /// Options that a client which asks gets as its relay supplies them, where the configuration
    /// has none (RFC 6422).
    pub relay_supplied: Box<[u16]>,
}

/// A server's DUID before there is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerDuid {
    /// From a hardware address and the time (RFC 8415 §11.2).
    LinkLayerTime,
    /// From a hardware address (RFC 8415 §11.4).
    LinkLayer,
    /// At random (RFC 6355).
    Uuid,
    /// These octets, 3 to 130: a server takes the place of another.
    Given(Box<[u8]>),
}
