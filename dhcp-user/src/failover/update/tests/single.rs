//! One server and what it sends.

use std::net::Ipv4Addr;

use super::pair::{ENDPOINT, Side, WORKER, client, ip};
use crate::failover::event::{Action, Alarm};
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, Client, ClientKey, ItemKind, Told};
use crate::wire::failover::{Acknowledgement, Message, Reject, Rejection, Update};
use crate::wire::{IpFlags, Stamp};

pub(super) fn update(address: Ipv4Addr, status: BindingStatus, number: u8) -> Update {
    let client = client(number);
    Update {
        address,
        status,
        identifier: None,
        hardware: Some(client.key().octets.into()),
        expires: Some(Stamp(10_500)),
        potential: Some(Stamp(11_000)),
        starts: Some(Stamp(9_999)),
        cltt: Some(Stamp(9_999)),
        flags: IpFlags::default(),
        request_options: None,
        reply_options: None,
        ddns: None,
    }
}

pub(super) fn taken(address: Ipv4Addr) -> Message {
    Message::BindingAck(vec![Acknowledgement { address, rejection: None }])
}

fn refused(address: Ipv4Addr) -> Message {
    let rejection = Rejection { reason: Reject::InUse, text: String::new() };
    Message::BindingAck(vec![Acknowledgement { address, rejection: Some(rejection) }])
}

/// Addresses of the updates that left, message by message.
pub(super) fn told(side: &mut Side) -> Vec<(u32, Vec<Ipv4Addr>)> {
    let told = |(xid, message)| match message {
        Message::BindingUpdate(updates) => {
            Some((xid, updates.iter().map(|update: &Update| update.address).collect()))
        }
        _ => None,
    };
    side.sent().into_iter().filter_map(told).collect()
}

fn is_done(side: &mut Side) -> bool {
    side.sent().iter().any(|(_, message)| matches!(message, Message::UpdateDone))
}

#[test]
fn dhcpd_gets_one_address_a_message_and_no_more_than_it_takes_at_a_time() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 3);
    (0..5).for_each(|number| assert!(side.grant(ip(number), number as u8)));
    assert!(!side.pump(64));
    let first = told(&mut side);
    assert_eq!(first.iter().map(|(_, told)| told.len()).collect::<Vec<_>>(), [1, 1, 1]);
    side.hear(first[0].0, &taken(first[0].1[0]));
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1, "one answer makes room for one");
    side.hear(999, &taken(first[1].1[0]));
    side.pump(64);
    assert!(told(&mut side).is_empty(), "an answer to nothing is none");
}

#[test]
fn a_partner_of_our_kind_gets_many_addresses_in_a_message_of_2048_octets() {
    let mut side = Side::new(Role::Primary, 100).linked(Dialect::Tandem, 100);
    (0..100).for_each(|number| assert!(side.grant(ip(number), number as u8)));
    assert!(!side.pump(1_000));
    let told = told(&mut side);
    assert!(told.len() <= 5, "{told:?}");
    assert_eq!(told.iter().map(|(_, told)| told.len()).sum::<usize>(), 100);
}

#[test]
fn an_address_that_changes_on_its_way_is_told_again_after_the_answer() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let first = told(&mut side);
    side.now = Stamp(10_050);
    side.grant(ip(0), 1);
    side.pump(64);
    assert!(told(&mut side).is_empty(), "never two at a time");
    let sent = Stamp(10_000 + 60 + 600);
    side.hear(first[0].0, &taken(ip(0)));
    let binding = side.get(ip(0)).unwrap();
    assert_eq!((binding.told, binding.acked_potential), (Told::Unsent, sent));
    side.pump(64);
    let second = told(&mut side);
    assert_eq!(second.len(), 1);
    side.hear(second[0].0, &taken(ip(0)));
    assert_eq!(side.get(ip(0)).unwrap().told, Told::Acknowledged);
    side.pump(64);
    assert!(told(&mut side).is_empty());
}

/// draft-12 §5.2.2: from then on its client must not have the address back.
#[test]
fn the_end_of_a_lease_is_marked_and_recorded_before_it_is_told() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let first = told(&mut side);
    side.hear(first[0].0, &taken(ip(0)));
    side.release(ip(0));
    side.settle();
    side.actions.clear();
    side.pump(64);
    let [Action::Changed { binding, .. }, Action::Send(xid, Message::BindingUpdate(_))] =
        &side.actions[..]
    else {
        panic!("{:?}", side.actions)
    };
    assert_eq!((binding.status, binding.told), (BindingStatus::Released, Told::Sent));
    let xid = *xid;
    assert!(!side.grant(ip(0), 1), "it is not its client's any more");
    side.hear(xid, &taken(ip(0)));
    let free = side.get(ip(0)).unwrap();
    assert_eq!((free.status, free.told), (BindingStatus::Free, Told::Acknowledged));
}

/// A worker's record may still be on its way to disk, and the partner must not know more than we
/// would after a crash.
#[test]
fn a_lease_that_a_worker_recorded_is_recorded_again_before_it_is_told() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let [Action::Changed { before, binding, .. }, Action::Send(..)] = &side.actions[..] else {
        panic!("{:?}", side.actions)
    };
    assert_eq!(before.as_ref(), Some(binding));
    assert_eq!(binding.writer, Some(WORKER));
}

#[test]
fn a_refused_update_is_told_again_when_asked_for_and_after_a_while_only() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let first = told(&mut side);
    side.hear(first[0].0, &refused(ip(0)));
    side.pump(64);
    assert!(told(&mut side).is_empty());
    assert_eq!(side.updates.queued(&side.table), 1, "it is to be told still");
    side.hear(5, &Message::UpdateRequest);
    side.pump(64);
    let again = told(&mut side);
    assert_eq!(again.len(), 1);
    assert_eq!(side.updates.queued(&side.table), 0);
    side.hear(again[0].0, &refused(ip(0)));
    side.pump(64);
    assert!(is_done(&mut side), "refused is answered");
    side.now = Stamp(10_299);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    assert!(told(&mut side).is_empty());
    side.now = Stamp(10_300);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1);
}

#[test]
fn a_request_for_everything_is_done_when_everything_is_answered() {
    let mut side = Side::new(Role::Primary, 3_000).linked(Dialect::Dhcpd, 2);
    for number in [0, 1, 2_500] {
        side.grant(ip(number), number as u8);
    }
    side.set(ip(7), Binding::new(BindingStatus::Backup, Stamp(1)));
    side.set(ip(8), Binding::new(BindingStatus::Free, Stamp(1)));
    side.pump(64);
    for (xid, addresses) in told(&mut side) {
        side.hear(xid, &taken(addresses[0]));
    }
    side.hear(5, &Message::UpdateRequestAll);
    assert!(side.updates.owes_all());
    let mut all = Vec::new();
    for _ in 0..10 {
        side.pump(64);
        let sent = side.sent();
        for (xid, message) in sent {
            match message {
                Message::BindingUpdate(updates) => {
                    all.push(updates[0].address);
                    side.hear(xid, &taken(updates[0].address));
                }
                Message::UpdateDone => {
                    assert_eq!(xid, 5);
                    all.sort();
                    all.dedup();
                    assert_eq!(all, [ip(0), ip(1), ip(7), ip(2_500)]);
                    assert!(!side.updates.owes_all());
                    return;
                }
                _ => {}
            }
        }
    }
    panic!("never done: {all:?}");
}

/// draft-12 §5.17: the partner lost what it had, and the link on top of it.
#[test]
fn an_unfinished_request_for_everything_makes_the_next_one_a_request_for_everything() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let first = told(&mut side);
    side.hear(first[0].0, &taken(ip(0)));
    side.hear(5, &Message::UpdateRequestAll);
    side.down();
    side.up(Dialect::Dhcpd, 10);
    side.hear(6, &Message::UpdateRequest);
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1);
}

#[test]
fn what_was_not_answered_when_the_link_was_lost_is_told_on_the_next() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 1);
    side.grant(ip(0), 1);
    side.grant(ip(1), 2);
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1);
    side.down();
    side.pump(64);
    assert!(told(&mut side).is_empty());
    side.up(Dialect::Dhcpd, 10);
    side.pump(64);
    assert_eq!(told(&mut side).len(), 2);
}

#[test]
fn each_update_is_answered_and_what_is_taken_recorded_before() {
    let mut side = Side::new(Role::Secondary, 20).linked(Dialect::Tandem, 10);
    let updates = vec![
        update(ip(0), BindingStatus::Active, 1),
        update(Ipv4Addr::new(11, 0, 0, 1), BindingStatus::Active, 1),
        update(Ipv4Addr::new(12, 0, 0, 1), BindingStatus::Active, 1),
        Update { expires: None, ..update(ip(1), BindingStatus::Active, 1) },
    ];
    side.hear(4, &Message::BindingUpdate(updates));
    let [Action::Changed { binding, .. }, Action::Send(4, Message::BindingAck(answers))] =
        &side.actions[..]
    else {
        panic!("{:?}", side.actions)
    };
    assert_eq!(binding.writer, Some(ENDPOINT));
    let reasons: Vec<_> =
        answers.iter().map(|answer| answer.rejection.as_ref().map(|why| why.reason)).collect();
    let unknown = Some(Reject::UnknownAddress);
    assert_eq!(reasons, [None, unknown, unknown, Some(Reject::MissingInformation)]);
    side.actions.clear();
    side.pump(64);
    assert!(told(&mut side).is_empty(), "what the partner said it is not told");
}

/// Spec §6.2: dhcpd would believe us.
#[test]
fn dhcpd_is_not_told_a_lease_of_an_address_that_it_leases_to_another() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.hear(4, &Message::BindingUpdate(vec![update(ip(0), BindingStatus::Active, 2)]));
    let conflicts = |side: &Side| {
        let is_one = |action: &&Action| matches!(action, Action::Alarm(Alarm::Conflict { .. }));
        side.actions.iter().filter(is_one).count()
    };
    assert_eq!(conflicts(&side), 1);
    side.pump(64);
    assert_eq!(conflicts(&side), 2);
    assert!(told(&mut side).is_empty());
    // Its client has gone.
    side.now = Stamp(10_200);
    side.hear(5, &Message::BindingUpdate(vec![update(ip(0), BindingStatus::Expired, 2)]));
    assert_eq!(side.get(ip(0)).unwrap().status, BindingStatus::Free);
}

#[test]
fn all_clients_of_a_million_bindings_are_asked_for_in_bounded_steps() {
    const COUNT: u32 = 70_000;
    let mut side = Side::new(Role::Primary, COUNT).linked(Dialect::Tandem, 100);
    (0..COUNT).for_each(|number| {
        let lease = Binding {
            expires: Stamp(20_000),
            client: Some(client(number as u8)),
            ..Binding::new(BindingStatus::Active, Stamp(1))
        };
        side.set(ip(number), lease);
    });
    side.hear(5, &Message::UpdateRequestAll);
    let mut count = 0;
    loop {
        side.pump(64);
        assert!(side.actions.len() <= 64);
        let sent = side.sent();
        assert!(!sent.is_empty(), "stuck after {count}");
        for (xid, message) in sent {
            match message {
                Message::BindingUpdate(updates) => {
                    count += updates.len();
                    let answers = updates
                        .iter()
                        .map(|update| Acknowledgement { address: update.address, rejection: None });
                    side.hear(xid, &Message::BindingAck(answers.collect()));
                }
                Message::UpdateDone => {
                    assert_eq!(count, COUNT as usize);
                    return;
                }
                _ => {}
            }
        }
        side.actions.clear();
    }
}

pub(super) fn ended(number: u8, acked: u32, received: u32) -> Binding {
    Binding {
        told: Told::Unsent,
        expires: Stamp(9_900),
        cltt: Stamp(9_800),
        acked_potential: Stamp(acked),
        received_potential: Stamp(received),
        client: Some(client(number)),
        ..Binding::new(BindingStatus::Expired, Stamp(9_901))
    }
}

/// Spec §0.2 rule 13, §6.2: dhcpd refuses the end of a lease that it has, and ends it itself.
#[test]
fn a_dhcpd_primary_ends_the_leases_that_it_knows_of() {
    let mut side = Side::new(Role::Secondary, 20);
    side.set(ip(0), ended(1, 0, 0));
    side.set(ip(1), ended(2, 10_000, 0));
    side.set(ip(2), ended(3, 0, 10_000));
    side.up(Dialect::Dhcpd, 10);
    side.with(|updates, at, xids, actions| updates.entered(at, xids, actions));
    side.settle();
    assert!(!side.pump(64));
    let first = told(&mut side);
    assert_eq!(first.iter().map(|(_, told)| told[0]).collect::<Vec<_>>(), [ip(0)]);
    side.hear(first[0].0, &taken(ip(0)));
    side.hear(7, &Message::BindingUpdate(vec![update(ip(1), BindingStatus::Expired, 2)]));
    assert_eq!(side.get(ip(1)).unwrap().status, BindingStatus::Free);
    // The last one it does not have, or it would have ended it by now.
    for (now, expected) in [(10_202, 0), (10_203, 1)] {
        side.sent();
        side.now = Stamp(now);
        side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
        assert!(!side.pump(64));
        assert_eq!(told(&mut side).len(), expected, "{now}");
    }
}

#[test]
fn the_end_of_a_lease_is_told_to_everybody_else() {
    let cases = [
        (Role::Primary, Dialect::Dhcpd),
        (Role::Primary, Dialect::Tandem),
        (Role::Secondary, Dialect::Tandem),
    ];
    for (role, dialect) in cases {
        let mut side = Side::new(role, 20);
        side.set(ip(1), ended(2, 10_000, 0));
        side.up(dialect, 10);
        side.with(|updates, at, xids, actions| updates.entered(at, xids, actions));
        side.settle();
        side.pump(64);
        let told: Vec<_> = told(&mut side).into_iter().flat_map(|(_, told)| told).collect();
        assert!(told.contains(&ip(1)), "{role:?} {dialect:?}");
    }
}

/// dhcpd holds free what we hold leased: it would give the address to another client.
#[test]
fn dhcpd_is_told_again_of_a_lease_that_it_believes_over() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Dhcpd, 10);
    side.grant(ip(0), 1);
    side.pump(64);
    let first = told(&mut side);
    side.hear(first[0].0, &taken(ip(0)));
    side.sent();
    side.hear(7, &Message::BindingUpdate(vec![update(ip(0), BindingStatus::Free, 1)]));
    side.pump(64);
    let again = told(&mut side);
    assert_eq!(again.iter().map(|(_, told)| told[0]).collect::<Vec<_>>(), [ip(0)]);
    side.hear(again[0].0, &taken(ip(0)));
    side.pump(64);
    assert!(told(&mut side).is_empty(), "once");
}

/// The driver closes the link over what it cannot journal, and would again after each reconnect.
#[test]
fn a_client_that_the_journal_has_no_room_for_is_refused_in_words() {
    let mut side = Side::new(Role::Secondary, 20).linked(Dialect::Tandem, 10);
    let mut long = update(ip(0), BindingStatus::Active, 1);
    long.identifier = Some(vec![1; Client::MAX_LEN].into());
    side.hear(7, &Message::BindingUpdate(vec![long, update(ip(1), BindingStatus::Active, 2)]));
    let sent = side.sent();
    let [(7, Message::BindingAck(answers))] = &sent[..] else { panic!("{sent:?}") };
    let rejection = answers[0].rejection.as_ref().unwrap();
    assert_eq!(rejection.reason, Reject::Unspecified);
    assert!(!rejection.text.is_empty());
    assert_eq!(answers[1].rejection, None);
    assert_eq!(side.get(ip(0)), None);
}

#[test]
fn what_cannot_be_told_is_said_once_and_holds_up_nothing() {
    let name = vec![1; 2_100];
    let key = ClientKey { kind: ItemKind::Identifier, octets: &name };
    let long = Client::builder(key).with(ItemKind::Hardware, b"\x01abcdef").build();
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Tandem, 10);
    side.grant(ip(0), 1);
    side.grant(ip(1), 2);
    let lease = side.get(ip(0)).unwrap();
    side.set(ip(0), Binding { client: Some(long), ..lease });
    let mut alarms = 0;
    for xid in 100..103 {
        side.hear(xid, &Message::UpdateRequestAll);
        assert!(!side.pump(64));
        alarms += side
            .actions
            .iter()
            .filter(|action| matches!(action, Action::Alarm(Alarm::Conflict { .. })))
            .count();
        let told = told(&mut side);
        assert_eq!(told.iter().flat_map(|(_, told)| told).collect::<Vec<_>>(), [&ip(1)]);
        side.hear(told[0].0, &taken(ip(1)));
        side.pump(64);
        assert!(is_done(&mut side));
        assert_eq!(side.updates.oldest_unacknowledged(), None, "nothing is waited for");
    }
    assert_eq!(alarms, 1);
}

/// Whoever counts leases takes away what was there before and adds what is there now.
#[test]
fn a_lease_that_is_recorded_once_more_was_there_before() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Tandem, 10);
    side.grant(ip(0), 1);
    let lease = side.get(ip(0)).unwrap();
    let same = {
        let mut same = update(ip(0), BindingStatus::Active, 1);
        same.expires = Some(lease.expires);
        same.potential = Some(lease.received_potential.max(lease.expires));
        same.starts = Some(lease.starts);
        same.cltt = Some(lease.cltt);
        same
    };
    let known = Binding {
        told: Told::Acknowledged,
        received_potential: lease.expires,
        writer: Some(WORKER),
        ..lease
    };
    side.set(ip(0), known.clone());
    side.actions.clear();
    let same =
        Update { request_options: super::super::translate::request_options(&client(1)), ..same };
    side.hear(7, &Message::BindingUpdate(vec![same]));
    let known = Binding { version: side.get(ip(0)).unwrap().version, ..known };
    let expected =
        Action::Changed { resource: ip(0).into(), before: Some(known.clone()), binding: known };
    assert_eq!(side.actions.first(), Some(&expected));
    assert!(matches!(side.actions[..], [_, Action::Send(7, _)]));
}

#[test]
fn with_room_for_next_to_nothing_it_says_that_nothing_follows() {
    let mut side = Side::new(Role::Primary, 20).linked(Dialect::Tandem, 10);
    (0..5).for_each(|number| assert!(side.grant(ip(number), number as u8)));
    side.with(|updates, at, xids, actions| updates.entered(at, xids, actions));
    side.hear(7, &Message::PoolRequest);
    for room in 0..=2 {
        for _ in 0..20 {
            let before = side.actions.len();
            if side.pump(room) {
                assert!(side.actions.len() > before, "room for {room}");
            }
        }
    }
    assert!(!side.pump(64) || !side.pump(64));
    assert!(side.sent().iter().any(|(xid, _)| *xid == 7));
}

/// draft-12 §7.4.2: what was untold when it was asked for; clients make more all the time.
#[test]
fn updates_are_done_although_clients_bring_more_than_goes_out() {
    let mut side = Side::new(Role::Primary, 4_000).linked(Dialect::Dhcpd, 3);
    let mut next = 0;
    let mut grant = |side: &mut Side| {
        assert!(side.grant(ip(next), (next % 250) as u8));
        next += 1;
    };
    (0..300).for_each(|_| grant(&mut side));
    side.hear(77, &Message::UpdateRequest);
    let mut answered = 0;
    let is_done = (0..900).any(|_| {
        side.pump(64);
        let mut is_done = false;
        for (xid, message) in side.sent() {
            match message {
                Message::BindingUpdate(updates) => {
                    answered += 1;
                    side.hear(xid, &taken(updates[0].address));
                    grant(&mut side);
                }
                Message::UpdateDone => is_done = true,
                _ => {}
            }
        }
        grant(&mut side);
        is_done
    });
    assert!(is_done, "not after {answered} updates");
    assert!(answered >= 300);
}
