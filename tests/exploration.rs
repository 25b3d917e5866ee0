//! Two endpoints alone, and everything that can happen to them in every order: no pair of states is
//! stuck, in either protocol.
//!
//! Breadth first over the messages under way, losses of the link, time, restarts with and without
//! what was saved, and an operator's commands, a few of each on a path. From every pair that is
//! reached, good weather must lead back to NORMAL on both sides, without a hand on anything but
//! where the protocol asks for one: PAUSED and SHUTDOWN end by an operator's word (draft-12 §9.13,
//! §9.14).

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::Arrived;
use dhcp_user::failover::{
    Action, Command, Dialect, Endpoint, Event, Greeted, Lost, Role, Saved, Settings, Terms,
};
use dhcp_user::lease::{Layout, Table, WriterId};
use dhcp_user::wire::failover::{Packet, State};
use dhcp_user::wire::failover6;
use dhcp_user::wire::{Seconds, Stamp};

const MCLT: Seconds = Seconds(100);
/// Past every timer: receive, startup and MCLT.
const LONG: Seconds = Seconds(150);
/// Messages on their way to one side: beyond that a path is not followed.
const QUEUE: usize = 8;
/// Messages and timers that good weather may take.
const PATIENCE: usize = 300;

/// How many more of each may happen on a path.
#[derive(Clone, Copy, Hash)]
struct Left {
    losses: u8,
    times: u8,
    restarts: u8,
    commands: u8,
}

/// Both ends, and what is between them.
#[derive(Clone)]
struct Pair {
    protocol: Protocol,
    now: Stamp,
    ends: [Endpoint; 2],
    saved: [Option<Saved>; 2],
    /// On their way to each side.
    queues: [VecDeque<Arrived>; 2],
    is_linked: bool,
    left: Left,
    path: Vec<Step>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Deliver(usize),
    Connect,
    Lose,
    Wait,
    Restart(usize),
    Forget(usize),
    /// One stands still for long.
    Sleep(usize),
    Command(usize, Command),
}

fn settings(role: Role, protocol: Protocol) -> Settings {
    let terms = Terms {
        name: "pair".into(),
        role,
        mclt: MCLT,
        receive_timer: Seconds(30),
        max_unacked: 10,
        startup: Seconds(10),
        ..Terms::of(protocol)
    };
    Settings { terms, identity: Vec::new(), pools: Vec::new(), addresses: 1, reconfigure: None }
}

fn role(side: usize) -> Role {
    [Role::Primary, Role::Secondary][side]
}

impl Pair {
    fn new(protocol: Protocol, left: Left) -> Self {
        let now = Stamp(1_000_000);
        let mut pair = Self {
            protocol,
            now,
            ends: [0, 1].map(|side| {
                let settings = settings(role(side), protocol);
                Endpoint::new(now, settings, None, WriterId(2), &mut Vec::new())
            }),
            saved: [None; 2],
            queues: [VecDeque::new(), VecDeque::new()],
            is_linked: false,
            left,
            path: Vec::new(),
        };
        (0..2).for_each(|side| pair.start(side, None));
        pair
    }

    fn states(&self) -> [State; 2] {
        [0, 1].map(|side: usize| self.ends[side].state())
    }

    fn start(&mut self, side: usize, saved: Option<Saved>) {
        let mut actions = Vec::new();
        self.saved[side] = saved;
        let writer = WriterId(2);
        let settings = settings(role(side), self.protocol);
        self.ends[side] = Endpoint::new(self.now, settings, saved, writer, &mut actions);
        self.carry_out(side, actions);
    }

    fn tell(&mut self, side: usize, event: Event<'_>, table: &Table) {
        let mut actions = Vec::new();
        self.ends[side].handle(self.now, event, table, &mut actions);
        // There are no workers.
        self.ends[side].handle(self.now, Event::Followed, table, &mut actions);
        while self.ends[side].pump(self.now, table, 64, &mut actions) {}
        if self.carry_out(side, actions) {
            self.lose(Some(side), table);
        }
    }

    /// Whether the connection is to be closed.
    fn carry_out(&mut self, side: usize, actions: Vec<Action>) -> bool {
        let mut closes = false;
        for action in actions {
            match action {
                Action::Save(saved) => self.saved[side] = Some(saved),
                Action::Send(xid, message) if self.is_linked => {
                    let packet = Packet { time: self.now, xid, message };
                    self.queues[1 - side].push_back(Arrived::V4(packet));
                }
                Action::Send6(xid, message) if self.is_linked => {
                    let packet = failover6::Packet { xid, sent: Some(self.now), message };
                    self.queues[1 - side].push_back(Arrived::V6(packet));
                }
                Action::Close(_) => closes = self.is_linked,
                _ => {}
            }
        }
        closes
    }

    fn lose(&mut self, by: Option<usize>, table: &Table) {
        if !std::mem::take(&mut self.is_linked) {
            return;
        }
        self.queues.iter_mut().for_each(VecDeque::clear);
        for side in 0..2 {
            let lost = if by == Some(side) { Lost::Asked } else { Lost::Closed };
            self.tell(side, Event::LinkLost(lost), table);
        }
    }

    fn connect(&mut self, table: &Table) {
        self.is_linked = true;
        for side in [1, 0] {
            let greeted = Greeted {
                dialect: Dialect::Tandem,
                vendor: "tandem-test".into(),
                max_unacked: 10,
                partner_receive_timer: Seconds(30),
                mclt: MCLT,
                buckets: settings(Role::Primary, self.protocol).terms.buckets,
                ahead: 0,
                last_xid: 1,
                partner_time: self.now,
            };
            self.tell(side, Event::LinkUp(greeted), table);
        }
    }

    /// These hear that time has passed, each time that they want to, and in the end both do.
    fn wait(&mut self, until: Stamp, awake: &[usize], table: &Table) {
        while self.now < until {
            let wanted = awake.iter().filter_map(|side| self.ends[*side].next_timeout()).min();
            let soon = self.now.after(Seconds(1));
            self.now = wanted.unwrap_or(until).clamp(soon, until);
            awake.iter().for_each(|side| self.tell(*side, Event::Tick, table));
        }
        (0..2).for_each(|side| self.tell(side, Event::Tick, table));
    }

    fn take(&mut self, step: Step, table: &Table) {
        match step {
            Step::Deliver(side) => match self.queues[side].pop_front() {
                Some(Arrived::V4(packet)) => self.tell(side, Event::Received(&packet), table),
                Some(Arrived::V6(packet)) => {
                    self.tell(side, Event::Received6(&packet, self.now), table)
                }
                None => {}
            },
            Step::Connect => self.connect(table),
            Step::Lose => {
                self.left.losses -= 1;
                self.lose(None, table);
            }
            Step::Wait => {
                self.left.times -= 1;
                self.wait(self.now.after(LONG), &[0, 1], table);
            }
            Step::Sleep(side) => {
                self.left.restarts -= 1;
                self.wait(self.now.after(LONG), &[1 - side], table);
            }
            Step::Restart(side) | Step::Forget(side) => {
                self.left.restarts -= 1;
                self.is_linked = false;
                self.queues.iter_mut().for_each(VecDeque::clear);
                self.tell(1 - side, Event::LinkLost(Lost::Closed), table);
                let saved = self.saved[side].filter(|_| step == Step::Restart(side));
                self.start(side, saved);
            }
            Step::Command(side, command) => {
                self.left.commands -= 1;
                self.tell(side, Event::Command(command), table);
            }
        }
        self.path.push(step);
    }

    /// What can happen now.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for side in 0..2 {
            if !self.queues[side].is_empty() {
                steps.push(Step::Deliver(side));
            }
            if self.left.restarts > 0 {
                steps.extend([Step::Restart(side), Step::Forget(side), Step::Sleep(side)]);
            }
            if self.left.commands > 0 {
                let commands =
                    [Command::PartnerDown, Command::Pause, Command::Resume, Command::Shutdown];
                steps.extend(commands.map(|command| Step::Command(side, command)));
            }
        }
        if !self.is_linked {
            steps.push(Step::Connect);
        } else if self.left.losses > 0 {
            steps.push(Step::Lose);
        }
        if self.left.times > 0 {
            steps.push(Step::Wait);
        }
        steps
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for side in 0..2 {
            self.ends[side].fingerprint(self.now, &mut hasher);
            // Xids differ from path to path, and nothing depends on them but an answer's.
            for packet in &self.queues[side] {
                match packet {
                    Arrived::V4(packet) => format!("{:?}", packet.message).hash(&mut hasher),
                    // Its age decides whether the link outlives it (RFC 8156 §7.1).
                    Arrived::V6(packet) => {
                        let age = packet.sent.map(|sent| self.now.since(sent));
                        format!("{:?} {age:?}", packet.message).hash(&mut hasher);
                    }
                }
            }
            self.queues[side].len().hash(&mut hasher);
        }
        (self.is_linked, self.left).hash(&mut hasher);
        hasher.finish()
    }

    /// Connects, delivers, and waits for the next timer; both in NORMAL in the end?
    fn recovers(&self, table: &Table) -> bool {
        let mut pair = self.clone();
        for _ in 0..PATIENCE {
            if pair.states() == [State::Normal; 2] && pair.queues.iter().all(VecDeque::is_empty) {
                return true;
            }
            match (0..2).find(|side| !pair.queues[*side].is_empty()) {
                Some(side) => pair.take(Step::Deliver(side), table),
                None if !pair.is_linked => pair.connect(table),
                None => {
                    let next = pair.ends.iter().filter_map(Endpoint::next_timeout).min();
                    let soon = pair.now.after(Seconds(1));
                    pair.wait(next.unwrap_or(soon).max(soon), &[0, 1], table);
                }
            }
        }
        false
    }

    /// Whether only an operator can go on from here.
    fn wants_an_operator(&self) -> bool {
        let is_held = |state: State| matches!(state, State::Paused | State::Shutdown);
        (0..2).any(|side| {
            is_held(self.states()[side]) || self.saved[side].is_some_and(|it| is_held(it.state))
        })
    }
}

/// Explores all that `left` allows; how many pairs there are, and which states they showed.
fn explore(protocol: Protocol, left: Left) -> (usize, BTreeSet<[State; 2]>) {
    let table = &Table::new(Layout::default());
    let mut seen = HashSet::new();
    let mut states = BTreeSet::new();
    let mut next = VecDeque::from([Pair::new(protocol, left)]);
    while let Some(pair) = next.pop_front() {
        for step in pair.steps() {
            let mut after = pair.clone();
            after.take(step, table);
            if after.queues.iter().any(|queue| queue.len() > QUEUE)
                || !seen.insert(after.fingerprint())
            {
                continue;
            }
            states.insert(after.states());
            assert!(
                after.wants_an_operator() || after.recovers(table),
                "stuck in {:?} after {:?}",
                after.states(),
                after.path
            );
            next.push_back(after);
        }
    }
    (seen.len(), states)
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Dhcpv4, Protocol::Dhcpv6];

#[test]
fn losses_restarts_and_waits_in_any_order_leave_no_pair_stuck() {
    for protocol in PROTOCOLS {
        let left = Left { losses: 1, times: 2, restarts: 1, commands: 0 };
        let (count, states) = explore(protocol, left);
        println!("{protocol}: {count} pairs, {} pairs of states", states.len());
        assert!(count > 1_000 && states.contains(&[State::Normal; 2]));
    }
}

#[test]
fn commands_in_any_order_leave_no_pair_stuck_but_where_an_operator_is_wanted() {
    for protocol in PROTOCOLS {
        let left = Left { losses: 1, times: 1, restarts: 0, commands: 2 };
        let (count, states) = explore(protocol, left);
        println!("{protocol}: {count} pairs, {} pairs of states", states.len());
        assert!(states.contains(&[State::PotentialConflict; 2]), "{states:?}");
    }
}
