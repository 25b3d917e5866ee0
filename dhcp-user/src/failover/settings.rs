//! What an operator decides about one relationship.

use std::net::Ipv6Addr;

use super::update::joined;
use crate::config::Config;
use crate::config::model::{IdentityBy, Network, Prefix, Protocol, Secret, Subnet};
pub use crate::config::model::{Role, Terms};
use crate::lease::{PoolId, Range, Tables};
use crate::wire::Seconds;
pub use crate::wire::failover::Dialect;

/// One relationship as its endpoint knows it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As the configuration has it.
    pub terms: Terms,
    /// What names a client that a partner tells by identifier and hardware address alone: the first
    /// of these that it has, the hardware address closing the list.
    pub identity: Vec<IdentityBy>,
    /// The pools of the relationship.
    pub pools: Vec<PoolId>,
    /// A digest of which addresses are shared: all of these, and none else.
    pub addresses: u64,
    /// What the keys of clients for Reconfigures follow from, where a partner can have the same and TLS keeps
    /// them from others (RFC 8156 §5.5.14).
    pub reconfigure: Option<Secret>,
}

impl Settings {
    /// What [`addresses`](Self::addresses) is of none.
    pub const NO_ADDRESSES: u64 = 0xcbf2_9ce4_8422_2325;

    /// Of the relationship at `place` of a configuration that `tables` are laid out by.
    #[must_use]
    pub fn of(config: &Config, tables: &Tables, place: usize) -> Self {
        let terms = config.failover[place].terms.clone();
        let (pools, addresses) = match terms.protocol {
            Protocol::Dhcpv4 => Self::shared_addresses(config, tables, place),
            Protocol::Dhcpv6 => Self::shared_links(config, tables, place),
        };
        // Keys go over no wire that others may read.
        let tells_keys = config.dhcpv6.reconfigure && config.failover[place].tls.is_some();
        let reconfigure = config.dhcpv6.secret.clone().filter(|_| tells_keys);
        Self { terms, identity: config.identity.order.clone(), pools, addresses, reconfigure }
    }

    fn shared_addresses(config: &Config, tables: &Tables, place: usize) -> (Vec<PoolId>, u64) {
        let pools = shared(&config.networks, place).flat_map(|it| &it.pools).map(PoolId::of);
        let layout = tables.ipv4.layout();
        let its = u16::try_from(place).into_iter().flat_map(|place| layout.ranges_of(place));
        (pools.collect(), Self::digest_of_ranges(its))
    }

    fn shared_links(config: &Config, tables: &Tables, place: usize) -> (Vec<PoolId>, u64) {
        let layout = tables.ipv6.layout();
        let (mut pools, mut ends) = (Vec::new(), Vec::new());
        for subnet in shared(&config.networks6, place) {
            pools.extend(subnet.pools.iter().filter_map(|pool| layout.pool_named(pool)));
            let prefixes = subnet.prefix_pools.iter();
            pools.extend(prefixes.clone().filter_map(|pool| layout.prefix_pool_named(pool)));
            // Of numbers nothing is known on disk.
            ends.push(subnet.prefix);
            ends.extend(prefixes.map(|pool| pool.prefix));
        }
        ends.sort_unstable();
        let octets = |it: Prefix<Ipv6Addr>| it.address.octets().into_iter().chain([it.len]);
        (pools, Self::digest(ends.into_iter().flat_map(octets)))
    }

    /// What tells one set of IPv4 addresses from another: the ends of its ranges, which come ascending,
    /// joined where they touch.
    #[must_use]
    pub fn digest_of_ranges(ranges: impl Iterator<Item = Range>) -> u64 {
        let ends = joined(ranges).into_iter().flat_map(|range| [range.first, range.last]);
        Self::digest(ends.flat_map(|end| end.0.to_be_bytes()))
    }

    /// What tells one set of whatever is shared from another: FNV-1a. It is on disks, so it stays as it
    /// is.
    #[must_use]
    pub fn digest(octets: impl Iterator<Item = u8>) -> u64 {
        octets.fold(Self::NO_ADDRESSES, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// After so long without a sign of life from its own endpoint nothing is done by a service view
    /// any more: a partner that has missed us for the receive-timer may then be told that we are down.
    pub(super) fn patience(&self) -> Seconds {
        Seconds(self.terms.receive_timer.0.saturating_add(MARGIN.0))
    }

    /// Whether some clients go by what a relay says of them: a BNDUPD has no option for that, and
    /// only a partner of our kind is told it (in client-request-options).
    pub(super) fn names_clients_by_relay(&self) -> bool {
        let by_relay = |by: &IdentityBy| matches!(by, IdentityBy::CircuitId | IdentityBy::RemoteId);
        self.identity.iter().any(by_relay)
    }
}

/// The subnets that are shared in the relationship at `place`.
pub(crate) fn shared<A>(networks: &[Network<A>], place: usize) -> impl Iterator<Item = &Subnet<A>> {
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    subnets.filter(move |subnet| subnet.failover.map(usize::from) == Some(place))
}

/// What a busy machine or a slow disk may take beyond the receive-timer without a restart's silence.
const MARGIN: Seconds = Seconds(10);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn other_addresses_look_otherwise_and_the_same_in_other_subnets_do_not() {
        let subnet = |third: u8, last: u8| Range {
            first: Ipv4Addr::new(10, 0, third, 0).into(),
            last: Ipv4Addr::new(10, 0, last, 255).into(),
        };
        let of = |ranges: &[Range]| Settings::digest_of_ranges(ranges.iter().copied());
        assert_eq!(of(&[]), Settings::NO_ADDRESSES);
        assert_eq!(of(&[subnet(0, 1)]), of(&[subnet(0, 0), subnet(1, 1)]));
        let all = [of(&[]), of(&[subnet(0, 0)]), of(&[subnet(0, 1)]), of(&[subnet(1, 1)])];
        let different: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
