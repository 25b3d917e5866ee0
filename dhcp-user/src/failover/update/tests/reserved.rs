//! Addresses that are kept for one client (draft-12 §5.13; spec §11.2).

use std::net::Ipv4Addr;

use super::pair::{ENDPOINT, MCLT, POOL, Pair, Side, client, ip, layout, settings};
use crate::failover::update::Updates;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, Table, Takeover, Told, in_turn};
use crate::wire::{IpFlags, Seconds, Stamp};

#[test]
fn reserved_addresses_outside_of_pools_are_told_a_partner_of_our_kind_alone() {
    let reserved = Ipv4Addr::new(10, 9, 9, 9);
    let side = || Side::of(Role::Primary, layout(20, vec![reserved]));
    let lease = Binding {
        told: Told::Unsent,
        expires: Stamp(20_000),
        client: Some(client(1)),
        ..Binding::new(BindingStatus::Active, Stamp(1))
    };
    let mut dhcpd = side().linked(Dialect::Dhcpd, 10);
    dhcpd.set(reserved, lease.clone());
    dhcpd.pump(64);
    assert!(dhcpd.sent().is_empty());
    let mut tandem = side().linked(Dialect::Tandem, 10);
    tandem.set(reserved, lease);
    tandem.pump(64);
    assert_eq!(tandem.sent().len(), 1);
}

/// When the two servers are told of the new configuration, and what happens between.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// By its place.
    first: usize,
    /// Told by a restart, not by a reload.
    restarts: bool,
    /// Its client has it, and leaves it after the first.
    is_leased: bool,
}

/// The configuration of one of them has no reservation any more.
fn reserve_nothing(pair: &mut Pair, side: usize, restarts: bool) {
    if !restarts {
        pair.sides[side].table.adopt(layout(4, Vec::new()));
        return;
    }
    pair.cut();
    let table = Table::new(layout(4, Vec::new()));
    let old = std::mem::replace(&mut pair.sides[side].table, table);
    old.for_each(|address, binding| {
        pair.sides[side].table.restore(address, binding.clone());
    });
    pair.sides[side].table.finish_restore(&in_turn);
    pair.sides[side].updates = Updates::new(&settings(pair.sides[side].role), ENDPOINT, false);
    pair.connect();
}

/// Whether the server gives the address to somebody who asks now: its client, or anybody.
fn gives(side: &Side, address: Ipv4Addr) -> bool {
    let there = side.get(address).unwrap();
    let is_reserved = side.table.layout().is_reserved(address);
    there.is_available() && (is_reserved || side.view().may_give(side.now, Some(&there)))
}

fn take_the_reservation_out(case: Case) {
    let mut pair = Pair::new(4);
    for side in &mut pair.sides {
        side.table = Table::new(layout(4, vec![ip(0)]));
    }
    // Nobody ever had it.
    pair.connect();
    pair.settle();
    let secondary = pair.sides[1].get(ip(0)).unwrap();
    assert_eq!((secondary.status, secondary.flags.reserved), (BindingStatus::Backup, true));
    if case.is_leased {
        let now = pair.sides[0].now;
        let lease = Binding {
            flags: IpFlags::RESERVED,
            told: Told::Unsent,
            cltt: now,
            expires: now.after(Seconds(100)),
            client: Some(client(1)),
            ..Binding::new(BindingStatus::Active, now)
        };
        pair.sides[0].set(ip(0), lease);
        pair.settle();
    }
    for side in [case.first, 1 - case.first] {
        reserve_nothing(&mut pair, side, case.restarts);
        pair.settle();
        if case.is_leased && side == case.first {
            pair.sides[0].release(ip(0));
            pair.settle();
        }
        let giving = pair.sides.iter().filter(|side| gives(side, ip(0))).count();
        assert_eq!(giving, 1, "{case:?}, told {side}");
    }
    for side in &pair.sides {
        let there = side.get(ip(0)).unwrap();
        assert_eq!((there.status, there.flags.reserved), (BindingStatus::Free, false), "{case:?}");
        assert_eq!(there.told, Told::Acknowledged, "{case:?}");
        assert_eq!(gives(side, ip(0)), side.role == Role::Primary, "{case:?}");
        let guard = side.table.pin();
        let take = || side.table.take_free(POOL, side.view().owner, side.now, &guard);
        let its = std::iter::from_fn(take).any(|(address, _)| address == ip(0).into());
        assert_eq!(its, side.role == Role::Primary, "{case:?}");
    }
    assert!(pair.sides[0].grant(ip(0), 2), "{case:?}");
}

/// Whoever still has the reservation gives the address to its client, and then the other one gives it to
/// nobody.
#[test]
fn an_address_whose_reservation_is_taken_out_is_never_of_both_and_in_the_end_the_primarys() {
    for first in [0, 1] {
        for restarts in [false, true] {
            for is_leased in [false, true] {
                take_the_reservation_out(Case { first, restarts, is_leased });
            }
        }
    }
}

/// It may have been given to its client by a partner that is not heard; the MCLT bounds that.
#[test]
fn of_a_partner_that_is_down_a_reservation_is_waited_for_as_long_as_for_its_leases() {
    let side = Side::new(Role::Primary, 4);
    let kept = Binding { flags: IpFlags::RESERVED, ..Binding::new(BindingStatus::Free, Stamp(1)) };
    let mut view = side.view();
    assert!(!view.may_give(side.now, Some(&kept)));
    let (since, told_until) = (side.now, side.now);
    view.takeover = Some(Takeover { since, told_until, mclt: MCLT });
    assert!(!view.may_give(side.now.after(MCLT), Some(&kept)));
    assert!(view.may_give(side.now.after(Seconds(MCLT.0 + 1)), Some(&kept)));
    view.mclt = None;
    assert!(view.may_give(side.now, Some(&kept)), "without a partner");
}
