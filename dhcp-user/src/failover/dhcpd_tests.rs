//! An endpoint against a model of ISC dhcpd 4.4.3 made from spec §4.5 and §4.7: whatever state the two
//! are in when a link comes up, and wherever the link is cut, dhcpd survives and the two end in NORMAL.

use std::collections::VecDeque;

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    PotentialConflict as PC, Recover as R, RecoverDone as RD, RecoverWait as RW,
    ResolutionInterrupted as RI, Shutdown as SD,
};

use super::dhcpd::{Reaction, reaction};
use super::state;
use super::testing::{MCLT, START, Side, settings};
use super::{Alarm, Dialect, Event, Greeted, Lost, Role, Saved};
use crate::config::model::Protocol;
use crate::wire::failover::{Acknowledgement, Message, Packet, State, StateReport};
use crate::wire::{Seconds, Stamp};

/// dhcpd as far as its states go.
#[derive(Clone, Debug)]
struct Dhcpd {
    role: Role,
    state: State,
    since: Stamp,
    is_startup: bool,
    /// Our state as it has stored it.
    partner: Option<State>,
    /// Whether we were in POTENTIAL-CONFLICT before.
    partner_was_in_conflict: bool,
    /// The xid of its request that it waits for.
    request: Option<u32>,
    xid: u32,
    outbox: Vec<(u32, Message)>,
    /// It has gone to SHUTDOWN or exited, over this STATE of ours.
    ended: Option<(State, State)>,
}

impl Dhcpd {
    fn new(role: Role, state: State, partner: Option<State>, is_startup: bool) -> Self {
        Self {
            role,
            state,
            since: Stamp(START.0 - 1_000),
            is_startup,
            partner,
            partner_was_in_conflict: partner == Some(PC),
            request: None,
            xid: 0,
            outbox: Vec::new(),
            ended: None,
        }
    }

    fn send(&mut self, message: Message) -> u32 {
        self.xid += 1;
        self.outbox.push((self.xid, message));
        self.xid
    }

    fn tell(&mut self) {
        let (state, is_startup, since) = (self.state, self.is_startup, self.since);
        self.send(Message::State(StateReport { state, is_startup, since }));
    }

    fn link_up(&mut self) {
        self.outbox.clear();
        self.request = None;
        self.tell();
    }

    fn link_lost(&mut self) {
        self.state = state::on_link_lost(self.state, Protocol::Dhcpv4);
        self.is_startup = false;
    }

    fn enter(&mut self, now: Stamp, next: State) {
        let carries_over = self.state == R && next == RW;
        self.state = next;
        self.is_startup = false;
        if !carries_over {
            self.since = now;
        }
        self.tell();
        match (next, self.role, self.partner) {
            (R, ..) => self.request = Some(self.send(Message::UpdateRequestAll)),
            (PC, Role::Primary, _) | (PC, Role::Secondary, Some(CD)) => {
                self.request = Some(self.send(Message::UpdateRequest));
            }
            _ => {}
        }
    }

    fn on_packet(&mut self, now: Stamp, packet: &Packet) {
        match &packet.message {
            Message::State(report) => self.on_state(now, *report),
            Message::UpdateRequest | Message::UpdateRequestAll => {
                self.outbox.push((packet.xid, Message::UpdateDone));
            }
            Message::BindingUpdate(updates) => {
                let taken = updates
                    .iter()
                    .map(|update| Acknowledgement { address: update.address, rejection: None });
                self.outbox.push((packet.xid, Message::BindingAck(taken.collect())));
            }
            Message::PoolRequest => {
                self.outbox.push((packet.xid, Message::PoolResponse { transferred: 0 }));
            }
            Message::UpdateDone if self.request == Some(packet.xid) => {
                self.request = None;
                self.on_updates_done(now);
            }
            _ => {}
        }
    }

    fn on_updates_done(&mut self, now: Stamp) {
        let is_over = now > self.since.after(MCLT);
        match (self.state, self.role) {
            (R, _) if is_over || matches!(self.partner, Some(R | RD)) => self.enter(now, RD),
            (R, _) => self.enter(now, RW),
            (PC, Role::Primary) if self.partner == Some(CD) => self.ended = Some((PC, CD)),
            (PC, Role::Primary) => self.enter(now, CD),
            (PC, Role::Secondary) if self.partner == Some(CD) => self.enter(now, N),
            _ => {}
        }
    }

    fn on_state(&mut self, now: Stamp, report: StateReport) {
        let old = self.partner.replace(report.state);
        let was_in_conflict =
            std::mem::replace(&mut self.partner_was_in_conflict, report.state == PC);
        let is_repeated = old == Some(report.state);
        if is_repeated && self.is_startup {
            let next = if self.state == RI { PC } else { self.state };
            return self.enter(now, next);
        }
        if is_repeated && matches!(self.state, N | PC | RD | RW | SD) {
            return;
        }
        if self.state == PD && report.is_startup {
            if self.is_startup {
                self.enter(now, PD);
            }
            return;
        }
        match reaction(self.state, self.is_startup, report.state) {
            Reaction::Ends => self.ended = Some((self.state, report.state)),
            Reaction::Goes(next) => self.enter(now, next),
            Reaction::Stays => {
                let asks_all = self.state == R && matches!(report.state, CI | PD | R);
                let asks = self.state == PC && report.state == CD && was_in_conflict;
                if self.is_startup {
                    self.enter(now, self.state);
                } else if asks_all {
                    self.request = Some(self.send(Message::UpdateRequestAll));
                } else if asks {
                    self.request = Some(self.send(Message::UpdateRequest));
                }
            }
        }
    }

    fn pass(&mut self, now: Stamp) {
        if self.state == RW && now > self.since.after(MCLT) {
            self.enter(now, RD);
        }
    }
}

/// The endpoint and dhcpd, and what is on the link between them.
struct Match {
    now: Stamp,
    ours: Side,
    its: Dhcpd,
    to_us: VecDeque<Packet>,
    to_it: VecDeque<Packet>,
    is_linked: bool,
    cut_after: Option<usize>,
    /// Whether we have asked it on this link for what it has done.
    has_asked: bool,
}

impl Match {
    fn new(ours: Side, its: Dhcpd) -> Self {
        let (to_us, to_it) = (VecDeque::new(), VecDeque::new());
        let (is_linked, cut_after, has_asked) = (false, None, false);
        Self { now: START, ours, its, to_us, to_it, is_linked, cut_after, has_asked }
    }

    fn link(&mut self) {
        self.is_linked = true;
        self.has_asked = false;
        self.its.link_up();
        let greeted = Greeted {
            dialect: Dialect::Dhcpd,
            vendor: "isc-4.4.3-P1".to_owned(),
            max_unacked: 10,
            partner_receive_timer: Seconds(30),
            mclt: MCLT,
            buckets: [u64::MAX, u64::MAX, 0, 0],
            ahead: 0,
            last_xid: 0,
            partner_time: self.now,
        };
        self.happens(Event::LinkUp(greeted));
    }

    fn cut(&mut self) {
        if std::mem::take(&mut self.is_linked) {
            self.to_us.clear();
            self.to_it.clear();
            self.its.link_lost();
            self.its.outbox.clear();
            self.happens(Event::LinkLost(Lost::Closed));
        }
    }

    fn happens(&mut self, event: Event<'_>) {
        let (sent, closes) = self.ours.handle(self.now, event);
        for (_, message) in &sent {
            use Message::{BindingUpdate, UpdateDone, UpdateRequest, UpdateRequestAll};
            match message {
                UpdateRequest | UpdateRequestAll => self.has_asked = true,
                BindingUpdate(_) | UpdateDone => {
                    assert!(self.has_asked, "it speaks first: {message:?} in {}", self.its.state);
                }
                _ => {}
            }
        }
        if self.is_linked {
            let time = self.now;
            let packets = sent.into_iter().map(|(xid, message)| Packet { time, xid, message });
            self.to_it.extend(packets);
        }
        if closes && self.is_linked {
            self.is_linked = false;
            self.to_us.clear();
            // What we said before is still read.
            while let Some(packet) = self.to_it.pop_front() {
                self.its.on_packet(self.now, &packet);
            }
            self.its.link_lost();
            self.its.outbox.clear();
        }
    }

    /// Delivers all; `its_first` decides which way goes first.
    fn settle(&mut self, its_first: bool) {
        for turn in 0..2_000 {
            let time = self.now;
            let made = self.its.outbox.drain(..);
            self.to_us.extend(made.map(|(xid, message)| Packet { time, xid, message }));
            if !self.is_linked || (self.to_us.is_empty() && self.to_it.is_empty()) {
                return;
            }
            if (turn % 2 == 0) == its_first {
                let Some(packet) = self.to_us.pop_front() else { continue };
                self.happens(Event::Received(&packet));
            } else {
                let Some(packet) = self.to_it.pop_front() else { continue };
                self.its.on_packet(self.now, &packet);
            }
            if let Some(left) = &mut self.cut_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.cut_after = None;
                    self.cut();
                }
            }
        }
        panic!("the two never come to rest: {} {:?}", self.ours.endpoint.state(), self.its);
    }

    fn pass(&mut self, seconds: u32, its_first: bool) {
        for _ in 0..seconds {
            self.now = Stamp(self.now.0 + 1);
            if self.is_linked {
                self.its.xid += 1;
                let contact =
                    Packet { time: self.now, xid: self.its.xid, message: Message::Contact };
                self.to_us.push_back(contact);
            }
            self.its.pass(self.now);
            self.happens(Event::Tick);
            self.settle(its_first);
        }
    }

    fn was_dangerous(&self) -> bool {
        self.ours.alarms.iter().any(|alarm| matches!(alarm, Alarm::Dangerous { .. }))
    }
}

/// Stored an hour before the start; dhcpd's states are younger.
fn saved(state: State, partner: State) -> Saved {
    let then = Stamp(START.0 - 3_600);
    Saved { state, partner: Some(partner), ..Saved::in_normal(then, then, MCLT) }
}

const OURS: [State; 8] = [CI, PD, R, RW, RD, RI, CD, N];
const ITS: [State; 9] = [N, CI, PD, PC, R, RW, RD, RI, CD];

/// Each pair of states, roles, dhcpd running on or just started, order of delivery, and where the
/// link is cut the first time.
fn every_case(mut each: impl FnMut(State, State, Role, bool, bool, Option<usize>)) {
    for own in OURS {
        for its in ITS {
            for role in [Role::Primary, Role::Secondary] {
                // Only a primary is ever in CONFLICT-DONE.
                if own == CD && role == Role::Secondary || its == CD && role == Role::Primary {
                    continue;
                }
                for is_startup in [false, true] {
                    // Without a link a running one is in neither.
                    if !is_startup && matches!(its, N | PC) {
                        continue;
                    }
                    for its_first in [false, true] {
                        for cut in (0..12).map(|cut| (cut > 0).then_some(cut)) {
                            each(own, its, role, is_startup, its_first, cut);
                        }
                    }
                }
            }
        }
    }
}

/// Spec §0.2 rules 7 to 11, §4.5, §4.6, §12.5.
#[test]
fn every_pair_of_states_with_a_dhcpd_ends_in_normal_or_with_an_alarm() {
    let mut alarmed = std::collections::BTreeSet::new();
    let mut count = 0;
    every_case(|own, its, role, is_startup, its_first, cut| {
        let its_role = if role == Role::Primary { Role::Secondary } else { Role::Primary };
        let dhcpd = Dhcpd::new(its_role, its, Some(own), is_startup);
        let ours = Side::new(START, settings(role), Some(saved(own, its)));
        let mut game = Match::new(ours, dhcpd);
        game.cut_after = cut;
        game.link();
        game.settle(its_first);
        game.cut_after = None;
        game.cut();
        for _ in 0..3 {
            game.pass(1, its_first);
            if !game.is_linked {
                game.link();
                game.settle(its_first);
            }
            game.pass(2 * MCLT.0, its_first);
        }
        let case = format!("{role:?} {own} with {its}, startup {is_startup}, {its_first}, {cut:?}");
        assert_eq!(game.its.ended, None, "{case}");
        if game.was_dangerous() {
            alarmed.insert((own, its));
        } else {
            let end = (game.ours.endpoint.state(), game.its.state);
            assert_eq!(end, (N, N), "{case}");
        }
        count += 1;
    });
    assert!(count > 2_000, "{count}");
    // A dhcpd that started in NORMAL although we resolve a conflict, or serve alone and it knows; one
    // that waits in CONFLICT-DONE for a partner that has lost its state.
    let expected = [(RI, N), (PD, N), (R, CD), (RW, CD), (RD, CD)];
    assert_eq!(alarmed, expected.into_iter().collect());
}

/// Spec §4.7, the first table.
#[test]
fn a_new_server_and_a_new_dhcpd_reach_normal_at_once() {
    for role in [Role::Primary, Role::Secondary] {
        let its_role = if role == Role::Primary { Role::Secondary } else { Role::Primary };
        let ours = Side::new(START, settings(role), None);
        let mut game = Match::new(ours, Dhcpd::new(its_role, R, None, true));
        game.link();
        game.settle(true);
        assert_eq!((game.ours.endpoint.state(), game.its.state), (N, N));
    }
}

/// Spec §12.5, "nothing imported".
#[test]
fn a_new_server_takes_over_from_one_of_a_dhcpd_pair_after_the_mclt() {
    let ours = Side::new(START, settings(Role::Primary), None);
    let mut game = Match::new(ours, Dhcpd::new(Role::Secondary, CI, Some(CI), false));
    game.link();
    game.settle(true);
    assert_eq!((game.ours.endpoint.state(), game.its.state), (RW, PD));
    assert!(game.ours.sent.contains(&Message::UpdateRequestAll));
    game.pass(MCLT.0, true);
    assert_eq!((game.ours.endpoint.state(), game.its.state), (N, N));
}

/// draft-12 §9.5.2: with neither BNDUPD nor UPDDONE the link is of no use.
#[test]
fn a_request_that_nobody_answers_costs_the_link_after_a_minute() {
    let ours = Side::new(START, settings(Role::Primary), None);
    let mut game = Match::new(ours, Dhcpd::new(Role::Secondary, CI, Some(CI), false));
    game.link();
    game.cut_after = None;
    let report = Message::State(StateReport { state: PD, is_startup: false, since: START });
    game.happens(Event::Received(&Packet { time: START, xid: 1, message: report }));
    assert_eq!(game.ours.sent.last(), Some(&Message::UpdateRequestAll));
    for second in 1..60 {
        game.now = Stamp(START.0 + second);
        let contact = Packet { time: game.now, xid: 2, message: Message::Contact };
        game.happens(Event::Received(&contact));
        assert!(game.is_linked, "{second}");
    }
    game.now = Stamp(START.0 + 60);
    game.happens(Event::Tick);
    assert!(!game.is_linked);
}

/// A dhcpd speaks first, so that it is known what must not be said to it.
#[test]
fn our_first_state_waits_for_that_of_a_dhcpd_but_not_for_ever() {
    let ours = Side::new(START, settings(Role::Primary), Some(saved(CI, CI)));
    let mut game = Match::new(ours, Dhcpd::new(Role::Secondary, CI, Some(CI), false));
    game.link();
    assert_eq!(game.ours.sent, []);
    game.now = Stamp(START.0 + 5);
    game.happens(Event::Tick);
    let first = StateReport { state: CI, is_startup: true, since: Stamp(START.0 - 3_600) };
    assert_eq!(game.ours.sent, [Message::State(first)]);
}
