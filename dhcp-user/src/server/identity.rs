//! Who speaks: what a request says of its client, and which of it names the client.

use std::net::Ipv4Addr;

use crate::config::model::{Identity, IdentityBy};
use crate::lease::{Client, ClientBuilder, ClientKey, ItemKind};
use crate::wire::HardwareAddress;
use crate::wire::relay::RelayInformation;

/// What is stored of a client beside what decides about it (its names, what relays said) is left out
/// where it would make the run of items longer than this, in octets: a million clients are to fit.
const DESCRIBED_MAX: usize = 200;
/// Octets of an item before its data.
const ITEM_HEADER_LEN: usize = 3;

/// What a request says of the client behind it. Octets are the packet's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'a> {
    /// `htype`, `hlen` and `chaddr`.
    pub(super) hardware: HardwareAddress,
    /// [`ItemKind::Hardware`]: `htype`, then `chaddr`.
    hardware_item: [u8; 1 + HardwareAddress::MAX_LEN],
    /// Option 61. RFC 4361 makes it of an IAID and a DUID; here it is octets like any other.
    pub(super) identifier: Option<&'a [u8]>,
    /// Sub-option 1 of option 82.
    pub(super) circuit_id: Option<&'a [u8]>,
    /// Sub-option 2 of option 82.
    pub(super) remote_id: Option<&'a [u8]>,
    /// `giaddr`; unspecified for a client on our own link.
    pub(super) relay: Ipv4Addr,
    /// [`ItemKind::Relay`]: `relay` in octets.
    relay_item: [u8; 4],
    /// Option 60.
    pub(super) vendor_class: Option<&'a [u8]>,
    /// Option 77.
    pub(super) user_class: Option<&'a [u8]>,
    /// Option 12.
    pub(super) host_name: Option<&'a [u8]>,
    /// Option 81.
    pub(super) fqdn: Option<&'a [u8]>,
    /// Option 82, if it says more than circuit and remote ID.
    pub(super) relay_information: Option<&'a [u8]>,
}

impl<'a> Speaker<'a> {
    /// A client that says no more than its hardware address.
    pub(super) fn new(hardware: HardwareAddress, relay: Ipv4Addr) -> Self {
        let mut hardware_item = [0; 1 + HardwareAddress::MAX_LEN];
        hardware_item[0] = hardware.kind();
        hardware_item[1..=hardware.octets().len()].copy_from_slice(hardware.octets());
        Self {
            hardware,
            hardware_item,
            identifier: None,
            circuit_id: None,
            remote_id: None,
            relay,
            relay_item: relay.octets(),
            vendor_class: None,
            user_class: None,
            host_name: None,
            fqdn: None,
            relay_information: None,
        }
    }

    /// A client as it is stored with its binding; `None` if nothing is stored of its hardware.
    pub(super) fn stored(client: &'a Client) -> Option<Self> {
        let (kind, octets) = client.item(ItemKind::Hardware)?.split_first()?;
        let hardware = HardwareAddress::new(*kind, octets)?;
        let mut speaker = Self::new(hardware, Ipv4Addr::UNSPECIFIED);
        speaker.identifier = client.item(ItemKind::Identifier);
        speaker.vendor_class = client.item(ItemKind::VendorClass);
        speaker.user_class = client.item(ItemKind::UserClass);
        speaker.adopt_relay(client);
        Some(speaker)
    }

    /// Takes over what a relay adds to this request.
    pub(super) fn hear_relay(&mut self, relay: &RelayInformation<'a>) {
        self.circuit_id = relay.circuit_id();
        self.remote_id = relay.remote_id();
        let known = usize::from(self.circuit_id.is_some()) + usize::from(self.remote_id.is_some());
        self.relay_information = (relay.iter().count() > known).then(|| relay.octets());
    }

    /// Takes over what a relay once added for this client: a renewal by unicast goes past the
    /// relay, and its client is where it was.
    pub(super) fn adopt_relay(&mut self, client: &'a Client) {
        (self.circuit_id, self.remote_id, self.relay_information) = (None, None, None);
        self.relay_item = [0; 4];
        for (kind, octets) in client.items() {
            match kind {
                ItemKind::CircuitId => self.circuit_id = Some(octets),
                ItemKind::RemoteId => self.remote_id = Some(octets),
                ItemKind::RelayInformation => self.relay_information = Some(octets),
                ItemKind::Relay => self.relay_item = octets.try_into().unwrap_or_default(),
                _ => {}
            }
        }
        self.relay = Ipv4Addr::from_octets(self.relay_item);
    }

    /// Whether the stored client is this one as far as both say who they are.
    pub(super) fn is_stored_as(&self, client: &Client) -> bool {
        let (mut hardware, mut identifier) = (None, None);
        for (kind, octets) in client.items() {
            match kind {
                ItemKind::Hardware => hardware = Some(octets),
                ItemKind::Identifier => identifier = Some(octets),
                _ => {}
            }
        }
        hardware == Some(self.hardware_item()) && identifier == self.identifier
    }

    /// What is to be stored of the client, its identity first.
    pub(super) fn describe(&self, key: ClientKey<'_>, into: &mut ClientBuilder) {
        into.begin(key);
        let mut add = |kind: ItemKind, octets: Option<&[u8]>| {
            let Some(octets) = octets.filter(|_| kind != key.kind) else { return };
            let with = into.as_octets().len() + ITEM_HEADER_LEN + octets.len();
            if with <= DESCRIBED_MAX || !kind.is_description() {
                into.add(kind, octets);
            }
        };
        add(ItemKind::Hardware, Some(self.hardware_item()));
        add(ItemKind::Identifier, self.identifier);
        add(ItemKind::CircuitId, self.circuit_id);
        add(ItemKind::RemoteId, self.remote_id);
        add(ItemKind::Relay, (!self.relay.is_unspecified()).then_some(&self.relay_item));
        add(ItemKind::VendorClass, self.vendor_class);
        add(ItemKind::UserClass, self.user_class);
        add(ItemKind::HostName, self.host_name);
        add(ItemKind::Fqdn, self.fqdn);
        add(ItemKind::RelayInformation, self.relay_information);
    }

    /// [`ItemKind::Hardware`]: `htype`, then `chaddr`.
    pub(super) fn hardware_item(&self) -> &[u8] {
        &self.hardware_item[..=self.hardware.octets().len()]
    }

    /// What tells this client from all others: the first of the configured ways that the request
    /// has something for. `None` if nothing is left but an empty hardware address.
    pub(super) fn key(&self, identity: &Identity) -> Option<ClientKey<'_>> {
        let hardware = (!self.hardware.octets().is_empty())
            .then(|| ClientKey { kind: ItemKind::Hardware, octets: self.hardware_item() });
        let configured = identity.order.iter().find_map(|by| match by {
            IdentityBy::Identifier => item(ItemKind::Identifier, self.identifier),
            IdentityBy::CircuitId => item(ItemKind::CircuitId, self.circuit_id),
            IdentityBy::RemoteId => item(ItemKind::RemoteId, self.remote_id),
            IdentityBy::Hardware => hardware,
        });
        // A client whose link has no addresses must send an identifier (RFC 4390 §2.1): rather
        // that than one client for all of them.
        configured.or(hardware).or_else(|| item(ItemKind::Identifier, self.identifier))
    }
}

/// Empty octets name nobody.
fn item(kind: ItemKind, octets: Option<&[u8]>) -> Option<ClientKey<'_>> {
    octets.filter(|octets| !octets.is_empty()).map(|octets| ClientKey { kind, octets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet() -> Speaker<'static> {
        let hardware = HardwareAddress::new(1, &[2, 0, 0, 0, 0, 7]).unwrap();
        Speaker::new(hardware, Ipv4Addr::UNSPECIFIED)
    }

    #[test]
    fn the_first_configured_way_that_the_request_serves_names_the_client() {
        let identity = Identity {
            order: vec![IdentityBy::CircuitId, IdentityBy::Identifier, IdentityBy::Hardware],
        };
        let mut speaker = ethernet();
        assert_eq!(speaker.key(&identity).unwrap().octets, [1, 2, 0, 0, 0, 0, 7]);
        speaker.identifier = Some(b"me");
        assert_eq!(speaker.key(&identity).unwrap().kind, ItemKind::Identifier);
        speaker.circuit_id = Some(b"");
        assert_eq!(speaker.key(&identity).unwrap().octets, b"me");
        speaker.circuit_id = Some(b"port 3");
        assert_eq!(speaker.key(&identity).unwrap().kind, ItemKind::CircuitId);
    }

    /// RFC 4390 §2.1.
    #[test]
    fn a_client_without_hardware_address_needs_an_identifier() {
        let hardware_only = Identity { order: vec![IdentityBy::Hardware] };
        let mut speaker =
            Speaker::new(HardwareAddress::new(32, &[]).unwrap(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(speaker.key(&hardware_only), None);
        speaker.identifier = Some(b"ib0");
        assert_eq!(speaker.key(&hardware_only).unwrap().octets, b"ib0");
    }
}
