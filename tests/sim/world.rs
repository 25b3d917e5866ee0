//! Two servers, their clients and all that is between them, from one event to the next.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use dhcp_user::failover::{Alarm, Event as Happening, Lost};
use dhcp_user::wire::failover::State;

use super::client::{Client, Outcome, Turn};
use super::clock::{Millis, SECOND};
use super::link::Link;
use super::observer::{Observer, name, on};
use super::packet::{Heard, Request, Words};

use super::leaving::{Effect, Reply};
use super::random::Random;
use super::sabotage::Sabotage;
use super::scenario::{Relationship, Scenario, Side, Time};
use super::server::{Handled, Server};
use super::subscribers::Subscriber;
use super::telling;
use super::troubles::Troubles;

/// Between two looks at who waits for what.
const LOOK: Millis = 30 * SECOND;
/// The longest that a worker may go on by a view that is not in force any more.
const LONGEST_TURN: Millis = SECOND;
/// More steps than a day can need: something runs in a circle.
const MOST_STEPS: u64 = 6_000_000;

/// Something that comes at its time.
#[derive(Debug)]
pub(super) enum Event {
    Client(usize, Millis),
    Request(Side, usize, Request),
    Reply(usize, Side, Vec<u8>),
    Flushed(Side, u32),
    Tick(Side, u32),
    Pump(Side, u32),
    Sweep(Side, u32),
    /// Every worker has begun a turn since this publication.
    Follow(Relationship, Side, u32, u64),
    Connect(Side, u32),
    /// What this side sent on that connection arrives.
    Arrive(u64, Side),
    Begin(usize),
    Proceed(usize),
    End(usize),
    Start(Side),
    Look,
}

impl Event {
    /// Which server it happens to.
    fn side(&self) -> Option<Side> {
        match self {
            Self::Request(side, ..)
            | Self::Flushed(side, _)
            | Self::Tick(side, _)
            | Self::Pump(side, _)
            | Self::Sweep(side, _)
            | Self::Connect(side, _) => Some(*side),
            Self::Arrive(_, from) => Some(1 - from),
            _ => None,
        }
    }
}

/// An event, its time, and a number that keeps the order of those of one time.
struct Due(Millis, u64, Event);

/// Everything.
pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) now: Millis,
    due: BinaryHeap<Reverse<Due>>,
    numbered: u64,
    pub(super) servers: [Server; 2],
    pub(super) clients: Vec<Client>,
    /// Who has had leases of each server since it started.
    pub(super) subscribers_seen: [BTreeSet<Subscriber>; 2],
    pub(super) link: Link,
    pub(super) troubles: Troubles,
    pub(super) observer: Observer,
    pub(super) sabotage: Option<Sabotage>,
    /// Clients say nothing more.
    pub(super) is_quiet: bool,
    pub(super) trace: Option<Vec<String>>,
    /// When the endpoint is woken next.
    ticks: [Option<Millis>; 2],
    /// Chance of each server's disk and of each client's packets.
    disks: [Random; 2],
    turns: [Random; 2],
    ways: Vec<Random>,
    pub(super) steps: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(scenario: &'a Scenario, sabotage: Option<Sabotage>, traced: bool) -> Self {
        let seed = scenario.seed;
        let way = |plan: &super::scenario::ClientPlan| {
            Random::new(seed, 100_000 + u64::from(plan.number))
        };
        let mut world = Self {
            scenario,
            now: 0,
            due: BinaryHeap::new(),
            numbered: 0,
            servers: [0, 1].map(|side| Server::new(scenario, side, sabotage)),
            clients: scenario.clients.iter().map(|plan| Client::new(scenario, plan)).collect(),
            subscribers_seen: [BTreeSet::new(), BTreeSet::new()],
            link: Link::new(seed, scenario.link),
            troubles: Troubles::new(scenario),
            observer: Observer::new(scenario),
            sabotage,
            is_quiet: false,
            trace: traced.then(Vec::new),
            ticks: [None; 2],
            disks: [Random::new(seed, 3), Random::new(seed, 4)],
            turns: [Random::new(seed, 5), Random::new(seed, 6)],
            ways: scenario.clients.iter().map(way).collect(),
            steps: 0,
        };
        for (number, plan) in scenario.clients.iter().enumerate() {
            world.at(plan.from, Event::Client(number, plan.from));
        }
        for (number, incident) in scenario.incidents.iter().enumerate() {
            world.at(incident.at, Event::Begin(number));
        }
        for side in 0..2 {
            world.start(side);
        }
        world.at(LOOK, Event::Look);
        world
    }

    pub(super) fn at(&mut self, time: Millis, event: Event) {
        self.numbered += 1;
        self.due.push(Reverse(Due(time.max(self.now), self.numbered, event)));
    }

    pub(super) fn after(&mut self, delay: Millis, event: Event) {
        self.at(self.now + delay, event);
    }

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", Time(self.now), line()));
        }
    }

    /// Goes on until a promise is broken or `until` has come.
    pub(super) fn run(&mut self, until: Millis) {
        while self.observer.failure.is_none() {
            match self.due.peek() {
                Some(Reverse(Due(time, ..))) if *time <= until => {}
                _ => break,
            }
            let Some(Reverse(Due(time, _, event))) = self.due.pop() else { break };
            self.now = time;
            if let Some(side) = event.side().filter(|side| self.troubles.asleep[*side].is_some()) {
                self.troubles.kept[side].push(event);
                continue;
            }
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.observer.fail("no circles", time, format!("still {event:?}"));
            }
            self.happen(event);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Client(number, when) => self.client(number, when),
            Event::Request(side, number, request) => self.request(side, number, &request),
            Event::Reply(number, from, octets) => self.reply(number, from, &octets),
            Event::Flushed(side, life) if self.lives(side, life) => {
                self.servers[side].disk.end_flush();
                self.settle(side);
            }
            Event::Tick(side, life) if self.lives(side, life) => {
                if self.ticks[side].is_some_and(|time| time <= self.now) {
                    self.ticks[side] = None;
                    for relationship in 0..self.scenario.relationships {
                        self.tell(relationship, side, Happening::Tick);
                    }
                }
            }
            Event::Pump(side, life) if self.lives(side, life) => {
                let mut alarms = Vec::new();
                self.servers[side].pump(self.now, &mut alarms);
                self.heed(side, alarms);
                self.settle(side);
            }
            Event::Sweep(side, life) if self.lives(side, life) => {
                if self.servers[side].sweep(self.now) {
                    self.after(self.scenario.servers[side].lazy, Event::Pump(side, life));
                    self.settle(side);
                }
                self.after(self.scenario.servers[side].sweep, Event::Sweep(side, life));
            }
            Event::Follow(of, side, life, number) if self.lives(side, life) => {
                if self.servers[side].follow(of, number) {
                    self.tell(of, side, Happening::Followed);
                }
            }
            Event::Connect(side, life) if self.lives(side, life) => self.connect(side),
            Event::Arrive(number, side) => self.arrive(number, side),
            Event::Begin(number) => self.begin(number),
            Event::Proceed(number) => self.proceed(number),
            Event::End(number) => self.end(number),
            Event::Start(side) => self.start_if_wise(side),
            Event::Look => {
                self.look();
                self.after(LOOK, Event::Look);
            }
            Event::Flushed(..) | Event::Tick(..) | Event::Pump(..) => {}
            Event::Sweep(..) | Event::Follow(..) => {}
            Event::Connect(..) => {}
        }
    }

    fn lives(&self, side: Side, life: u32) -> bool {
        self.servers[side].is_up() && self.servers[side].life == life
    }

    pub(super) fn start(&mut self, side: Side) {
        let mut alarms = Vec::new();
        self.servers[side].start(self.now, &mut alarms);
        let life = self.servers[side].life;
        self.ticks[side] = None;
        self.say(|| format!("{} starts", name(side)));
        self.heed(side, alarms);
        self.after(self.scenario.servers[side].sweep, Event::Sweep(side, life));
        self.after(100 + 300 * side as u64, Event::Connect(side, life));
        self.settle(side);
    }

    /// Tells an endpoint what happened, and carries out what it wants.
    pub(super) fn tell(
        &mut self,
        relationship: Relationship,
        side: Side,
        happening: Happening<'_>,
    ) {
        let mut alarms = Vec::new();
        self.servers[side].event(self.now, relationship, happening, &mut alarms);
        self.heed(side, alarms);
        self.settle(side);
    }

    /// Has the disk work, and lets leave what may.
    pub(super) fn settle(&mut self, side: Side) {
        let mut effects = Vec::new();
        loop {
            if self.servers[side].disk.begin_flush() {
                let (least, most) = self.troubles.flush(self.scenario, side);
                let life = self.servers[side].life;
                let time = self.disks[side].between(least, most);
                self.after(time, Event::Flushed(side, life));
            }
            self.servers[side].release(self.now, &mut effects);
            if effects.is_empty() {
                break;
            }
            for effect in effects.drain(..) {
                self.leave(side, effect);
            }
        }
        self.wake(side);
    }

    /// Sees to it that the endpoint is told when its time has come.
    fn wake(&mut self, side: Side) {
        let Some(stamp) = self.servers[side].next_timeout() else { return };
        let time = self.servers[side].clock.when(stamp, self.now);
        // One that is in the past again right after a tick must not stop time.
        let time = time.max(self.now + 100);
        if self.ticks[side].is_none_or(|next| next > time || next <= self.now) {
            self.ticks[side] = Some(time);
            let life = self.servers[side].life;
            self.at(time, Event::Tick(side, life));
        }
    }

    fn leave(&mut self, side: Side, effect: Effect) {
        match effect {
            Effect::Published(of, number) => {
                let life = self.servers[side].life;
                let turn = self.turns[side].between(0, LONGEST_TURN);
                self.after(turn, Event::Follow(of, side, life, number));
            }
            Effect::Reply(reply) => self.reply_leaves(side, &reply),
            Effect::Send(of, xid, message) => self.send(of, side, xid, message),
            Effect::Close(of, why) => {
                if let Some(why) = why {
                    let protocol = self.scenario.protocols[of];
                    self.send(of, side, 0, telling::disconnect(protocol, why));
                }
                self.hang_up(of, side, Lost::Asked);
            }
        }
    }

    /// What an endpoint has to say to people.
    pub(super) fn heed(&mut self, side: Side, alarms: Vec<(Relationship, Alarm)>) {
        for (relationship, alarm) in alarms {
            self.say(|| format!("{}{} {alarm:?}", name(side), on(relationship)));
            if let Alarm::Moved { from, to, .. } = alarm {
                self.moved(relationship, side, from, to);
            }
        }
    }

    fn moved(&mut self, relationship: Relationship, side: Side, from: State, to: State) {
        self.observer.moves(self.now, &self.servers[side], relationship, from, to);
        let other = &self.servers[1 - side];
        let other_saved = other.disk.saved[relationship].map(|saved| saved.state);
        if from == State::Startup
            && other_saved == Some(State::PartnerDown)
            && !self.servers[side].hears(relationship)
            && to != State::Recover
        {
            // It cannot know that it was taken to be down: no operator may let it start so, nor say so of
            // a machine that only sleeps (RFC 8156 §8.4, draft-12 §9.4.1).
            self.observer.excuse(self.now);
        }
        if to == State::PartnerDown && from != State::Startup && other.is_up() {
            let may = matches!(
                other.state(relationship),
                Some(
                    State::Shutdown
                        | State::Paused
                        | State::Recover
                        | State::RecoverWait
                        | State::Startup
                )
            );
            if self.troubles.both_alone || self.scenario.safe_period.is_some() {
                self.observer.excuse(self.now);
            } else if !may && self.troubles.told_down[side].is_none() {
                let text = format!("{} went to PARTNER-DOWN, and nobody asked it to", name(side));
                self.observer.fail("PARTNER-DOWN only when told so", self.now, text);
            }
        }
        if to == State::Normal && self.servers.iter().all(Server::is_normal) {
            self.observer.agreed(self.now);
        }
    }

    fn client(&mut self, number: usize, when: Millis) {
        if self.clients[number].next != when || self.is_quiet {
            return;
        }
        let is_over = self.now >= self.scenario.length;
        let mut say = Vec::new();
        let client = &mut self.clients[number];
        let (id, before) = (client.plan.number, client.resources());
        let turn = client.turn(self.now, is_over, &mut say);
        match turn {
            Turn::Releases | Turn::Declines => {
                for resource in say.iter().flat_map(|words| &words.leases) {
                    self.observer.leaves(id, *resource);
                }
            }
            Turn::Lost => {
                let text = format!("client {id} loses {before:?}");
                self.say(|| text);
            }
            _ => {}
        }
        if !matches!(turn, Turn::Waits | Turn::Asks | Turn::Lost) {
            self.say(|| format!("client {id} {turn:?}"));
        }
        self.after_client(number, say);
    }

    fn after_client(&mut self, number: usize, say: Vec<Words>) {
        for words in say {
            self.post(number, &words);
        }
        let next = self.clients[number].next;
        self.at(next, Event::Client(number, next));
    }

    /// A client's packet sets out.
    fn post(&mut self, number: usize, words: &Words) {
        let client = &self.clients[number];
        let (id, to) = (client.plan.number, words.to(client.protocol));
        self.say(|| {
            let to = to.map_or("both", name);
            let about: String = words.leases.iter().map(|it| format!(" {it}")).collect();
            format!("client {id} -> {:?}{about} to {to}", words.act)
        });
        for side in 0..2 {
            if to.is_some_and(|to| to != side) || self.troubles.unreachable[side] > 0 {
                continue;
            }
            let request = words.request(&self.clients[number], side);
            for delay in self.delays(number) {
                self.after(delay, Event::Request(side, number, request.clone()));
            }
        }
    }

    /// How long each copy of a packet takes.
    fn delays(&mut self, number: usize) -> Vec<Millis> {
        let plan = &self.scenario.network;
        let lost = if self.troubles.noise > 0 { 500 } else { plan.lost };
        let way = &mut self.ways[number];
        let copies = 1 + usize::from(way.chance(plan.doubled));
        let mut delays = Vec::new();
        for _ in 0..copies {
            let delay = way.between(plan.delay.0, plan.delay.1);
            if !way.chance(lost) {
                delays.push(delay);
            }
        }
        delays
    }

    fn request(&mut self, side: Side, number: usize, request: &Request) {
        let id = self.clients[number].plan.number;
        let before = self.counted(number, side);
        let handled = self.servers[side].request(self.now, id, request);
        self.look_at_grant(number, side, &before);
        match handled {
            Handled::Silent("down") => return,
            Handled::Silent(why) => self.say(|| format!("{} is silent to {id}: {why}", name(side))),
            Handled::Answered => {
                let server = &self.servers[side];
                let relationship = self.scenario.relationship(request.network);
                self.observer.answered_in(self.now, server, relationship, id);
            }
            Handled::Done => {}
        }
        let life = self.servers[side].life;
        self.after(self.scenario.servers[side].lazy, Event::Pump(side, life));
        self.settle(side);
    }

    fn reply_leaves(&mut self, side: Side, reply: &Reply) {
        self.observer.replies(self.now, &self.servers[side], reply);
        let Some(number) = self.clients.iter().position(|it| it.plan.number == reply.client) else {
            return;
        };
        if self.troubles.unreachable[side] > 0 {
            return;
        }
        for delay in self.delays(number) {
            self.after(delay, Event::Reply(number, side, reply.octets.clone()));
        }
    }

    fn reply(&mut self, number: usize, from: Side, octets: &[u8]) {
        let client = &mut self.clients[number];
        let heard = Heard::parse(client.protocol, octets);
        let mut say = Vec::new();
        let outcome = client.hear(self.now, &heard, from, &mut say);
        let id = client.plan.number;
        let leases = client.leases.clone();
        if outcome == Outcome::Ignored {
            return;
        }
        self.say(|| {
            let told = heard.leases.iter();
            let told: String = told.map(|(it, seconds)| format!(" {it} {seconds} s")).collect();
            format!("client {id} <- {:?}{told} from {}", heard.kind, name(from))
        });
        if outcome == Outcome::Bound {
            for resource in heard.granted() {
                let its = leases.iter().find(|(it, _)| *it == resource);
                if let Some((_, ends)) = its {
                    self.observer.binds(self.now, id, resource, *ends, from);
                }
            }
        }
        self.after_client(number, say);
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
