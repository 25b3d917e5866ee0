//! Two endpoints of which one has lost what it knew, or missed what the other did (draft-12 §9.5-9.7).

use State::{
    CommunicationsInterrupted as CI, Normal as N, PartnerDown as PD, Recover as R,
    RecoverDone as RD, RecoverWait as RW,
};

use super::testing::{MCLT, Pair};
use super::{Alarm, Command};
use crate::lease::{Answers, BindingStatus, Takeover, View};
use crate::wire::Stamp;
use crate::wire::failover::{Message, State};

#[test]
fn a_server_that_lost_its_storage_asks_for_all_and_waits_the_mclt() {
    for side in [0, 1] {
        let mut pair = Pair::in_normal();
        pair.pass(1_000);
        pair.restart(side, false);
        pair.link();
        pair.settle();
        let mut expected = [CI, CI];
        expected[side] = RW;
        assert_eq!(pair.states(), expected);
        assert!(pair.sides[side].sent.contains(&Message::UpdateRequestAll));
        assert_eq!(pair.sides[side].view.answers, Answers::Nobody);
        pair.pass(MCLT.0 - 1);
        assert_eq!(pair.states(), expected);
        pair.pass(1);
        assert_eq!(pair.states(), [N, N]);
    }
}

/// draft-12 §9.3.2: the partner was told that we are down, after we were.
#[test]
fn a_server_that_was_down_while_the_partner_served_alone_recovers() {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    pair.restart(1, true);
    let mut down = pair.sides[1].saved;
    pair.pass(5);
    pair.command(0, Command::PartnerDown);
    assert_eq!(pair.states()[0], PD);
    let told_until = |pair: &Pair| pair.sides[0].view.takeover.map(|it| it.told_until);
    assert_eq!(told_until(&pair), Some(pair.now), "not since it began");
    pair.pass(1);
    std::mem::swap(&mut pair.sides[1].saved, &mut down);
    pair.restart(1, true);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [PD, RW]);
    assert!(pair.sides[1].sent.contains(&Message::UpdateRequest));
    assert_eq!(told_until(&pair), Some(Stamp::NEVER), "whatever changes is told at once");
    pair.pass(2);
    pair.cut();
    assert_eq!(told_until(&pair), Some(pair.now));
    pair.link();
    pair.settle();
    // From when it may have granted something last, not from now.
    pair.pass(MCLT.0 - 2);
    assert_eq!(pair.states(), [N, N]);
}

/// Wherever a recovery is cut, the next link goes on with it.
#[test]
fn a_recovery_ends_however_often_the_link_is_cut() {
    for cut in 1..30 {
        for side in [0, 1] {
            let mut pair = Pair::in_normal();
            pair.restart(side, false);
            pair.cut_after = Some(cut);
            pair.link();
            pair.settle();
            pair.cut_after = None;
            pair.cut();
            pair.pass(1);
            pair.link();
            pair.settle();
            pair.pass(MCLT.0 + 60);
            assert_eq!(pair.states(), [N, N], "cut after {cut}");
        }
    }
}

/// Server 1 crashes, the other is told so, and server 1 comes back before the MCLT is over; it waits.
/// Given back is an address that was the secondary's to give.
fn waiting_for_the_mclt() -> (Pair, u32) {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    let backup = (0..8).find(|n| pair.status(1, *n) == Some(BindingStatus::Backup));
    pair.restart(1, true);
    let mut down = pair.sides[1].saved;
    pair.pass(5);
    pair.command(0, Command::PartnerDown);
    pair.pass(1);
    std::mem::swap(&mut pair.sides[1].saved, &mut down);
    pair.restart(1, true);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [PD, RW]);
    (pair, backup.expect("one of the secondary's"))
}

/// What it was told before the link was lost is out of date: the partner served alone meanwhile.
#[test]
fn a_recovery_that_loses_the_link_begins_anew_and_waits_no_longer_for_it() {
    for cut in 1..20 {
        let (mut pair, backup) = waiting_for_the_mclt();
        pair.cut();
        assert_eq!(pair.states(), [PD, R]);
        pair.pass(MCLT.0 + 5);
        assert_eq!(pair.states(), [PD, R]);
        assert!(pair.grants(0, backup, 1), "taken over");
        pair.cut_after = Some(cut);
        pair.link();
        pair.settle();
        pair.cut_after = None;
        assert!(!pair.grants(1, backup, 2), "cut after {cut}");
        pair.cut();
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "cut after {cut}");
        assert_eq!(pair.status(1, backup), Some(BindingStatus::Active));
    }
}

/// The partner's UPDDONE was long ago, and the end of the wait is all that it hears of us.
#[test]
fn a_partner_that_has_recovered_serves_only_once_it_knows_what_was_taken_over() {
    for cut in 1..16 {
        let (mut pair, backup) = waiting_for_the_mclt();
        // As if PARTNER-DOWN had lasted for the MCLT.
        pair.sides[0].view.takeover =
            Some(Takeover { since: Stamp::ZERO, told_until: Stamp::ZERO, mclt: MCLT });
        pair.pass(MCLT.0 - 8);
        while pair.states()[1] == RW {
            pair.now = Stamp(pair.now.0 + 1);
            if pair.sides[1].endpoint.wait_ends() <= pair.now {
                // A worker of the primary's, a moment before.
                assert!(pair.grants(0, backup, 1));
                pair.cut_after = Some(cut);
            }
            for side in [1, 0] {
                pair.happens(side, super::Event::Tick);
            }
            pair.settle();
        }
        pair.cut_after = None;
        assert!(!pair.grants(1, backup, 2), "cut after {cut}");
        assert!(!pair.grants(0, backup, 2), "its client has it");
    }
}

/// A worker may be in the middle of a turn, and grant behind the back of whoever tells the partner what
/// was granted.
#[test]
fn nothing_is_handed_over_while_a_worker_goes_by_what_was_before() {
    let (mut pair, backup) = waiting_for_the_mclt();
    pair.sides[0].follows = false;
    pair.sides[0].view.takeover =
        Some(Takeover { since: Stamp::ZERO, told_until: Stamp::ZERO, mclt: MCLT });
    pair.pass(MCLT.0);
    assert_eq!(pair.states(), [PD, RD]);
    assert!(pair.sides[0].views.last().is_some_and(|view| view.takeover.is_none()));
    assert!(pair.grants(0, backup, 1), "by what was before");
    pair.pass(5);
    assert_eq!(pair.states(), [PD, RD]);
    let side = &mut pair.sides[0];
    (side.follows, side.view) = (true, side.views.last().unwrap().clone());
    pair.pass(1);
    pair.happens(0, super::Event::Tick);
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    assert_eq!(pair.status(1, backup), Some(BindingStatus::Active));
    assert!(!pair.grants(1, backup, 2));
}

/// Nothing of the partner's is taken while it is told what was.
#[test]
fn a_server_alone_takes_nothing_more_once_its_partner_has_recovered() {
    let (mut pair, _) = waiting_for_the_mclt();
    assert!(pair.sides[0].view.takeover.is_some());
    pair.sides[0].views.clear();
    pair.pass(MCLT.0);
    assert_eq!(pair.states(), [N, N]);
    // Until then it was told now and again that nothing has changed.
    let is_down = |view: &&View| view.takeover.is_some();
    let views: Vec<_> = pair.sides[0].views.iter().skip_while(is_down).collect();
    assert!(views.iter().all(|view| view.takeover.is_none()));
    assert!(views.first().is_some_and(|view| view.answers == Answers::Everybody));
}

/// Whoever recovers does not know yet what the partner gave away.
#[test]
fn a_recovery_without_a_link_cannot_be_ended_by_an_operator() {
    let (mut pair, backup) = waiting_for_the_mclt();
    pair.cut();
    pair.pass(MCLT.0 + 5);
    assert!(pair.grants(0, backup, 1), "taken over");
    pair.command(1, Command::PartnerDown);
    assert_eq!(pair.states(), [PD, R]);
    let last = pair.sides[1].alarms.last();
    assert!(matches!(last, Some(Alarm::Declined { command: Command::PartnerDown, .. })));
    assert!(!pair.grants(1, backup, 2));
}

/// The one that kept its disk shows that the other has lost its own.
#[test]
fn a_server_with_a_new_disk_waits_although_its_partner_recovers_too() {
    let (mut pair, _) = waiting_for_the_mclt();
    pair.cut();
    pair.pass(MCLT.0);
    let free = (0..8).find(|n| matches!(pair.status(0, *n), None | Some(BindingStatus::Free)));
    let free = free.expect("one of the primary's");
    assert!(pair.grants(0, free, 1));
    pair.restart(0, false);
    pair.pass(1);
    pair.link();
    pair.settle();
    assert_eq!(pair.states()[0], RW);
    assert!(!pair.grants(0, free, 2));
    pair.pass(MCLT.0);
    assert_eq!(pair.states(), [N, N]);
}

/// draft-12 §5.16.
#[test]
fn a_server_whose_disk_is_an_old_copy_asks_for_all() {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    let old = pair.sides[1].saved;
    pair.pass(7_200);
    pair.restart(1, true);
    pair.pass(60);
    pair.sides[1].saved = old;
    pair.restart(1, true);
    pair.link();
    pair.settle();
    assert_ne!(pair.states()[1], N);
    assert!(pair.sides[1].sent.contains(&Message::UpdateRequestAll));
}

#[test]
fn two_servers_that_were_both_off_for_long_come_back_at_once() {
    for first in [0, 1] {
        let mut pair = Pair::in_normal();
        pair.pass(90);
        pair.cut();
        let disks = [0, 1].map(|side: usize| pair.sides[side].saved);
        pair.pass(7_200);
        for side in [first, 1 - first] {
            pair.sides[side].saved = disks[side];
            pair.restart(side, true);
            pair.pass(60);
        }
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N]);
    }
}
