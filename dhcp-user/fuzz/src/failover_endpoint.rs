//! Any sequence of what can happen to one endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::DefaultHasher;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::LazyLock;

use dhcp_user::config::Config;
use dhcp_user::failover::{
    Action, Command, Dialect, Endpoint, Event, Greeted, Lost, Role, Saved, Settings,
};
use dhcp_user::lease::{
    Binding, BindingStatus, Client, ClientKey, ItemKind, Layout, PoolId, Table, Told, WriterId,
};
use dhcp_user::wire::failover::{
    Acknowledgement, Malformed, Message, Packet, Reject, Rejection, State, StateReport, Update,
};
use dhcp_user::wire::{Seconds, Stamp};

const BEGIN: Stamp = Stamp(1_000_000);
const ENDPOINT: WriterId = WriterId(1);
const WORKER: WriterId = WriterId(0);
/// Events of one sequence, at the most.
const EVENTS_MAX: usize = 400;
/// Actions that one turn of the driver leaves room for.
const ROOM: usize = 40;

/// Both roles, over one pool and a reservation.
static COMPILED: LazyLock<[(Settings, Layout); 2]> = LazyLock::new(|| {
    ["primary", "secondary"].map(|role| {
        let text = format!(
            "[[interface]]\nname = \"eth0\"\n\
             [[subnet4]]\nsubnet = \"10.77.0.0/24\"\npools = [\"10.77.0.100-10.77.0.107\"]\n\
             [[failover]]\nname = \"fo4\"\nrole = \"{role}\"\nlocal = \"10.78.0.1\"\n\
             peer = \"10.78.0.2\"\nsubnets = [\"10.77.0.0/24\"]\nmclt = \"120s\"\n\
             safe-period = \"1h\"\nmin-balance = \"5s\"\nmax-balance = \"20s\"\n\
             [[reservation4]]\nhw-address = \"02:00:00:00:00:01\"\naddress = \"10.77.0.9\"\n"
        );
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let config = Config::parse(&text, Path::new("tandem.toml"), &read);
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let settings =
            Settings::of(&config.failover[0], &config.identity, vec![PoolId(address(1).into())]);
        (settings, Layout::of(&config))
    })
});

/// Whatever happens, and in whatever order: nothing is said about what is not stored, no lease that
/// runs is taken from its client but by the client, the partner or an operator, and no more is said
/// at once than there is room for.
pub fn failover_endpoint(octets: &[u8]) {
    let mut script = Script(octets);
    let mut server = Server::new(script.octet());
    for _ in 0..EVENTS_MAX {
        if script.0.is_empty() {
            break;
        }
        server.step(&mut script);
    }
    let status = server.endpoint.status(server.now, &server.table).expect("a status");
    assert_eq!(status.state, server.endpoint.state());
    server.endpoint.fingerprint(server.now, &mut DefaultHasher::new());
}

/// What is left of the octets; behind their end there are zeros.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn octet(&mut self) -> u8 {
        self.octets(1).first().copied().unwrap_or_default()
    }

    fn octets(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }

    /// A second near `now`, or one of the times that mean something else.
    fn time(&mut self, now: Stamp) -> Stamp {
        match self.octet() {
            0 => Stamp::ZERO,
            255 => Stamp::NEVER,
            254 => Stamp(u32::MAX - 1),
            octet => Stamp((now.0 + u32::from(octet) * 4).saturating_sub(500)),
        }
    }
}

/// One endpoint, and a driver that remembers what it was asked to.
struct Server {
    settings: &'static Settings,
    endpoint: Endpoint,
    table: Table,
    now: Stamp,
    /// What header times are ahead of `now`.
    ahead: i32,
    saved: Option<Saved>,
    /// Every binding as a restart would find it.
    journal: BTreeMap<Ipv4Addr, Binding>,
    link: Option<Link>,
}

#[derive(Default)]
struct Link {
    dialect: Dialect,
    window: usize,
    /// BNDUPDs of ours that are not answered.
    unanswered: BTreeMap<u32, BTreeSet<Ipv4Addr>>,
    /// The last UPDREQ or UPDREQALL.
    request: u32,
}

impl Server {
    fn new(first: u8) -> Self {
        let (settings, layout) = &COMPILED[usize::from(first & 1)];
        let state = State::ALL.into_iter().filter(|state| *state != State::Startup);
        let saved = state.cycle().nth(usize::from(first >> 2)).filter(|_| first & 2 != 0);
        let saved = saved.map(|state| Saved {
            state,
            since: BEGIN,
            previous: None,
            partner: Some(State::Normal),
            partner_since: BEGIN,
            operational: BEGIN,
            contact: BEGIN,
            mclt: Seconds(120),
            owes_all: first & 0x40 != 0,
            wants_all: first & 0x80 != 0,
        });
        let mut actions = Vec::new();
        let endpoint = Endpoint::new(BEGIN, settings.clone(), saved, ENDPOINT, &mut actions);
        let mut server = Self {
            settings,
            endpoint,
            table: Table::new(layout.clone()),
            now: BEGIN,
            ahead: 0,
            saved,
            journal: BTreeMap::new(),
            link: None,
        };
        server.carry_out(actions, &[]);
        server
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.octet() % 16 {
            0 => self.pass(u32::from(script.octet())),
            1 => self.pass(u32::from(script.octet()) * 60),
            2 => self.link_up(script),
            3 => self.lose(Lost::Closed),
            4 => {
                let (kind, xid, len) = (script.octet(), script.octet(), script.octet());
                self.receive(kind, xid.into(), script.octets(len.into()));
            }
            5 => self.command(script),
            6 => self.lease(script),
            7 => self.release(script),
            8 => {
                let state = State::ALL[usize::from(script.octet()) % State::ALL.len()];
                let (flags, since) = (script.octet(), script.time(self.now));
                let report = StateReport { state, is_startup: flags & 1 != 0, since };
                if state != State::Startup {
                    self.hear(9, Message::State(report));
                }
            }
            9 => self.acknowledge(script),
            10 => self.update(script),
            11 => {
                let request = self.link.as_ref().map_or(0, |link| link.request);
                self.hear(request.wrapping_add((script.octet() & 1).into()), Message::UpdateDone);
            }
            12 => {
                let messages = [
                    Message::PoolRequest,
                    Message::PoolResponse { transferred: 3 },
                    Message::UpdateRequest,
                    Message::UpdateRequestAll,
                    Message::Contact,
                    Message::Disconnect(None),
                ];
                let number = usize::from(script.octet());
                self.hear(number as u32, messages[number % messages.len()].clone());
            }
            13 => self.restart(),
            14 => self.pump(script.octet().into()),
            _ => {
                let octet = script.octet();
                self.ahead = i32::from(octet.cast_signed()) * if octet & 1 == 0 { 1 } else { 100 };
            }
        }
        self.pump(ROOM);
    }

    fn pass(&mut self, seconds: u32) {
        self.now = Stamp(self.now.0 + seconds);
        // What one timer begins may be over by the same hour.
        for _ in 0..4 {
            self.handle(Event::Tick, &[], None);
            if self.endpoint.next_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("what is due is done, or it never ends");
    }

    fn link_up(&mut self, script: &mut Script<'_>) {
        self.lose(Lost::Closed);
        let choice = usize::from(script.octet());
        let dialect = if choice & 1 == 0 { Dialect::Dhcpd } else { Dialect::Tandem };
        let max_unacked = [1, 2, 10, u32::MAX][choice >> 1 & 3];
        let mclt = match self.settings.role {
            Role::Primary => self.settings.mclt,
            Role::Secondary => Seconds([120, 1, 3_600, u32::MAX][choice >> 5 & 3]),
        };
        let greeted = Greeted {
            dialect,
            vendor: "any".to_owned(),
            max_unacked,
            partner_receive_timer: Seconds([30, 0, 3, u32::MAX][choice >> 3 & 3]),
            mclt,
            buckets: [u64::from(script.octet()); 4],
            ahead: i64::from(script.octet().cast_signed()) / 3,
            last_xid: u32::MAX - u32::from(script.octet()),
            partner_time: self.now,
        };
        let window = usize::try_from(max_unacked).unwrap_or(usize::MAX);
        self.link = Some(Link { dialect, window, ..Link::default() });
        self.handle(Event::LinkUp(greeted), &[], None);
    }

    fn lose(&mut self, lost: Lost) {
        if self.link.take().is_some() {
            self.handle(Event::LinkLost(lost), &[], None);
        }
    }

    /// A message of octets, as the link would hand it in.
    fn receive(&mut self, kind: u8, xid: u32, options: &[u8]) {
        let len = (Packet::HEADER_LEN + options.len()) as u16;
        let mut octets = [&len.to_be_bytes()[..], &[kind, 12]].concat();
        octets.extend(self.header_time().0.to_be_bytes());
        octets.extend(xid.to_be_bytes());
        octets.extend(options);
        match Packet::parse(&octets) {
            Ok(packet) => self.hear(packet.xid, packet.message),
            Err(Malformed::Ignored { .. }) => {}
            Err(malformed) => self.lose(Lost::Malformed(malformed.to_string())),
        }
    }

    fn hear(&mut self, xid: u32, message: Message) {
        let Some(link) = &mut self.link else { return };
        if let Message::BindingAck(answers) = &message {
            let is_answered = |address: &_| answers.iter().any(|answer| answer.address == *address);
            let is_done = link.unanswered.get_mut(&xid).is_some_and(|addresses| {
                addresses.retain(|address| !is_answered(address));
                addresses.is_empty()
            });
            if is_done {
                link.unanswered.remove(&xid);
            }
        }
        let updates = match &message {
            Message::BindingUpdate(updates) => updates.clone(),
            _ => Vec::new(),
        };
        let packet = Packet { time: self.header_time(), xid, message };
        self.handle(Event::Received(&packet), &updates, None);
    }

    fn update(&mut self, script: &mut Script<'_>) {
        let status = BindingStatus::from_octet(script.octet() % 7 + 1).expect("one of seven");
        let update = Update {
            hardware: script.octet().checked_sub(1).map(|client| hardware(client).into()),
            expires: Some(script.time(self.now)),
            potential: Some(script.time(self.now)),
            starts: Some(script.time(self.now)),
            cltt: Some(script.time(self.now)),
            ..Update::new(address(script.octet()), status)
        };
        self.hear(7, Message::BindingUpdate(vec![update]));
    }

    fn acknowledge(&mut self, script: &mut Script<'_>) {
        let (which, is_refused) = (script.octet(), script.octet() & 1 != 0);
        let Some(link) = &self.link else { return };
        let nth = usize::from(which) % link.unanswered.len().max(1);
        let Some((xid, addresses)) = link.unanswered.iter().nth(nth) else { return };
        let rejection = Rejection { reason: Reject::Outdated, text: String::new() };
        let answer = |address: &Ipv4Addr| Acknowledgement {
            address: *address,
            rejection: is_refused.then(|| rejection.clone()),
        };
        let (xid, answers) = (*xid, addresses.iter().map(answer).collect());
        self.hear(xid, Message::BindingAck(answers));
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let target = address(script.octet());
        let (command, reset) = match script.octet() % 6 {
            0 => (Command::PartnerDown, None),
            1 => (Command::Pause, None),
            2 => (Command::Resume, None),
            3 => (Command::Shutdown, None),
            4 => (Command::Resynchronise, None),
            _ => (Command::Reset(target), Some(target)),
        };
        self.handle(Event::Command(command), &[], reset);
    }

    /// A worker grants or renews a lease.
    fn lease(&mut self, script: &mut Script<'_>) {
        let (address, client) = (address(script.octet()), client(script.octet()));
        let lasts = Seconds(u32::from(script.octet()) * 4);
        let now = self.now;
        self.change(address, |before| {
            let is_its =
                before.is_some_and(|it| it.is_held(now) && it.client.as_ref() == Some(&client));
            let is_to_be_had = before.is_none_or(Binding::is_available);
            (is_its || is_to_be_had).then(|| Binding {
                expires: now.after(lasts),
                cltt: now,
                sent_potential: now.after(Seconds(lasts.0 * 2)),
                client: Some(client),
                ..Binding::new(BindingStatus::Active, now)
            })
        });
    }

    /// A worker hears a RELEASE or a DECLINE.
    fn release(&mut self, script: &mut Script<'_>) {
        let (address, declines) = (address(script.octet()), script.octet() & 1 != 0);
        let now = self.now;
        self.change(address, |before| {
            let before = before.filter(|before| before.is_held(now))?;
            let status = if declines { BindingStatus::Abandoned } else { BindingStatus::Released };
            let client = before.client.clone().filter(|_| !declines);
            let expires = if declines { now.after(Seconds(600)) } else { now };
            Some(Binding { status, client, starts: now, expires, ..before.clone() })
        });
    }

    fn change(&mut self, address: Ipv4Addr, new: impl FnOnce(Option<&Binding>) -> Option<Binding>) {
        let guard = self.table.pin();
        let Some(seen) = self.table.seen(address, &guard) else { return };
        let Some(new) = new(seen.binding()) else { return };
        let new = Binding { told: Told::Unsent, writer: Some(WORKER), ..new };
        self.journal.insert(address, lasting(&new));
        assert!(self.table.replace(address, seen, new, &guard).is_ok(), "nobody else is here");
    }

    fn restart(&mut self) {
        self.link = None;
        let mut actions = Vec::new();
        let (now, settings) = (self.now, self.settings.clone());
        self.endpoint = Endpoint::new(now, settings, self.saved, ENDPOINT, &mut actions);
        self.carry_out(actions, &[]);
    }

    fn handle(&mut self, event: Event<'_>, updates: &[Update], reset: Option<Ipv4Addr>) {
        let before = self.bindings();
        let mut actions = Vec::new();
        self.endpoint.handle(self.now, event, &self.table, &mut actions);
        assert!(actions.len() <= 32 + 4 * updates.len(), "bounded: {actions:?}");
        let closes = self.carry_out(actions, updates);
        self.check(&before, updates, reset);
        if closes && self.link.take().is_some() {
            self.handle(Event::LinkLost(Lost::Asked), &[], None);
        }
    }

    fn pump(&mut self, room: usize) {
        let before = self.bindings();
        let mut actions = Vec::new();
        self.endpoint.pump(self.now, &self.table, room, &mut actions);
        assert!(actions.len() <= room, "{} of {room}: {actions:?}", actions.len());
        assert!(!self.carry_out(actions, &[]));
        self.check(&before, &[], None);
    }

    /// Does what is to be done; true if the link is to be closed.
    fn carry_out(&mut self, actions: Vec<Action>, updates: &[Update]) -> bool {
        let (mut closes, mut answers) = (false, 0);
        for action in actions {
            match action {
                Action::Changed { address, before, binding } => {
                    let known = self.journal.insert(address, lasting(&binding));
                    assert_eq!(before.as_ref().map(lasting), known, "nothing is left out");
                }
                Action::Save(saved) => {
                    assert_eq!(Saved::from_octets(&saved.to_octets()), Ok(saved));
                    self.saved = Some(saved);
                }
                Action::Send(xid, message) => {
                    assert!(!closes, "{message:?} behind the end");
                    answers += usize::from(matches!(message, Message::BindingAck(_)));
                    self.send(xid, message, updates);
                }
                Action::Close(_) => closes = true,
                Action::Publish(_) | Action::Alarm(_) => {}
            }
        }
        assert!(answers <= usize::from(!updates.is_empty()), "each update is answered once");
        closes
    }

    fn send(&mut self, xid: u32, message: Message, updates: &[Update]) {
        let link = self.link.as_mut().expect("a link to send on");
        match &message {
            Message::State(report) => {
                let saved = self.saved.expect("something is stored");
                assert_eq!(
                    (report.state, report.since),
                    (saved.state, saved.since),
                    "stored first"
                );
            }
            Message::BindingUpdate(updates) => {
                let addresses = updates.iter().map(|update| update.address);
                let twice = link.unanswered.insert(xid, addresses.clone().collect());
                assert!(twice.is_none(), "xid {xid} is used already");
                assert!(link.unanswered.len() <= link.window, "more than the partner takes");
                for address in addresses {
                    assert!(self.journal.contains_key(&address), "{address} is stored first");
                }
            }
            Message::BindingAck(answers) => {
                let answered = answers.iter().map(|answer| answer.address);
                assert!(answered.eq(updates.iter().map(|update| update.address)));
            }
            Message::UpdateRequest | Message::UpdateRequestAll => link.request = xid,
            Message::Connect(_) | Message::ConnectAck(_) => panic!("a greeting on the link"),
            _ => {}
        }
        let packet = Packet { time: self.now, xid, message };
        let encoded = packet.encode(link.dialect, None, &mut Vec::new());
        assert_eq!(encoded, Ok(()), "{packet:?}");
    }

    /// What the last event may have done to leases.
    fn check(
        &self,
        before: &BTreeMap<Ipv4Addr, Binding>,
        updates: &[Update],
        reset: Option<Ipv4Addr>,
    ) {
        use BindingStatus::{Abandoned, Active, Backup, Free, Released, Reset};
        // Two clocks are rounded: a lease may end that much too soon.
        let soon = self.now.after(Seconds(2));
        let now = self.bindings();
        assert_eq!(now, self.journal, "what is journalled is what holds");
        for (address, old) in before {
            let new = &now[address];
            let said = updates.iter().filter(|update| update.address == *address);
            let said: Vec<_> = said.map(|update| update.status).collect();
            if old.is_held(soon) && new.status != Active && reset != Some(*address) {
                // A later lease of the client, over as well, of which we have not heard.
                let is_later = |update: &Update| {
                    (update.address, update.status) == (*address, BindingStatus::Expired)
                        && update.cltt > Some(old.cltt)
                };
                let may_end = said.iter().any(|it| [Released, Reset, Abandoned].contains(it))
                    || updates.iter().any(is_later);
                assert!(may_end, "{address} is taken from its client: {old:?}, {new:?}");
            }
            if old.is_held(soon) && new.status == Active && old.client != new.client {
                let is_same = old.client.as_ref().zip(new.client.as_ref());
                let is_same = is_same.is_some_and(|(one, other)| one.is_same(other));
                let is_open = self.link.as_ref().is_some_and(|link| {
                    link.unanswered.values().any(|addresses| addresses.contains(address))
                });
                let is_taken =
                    said.contains(&Active) && (is_open || self.settings.role == Role::Secondary);
                assert!(is_same || is_taken, "{address} has two clients: {old:?}, {new:?}");
            }
            let given = match self.settings.role {
                Role::Primary => (Free, Backup),
                Role::Secondary => (Backup, Free),
            };
            let moved = (old.status, new.status);
            if old.is_available() && moved.0 != moved.1 && said.is_empty() && reset.is_none() {
                assert_eq!(moved, given, "{address}: only our own is ours to give");
            }
        }
    }

    fn bindings(&self) -> BTreeMap<Ipv4Addr, Binding> {
        let guard = self.table.pin();
        let addresses = (0..9).map(address);
        let all = addresses.filter_map(|address| {
            Some((address, lasting(self.table.seen(address, &guard)?.binding()?)))
        });
        all.collect()
    }

    fn header_time(&self) -> Stamp {
        Stamp(self.now.0.saturating_add_signed(self.ahead))
    }
}

/// Without what a restart forgets.
fn lasting(binding: &Binding) -> Binding {
    Binding { version: 0, writer: None, offered_until: Stamp::ZERO, ..binding.clone() }
}

/// Eight of the pool, the reserved one, and one of nobody's.
fn address(number: u8) -> Ipv4Addr {
    match number % 10 {
        0 => Ipv4Addr::new(10, 77, 0, 9),
        9 => Ipv4Addr::new(10, 77, 1, 1),
        number => Ipv4Addr::new(10, 77, 0, 99 + number),
    }
}

fn hardware(client: u8) -> [u8; 7] {
    [1, 2, 0, 0, 0, 0, client % 4]
}

fn client(number: u8) -> Client {
    Client::builder(ClientKey { kind: ItemKind::Hardware, octets: &hardware(number) }).build()
}
