//! Networks, subnets and pools, and which of them a request is about (RFC 8415 §13.1).
//!
//! Told by the Interface-Id of the relay nearest to the client, where the configuration knows it; else by
//! the link-address nearest to it that is one; and for a client on our own link by the interface.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::ops::Range;

use crate::config::model::{Access, Allocator, Config, Network as Configured, Prefix, Scope};
use crate::lease::{Layout, NetworkId, PoolId, Resource};
use crate::server::InterfaceIndex;
use crate::server::network::Place;
use crate::server::options::Base;
use crate::server::prefix::PrefixMap;
use crate::wire::Ipv6Prefix;
use crate::wire::dhcpv6::{IaKind, Via};

/// The configured networks, laid out for lookup. Indexes count in the configuration's order, those of
/// subnets and pools through all networks.
#[derive(Debug)]
pub(super) struct Topology {
    networks: Vec<Network>,
    subnets: Vec<Subnet>,
    pools: Vec<Pool>,
    by_subnet: PrefixMap<usize, Ipv6Addr>,
    by_prefix_pool: PrefixMap<usize, Ipv6Addr>,
    /// Addresses of relays and of subnets, by network.
    links: PrefixMap<usize, Ipv6Addr>,
    interface_ids: HashMap<Box<[u8]>, usize>,
    /// Where the direct clients of our own interfaces are.
    interfaces: Vec<Option<Place>>,
}

#[derive(Debug)]
struct Network {
    id: Option<NetworkId>,
    subnets: Range<usize>,
    base: Base,
}

#[derive(Debug)]
pub(super) struct Subnet {
    network: usize,
    pub(super) prefix: Prefix<Ipv6Addr>,
    /// By index: those of addresses, ascending, and then those of prefixes.
    pools: Range<usize>,
    /// By index: with whom the subnet is shared.
    pub(super) relationship: Option<u16>,
    base: Base,
}

/// A pool of addresses or of prefixes.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) id: PoolId,
    pub(super) kind: IaKind,
    /// By index.
    pub(super) subnet: usize,
    pub(super) first: Ipv6Addr,
    pub(super) last: Ipv6Addr,
    /// How long a delegated prefix is; all of an address.
    pub(super) delegate: u8,
    /// What of each delegated prefix is not the client's, counted from its own start.
    pub(super) exclude: Option<Prefix<Ipv6Addr>>,
    pub(super) allocator: Allocator,
    access: Access,
    base: Base,
}

/// Where one address or prefix lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) network: usize,
    pub(super) subnet: &'a Subnet,
    /// `None` outside every pool, of what only a reservation can give out.
    pub(super) pool: Option<&'a Pool>,
}

impl Topology {
    pub(super) fn new(config: &Config, layout: &Layout, interfaces: &[Vec<Ipv6Addr>]) -> Self {
        let mut this = Self {
            networks: Vec::new(),
            subnets: Vec::new(),
            pools: Vec::new(),
            by_subnet: PrefixMap::new(Vec::new()),
            by_prefix_pool: PrefixMap::new(Vec::new()),
            links: PrefixMap::new(Vec::new()),
            interface_ids: HashMap::new(),
            interfaces: Vec::new(),
        };
        for network in &config.networks6 {
            this.add(network, &config.global, layout);
        }
        let subnets = || this.subnets.iter().enumerate();
        let of_subnets = subnets().map(|(index, subnet)| (subnet.prefix, index)).collect();
        let mut links: Vec<_> =
            subnets().map(|(_, subnet)| (subnet.prefix, subnet.network)).collect();
        let delegating = this.pools.iter().enumerate();
        let delegating = delegating.filter(|(_, pool)| pool.kind == IaKind::Prefixes);
        let of_pools = delegating.map(|(index, pool)| (pool.whole(), index)).collect();
        for (index, network) in config.networks6.iter().enumerate() {
            links.extend(network.relays.iter().map(|prefix| (*prefix, index)));
            let ids = network.interface_ids.iter().map(|id| (id.clone(), index));
            this.interface_ids.extend(ids);
        }
        this.by_subnet = PrefixMap::new(of_subnets);
        this.by_prefix_pool = PrefixMap::new(of_pools);
        this.links = PrefixMap::new(links);
        let place = |(index, interface): (usize, &crate::config::model::Interface)| {
            let own = interfaces.get(index).map_or(&[][..], Vec::as_slice);
            let is_named = |network: &Configured<_>| network.interfaces.contains(&interface.name);
            // What the configuration says of an interface goes before what its addresses tell.
            match config.networks6.iter().position(is_named) {
                Some(network) => {
                    let subnet = own.iter().find_map(|own| this.pointed_at(network, *own));
                    Some(Place { network, subnet })
                }
                None => own.iter().find_map(|own| this.place_of(*own)),
            }
        };
        this.interfaces = config.interfaces.iter().enumerate().map(place).collect();
        this
    }

    fn add(&mut self, network: &Configured<Ipv6Addr>, global: &Scope, layout: &Layout) {
        let (index, first_subnet) = (self.networks.len(), self.subnets.len());
        for subnet in &network.subnets {
            let scopes = [global, &network.scope, &subnet.scope];
            let first_pool = self.pools.len();
            let base = |scope| Base::of(&[scopes[0], scopes[1], scopes[2], scope]);
            for pool in &subnet.pools {
                // A layout of this configuration has all its pools.
                let Some(id) = layout.pool_named(pool) else { continue };
                self.pools.push(Pool {
                    id,
                    kind: IaKind::Addresses,
                    subnet: self.subnets.len(),
                    first: pool.first,
                    last: pool.last,
                    delegate: Ipv6Prefix::MAX_LEN,
                    exclude: None,
                    allocator: pool.allocator,
                    access: pool.access.clone(),
                    base: base(&pool.scope),
                });
            }
            for pool in &subnet.prefix_pools {
                let Some(id) = layout.prefix_pool_named(pool) else { continue };
                self.pools.push(Pool {
                    id,
                    kind: IaKind::Prefixes,
                    subnet: self.subnets.len(),
                    first: pool.prefix.first(),
                    last: pool.prefix.last(),
                    delegate: pool.delegate,
                    exclude: pool.exclude,
                    allocator: pool.allocator,
                    access: pool.access.clone(),
                    base: base(&pool.scope),
                });
            }
            self.subnets.push(Subnet {
                network: index,
                prefix: subnet.prefix,
                pools: first_pool..self.pools.len(),
                relationship: subnet.failover,
                base: Base::of(&scopes),
            });
        }
        self.networks.push(Network {
            id: layout.network_named(network),
            subnets: first_subnet..self.subnets.len(),
            base: Base::of(&[global, &network.scope]),
        });
    }

    /// Which link a request is about: what its relays say, or the interface's own.
    pub(super) fn locate(&self, interface: InterfaceIndex, via: Option<Via<'_>>) -> Option<Place> {
        // A relay without an address of its own is on our own link (RFC 6221 §5.3.1).
        let Via { link_address: link, interface_id } = via.unwrap_or_default();
        if let Some(network) = interface_id.and_then(|id| self.interface_ids.get(id)).copied() {
            let subnet = link.and_then(|link| self.pointed_at(network, link));
            return Some(Place { network, subnet });
        }
        match link {
            Some(link) => self.place_of(link),
            None => self.interfaces.get(usize::from(interface.0)).copied().flatten(),
        }
    }

    /// Where an address or prefix lies; `None` outside all subnets and pools.
    pub(super) fn site(&self, resource: Resource) -> Option<Site<'_>> {
        match resource {
            Resource::Ipv6(address) => {
                let subnet = &self.subnets[self.by_subnet.get(address)?];
                let mut pools = self.pools[subnet.pools.clone()].iter();
                let pool = pools.find(|pool| pool.kind == IaKind::Addresses && pool.spans(address));
                Some(Site { network: subnet.network, subnet, pool })
            }
            Resource::Prefix(prefix) => {
                let pool = self.by_prefix_pool.get(prefix.address()).map(|at| &self.pools[at]);
                let pool = pool.filter(|pool| pool.delegate == prefix.len());
                let around = || self.by_subnet.get(prefix.address());
                let subnet = &self.subnets[pool.map(|pool| pool.subnet).or_else(around)?];
                Some(Site { network: subnet.network, subnet, pool })
            }
            Resource::Ipv4(_) => None,
        }
    }

    /// Where what is reserved on a link lies, although it is in none of its subnets: a prefix.
    pub(super) fn site_at(&self, place: Place) -> Option<Site<'_>> {
        let subnet = place.subnet.unwrap_or(self.networks[place.network].subnets.start);
        Some(Site { network: place.network, subnet: self.subnets.get(subnet)?, pool: None })
    }

    /// The pools of a link, of one kind: first those of the subnet that was pointed at.
    pub(super) fn pools_at(&self, place: Place, kind: IaKind) -> impl Iterator<Item = &Pool> {
        let subnets = self.networks[place.network].subnets.clone();
        let others = subnets.filter(move |subnet| Some(*subnet) != place.subnet);
        let subnets = place.subnet.into_iter().chain(others).map(|at| &self.subnets[at]);
        let pools = subnets.flat_map(|subnet| &self.pools[subnet.pools.clone()]);
        pools.filter(move |pool| pool.kind == kind)
    }

    /// The one interface that is on a link; of several none, as a client may be at either.
    pub(super) fn interface_on(&self, network: usize) -> Option<InterfaceIndex> {
        let is_there = |place: &Option<Place>| place.is_some_and(|it| it.network == network);
        let mut there = (0_u16..).zip(&self.interfaces).filter(|(_, place)| is_there(place));
        let (at, _) = there.next()?;
        there.next().is_none().then_some(InterfaceIndex(at))
    }

    /// The relationships, by index, of a link's subnets.
    pub(super) fn relationships_at(&self, place: Place) -> impl Iterator<Item = Option<u16>> {
        let subnets = self.networks[place.network].subnets.clone();
        self.subnets[subnets].iter().map(|subnet| subnet.relationship)
    }

    /// The relationships, by index, of all subnets there are.
    pub(super) fn relationships(&self) -> impl Iterator<Item = Option<u16>> {
        self.subnets.iter().map(|subnet| subnet.relationship)
    }

    pub(super) fn subnet(&self, index: usize) -> &Subnet {
        &self.subnets[index]
    }

    /// The name that the table has for a network; `None` if it knows none.
    pub(super) fn network_id(&self, network: usize) -> Option<NetworkId> {
        self.networks[network].id
    }

    /// What holds on a link for a client without an address.
    pub(super) fn base_at(&self, place: Place) -> &Base {
        let network = &self.networks[place.network];
        // Most links have one subnet, and nobody has to point at that.
        let only = (network.subnets.len() == 1).then_some(network.subnets.start);
        place.subnet.or(only).map_or(&network.base, |subnet| &self.subnets[subnet].base)
    }

    /// Whether an address is of the link: in one of its subnets.
    pub(super) fn is_on_link(&self, place: Place, address: Ipv6Addr) -> bool {
        self.pointed_at(place.network, address).is_some()
    }

    fn place_of(&self, address: Ipv6Addr) -> Option<Place> {
        let network = self.links.get(address)?;
        Some(Place { network, subnet: self.pointed_at(network, address) })
    }

    /// The subnet of `network` that holds `address`.
    fn pointed_at(&self, network: usize, address: Ipv6Addr) -> Option<usize> {
        self.by_subnet.get(address).filter(|subnet| self.subnets[*subnet].network == network)
    }
}

impl<'a> Site<'a> {
    /// Everything that the configuration says of what lies here, whoever has it.
    pub(super) fn base(&self) -> &'a Base {
        self.pool.map_or(&self.subnet.base, |pool| &pool.base)
    }
}

impl Pool {
    /// Whether a client of these classes gets something here.
    pub(super) fn permits(&self, members: &[usize]) -> bool {
        self.access.permits(members)
    }

    fn spans(&self, address: Ipv6Addr) -> bool {
        // As numbers: addresses are compared word by word.
        (self.first.to_bits()..=self.last.to_bits()).contains(&address.to_bits())
    }

    /// All of a pool of prefixes.
    fn whole(&self) -> Prefix<Ipv6Addr> {
        let len = (self.first.to_bits() ^ self.last.to_bits()).leading_zeros() as u8;
        Prefix { address: self.first, len }
    }
}
