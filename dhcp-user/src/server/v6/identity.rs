//! Who speaks: what a request says of its client, and which identity association it speaks for.

use std::net::Ipv6Addr;

use crate::config::model::{LimitPer, Test};
use crate::lease::{Client, ClientBuilder, ClientKey, ItemKind};
use crate::server::class::{Subject, is_match};
use crate::server::reservation::Known;
use crate::wire::HardwareAddress;
use crate::wire::dhcpv6::{Counted, Datagram, Duid, Enterprise, IaKind, Iaid, VendorClass, Via};
use crate::wire::option::v6::code;

/// Octets of a client's own words, beyond which they are left out: a million clients are to fit.
const DESCRIBED_MAX: usize = 200;

/// What a request says of the client behind it. Octets are the packet's own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speaker<'a> {
    /// Client Identifier, whole; empty in an Information-request that has none.
    pub(super) duid: &'a [u8],
    /// As the relay next to it sees it (RFC 6939).
    seen: Option<HardwareAddress>,
    /// Where its relays say that it is; `None` of a request from our own link, never of a client that is stored.
    pub(super) via: Option<Via<'a>>,
    /// Remote-ID, its enterprise number in front.
    remote_id: Option<&'a [u8]>,
    /// Data of the first option 16.
    vendor_class: Option<&'a [u8]>,
    /// Data of option 15.
    user_class: Option<&'a [u8]>,
    /// Data of option 39.
    fqdn: Option<&'a [u8]>,
}

/// What names one identity association: its kind, its IAID, and the client's DUID.
#[derive(Clone, Copy, Debug)]
pub(super) struct IaKey {
    kind: IaKind,
    octets: [u8; 4 + Duid::MAX_LEN],
    len: usize,
}

impl<'a> Speaker<'a> {
    /// Who sent this.
    pub(super) fn of(datagram: &Datagram<'a>, has_classes: bool) -> Self {
        let (message, relays) = (&datagram.message, &datagram.relays);
        // Kept with every lease, so only where something is decided by them.
        let class = |code| message.options().get(code).filter(|_| has_classes);
        Self {
            duid: message.client_id().unwrap_or_default(),
            seen: relays.nearest(|relay| relay.client_link_layer()),
            via: relays.via(),
            remote_id: relays.nearest(|relay| relay.options().get(code::REMOTE_ID)),
            vendor_class: class(code::VENDOR_CLASS),
            user_class: class(code::USER_CLASS),
            fqdn: message.options().get(code::CLIENT_FQDN),
        }
    }

    /// A client as it is stored with its binding; `None` if it is none of DHCPv6.
    pub(super) fn stored(client: &'a Client) -> Option<Self> {
        let key = client.key();
        if !matches!(key.kind, ItemKind::IaAddresses | ItemKind::IaPrefixes) {
            return None;
        }
        let duid = key.octets.get(4..)?;
        let mut this = Self { duid, ..Self::default() };
        let mut via = Via::default();
        for (kind, octets) in client.items() {
            match kind {
                ItemKind::Hardware => {
                    let hardware = octets.split_first();
                    this.seen = hardware.and_then(|(kind, rest)| HardwareAddress::new(*kind, rest));
                }
                ItemKind::LinkAddress => {
                    via.link_address = octets.try_into().ok().map(Ipv6Addr::from_octets);
                }
                ItemKind::InterfaceId => via.interface_id = Some(octets),
                ItemKind::RemoteId => this.remote_id = Some(octets),
                ItemKind::VendorClass => this.vendor_class = Some(octets),
                ItemKind::UserClass => this.user_class = Some(octets),
                _ => {}
            }
        }
        this.via = Some(via);
        Some(this)
    }

    /// Puts down what is to be stored of the client, its identity first, and of which secret it `has_key` for
    /// Reconfigures.
    pub(super) fn describe(&self, key: &IaKey, has_key: Option<&[u8]>, into: &mut ClientBuilder) {
        into.begin(key.key());
        if let Some(generation) = has_key {
            into.add(ItemKind::ReconfigureAccept, generation);
        }
        if let Some(hardware) = self.seen.filter(|it| Some(*it) != Duid::hardware_in(self.duid)) {
            let mut item = [0; 1 + HardwareAddress::MAX_LEN];
            item[0] = hardware.kind();
            item[1..=hardware.octets().len()].copy_from_slice(hardware.octets());
            into.add(ItemKind::Hardware, &item[..=hardware.octets().len()]);
        }
        if let Some(link) = self.link_address() {
            into.add(ItemKind::LinkAddress, &link.octets());
        }
        for (kind, octets) in [
            (ItemKind::InterfaceId, self.interface_id()),
            (ItemKind::RemoteId, self.remote_id),
            (ItemKind::VendorClass, self.vendor_class),
            (ItemKind::UserClass, self.user_class),
            (ItemKind::Fqdn, self.fqdn),
        ] {
            let Some(octets) = octets else { continue };
            let has_room = into.as_octets().len() + octets.len() <= DESCRIBED_MAX;
            // Nothing that a packet of ours carries is near what a record holds of a client, but a
            // packet may be large.
            let is_short = octets.len() <= DESCRIBED_MAX;
            if has_room || (is_short && !kind.is_description()) {
                into.add(kind, octets);
            }
        }
    }

    /// By what a reservation may know it. Interface-Id stands where DHCPv4 has the circuit ID.
    pub(super) fn known(&self) -> Known<'a> {
        Known {
            hardware: self.hardware(),
            identifier: Some(self.duid).filter(|duid| !duid.is_empty()),
            circuit_id: self.interface_id(),
            remote_id: self.remote(),
        }
    }

    /// Remote-ID without its enterprise number.
    fn remote(&self) -> Option<&'a [u8]> {
        Some(Enterprise::parse(self.remote_id?).ok()?.data)
    }

    /// As a relay sees it; else what the DUID was made of.
    fn hardware(&self) -> Option<HardwareAddress> {
        self.seen.or_else(|| Duid::hardware_in(self.duid))
    }

    fn link_address(&self) -> Option<Ipv6Addr> {
        self.via?.link_address
    }

    fn interface_id(&self) -> Option<&'a [u8]> {
        self.via?.interface_id
    }
}

impl Subject for Speaker<'_> {
    fn holds(&self, test: &Test) -> bool {
        let any = |pattern, classes: Option<Counted<'_>>| {
            classes.is_some_and(|classes| classes.iter().any(|class| is_match(pattern, class)))
        };
        match test {
            Test::VendorClass(pattern) => {
                let classes = self.vendor_class.and_then(|data| VendorClass::parse(data).ok());
                any(pattern, classes.map(|vendor| vendor.classes))
            }
            Test::UserClass(pattern) => {
                any(pattern, self.user_class.and_then(|data| Counted::parse(data).ok()))
            }
            Test::HardwarePrefix(octets) => {
                self.hardware().is_some_and(|hardware| hardware.octets().starts_with(octets))
            }
            Test::LinkAddress(prefix) => self.link_address().is_some_and(|it| prefix.contains(it)),
            Test::RemoteId(pattern) => self.remote().is_some_and(|it| is_match(pattern, it)),
            Test::InterfaceId(pattern) => {
                self.interface_id().is_some_and(|it| is_match(pattern, it))
            }
            Test::Duid(pattern) => is_match(pattern, self.duid),
            Test::Relay(_) | Test::CircuitId(_) => false,
        }
    }

    fn subscriber(&self, per: LimitPer) -> Option<Vec<u8>> {
        let link = self.link_address().map(|link| link.octets());
        match per {
            LimitPer::RemoteId => self.remote_id.map(<[u8]>::to_vec),
            // It means something to its own relay only (RFC 8415 §21.18).
            LimitPer::InterfaceId => {
                Some([&link.unwrap_or_default()[..], self.interface_id()?].concat())
            }
            LimitPer::Duid => Some(self.duid.to_vec()),
            LimitPer::Relay => link.map(|link| link.to_vec()),
            LimitPer::Class => Some(Vec::new()),
            LimitPer::CircuitId => None,
        }
    }
}

impl IaKey {
    pub(super) fn new(kind: IaKind, iaid: Iaid, duid: &[u8]) -> Self {
        let mut octets = [0; 4 + Duid::MAX_LEN];
        octets[..4].copy_from_slice(&iaid.0.to_be_bytes());
        // The wire lets no longer one through.
        let len = duid.len().min(Duid::MAX_LEN);
        octets[4..4 + len].copy_from_slice(&duid[..len]);
        Self { kind, octets, len: 4 + len }
    }

    pub(super) fn key(&self) -> ClientKey<'_> {
        let kind = match self.kind {
            IaKind::Addresses => ItemKind::IaAddresses,
            IaKind::Prefixes => ItemKind::IaPrefixes,
        };
        ClientKey { kind, octets: &self.octets[..self.len] }
    }
}
