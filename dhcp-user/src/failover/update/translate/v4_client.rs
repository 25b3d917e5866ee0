//! A client as partners tell it each other: client-identifier, client-hardware-address, and what else
//! is stored of it in client-request-options (draft-12 §7.1.1, §12.8).
//!
//! Between two of us nothing is lost: classes, limits and names are alike on both. Of the
//! client-request-options we use
//!
//! ```text
//! 82   relay agent information: whole if it is stored whole, else of circuit ID and remote ID
//! 118  subnet selection: giaddr (draft-12 §7.1.1 names the option; we put the relay's address in)
//! 60, 77, 12, 81   vendor class, user class, host name, FQDN
//! 224  our own (RFC 2132 §4 leaves it to sites): the number of the item that names the client, where
//!      it is neither the identifier nor, without one, the hardware address
//! ```

use crate::config::model::IdentityBy;
use crate::failover::Dialect;
use crate::lease::{Client, ClientBuilder, ClientKey, ItemKind};
use crate::wire::failover::Update;
use crate::wire::option::code;
use crate::wire::relay::{RelayInformation, sub_option};

/// Which item names the client; see the module.
const IDENTITY: u8 = 224;
/// Octets of an option that one code and length can carry; more is split (RFC 3396 §7).
const PART_MAX: usize = 255;

/// Options that are one item each.
const PLAIN: [(u8, ItemKind); 5] = [
    (code::SUBNET_SELECTION, ItemKind::Relay),
    (code::VENDOR_CLASS, ItemKind::VendorClass),
    (code::USER_CLASS, ItemKind::UserClass),
    (code::HOST_NAME, ItemKind::HostName),
    (code::CLIENT_FQDN, ItemKind::Fqdn),
];

/// Everything of `client` that has no option of its own in a BNDUPD.
pub(in crate::failover::update) fn request_options(client: &Client) -> Option<Box<[u8]>> {
    let mut options = Vec::new();
    let named_by = client.key().kind;
    if Some(named_by) != usual_identity(client) {
        put(&mut options, IDENTITY, &[named_by as u8]);
    }
    if let Some(whole) = client.item(ItemKind::RelayInformation) {
        put(&mut options, code::RELAY_AGENT_INFORMATION, whole);
    } else {
        let ids = [
            (sub_option::CIRCUIT_ID, client.item(ItemKind::CircuitId)),
            (sub_option::REMOTE_ID, client.item(ItemKind::RemoteId)),
        ];
        let mut relay = Vec::new();
        for (number, id) in ids.into_iter().filter_map(|(number, id)| Some((number, id?))) {
            // What a relay said fits: it came in a sub-option.
            let Ok(len) = u8::try_from(id.len()) else { continue };
            relay.extend_from_slice(&[number, len]);
            relay.extend_from_slice(id);
        }
        if !relay.is_empty() {
            put(&mut options, code::RELAY_AGENT_INFORMATION, &relay);
        }
    }
    for (number, kind) in PLAIN {
        if let Some(data) = client.item(kind) {
            put(&mut options, number, data);
        }
    }
    (!options.is_empty()).then(|| options.into())
}

/// The client of an update; `None` if it names nobody. `identity` decides which item is its name
/// where the partner does not say; `known` is who has the address here.
///
/// dhcpd tells less than is stored: if `known` may be the same client, as far as it does tell, the
/// rest is taken to hold.
pub(super) fn client_of(
    update: &Update,
    dialect: Dialect,
    identity: &[IdentityBy],
    known: Option<&Client>,
) -> Option<Client> {
    let identifier = update.identifier.as_deref().filter(|octets| !octets.is_empty());
    let hardware = update.hardware.as_deref();
    if dialect == Dialect::Dhcpd
        && let Some(known) = known
        && is_known_as(known, identifier, hardware)
    {
        if hardware.is_none() || known.item(ItemKind::Hardware) == hardware {
            return Some(known.clone());
        }
        let others = known.items().filter(|(kind, _)| *kind != ItemKind::Hardware);
        let others: Vec<_> =
            others.chain(hardware.map(|hardware| (ItemKind::Hardware, hardware))).collect();
        return build(known.key().kind, &others);
    }
    let options = join(update.request_options.as_deref().unwrap_or_default());
    let option = |number: u8| {
        options.iter().find(|(found, _)| *found == number).map(|(_, data)| data.as_slice())
    };
    let relay = option(code::RELAY_AGENT_INFORMATION)
        .and_then(|octets| RelayInformation::parse(octets).ok());
    let circuit_id = relay.and_then(|relay| relay.circuit_id());
    let remote_id = relay.and_then(|relay| relay.remote_id());
    let known_parts = usize::from(circuit_id.is_some()) + usize::from(remote_id.is_some());
    let relay_information =
        relay.filter(|relay| relay.iter().count() > known_parts).map(|relay| relay.octets());
    let plain = PLAIN.map(|(number, kind)| (kind, option(number)));
    let items = [
        (ItemKind::Hardware, hardware),
        (ItemKind::Identifier, identifier),
        (ItemKind::CircuitId, circuit_id),
        (ItemKind::RemoteId, remote_id),
    ];
    let items: Vec<_> = items
        .into_iter()
        .chain(plain)
        .chain([(ItemKind::RelayInformation, relay_information)])
        .filter_map(|(kind, data)| Some((kind, data?)))
        .collect();
    let said = option(IDENTITY).and_then(|data| ItemKind::from_octet(*data.first()?));
    let named_by = said.filter(|kind| kind.is_identity()).or_else(|| {
        // A partner of our kind says so if it is anything else; dhcpd cannot know how we tell
        // clients apart.
        match dialect {
            Dialect::Tandem => usual(&items),
            Dialect::Dhcpd => configured(&items, identity),
        }
    })?;
    build(named_by, &items)
}

/// Whether the stored client is the one that dhcpd means: it goes by the identifier, and by the
/// hardware address of one that has none.
fn is_known_as(known: &Client, identifier: Option<&[u8]>, hardware: Option<&[u8]>) -> bool {
    let stored = known.item(ItemKind::Identifier).filter(|octets| !octets.is_empty());
    match (stored, identifier) {
        (Some(stored), Some(identifier)) => stored == identifier,
        (None, None) => hardware.is_some() && known.item(ItemKind::Hardware) == hardware,
        _ => false,
    }
}

/// What names a client if nobody says.
fn usual_identity(client: &Client) -> Option<ItemKind> {
    usual(&client.items().collect::<Vec<_>>())
}

fn usual(items: &[(ItemKind, &[u8])]) -> Option<ItemKind> {
    first_of(items, &[ItemKind::Identifier, ItemKind::Hardware])
}

/// What names a client by the configuration, the hardware address closing the list; an address of
/// no octets names nobody, unless there is nothing else.
fn configured(items: &[(ItemKind, &[u8])], identity: &[IdentityBy]) -> Option<ItemKind> {
    let order: Vec<_> = identity
        .iter()
        .map(|by| match by {
            IdentityBy::Identifier => ItemKind::Identifier,
            IdentityBy::CircuitId => ItemKind::CircuitId,
            IdentityBy::RemoteId => ItemKind::RemoteId,
            IdentityBy::Hardware => ItemKind::Hardware,
        })
        .chain([ItemKind::Hardware, ItemKind::Identifier])
        .collect();
    first_of(items, &order)
}

/// The first kind of the order that there is an item of with something in it.
fn first_of(items: &[(ItemKind, &[u8])], order: &[ItemKind]) -> Option<ItemKind> {
    order.iter().copied().find(|kind| {
        // The hardware address's first octet is its type.
        let least = if *kind == ItemKind::Hardware { 2 } else { 1 };
        items.iter().any(|(found, data)| found == kind && data.len() >= least)
    })
}

/// The client of these items, which are in the order of storage, named by one of them.
fn build(named_by: ItemKind, items: &[(ItemKind, &[u8])]) -> Option<Client> {
    let (_, octets) = items.iter().find(|(kind, _)| *kind == named_by)?;
    let builder = Client::builder(ClientKey { kind: named_by, octets });
    let others = items.iter().filter(|(kind, _)| *kind != named_by);
    Some(
        others
            .fold(builder, |builder: ClientBuilder, (kind, data)| builder.with(*kind, data))
            .build(),
    )
}

fn put(options: &mut Vec<u8>, number: u8, data: &[u8]) {
    let mut rest = data;
    loop {
        let (part, after) = rest.split_at(rest.len().min(PART_MAX));
        options.extend_from_slice(&[number, part.len() as u8]); // at most PART_MAX
        options.extend_from_slice(part);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

/// The options with their parts joined (RFC 3396 §7), as far as they are whole.
fn join(mut rest: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options: Vec<(u8, Vec<u8>)> = Vec::new();
    while let [number, after @ ..] = rest {
        match *number {
            code::PAD => rest = after,
            code::END => break,
            number => {
                let Some((len, after)) = after.split_first() else { break };
                let Some((data, after)) = after.split_at_checked(usize::from(*len)) else { break };
                match options.iter_mut().find(|(found, _)| *found == number) {
                    Some((_, joined)) => joined.extend_from_slice(data),
                    None => options.push((number, data.to_vec())),
                }
                rest = after;
            }
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::IpFlags;
    use crate::wire::failover::BindingStatus;

    const USUAL: [IdentityBy; 2] = [IdentityBy::Identifier, IdentityBy::Hardware];

    fn update(identifier: Option<&[u8]>, hardware: Option<&[u8]>) -> Update {
        Update {
            address: Ipv4Addr::UNSPECIFIED,
            status: BindingStatus::Active,
            identifier: identifier.map(Into::into),
            hardware: hardware.map(Into::into),
            expires: None,
            potential: None,
            starts: None,
            cltt: None,
            flags: IpFlags::default(),
            request_options: None,
            reply_options: None,
            ddns: None,
        }
    }

    /// As a partner of our kind is told.
    fn told(client: &Client) -> Update {
        let identifier = client.item(ItemKind::Identifier);
        let mut update = update(identifier, client.item(ItemKind::Hardware));
        update.request_options = request_options(client);
        update
    }

    /// A client as the server stores one: the identity first, the others in their order.
    fn stored(named_by: ItemKind, items: &[(ItemKind, Vec<u8>)]) -> Client {
        let items: Vec<_> = items.iter().map(|(kind, data)| (*kind, data.as_slice())).collect();
        build(named_by, &items).unwrap()
    }

    #[test]
    fn a_client_of_dhcpds_is_named_as_this_server_is_configured_to() {
        let update = update(Some(b"\x00me"), Some(b"\x01\x02\x00\x00\x00\x00\x07"));
        let client = client_of(&update, Dialect::Dhcpd, &USUAL, None).unwrap();
        assert_eq!(client.key().kind, ItemKind::Identifier);
        assert_eq!(client.item(ItemKind::Hardware), Some(&b"\x01\x02\x00\x00\x00\x00\x07"[..]));
        let client = client_of(&update, Dialect::Dhcpd, &[IdentityBy::Hardware], None).unwrap();
        assert_eq!(client.key().kind, ItemKind::Hardware);
        let client = client_of(&update, Dialect::Dhcpd, &[IdentityBy::CircuitId], None).unwrap();
        assert_eq!(client.key().kind, ItemKind::Hardware);
    }

    #[test]
    fn a_client_without_an_address_on_its_link_is_named_by_its_identifier() {
        let client =
            client_of(&update(Some(b"ib0"), Some(b"\x20")), Dialect::Dhcpd, &[], None).unwrap();
        assert_eq!(client.key().octets, b"ib0");
        assert_eq!(client_of(&update(None, Some(b"\x20")), Dialect::Dhcpd, &[], None), None);
        assert_eq!(client_of(&update(None, None), Dialect::Dhcpd, &USUAL, None), None);
    }

    /// dhcpd knows no circuits; a client that it renews is still the one on the circuit.
    #[test]
    fn what_dhcpd_does_not_tell_of_a_client_is_kept() {
        let known = stored(
            ItemKind::CircuitId,
            &[
                (ItemKind::Hardware, b"\x01abcdef".to_vec()),
                (ItemKind::Identifier, b"\x01abcdef".to_vec()),
                (ItemKind::CircuitId, b"port 3".to_vec()),
                (ItemKind::HostName, b"box".to_vec()),
            ],
        );
        let same = update(Some(b"\x01abcdef"), Some(b"\x01abcdef"));
        assert_eq!(client_of(&same, Dialect::Dhcpd, &USUAL, Some(&known)), Some(known.clone()));
        let new_card = update(Some(b"\x01abcdef"), Some(b"\x01uvwxyz"));
        let client = client_of(&new_card, Dialect::Dhcpd, &USUAL, Some(&known)).unwrap();
        assert!(client.is_same(&known));
        assert_eq!(client.item(ItemKind::Hardware), Some(&b"\x01uvwxyz"[..]));
        let other = update(Some(b"\x01zzzzzz"), Some(b"\x01abcdef"));
        assert!(!client_of(&other, Dialect::Dhcpd, &USUAL, Some(&known)).unwrap().is_same(&known));
        let nameless = update(None, Some(b"\x01abcdef"));
        assert!(
            !client_of(&nameless, Dialect::Dhcpd, &USUAL, Some(&known)).unwrap().is_same(&known)
        );
    }

    #[test]
    fn an_option_longer_than_255_octets_is_split_and_joined() {
        let client = stored(
            ItemKind::Hardware,
            &[(ItemKind::Hardware, b"\x01abcdef".to_vec()), (ItemKind::UserClass, vec![7; 600])],
        );
        assert_eq!(client_of(&told(&client), Dialect::Tandem, &USUAL, None), Some(client));
    }

    fn octets(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), least..=most)
    }

    fn maybe(most: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(octets(0, most))
    }

    proptest! {
        /// Classes, limits and names depend on every item, so none may be lost on the way.
        #[test]
        fn a_client_told_to_a_partner_of_our_kind_is_the_same_there(
            hardware in octets(2, 17),
            identifier in proptest::option::of(octets(1, 300)),
            circuit in proptest::option::of(octets(1, 60)),
            remote in proptest::option::of(octets(1, 60)),
            more_of_relay in proptest::option::of(octets(0, 60)),
            relay in proptest::option::of(octets(4, 4)),
            (vendor, user, host, fqdn) in (maybe(300), maybe(300), maybe(80), maybe(80)),
            named_by in 0..4_usize,
        ) {
            let sub = |number: u8, data: &[u8]| [&[number, data.len() as u8], data].concat();
            let whole = more_of_relay.map(|more| {
                let parts = [
                    sub(151, &more),
                    remote.as_deref().map_or(Vec::new(), |id| sub(2, id)),
                    circuit.as_deref().map_or(Vec::new(), |id| sub(1, id)),
                ];
                parts.concat()
            });
            let items: Vec<(ItemKind, Vec<u8>)> = [
                (ItemKind::Hardware, Some(hardware)),
                (ItemKind::Identifier, identifier),
                (ItemKind::CircuitId, circuit),
                (ItemKind::RemoteId, remote),
                (ItemKind::Relay, relay),
                (ItemKind::VendorClass, vendor),
                (ItemKind::UserClass, user),
                (ItemKind::HostName, host),
                (ItemKind::Fqdn, fqdn),
                (ItemKind::RelayInformation, whole),
            ].into_iter().filter_map(|(kind, data)| Some((kind, data?))).collect();
            let kinds =
                [ItemKind::Hardware, ItemKind::Identifier, ItemKind::CircuitId, ItemKind::RemoteId];
            let there = items.iter().any(|(kind, _)| *kind == kinds[named_by]);
            let named_by = if there { kinds[named_by] } else { ItemKind::Hardware };
            let client = stored(named_by, &items);
            prop_assert_eq!(client_of(&told(&client), Dialect::Tandem, &USUAL, None), Some(client.clone()));
            // However that one tells its own clients apart, and whoever had the address.
            prop_assert_eq!(client_of(&told(&client), Dialect::Tandem, &[], Some(&client)), Some(client));
        }

        #[test]
        fn no_options_of_a_partner_panic(options in octets(0, 80)) {
            let update = Update { request_options: Some(options.into()), ..update(None, None) };
            let _ = client_of(&update, Dialect::Tandem, &USUAL, None);
        }
    }
}
