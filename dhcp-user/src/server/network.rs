//! Networks, subnets and pools, and which of them a request is about.
//!
//! Sources, the first that the request has: link selection in option 82 (RFC 3527 §3), the subnet
//! selection option (RFC 3011 §2), `giaddr` (RFC 2131 §4.3.1), and for a client on our own link the
//! interface. A client that speaks to us past its relay is told by the address it has.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::options::Base;
use super::prefix::PrefixMap;
use super::{Arrival, DropReason, InterfaceAddress, InterfaceAddresses, InterfaceIndex};
use crate::config::model::{self, Access, Config};
use crate::lease::PoolId;
use crate::wire::dhcpv4::Message;
use crate::wire::option::code;
use crate::wire::relay::RelayInformation;

/// The configured networks, laid out for lookup. Indexes count in the configuration's order, those
/// of subnets and pools through all networks.
#[derive(Debug)]
pub(super) struct Topology {
    interfaces: Vec<Interface>,
    networks: Vec<Network>,
    subnets: Vec<Subnet>,
    pools: Vec<Pool>,
    /// Addresses of relays and of subnets, by network.
    links: PrefixMap<usize>,
    by_prefix: PrefixMap<usize>,
}

/// One of our own interfaces.
#[derive(Debug)]
pub(super) struct Interface {
    /// What we answer as; the first is the server identifier.
    identifiers: Vec<Ipv4Addr>,
    /// Directed broadcast addresses of its links.
    broadcasts: Vec<Ipv4Addr>,
    /// Where its direct clients are.
    place: Option<Place>,
}

#[derive(Debug)]
struct Network {
    subnets: Range<usize>,
    base: Base,
}

#[derive(Debug)]
pub(super) struct Subnet {
    network: usize,
    /// By index, ascending in address.
    pools: Range<usize>,
    mask: Ipv4Addr,
    /// By index: with whom the subnet is shared.
    relationship: Option<u16>,
    base: Base,
}

#[derive(Debug)]
pub(super) struct Pool {
    id: PoolId,
    /// Of its subnet.
    relationship: Option<u16>,
    first: Ipv4Addr,
    last: Ipv4Addr,
    access: Access,
    serves_bootp: bool,
    base: Base,
}

/// The link a request is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// By index.
    pub(super) network: usize,
    /// The subnet, by index, that was pointed at, of the several there may be on the link: its
    /// addresses are tried first.
    pub(super) subnet: Option<usize>,
}

/// Where one address lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) network: usize,
    pub(super) subnet: &'a Subnet,
    /// `None` for an address outside every pool, which only a reservation can give out.
    pub(super) pool: Option<&'a Pool>,
}

impl Topology {
    pub(super) fn new(config: &Config, interfaces: &[InterfaceAddresses]) -> Self {
        let mut links = Vec::new();
        let mut by_prefix = Vec::new();
        let (mut networks, mut subnets, mut pools) = (Vec::new(), Vec::new(), Vec::new());
        for (index, network) in config.networks.iter().enumerate() {
            links.extend(network.relays.iter().map(|prefix| (*prefix, index)));
            let first_subnet = subnets.len();
            for subnet in &network.subnets {
                links.push((subnet.prefix, index));
                by_prefix.push((subnet.prefix, subnets.len()));
                let scopes = [&config.global, &network.scope, &subnet.scope];
                let first_pool = pools.len();
                let relationship = subnet.failover;
                let new = |pool| {
                    let serves_bootp = config.serves_bootp(network, subnet, pool);
                    Pool::new(pool, relationship, serves_bootp, &scopes)
                };
                pools.extend(subnet.pools.iter().map(new));
                subnets.push(Subnet {
                    network: index,
                    pools: first_pool..pools.len(),
                    mask: Ipv4Addr::from_bits(mask_bits(subnet.prefix.len)),
                    relationship,
                    base: Base::of(&scopes),
                });
            }
            networks.push(Network {
                subnets: first_subnet..subnets.len(),
                base: Base::of(&[&config.global, &network.scope]),
            });
        }
        let mut this = Self {
            interfaces: Vec::new(),
            networks,
            subnets,
            pools,
            links: PrefixMap::new(links),
            by_prefix: PrefixMap::new(by_prefix),
        };
        this.interfaces = config
            .interfaces
            .iter()
            .enumerate()
            .map(|(index, interface)| {
                let kernel = interfaces.get(index).map_or(&[][..], |known| &known.addresses);
                this.interface(config, interface, kernel)
            })
            .collect();
        this
    }

    fn interface(
        &self,
        config: &Config,
        interface: &model::Interface,
        kernel: &[InterfaceAddress],
    ) -> Interface {
        let own = || kernel.iter().map(|own| own.address);
        let identifiers: Vec<_> = if interface.addresses.is_empty() {
            own().collect()
        } else {
            interface.addresses.clone()
        };
        // What the configuration says of an interface goes before what its addresses tell.
        let named =
            config.networks.iter().position(|network| network.interfaces.contains(&interface.name));
        let place = match named {
            Some(network) => {
                let subnet = own().find_map(|address| self.pointed_at(network, address));
                Some(Place { network, subnet })
            }
            None => own().find_map(|address| self.place_of(address)),
        };
        let broadcasts = kernel
            .iter()
            .map(|own| Ipv4Addr::from_bits(own.address.to_bits() | !mask_bits(own.prefix_len)))
            .collect();
        Interface { identifiers, broadcasts, place }
    }

    /// The interface that a request came in by, if the request was meant for us.
    pub(super) fn receiver(&self, arrival: &Arrival) -> Result<&Interface, DropReason> {
        let interface = self
            .interfaces
            .get(usize::from(arrival.interface.0))
            .filter(|interface| !interface.identifiers.is_empty())
            .ok_or(DropReason::NoServerAddress)?;
        let to = arrival.destination_ip;
        let is_ours =
            to.is_broadcast() || interface.broadcasts.contains(&to) || self.is_our_own(to);
        if is_ours { Ok(interface) } else { Err(DropReason::NotForUs) }
    }

    /// Whether `address` is one that this server answers as, on any interface (RFC 2131 §4.1: a
    /// server with several addresses must take any of them for its own).
    pub(super) fn is_our_own(&self, address: Ipv4Addr) -> bool {
        self.interfaces.iter().any(|interface| interface.identifiers.contains(&address))
    }

    /// Which link a request is about.
    pub(super) fn locate(
        &self,
        interface: &Interface,
        arrival: &Arrival,
        message: &Message<'_>,
        relay: Option<&RelayInformation<'_>>,
    ) -> Result<Place, DropReason> {
        let giaddr = message.giaddr();
        if giaddr.is_multicast() || giaddr.is_broadcast() || giaddr.is_loopback() {
            return Err(DropReason::UnknownRelay);
        }
        // Only a relay may select a link for its client (RFC 3527 §3).
        let selected =
            relay.filter(|_| !giaddr.is_unspecified()).and_then(RelayInformation::link_selection);
        if let Some(link) = selected {
            return self.place_of(link).ok_or(DropReason::UnknownRelay);
        }
        // RFC 3011 §2: a server that does not serve that subnet does not answer.
        if let Some(subnet) = message.option_address(code::SUBNET_SELECTION) {
            return self.place_of(subnet).ok_or(DropReason::UnknownNetwork);
        }
        if !giaddr.is_unspecified() {
            return self.place_of(giaddr).ok_or(DropReason::UnknownRelay);
        }
        // RENEWING, RELEASE and INFORM come by unicast from wherever the client is.
        let (ciaddr, by_unicast) = (message.ciaddr(), self.is_our_own(arrival.destination_ip));
        let routed =
            (by_unicast && !ciaddr.is_unspecified()).then(|| self.place_of(ciaddr)).flatten();
        routed.or(interface.place).ok_or(DropReason::UnknownNetwork)
    }

    /// Which link it most likely is about, by as much as costs nothing to see.
    pub(super) fn guess(&self, interface: InterfaceIndex, giaddr: Ipv4Addr) -> Option<Place> {
        if giaddr.is_unspecified() {
            return self.interfaces.get(usize::from(interface.0))?.place;
        }
        self.place_of(giaddr)
    }

    /// Where an address lies; `None` outside all subnets.
    pub(super) fn site(&self, address: Ipv4Addr) -> Option<Site<'_>> {
        let subnet = &self.subnets[self.by_prefix.get(address)?];
        let pools = &self.pools[subnet.pools.clone()];
        let after = pools.partition_point(|pool| pool.first <= address);
        let pool = after.checked_sub(1).map(|at| &pools[at]).filter(|pool| address <= pool.last);
        Some(Site { network: subnet.network, subnet, pool })
    }

    /// The pools of a link, by index: first those of the subnet that was pointed at.
    pub(super) fn pools_at(&self, place: Place) -> impl Iterator<Item = usize> + Clone {
        let subnets = self.networks[place.network].subnets.clone();
        let others = subnets.filter(move |subnet| Some(*subnet) != place.subnet);
        place.subnet.into_iter().chain(others).flat_map(|subnet| self.subnets[subnet].pools.clone())
    }

    /// The relationships, by index, of a link's subnets: first of the one that was pointed at.
    pub(super) fn relationships_at(&self, place: Place) -> impl Iterator<Item = Option<u16>> {
        let subnets = self.networks[place.network].subnets.clone();
        let others = subnets.filter(move |subnet| Some(*subnet) != place.subnet);
        place.subnet.into_iter().chain(others).map(|subnet| self.subnets[subnet].relationship)
    }

    /// The relationships, by index, of all subnets there are.
    pub(super) fn relationships(&self) -> impl Iterator<Item = Option<u16>> {
        self.subnets.iter().map(|subnet| subnet.relationship)
    }

    pub(super) fn pool(&self, index: usize) -> &Pool {
        &self.pools[index]
    }

    /// What holds on a link for a client without an address.
    pub(super) fn base_at(&self, place: Place) -> &Base {
        place.subnet.map_or(&self.networks[place.network].base, |subnet| &self.subnets[subnet].base)
    }

    fn place_of(&self, address: Ipv4Addr) -> Option<Place> {
        let network = self.links.get(address)?;
        Some(Place { network, subnet: self.pointed_at(network, address) })
    }

    /// The subnet of `network` that holds `address`.
    fn pointed_at(&self, network: usize, address: Ipv4Addr) -> Option<usize> {
        self.by_prefix.get(address).filter(|subnet| self.subnets[*subnet].network == network)
    }
}

impl Interface {
    /// Which of our addresses answers what was sent to `destination`: that one if it is ours.
    pub(super) fn identifier(&self, destination: Ipv4Addr) -> Ipv4Addr {
        let own = self.identifiers.iter().find(|own| **own == destination);
        // Not empty: `receiver` gives out no interface without an address.
        own.or(self.identifiers.first()).copied().unwrap_or(destination)
    }
}

impl<'a> Site<'a> {
    /// Everything that the configuration says of this address, whoever has it.
    pub(super) fn base(&self) -> &'a Base {
        self.pool.map_or(&self.subnet.base, |pool| &pool.base)
    }
}

impl Subnet {
    pub(super) fn mask(&self) -> Ipv4Addr {
        self.mask
    }

    /// The relationship, by index, of the partner that the subnet is shared with.
    pub(super) fn relationship(&self) -> Option<u16> {
        self.relationship
    }
}

impl Pool {
    /// As the table knows it.
    pub(super) fn id(&self) -> PoolId {
        self.id
    }

    /// As its subnet's.
    pub(super) fn relationship(&self) -> Option<u16> {
        self.relationship
    }

    /// Whether some BOOTP client may get an address here.
    pub(super) fn serves_bootp(&self) -> bool {
        self.serves_bootp
    }

    fn new(
        pool: &model::Pool,
        relationship: Option<u16>,
        serves_bootp: bool,
        outer: &[&model::Scope; 3],
    ) -> Self {
        let [global, network, subnet] = outer;
        Self {
            id: PoolId::of(pool),
            relationship,
            first: pool.first,
            last: pool.last,
            access: pool.access.clone(),
            serves_bootp,
            base: Base::of(&[global, network, subnet, &pool.scope]),
        }
    }

    /// Whether a client of these classes gets an address here.
    pub(super) fn permits(&self, members: &[usize]) -> bool {
        self.access.permits(members)
    }
}

fn mask_bits(len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::v4::testing::{Packet, Server, client};
    use super::*;

    const METRO: &str = r#"
        [[interface]]
        name = "eth0"
        [[interface]]
        name = "eth1"
        [[shared-network]]
        name = "metro"
        relays = ["192.0.2.0/24"]
        [[subnet4]]
        subnet = "10.1.0.0/24"
        shared-network = "metro"
        pools = ["10.1.0.10-10.1.0.11"]
        [[subnet4]]
        subnet = "10.2.0.0/24"
        shared-network = "metro"
        pools = ["10.2.0.10-10.2.0.11"]
        [[subnet4]]
        subnet = "10.0.0.0/24"
        pools = ["10.0.0.10-10.0.0.11"]
        [[subnet4]]
        subnet = "10.3.0.0/24"
        pools = ["10.3.0.10-10.3.0.11"]
    "#;

    fn net_of(server: &mut Server, packet: &Packet) -> Result<u8, DropReason> {
        let heard = server.hear(&packet.clone().discover());
        match heard.dropped() {
            None => Ok(heard.yiaddr().octets()[1]),
            Some(reason) => Err(reason),
        }
    }

    #[test]
    fn a_request_finds_its_link_by_what_names_it_most_closely() {
        let mut server = Server::new(METRO);
        let mut net = |packet: Packet| net_of(&mut server, &packet);
        assert_eq!(net(client(1)), Ok(0), "the interface's own subnet");
        assert_eq!(net(client(2).through([10, 2, 0, 1])), Ok(2), "giaddr (RFC 2131 §4.3.1)");
        assert_eq!(net(client(3).through([192, 0, 2, 9])), Ok(1), "a relay known by configuration");
        let selected = client(4).through([172, 16, 0, 1]).relayed(&[(5, &[10, 3, 0, 0])]);
        assert_eq!(net(selected), Ok(3), "link selection (RFC 3527 §3)");
        let selected = client(5).option(code::SUBNET_SELECTION, &[10, 3, 0, 0]);
        assert_eq!(net(selected), Ok(3), "subnet selection (RFC 3011 §2)");
        let unrelayed = client(6).relayed(&[(5, &[10, 3, 0, 0])]);
        assert_eq!(net(unrelayed), Ok(0), "only a relay selects a link");
        let nowhere = client(7).option(code::SUBNET_SELECTION, &[172, 16, 0, 0]);
        assert_eq!(net(nowhere), Err(DropReason::UnknownNetwork));
        let nowhere = client(8).through([10, 2, 0, 1]).relayed(&[(5, &[172, 16, 0, 0])]);
        assert_eq!(net(nowhere), Err(DropReason::UnknownRelay));
    }

    #[test]
    fn a_full_subnet_is_helped_out_by_the_others_of_its_network() {
        let mut server = Server::new(METRO);
        let nets: Vec<_> =
            (1..6).map(|n| net_of(&mut server, &client(n).through([10, 2, 0, 1]))).collect();
        assert_eq!(nets, [Ok(2), Ok(2), Ok(1), Ok(1), Err(DropReason::NoAddress)]);
    }

    #[test]
    fn an_interface_without_an_address_answers_nobody() {
        let mut server = Server::new(METRO);
        let mut packet = client(1);
        packet.arrival.interface = super::super::InterfaceIndex(1);
        assert_eq!(net_of(&mut server, &packet), Err(DropReason::NoServerAddress));
        packet.arrival.interface = super::super::InterfaceIndex(7);
        assert_eq!(net_of(&mut server, &packet), Err(DropReason::NoServerAddress));
    }

    /// RFC 3011 §2: the option is returned.
    #[test]
    fn a_subnet_selection_is_echoed() {
        let mut server = Server::new(METRO);
        let packet = client(1).option(code::SUBNET_SELECTION, &[10, 3, 0, 0]).discover();
        assert_eq!(server.hear(&packet).option(code::SUBNET_SELECTION).unwrap(), [10, 3, 0, 0]);
    }

    #[test]
    fn the_directed_broadcast_of_the_link_is_meant_for_us() {
        let mut server = Server::new(METRO);
        let directed = client(1).to(Ipv4Addr::new(10, 0, 0, 255));
        assert_eq!(net_of(&mut server, &directed), Ok(0));
        let other = client(1).to(Ipv4Addr::new(10, 3, 0, 255));
        assert_eq!(net_of(&mut server, &other), Err(DropReason::NotForUs));
    }
}
