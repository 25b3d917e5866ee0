//! Which addresses there are to give: pools, networks, reservations, found by address.
//!
//! Built from the configuration and immutable; a reload builds another. Pools and networks are
//! named by where they begin, not by their place in the file, so that a name means the same before
//! and after a reload, and a worker that still holds the old configuration cannot reach into the
//! wrong pool. A layout of IPv6 has a plan beside it, which says what the numbers stand for.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::plan::{Plan, Unplaceable};
use super::resource::{Resource, ResourceId};
use crate::config::model::{Config, Network, Pool, PrefixPool};
use crate::wire::Ipv6Prefix;

/// One dynamic range, named by its first address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PoolId(pub ResourceId);

/// One link: a (shared) network, named by the lowest of its subnets. A client is looked for in one
/// network: the same identifier elsewhere is another client's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NetworkId(pub ResourceId);

/// Whose an available address is: FREE is the primary's, and that of a server without a partner;
/// BACKUP is the secondary's (draft-12 §5.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Owner {
    /// Allocates from FREE.
    Primary,
    /// Allocates from BACKUP.
    Secondary,
}

/// What kind of pool it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Shape {
    /// Its addresses get a number when they are first spoken of.
    pub(super) is_sparse: bool,
    /// Which are the primary's and which the secondary's, they say themselves.
    pub(super) is_split: bool,
}

impl Owner {
    /// The partner.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }

    /// Where addresses say it themselves: the odd ones are the primary's (RFC 8156 §4.2.1.1), and a
    /// number is odd just if its address is.
    #[must_use]
    pub fn by_parity(resource: ResourceId) -> Self {
        if resource.0 & 1 == 1 { Self::Primary } else { Self::Secondary }
    }
}

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Range {
    /// The lowest address.
    pub first: ResourceId,
    /// The highest address; not below `first`.
    pub last: ResourceId,
}

/// All pools, networks and reserved addresses, sorted for look-up by address.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Ascending, never overlapping.
    subnets: Vec<(Range, NetworkId)>,
    /// Ascending, never overlapping.
    pools: Vec<Range>,
    /// Pools of which the addresses themselves say whose they are: ascending.
    split: Vec<Range>,
    /// Ascending, each once.
    reserved: Vec<ResourceId>,
    /// Subnets that are served with a partner: ascending, never overlapping.
    shared: Vec<(Range, u16)>,
    /// What the numbers stand for; `None` where each is an IPv4 address itself.
    plan: Option<Arc<Plan>>,
}

impl PoolId {
    /// The name of a pool of the configuration.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        Self(pool.first.into())
    }
}

impl NetworkId {
    /// The name of a network of the configuration.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let lowest = network.subnets.iter().map(|subnet| subnet.prefix.address).min();
        Self(lowest.map_or(ResourceId::FIRST, ResourceId::from))
    }
}

impl Range {
    /// IPv4 addresses.
    #[must_use]
    pub fn ipv4(first: Ipv4Addr, last: Ipv4Addr) -> Self {
        Self { first: first.into(), last: last.into() }
    }

    /// How many addresses; a range holds one at least.
    #[must_use]
    pub fn count(self) -> u64 {
        u64::from(self.last.0) - u64::from(self.first.0) + 1
    }

    /// Whether the address lies in the range.
    #[must_use]
    pub fn contains(self, resource: impl Into<ResourceId>) -> bool {
        (self.first..=self.last).contains(&resource.into())
    }
}

impl Layout {
    /// The layout of a checked configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut subnets = Vec::new();
        let mut pools = Vec::new();
        let mut shared = Vec::new();
        for network in &config.networks {
            let id = NetworkId::of(network);
            for subnet in &network.subnets {
                let first = ResourceId::from(subnet.prefix.address);
                let host = u32::MAX.checked_shr(u32::from(subnet.prefix.len)).unwrap_or(0);
                let last = ResourceId(first.0 | host);
                subnets.push((Range { first, last }, id));
                shared.extend(subnet.failover.map(|place| (Range { first, last }, place)));
                pools.extend(
                    subnet
                        .pools
                        .iter()
                        .map(|pool| Range { first: pool.first.into(), last: pool.last.into() }),
                );
            }
        }
        let reserved = config
            .reservations
            .iter()
            .filter_map(|row| row.address.map(ResourceId::from))
            .collect();
        Self::new(subnets, pools, reserved).with_relationships(shared)
    }

    /// A layout of parts in any order. Ranges of one kind must not overlap.
    #[must_use]
    pub fn new(
        mut subnets: Vec<(Range, NetworkId)>,
        mut pools: Vec<Range>,
        mut reserved: Vec<ResourceId>,
    ) -> Self {
        subnets.sort_unstable();
        pools.sort_unstable();
        reserved.sort_unstable();
        reserved.dedup();
        Self { subnets, pools, reserved, split: Vec::new(), shared: Vec::new(), plan: None }
    }

    /// The layout of a checked configuration's IPv6, to take the place of `before`, if there is one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of_ipv6(config: &Config, before: Option<&Self>) -> Result<Self, Unplaceable> {
        let plan = Plan::of(config, before.and_then(|before| before.plan.as_deref()))?;
        let (mut subnets, mut pools, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        let mut split = Vec::new();
        for network in &config.networks6 {
            let lowest = network.subnets.iter().min_by_key(|subnet| subnet.prefix);
            let Some(id) = lowest.and_then(|subnet| plan.name_of(subnet)) else { continue };
            for subnet in &network.subnets {
                let ranges = plan.ranges_of(subnet);
                shared.extend(
                    subnet
                        .failover
                        .iter()
                        .flat_map(|place| ranges.iter().map(|range| (*range, *place))),
                );
                subnets.extend(ranges.into_iter().map(|range| (range, NetworkId(id))));
                let of_addresses = subnet.pools.iter();
                let of_addresses: Vec<_> =
                    of_addresses.filter_map(|pool| plan.range_of_pool(pool)).collect();
                if subnet.failover.is_some() {
                    split.extend_from_slice(&of_addresses);
                }
                pools.extend(of_addresses);
                let prefixes = subnet.prefix_pools.iter();
                pools.extend(prefixes.filter_map(|pool| plan.range_of_prefix_pool(pool)));
            }
        }
        let mut reserved = Vec::new();
        for row in &config.reservations6 {
            let prefixes = row.prefixes.iter();
            let prefixes = prefixes.map(|it| Ipv6Prefix::containing(it.address, it.len).into());
            let addresses = row.addresses.iter().map(|address| Resource::from(*address));
            for resource in addresses.chain(prefixes) {
                reserved.push(plan.place(resource).ok_or(Unplaceable::Full)?);
            }
        }
        let this = Self::new(subnets, pools, reserved).with_relationships(shared);
        split.sort_unstable();
        Ok(Self { split, plan: Some(Arc::new(plan)), ..this })
    }

    /// The number of a resource, if it has one. One without was never leased.
    #[must_use]
    pub fn find(&self, resource: Resource) -> Option<ResourceId> {
        match (&self.plan, resource) {
            (None, Resource::Ipv4(address)) => Some(address.into()),
            (Some(plan), Resource::Ipv6(_) | Resource::Prefix(_)) => plan.find(resource),
            _ => None,
        }
    }

    /// The number of a resource that is about to be leased, a new one if it has none; `None` if there
    /// are no more for its pool, or it is of another protocol.
    #[must_use]
    pub fn place(&self, resource: Resource) -> Option<ResourceId> {
        match (&self.plan, resource) {
            (Some(plan), Resource::Ipv6(_) | Resource::Prefix(_)) => plan.place(resource),
            _ => self.find(resource),
        }
    }

    /// The same for one that is leased, by a pool of this configuration or not.
    pub(super) fn place_leased(&self, resource: Resource) -> Option<ResourceId> {
        match (&self.plan, resource) {
            (Some(plan), Resource::Ipv6(_) | Resource::Prefix(_)) => plan.place_leased(resource),
            _ => self.find(resource),
        }
    }

    /// What a number stands for; `None` for one that nothing was ever given.
    #[must_use]
    pub fn resource(&self, id: ResourceId) -> Option<Resource> {
        match &self.plan {
            None => Some(id.ipv4().into()),
            Some(plan) => plan.resource(id),
        }
    }

    /// The name of a network of the configuration's IPv6.
    #[must_use]
    pub fn network_named(&self, network: &Network<Ipv6Addr>) -> Option<NetworkId> {
        let lowest = network.subnets.iter().min_by_key(|subnet| subnet.prefix)?;
        Some(NetworkId(self.plan.as_ref()?.name_of(lowest)?))
    }

    /// The name of a pool of IPv6 addresses of the configuration.
    #[must_use]
    pub fn pool_named(&self, pool: &Pool<Ipv6Addr>) -> Option<PoolId> {
        Some(PoolId(self.plan.as_ref()?.range_of_pool(pool)?.first))
    }

    /// The name of a pool of prefixes of the configuration.
    #[must_use]
    pub fn prefix_pool_named(&self, pool: &PrefixPool) -> Option<PoolId> {
        Some(PoolId(self.plan.as_ref()?.range_of_prefix_pool(pool)?.first))
    }

    /// The first and the last of what is in a pool.
    #[must_use]
    pub fn ends(&self, pool: PoolId) -> Option<[Resource; 2]> {
        let of_sparse = self.plan.as_ref().and_then(|plan| plan.ends_of_sparse(pool));
        of_sparse.or_else(|| {
            let range = self.range(pool)?;
            Some([self.resource(range.first)?, self.resource(range.last)?])
        })
    }

    /// How many addresses or prefixes of a pool have no number before they are spoken of, and there is none
    /// for most of them.
    #[must_use]
    pub fn unnumbered(&self, pool: PoolId) -> u64 {
        let all = self.plan.as_ref().and_then(|plan| plan.count_sparse(pool));
        let numbered = self.range(pool).map_or(0, Range::count);
        all.map_or(0, |all| all.saturating_sub(numbered))
    }

    /// Prefixes that were leased by no pool of now and overlap this one.
    pub(super) fn strays_around(&self, prefix: Ipv6Prefix) -> Vec<ResourceId> {
        self.plan.as_ref().map_or_else(Vec::new, |plan| plan.strays_around(prefix))
    }

    /// What kind of pool it is.
    pub(super) fn shape(&self, pool: PoolId) -> Shape {
        let is_split = self.split.binary_search_by_key(&pool.0, |range| range.first).is_ok();
        Shape { is_sparse: self.is_sparse(pool), is_split }
    }

    /// Whose an address is for ever, where two partners share its pool so (RFC 8156 §4.2.1.1).
    #[must_use]
    pub fn fixed_owner(&self, resource: ResourceId) -> Option<Owner> {
        let after = self.split.partition_point(|range| range.first <= resource);
        let range = self.split.get(after.checked_sub(1)?)?;
        range.contains(resource).then(|| Owner::by_parity(resource))
    }

    /// Whether the pool is too large for all that is in it to have a number from the beginning.
    #[must_use]
    pub fn is_sparse(&self, pool: PoolId) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_sparse(pool))
    }

    /// What a number that was drawn stands for in a sparse pool: any of it, each as likely.
    pub(super) fn drawn(&self, pool: PoolId, number: u128) -> Option<Resource> {
        self.plan.as_ref()?.drawn(pool, number)
    }

    /// How many of a sparse pool were ever spoken of.
    pub(crate) fn given(&self, pool: PoolId) -> u32 {
        self.plan.as_ref().map_or(0, |plan| plan.given(pool))
    }

    /// With these ranges served with a partner, each in the relationship at that place of the
    /// configuration; in any order. They must not overlap.
    #[must_use]
    pub fn with_relationships(mut self, mut ranges: Vec<(Range, u16)>) -> Self {
        ranges.sort_unstable();
        self.shared = ranges;
        self
    }

    /// The relationship, by its place in the configuration, that the address belongs to: that of its
    /// subnet, so that reserved addresses outside the pools belong to it too.
    #[must_use]
    pub fn relationship_of(&self, resource: impl Into<ResourceId>) -> Option<u16> {
        let resource = resource.into();
        let after = self.shared.partition_point(|(range, _)| range.first <= resource);
        let (range, place) = self.shared.get(after.checked_sub(1)?)?;
        range.contains(resource).then_some(*place)
    }

    /// The same of what may have no number yet, which asking does not give it.
    #[must_use]
    pub fn relationship_around(&self, resource: Resource) -> Option<u16> {
        let id = match &self.plan {
            Some(plan) => plan.home(resource),
            None => self.find(resource)?,
        };
        self.relationship_of(id)
    }

    /// The addresses of a relationship, ascending.
    pub fn ranges_of(&self, relationship: u16) -> impl Iterator<Item = Range> {
        let its = move |(_, place): &&(Range, u16)| *place == relationship;
        self.shared.iter().filter(its).map(|(range, _)| *range)
    }

    /// Whether every address belongs to the same relationship in both.
    pub(super) fn has_same_relationships(&self, other: &Self) -> bool {
        self.shared == other.shared
    }

    /// The network that the address belongs to.
    #[must_use]
    pub fn network_of(&self, resource: impl Into<ResourceId>) -> Option<NetworkId> {
        let resource = resource.into();
        let after = self.subnets.partition_point(|(range, _)| range.first <= resource);
        let (range, id) = self.subnets.get(after.checked_sub(1)?)?;
        range.contains(resource).then_some(*id)
    }

    /// The pool that the address lies in, reserved or not.
    #[must_use]
    pub fn pool_of(&self, resource: impl Into<ResourceId>) -> Option<PoolId> {
        let resource = resource.into();
        let after = self.pools.partition_point(|range| range.first <= resource);
        let range = self.pools.get(after.checked_sub(1)?)?;
        range.contains(resource).then_some(PoolId(range.first))
    }

    /// The addresses of a pool; `None` if there is no such pool (any more).
    #[must_use]
    pub fn range(&self, pool: PoolId) -> Option<Range> {
        let index = self.pools.binary_search_by_key(&pool.0, |range| range.first).ok()?;
        Some(self.pools[index])
    }

    /// All pools, ascending.
    pub fn pools(&self) -> impl Iterator<Item = (PoolId, Range)> {
        self.pools.iter().map(|range| (PoolId(range.first), *range))
    }

    /// Whether the address is kept for one client by a reservation: it is never free to others.
    #[must_use]
    pub fn is_reserved(&self, resource: impl Into<ResourceId>) -> bool {
        self.reserved.binary_search(&resource.into()).is_ok()
    }

    /// Reserved addresses in the range, ascending.
    #[must_use]
    pub fn reserved_in(&self, range: Range) -> &[ResourceId] {
        let begin = self.reserved.partition_point(|&resource| resource < range.first);
        let end = self.reserved.partition_point(|&resource| resource <= range.last);
        &self.reserved[begin..end]
    }

    /// All addresses that are reserved, ascending.
    pub(super) fn reserved(&self) -> &[ResourceId] {
        &self.reserved
    }

    /// Whether a client may be given the address at all.
    #[must_use]
    pub fn covers(&self, resource: impl Into<ResourceId>) -> bool {
        let resource = resource.into();
        self.pool_of(resource).is_some() || self.is_reserved(resource)
    }

    /// Whether every address belongs to the same network in both.
    pub(super) fn has_same_networks(&self, other: &Self) -> bool {
        self.subnets == other.subnets
    }

    /// How many addresses the layout covers; one both reserved and in a pool counts twice.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.pools.iter().map(|range| range.count()).sum::<u64>() + self.reserved.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> ResourceId {
        ResourceId::of(text.parse().unwrap())
    }

    fn range(first: &str, last: &str) -> Range {
        Range { first: ip(first), last: ip(last) }
    }

    fn layout() -> Layout {
        Layout::new(
            vec![
                (range("10.1.0.0", "10.1.255.255"), NetworkId(ip("10.0.0.0"))),
                (range("10.0.0.0", "10.0.255.255"), NetworkId(ip("10.0.0.0"))),
                (range("255.255.255.0", "255.255.255.255"), NetworkId(ip("255.255.255.0"))),
            ],
            vec![range("10.1.0.10", "10.1.0.20"), range("255.255.255.200", "255.255.255.255")],
            vec![ip("10.0.0.7"), ip("10.1.0.12"), ip("10.1.0.12")],
        )
    }

    #[test]
    fn the_edges_of_a_pool_belong_to_it_and_their_neighbours_do_not() {
        let layout = layout();
        let pool = Some(PoolId(ip("10.1.0.10")));
        assert_eq!(layout.pool_of(ip("10.1.0.9")), None);
        assert_eq!(layout.pool_of(ip("10.1.0.10")), pool);
        assert_eq!(layout.pool_of(ip("10.1.0.20")), pool);
        assert_eq!(layout.pool_of(ip("10.1.0.21")), None);
        assert_eq!(layout.pool_of(ip("255.255.255.255")), Some(PoolId(ip("255.255.255.200"))));
    }

    #[test]
    fn every_subnet_of_a_shared_network_is_that_network() {
        let layout = layout();
        assert_eq!(layout.network_of(ip("10.1.3.4")), layout.network_of(ip("10.0.3.4")));
        assert_eq!(layout.network_of(ip("10.2.0.0")), None);
    }

    #[test]
    fn a_reserved_address_is_covered_in_a_pool_and_outside() {
        let layout = layout();
        assert!(layout.covers(ip("10.0.0.7")) && layout.is_reserved(ip("10.1.0.12")));
        assert!(!layout.covers(ip("10.0.0.8")));
        assert_eq!(layout.reserved_in(range("10.1.0.10", "10.1.0.20")), [ip("10.1.0.12")]);
        assert_eq!(layout.count(), 11 + 56 + 2);
    }

    #[test]
    fn an_address_belongs_to_the_relationship_of_its_subnet_in_a_pool_or_not() {
        let (first, last) = (range("10.1.0.0", "10.1.255.255"), range("10.3.0.0", "10.3.0.255"));
        let other = range("10.0.0.0", "10.0.255.255");
        let layout = layout().with_relationships(vec![(last, 1), (other, 0), (first, 1)]);
        assert_eq!(layout.relationship_of(ip("10.1.0.15")), Some(1));
        assert_eq!(layout.relationship_of(ip("10.0.0.7")), Some(0), "reserved outside the pools");
        assert_eq!(layout.relationship_of(ip("10.2.0.0")), None);
        assert_eq!(layout.relationship_of(ip("10.3.1.0")), None);
        assert_eq!(layout.relationship_of(ip("9.255.255.255")), None);
        assert_eq!(layout.ranges_of(1).collect::<Vec<_>>(), [first, last]);
        assert_eq!(layout.ranges_of(2).count(), 0);
    }
}
