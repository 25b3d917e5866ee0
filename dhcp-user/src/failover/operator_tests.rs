//! Two endpoints and an operator (draft-12 §9.13, §9.14).

use State::{
    CommunicationsInterrupted as CI, Normal as N, PartnerDown as PD, Paused as P, Recover as R,
    RecoverDone as RD, RecoverWait as RW, Shutdown as SD,
};

use super::testing::{MCLT, Pair};
use super::{Alarm, Command};
use crate::lease::Answers;
use crate::wire::failover::{Message, State};

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
