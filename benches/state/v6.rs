//! The same clients, leases and network in DHCPv6.

use std::net::Ipv6Addr;

use dhcp_user::lease::{Client, ClientBuilder, ClientKey, ItemKind};
use dhcp_user::wire::Ipv6Prefix;

use super::mac;

/// The server's own address.
pub(crate) const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);

/// The server's DUID: a DUID-LL (RFC 8415 §11.4).
pub(crate) const DUID: [u8; 10] = [0, 3, 0, 1, 2, 0xee, 0, 0, 0, 2];

/// The link's prefix.
pub(crate) const LINK: &str = "2001:db8:1::/64";

/// The pool: as many addresses as DHCPv4 has.
pub(crate) const POOL: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 1, 0, 0, 0),
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 1, 0, 0xf9, 0xffff),
);

/// Where prefixes are delegated from, and how long they are: as many as there are addresses at the most.
pub(crate) const PREFIXES: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 0);
pub(crate) const DELEGATED: u8 = 60;

/// The router that relays and clients are behind.
pub(crate) const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x8000, 0, 0, 0xfe);

/// The first relay: on the link, outside the pool. It is its link-address, too.
pub(crate) const RELAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0xffff, 0, 0, 0);

/// Relays' addresses and no others.
pub(crate) const RELAYS: &str = "2001:db8:1:0:ffff::/80";

/// Link-local addresses of clients, and not the router's.
pub(crate) const CLIENTS: &str = "fe80::/65";

/// Of everybody's association.
pub(crate) const IAID: u32 = 1;

/// Whose remote-ids the load's relays add: one for documentation (RFC 5612).
pub(crate) const ENTERPRISE: u32 = 32_473;

/// The configuration but for `state-dir`, with these keys of the interface and so many addresses.
pub(super) fn configuration_with(interface: &str, addresses: u32) -> String {
    let (first, last) = (POOL.0, address(addresses - 1));
    let pool = format!("{{ range = \"{first}-{last}\", allocator = \"lru\" }}");
    configuration_of(interface, &pool)
}

/// The same with this pool.
pub(crate) fn configuration_of(interface: &str, pool: &str) -> String {
    let duid: String = DUID.iter().map(|octet| format!("{octet:02x}")).collect();
    format!(
        r#"
lease-time = "24h"

[dhcpv6]
duid = "0x{duid}"

[[interface]]
name = "eth0"
{interface}

[[subnet6]]
subnet = "{LINK}"
interfaces = ["eth0"]
pools = [{pool}]
options = {{ dns-servers = ["2001:db8::53", "2001:db8::54"] }}
"#
    )
}

/// The address that this client holds, if it is none of the [`STRANGERS`](super::STRANGERS).
pub(crate) fn address(client: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(POOL.0.to_bits() + u128::from(client))
}

/// The prefix that this client would hold.
pub(crate) fn prefix(client: u32) -> Ipv6Prefix {
    let offset = u128::from(client) << (Ipv6Prefix::MAX_LEN - DELEGATED);
    Ipv6Prefix::containing(Ipv6Addr::from_bits(PREFIXES.to_bits() + offset), DELEGATED)
}

/// What so many prefixes at the least are delegated from.
pub(crate) fn prefix_pool(prefixes: u32) -> Ipv6Prefix {
    let bits = prefixes.next_power_of_two().ilog2() as u8;
    Ipv6Prefix::containing(PREFIXES, DELEGATED - bits)
}

/// The client's DUID: a DUID-LL of its hardware address.
pub(crate) fn duid(client: u32) -> [u8; 10] {
    let [a, b, c, d, e, f] = mac(client);
    [0, 3, 0, 1, a, b, c, d, e, f]
}

/// The client's link-local address, as it makes it of its hardware address (RFC 4291, appendix A).
pub(crate) fn link_local(client: u32) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac(client);
    let word = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f))
}

/// What the load's relays say of the client at its far end: Remote-ID (RFC 4649).
pub(crate) fn remote_id(client: u32) -> [u8; 10] {
    let ([a, b, c, d], [e, f, g, h, i, j]) = (ENTERPRISE.to_be_bytes(), mac(client));
    [a, b, c, d, e, f, g, h, i, j]
}

/// Who the client is to the server: its association of addresses.
pub(crate) fn client(number: u32) -> Client {
    builder(number).build()
}

/// The same behind a relay, which says of it what the load's relays say.
pub(crate) fn relayed_client(number: u32) -> Client {
    builder(number)
        .with(ItemKind::LinkAddress, &RELAY.octets())
        .with(ItemKind::InterfaceId, &number.to_be_bytes())
        .with(ItemKind::RemoteId, &remote_id(number))
        .build()
}

fn builder(number: u32) -> ClientBuilder {
    let octets = &[&IAID.to_be_bytes()[..], &duid(number)].concat();
    Client::builder(ClientKey { kind: ItemKind::IaAddresses, octets })
}
