//! Links, subnets and pools: those of DHCPv4 where no address family is named.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Scope;

/// Subnets on one link: an address of any of them suits a client there.
#[derive(Clone, Debug)]
pub struct Network<A = Ipv4Addr> {
    /// From the file, or the only subnet's prefix.
    pub name: String,
    /// Options and parameters of the shared network.
    pub scope: Scope,
    /// At least one.
    pub subnets: Vec<Subnet<A>>,
    /// Interfaces, by name, whose direct clients are on this link beside what the interfaces' own
    /// addresses tell.
    pub interfaces: Vec<String>,
    /// Relay addresses (`giaddr`, RFC 3527 link selection, link-address) on this link beside those
    /// in its subnets.
    pub relays: Vec<Prefix<A>>,
    /// Interface-Ids with which relays tell of this link (RFC 8415 §21.18); none in DHCPv4.
    pub interface_ids: Vec<Box<[u8]>>,
}

/// A prefix; the address has no bit set past the length.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix<A = Ipv4Addr> {
    /// First address.
    pub address: A,
    /// 0 to the length of an address.
    pub len: u8,
}

/// `[[subnet4]]` or `[[subnet6]]`
#[derive(Clone, Debug)]
pub struct Subnet<A = Ipv4Addr> {
    /// Where it lies; subnets of one family never overlap.
    pub prefix: Prefix<A>,
    /// Options and parameters.
    pub scope: Scope,
    /// Dynamic ranges, ascending, never overlapping.
    pub pools: Vec<Pool<A>>,
    /// Prefixes to delegate, ascending, overlapping neither each other nor any pool; none in DHCPv4.
    pub prefix_pools: Vec<PrefixPool>,
    /// The relationship, by index, that serves it with a partner.
    pub failover: Option<u16>,
}

/// One range of addresses to lease from.
#[derive(Clone, Debug)]
pub struct Pool<A = Ipv4Addr> {
    /// First address of the range.
    pub first: A,
    /// Last address of the range, itself included.
    pub last: A,
    /// How a new client's address is found; always [`Allocator::Lru`] in DHCPv4.
    pub allocator: Allocator,
    /// Options and parameters.
    pub scope: Scope,
    /// Who gets an address here.
    pub access: Access,
}

/// A prefix that is delegated in parts of one length.
#[derive(Clone, Debug)]
pub struct PrefixPool {
    /// What is cut up.
    pub prefix: Prefix<Ipv6Addr>,
    /// How long the prefix is that a client gets; not shorter than `prefix`.
    pub delegate: u8,
    /// What the delegating router keeps of each delegated prefix (RFC 6603): longer than
    /// `delegate`, its first `delegate` bits are zero.
    pub exclude: Option<Prefix<Ipv6Addr>>,
    /// How a new client's prefix is found; never [`Allocator::Hash`], as nobody would notice two
    /// clients with one prefix: they have no duplicate detection, and may not decline it.
    pub allocator: Allocator,
    /// Options and parameters.
    pub scope: Scope,
    /// Who gets a prefix here.
    pub access: Access,
}

/// How a new client's address or prefix is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allocator {
    /// The one that was free for longest. Such a pool has no more than 2 to the power of
    /// [`MOST_LRU_BITS`](Self::MOST_LRU_BITS).
    Lru,
    /// One at random that nobody has.
    Random,
    /// The one that a keyed hash gives for the client (RFC 7943): without a partner, nothing is
    /// stored. [`Dhcpv6::secret`](super::Dhcpv6::secret) is there then.
    Hash,
}

impl Allocator {
    /// The addresses or prefixes of one pool that goes by the least recently used, as a power of 2.
    pub const MOST_LRU_BITS: u8 = 28;
}

/// Who gets something from a pool.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Classes, by index, of which a client must be in one; empty lets everybody in.
    pub allow: Vec<usize>,
    /// Classes, by index, whose clients are left out.
    pub deny: Vec<usize>,
}

impl Access {
    /// Whether a client of these classes is let in.
    #[must_use]
    pub fn permits(&self, members: &[usize]) -> bool {
        let is_member = |class: &usize| members.contains(class);
        (self.allow.is_empty() || self.allow.iter().any(is_member))
            && !self.deny.iter().any(is_member)
    }
}
