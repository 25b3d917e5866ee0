//! Two endpoints, and what they make of each other (draft-12 §9).

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    PotentialConflict as PC, Recover as R, ResolutionInterrupted as RI,
};

use super::testing::{MCLT, Pair, saved};
use super::{Alarm, Command};
use crate::lease::Answers;
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
