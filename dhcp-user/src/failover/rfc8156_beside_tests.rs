//! Leases of two servers of DHCPv6 that are not as most are, and what is told beside them: reservations, keys
//! for Reconfigures, what relays said, temporary addresses, leases without an end. Numbers as in the tests of
//! leases.

use BindingStatus::Active;

use super::Command;
use super::rfc8156_lease_tests::{arrives, in_normal, lease, of_client, outcomes, updates};
use super::testing::Pair;
use super::testing6::{RESERVED6, SECRET, holder, ip6, pd};
use crate::lease::{Binding, BindingStatus, Client, ItemKind, Told};
use crate::wire::dhcpv6::{Iaid, ReconfigureKey};
use crate::wire::failover6::{
    self, Answered, ClientBinding, Lease, Message, Packet, ReconfigureData,
};
use crate::wire::{Seconds, Stamp};

/// A22: of when a message was sent, see the link's own tests. A27: a lease without an end lasts to the end of
/// the time that there is, here and there.
#[test]
fn a27_an_endless_lease_ends_with_the_time() {
    let mut pair = in_normal();
    let lease = Lease {
        state_expires: Some(Stamp::NEVER),
        partner_lifetime: Some(Stamp::NEVER),
        preferred: Seconds::INFINITE,
        valid: Seconds::INFINITE,
        ..lease(&pair, ip6(1), Active)
    };
    let told = failover6::Binding::Client(of_client(&pair, 1, vec![lease]));
    // Times are counted otherwise on the wire.
    let message = Message::BindingUpdate(Box::new(told));
    let mut octets = Vec::new();
    Packet { xid: 1, sent: Some(pair.now), message }.encode(&mut octets).unwrap();
    let Message::BindingUpdate(told) = Packet::parse(&octets).unwrap().message else { panic!() };
    assert_eq!(outcomes(&arrives(&mut pair, 1, *told)), [None]);
    let stored = pair.sides[1].binding6(ip6(1)).unwrap();
    assert_eq!((stored.expires, stored.received_potential), (Stamp::NEVER, Stamp::NEVER));
    pair.command(1, Command::Resynchronise);
    pair.settle();
    let updates = updates(&pair, 1);
    let said = updates.iter().find_map(|it| match it {
        failover6::Binding::Client(client) => client.ias[0].leases.first(),
        _ => None,
    });
    let said = said.expect("it is told again");
    assert_eq!((said.valid, said.state_expires), (Seconds::INFINITE, Some(Stamp::NEVER)));
}

/// RFC 8156 §7.4: LQ_RELAY_DATA stands beside the client, and not beside each lease.
#[test]
fn what_relays_said_of_a_client_at_two_places_goes_in_two_messages() {
    let said = |resource, relay: u8| {
        let mut client = Client::builder(holder(resource, 1).key());
        client.add(ItemKind::RemoteId, &[0, 0, 0, 9, relay]);
        client.build()
    };
    let mut pair = in_normal();
    for (resource, relay) in [(ip6(1), 1), (pd(8), 2)] {
        assert!(pair.lease6(0, resource, 1).is_some());
        pair.sides[0].set6(resource, |old| Binding {
            client: Some(said(resource, relay)),
            ..old.expect("it is leased")
        });
    }
    pair.tell6();
    assert_eq!(updates(&pair, 0).len(), 2);
    for (resource, relay) in [(ip6(1), 1), (pd(8), 2)] {
        let its = pair.sides[1].binding6(resource).and_then(|it| it.client).expect("a lease");
        assert_eq!(its.item(ItemKind::RemoteId), Some(&[0, 0, 0, 9, relay][..]), "{resource}");
    }
}

/// A30: what is reserved is in neither's share, though its number is odd: either server takes it that the
/// other one leased it.
#[test]
fn a30_an_address_that_is_reserved_is_of_both_servers() {
    for side in [0, 1] {
        let mut pair = in_normal();
        let id = pair.sides[side].table.place(RESERVED6.into()).unwrap();
        let layout = pair.sides[side].table.layout();
        assert_eq!((layout.is_reserved(id), layout.fixed_owner(id)), (true, None));
        drop(layout);
        let leases = vec![lease(&pair, RESERVED6.into(), Active)];
        let said = failover6::Binding::Client(of_client(&pair, 1, leases));
        assert_eq!(outcomes(&arrives(&mut pair, side, said)), [None]);
        let stored = pair.sides[side].binding6(RESERVED6.into()).unwrap();
        assert_eq!((stored.status, stored.told), (Active, Told::Acknowledged));
    }
}

/// A32: each server has its own DUID, and numbers by the time. Of the partner's key for a client is kept
/// that it is ours, too; another one would be no use.
#[test]
fn a32_a_client_has_a_key_with_both_servers_if_it_is_the_same() {
    let duid = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    for (secret, is_same) in [(SECRET, true), (&b"a secret of theirs"[..], false)] {
        let mut pair = in_normal();
        let leases = vec![lease(&pair, ip6(1), Active)];
        let key = ReconfigureKey::of(secret, &duid).0.into();
        let reconfigure = Some(ReconfigureData { since: pair.now, key });
        let said = ClientBinding { reconfigure, ..of_client(&pair, 1, leases) };
        assert_eq!(outcomes(&arrives(&mut pair, 1, failover6::Binding::Client(said))), [None]);
        let has_key = |pair: &Pair, side: usize| {
            let client = pair.sides[side].binding6(ip6(1)).unwrap().client.unwrap();
            client.item(ItemKind::ReconfigureAccept).is_some()
        };
        assert_eq!(has_key(&pair, 1), is_same);
        // Who knows that tells the partner, with the key that follows from the secret of both.
        pair.command(1, Command::Resynchronise);
        pair.settle();
        assert_eq!(has_key(&pair, 0), is_same);
        let said = updates(&pair, 1).into_iter().find_map(|it| match it {
            failover6::Binding::Client(client) => client.reconfigure,
            _ => None,
        });
        let expected = ReconfigureKey::of(SECRET, &duid);
        assert_eq!(said.map(|data| data.key), is_same.then(|| expected.0.into()));
    }
}

/// A33: temporary addresses are refused with ConfigurationConflict, and nothing else for their sake.
#[test]
fn a33_temporary_addresses_are_refused_and_other_leases_beside_them_are_not() {
    let mut pair = in_normal();
    let leases = vec![lease(&pair, ip6(1), Active)];
    for leases in [leases, Vec::new()] {
        let count = leases.len();
        let said = ClientBinding { temporary: vec![Iaid(7)], ..of_client(&pair, 1, leases) };
        let answer = arrives(&mut pair, 1, failover6::Binding::Client(said));
        assert_eq!((answer.refusal.clone(), outcomes(&answer)), (None, vec![None; count]));
        let Answered::Client { temporary, .. } = answer.of else { panic!() };
        assert_eq!(temporary, [Iaid(7)], "see the message's own tests for its status");
    }
    let flood = ClientBinding { temporary: vec![Iaid(7); 901], ..of_client(&pair, 1, Vec::new()) };
    let answer = arrives(&mut pair, 1, failover6::Binding::Client(flood));
    assert!(answer.refusal.is_some());
    assert!(matches!(answer.of, Answered::Client { temporary, .. } if temporary.is_empty()));
}
