//! A pair of servers in one process: two endpoints, two tables, one clock, one link that can be cut
//! with whatever is on it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::testing6::{SECRET, pools6, table6};
use super::{Action, Alarm, Command, Endpoint, Event, Greeted, Greeting, Greeting6};
use super::{Lost, Role, Said, Saved};
use super::{Settings, Terms, Tls};
use crate::config::model::{IdentityBy, Protocol, Secret};
use crate::lease::{Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Told};
use crate::lease::{Layout, NetworkId, PoolId, Range, Table, View, WriterId};
use crate::wire::failover::{Message, Packet, Rejection, State};
use crate::wire::failover6;
use crate::wire::{Seconds, Stamp};

/// MCLT of [`settings`].
pub(super) const MCLT: Seconds = Seconds(120);
/// When the virtual clock starts.
pub(super) const START: Stamp = Stamp(1_000_000);

/// A relationship over the pool of [`table`].
pub(super) fn settings(role: Role) -> Settings {
    let terms = Terms {
        name: "fo4".to_owned(),
        role,
        mclt: MCLT,
        receive_timer: Seconds(30),
        max_unacked: 10,
        startup: Seconds(10),
        min_balance: Seconds(20),
        max_balance: Seconds(40),
        ..Terms::of(Protocol::Dhcpv4)
    };
    Settings {
        terms,
        identity: vec![IdentityBy::Identifier, IdentityBy::Hardware],
        pools: vec![PoolId(address(0).into())],
        addresses: 1,
        reconfigure: None,
    }
}

/// A relationship of DHCPv6, over the pools of [`table6`].
pub(super) fn settings6(role: Role) -> Settings {
    let v4 = settings(role);
    let terms = Terms { name: "fo6".to_owned(), protocol: Protocol::Dhcpv6, ..v4.terms };
    let reconfigure = Some(Secret(SECRET.into()));
    Settings { terms, pools: pools6(), reconfigure, ..v4 }
}

/// Stored in this state, a day before the start.
pub(super) fn saved(state: State, partner: Option<State>) -> Saved {
    let (since, until) = (Stamp(START.0 - 86_400), Stamp(START.0 - 3_600));
    Saved { state, partner, ..Saved::in_normal(since, until, MCLT) }
}

/// The nth address of the pool.
pub(super) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 77, 0, 100).to_bits() + number)
}

/// A table of one pool of so many addresses, in the first relationship.
pub(super) fn table(count: u32) -> Table {
    let network = NetworkId(Ipv4Addr::new(10, 77, 0, 0).into());
    let all = Range::ipv4(network.0.ipv4(), Ipv4Addr::new(10, 77, 255, 255));
    let pool = Range::ipv4(address(0), address(count - 1));
    let layout = Layout::new(vec![(all, network)], vec![pool], Vec::new());
    Table::new(layout.with_relationships(vec![(all, 0)]))
}

/// One server.
pub(super) struct Side {
    pub(super) settings: Settings,
    pub(super) endpoint: Endpoint,
    pub(super) table: Table,
    /// As workers have it.
    pub(super) view: View,
    /// As its disk has it.
    pub(super) saved: Option<Saved>,
    /// Whether workers go by what is published at once.
    pub(super) follows: bool,
    /// All that workers ever had.
    pub(super) views: Vec<View>,
    /// All since it was made.
    pub(super) alarms: Vec<Alarm>,
    /// What it has sent since it was made, on whatever link.
    pub(super) sent: Vec<Message>,
    /// The same of DHCPv6.
    pub(super) sent6: Vec<(u32, failover6::Message)>,
    /// Why it closed the link last.
    pub(super) closed: Option<Rejection>,
    /// What is on its way to it.
    inbox: VecDeque<Arrival>,
}

enum Arrival {
    Message(Packet),
    Message6(failover6::Packet),
    End,
}

/// Two of them: first the primary.
pub(super) struct Pair {
    pub(super) now: Stamp,
    pub(super) sides: [Side; 2],
    /// The link is cut once so many messages more have been delivered.
    pub(super) cut_after: Option<usize>,
    is_linked: bool,
}

impl Side {
    /// A server whose disk has `saved`.
    pub(super) fn new(now: Stamp, settings: Settings, saved: Option<Saved>) -> Self {
        let mut actions = Vec::new();
        let endpoint = Endpoint::new(now, settings.clone(), saved, WriterId(9), &mut actions);
        let mut side = Self {
            table: match settings.terms.protocol {
                Protocol::Dhcpv4 => table(8),
                Protocol::Dhcpv6 => table6(),
            },
            settings,
            endpoint,
            view: View::SILENT,
            saved,
            follows: true,
            views: Vec::new(),
            alarms: Vec::new(),
            sent: Vec::new(),
            sent6: Vec::new(),
            closed: None,
            inbox: VecDeque::new(),
        };
        side.carry_out(actions);
        side
    }

    /// Hands an event in, pumps, and carries out what is to be done. What goes to the partner is
    /// given back, and whether the link is to be closed.
    pub(super) fn handle(&mut self, now: Stamp, event: Event<'_>) -> (Vec<(u32, Message)>, bool) {
        let mut actions = Vec::new();
        self.endpoint.handle(now, event, &self.table, &mut actions);
        if self.follows {
            self.endpoint.handle(now, Event::Followed, &self.table, &mut actions);
        }
        for _ in 0..100 {
            if self.endpoint.pump(now, &self.table, 100, &mut actions) {
                continue;
            }
            // As the driver does with what is due at once.
            if self.endpoint.next_timeout().is_none_or(|due| due > now) {
                break;
            }
            self.endpoint.handle(now, Event::Tick, &self.table, &mut actions);
        }
        self.carry_out(actions)
    }

    fn carry_out(&mut self, actions: Vec<Action>) -> (Vec<(u32, Message)>, bool) {
        let (mut sent, mut closes) = (Vec::new(), false);
        for action in actions {
            match action {
                Action::Changed { .. } => {}
                Action::Save(saved) => self.saved = Some(saved),
                Action::Send(xid, message) => {
                    assert!(!closes, "nothing is sent on a link that is closed");
                    self.sent.push(message.clone());
                    sent.push((xid, message));
                }
                Action::Send6(xid, message) => {
                    assert!(!closes, "nothing is sent on a link that is closed");
                    self.sent6.push((xid, message));
                }
                Action::Close(why) => {
                    closes = true;
                    self.closed = why;
                }
                Action::Publish(view) => {
                    self.views.push(view.clone());
                    if self.follows {
                        self.view = view;
                    }
                }
                Action::Alarm(alarm) => self.alarms.push(alarm),
            }
        }
        (sent, closes)
    }
}

impl Pair {
    /// Two servers whose disks are empty.
    pub(super) fn fresh() -> Self {
        Self::new([None, None])
    }

    /// Two servers whose disks have this.
    pub(super) fn new(saved: [Option<Saved>; 2]) -> Self {
        Self::of(settings, saved)
    }

    /// The same with a relationship of DHCPv6.
    pub(super) fn new6(saved: [Option<Saved>; 2]) -> Self {
        Self::of(settings6, saved)
    }

    fn of(settings: fn(Role) -> Settings, saved: [Option<Saved>; 2]) -> Self {
        let [primary, secondary] = saved;
        let primary = Side::new(START, settings(Role::Primary), primary);
        let secondary = Side::new(START, settings(Role::Secondary), secondary);
        Self { now: START, sides: [primary, secondary], cut_after: None, is_linked: false }
    }

    /// Both in NORMAL, balanced.
    pub(super) fn in_normal() -> Self {
        let mut pair = Self::fresh();
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [State::Normal; 2]);
        pair
    }

    /// Greets, and brings the link up at both ends.
    pub(super) fn link(&mut self) {
        let [primary, secondary] = greet(self.now, [&self.sides[0], &self.sides[1]]);
        self.is_linked = true;
        self.happens(1, Event::LinkUp(secondary));
        self.happens(0, Event::LinkUp(primary));
    }

    /// Cuts the link; what is on it is lost.
    pub(super) fn cut(&mut self) {
        if std::mem::take(&mut self.is_linked) {
            for side in [0, 1] {
                self.sides[side].inbox.clear();
                self.happens(side, Event::LinkLost(Lost::Closed));
            }
        }
    }

    /// Delivers everything, and what it gives rise to, in turns; at once, unless the link is to be cut.
    pub(super) fn settle(&mut self) {
        for turn in 0..10_000 {
            if self.sides.iter().all(|side| side.inbox.is_empty()) {
                return;
            }
            self.deliver(turn % 2);
        }
        panic!("the two never come to rest");
    }

    /// Lets time pass, second by second.
    pub(super) fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now = Stamp(self.now.0 + 1);
            for side in [0, 1] {
                let due = self.sides[side].endpoint.next_timeout();
                if due.is_some_and(|due| due <= self.now) {
                    self.happens(side, Event::Tick);
                }
            }
            self.settle();
        }
    }

    /// An operator's word.
    pub(super) fn command(&mut self, side: usize, command: Command) {
        self.happens(side, Event::Command(command));
        self.settle();
    }

    /// A crash: the link is cut, and the server starts with what its disk has, or with nothing.
    pub(super) fn restart(&mut self, side: usize, keeps_storage: bool) {
        self.cut();
        let saved = self.sides[side].saved.filter(|_| keeps_storage);
        let settings = self.sides[side].settings.clone();
        let old = std::mem::replace(&mut self.sides[side], Side::new(self.now, settings, saved));
        if keeps_storage {
            self.sides[side].table = old.table;
        }
    }

    /// First the primary's.
    pub(super) fn states(&self) -> [State; 2] {
        [0, 1].map(|side| self.sides[side].endpoint.state())
    }

    /// What one of them holds an address for.
    pub(super) fn status(&self, side: usize, number: u32) -> Option<BindingStatus> {
        let table = &self.sides[side].table;
        table.seen(address(number), &table.pin())?.binding().map(|binding| binding.status)
    }

    /// A new client asks a worker of one of them, which grants the address if it may.
    pub(super) fn grants(&self, side: usize, number: u32, who: u8) -> bool {
        let Side { view, table, .. } = &self.sides[side];
        let guard = table.pin();
        let seen = table.seen(address(number), &guard).expect("an address of the pool");
        let answers = matches!(view.answers, Answers::Everybody | Answers::Shared(_));
        if !answers || !view.may_give(self.now, seen.binding()) {
            return false;
        }
        let octets = [1, 2, 0, 0, 0, 0, who];
        let key = ClientKey { kind: ItemKind::Hardware, octets: &octets };
        let new = Binding {
            expires: self.now.after(MCLT),
            cltt: self.now,
            told: Told::Unsent,
            writer: Some(WriterId(1)),
            client: Some(Client::builder(key).build()),
            ..Binding::new(BindingStatus::Active, self.now)
        };
        table.replace(address(number), seen, new, &guard).is_ok()
    }

    /// Something happens to one of the two.
    pub(super) fn happens(&mut self, side: usize, event: Event<'_>) {
        let now = self.now;
        let before = self.sides[side].sent6.len();
        let (sent, closes) = self.sides[side].handle(now, event);
        let sent6 = self.sides[side].sent6[before..].to_vec();
        if !self.is_linked {
            assert!(sent.is_empty(), "nothing is sent without a link: {sent:?}");
            assert!(sent6.is_empty(), "nothing is sent without a link: {sent6:?}");
            return;
        }
        let inbox = &mut self.sides[1 - side].inbox;
        inbox.extend(
            sent.into_iter()
                .map(|(xid, message)| Arrival::Message(Packet { time: now, xid, message })),
        );
        inbox.extend(sent6.into_iter().map(|(xid, message)| {
            Arrival::Message6(failover6::Packet { xid, sent: Some(now), message })
        }));
        if closes {
            inbox.push_back(Arrival::End);
            self.sides[side].inbox.clear();
            self.happens(side, Event::LinkLost(Lost::Asked));
        }
    }

    pub(super) fn deliver(&mut self, side: usize) {
        let Some(arrival) = self.sides[side].inbox.pop_front() else { return };
        match arrival {
            Arrival::Message(packet) => self.happens(side, Event::Received(&packet)),
            Arrival::Message6(packet) => self.happens(side, Event::Received6(&packet, self.now)),
            Arrival::End => {
                self.sides[1 - side].inbox.clear();
                self.is_linked = false;
                self.happens(side, Event::LinkLost(Lost::Closed));
            }
        }
        if let Some(left) = &mut self.cut_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.cut_after = None;
                self.cut();
            }
        }
    }
}

/// What both ends make of a greeting that nothing disturbs.
fn greet(now: Stamp, [primary, secondary]: [&Side; 2]) -> [Greeted; 2] {
    if primary.settings.terms.protocol == Protocol::Dhcpv6 {
        return greet6(now, primary, secondary);
    }
    let mut caller = Greeting::new(&primary.settings, Tls::Off);
    let mut called = Greeting::new(&secondary.settings, Tls::Off);
    let only = |said: Vec<(u32, Message)>| {
        let (xid, message) = said.into_iter().next().expect("a message");
        Packet { time: now, xid, message }
    };
    let Said::Send(connect) = caller.begin() else { panic!("no CONNECT") };
    let Said::Done(ack, at_secondary) = called.handle(now, &only(connect)) else {
        panic!("CONNECT is not taken")
    };
    let Said::Done(_, at_primary) = caller.handle(now, &only(ack)) else {
        panic!("CONNECTACK is not taken")
    };
    [at_primary, at_secondary]
}

/// The same in DHCPv6.
fn greet6(now: Stamp, primary: &Side, secondary: &Side) -> [Greeted; 2] {
    let mut caller = Greeting6::new(&primary.settings, Tls::Off);
    let mut called = Greeting6::new(&secondary.settings, Tls::Off);
    let only = |said: Vec<(u32, failover6::Message)>| {
        let (xid, message) = said.into_iter().next().expect("a message");
        failover6::Packet { xid, sent: Some(now), message }
    };
    let Said::Send(connect) = caller.begin() else { panic!("no CONNECT") };
    let Said::Done(reply, at_secondary) = called.handle(now, &only(connect)) else {
        panic!("CONNECT is not taken")
    };
    let Said::Done(_, at_primary) = caller.handle(now, &only(reply)) else {
        panic!("CONNECTREPLY is not taken")
    };
    [at_primary, at_secondary]
}
