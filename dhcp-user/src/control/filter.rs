//! Which leases are asked for.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::escape::escaped;
use super::leases::LeaseState;
use crate::config::model::Prefix;
use crate::lease::{Binding, ItemKind, Resource, ResourceId, Table, Tables};
use crate::wire::dhcpv6::Duid;
use crate::wire::{Ipv6Prefix, Stamp};

/// Which leases to show: those that every part that is there agrees with. Travels as the query
/// string of `/leases`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Filter {
    /// This address or prefix alone.
    pub address: Option<Wanted>,
    /// What the client is known by; see [`ClientPattern`].
    pub client: Option<ClientPattern>,
    /// What lies in this prefix, such as `10.0.0.0/8` or `2001:db8::/32`.
    pub subnet: Option<Subnet>,
    /// Leases in this state.
    pub state: Option<LeaseState>,
    /// Nothing ahead of this: where an earlier listing was cut short.
    pub from: Option<Wanted>,
}

/// Text that names a client: its client identifier, DUID or hardware address in hex, with or without
/// separators; its host name; its circuit-id, remote-id or interface-id, in hex or as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub struct ClientPattern {
    text: String,
    octets: Option<Vec<u8>>,
}

/// An address, or a delegated prefix, as people write it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wanted(pub Resource);

/// A prefix of either family as people write it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subnet {
    /// Of IPv4.
    Ipv4(Prefix),
    /// Of IPv6.
    Ipv6(Ipv6Prefix),
}

/// What of one table must be walked through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stretch {
    /// Which of [`Tables::both`].
    pub(super) table: usize,
    pub(super) first: ResourceId,
    pub(super) last: ResourceId,
}

impl Filter {
    /// Whether the lease is one of those asked for.
    #[must_use]
    pub fn takes(&self, now: Stamp, resource: Resource, binding: &Binding) -> bool {
        let state = LeaseState::of(now, binding);
        // Half of a pair's pool is BACKUP and was never anybody's: no lease, unless it is asked for.
        let is_lease = binding.client.is_some() || !binding.is_available();
        (is_lease || self.state.is_some() || self.address.is_some())
            && self.address.is_none_or(|wanted| wanted.0 == resource)
            && self.subnet.is_none_or(|subnet| subnet.holds(resource))
            && self.state.is_none_or(|wanted| wanted == state)
            && self.client.as_ref().is_none_or(|client| client.names(binding))
    }

    /// Where what can be shown stands, in order. Of IPv6, numbers have nothing to do with subnets.
    pub(super) fn stretches(&self, tables: &Tables) -> Vec<Stretch> {
        let numbers = |table: &Table, resource| {
            let is_there = std::ptr::eq(tables.of(resource), table);
            is_there.then(|| table.find(resource)).flatten()
        };
        let mut stretches = Vec::new();
        for (index, table) in tables.both().into_iter().enumerate() {
            let is_ipv4 = index == 0;
            let (mut first, mut last) = (ResourceId::FIRST, ResourceId::LAST);
            match self.from {
                Some(Wanted(from)) if std::ptr::eq(tables.of(from), table) => {
                    first = table.find(from).unwrap_or(first);
                }
                // It stands in the other table: this one is over, or comes whole.
                Some(Wanted(from)) if is_ipv4 && from.ipv4().is_none() => continue,
                _ => {}
            }
            match self.subnet {
                Some(Subnet::Ipv4(prefix)) if is_ipv4 => {
                    first = first.max(prefix.first().into());
                    last = last.min(prefix.last().into());
                }
                Some(Subnet::Ipv6(_)) if !is_ipv4 => {}
                Some(_) => continue,
                None => {}
            }
            if let Some(Wanted(wanted)) = self.address {
                let Some(number) = numbers(table, wanted) else { continue };
                first = first.max(number);
                last = last.min(number);
            }
            if first <= last {
                stretches.push(Stretch { table: index, first, last });
            }
        }
        stretches
    }

    /// As the query string of a request.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = String::new();
        let mut put = |key: &str, value: Option<String>| {
            let Some(value) = value else { return };
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(key);
            query.push('=');
            query.push_str(&escaped(&value));
        };
        put("address", self.address.map(String::from));
        put("client", self.client.clone().map(String::from));
        put("subnet", self.subnet.map(String::from));
        put("state", self.state.map(|state| state.name().to_owned()));
        put("from", self.from.map(String::from));
        query
    }
}

impl ClientPattern {
    fn names(&self, binding: &Binding) -> bool {
        let Some(client) = &binding.client else { return false };
        client.items().any(|(kind, data)| match kind {
            ItemKind::Identifier => self.is_hex_of(data),
            // The first octet is `htype`, which nobody writes.
            ItemKind::Hardware => data.get(1..).is_some_and(|octets| self.is_hex_of(octets)),
            // The IAID is in front, which nobody writes.
            ItemKind::IaAddresses | ItemKind::IaPrefixes => {
                let Some(duid) = data.get(4..) else { return false };
                let hardware = Duid::hardware_in(duid);
                self.is_hex_of(duid) || hardware.is_some_and(|it| self.is_hex_of(it.octets()))
            }
            ItemKind::HostName => self.text.as_bytes().eq_ignore_ascii_case(data),
            ItemKind::CircuitId | ItemKind::RemoteId | ItemKind::InterfaceId => {
                self.is_hex_of(data) || self.text.as_bytes() == data
            }
            _ => false,
        })
    }

    fn is_hex_of(&self, data: &[u8]) -> bool {
        self.octets.as_deref() == Some(data)
    }
}

impl From<String> for ClientPattern {
    fn from(text: String) -> Self {
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| !matches!(c, ':' | '-' | '.'))
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let octets = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0);
        let octets = octets.map(|d| d.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect());
        Self { text, octets }
    }
}

impl From<ClientPattern> for String {
    fn from(pattern: ClientPattern) -> Self {
        pattern.text
    }
}

impl std::str::FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no subnet: write one like 10.0.0.0/8 or 2001:db8::/32");
        let (address, len) = text.split_once('/').ok_or_else(wrong)?;
        let len: u8 = len.parse().map_err(|_| wrong())?;
        match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(address) if len <= 32 => Ok(Self::Ipv4(Prefix::containing(address, len))),
            IpAddr::V6(address) if len <= 128 => {
                Ok(Self::Ipv6(Ipv6Prefix::containing(address, len)))
            }
            _ => Err(wrong()),
        }
    }
}

impl Subnet {
    fn holds(self, resource: Resource) -> bool {
        match (self, resource) {
            (Self::Ipv4(subnet), Resource::Ipv4(address)) => subnet.contains(address),
            (Self::Ipv6(subnet), Resource::Ipv6(address)) => subnet.contains(address),
            (Self::Ipv6(subnet), Resource::Prefix(prefix)) => subnet.covers(prefix),
            _ => false,
        }
    }
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("{text:?} is no address: write one like 10.0.0.1 or 2001:db8::1, or a prefix")
        })
    }
}

impl TryFrom<String> for Wanted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Wanted> for String {
    fn from(Wanted(resource): Wanted) -> Self {
        resource.to_string()
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        match subnet {
            Subnet::Ipv4(prefix) => prefix.to_string(),
            Subnet::Ipv6(prefix) => prefix.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::leases::tests::{ADDRESS, NOW, leased};
    use super::*;
    use crate::config::Config;
    use crate::lease::{Client, ClientKey, Layouts};

    fn by_client(text: &str) -> Filter {
        Filter { client: Some(text.to_owned().into()), ..Filter::default() }
    }

    #[test]
    fn a_client_is_found_by_any_of_its_names() {
        let names =
            ["01:02:ab", "0102AB", "02-00-00-00-00-1f", "0200.0000.001f", "port-7", "706f72742d37"];
        for name in names {
            assert!(by_client(name).takes(NOW, ADDRESS.into(), &leased()), "{name}");
        }
        let mut named = leased();
        let identity = ClientKey { kind: ItemKind::Hardware, octets: &[1, 2, 3, 4, 5, 6, 7] };
        named.client = Some(Client::builder(identity).with(ItemKind::HostName, b"Kiosk").build());
        assert!(by_client("kiosk").takes(NOW, ADDRESS.into(), &named));
        for name in ["", "01:02", "01:02:a", "port", "10.0.0.1", "0a000001"] {
            assert!(!by_client(name).takes(NOW, ADDRESS.into(), &leased()), "{name}");
        }
        let nobody = Binding { client: None, ..leased() };
        assert!(!by_client("0102ab").takes(NOW, ADDRESS.into(), &nobody));
    }

    #[test]
    fn every_part_of_a_filter_must_agree() {
        let subnet = |text: &str| Some(text.parse().unwrap());
        let both = Filter {
            subnet: subnet("10.1.0.0/16"),
            state: Some(LeaseState::Active),
            ..Filter::default()
        };
        assert!(both.takes(NOW, ADDRESS.into(), &leased()));
        assert!(!Filter { subnet: subnet("10.2.0.0/16"), ..both.clone() }.takes(
            NOW,
            ADDRESS.into(),
            &leased()
        ));
        assert!(!Filter { state: Some(LeaseState::Free), ..both }.takes(
            NOW,
            ADDRESS.into(),
            &leased()
        ));
    }

    fn tables() -> Tables {
        let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let text = "[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n[[subnet6]]\nsubnet = \"2001:db8::/64\"\n\
                    pools = [\"2001:db8::1000-2001:db8::1fff\"]\n";
        let config = Config::parse(text, std::path::Path::new("test.toml"), &read).unwrap();
        Tables::new(Layouts::of(&config).unwrap())
    }

    fn wanted(text: &str) -> Option<Wanted> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn only_what_can_agree_is_walked_through() {
        let tables = tables();
        let all = |table| Stretch { table, first: ResourceId::FIRST, last: ResourceId::LAST };
        assert_eq!(Filter::default().stretches(&tables), [all(0), all(1)]);
        let filter = Filter {
            subnet: Some("10.1.2.3/16".parse().unwrap()),
            from: wanted("10.1.4.0"),
            ..Filter::default()
        };
        let id = |a, b, c, d| ResourceId::of(Ipv4Addr::new(a, b, c, d));
        let stretch = Stretch { table: 0, first: id(10, 1, 4, 0), last: id(10, 1, 255, 255) };
        assert_eq!(filter.stretches(&tables), [stretch]);
        let outside = Filter { address: wanted("10.9.0.0"), ..filter };
        assert_eq!(outside.stretches(&tables), [], "nothing is both");

        let ipv6 = Filter { subnet: Some("2001:db8::/32".parse().unwrap()), ..Filter::default() };
        assert_eq!(ipv6.stretches(&tables), [all(1)]);
        let one = Filter { address: wanted("2001:db8::1234"), ..Filter::default() };
        let number = tables.ipv6.find(wanted("2001:db8::1234").unwrap().0).unwrap();
        assert_eq!(one.stretches(&tables), [Stretch { table: 1, first: number, last: number }]);
        let unknown = Filter { address: wanted("2001:db8:9::/56"), ..Filter::default() };
        assert_eq!(unknown.stretches(&tables), [], "nobody ever had it");
        let rest = Filter { from: wanted("2001:db8::1234"), ..Filter::default() };
        assert_eq!(rest.stretches(&tables), [Stretch { first: number, ..all(1) }]);
    }

    #[test]
    fn a_client_of_dhcpv6_is_found_by_its_duid_and_what_that_was_made_of() {
        let octets = [&[0, 0, 0, 1][..], &[0, 3, 0, 1, 2, 0, 0, 0, 0, 9]].concat();
        let identity = ClientKey { kind: ItemKind::IaPrefixes, octets: &octets };
        let client = Client::builder(identity).with(ItemKind::InterfaceId, b"port 3").build();
        let binding = Binding { client: Some(client), ..leased() };
        let Wanted(resource) = wanted("2001:db8:0:100::/56").unwrap();
        for name in ["00:03:00:01:02:00:00:00:00:09", "02:00:00:00:00:09", "port 3"] {
            assert!(by_client(name).takes(NOW, resource, &binding), "{name}");
        }
        for name in ["00:00:00:01", "00:03:00:01:02", "02:00:00:00:00:08"] {
            assert!(!by_client(name).takes(NOW, resource, &binding), "{name}");
        }
        let within = |text: &str| {
            let subnet = Some(text.parse().unwrap());
            Filter { subnet, ..Filter::default() }.takes(NOW, resource, &binding)
        };
        assert!(within("2001:db8::/32") && !within("2001:db8:0:100::/64") && !within("10.0.0.0/8"));
    }

    #[test]
    fn a_query_string_carries_what_people_type() {
        let filter = Filter {
            address: wanted("10.1.0.7"),
            client: Some("a&b=c d/ü".to_owned().into()),
            subnet: Some("10.0.0.0/8".parse().unwrap()),
            state: Some(LeaseState::Offered),
            from: None,
        };
        let uri: axum::http::Uri = format!("/leases{}", filter.query()).parse().unwrap();
        let axum::extract::Query(back) =
            axum::extract::Query::<Filter>::try_from_uri(&uri).unwrap();
        assert_eq!(back.query(), filter.query());
        assert_eq!(back.client, filter.client);
        assert_eq!(Filter::default().query(), "");
    }

    #[test]
    fn a_subnet_that_is_none_is_refused_in_words() {
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/", "2001:db8::/129"] {
            assert!(text.parse::<Subnet>().unwrap_err().contains("10.0.0.0/8"), "{text}");
        }
    }
}
