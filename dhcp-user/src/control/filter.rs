//! Which leases are asked for.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::escape::escaped;
use super::leases::LeaseState;
use crate::config::model::Prefix;
use crate::lease::{Binding, ItemKind};
use crate::wire::Stamp;

/// Which leases to show: those that every part that is there agrees with. Travels as the query
/// string of `/leases`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Filter {
    /// This address alone.
    pub address: Option<Ipv4Addr>,
    /// What the client is known by; see [`ClientPattern`].
    pub client: Option<ClientPattern>,
    /// Addresses in this prefix, such as `10.0.0.0/8`.
    pub subnet: Option<Subnet>,
    /// Leases in this state.
    pub state: Option<LeaseState>,
    /// Nothing below this address: where an earlier listing was cut short.
    pub from: Option<Ipv4Addr>,
}

/// Text that names a client: its client identifier or hardware address in hex, with or without
/// separators; its host name; its circuit-id or remote-id, in hex or as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub struct ClientPattern {
    text: String,
    octets: Option<Vec<u8>>,
}

/// An IPv4 prefix as people write it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(pub Prefix);

impl Filter {
    /// Whether the lease is one of those asked for.
    #[must_use]
    pub fn takes(&self, now: Stamp, address: Ipv4Addr, binding: &Binding) -> bool {
        let state = LeaseState::of(now, binding);
        // Half of a pair's pool is BACKUP and was never anybody's: no lease, unless it is asked for.
        let is_lease = binding.client.is_some() || !binding.is_available();
        (is_lease || self.state.is_some() || self.address.is_some())
            && self.address.is_none_or(|wanted| wanted == address)
            && self.subnet.is_none_or(|subnet| subnet.0.contains(address))
            && self.state.is_none_or(|wanted| wanted == state)
            && self.client.as_ref().is_none_or(|client| client.names(binding))
    }

    /// The first address that can be shown, and the last.
    #[must_use]
    pub fn range(&self) -> (Ipv4Addr, Ipv4Addr) {
        let mut first = self.from.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut last = Ipv4Addr::BROADCAST;
        if let Some(Subnet(prefix)) = self.subnet {
            first = first.max(prefix.address);
            last = last.min(prefix.last());
        }
        if let Some(address) = self.address {
            first = first.max(address);
            last = last.min(address);
        }
        (first, last)
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
        put("address", self.address.map(|address| address.to_string()));
        put("client", self.client.clone().map(String::from));
        put("subnet", self.subnet.map(String::from));
        put("state", self.state.map(|state| state.name().to_owned()));
        put("from", self.from.map(|address| address.to_string()));
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
            ItemKind::HostName => self.text.as_bytes().eq_ignore_ascii_case(data),
            ItemKind::CircuitId | ItemKind::RemoteId => {
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
        let wrong = || format!("{text:?} is no subnet: write one like 10.0.0.0/8");
        let (address, len) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let len: u8 = len.parse().ok().filter(|&len| len <= 32).ok_or_else(wrong)?;
        Ok(Self(Prefix::containing(address, len)))
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(Subnet(prefix): Subnet) -> Self {
        format!("{}/{}", prefix.address, prefix.len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::leases::tests::{ADDRESS, NOW, leased};
    use super::*;
    use crate::lease::{Client, ClientKey};

    fn by_client(text: &str) -> Filter {
        Filter { client: Some(text.to_owned().into()), ..Filter::default() }
    }

    #[test]
    fn a_client_is_found_by_any_of_its_names() {
        let names =
            ["01:02:ab", "0102AB", "02-00-00-00-00-1f", "0200.0000.001f", "port-7", "706f72742d37"];
        for name in names {
            assert!(by_client(name).takes(NOW, ADDRESS, &leased()), "{name}");
        }
        let mut named = leased();
        let identity = ClientKey { kind: ItemKind::Hardware, octets: &[1, 2, 3, 4, 5, 6, 7] };
        named.client = Some(Client::builder(identity).with(ItemKind::HostName, b"Kiosk").build());
        assert!(by_client("kiosk").takes(NOW, ADDRESS, &named));
        for name in ["", "01:02", "01:02:a", "port", "10.0.0.1", "0a000001"] {
            assert!(!by_client(name).takes(NOW, ADDRESS, &leased()), "{name}");
        }
        let nobody = Binding { client: None, ..leased() };
        assert!(!by_client("0102ab").takes(NOW, ADDRESS, &nobody));
    }

    #[test]
    fn every_part_of_a_filter_must_agree() {
        let subnet = |text: &str| Some(text.parse().unwrap());
        let both = Filter {
            subnet: subnet("10.1.0.0/16"),
            state: Some(LeaseState::Active),
            ..Filter::default()
        };
        assert!(both.takes(NOW, ADDRESS, &leased()));
        assert!(!Filter { subnet: subnet("10.2.0.0/16"), ..both.clone() }.takes(
            NOW,
            ADDRESS,
            &leased()
        ));
        assert!(!Filter { state: Some(LeaseState::Free), ..both }.takes(NOW, ADDRESS, &leased()));
    }

    #[test]
    fn only_the_addresses_that_can_agree_are_walked() {
        let filter = Filter {
            subnet: Some("10.1.2.3/16".parse().unwrap()),
            from: Some(Ipv4Addr::new(10, 1, 4, 0)),
            ..Filter::default()
        };
        assert_eq!(filter.range(), ([10, 1, 4, 0].into(), [10, 1, 255, 255].into()));
        let (first, last) = Filter { address: Some([10, 9, 0, 0].into()), ..filter }.range();
        assert!(first > last, "an address outside the subnet leaves nothing to walk");
        assert_eq!(Filter::default().range(), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    }

    #[test]
    fn a_query_string_carries_what_people_type() {
        let filter = Filter {
            address: Some(ADDRESS),
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
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/"] {
            assert!(text.parse::<Subnet>().unwrap_err().contains("10.0.0.0/8"), "{text}");
        }
    }
}
