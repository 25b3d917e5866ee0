//! Both ends of what two dhcpd said to each other for ten minutes, one after the other taken by an
//! endpoint of ours: the other's part is as captured (spec §14), but for its answers, which are to what
//! we said.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::testing::{Side, settings, table};
use super::{Alarm, Command, Event, Greeting, Lost, Role, Said, Tls};
use crate::lease::BindingStatus;
use crate::wire::Stamp;
use crate::wire::failover::round_trip_tests::CAPTURE;
use crate::wire::failover::{Acknowledgement, Dialect, Message, Packet, State, Update};

/// A message as it was captured.
struct Line {
    at: Stamp,
    from: Role,
    packet: Packet,
}

/// Each connection's messages, in order. A second CONNECT on a connection of its own, which B closed
/// without a word, is left out.
fn connections() -> Vec<Vec<Line>> {
    let mut connections: Vec<Vec<Line>> = Vec::new();
    for line in CAPTURE.lines().filter(|line| !line.starts_with('#')) {
        let [at, from, kind, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let seconds = at.split('.').next().and_then(|at| at.parse().ok()).expect("a time");
        let from = if from == "A" { Role::Primary } else { Role::Secondary };
        let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let octets: Vec<_> = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
        let packet = Packet::parse(&octets).expect("a message");
        if kind == "CONNECT" {
            if connections.last().is_some_and(|last| last.len() == 1) {
                continue;
            }
            connections.push(Vec::new());
        }
        connections.last_mut().expect("it begins").push(Line { at: Stamp(seconds), from, packet });
    }
    connections
}

/// Our end, with what it has heard and said on this connection.
struct End {
    role: Role,
    side: Side,
    /// Of our last request.
    request: u32,
    /// The last state that either told.
    partner: Option<State>,
    own: Option<State>,
}

impl End {
    fn new(role: Role, now: Stamp) -> Self {
        let mut side = Side::new(now, settings(role), None);
        side.table = table(20);
        Self { role, side, request: 0, partner: None, own: None }
    }

    /// As after a crash, or with an empty disk.
    fn restart(&mut self, now: Stamp, keeps_storage: bool) {
        let saved = self.side.saved.filter(|_| keeps_storage);
        let new = Side::new(now, settings(self.role), saved);
        let old = std::mem::replace(&mut self.side, new);
        self.side.table = if keeps_storage { old.table } else { table(20) };
    }

    /// Something happens, and what we say is judged and answered, until we say no more.
    fn happens(&mut self, now: Stamp, event: Event<'_>) {
        let (mut said, closes) = self.side.handle(now, event);
        assert!(!closes, "the link is closed: {:?}", self.side.alarms.last());
        while !said.is_empty() {
            let mut next = Vec::new();
            for (xid, message) in said {
                self.judge(now, xid, &message);
                match message {
                    Message::UpdateRequest | Message::UpdateRequestAll => self.request = xid,
                    Message::BindingUpdate(updates) => {
                        let taken = |update: &Update| Acknowledgement {
                            address: update.address,
                            rejection: None,
                        };
                        let message = Message::BindingAck(updates.iter().map(taken).collect());
                        let answer = Packet { time: now, xid, message };
                        let (more, closes) = self.side.handle(now, Event::Received(&answer));
                        assert!(!closes);
                        next.extend(more);
                    }
                    _ => {}
                }
            }
            said = next;
        }
    }

    /// Spec §0.2.
    fn judge(&mut self, now: Stamp, xid: u32, message: &Message) {
        let packet = Packet { time: now, xid, message: message.clone() };
        let mut octets = Vec::new();
        packet.encode(Dialect::Dhcpd, None, &mut octets).expect("it can be sent");
        assert!(octets.len() <= 2_048 && octets[3] == 12, "3: {message:?}");
        match message {
            Message::BindingUpdate(updates) => {
                let [update] = &updates[..] else { panic!("1: {message:?}") };
                assert!(update.ddns.is_none(), "2");
                use BindingStatus::{Abandoned, Active, Expired, Released};
                if matches!(update.status, Active | Expired | Released) {
                    assert!(update.hardware.is_some(), "14: {update:?}");
                }
                let is_nobodys = update.hardware.is_none() && update.identifier.is_none();
                assert!(update.status != Abandoned || is_nobodys, "14: {update:?}");
                assert!(update.status != Active || update.expires.is_some(), "15: {update:?}");
                let is_ours_to_end = self.role == Role::Primary || self.own != Some(State::Normal);
                assert!(update.status != Expired || is_ours_to_end, "13: {update:?}");
            }
            Message::State(report) => {
                use State::{
                    ConflictDone, Normal, PotentialConflict, Recover, RecoverDone, RecoverWait,
                    ResolutionInterrupted, Shutdown, Startup,
                };
                let state = report.state;
                assert_ne!(state, Startup, "7");
                match self.partner {
                    Some(Normal) => assert!(
                        !matches!(state, PotentialConflict | ResolutionInterrupted | ConflictDone),
                        "8: {state}"
                    ),
                    Some(ConflictDone) if self.role == Role::Secondary => assert!(
                        matches!(
                            state,
                            Normal | PotentialConflict | ResolutionInterrupted | Shutdown
                        ),
                        "9: {state}"
                    ),
                    _ => {}
                }
                let is_first = self.own.is_none();
                assert!(!is_first || !matches!(state, Normal | PotentialConflict), "10: {state}");
                let leaves = self.own == Some(PotentialConflict) && self.role == Role::Primary;
                assert!(
                    !leaves || matches!(state, ConflictDone | Recover | RecoverWait | RecoverDone),
                    "11: {state}"
                );
                self.own = Some(state);
            }
            _ => {}
        }
    }

    /// CONNECT and CONNECTACK, of which the other's is as captured.
    fn greet(&mut self, lines: &[Line]) {
        let (connect, answer) = (&lines[0], &lines[1]);
        let mut greeting = Greeting::new(&self.side.settings, Tls::Off);
        let said = match self.role {
            Role::Primary => {
                let Said::Send(connect) = greeting.begin() else { panic!("no CONNECT") };
                let xid = connect[0].0;
                greeting.handle(answer.at, &Packet { xid, ..answer.packet.clone() })
            }
            Role::Secondary => greeting.handle(connect.at, &connect.packet),
        };
        let Said::Done(_, greeted) = said else { panic!("the greeting is not taken") };
        assert_eq!(greeted.dialect, Dialect::Dhcpd);
        (self.partner, self.own) = (None, None);
        self.happens(answer.at, Event::LinkUp(greeted));
    }

    /// What the other said.
    fn hear(&mut self, line: &Line) {
        let mut packet = line.packet.clone();
        match &packet.message {
            // We have had our own answers.
            Message::Connect(_) | Message::ConnectAck(_) | Message::BindingAck(_) => return,
            Message::State(report) => self.partner = Some(report.state),
            Message::UpdateDone => packet.xid = self.request,
            _ => {}
        }
        self.happens(line.at, Event::Received(&packet));
    }

    fn pass(&mut self, from: Stamp, to: Stamp) {
        for second in from.0 + 1..=to.0 {
            self.happens(Stamp(second), Event::Tick);
        }
    }
}

/// What happened to the server whose part is ours between this connection and the next (spec §14).
fn between(end: &mut End, number: usize, now: Stamp) {
    let is_secondary = end.role == Role::Secondary;
    match number {
        // B is killed; B is stopped.
        0 | 1 if is_secondary => end.restart(now, true),
        // B is shut down, and has forgotten everything when it comes back.
        2 if is_secondary => end.restart(now, false),
        // The network is cut, and both are told that the other is down.
        3 => end.happens(now, Event::Command(Command::PartnerDown)),
        // A is killed.
        4 if !is_secondary => end.restart(now, true),
        _ => {}
    }
}

fn play(role: Role) -> End {
    let connections = connections();
    assert_eq!(connections.len(), 6);
    let mut end = End::new(role, connections[0][0].at);
    for (number, lines) in connections.iter().enumerate() {
        end.greet(lines);
        let mut now = lines[1].at;
        for line in lines.iter().filter(|line| line.from != role) {
            end.pass(now, line.at);
            now = line.at.max(now);
            end.hear(line);
        }
        assert_eq!(end.side.endpoint.state(), State::Normal, "{role:?}, connection {number}");
        assert_eq!(end.partner, Some(State::Normal), "{role:?}, connection {number}");
        let Some(next) = connections.get(number + 1) else { break };
        now = Stamp(now.0 + 1);
        end.happens(now, Event::LinkLost(Lost::Closed));
        between(&mut end, number, now);
        end.pass(now, next[0].at);
    }
    for alarm in &end.side.alarms {
        let is_grave =
            matches!(alarm, Alarm::Dangerous { .. } | Alarm::Misbehaved(_) | Alarm::Unanswered(_));
        assert!(!is_grave, "{role:?}: {alarm:?}");
    }
    end
}

#[test]
fn an_endpoint_in_the_place_of_the_captured_primary_comes_to_normal_as_often() {
    play(Role::Primary);
}

/// The primary ends leases and says all that there is to know.
#[test]
fn an_endpoint_in_the_place_of_the_captured_secondary_ends_with_the_same_leases() {
    let end = play(Role::Secondary);
    let mut leased: BTreeSet<Ipv4Addr> = BTreeSet::new();
    for line in connections().iter().flatten().filter(|line| line.from == Role::Primary) {
        let Message::BindingUpdate(updates) = &line.packet.message else { continue };
        for update in updates {
            if update.status == BindingStatus::Active {
                leased.insert(update.address);
            } else {
                leased.remove(&update.address);
            }
        }
    }
    let mut ours = BTreeSet::new();
    end.side.table.for_each(|resource, binding| {
        if binding.status == BindingStatus::Active {
            ours.insert(resource.ipv4());
        }
    });
    assert_eq!(ours, leased);
}
