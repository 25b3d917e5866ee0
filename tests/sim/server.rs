//! One server: the whole core, and a driver that keeps what the real one promises.
//!
//! Nothing leaves before all that its writer appended ahead of it is durable: a worker's replies,
//! and of the endpoint's actions the messages, the end of the connection and the service view.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

use dhcp_user::config::Config;
use dhcp_user::failover::{Action, Alarm, Endpoint, Event, Saved, Settings};
use dhcp_user::lease::{
    Binding, BindingStatus, Layout, Limits, Owner, PoolId, Table, Told, View, Views, WriterId,
    in_turn,
};
use dhcp_user::server::{
    Answer, Change, InterfaceAddress, InterfaceAddresses, Service, Workspace, World as Surroundings,
};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::{Message, Packet, Rejection, State};

use super::clock::{Clock, Millis};
use super::configuration::configuration;
use super::disk::{Disk, Record, Sequence};
use super::packet::{Heard, Request, pool_begin, server_address};
use super::sabotage::Sabotage;
use super::scenario::{Relationship, Scenario, Side};

/// The rings of the journal.
const WORKER: u16 = 0;
const MAINTENANCE: u16 = 1;
const FAILOVER: u16 = 2;
/// Actions that one turn may make: what the driver's queue holds.
const ROOM: usize = 64;
/// A reply that the disk held back for longer is not sent any more.
const LONGEST_HELD: Millis = 10_000;

/// One server, up or down.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) side: Side,
    /// Counts starts: what was meant for an earlier life is ignored.
    pub(super) life: u32,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) core: Option<Core>,
    pub(super) since: Millis,
    service: Service,
    config: Config,
    /// Of each relationship.
    settings: Vec<Settings>,
    sabotage: Option<Sabotage>,
}

/// What a crash takes away.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) table: Table,
    pub(super) views: Views,
    /// What they go by once they have begun a turn since it was published, and its number; one for each
    /// relationship.
    published: Vec<(u64, View)>,
    /// One for each relationship.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) limits: Limits,
    work: Workspace,
    /// Of the worker, the sweep and the endpoints.
    appended: [Sequence; 3],
    held: VecDeque<Held>,
    outbox: VecDeque<(Sequence, Relationship, Out)>,
    actions: Vec<Action>,
    /// When each endpoint was told something last.
    last: Vec<Stamp>,
}

#[derive(Debug)]
struct Held {
    rests_on: Sequence,
    since: Millis,
    reply: Reply,
}

/// A reply to a client.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) client: u16,
    pub(super) octets: Vec<u8>,
    /// When it was decided, by the server's clock.
    pub(super) decided: Stamp,
    /// What it tells of a lease: the address as it then stood.
    pub(super) lease: Option<(Ipv4Addr, Binding)>,
    /// PARTNER-DOWN.
    pub(super) is_alone: bool,
}

/// What waits for the disk behind the endpoint's records.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Send(u32, Message),
    Close(Option<Rejection>),
    Publish(View),
}

/// What leaves a server.
#[derive(Debug)]
pub(super) enum Effect {
    Reply(Reply),
    Send(Relationship, u32, Message),
    Close(Relationship, Option<Rejection>),
    /// With its number.
    Published(Relationship, u64),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Handled {
    Silent(&'static str),
    Done,
    Answered,
}

impl Server {
    pub(super) fn new(scenario: &Scenario, side: Side, sabotage: Option<Sabotage>) -> Self {
        let config = configuration(scenario, side, sabotage);
        let own = InterfaceAddress { address: server_address(side), prefix_len: 24 };
        let service = Service::new(
            &config,
            &[InterfaceAddresses { addresses: vec![own], ..Default::default() }],
        );
        let layout = Layout::of(&config);
        let settings = config.failover.iter().zip(0..).map(|(relationship, place)| {
            let networks = 0..scenario.pools.len();
            let shared = networks.filter(|network| scenario.relationship(*network) == place);
            let pools = shared.map(|network| PoolId(pool_begin(network).into())).collect();
            let addresses = layout.ranges_of(place as u16);
            Settings::of(
                relationship,
                &config.identity,
                pools,
                Settings::digest_of_ranges(addresses),
            )
        });
        let settings = settings.collect();
        Self {
            side,
            life: 0,
            clock: scenario.servers[side].clock,
            disk: Disk::default(),
            core: None,
            since: 0,
            service,
            config,
            settings,
            sabotage,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.core.is_some()
    }

    pub(super) fn state(&self, relationship: Relationship) -> Option<State> {
        Some(self.core.as_ref()?.endpoints[relationship].state())
    }

    /// In all relationships; nothing if it is down.
    pub(super) fn states(&self) -> Vec<State> {
        let endpoints = self.core.iter().flat_map(|core| &core.endpoints);
        endpoints.map(Endpoint::state).collect()
    }

    /// Whether it is up, and in NORMAL in all relationships.
    pub(super) fn is_normal(&self) -> bool {
        self.is_up() && self.states().iter().all(|state| *state == State::Normal)
    }

    pub(super) fn settings(&self, relationship: Relationship) -> &Settings {
        &self.settings[relationship]
    }

    /// In which relationship an address is shared: its second octet is its network's.
    pub(super) fn relationship(&self, address: Ipv4Addr) -> Relationship {
        usize::from(address.octets()[1]) % self.settings.len()
    }

    pub(super) fn has_limits(&self) -> bool {
        !self.config.limits.is_empty()
    }

    /// What is published of a network.
    pub(super) fn view(&self, network: usize) -> Option<&View> {
        self.core.as_ref()?.views.0.get(network % self.settings.len())
    }

    pub(super) fn binding(&self, address: Ipv4Addr) -> Option<Binding> {
        let core = self.core.as_ref()?;
        let guard = core.table.pin();
        core.table.seen(address, &guard)?.binding().cloned()
    }

    /// Addresses of a network that this server may give to a new client.
    pub(super) fn available(&self, network: usize) -> u32 {
        let (Some(core), Some(view)) = (&self.core, self.view(network)) else { return 0 };
        let counts = core.table.counts(PoolId(pool_begin(network).into()));
        match view.owner {
            Owner::Primary => counts.free as u32,
            Owner::Secondary => counts.backup as u32,
        }
    }

    /// Addresses of a network that either server may give to a new client.
    pub(super) fn available_to_both(&self, network: usize) -> u32 {
        let Some(core) = &self.core else { return 0 };
        let counts = core.table.counts(PoolId(pool_begin(network).into()));
        (counts.free + counts.backup) as u32
    }

    /// Starts: from what the disk has.
    pub(super) fn start(&mut self, time: Millis, alarms: &mut Vec<(Relationship, Alarm)>) {
        let table = Table::new(Layout::of(&self.config));
        for (address, binding) in &self.disk.bindings {
            table.restore(*address, binding.clone());
        }
        table.finish_restore(&in_turn);
        let limits = Limits::new();
        self.count_leases(&limits, &table);
        let states = |saved: Option<Saved>| saved.iter().map(|saved| saved.state).collect();
        self.disk.states = self.disk.saved.map(states);
        self.life += 1;
        self.since = time;
        self.core = Some(Core {
            table,
            views: Views(vec![View::SILENT; self.settings.len()]),
            published: vec![(0, View::SILENT); self.settings.len()],
            endpoints: Vec::new(),
            limits,
            work: Workspace::new(WriterId(WORKER)),
            appended: [0; 3],
            held: VecDeque::new(),
            outbox: VecDeque::new(),
            actions: Vec::new(),
            last: self.settings.iter().map(|_| self.clock.at(time)).collect(),
        });
        for relationship in 0..self.settings.len() {
            self.found(relationship, time, alarms);
        }
    }

    /// Makes the endpoint of a relationship: from what the disk has.
    fn found(
        &mut self,
        relationship: Relationship,
        time: Millis,
        alarms: &mut Vec<(Relationship, Alarm)>,
    ) {
        let mut saved = self.disk.saved[relationship];
        if self.is_broken(Sabotage::StateForgotten) {
            saved = saved.map(|saved| Saved { state: State::CommunicationsInterrupted, ..saved });
        }
        let now = self.clock.at(time);
        let settings = self.settings[relationship].clone();
        let Some(core) = &mut self.core else { return };
        let writer = WriterId(FAILOVER);
        core.endpoints.push(Endpoint::new(now, settings, saved, writer, &mut core.actions));
        self.carry(relationship, alarms);
    }

    /// Counts every lease that there is for its subscriber.
    pub(super) fn count_leases(&self, limits: &Limits, table: &Table) {
        table.for_each(|_, binding| self.service.count_lease(limits, binding));
    }

    pub(super) fn stop(&mut self) {
        self.core = None;
        self.life += 1;
    }

    /// A client's request.
    pub(super) fn request(&mut self, time: Millis, client: u16, request: &Request) -> Handled {
        let now = self.clock.at(time);
        let sabotage = self.sabotage;
        let Some(core) = &mut self.core else { return Handled::Silent("down") };
        let Core { table, views, limits, work, .. } = core;
        let old = sabotage == Some(Sabotage::OldView);
        let views = if old { Cow::Borrowed(&*views) } else { views.at(now) };
        let world = Surroundings { now, service: &self.service, table, limits, views: &views };
        let mut buffer = [0; 1472];
        let answer = world.answer(&request.arrival, &request.octets, work, &mut buffer);
        let alone: Vec<_> = views.0.iter().map(|view| view.takeover.is_some()).collect();
        for change in core.work.changes() {
            let record = Record::Binding(ipv4(change), recorded(sabotage, &change.binding));
            core.appended[usize::from(WORKER)] = self.disk.append(WORKER, record);
        }
        if sabotage == Some(Sabotage::Untold) {
            let changed: Vec<_> = core.work.changes().iter().map(ipv4).collect();
            for address in changed {
                core.alter(address, |binding| binding.told = Told::Acknowledged);
            }
        }
        let told = match answer {
            Answer::Drop(reason) => return Handled::Silent(reason.name()),
            Answer::Done => return Handled::Done,
            Answer::Probe(_) => return Handled::Silent("probe"),
            Answer::Reply(told) => told,
        };
        let octets = buffer[..told.len].to_vec();
        let heard = Heard::parse(&octets);
        let is_lease = heard.kind == dhcp_user::wire::dhcpv4::MessageType::Ack && heard.lease > 0;
        let lease = is_lease
            .then(|| {
                let guard = core.table.pin();
                core.table.seen(heard.address, &guard)?.binding().cloned()
            })
            .flatten()
            .map(|binding| (heard.address, binding));
        let changed = !core.work.changes().is_empty();
        let rests_on =
            if changed || told.confirms { core.appended[usize::from(WORKER)] } else { 0 };
        let is_alone = alone[usize::from(heard.address.octets()[1]) % alone.len()];
        let reply = Reply { client, octets, decided: now, lease, is_alone };
        core.held.push_back(Held { rests_on, since: time, reply });
        Handled::Answered
    }

    /// Something for an endpoint.
    pub(super) fn event(
        &mut self,
        time: Millis,
        relationship: Relationship,
        event: Event<'_>,
        alarms: &mut Vec<(Relationship, Alarm)>,
    ) {
        let now = self.clock.at(time);
        let is_lost = matches!(event, Event::LinkLost(_));
        let sabotage = self.sabotage;
        let mclt = self.settings[relationship].terms.mclt;
        let is_shared = |address: Ipv4Addr| self.relationship(address) == relationship;
        let addresses = self.core.iter().flat_map(Core::addresses);
        let addresses: Vec<_> = addresses.filter(|address| is_shared(*address)).collect();
        let Some(core) = &mut self.core else { return };
        let state = core.endpoints[relationship].state();
        if sabotage == Some(Sabotage::NoRecoverWait) && state == State::RecoverWait {
            // As if the partner went on talking through the whole wait.
            let ends = now.after(mclt);
            core.live_through(relationship, now, ends, Some(Message::Contact));
        }
        if sabotage == Some(Sabotage::SleepUnnoticed) {
            core.live_through(relationship, core.last[relationship], now, None);
        }
        core.last[relationship] = now;
        if is_lost && sabotage == Some(Sabotage::InFlightForgotten) {
            for address in addresses {
                let forget = |binding: &mut Binding| binding.told = Told::Acknowledged;
                core.alter_if(address, |binding| binding.told == Told::Sent, forget);
            }
        }
        if is_lost {
            // What it was to carry is nobody's any more.
            core.outbox
                .retain(|(_, of, out)| *of != relationship || matches!(out, Out::Publish(_)));
        }
        core.endpoints[relationship].handle(now, event, &core.table, &mut core.actions);
        self.carry(relationship, alarms);
        self.pump_one(relationship, time, alarms);
    }

    /// Workers go by the publication of this number; false if there has been another since.
    pub(super) fn follow(&mut self, of: Relationship, number: u64) -> bool {
        let Some(core) = &mut self.core else { return false };
        let (latest, view) = &core.published[of];
        if *latest == number {
            core.views.0[of] = view.clone();
        }
        *latest == number
    }

    /// Has the endpoints tell what is untold.
    pub(super) fn pump(&mut self, time: Millis, alarms: &mut Vec<(Relationship, Alarm)>) {
        (0..self.settings.len()).for_each(|relationship| self.pump_one(relationship, time, alarms));
    }

    fn pump_one(
        &mut self,
        relationship: Relationship,
        time: Millis,
        alarms: &mut Vec<(Relationship, Alarm)>,
    ) {
        let now = self.clock.at(time);
        loop {
            let Some(core) = &mut self.core else { return };
            let made = core.actions.len();
            let Core { endpoints, table, actions, .. } = core;
            let more = endpoints[relationship].pump(now, table, ROOM, actions);
            let has_made = core.actions.len() > made;
            self.carry(relationship, alarms);
            if !(more && has_made) {
                return;
            }
        }
    }

    /// Ends what time ends; whether anything did.
    pub(super) fn sweep(&mut self, time: Millis) -> bool {
        let now = self.clock.at(time);
        let sabotage = self.sabotage;
        let Some(core) = &mut self.core else { return false };
        let Core { table, views, appended, limits, .. } = core;
        let (disk, service) = (&mut self.disk, &self.service);
        let mut freed = Vec::new();
        let writer = WriterId(MAINTENANCE);
        let views = views.at(now);
        let sweep = table.expire(now, usize::MAX, writer, &views, &mut |resource, old, binding| {
            if old.status == BindingStatus::Active {
                service.uncount_lease(limits, old);
            }
            let address = resource.ipv4();
            let record = Record::Binding(address, binding.clone());
            appended[usize::from(MAINTENANCE)] = disk.append(MAINTENANCE, record);
            freed.push(address);
        });
        if sabotage == Some(Sabotage::FreedWithoutAck) {
            for address in freed {
                let is_over = |binding: &Binding| binding.status == BindingStatus::Expired;
                core.alter_if(address, is_over, |binding| binding.status = BindingStatus::Free);
            }
        }
        sweep.changed > 0
    }

    /// When an endpoint wants to hear that time has passed.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        self.core.as_ref()?.endpoints.iter().filter_map(Endpoint::next_timeout).min()
    }

    /// What may leave now.
    pub(super) fn release(&mut self, time: Millis, effects: &mut Vec<Effect>) {
        let sabotage = self.sabotage;
        let side = self.side;
        let durable = self.disk.durable();
        let Some(core) = &mut self.core else { return };
        let eager = sabotage == Some(Sabotage::AckBeforeFlush);
        while let Some(held) = core.held.pop_front_if(|held| eager || held.rests_on <= durable) {
            if time - held.since <= LONGEST_HELD {
                effects.push(Effect::Reply(held.reply));
            }
        }
        while let Some((_, of, out)) = core.outbox.pop_front_if(|(rests_on, _, out)| {
            *rests_on <= durable || sabotage.is_some_and(|fault| fault.lets_go(out))
        }) {
            effects.push(match out {
                Out::Send(xid, message) => {
                    if sabotage == Some(Sabotage::AcknowledgedWhenSent) {
                        core.acknowledge(&message);
                    }
                    Effect::Send(of, xid, message)
                }
                Out::Close(why) => Effect::Close(of, why),
                Out::Publish(view) => {
                    let view = match sabotage {
                        Some(fault) => fault.view(view, side == of),
                        None => view,
                    };
                    // A worker in the middle of its turn still takes what was the partner's.
                    let takeover = view.takeover.or(core.views.0[of].takeover);
                    core.views.0[of] = View { takeover, ..view.clone() };
                    core.published[of] = (core.published[of].0 + 1, view);
                    Effect::Published(of, core.published[of].0)
                }
            });
        }
    }

    fn is_broken(&self, fault: Sabotage) -> bool {
        self.sabotage == Some(fault)
    }

    /// Carries out what an endpoint wants, in order, as far as that is possible before the disk.
    fn carry(&mut self, relationship: Relationship, alarms: &mut Vec<(Relationship, Alarm)>) {
        let Some(core) = &mut self.core else { return };
        let writer = usize::from(FAILOVER);
        for action in std::mem::take(&mut core.actions) {
            let out = match action {
                Action::Changed { resource, before, binding } => {
                    let address = resource.ipv4().expect("the table has no others");
                    if self.sabotage != Some(Sabotage::PartnersUncounted) {
                        let is_lease = |it: &&Binding| it.status == BindingStatus::Active;
                        if let Some(before) = before.as_ref().filter(is_lease) {
                            self.service.uncount_lease(&core.limits, before);
                        }
                        self.service.count_lease(&core.limits, &binding);
                    }
                    let record = Record::Binding(address, recorded(self.sabotage, &binding));
                    core.appended[writer] = self.disk.append(FAILOVER, record);
                    continue;
                }
                Action::Save(saved) => {
                    let record = Record::Saved(relationship, saved);
                    core.appended[writer] = self.disk.append(FAILOVER, record);
                    continue;
                }
                Action::Alarm(alarm) => {
                    alarms.push((relationship, alarm));
                    continue;
                }
                Action::Send(xid, message) => Out::Send(xid, message),
                Action::Send6(_, message) => panic!("{message:?} in a relationship of DHCPv4"),
                Action::Close(why) => Out::Close(why),
                Action::Publish(view) => Out::Publish(view),
            };
            core.outbox.push_back((core.appended[writer], relationship, out));
        }
    }
}

impl Core {
    /// Every address that was ever bound.
    pub(super) fn addresses(&self) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        self.table.for_each(|resource, _| addresses.push(resource.ipv4()));
        addresses
    }

    /// Has an endpoint see all the time between two moments, hearing this or nothing: a deliberate
    /// fault.
    fn live_through(
        &mut self,
        relationship: Relationship,
        from: Stamp,
        to: Stamp,
        heard: Option<Message>,
    ) {
        for time in (from.0..to.0).step_by(5).map(Stamp) {
            let packet = heard.clone().map(|message| Packet { time, xid: 0, message });
            let event = packet.as_ref().map_or(Event::Tick, Event::Received);
            let Self { endpoints, table, actions, .. } = self;
            endpoints[relationship].handle(time, event, table, actions);
        }
    }
}

/// The address that changed; only DHCPv4 is spoken here.
fn ipv4(change: &Change) -> Ipv4Addr {
    change.resource.ipv4().expect("only DHCPv4 is spoken here")
}

/// A binding as the journal gets it.
fn recorded(sabotage: Option<Sabotage>, binding: &Binding) -> Binding {
    match sabotage {
        Some(fault) => fault.record(binding.clone()),
        None => binding.clone(),
    }
}
