//! Clients by number, the leases that they hold, and a state directory that says so: in DHCPv4 here, in
//! DHCPv6 in [`v6`], of a server that has run for a while in [`worn`].

pub(crate) mod v6;
mod worn;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use dhcp_user::config::Config;
use dhcp_user::config::model;
use dhcp_user::failover::Saved;
use dhcp_user::journal::{Cursor, Journal, Source, Store};
use dhcp_user::lease::{
    Binding, BindingStatus, Client, ClientKey, ItemKind, Resource, Spread, Told,
};
use dhcp_user::wire::{Seconds, Stamp};

pub(crate) use dhcp_user::config::model::Protocol;

pub(crate) use self::worn::write_worn;
use crate::rig::SERVER_CORE;

/// The server's own address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Its partner's.
pub(crate) const PARTNER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The pool: 16 million addresses.
pub(crate) const POOL: (Ipv4Addr, Ipv4Addr) =
    (Ipv4Addr::new(10, 1, 0, 0), Ipv4Addr::new(10, 250, 255, 255));

/// The router that everybody's way to the server leads through, in networks that have one.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

/// The first relay: in the subnet, outside the pool.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(10, 251, 0, 0);

/// Clients from this number on hold no lease.
pub(crate) const STRANGERS: u32 = 1 << 30;

/// Asks first, to see whether a server answers; it has nothing, and nobody else has its number.
pub(crate) const NEWCOMER: u32 = u32::MAX - 2;

/// Half a day: T1 has come for every lease.
pub(crate) const AGO: u32 = 43_200;

/// Addresses of the pool.
pub(crate) const ADDRESSES: u32 = POOL.1.to_bits() - POOL.0.to_bits() + 1;

/// What the server is told, but for `state-dir`: one worker in native mode, and all of the pool.
pub(crate) fn configuration(protocol: Protocol) -> String {
    let interface = format!("dataplane = \"xdp\"\nworkers = [{SERVER_CORE}]");
    configuration_with(protocol, &interface, ADDRESSES)
}

/// The same with other keys of the interface and so many addresses.
pub(crate) fn configuration_with(protocol: Protocol, interface: &str, addresses: u32) -> String {
    if protocol == Protocol::Dhcpv6 {
        return v6::configuration_with(interface, addresses);
    }
    let (first, last) = (POOL.0, address(addresses - 1));
    format!(
        r#"
lease-time = "24h"

[[interface]]
name = "eth0"
{interface}

[[subnet4]]
subnet = "10.0.0.0/8"
pools = ["{first}-{last}"]
options = {{ routers = ["10.0.0.1"], domain-name-servers = ["10.0.0.53", "10.0.0.54"] }}
"#
    )
}

/// The configuration of DHCPv4, read.
pub(crate) fn config() -> Result<Config> {
    read(&configuration(Protocol::Dhcpv4))
}

/// A configuration, read.
pub(crate) fn read(configuration: &str) -> Result<Config> {
    let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(configuration, Path::new("bench.toml"), &nothing)
        .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
}

/// First and last address of a protocol's pool.
pub(crate) fn pool(protocol: Protocol) -> (IpAddr, IpAddr) {
    match protocol {
        Protocol::Dhcpv4 => (POOL.0.into(), POOL.1.into()),
        Protocol::Dhcpv6 => (v6::POOL.0.into(), v6::POOL.1.into()),
    }
}

/// How the server names itself in a protocol: by its address, or by its DUID.
pub(crate) fn identifier(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Dhcpv4 => SERVER.octets().to_vec(),
        Protocol::Dhcpv6 => v6::DUID.to_vec(),
    }
}

/// The address that this client holds in a protocol.
pub(crate) fn address_of(protocol: Protocol, client: u32) -> IpAddr {
    match protocol {
        Protocol::Dhcpv4 => address(client).into(),
        Protocol::Dhcpv6 => v6::address(client).into(),
    }
}

/// What the table has for it.
fn resource(protocol: Protocol, client: u32) -> Resource {
    match protocol {
        Protocol::Dhcpv4 => address(client).into(),
        Protocol::Dhcpv6 => Resource::Ipv6(v6::address(client)),
    }
}

/// The hardware address of the client with this number: a locally administered one.
pub(crate) fn mac(client: u32) -> [u8; 6] {
    let [a, b, c, d] = client.to_be_bytes();
    [2, 0, a, b, c, d]
}

/// The address that this client holds, if it is none of the [`STRANGERS`].
pub(crate) fn address(client: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(POOL.0.to_bits() + client)
}

/// The time, as bindings have it.
pub(crate) fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(since.as_secs() as u32)
}

/// Who the client is to the server: htype and chaddr, nothing else said.
pub(crate) fn client(number: u32) -> Client {
    let [a, b, c, d, e, f] = mac(number);
    let octets = &[1, a, b, c, d, e, f];
    Client::builder(ClientKey { kind: ItemKind::Hardware, octets }).build()
}

/// The same behind a relay, which says of it what the load's relays say: see
/// [`Access`](crate::load::Access).
pub(crate) fn relayed_client(number: u32) -> Client {
    let [a, b, c, d, e, f] = mac(number);
    let octets = &[1, a, b, c, d, e, f];
    Client::builder(ClientKey { kind: ItemKind::Hardware, octets })
        .with(ItemKind::CircuitId, &number.to_be_bytes())
        .with(ItemKind::RemoteId, &mac(number))
        .with(ItemKind::Relay, &RELAY.octets())
        .build()
}

/// Its lease, half over at `now`.
pub(crate) fn lease(number: u32, now: Stamp) -> Binding {
    lease_to(client(number), now)
}

/// The same to whomever.
pub(crate) fn lease_to(client: Client, now: Stamp) -> Binding {
    let since = Stamp(now.0 - AGO);
    Binding {
        version: 1,
        expires: Stamp(now.0 + AGO),
        cltt: since,
        client: Some(client),
        ..Binding::new(BindingStatus::Active, since)
    }
}

/// Writes a snapshot with the leases of the first `count` clients into an empty directory.
pub(crate) fn write(directory: &Path, protocol: Protocol, count: u32) -> Result<()> {
    write_with(directory, protocol, count, Told::Acknowledged, None)
}

/// The same, of leases that the partner of the relationship `in_normal` knows, or is still to be told;
/// the server was in NORMAL with it.
pub(crate) fn write_with(
    directory: &Path,
    protocol: Protocol,
    count: u32,
    told: Told,
    in_normal: Option<&str>,
) -> Result<()> {
    let journal: model::Journal = config()?.journal;
    let recovery = Journal::open(directory, &journal, 1).context("the state directory")?;
    let (mut journal, _) = recovery.load(&Nothing, 1).context("an empty journal")?;
    let now = now();
    if let Some(relationship) = in_normal {
        let note = Saved::in_normal(Stamp(now.0 - AGO), now, Seconds(3_600)).to_octets();
        let appended = journal.appenders[0].note(&format!("failover/{relationship}"), &note);
        appended.map_err(|error| anyhow::anyhow!("a note: {error:?}"))?;
    }
    let leases = Leases { protocol, count, told, is_shared: in_normal.is_some(), now };
    let written = journal.snapshotter.write(&leases)?;
    anyhow::ensure!(written == u64::from(count), "{written} bindings written");
    Ok(())
}

/// Where an empty journal is read to.
struct Nothing;

impl Store for Nothing {
    fn restore(
        &self,
        bindings: &mut dyn Iterator<Item = (Resource, Binding)>,
    ) -> Result<(), Resource> {
        bindings.for_each(drop);
        Ok(())
    }

    fn finish(&self, _: Spread<'_>) {}
}

/// A table that makes up its leases as they are asked for.
struct Leases {
    protocol: Protocol,
    count: u32,
    told: Told,
    /// Whether a partner knows them, or will.
    is_shared: bool,
    now: Stamp,
}

impl Leases {
    fn lease(&self, number: u32) -> Binding {
        let client = match self.protocol {
            Protocol::Dhcpv4 => client(number),
            Protocol::Dhcpv6 => v6::client(number),
        };
        let lease = lease_to(client, self.now);
        let potential = if self.is_shared { Stamp(lease.expires.0 + AGO) } else { Stamp::ZERO };
        let is_known = self.told == Told::Acknowledged;
        Binding {
            told: self.told,
            sent_potential: potential,
            acked_potential: if is_known { potential } else { Stamp::ZERO },
            ..lease
        }
    }
}

impl Source for Leases {
    fn walk(
        &self,
        from: Cursor,
        limit: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor> {
        let first = from.0 as u32;
        let end = first.saturating_add(limit as u32).min(self.count);
        for number in first..end {
            each(resource(self.protocol, number), &self.lease(number));
        }
        (end < self.count).then_some(Cursor(end.into()))
    }
}
