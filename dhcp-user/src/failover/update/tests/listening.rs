//! A dhcpd speaks first, and is told last.

use super::pair::{Side, ip};
use super::single::{ended, taken, told, update};
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, Told};
use crate::wire::Stamp;
use crate::wire::failover::{BindingStatus, Message, Update};

/// NORMAL begins on a new link; the xid of our UPDREQ.
fn meets_dhcpd(side: &mut Side) -> u32 {
    side.up(Dialect::Dhcpd, 10);
    side.with(|updates, at, xids, actions| updates.entered(at, xids, actions));
    let asks = |(xid, message)| (message == Message::UpdateRequest).then_some(xid);
    side.sent().into_iter().find_map(asks).expect("UPDREQ")
}

/// It has renewed a lease that we renewed before it, and tells of it when its window lets it: told of
/// ours it would forget its own, and the client's end would be on no server.
#[test]
fn dhcpd_hears_of_no_lease_before_it_has_told_its_own() {
    let mut side = Side::new(Role::Primary, 2);
    assert!(side.grant(ip(0), 1));
    assert!(side.grant(ip(1), 2));
    let asked = meets_dhcpd(&mut side);
    side.pump(64);
    assert!(told(&mut side).is_empty(), "not yet");

    let longer = update(ip(0), BindingStatus::Active, 1);
    let ends = longer.expires.unwrap();
    assert!(ends > side.get(ip(0)).unwrap().expires);
    let longer = Update { cltt: Some(Stamp(10_001)), ..longer };
    side.hear(7, &Message::BindingUpdate(vec![longer]));
    side.hear(asked, &Message::UpdateDone);
    side.pump(64);
    let all: Vec<_> = told(&mut side).into_iter().flat_map(|(_, told)| told).collect();
    assert_eq!(all, [ip(1)], "of the other both know the same");
    let renewed = side.get(ip(0)).unwrap();
    assert_eq!((renewed.expires, renewed.told), (ends, Told::Acknowledged));
}

#[test]
fn a_dhcpd_that_never_has_told_all_hears_of_our_leases_in_the_end() {
    let mut side = Side::new(Role::Secondary, 1);
    side.set(ip(0), Binding { status: BindingStatus::Backup, ..ended(1, 0, 0) });
    assert!(side.grant(ip(0), 1));
    meets_dhcpd(&mut side);
    side.now = Stamp(10_059);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    assert!(told(&mut side).is_empty());
    side.now = Stamp(10_060);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1);
}

/// Spec §6.3: dhcpd would take our EXPIRED over the renewal that it gave while there was no link.
#[test]
fn dhcpd_is_not_told_the_end_of_a_lease_that_it_renewed_while_there_was_no_link() {
    let mut side = Side::new(Role::Primary, 20);
    side.set(ip(1), ended(2, 9_950, 0));
    let asked = meets_dhcpd(&mut side);
    side.pump(64);
    assert!(!told(&mut side).iter().any(|(_, told)| told.contains(&ip(1))), "not yet");
    let mut renewed = update(ip(1), BindingStatus::Active, 2);
    renewed.cltt = Some(Stamp(9_899));
    side.hear(7, &Message::BindingUpdate(vec![renewed]));
    assert_eq!(side.get(ip(1)).unwrap().status, BindingStatus::Active);
    side.sent();
    side.hear(asked, &Message::UpdateDone);
    side.settle();
    side.pump(64);
    assert!(!told(&mut side).iter().any(|(_, told)| told.contains(&ip(1))), "nothing has ended");
}

/// Its window is full, and what it tells is seconds old: it may have granted what we hold for ended.
#[test]
fn dhcpd_is_told_nothing_while_what_it_tells_is_old() {
    let mut side = Side::new(Role::Primary, 2).linked(Dialect::Dhcpd, 10);
    let heard = |side: &mut Side, cltt: u32| {
        let lease = update(ip(0), BindingStatus::Active, 1);
        let expires = Some(Stamp(cltt + 600));
        let lease = Update { cltt: Some(Stamp(cltt)), expires, ..lease };
        side.hear(7, &Message::BindingUpdate(vec![lease]));
    };
    assert!(side.grant(ip(1), 2));
    heard(&mut side, 9_997);
    side.pump(64);
    assert!(told(&mut side).is_empty(), "three seconds old");
    side.settle();
    heard(&mut side, 10_002);
    side.pump(64);
    assert_eq!(told(&mut side).len(), 1, "as of a second ago");
}

/// It took our end for its own before it told its own, which potential-expiration-time still shows.
#[test]
fn the_end_that_dhcpd_has_lost_is_told_it_again() {
    let mut side = Side::new(Role::Primary, 2).linked(Dialect::Dhcpd, 10);
    assert!(side.grant(ip(0), 1));
    side.pump(64);
    let first = told(&mut side);
    let ours = side.get(ip(0)).unwrap();
    let renewed = Update {
        expires: Some(ours.expires),
        cltt: Some(Stamp(10_005)),
        potential: Some(Stamp(10_005 + 600 + 300)),
        ..update(ip(0), BindingStatus::Active, 1)
    };
    side.hear(first[0].0, &taken(ip(0)));
    side.now = Stamp(10_006);
    side.hear(7, &Message::BindingUpdate(vec![renewed.clone()]));
    let lease = side.get(ip(0)).unwrap();
    assert_eq!((lease.expires, lease.told), (Stamp(10_605), Told::Unsent));
    side.pump(64);
    let again = told(&mut side);
    assert_eq!(again.len(), 1);
    side.hear(again[0].0, &taken(ip(0)));
    let renewed = Update { expires: Some(Stamp(10_605)), ..renewed };
    side.hear(8, &Message::BindingUpdate(vec![renewed]));
    assert_eq!(side.get(ip(0)).unwrap().told, Told::Acknowledged, "once");
}

/// In POTENTIAL-CONFLICT a dhcpd primary asks first: it would take the release for one of its later lease.
#[test]
fn dhcpd_is_not_told_what_it_asks_for_before_it_has_told_its_own() {
    let mut side = Side::new(Role::Secondary, 2);
    side.set(ip(0), Binding { status: BindingStatus::Released, ..ended(1, 9_950, 0) });
    side.set(ip(1), Binding { status: BindingStatus::Released, ..ended(2, 9_950, 0) });
    side.up(Dialect::Dhcpd, 10);
    side.with(|updates, at, xids, actions| updates.listen_first(at.now, xids, actions));
    let asked = side.sent();
    let [(asked, Message::UpdateRequest)] = asked[..] else { panic!("{asked:?}") };
    side.hear(55, &Message::UpdateRequest);
    side.now = Stamp(10_050);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    assert_eq!(side.sent(), [], "neither an update nor UPDDONE");
    side.hear(7, &Message::BindingUpdate(vec![update(ip(0), BindingStatus::Active, 1)]));
    side.hear(asked, &Message::UpdateDone);
    side.sent();
    side.pump(64);
    let all = told(&mut side);
    assert_eq!(all.iter().map(|(_, told)| told.as_slice()).collect::<Vec<_>>(), [[ip(1)]]);
    assert_eq!(side.get(ip(0)).unwrap().status, BindingStatus::Active);
    side.hear(all[0].0, &taken(ip(1)));
    side.pump(64);
    assert!(side.sent().contains(&(55, Message::UpdateDone)));
}

#[test]
fn a_dhcpd_that_was_asked_on_this_link_is_not_asked_first_again() {
    let mut side = Side::new(Role::Primary, 2).linked(Dialect::Dhcpd, 10);
    let first = |side: &mut Side| {
        side.with(|updates, at, xids, actions| updates.listen_first(at.now, xids, actions));
        side.sent().len()
    };
    side.with(|updates, at, _, _| updates.on_asked(at.now, 3));
    assert_eq!(first(&mut side), 0);
    side.hear(3, &Message::UpdateDone);
    assert_eq!(first(&mut side), 0);
    side.down();
    side.up(Dialect::Dhcpd, 10);
    assert_eq!(first(&mut side), 1, "another link");
    side.down();
    side.up(Dialect::Tandem, 10);
    assert_eq!(first(&mut side), 0, "one that compares times");
}

#[test]
fn update_done_comes_behind_an_end_that_waited() {
    let mut side = Side::new(Role::Primary, 4).linked(Dialect::Dhcpd, 1);
    side.set(ip(1), ended(2, 9_999, 0));
    side.hear(55, &Message::UpdateRequest);
    side.pump(64);
    assert!(told(&mut side).is_empty(), "it has just ended");
    assert!(side.grant(ip(2), 3));
    side.pump(64);
    let on_its_way = told(&mut side);
    assert_eq!(on_its_way.len(), 1);
    side.now = Stamp(10_010);
    side.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    side.pump(64);
    side.hear(on_its_way[0].0, &taken(ip(2)));
    side.pump(64);
    let (ends, done): (Vec<_>, Vec<_>) =
        side.sent().into_iter().partition(|(_, message)| *message != Message::UpdateDone);
    assert_eq!((ends.len(), done.len()), (1, 0), "what it asked for first");
    side.hear(ends[0].0, &taken(ip(1)));
    side.pump(64);
    assert!(side.sent().contains(&(55, Message::UpdateDone)));
}
