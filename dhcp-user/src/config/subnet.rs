//! `[[subnet4]]` and `[[subnet6]]`: which addresses are on which link, and the pools.

use std::collections::HashMap;
use std::fmt;

use super::class::Classes;
use super::family::{Family, for_hosts};
use super::model::Protocol::Dhcpv6;
use super::model::{Address, Allocator, Network, Pool, Prefix, PrefixPool, Scope, Subnet};
use super::notebook::{Notebook, Span};
use super::option::Definitions;
use super::pool::{ReadPool, allocator_of_subnet, pool, prefix_pool};
use super::reader::{Section, Value};
use super::shared_network::{SharedNetwork, SharedNetworks, Ways};
use super::times::Times;
use super::{prefix, scope};

/// What subnets and shared networks refer to.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) global: &'a Times,
    pub(super) definitions: &'a Definitions,
    pub(super) classes: &'a Classes,
    pub(super) notes: &'a Notebook,
}

/// The networks of one family, and what the cross checks want to know of the places in them.
#[derive(Debug)]
pub(super) struct Networks<A> {
    pub(super) list: Vec<Network<A>>,
    /// Whether every subnet could be read: else what seems to be in none may be in one of those.
    pub(super) is_complete: bool,
    pub(super) subnets: Vec<PlacedSubnet<A>>,
    pub(super) pools: Vec<PlacedPool<A>>,
    pub(super) interfaces: Vec<Reach<String>>,
    pub(super) relays: Vec<Reach<Prefix<A>>>,
    /// As they are shown: text, with what is none escaped.
    pub(super) interface_ids: Vec<Reach<String>>,
    /// Which of the list a shared network is, by the shared network's index.
    of_shared: HashMap<usize, usize>,
}

/// A subnet and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedSubnet<A> {
    pub(super) prefix: Prefix<A>,
    /// Index of its network.
    pub(super) network: usize,
    /// Index in its network.
    pub(super) index: usize,
    /// The times that hold in it.
    pub(super) times: Times,
    pub(super) span: Span,
}

/// A pool, the subnet it belongs to, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedPool<A> {
    pub(super) first: A,
    pub(super) last: A,
    /// The length of what is delegated from it; `None` for a pool of addresses.
    pub(super) delegate: Option<u8>,
    pub(super) allocator: Allocator,
    pub(super) may_be_small: bool,
    pub(super) subnet: PlacedSubnet<A>,
    pub(super) times: Times,
    pub(super) span: Span,
}

/// An interface, a relay or an Interface-Id, the network that it leads to, and where that stands.
#[derive(Clone, Debug)]
pub(super) struct Reach<T> {
    pub(super) by: T,
    /// Index of the network.
    pub(super) network: usize,
    pub(super) span: Span,
}

impl<A: Family> Networks<A> {
    /// Reads the subnets in shared networks and beside them; `ways` takes from a shared network
    /// what leads to it.
    pub(super) fn read(
        sections: Vec<Section<'_>>,
        shared: &SharedNetworks,
        ways: impl Fn(&SharedNetwork) -> &Ways<A>,
        context: Context<'_>,
    ) -> Self {
        let mut networks = Self::default();
        let count = sections.len();
        for section in sections {
            networks.read_subnet(section, shared, &ways, context);
        }
        networks.is_complete = networks.subnets.len() == count;
        for subnet in networks.list.iter_mut().flat_map(|network| &mut network.subnets) {
            subnet.pools.sort_by_key(|pool| pool.first);
            subnet.prefix_pools.sort_by_key(|pool| pool.prefix);
        }
        networks
    }

    /// Whether a subnet is in the shared network of that index.
    pub(super) fn has_shared(&self, index: usize) -> bool {
        self.of_shared.contains_key(&index)
    }

    /// Whether an interface that is on these prefixes, or is named for one of the networks, has
    /// clients in them.
    pub(super) fn serve(&self, interface: &str, on: &[Prefix<A>]) -> bool {
        let is_on =
            |subnet: &PlacedSubnet<A>| on.iter().any(|prefix| prefix.overlaps(subnet.prefix));
        self.subnets.iter().any(is_on) || self.interfaces.iter().any(|reach| reach.by == interface)
    }

    /// The relationship, by index, that serves a subnet.
    pub(super) fn relationship_of(&self, subnet: &PlacedSubnet<A>) -> Option<u16> {
        self.list[subnet.network].subnets[subnet.index].failover
    }

    fn read_subnet(
        &mut self,
        mut section: Section<'_>,
        shared: &SharedNetworks,
        ways_of: impl Fn(&SharedNetwork) -> &Ways<A>,
        context: Context<'_>,
    ) {
        let Context { global, definitions, notes, .. } = context;
        section.protocol = Some(A::PROTOCOL);
        let value = section.require("subnet", &format!("subnet = \"{}\"", A::A_SUBNET));
        let prefix = value.and_then(subnet_prefix);
        let in_shared = section.take("shared-network").and_then(|value| shared.resolve(value));
        let ways = Ways::read(&mut section);
        let around = in_shared.map_or(global, |index| &shared.list[index].times);
        let (scope, times) = scope::read(&mut section, around, definitions, notes);
        let allocator = allocator_of_subnet(&mut section);
        let pools = section.take("pools").map(|value| value.list(A::SOME_POOLS));
        let pools: Vec<ReadPool<Pool<A>>> = pools
            .unwrap_or_default()
            .into_iter()
            .filter_map(|value| pool(value, &times, allocator, context))
            .collect();
        let prefix_pools = section
            .take_of(Dhcpv6, "prefix-pools")
            .map(|value| value.list("[{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]"));
        let prefix_pools: Vec<ReadPool<PrefixPool>> = prefix_pools
            .unwrap_or_default()
            .into_iter()
            .filter_map(|value| prefix_pool(value, &times, context))
            .collect();
        section.finish();

        let Some((prefix, value)) = prefix.zip(value) else { return };
        let network = self.network(in_shared, shared, &ways_of, prefix);
        self.reach(network, &ways);
        let index = self.list[network].subnets.len();
        let subnet = PlacedSubnet { prefix, network, index, times, span: value.span };
        self.subnets.push(subnet);
        self.pools.extend(pools.iter().map(|pool| PlacedPool::of(pool, subnet)));
        self.pools.extend(prefix_pools.iter().map(|pool| PlacedPool::of_prefixes(pool, subnet)));
        self.list[network].subnets.push(Subnet {
            prefix,
            scope,
            pools: pools.into_iter().map(|pool| pool.pool).collect(),
            prefix_pools: prefix_pools.into_iter().map(|pool| pool.pool).collect(),
            failover: None,
        });
    }

    /// The network of a subnet: the shared one, which is in the list from its first subnet on, or
    /// one of its own.
    fn network(
        &mut self,
        in_shared: Option<usize>,
        shared: &SharedNetworks,
        ways_of: impl Fn(&SharedNetwork) -> &Ways<A>,
        prefix: Prefix<A>,
    ) -> usize {
        if let Some(known) = in_shared.and_then(|index| self.of_shared.get(&index)) {
            return *known;
        }
        let network = self.list.len();
        let around = in_shared.map(|index| &shared.list[index]);
        self.list.push(Network {
            name: around.map_or_else(|| prefix.to_string(), |around| around.name.clone()),
            scope: around.map_or_else(Scope::default, |around| around.scope.clone()),
            subnets: Vec::new(),
            interfaces: Vec::new(),
            relays: Vec::new(),
            interface_ids: Vec::new(),
        });
        if let Some((index, around)) = in_shared.zip(around) {
            self.of_shared.insert(index, network);
            self.reach(network, ways_of(around));
        }
        network
    }

    /// Adds ways on which clients of a network are reached.
    fn reach(&mut self, network: usize, ways: &Ways<A>) {
        let list = &mut self.list[network];
        for way in &ways.interfaces {
            add(&mut list.interfaces, way.value.clone());
            self.interfaces.push(Reach { by: way.value.clone(), network, span: way.span });
        }
        for way in &ways.relays {
            add(&mut list.relays, way.value);
            self.relays.push(Reach { by: way.value, network, span: way.span });
        }
        for way in &ways.interface_ids {
            add(&mut list.interface_ids, way.value.as_slice().into());
            let by = way.value.escape_ascii().to_string();
            self.interface_ids.push(Reach { by, network, span: way.span });
        }
    }
}

impl<A> Default for Networks<A> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            is_complete: false,
            subnets: Vec::new(),
            pools: Vec::new(),
            interfaces: Vec::new(),
            relays: Vec::new(),
            interface_ids: Vec::new(),
            of_shared: HashMap::new(),
        }
    }
}

impl<A: Family> PlacedPool<A> {
    fn of(read: &ReadPool<Pool<A>>, subnet: PlacedSubnet<A>) -> Self {
        let Pool { first, last, allocator, .. } = read.pool;
        let ReadPool { span, times, may_be_small, .. } = *read;
        Self { first, last, delegate: None, allocator, may_be_small, subnet, times, span }
    }

    fn of_prefixes(read: &ReadPool<PrefixPool>, subnet: PlacedSubnet<A>) -> Self {
        let PrefixPool { prefix, delegate, allocator, .. } = read.pool;
        let ReadPool { span, times, may_be_small, .. } = *read;
        let end = |address| A::of_number(Address::number(address));
        let (first, last) = (end(prefix.first()), end(prefix.last()));
        let delegate = Some(delegate);
        Self { first, last, delegate, allocator, may_be_small, subnet, times, span }
    }

    /// Whether it is one of prefixes, not of addresses.
    pub(super) fn delegates(&self) -> bool {
        self.delegate.is_some()
    }
}

impl<A: Family> fmt::Display for PlacedPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, .. } = *self;
        if self.delegates() {
            let host_bits = (last.number() - first.number()).count_ones() as u8;
            return write!(f, "prefix pool {}", Prefix::containing(first, A::LEN - host_bits));
        }
        write!(f, "pool {first}-{last}")
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, new: T) {
    if !list.contains(&new) {
        list.push(new);
    }
}

fn subnet_prefix<A: Family>(value: Value<'_>) -> Option<Prefix<A>> {
    let text = value.as_text().unwrap_or_default();
    let Some(prefix) = prefix::parse(text) else {
        // The commonest slip: a host's address with its length.
        let host = text.split_once('/').and_then(|(address, len)| {
            let len = len.parse().ok().filter(|len: &u8| *len <= A::LEN)?;
            Some(Prefix::<A>::containing(address.parse().ok()?, len))
        });
        return value.wrong(match host {
            Some(meant) => format!("did you mean \"{meant}\"? ({})", A::EXPECTED_PREFIX),
            None => A::EXPECTED_PREFIX.to_owned(),
        });
    };
    for_hosts(value, prefix)
}
