//! One server: the whole core, and a driver that keeps what the real one promises.

use std::borrow::Cow;
use std::collections::VecDeque;

use dhcp_user::config::Config;
use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::Spoken;
use dhcp_user::failover::{Action, Alarm, Endpoint, Event, Saved, Settings};
use dhcp_user::lease::{
    Binding, BindingStatus, Layouts, Limits, PoolCounts, Resource, Table, Tables, Told, View,
    Views, WriterId, in_turn,
};
use dhcp_user::server::{InterfaceAddress, InterfaceAddresses, Services, Workspace};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::dhcpv6::Duid;
use dhcp_user::wire::failover::State;

use super::clock::{Clock, Millis};
use super::configuration::configuration;
use super::disk::{Disk, Record, Sequence};
use super::leaving::{Held, Out, Reply, recorded};
use super::packet::{Heard, Request};
use super::places::{network_of, server_address, server_duid};
use super::random::Random;
use super::sabotage::Sabotage;
use super::scenario::{Relationship, Scenario, Side};
use super::telling;
use super::worker::{Answered, answer};

/// The rings of the journal.
const WORKER: u16 = 0;
const MAINTENANCE: u16 = 1;
pub(super) const FAILOVER: u16 = 2;
/// Actions that one turn may make: what the driver's queue holds.
const ROOM: usize = 64;

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
    pub(super) services: Services,
    config: Config,
    seed: u64,
    /// Of each relationship.
    settings: Vec<Settings>,
    pub(super) sabotage: Option<Sabotage>,
}

/// What a crash takes away.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) tables: Tables,
    pub(super) views: Views,
    /// What they go by once they have begun a turn since it was published, and its number; one for each
    /// relationship.
    pub(super) published: Vec<(u64, View)>,
    /// One for each relationship.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) limits: Limits,
    work: Workspace,
    /// Of the worker, the sweep and the endpoints.
    pub(super) appended: [Sequence; 3],
    pub(super) held: VecDeque<Held>,
    pub(super) outbox: VecDeque<(Sequence, Relationship, Out)>,
    pub(super) actions: Vec<Action>,
    /// When each endpoint was told something last.
    last: Vec<Stamp>,
    /// What clients cannot foresee.
    chance: Random,
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
        let interfaces = [
            InterfaceAddresses { addresses: vec![own], ..Default::default() },
            InterfaceAddresses::default(),
        ];
        let tables = tables(&config);
        let duid = Duid::new(&server_duid(side));
        let services = Services::new(&config, &tables, duid, &interfaces);
        let places = 0..config.failover.len();
        let settings = places.map(|place| Settings::of(&config, &tables, place)).collect();
        Self {
            side,
            life: 0,
            clock: scenario.servers[side].clock,
            disk: Disk::default(),
            core: None,
            since: 0,
            services,
            config,
            seed: scenario.seed,
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

    /// Whether its partner is heard there.
    pub(super) fn hears(&self, relationship: Relationship) -> bool {
        let Some(core) = &self.core else { return false };
        let table = core.tables.serving(self.settings[relationship].terms.protocol);
        let status = core.endpoints[relationship].status(core.last[relationship], table);
        status.is_some_and(|status| status.is_linked)
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

    /// In which relationship it is shared.
    pub(super) fn relationship(&self, resource: Resource) -> Relationship {
        network_of(resource) % self.settings.len()
    }

    pub(super) fn has_limits(&self) -> bool {
        !self.config.limits.is_empty()
    }

    /// What is published of a network.
    pub(super) fn view(&self, network: usize) -> Option<&View> {
        self.core.as_ref()?.views.0.get(network % self.settings.len())
    }

    pub(super) fn binding(&self, resource: Resource) -> Option<Binding> {
        self.core.as_ref()?.binding(resource)
    }

    /// Starts: from what the disk has.
    pub(super) fn start(&mut self, time: Millis, alarms: &mut Vec<(Relationship, Alarm)>) {
        let tables = tables(&self.config);
        for (resource, binding) in &self.disk.bindings {
            let table = tables.of(*resource);
            let id = table.place_leased(*resource).expect("it was in the table before");
            table.restore(id, binding.clone());
        }
        tables.both().iter().for_each(|table| table.finish_restore(&in_turn));
        let limits = Limits::new();
        self.count_leases(&limits, &tables);
        let states = |saved: Option<Saved>| saved.iter().map(|saved| saved.state).collect();
        self.disk.states = self.disk.saved.map(states);
        self.life += 1;
        self.since = time;
        self.core = Some(Core {
            tables,
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
            chance: Random::new(self.seed, 10 + 2 * u64::from(self.life) + self.side as u64),
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
    pub(super) fn count_leases(&self, limits: &Limits, tables: &Tables) {
        self.services.count_all(limits, tables);
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
        let Core { tables, views, limits, work, chance, .. } = core;
        let old = sabotage == Some(Sabotage::OldView);
        let views = if old { Cow::Borrowed(&*views) } else { views.at(now) };
        let worlds = self.services.worlds(now, tables, limits, &views);
        let mut buffer = [0; 1472];
        let answer = answer(worlds, request, chance, work, &mut buffer);
        let alone: Vec<_> = views.0.iter().map(|view| view.takeover.is_some()).collect();
        for change in core.work.changes() {
            let record = Record::Binding(change.resource, recorded(sabotage, &change.binding));
            core.appended[usize::from(WORKER)] = self.disk.append(WORKER, record);
        }
        if sabotage == Some(Sabotage::Untold) {
            let changed: Vec<_> = core.work.changes().iter().map(|it| it.resource).collect();
            for resource in changed {
                core.alter(resource, |binding| binding.told = Told::Acknowledged);
            }
        }
        let (len, confirms) = match answer {
            Answered::Silent(why) => return Handled::Silent(why),
            Answered::Done => return Handled::Done,
            Answered::Reply { len, confirms } => (len, confirms),
        };
        let octets = buffer[..len].to_vec();
        let heard = Heard::parse(request.protocol(), &octets);
        let bound = |resource| Some((resource, core.binding(resource)?));
        let leases = heard.granted().filter_map(bound).collect();
        let changed = !core.work.changes().is_empty();
        let rests_on = if changed || confirms { core.appended[usize::from(WORKER)] } else { 0 };
        let is_alone = alone[request.network % alone.len()];
        let reply = Reply { client, octets, decided: now, leases, is_alone };
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
        let protocol = self.settings[relationship].terms.protocol;
        let forgotten = if is_lost && sabotage == Some(Sabotage::InFlightForgotten) {
            let is_shared = |resource: &Resource| self.relationship(*resource) == relationship;
            self.core.iter().flat_map(Core::resources).filter(is_shared).collect()
        } else {
            Vec::new()
        };
        let Some(core) = &mut self.core else { return };
        let state = core.endpoints[relationship].state();
        if sabotage == Some(Sabotage::NoRecoverWait) && state == State::RecoverWait {
            // As if the partner went on talking through the whole wait.
            let ends = now.after(mclt);
            let contact = telling::contact(protocol);
            core.live_through((relationship, protocol), now, ends, Some(contact));
        }
        if sabotage == Some(Sabotage::SleepUnnoticed) {
            core.live_through((relationship, protocol), core.last[relationship], now, None);
        }
        core.last[relationship] = now;
        for resource in forgotten {
            let forget = |binding: &mut Binding| binding.told = Told::Acknowledged;
            core.alter_if(resource, |binding| binding.told == Told::Sent, forget);
        }
        if is_lost {
            // What it was to carry is nobody's any more.
            core.outbox
                .retain(|(_, of, out)| *of != relationship || matches!(out, Out::Publish(_)));
        }
        let table = core.tables.serving(protocol);
        core.endpoints[relationship].handle(now, event, table, &mut core.actions);
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
            let Core { endpoints, tables, actions, .. } = core;
            let table = tables.serving(self.settings[relationship].terms.protocol);
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
        let Core { tables, views, appended, limits, .. } = core;
        let (disk, services) = (&mut self.disk, &self.services);
        let mut freed = Vec::new();
        let writer = WriterId(MAINTENANCE);
        let views = views.at(now);
        let mut changed = 0;
        for table in tables.both() {
            let sweep = table.expire(now, usize::MAX, writer, &views, &mut |id, old, binding| {
                let Some(resource) = table.resource(id) else { return };
                if old.status == BindingStatus::Active {
                    services.uncount_lease(limits, resource, old);
                }
                let record = Record::Binding(resource, binding.clone());
                appended[usize::from(MAINTENANCE)] = disk.append(MAINTENANCE, record);
                freed.push(resource);
            });
            changed += sweep.changed;
        }
        if sabotage == Some(Sabotage::FreedWithoutAck) {
            for resource in freed {
                let is_over = |binding: &Binding| binding.status == BindingStatus::Expired;
                core.alter_if(resource, is_over, |binding| binding.status = BindingStatus::Free);
            }
        }
        changed > 0
    }

    /// When an endpoint wants to hear that time has passed.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        self.core.as_ref()?.endpoints.iter().filter_map(Endpoint::next_timeout).min()
    }

    fn is_broken(&self, fault: Sabotage) -> bool {
        self.sabotage == Some(fault)
    }
}

impl Core {
    /// Every binding of both tables.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Resource, &Binding)) {
        for table in self.tables.both() {
            table.for_each(|id, binding| {
                if let Some(resource) = table.resource(id) {
                    visit(resource, binding);
                }
            });
        }
    }

    /// Every address and prefix that was ever bound.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let mut resources = Vec::new();
        self.for_each(|resource, _| resources.push(resource));
        resources
    }

    /// The table that it is in.
    pub(super) fn table(&self, resource: Resource) -> &Table {
        self.tables.of(resource)
    }

    pub(super) fn binding(&self, resource: Resource) -> Option<Binding> {
        let table = self.table(resource);
        let guard = table.pin();
        table.seen(table.find(resource)?, &guard)?.binding().cloned()
    }

    /// What there is in the pool that it is in.
    pub(super) fn counts(&self, resource: Resource) -> Option<PoolCounts> {
        let table = self.table(resource);
        let id = table.place(resource)?;
        let pool = table.layout().pool_of(id)?;
        Some(table.counts(pool))
    }

    /// Has an endpoint see all the time between two moments, hearing this or nothing: a deliberate
    /// fault.
    fn live_through(
        &mut self,
        (relationship, protocol): (Relationship, Protocol),
        from: Stamp,
        to: Stamp,
        heard: Option<Spoken>,
    ) {
        for time in (from.0..to.0).step_by(5).map(Stamp) {
            let packet = heard.clone().map(|message| telling::arrived(time, 0, message));
            let event = packet.as_ref().map_or(Event::Tick, |packet| packet.event(time));
            let Self { endpoints, tables, actions, .. } = self;
            endpoints[relationship].handle(time, event, tables.serving(protocol), actions);
        }
    }
}

/// Tables without bindings, laid out by a configuration.
fn tables(config: &Config) -> Tables {
    Tables::new(Layouts::of(config).expect("the simulation's pools are small"))
}
