//! Two endpoints of DHCPv6, and what they make of each other (RFC 8156 §8). A test for a place where
//! the RFC is silent or contradicts itself has that place's number in the register of the reference.

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    PotentialConflict as PC, Recover as R, RecoverDone as RD, RecoverWait as RW,
    ResolutionInterrupted as RI,
};

use super::testing::{MCLT, Pair, START, saved};
use super::{Alarm, Command, Event, Role};
use crate::lease::Answers;
use crate::wire::dhcpv6::StatusCode;
use crate::wire::failover::{Reject, State};
use crate::wire::failover6::{
    Answer, Answered, Binding, ClientBinding, Ia, Lease, Message, Packet, Resource, StateReport,
};
use crate::wire::{Seconds, Stamp};

/// All states that RFC 8156 has but STARTUP.
const STATES: [State; 9] = [N, CI, PD, PC, R, RW, RD, RI, CD];

fn fresh() -> Pair {
    Pair::new6([None, None])
}

/// Both in NORMAL, and have been for a while.
fn in_normal() -> Pair {
    let mut pair = fresh();
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    pair.pass(120);
    pair
}

/// The STATEs that a side has sent.
fn reports(pair: &Pair, side: usize) -> Vec<StateReport> {
    let sent = pair.sides[side].sent6.iter();
    sent.filter_map(|(_, message)| match message {
        Message::State(report) => Some(*report),
        _ => None,
    })
    .collect()
}

fn has_sent(pair: &Pair, side: usize, message: &Message) -> bool {
    pair.sides[side].sent6.iter().any(|(_, sent)| sent == message)
}

/// Something that no endpoint of ours says arrives.
fn arrives(pair: &mut Pair, side: usize, message: Message) {
    let packet = Packet { xid: 99, sent: Some(pair.now), message };
    let now = pair.now;
    pair.happens(side, Event::Received6(&packet, now));
    pair.settle();
}

/// RFC 8156 §8.6.2: neither has a record of the other, so that there is nobody to wait for; §8.8: the
/// secondary sends POOLREQ.
#[test]
fn two_new_servers_reach_normal_without_a_wait() {
    let mut pair = fresh();
    assert_eq!(pair.states(), [State::Startup; 2]);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    for side in [0, 1] {
        assert!(has_sent(&pair, side, &Message::UpdateRequest));
        assert!(!has_sent(&pair, side, &Message::UpdateRequestAll));
        assert_eq!(pair.sides[side].saved.map(|saved| saved.wants_all), Some(false));
        assert!(pair.sides[side].sent.is_empty(), "no word of the other protocol");
    }
    assert!(has_sent(&pair, 1, &Message::PoolRequest));
    assert!(has_sent(&pair, 0, &Message::PoolResponse));
}

/// RFC 8156 §8.8: active and passive; §8.9: either answers everybody.
#[test]
fn in_normal_the_primary_answers_all_and_the_secondary_who_names_it() {
    let mut pair = in_normal();
    let answers = |pair: &Pair| pair.sides.each_ref().map(|side| side.view.answers.clone());
    assert_eq!(answers(&pair), [Answers::Everybody, Answers::Named]);
    pair.cut();
    assert_eq!(pair.states(), [CI, CI]);
    assert_eq!(answers(&pair), [Answers::Everybody, Answers::Everybody]);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    assert_eq!(answers(&pair), [Answers::Everybody, Answers::Named]);
}

/// RFC 8156 §8.5.2: one that has spoken with us and lost its disk asks for everything.
#[test]
fn a_server_that_lost_its_storage_asks_for_all_and_waits_the_mclt() {
    for side in [0, 1] {
        let mut pair = in_normal();
        pair.restart(side, false);
        pair.link();
        pair.settle();
        let mut expected = [CI, CI];
        expected[side] = RW;
        assert_eq!(pair.states(), expected);
        assert!(has_sent(&pair, side, &Message::UpdateRequestAll));
        assert_eq!(pair.sides[side].view.answers, Answers::Nobody);
        pair.pass(MCLT.0);
        assert_eq!(pair.states(), [N, N]);
    }
}

/// RFC 8156 §8.3.2: the partner went to PARTNER-DOWN after what we did last.
#[test]
fn a_server_that_was_down_while_the_partner_served_alone_recovers() {
    let mut pair = in_normal();
    pair.restart(1, true);
    pair.pass(100);
    pair.restart(1, true);
    pair.command(0, Command::PartnerDown);
    pair.pass(1);
    let mut old = saved(CI, Some(N));
    old.operational = Stamp(pair.now.0 - 90);
    old.contact = old.operational;
    pair.sides[1].saved = Some(old);
    pair.restart(1, true);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [PD, RW]);
    pair.pass(MCLT.0);
    assert_eq!(pair.states(), [N, N]);
}

/// RFC 8156 §8.3.2, §7.5.1: what is within five seconds is one time, and then both served.
#[test]
fn a_partner_down_within_five_seconds_of_what_we_did_last_is_a_conflict() {
    for (later, expected) in [(5, [CD, PC]), (6, [PD, R])] {
        let then = Stamp(START.0 - 100);
        let mut alone = saved(PD, Some(CI));
        alone.since = then.after(Seconds(later));
        alone.contact = then;
        let mut cut = saved(CI, Some(PD));
        (cut.since, cut.operational, cut.contact) = (then, then, then);
        let mut pair = Pair::new6([Some(alone), Some(cut)]);
        pair.link();
        let mut seen = Vec::new();
        for turn in 0..40 {
            pair.deliver(turn % 2);
            seen.push(pair.states());
        }
        assert!(seen.contains(&expected), "{later}: {seen:?}");
    }
}

#[test]
fn two_servers_that_both_served_alone_resolve_the_conflict() {
    let mut pair = in_normal();
    pair.cut();
    pair.command(0, Command::PartnerDown);
    pair.command(1, Command::PartnerDown);
    assert_eq!(pair.states(), [PD, PD]);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
    let told: Vec<State> = reports(&pair, 0).iter().map(|report| report.state).collect();
    assert!(told.ends_with(&[PD, PC, CD, N]), "{told:?}");
}

#[test]
fn conflicts_and_recoveries_end_however_often_the_link_is_cut() {
    for cut in 1..30 {
        let mut pair = in_normal();
        pair.cut();
        pair.command(0, Command::PartnerDown);
        pair.command(1, Command::PartnerDown);
        pair.cut_after = Some(cut);
        pair.link();
        pair.settle();
        pair.cut_after = None;
        pair.cut();
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [N, N], "a conflict, cut after {cut}");
        for side in [0, 1] {
            let mut pair = in_normal();
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
            assert_eq!(pair.states(), [N, N], "a recovery, cut after {cut}");
        }
    }
}

#[test]
fn every_pair_of_stored_states_reaches_normal() {
    for own in STATES {
        // A secondary is never in CONFLICT-DONE (RFC 8156 §8.11).
        for its in STATES.into_iter().filter(|state| *state != CD) {
            let saved = [Some(saved(own, Some(its))), Some(saved(its, Some(own)))];
            let mut pair = Pair::new6(saved);
            pair.link();
            pair.settle();
            pair.pass(2 * MCLT.0);
            assert_eq!(pair.states(), [N, N], "from {own} and {its}");
        }
    }
}

/// A2: both go to RECOVER while the partner may answer; a primary that is told to serves alone then.
#[test]
fn a02_without_a_record_both_recover_and_one_that_may_starts_alone() {
    for (starts_alone, after) in [(false, R), (true, PD)] {
        let mut pair = fresh();
        for side in [0, 1] {
            assert_eq!(pair.sides[side].saved.map(|saved| saved.state), Some(R));
        }
        pair.sides[0].endpoint.settings.terms.starts_alone = starts_alone;
        pair.pass(60);
        assert_eq!(pair.states()[0], after);
    }
}

/// A10: how often we make ourselves heard is the partner's patience through four, how long we listen
/// our own.
#[test]
fn a10_the_partners_keepalive_drives_our_contacts_and_our_own_our_patience() {
    let mut pair = fresh();
    pair.sides[0].settings.terms.receive_timer = Seconds(40);
    pair.restart(0, false);
    pair.link();
    pair.settle();
    let contacts = |pair: &Pair, side: usize| {
        pair.sides[side].sent6.iter().filter(|(_, sent)| *sent == Message::Contact).count()
    };
    let before = [0, 1].map(|side| contacts(&pair, side));
    pair.pass(280);
    let after = [0, 1].map(|side| contacts(&pair, side));
    // The secondary bears 30 s, the primary 40 s.
    assert_eq!([after[0] - before[0], after[1] - before[1]], [280 / 7, 280 / 10]);
}

/// A13: F_PARTNER_DOWN_TIME is when PARTNER-DOWN was entered, and in no other state.
#[test]
fn a13_partner_down_time_is_that_of_the_entry() {
    let mut pair = in_normal();
    pair.cut();
    pair.pass(10);
    pair.command(0, Command::PartnerDown);
    let entered = pair.now;
    pair.pass(10);
    pair.link();
    pair.settle();
    for report in reports(&pair, 0) {
        let expected = (report.state == PD).then_some(entered);
        assert_eq!(report.partner_down, expected, "{report:?}");
    }
}

/// A14: COMMUNICATED is what was on the disk when the connection was opened.
#[test]
fn a14_communicated_is_said_of_what_was_before_this_connection() {
    let mut pair = fresh();
    pair.link();
    pair.settle();
    for side in [0, 1] {
        assert!(reports(&pair, side).iter().all(|report| !report.has_communicated));
    }
    pair.cut();
    let before = [0, 1].map(|side| reports(&pair, side).len());
    pair.link();
    pair.settle();
    for side in [0, 1] {
        let later = reports(&pair, side).split_off(before[side]);
        assert!(!later.is_empty() && later.iter().all(|report| report.has_communicated));
    }
}

/// A17, RFC 8156 §8.6.2: RECOVER-WAIT hears nothing but its timer, and then looks again.
#[test]
fn a17_recover_wait_ends_by_its_timer_alone_be_there_a_link_or_not() {
    for cut in [false, true] {
        let mut pair = in_normal();
        pair.restart(1, false);
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [CI, RW]);
        if cut {
            pair.cut();
        }
        pair.pass(MCLT.0 - 1);
        assert_eq!(pair.states()[1], RW);
        pair.pass(1);
        assert_eq!(pair.states(), if cut { [CI, RD] } else { [N, N] });
        if cut {
            pair.link();
            pair.settle();
            assert_eq!(pair.states(), [N, N]);
        }
    }
}

/// A18: an operator's word counts where nothing is lost by it, and PAUSED and SHUTDOWN there are not.
#[test]
fn a18_an_operator_is_refused_where_leases_would_be_given_twice() {
    let mut pair = in_normal();
    for command in [Command::Pause, Command::Shutdown] {
        pair.command(0, command);
        let last = pair.sides[0].alarms.last();
        assert!(matches!(last, Some(Alarm::Declined { .. })), "{last:?}");
        assert_eq!(pair.states(), [N, N]);
    }
    pair.restart(1, false);
    pair.link();
    pair.settle();
    assert_eq!(pair.states()[1], RW);
    pair.command(1, Command::PartnerDown);
    assert_eq!(pair.states()[1], RW);
    pair.command(0, Command::PartnerDown);
    assert_eq!(pair.states()[0], PD, "at once, on the other");
}

/// A24, the first of the two deadlocks: what changes between our first STATE and the partner's is said.
#[test]
fn a24_a_change_ahead_of_the_partners_first_state_is_told() {
    let mut pair = in_normal();
    pair.cut();
    pair.pass(1);
    pair.link();
    let before = reports(&pair, 0).len();
    // Nothing of the partner's has been delivered.
    pair.happens(0, Event::Command(Command::PartnerDown));
    let told: Vec<_> = reports(&pair, 0)[before..].iter().map(|report| report.state).collect();
    assert_eq!(told, [PD]);
    pair.settle();
    assert_eq!(pair.states(), [N, N]);
}

/// A25, the second: a secondary that comes to POTENTIAL-CONFLICT while the primary is in CONFLICT-DONE
/// already asks at once.
#[test]
fn a25_a_secondary_asks_a_primary_that_is_in_conflict_done_already() {
    let saved = [Some(saved(CD, Some(PC))), Some(saved(RI, Some(CD)))];
    let mut pair = Pair::new6(saved);
    pair.link();
    pair.settle();
    assert!(has_sent(&pair, 1, &Message::UpdateRequest));
    assert_eq!(pair.states(), [N, N]);
}

/// A26: in a conflict too, everything is asked for as long as the copy is not full.
#[test]
fn a26_who_lost_its_disk_asks_for_all_in_a_conflict_too() {
    let mut lost = saved(R, Some(CI));
    lost.wants_all = true;
    let mut pair = Pair::new6([Some(lost), Some(saved(RI, Some(PC)))]);
    pair.link();
    pair.settle();
    pair.pass(2 * MCLT.0);
    assert!(has_sent(&pair, 0, &Message::UpdateRequestAll));
    assert_eq!(pair.states(), [N, N]);
    assert_eq!(pair.sides[0].saved.map(|saved| saved.wants_all), Some(false));
}

/// A34: whoever is not in STARTUP itself waits for the STATE without the flag.
#[test]
fn a34_a_state_of_startup_moves_nobody_who_is_not_in_startup() {
    for own in [CI, PD, RI] {
        let mut pair = Pair::new6([Some(saved(own, Some(N))), Some(saved(N, Some(own)))]);
        pair.pass(20);
        assert_eq!(pair.states()[0], own);
        pair.restart(1, true);
        pair.link();
        pair.deliver(0);
        assert_eq!(pair.states()[0], own, "told that the partner starts");
        assert!(pair.sides[0].endpoint.saved.partner.is_some());
        pair.settle();
        assert_eq!(pair.states(), [N, N]);
        assert!(reports(&pair, 1)[0].is_startup);
    }
}

/// RFC 8156 §5.5.15: ACK_STARTUP says of the partner's last STATE whether it had STARTUP.
#[test]
fn who_hears_a_server_start_says_so() {
    let mut pair = fresh();
    pair.link();
    pair.settle();
    for side in [0, 1] {
        let acks: Vec<_> = reports(&pair, side)
            .iter()
            .map(|report| (report.is_startup, report.acks_startup))
            .collect();
        assert_eq!(acks[..2], [(true, false), (false, true)], "{acks:?}");
        assert!(acks[2..].iter().all(|ack| *ack == (false, false)), "{acks:?}");
    }
}

/// RFC 8156 §7.1, §7.5.1: the times of two servers are one.
#[test]
fn a_clock_that_runs_away_costs_the_link() {
    let mut pair = in_normal();
    let packet = |apart: u32| Packet {
        xid: 9,
        sent: Some(Stamp(START.0 + 120 + apart)),
        message: Message::Contact,
    };
    let now = pair.now;
    pair.happens(0, Event::Received6(&packet(5), now));
    assert_eq!(pair.states(), [N, N]);
    // It was read before, and waited here.
    pair.happens(0, Event::Received6(&packet(6), now.after(Seconds(6))));
    assert_eq!(pair.states(), [N, N]);
    pair.happens(0, Event::Received6(&packet(6), now));
    pair.settle();
    assert_eq!(pair.states(), [CI, CI]);
    assert!(pair.sides[0].alarms.contains(&Alarm::Skew(6)));
    let why = pair.sides[0].closed.as_ref().map(|why| why.reason);
    assert_eq!(why, Some(Reject::TimeMismatch));
}

/// Spec v6 §3.4, §4: who breaks the order, or speaks in the other's role, is left with a word.
#[test]
fn who_breaks_the_protocol_loses_the_link() {
    for (side, message) in [
        (1, Message::PoolRequest),
        (0, Message::PoolResponse),
        (0, Message::StartTls),
        (1, Message::Connect(Default::default())),
    ] {
        let mut pair = in_normal();
        arrives(&mut pair, side, message.clone());
        assert_eq!(pair.states(), [CI, CI], "{message:?}");
        assert!(pair.sides[side].closed.is_some());
    }
    let mut pair = in_normal();
    pair.cut();
    pair.link();
    arrives(&mut pair, 0, Message::Contact);
    assert!(matches!(pair.sides[0].alarms.last(), Some(Alarm::Misbehaved(_))), "ahead of STATE");
}

/// What is answered to so many leases of nobody's.
fn answer_to_nobodys(count: usize) -> Answer {
    let mut pair = in_normal();
    let lease = Lease {
        resource: Resource::Address("2001:db8::1".parse().unwrap()),
        preferred: Seconds(1),
        valid: Seconds(2),
        status: Some(crate::wire::failover::BindingStatus::Active),
        starts: Some(START),
        state_expires: Some(START),
        last_heard: None,
        partner_lifetime: Some(Stamp(START.0 + 9)),
        partner_raw_cltt: None,
        expires: None,
        fqdn: None,
        dns_removal: None,
    };
    let client = ClientBinding {
        client: crate::wire::dhcpv6::Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
        base: Some(START),
        vpn: None,
        reconfigure: None,
        relay_data: None,
        temporary: Vec::new(),
        ias: vec![Ia {
            kind: crate::wire::dhcpv6::IaKind::Addresses,
            iaid: crate::wire::dhcpv6::Iaid(1),
            t1: Seconds(1),
            t2: Seconds(2),
            refusal: None,
            leases: vec![lease; count],
        }],
    };
    let update = Message::BindingUpdate(Box::new(Binding::Client(client)));
    arrives(&mut pair, 1, update);
    let answer = pair.sides[1].sent6.iter().find_map(|(xid, sent)| match sent {
        Message::BindingReply(answer) if *xid == 99 => Some(answer.clone()),
        _ => None,
    });
    assert_eq!(pair.states(), [N, N]);
    *answer.expect("a BNDREPLY")
}

/// A BNDREPLY that is too long would not be sent, and its update come again for ever.
#[test]
fn what_is_said_of_many_leases_fits_in_a_message() {
    for (count, is_explained) in [(2, true), (17, false), (900, false), (901, true)] {
        let answer = answer_to_nobodys(count);
        assert_eq!(answer.refusal.is_some(), count > 900);
        let refusals = answer.outcomes().filter_map(|(_, refusal)| refusal);
        let mut refusals = refusals.chain(&answer.refusal);
        assert!(refusals.all(|it| it.text.is_empty() != is_explained), "{count}");
        let message = Message::BindingReply(Box::new(answer.clone()));
        Packet { xid: 1, sent: Some(START), message }.encode(&mut Vec::new()).unwrap();
    }
}

/// RFC 8156 §7.5.2: a lease that this endpoint does not share.
#[test]
fn a_binding_of_nobodys_is_refused_lease_by_lease() {
    let answer = answer_to_nobodys(1);
    assert_eq!(answer.refusal, None);
    let Answered::Client { ias, .. } = answer.of else { panic!() };
    let answer = &ias[0].leases[0];
    let status = answer.refusal.as_ref().map(|refusal| refusal.status);
    assert_eq!(status, Some(StatusCode::CONFIGURATION_CONFLICT));
    assert_eq!(answer.partner_lifetime, Some(Stamp(START.0 + 9)));
}

/// RFC 8156 §5.3.10: a server that stops says so.
#[test]
fn a_server_that_leaves_says_so_and_its_partner_goes_on_alone() {
    let mut pair = in_normal();
    pair.command(0, Command::Leave);
    assert_eq!(pair.states()[1], CI);
    let why = pair.sides[0].closed.as_ref().map(crate::wire::failover6::Refusal::from);
    assert_eq!(why.map(|why| why.status), Some(StatusCode::SERVER_SHUTTING_DOWN));
    assert_eq!(pair.sides[0].settings.terms.role, Role::Primary);
}
