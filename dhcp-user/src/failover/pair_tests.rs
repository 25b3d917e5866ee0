//! Two endpoints, and what they make of each other (draft-12 §9).

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    Paused as P, PotentialConflict as PC, Recover as R, RecoverDone as RD, RecoverWait as RW,
    ResolutionInterrupted as RI, Shutdown as SD,
};

use super::testing::{MCLT, Pair, saved};
use super::{Alarm, Command};
use crate::lease::{Answers, BindingStatus, Takeover, View};
use crate::wire::Stamp;
use crate::wire::failover::{Message, State};

#[test]
fn two_new_servers_reach_normal_at_once() {
    let mut pair = Pair::fresh();
    assert_eq!(pair.states(), [State::Startup; 2]);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    for side in &pair.sides {
        assert!(matches!(side.view.answers, Answers::Shared(_)));
        assert!(side.alarms.contains(&Alarm::BothNormal { at: pair.now }));
        let saved = side.saved.expect("a state on disk");
        assert_eq!((saved.state, saved.partner), (N, Some(N)));
        assert!(!saved.wants_all);
    }
}

#[test]
fn a_cut_interrupts_and_the_next_link_brings_both_back() {
    let mut pair = Pair::in_normal();
    pair.cut();
    assert_eq!(pair.states(), [CI, CI]);
    pair.pass(10);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
}

/// draft-12 §9.3.1: a server that was in NORMAL says that it is not any more.
#[test]
fn a_server_that_restarts_does_not_claim_to_be_in_normal() {
    let mut pair = Pair::in_normal();
    pair.restart(0, true);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    let first = pair.sides[0].sent.iter().find_map(|message| match message {
        Message::State(report) => Some((report.state, report.is_startup)),
        _ => None,
    });
    assert_eq!(first, Some((CI, true)));
}

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

/// Spec §4.7, "both in PD".
#[test]
fn two_servers_that_both_served_alone_resolve_the_conflict() {
    let mut pair = Pair::in_normal();
    pair.cut();
    pair.command(0, Command::PartnerDown);
    pair.command(1, Command::PartnerDown);
    assert_eq!(pair.states(), [PD, PD]);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    for side in &pair.sides {
        assert!(side.sent.contains(&Message::UpdateRequest));
    }
    let told = pair.sides[0].sent.iter().filter_map(|message| match message {
        Message::State(report) => Some(report.state),
        _ => None,
    });
    let told: Vec<State> = told.collect();
    assert!(told.ends_with(&[PD, PC, CD, N]), "{told:?}");
}

/// Wherever the resolution is cut, the next link finishes it.
#[test]
fn a_conflict_is_resolved_however_often_the_link_is_cut() {
    let mut states = std::collections::BTreeSet::new();
    for cut in 1..30 {
        let mut pair = Pair::in_normal();
        pair.cut();
        pair.command(0, Command::PartnerDown);
        pair.command(1, Command::PartnerDown);
        pair.cut_after = Some(cut);
        pair.link();
        pair.settle();
        pair.cut_after = None;
        pair.cut();
        states.extend(pair.states());
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "cut after {cut}");
    }
    assert!(states.contains(&RI) && states.contains(&CD), "{states:?}");
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

/// Every two states that disks may hold lead to NORMAL, or to where an operator must speak.
#[test]
fn every_pair_of_stored_states_reaches_normal() {
    for own in State::ALL {
        for its in State::ALL {
            let startup = own == State::Startup || its == State::Startup;
            // A secondary is never in CONFLICT-DONE (draft-12 §9.12).
            if startup || its == CD {
                continue;
            }
            let mut pair = Pair::new([Some(saved(own, Some(its))), Some(saved(its, Some(own)))]);
            pair.link();
            pair.settle();
            pair.pass(2 * MCLT.0);
            assert_eq!(pair.states(), [N, N], "from {own} and {its}");
        }
    }
}

/// draft-12 §9.13.
#[test]
fn a_paused_server_is_silent_and_comes_back() {
    let mut pair = Pair::in_normal();
    pair.command(1, Command::Pause);
    assert_eq!(pair.states(), [CI, P]);
    assert_eq!(pair.sides[1].view.answers, Answers::Nobody);
    pair.command(1, Command::PartnerDown);
    let last = pair.sides[1].alarms.last();
    assert!(matches!(last, Some(Alarm::Declined { command: Command::PartnerDown, .. })));
    pair.command(1, Command::Resume);
    assert_eq!(pair.states(), [N, N]);
}

/// draft-12 §9.14.
#[test]
fn a_server_that_is_shut_down_leaves_all_to_its_partner_and_recovers() {
    for restarts in [false, true] {
        let mut pair = Pair::in_normal();
        pair.command(0, Command::Shutdown);
        assert_eq!(pair.states(), [SD, PD]);
        pair.pass(MCLT.0 / 2);
        if restarts {
            pair.restart(0, true);
            pair.link();
            pair.settle();
        } else {
            pair.command(0, Command::Resume);
        }
        assert_eq!(pair.states(), [RW, PD]);
        pair.pass(MCLT.0);
        assert_eq!(pair.states(), [N, N]);
    }
}

#[test]
fn a_server_that_leaves_says_so_and_its_partner_goes_on_alone() {
    let mut pair = Pair::in_normal();
    pair.command(0, Command::Leave);
    assert_eq!(pair.states()[1], CI);
    assert_eq!(pair.sides[0].endpoint.next_timeout(), None);
}

#[test]
fn a_server_that_is_not_heard_in_startup_serves_as_it_did() {
    let mut pair = Pair::new([Some(saved(N, Some(N))), None]);
    pair.pass(9);
    assert_eq!(pair.states()[0], State::Startup);
    assert_eq!(pair.sides[0].view.answers, Answers::Nobody);
    pair.pass(1);
    assert_eq!(pair.states(), [CI, R]);
    assert_eq!(pair.sides[0].view.answers, Answers::Everybody);
}

#[test]
fn a_silent_partner_is_given_up_after_the_receive_timer() {
    let mut pair = Pair::in_normal();
    pair.pass(200);
    assert_eq!(pair.states(), [N, N], "CONTACT keeps the link alive");
    let contacts =
        pair.sides[0].sent.iter().filter(|message| **message == Message::Contact).count();
    assert!((15..=20).contains(&contacts), "one every ten seconds: {contacts}");
    let Pair { now, sides: [primary, _], .. } = &mut pair;
    let mut closed = None;
    for second in 1..=40 {
        let (_, closes) = primary.handle(Stamp(now.0 + second), super::Event::Tick);
        if closes && closed.is_none() {
            closed = Some(second);
        }
    }
    assert!(closed.is_some_and(|second| (20..=30).contains(&second)), "{closed:?}");
    assert_eq!(primary.endpoint.state(), CI);
}

/// Spec §2.2: CONTACT keeps coming, and no answer.
#[test]
fn an_update_without_answer_is_told_the_operator_and_then_costs_the_link() {
    use super::testing::address;
    use crate::lease::{Binding, BindingStatus, Told};
    use crate::wire::failover::Packet;
    use crate::wire::{Seconds, failover::State};
    let mut pair = Pair::in_normal();
    let Pair { now, sides: [primary, _], .. } = &mut pair;
    let untold = Binding { told: Told::Unsent, ..Binding::new(BindingStatus::Free, *now) };
    let guard = primary.table.pin();
    let seen = primary.table.seen(address(0), &guard).unwrap();
    assert!(primary.table.replace(address(0), seen, untold, &guard).is_ok());
    drop(guard);
    primary.alarms.clear();
    let mut closed = None;
    for second in 0..=130 {
        let at = now.after(Seconds(second));
        let contact = Packet { time: at, xid: 9_000 + second, message: Message::Contact };
        let (_, closes) = primary.handle(at, super::Event::Received(&contact));
        let unanswered =
            primary.alarms.iter().filter(|alarm| matches!(alarm, Alarm::Unanswered(_))).count();
        if closed.is_none() {
            assert_eq!(unanswered, usize::from(second >= 30), "{second}");
        }
        if closes && closed.is_none() {
            closed = Some(second);
        }
    }
    assert!(primary.alarms.contains(&Alarm::Unanswered(Seconds(30))));
    assert_eq!(closed, Some(120));
    assert_eq!(primary.endpoint.state(), State::CommunicationsInterrupted);
}

#[test]
fn after_the_safe_period_the_partner_is_taken_to_be_down() {
    let mut pair = Pair::in_normal();
    pair.sides[0].endpoint.settings.terms.safe_period = Some(crate::wire::Seconds(300));
    pair.cut();
    pair.pass(299);
    assert_eq!(pair.states(), [CI, CI]);
    pair.pass(1);
    assert_eq!(pair.states(), [PD, CI]);
}

#[test]
fn what_is_stored_is_never_older_than_a_minute() {
    let mut pair = Pair::in_normal();
    for _ in 0..200 {
        pair.pass(1);
        for side in &pair.sides {
            let saved = side.saved.expect("a state on disk");
            assert!(pair.now.since(saved.operational).0 <= 60);
            assert!(pair.now.since(saved.contact).0 <= 70);
        }
    }
}

/// The state is on disk, and the workers go by it, before the partner hears of it (draft-12 §9.2).
#[test]
fn a_state_is_stored_and_published_before_it_is_told() {
    use super::{Action, Event};
    let mut pair = Pair::in_normal();
    let side = &mut pair.sides[0];
    let mut actions = Vec::new();
    let pause = Event::Command(Command::Pause);
    side.endpoint.handle(pair.now, pause, &side.table, &mut actions);
    let order: Vec<&str> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Save(_) => Some("save"),
            Action::Publish(_) => Some("publish"),
            Action::Send(_, Message::State(_)) => Some("tell"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["save", "publish", "tell"]);
}

#[test]
fn a_first_server_may_be_told_to_start_alone() {
    let mut pair = Pair::fresh();
    pair.sides[0].endpoint.settings.terms.starts_alone = true;
    pair.pass(10);
    assert_eq!(pair.states(), [PD, R]);
    pair.link();
    pair.settle();
    pair.pass(MCLT.0);
    assert_eq!(pair.states(), [N, N]);
    assert!(!pair.sides[1].sent.iter().any(|message| matches!(
        message,
        Message::State(report) if report.state == RD && report.is_startup
    )));
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

/// Its partner may have been told that it is down.
#[test]
fn a_server_that_resumes_without_a_link_listens_first() {
    for (command, behind) in [(Command::Pause, CI), (Command::Shutdown, R)] {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        pair.cut();
        pair.command(0, command);
        pair.command(0, Command::Resume);
        assert_eq!(pair.states()[0], State::Startup);
        assert_eq!(pair.sides[0].view.answers, Answers::Nobody);
        pair.pass(10);
        assert_eq!(pair.states()[0], behind);
    }
}

#[test]
fn a_server_that_was_paused_while_the_partner_served_alone_recovers() {
    let mut pair = Pair::in_normal();
    pair.pass(60);
    pair.cut();
    pair.command(0, Command::Pause);
    pair.pass(1);
    pair.command(1, Command::PartnerDown);
    pair.command(0, Command::Resume);
    pair.link();
    pair.settle();
    assert_eq!(pair.states()[1], PD);
    assert!(matches!(pair.states()[0], R | RW));
}

/// It has nothing to serve by, wherever the resolution is cut.
#[test]
fn a_server_with_a_new_disk_does_not_serve_before_a_conflict_is_resolved() {
    for cut in 1..12 {
        let mut pair = Pair::new([None, Some(saved(RI, Some(PC)))]);
        pair.pass(11);
        pair.cut_after = Some(cut);
        pair.link();
        pair.settle();
        pair.cut_after = None;
        let side = &pair.sides[0];
        let serves = side.view.answers != Answers::Nobody;
        assert!(!(serves && side.endpoint.saved.wants_all), "cut after {cut}: {:?}", pair.states());
    }
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
