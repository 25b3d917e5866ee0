//! Servers that start with another configuration or another disk than they had.

use State::{
    CommunicationsInterrupted as CI, Normal as N, PartnerDown as PD, PotentialConflict as PC,
    Recover as R, RecoverWait as RW, ResolutionInterrupted as RI,
};

use super::testing::{MCLT, Pair, START, address, saved, settings};
use super::{Command, Endpoint, Role, Saved};
use crate::lease::{Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Told, WriterId};
use crate::wire::failover::{Message, State};
use crate::wire::{Seconds, Stamp};

/// Its relationship has other addresses from the next start on.
fn share_more(pair: &mut Pair, side: usize) {
    pair.sides[side].settings.addresses += 1;
    pair.restart(side, true);
}

/// A lease of many hours from when the address was served without a partner.
fn lease_alone(pair: &Pair, side: usize, number: u32) {
    let octets = [1, 2, 0, 0, 0, 0, number as u8];
    let key = ClientKey { kind: ItemKind::Hardware, octets: &octets };
    let lease = Binding {
        expires: pair.now.after(Seconds(40_000)),
        cltt: pair.now,
        told: Told::Acknowledged,
        client: Some(Client::builder(key).build()),
        ..Binding::new(BindingStatus::Active, pair.now)
    };
    let table = &pair.sides[side].table;
    let guard = table.pin();
    let seen = table.seen(address(number), &guard).expect("an address of the pool");
    assert!(table.replace(address(number), seen, lease, &guard).is_ok());
}

#[test]
fn what_was_leased_without_the_partner_is_told_once_it_is_shared() {
    for side in [0, 1] {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        lease_alone(&pair, side, 3);
        share_more(&mut pair, side);
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "nothing was forgotten, and nothing is waited for");
        assert_eq!(pair.status(1 - side, 3), Some(BindingStatus::Active));
        let stored = pair.sides[side].saved.and_then(|saved| saved.addresses);
        assert_eq!(stored, Some(pair.sides[side].settings.addresses));
    }
}

/// It would give an address to a new client that the partner has leased for hours.
#[test]
fn a_server_gives_no_address_that_is_newly_shared_before_it_has_asked_who_has_it() {
    for side in [0, 1] {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        for number in 0..8 {
            lease_alone(&pair, 1 - side, number);
        }
        pair.cut();
        share_more(&mut pair, side);
        share_more(&mut pair, 1 - side);
        pair.pass(15);
        assert_eq!(pair.states(), [R, R]);
        assert!((0..8).all(|number| !pair.grants(side, number, 99)));
        pair.link();
        pair.settle();
        assert!(pair.sides[side].sent.contains(&Message::UpdateRequestAll));
        assert_eq!(pair.states(), [N, N]);
        assert!((0..8).all(|number| !pair.grants(side, number, 99)), "all are taken");
    }
}

/// Wherever that is cut, and the server started again.
#[test]
fn a_change_of_what_is_shared_is_carried_through_however_often_it_is_cut_short() {
    for cut in 1..20 {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        (0..4).for_each(|number| lease_alone(&pair, 0, number));
        share_more(&mut pair, 0);
        pair.cut_after = Some(cut);
        pair.link();
        pair.settle();
        pair.cut_after = None;
        pair.restart(0, true);
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "cut after {cut}");
        for number in 0..4 {
            let status = pair.status(1, number);
            assert_eq!(status, Some(BindingStatus::Active), "cut after {cut}");
        }
    }
}

/// The partner has given away what was ours: draft-12 §9.6.
#[test]
fn a_server_that_compares_waits_the_mclt_if_its_partner_is_alone() {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    pair.cut();
    pair.command(0, Command::PartnerDown);
    share_more(&mut pair, 1);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [PD, RW]);
}

#[test]
fn a_dead_partner_does_not_keep_a_server_with_other_addresses_from_serving() {
    let mut pair = Pair::in_normal();
    pair.cut();
    share_more(&mut pair, 0);
    pair.pass(15);
    assert_eq!(pair.states()[0], R);
    pair.command(0, Command::PartnerDown);
    assert_eq!(pair.states()[0], PD);
    // And in PARTNER-DOWN a change costs nothing.
    share_more(&mut pair, 0);
    pair.pass(15);
    assert_eq!(pair.states()[0], PD);
}

#[test]
fn a_disk_of_an_older_version_is_taken_at_its_word() {
    let mut pair = Pair::new([N, N].map(|state| Some(saved(state, Some(N)))));
    pair.pass(15);
    assert_eq!(pair.states(), [CI, CI]);
    pair.link();
    pair.settle();
    let stored = pair.sides[0].saved.map(|saved| (saved.addresses, saved.role));
    assert_eq!(stored, Some((Some(pair.sides[0].settings.addresses), Some(Role::Primary))));
}

#[test]
fn a_relationship_that_was_left_and_taken_up_again_compares() {
    let mut pair = Pair::in_normal();
    pair.cut();
    pair.sides[0].saved = pair.sides[0].saved.map(Saved::left);
    lease_alone(&pair, 0, 3);
    pair.restart(0, true);
    pair.pass(15);
    assert_eq!(pair.states()[0], R);
    pair.link();
    pair.settle();
    assert_eq!(pair.status(1, 3), Some(BindingStatus::Active));
}

/// Leases that nobody remembers run on, whatever ends the recovery.
#[test]
fn a_lost_disk_waits_the_mclt_in_a_conflict_too() {
    for side in [0, 1] {
        let mut disks = [None, None];
        disks[1 - side] = Some(saved(RI, Some(PC)));
        let mut pair = Pair::new(disks);
        pair.link();
        pair.settle();
        assert_eq!(pair.states()[side], PC);
        pair.pass(MCLT.0 - 1);
        assert_eq!(pair.states()[side], PC);
        assert_eq!(pair.sides[side].view.answers, Answers::Nobody);
        pair.pass(1);
        assert_eq!(pair.states(), [N, N]);
        assert!(pair.sides[side].sent.contains(&Message::UpdateRequestAll));
    }
}

#[test]
fn a_role_changes_only_where_no_address_could_be_given_by_both() {
    let primary = |state| Saved { role: Some(Role::Primary), ..saved(state, Some(N)) };
    let as_secondary =
        |saved: Saved, now| saved.check_role(now, &settings(Role::Secondary)).map_err(drop);
    for state in State::ALL.into_iter().filter(|state| *state != State::Startup) {
        let is_safe =
            matches!(state, R | RW | State::RecoverDone | State::Paused | State::Shutdown | PD);
        assert_eq!(as_secondary(primary(state), START).is_ok(), is_safe, "{state}");
        let unknown = Saved { role: None, ..primary(state) };
        assert_eq!(as_secondary(unknown, START), Ok(()));
        assert!(primary(state).check_role(START, &settings(Role::Primary)).is_ok());
    }
    // Before the wait is over some are the partner's still.
    let down = Saved { since: START, ..primary(PD) };
    assert!(as_secondary(down, START.after(MCLT)).is_err());
    assert!(as_secondary(down, Stamp(START.0 + MCLT.0 + 1)).is_ok());
    let paused = Saved { previous: Some(CI), ..primary(State::Paused) };
    assert!(as_secondary(paused, START).is_err());
    let why = primary(N).check_role(START, &settings(Role::Secondary)).unwrap_err();
    assert!(why.contains("\"primary\"") && why.contains("normal"), "{why}");
}

/// As README.md says how.
#[test]
fn two_servers_change_their_roles_and_neither_is_silent_for_the_mclt() {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    pair.command(0, Command::Shutdown);
    pair.pass(MCLT.0 + 1);
    assert_eq!(pair.states()[1], PD);
    for (side, role) in [(0, Role::Secondary), (1, Role::Primary)] {
        pair.sides[side].settings.terms.role = role;
        let stored = pair.sides[side].saved.expect("a state on disk");
        assert_eq!(stored.check_role(pair.now, &pair.sides[side].settings), Ok(()));
        pair.restart(side, true);
    }
    pair.sides.swap(0, 1);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    let owners = [0, 1].map(|side| {
        let own = if side == 0 { BindingStatus::Free } else { BindingStatus::Backup };
        let is_own =
            |number: &u32| pair.status(side, *number).unwrap_or(BindingStatus::Free) == own;
        (0..8).filter(is_own).collect::<Vec<_>>()
    });
    assert!(owners.iter().all(|own| !own.is_empty()));
    assert!(owners[0].iter().all(|number| !owners[1].contains(number)), "{owners:?}");
}

/// draft-12 §9.7 lets it stay; what a partner that serves alone has told is out of date by then.
#[test]
fn a_recovery_that_is_cut_at_its_very_end_begins_anew_and_ends() {
    let mut done = 0;
    for cut in 1..16 {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        pair.restart(1, false);
        pair.command(0, Command::PartnerDown);
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [PD, RW]);
        pair.pass(MCLT.0 - 1);
        pair.cut_after = Some(cut);
        pair.pass(1);
        pair.cut_after = None;
        done += usize::from(pair.states()[1] == R);
        if pair.states()[1] == R {
            assert_eq!(pair.sides[1].view.answers, Answers::Nobody);
        }
        pair.cut();
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "cut after {cut}");
    }
    assert!(done > 0, "none was cut there");
}

/// The control thread hung before the process died, and workers went by its last view.
#[test]
fn the_wait_after_a_restart_counts_from_when_workers_may_have_granted_something_last() {
    let found = Saved { operational: Stamp(START.0 - 3_600), ..saved(State::Normal, None) };
    let settings = settings(Role::Secondary);
    let endpoint =
        Endpoint::new(START, settings.clone(), Some(found), WriterId(9), &mut Vec::new());
    let longest = Seconds(60 + settings.patience().0);
    assert_eq!(endpoint.wait_ends(), found.operational.after(longest).after(MCLT));
}
