//! Leases as JSON, one object a line.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize, Serializer};

use super::clock::rfc3339;
use crate::config::Config;
use crate::config::model::{self, Address, Prefix};
use crate::lease::{Binding, BindingStatus, Client, ItemKind, Resource, Told};
use crate::wire::Stamp;
use crate::wire::fqdn::Fqdn;

/// What an address is at one moment, for its reader: the binding-status, and what the time and a
/// promise make of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// Leased.
    Active,
    /// Promised to a client that has not taken it yet.
    Offered,
    /// To be had; whoever had it last is remembered.
    Free,
    /// The lease ran out.
    Expired,
    /// The client gave it back.
    Released,
    /// Set aside: declined, or a probe was answered.
    Abandoned,
    /// Freed by an operator.
    Reset,
    /// To be had from the secondary of a pair.
    Backup,
}

/// The subnets of a configuration by address, to tell a lease's. All ascending, and without overlap.
#[derive(Clone, Debug, Default)]
pub struct Subnets {
    ipv4: Vec<Prefix>,
    ipv6: Vec<Prefix<Ipv6Addr>>,
    /// Pools of prefixes, each with the subnet whose clients they are for.
    delegated: Vec<(Prefix<Ipv6Addr>, Prefix<Ipv6Addr>)>,
}

/// One lease, ready to be written. Octets are hex with colons, times RFC 3339.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// In place of `address`, where that is delegated.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    state: LeaseState,
    /// Of DHCPv6, with `iaid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    duid: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iaid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw_address: Option<Hex<'a>>,
    starts: String,
    /// Nothing for what nobody ever had.
    expires: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    infinite: bool,
    last_heard: String,
    /// sent-potential-expiration-time (draft-12 §7.1.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    tstp: Option<String>,
    /// acked-potential-expiration-time.
    #[serde(skip_serializing_if = "Option::is_none")]
    atsfp: Option<String>,
    /// received-potential-expiration-time.
    #[serde(skip_serializing_if = "Option::is_none")]
    tsfp: Option<String>,
    /// The partner does not know of this yet.
    #[serde(skip_serializing_if = "is_false")]
    untold: bool,
    subnet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fqdn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<Ipv4Addr>,
    /// The link-address nearest to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_address: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_id: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit_id: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_id: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_information: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_class: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    reserved: bool,
    #[serde(skip_serializing_if = "is_false")]
    bootp: bool,
}

impl LeaseState {
    /// What `binding` is at `now`. A lease whose end has passed is expired although the sweep may
    /// not have come by yet.
    #[must_use]
    pub fn of(now: Stamp, binding: &Binding) -> Self {
        match binding.status {
            BindingStatus::Active if binding.is_held(now) => Self::Active,
            BindingStatus::Active | BindingStatus::Expired => Self::Expired,
            BindingStatus::Free | BindingStatus::Backup if binding.is_offered(now) => Self::Offered,
            BindingStatus::Free => Self::Free,
            BindingStatus::Backup => Self::Backup,
            BindingStatus::Released => Self::Released,
            BindingStatus::Abandoned => Self::Abandoned,
            BindingStatus::Reset => Self::Reset,
        }
    }

    /// As JSON and arguments have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Offered => "offered",
            Self::Free => "free",
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Abandoned => "abandoned",
            Self::Reset => "reset",
            Self::Backup => "backup",
        }
    }
}

impl Subnets {
    /// Those of `config`.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let ipv4 = config.networks.iter().flat_map(|network| &network.subnets);
        let ipv6 = || config.networks6.iter().flat_map(|network| &network.subnets);
        let pools = |subnet: &model::Subnet<Ipv6Addr>| -> Vec<_> {
            subnet.prefix_pools.iter().map(|pool| (pool.prefix, subnet.prefix)).collect()
        };
        let mut this = Self {
            ipv4: ipv4.map(|subnet| subnet.prefix).collect(),
            ipv6: ipv6().map(|subnet| subnet.prefix).collect(),
            delegated: ipv6().flat_map(pools).collect(),
        };
        this.ipv4.sort_unstable();
        this.ipv6.sort_unstable();
        this.delegated.sort_unstable();
        this
    }

    /// The subnet that something belongs to, as text.
    fn of_resource(&self, resource: Resource) -> Option<String> {
        let of_ipv6 = |address| containing(&self.ipv6, |it| *it, address);
        match resource {
            Resource::Ipv4(address) => {
                containing(&self.ipv4, |it| *it, address).map(Prefix::to_string)
            }
            Resource::Ipv6(address) => of_ipv6(address).map(Prefix::to_string),
            Resource::Prefix(prefix) => {
                let pool = containing(&self.delegated, |(pool, _)| *pool, prefix.address());
                let subnet = pool.map(|(_, subnet)| subnet);
                subnet.or_else(|| of_ipv6(prefix.address())).map(Prefix::to_string)
            }
        }
    }
}

/// Of ascending entries that never overlap, the one whose prefix holds `address`.
fn containing<A: Address, T>(
    all: &[T],
    prefix_of: impl Fn(&T) -> Prefix<A>,
    address: A,
) -> Option<&T> {
    let after = all.partition_point(|it| prefix_of(it).address <= address);
    all[..after].last().filter(|it| prefix_of(it).contains(address))
}

/// Writes one lease and a line feed to the end of `page`.
pub fn write_line(
    page: &mut Vec<u8>,
    now: Stamp,
    subnets: &Subnets,
    resource: Resource,
    binding: &Binding,
) {
    let item = |kind| binding.client.as_ref().and_then(|client| client.item(kind));
    let text = |kind| item(kind).map(|data| String::from_utf8_lossy(data).into_owned());
    let state = LeaseState::of(now, binding);
    // What an offer promises ends with the promise.
    let end = if state == LeaseState::Offered { binding.offered_until } else { binding.expires };
    // Without a partner they are never set.
    let potential = |time: Stamp| (time != Stamp::ZERO).then(|| rfc3339(time));
    let key = binding.client.as_ref().map(Client::key);
    let ia = key.filter(|key| matches!(key.kind, ItemKind::IaAddresses | ItemKind::IaPrefixes));
    let ia = ia.and_then(|key| key.octets.split_first_chunk::<4>());
    let is_prefix = matches!(resource, Resource::Prefix(_));
    let text_if = |wanted: bool| wanted.then(|| resource.to_string());
    let line = Line {
        address: text_if(!is_prefix),
        prefix: text_if(is_prefix),
        state,
        duid: ia.map(|(_, duid)| Hex(duid)),
        iaid: ia.map(|(iaid, _)| u32::from_be_bytes(*iaid)),
        client_id: item(ItemKind::Identifier).map(Hex),
        hw_address: item(ItemKind::Hardware).and_then(|data| data.get(1..)).map(Hex),
        starts: rfc3339(binding.starts),
        expires: (end != Stamp::ZERO).then(|| rfc3339(end)),
        infinite: end == Stamp::NEVER,
        last_heard: rfc3339(binding.cltt),
        tstp: potential(binding.sent_potential),
        atsfp: potential(binding.acked_potential),
        tsfp: potential(binding.received_potential),
        untold: binding.told != Told::Acknowledged,
        subnet: subnets.of_resource(resource),
        host_name: text(ItemKind::HostName),
        fqdn: item(ItemKind::Fqdn)
            .and_then(|data| Fqdn::parse(data).ok())
            .map(|fqdn| fqdn.name.to_string()),
        relay: item(ItemKind::Relay)
            .and_then(|data| <[u8; 4]>::try_from(data).ok())
            .map(Into::into),
        link_address: item(ItemKind::LinkAddress)
            .and_then(|data| <[u8; 16]>::try_from(data).ok())
            .map(Into::into),
        interface_id: item(ItemKind::InterfaceId).map(Hex),
        circuit_id: item(ItemKind::CircuitId).map(Hex),
        remote_id: item(ItemKind::RemoteId).map(Hex),
        relay_information: item(ItemKind::RelayInformation).map(Hex),
        vendor_class: text(ItemKind::VendorClass),
        reserved: binding.flags.reserved,
        bootp: binding.flags.bootp,
    };
    let start = page.len();
    match serde_json::to_writer(&mut *page, &line) {
        Ok(()) => page.push(b'\n'),
        // Neither strings nor a Vec can refuse; were it otherwise, no half line may stand.
        Err(_) => page.truncate(start),
    }
}

/// Octets as `0a:1b`.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;
    use crate::lease::ClientKey;
    use crate::wire::Ipv6Prefix;

    pub(in crate::control) const NOW: Stamp = Stamp(1_000_000_000);
    pub(in crate::control) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 7);

    pub(in crate::control) fn leased() -> Binding {
        let identity = ClientKey { kind: ItemKind::Identifier, octets: &[1, 2, 0xab] };
        let client = Client::builder(identity)
            .with(ItemKind::Hardware, &[1, 2, 0, 0, 0, 0, 0x1f])
            .with(ItemKind::CircuitId, b"port-7")
            .with(ItemKind::Relay, &[10, 0, 0, 1])
            .with(ItemKind::HostName, b"Kiosk\xff")
            .with(ItemKind::Fqdn, b"\x04\0\0\x05kiosk\x03lab\0")
            .with(ItemKind::RelayInformation, b"\x06\x01a")
            .build();
        Binding {
            expires: Stamp(NOW.0 + 60),
            client: Some(client),
            ..Binding::new(BindingStatus::Active, NOW)
        }
    }

    fn line(binding: &Binding) -> Value {
        let prefix = Prefix::containing(ADDRESS, 16);
        let ipv4 = vec![Prefix::containing([9, 0, 0, 0].into(), 8), prefix];
        let subnets = Subnets { ipv4, ..Subnets::default() };
        let mut page = Vec::new();
        write_line(&mut page, NOW, &subnets, ADDRESS.into(), binding);
        assert_eq!(page.iter().filter(|&&octet| octet == b'\n').count(), 1);
        serde_json::from_slice(&page).unwrap()
    }

    #[test]
    fn a_lease_is_one_object_with_hex_identifiers_and_rfc_3339_times() {
        let line = line(&leased());
        assert_eq!(line["address"], "10.1.0.7");
        assert_eq!(line["state"], "active");
        assert_eq!(line["client-id"], "01:02:ab");
        assert_eq!(line["hw-address"], "02:00:00:00:00:1f");
        assert_eq!(line["starts"], "2001-09-09T01:46:40Z");
        assert_eq!(line["expires"], "2001-09-09T01:47:40Z");
        assert_eq!(line["subnet"], "10.1.0.0/16");
        assert_eq!(line["relay"], "10.0.0.1");
        assert_eq!(line["circuit-id"], "70:6f:72:74:2d:37");
        assert_eq!(line["host-name"], "Kiosk\u{fffd}");
        assert_eq!(line["fqdn"], "kiosk.lab");
        assert_eq!(line["relay-information"], "06:01:61");
        assert_eq!(line.get("remote-id"), None);
    }

    #[test]
    fn an_infinite_lease_says_so_and_still_has_a_time() {
        let line = line(&Binding { expires: Stamp::NEVER, ..leased() });
        assert_eq!(line["expires"], "2106-02-07T06:28:15Z");
        assert_eq!(line["infinite"], true);
    }

    #[test]
    fn what_a_partner_was_told_and_said_is_shown_where_there_is_one() {
        let shared = Binding {
            sent_potential: Stamp(NOW.0 + 3),
            acked_potential: Stamp(NOW.0 + 2),
            received_potential: Stamp(NOW.0 + 1),
            told: Told::Sent,
            ..leased()
        };
        let line_of = line(&shared);
        assert_eq!(line_of["tstp"], "2001-09-09T01:46:43Z");
        assert_eq!(line_of["atsfp"], "2001-09-09T01:46:42Z");
        assert_eq!(line_of["tsfp"], "2001-09-09T01:46:41Z");
        assert_eq!(line_of["untold"], true);
        let alone = line(&leased());
        for key in ["tstp", "atsfp", "tsfp", "untold"] {
            assert_eq!(alone.get(key), None, "{key}");
        }
    }

    #[test]
    fn time_and_promises_show_in_the_state() {
        let over = Binding { expires: NOW, ..leased() };
        assert_eq!(LeaseState::of(NOW, &over), LeaseState::Expired);
        let promised =
            Binding { status: BindingStatus::Free, offered_until: Stamp(NOW.0 + 1), ..leased() };
        assert_eq!(LeaseState::of(NOW, &promised), LeaseState::Offered);
        assert_eq!(LeaseState::of(promised.offered_until, &promised), LeaseState::Free);
        assert_eq!(line(&promised)["expires"], "2001-09-09T01:46:41Z");
    }

    #[test]
    fn a_lease_of_dhcpv6_has_a_duid_and_an_iaid_and_a_prefix_the_subnet_that_it_is_for() {
        let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let text = "[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\npools = [\"2001:db8:1::/64\"]\n\
                    prefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n";
        let config = Config::parse(text, std::path::Path::new("test.toml"), &read).unwrap();
        let subnets = Subnets::of(&config);
        let octets = [&[0, 0, 1, 2][..], &[0, 3, 0, 1, 2, 0, 0, 0, 0, 9]].concat();
        let line = |kind, resource: Resource| -> Value {
            let client = Client::builder(ClientKey { kind, octets: &octets })
                .with(ItemKind::LinkAddress, &"2001:db8:1::1".parse::<Ipv6Addr>().unwrap().octets())
                .with(ItemKind::InterfaceId, b"p1")
                .build();
            let binding = Binding { client: Some(client), ..leased() };
            let mut page = Vec::new();
            write_line(&mut page, NOW, &subnets, resource, &binding);
            serde_json::from_slice(&page).unwrap()
        };
        let address: Ipv6Addr = "2001:db8:1::77".parse().unwrap();
        let of_address = line(ItemKind::IaAddresses, address.into());
        assert_eq!(of_address["address"], "2001:db8:1::77");
        assert_eq!(of_address["duid"], "00:03:00:01:02:00:00:00:00:09");
        assert_eq!(of_address["iaid"], 258);
        assert_eq!(of_address["subnet"], "2001:db8:1::/64");
        assert_eq!(of_address["link-address"], "2001:db8:1::1");
        assert_eq!(of_address["interface-id"], "70:31");
        assert_eq!((of_address.get("prefix"), of_address.get("client-id")), (None, None));
        let delegated = Ipv6Prefix::new("2001:db8:8000:100::".parse().unwrap(), 56).unwrap();
        let of_prefix = line(ItemKind::IaPrefixes, delegated.into());
        assert_eq!(of_prefix["prefix"], "2001:db8:8000:100::/56");
        assert_eq!(of_prefix["subnet"], "2001:db8:1::/64");
        assert_eq!(of_prefix.get("address"), None);
    }
}
