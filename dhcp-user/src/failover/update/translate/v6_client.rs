//! A client of DHCPv6 as partners tell it each other: DUID and identity association, CLIENT_FQDN, and in
//! LQ_RELAY_DATA what relays said of it (RFC 8156 §7.4; RFC 5007 §4.1.2.4).
//!
//! Departs from RFC 5007, where that is the last Relay-forward as it came: it is not kept, and one is
//! made of what is kept of it. The client's message in it holds the client's classes alone: a BNDUPD has
//! no other room for them, and limits and pools go by them on both servers.

use std::net::Ipv6Addr;

use crate::config::model::Secret;
use crate::lease::{Client, ClientKey, ItemKind};
use crate::wire::HardwareAddress;
use crate::wire::dhcpv6::{Duid, IaKind, Iaid, Message, MessageType, Options, ReconfigureKey};
use crate::wire::failover6::Ia;
use crate::wire::option::v6::code;

/// One identity association (RFC 8415 §12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::failover::update) struct Association {
    pub(super) kind: IaKind,
    pub(super) iaid: Iaid,
    pub(super) duid: Duid,
}

/// Whose a lease is by a BNDUPD, and what that says of it beside.
#[derive(Clone, Copy, Debug)]
pub(in crate::failover::update) struct Holder<'a> {
    pub(in crate::failover::update) association: Association,
    /// LQ_RELAY_DATA.
    pub(in crate::failover::update) relay_data: Option<&'a [u8]>,
    /// Of which secret the key in F_RECONFIGURE_DATA is, if it is the one that we tell the client, too.
    pub(in crate::failover::update) has_key: Option<[u8; 4]>,
}

/// Octets of a relay's message ahead of its options (RFC 8415 §9): type, hop count, two addresses.
const RELAY_HEAD: usize = 34;
/// Of an address.
const ADDRESS: usize = 16;

impl Association {
    /// An IA of the client with this DUID.
    pub(in crate::failover::update) fn new<L>(ia: &Ia<L>, duid: Duid) -> Self {
        Self { kind: ia.kind, iaid: ia.iaid, duid }
    }

    /// Of an address that is nobody's, and of which a BNDUPD can speak in somebody's CLIENT_DATA alone:
    /// of DUIDs type 0 is none (RFC 8415 §11.1).
    pub(super) fn nobodys() -> Option<Self> {
        let duid = Duid::new(&[0; Duid::MIN_LEN])?;
        Some(Self { kind: IaKind::Addresses, iaid: Iaid(0), duid })
    }
}

/// The association that a client is stored as.
pub(super) fn association(client: &Client) -> Option<Association> {
    let ClientKey { kind, octets } = client.key();
    let kind = match kind {
        ItemKind::IaAddresses => IaKind::Addresses,
        ItemKind::IaPrefixes => IaKind::Prefixes,
        _ => return None,
    };
    let (iaid, duid) = octets.split_first_chunk()?;
    Some(Association { kind, iaid: Iaid(u32::from_be_bytes(*iaid)), duid: Duid::new(duid)? })
}

/// Whose association it is.
pub(in crate::failover::update) fn duid(client: &Client) -> Option<Duid> {
    association(client).map(|association| association.duid)
}

/// The key for Reconfigures that the client has, if it has one.
pub(super) fn reconfigure_key(client: &Client, secret: &Secret) -> Option<ReconfigureKey> {
    let of = client.item(ItemKind::ReconfigureAccept)?;
    let is_ours = of == ReconfigureKey::generation(&secret.0);
    is_ours.then_some(ReconfigureKey::of(&secret.0, duid(client)?.octets()))
}

/// CLIENT_FQDN.
pub(super) fn fqdn(client: &Client) -> Option<Box<[u8]>> {
    client.item(ItemKind::Fqdn).map(Into::into)
}

/// LQ_RELAY_DATA; `None` of a client of which only its name is kept.
pub(super) fn relay_data(client: &Client) -> Option<Box<[u8]>> {
    // A relay may well say 0 for the link (RFC 8415 §19.1.1).
    let link = client.item(ItemKind::LinkAddress).unwrap_or(&[0; ADDRESS]);
    // RFC 6939 has two octets for the kind of address.
    let hardware = client.item(ItemKind::Hardware).map(|octets| [&[0], octets].concat());
    let classes = [
        (code::VENDOR_CLASS, client.item(ItemKind::VendorClass)),
        (code::USER_CLASS, client.item(ItemKind::UserClass)),
    ];
    let has_class = classes.iter().any(|(_, octets)| octets.is_some());
    let message = has_class.then(|| {
        let mut message = vec![MessageType::Request as u8, 0, 0, 0];
        push_all(&mut message, &classes);
        message
    });
    let said = [
        (code::INTERFACE_ID, client.item(ItemKind::InterfaceId)),
        (code::REMOTE_ID, client.item(ItemKind::RemoteId)),
        (code::CLIENT_LINK_LAYER, hardware.as_deref()),
        (code::RELAY_MESSAGE, message.as_deref()),
    ];
    let is_said = said.iter().any(|(_, octets)| octets.is_some());
    if !is_said && client.item(ItemKind::LinkAddress).is_none() {
        return None;
    }
    let nobody = [0; ADDRESS];
    let mut data = [&nobody[..], &[MessageType::RelayForward as u8, 0], link, &nobody].concat();
    push_all(&mut data, &said);
    Some(data.into())
}

/// Adds the options that have something in them.
fn push_all(data: &mut Vec<u8>, options: &[(u16, Option<&[u8]>)]) {
    for (code, octets) in options {
        let Some(octets) = octets else { continue };
        // What an option carried, an option carries.
        let Ok(len) = u16::try_from(octets.len()) else { continue };
        data.extend_from_slice(&code.to_be_bytes());
        data.extend_from_slice(&len.to_be_bytes());
        data.extend_from_slice(octets);
    }
}

/// The client as it is stored, of what a BNDUPD says of it.
pub(super) fn client_of(holder: &Holder<'_>, fqdn: Option<&[u8]>) -> Client {
    let Holder { association: Association { kind, iaid, duid }, relay_data, has_key } = holder;
    let kind = match kind {
        IaKind::Addresses => ItemKind::IaAddresses,
        IaKind::Prefixes => ItemKind::IaPrefixes,
    };
    let octets = [&iaid.0.to_be_bytes()[..], duid.octets()].concat();
    let relayed =
        relay_data.and_then(|data| data.get(ADDRESS..)).map(Relayed::of).unwrap_or_default();
    let link = relayed.link.filter(|link| !link.is_unspecified()).map(|link| link.octets());
    let items = [
        (ItemKind::ReconfigureAccept, has_key.as_ref().map(|generation| &generation[..])),
        (ItemKind::Hardware, relayed.hardware.as_deref()),
        (ItemKind::LinkAddress, link.as_ref().map(|octets| &octets[..])),
        (ItemKind::InterfaceId, relayed.interface_id),
        (ItemKind::RemoteId, relayed.remote_id),
        (ItemKind::VendorClass, relayed.vendor_class),
        (ItemKind::UserClass, relayed.user_class),
        (ItemKind::Fqdn, fqdn),
    ];
    let mut client = Client::builder(ClientKey { kind, octets: &octets });
    for (kind, octets) in items {
        octets.inspect(|octets| client.add(kind, octets));
    }
    client.build()
}

/// What the relay nearest to a client said of it, and the client of itself.
#[derive(Debug, Default)]
struct Relayed<'a> {
    link: Option<Ipv6Addr>,
    interface_id: Option<&'a [u8]>,
    remote_id: Option<&'a [u8]>,
    hardware: Option<Vec<u8>>,
    vendor_class: Option<&'a [u8]>,
    user_class: Option<&'a [u8]>,
}

impl<'a> Relayed<'a> {
    /// Of a Relay-forward that holds another one, or nothing. What cannot be read says nothing.
    fn of(mut octets: &'a [u8]) -> Self {
        let mut relayed = Self::default();
        // Each is shorter than the one around it.
        while let Some((head, rest)) = octets.split_at_checked(RELAY_HEAD) {
            let Ok(options) = Options::parse(rest) else { break };
            if head[0] != MessageType::RelayForward as u8 {
                break;
            }
            let link = head[2..2 + ADDRESS].try_into().ok().map(Ipv6Addr::from_octets);
            relayed.link = link.filter(|link| !link.is_unspecified()).or(relayed.link);
            relayed.interface_id = options.get(code::INTERFACE_ID).or(relayed.interface_id);
            relayed.remote_id = options.get(code::REMOTE_ID).or(relayed.remote_id);
            let hardware = options.get(code::CLIENT_LINK_LAYER).filter(|octets| {
                (3..=2 + HardwareAddress::MAX_LEN).contains(&octets.len()) && octets[0] == 0
            });
            relayed.hardware = hardware.map(|octets| octets[1..].to_vec()).or(relayed.hardware);
            let Some(inner) = options.get(code::RELAY_MESSAGE) else { break };
            if inner.first() != Some(&(MessageType::RelayForward as u8)) {
                relayed.hear(inner);
                break;
            }
            octets = inner;
        }
        relayed
    }

    /// Of the client's own message.
    fn hear(&mut self, message: &'a [u8]) {
        let options = message.get(Message::HEADER_LEN..).map(Options::parse);
        let Some(Ok(options)) = options else { return };
        self.vendor_class = options.get(code::VENDOR_CLASS);
        self.user_class = options.get(code::USER_CLASS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let duid = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
        let octets = [&7_u32.to_be_bytes()[..], &duid].concat();
        Client::builder(ClientKey { kind: ItemKind::IaPrefixes, octets: &octets })
            .with(ItemKind::ReconfigureAccept, b"ours")
            .with(ItemKind::Hardware, &[1, 2, 0, 0, 0, 0, 9])
            .with(ItemKind::LinkAddress, &Ipv6Addr::LOCALHOST.octets())
            .with(ItemKind::InterfaceId, b"port 3")
            .with(ItemKind::RemoteId, &[0, 0, 0, 9, b'x'])
            .with(ItemKind::VendorClass, &[0, 0, 0, 9, 0, 1, b'm'])
            .with(ItemKind::UserClass, &[0, 3, b'b', b'o', b'x'])
            .with(ItemKind::Fqdn, &[1, 1, b'h', 0])
            .build()
    }

    #[test]
    fn a_client_is_the_same_at_the_partner() {
        let client = client();
        let told = relay_data(&client);
        let (association, fqdn) = (association(&client).unwrap(), fqdn(&client));
        let has = |relay_data, has_key| Holder { association, relay_data, has_key };
        assert_eq!(client_of(&has(told.as_deref(), Some(*b"ours")), fqdn.as_deref()), client);
        // Without a relay there are classes all the same.
        let direct = Client::builder(client.key());
        let direct = direct.with(ItemKind::UserClass, &[0, 3, b'b', b'o', b'x']).build();
        let told = relay_data(&direct);
        assert_eq!(client_of(&has(told.as_deref(), None), None), direct);
        let bare = Client::builder(client.key()).build();
        assert_eq!(relay_data(&bare), None);
        assert_eq!(client_of(&has(None, None), None), bare);
    }

    #[test]
    fn of_relays_around_each_other_the_nearest_to_the_client_counts() {
        let inner = relay_data(&client()).unwrap();
        let inner = &inner[ADDRESS..];
        let len = u16::try_from(inner.len()).unwrap().to_be_bytes();
        let mut outer = [0; ADDRESS + RELAY_HEAD].to_vec();
        outer[ADDRESS] = MessageType::RelayForward as u8;
        outer.extend_from_slice(&[0, 18, 0, 1, b'o', 0, 9, len[0], len[1]]);
        outer.extend_from_slice(inner);
        let association = association(&client()).unwrap();
        let of = |octets| Holder { association, relay_data: Some(octets), has_key: None };
        let found = client_of(&of(&outer), None);
        assert_eq!(found.item(ItemKind::InterfaceId), Some(&b"port 3"[..]));
        for cut in 0..outer.len() {
            client_of(&of(&outer[..cut]), None);
        }
    }
}
