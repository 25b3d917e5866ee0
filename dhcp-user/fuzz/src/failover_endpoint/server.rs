//! One endpoint, and a driver that keeps what the server's own promises.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::LazyLock;

use dhcp_user::config::Config;
use dhcp_user::failover::{Action, Dialect, Endpoint, Event, Lost, Saved, Settings};
use dhcp_user::lease::{Binding, Layout, Layouts, Table, Tables, WriterId};
use dhcp_user::wire::failover::{Message, Packet, State, Update};
use dhcp_user::wire::{Seconds, Stamp};

use super::script::address;

const BEGIN: Stamp = Stamp(1_000_000);
const ENDPOINT: WriterId = WriterId(1);
/// Actions that one turn of the driver leaves room for.
pub(super) const ROOM: usize = 40;

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
        let layout = Layout::of(&config);
        let tables = Tables::new(Layouts::of(&config).expect("there are numbers enough"));
        let settings = Settings::of(&config, &tables, 0);
        (settings, layout)
    })
});

/// One endpoint, and a driver that remembers what it was asked to.
pub(super) struct Server {
    pub(super) settings: &'static Settings,
    pub(super) endpoint: Endpoint,
    pub(super) table: Table,
    pub(super) now: Stamp,
    /// What header times are ahead of `now`.
    pub(super) ahead: i32,
    saved: Option<Saved>,
    /// Every binding as a restart would find it.
    pub(super) journal: BTreeMap<Ipv4Addr, Binding>,
    pub(super) link: Option<Link>,
}

#[derive(Default)]
pub(super) struct Link {
    pub(super) dialect: Dialect,
    pub(super) window: usize,
    /// BNDUPDs of ours that are not answered.
    pub(super) unanswered: BTreeMap<u32, BTreeSet<Ipv4Addr>>,
    /// The last UPDREQ or UPDREQALL.
    pub(super) request: u32,
}

impl Server {
    pub(super) fn new(first: u8) -> Self {
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
            longest_mclt: Seconds(120),
            forgotten: Stamp::ZERO,
            addresses: None,
            role: None,
            owes_all: first & 0x40 != 0,
            wants_all: first & 0x80 != 0,
            compares: false,
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
        server.handle(Event::Followed, &[], None);
        server
    }

    pub(super) fn restart(&mut self) {
        self.link = None;
        let mut actions = Vec::new();
        let (now, settings) = (self.now, self.settings.clone());
        self.endpoint = Endpoint::new(now, settings, self.saved, ENDPOINT, &mut actions);
        self.carry_out(actions, &[]);
        self.handle(Event::Followed, &[], None);
    }

    pub(super) fn handle(&mut self, event: Event<'_>, updates: &[Update], reset: Option<Ipv4Addr>) {
        let before = self.bindings();
        let mut actions = Vec::new();
        self.endpoint.handle(self.now, event, &self.table, &mut actions);
        assert!(actions.len() <= 32 + 4 * updates.len(), "bounded: {actions:?}");
        let publishes = actions.iter().any(|action| matches!(action, Action::Publish(_)));
        let closes = self.carry_out(actions, updates);
        self.check(&before, updates, reset);
        if closes && self.link.take().is_some() {
            self.handle(Event::LinkLost(Lost::Asked), &[], None);
        }
        if publishes {
            self.handle(Event::Followed, &[], None);
        }
    }

    pub(super) fn pump(&mut self, room: usize) {
        let before = self.bindings();
        let mut actions = Vec::new();
        self.endpoint.pump(self.now, &self.table, room, &mut actions);
        assert!(actions.len() <= room, "{} of {room}: {actions:?}", actions.len());
        assert!(!self.carry_out(actions, &[]));
        self.check(&before, &[], None);
    }

    /// Does what is to be done; true if the link is to be closed.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>, updates: &[Update]) -> bool {
        let (mut closes, mut answers) = (false, 0);
        for action in actions {
            match action {
                Action::Changed { resource, before, binding } => {
                    let address = resource.ipv4().expect("the table has no others");
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
                Action::Send6(_, message) => panic!("{message:?} in a relationship of DHCPv4"),
                Action::Close(_) => closes = true,
                Action::Publish(_) | Action::Alarm(_) => {}
            }
        }
        assert!(answers <= usize::from(!updates.is_empty()), "each update is answered once");
        closes
    }

    pub(super) fn send(&mut self, xid: u32, message: Message, updates: &[Update]) {
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

    pub(super) fn bindings(&self) -> BTreeMap<Ipv4Addr, Binding> {
        let guard = self.table.pin();
        let addresses = (0..9).map(address);
        let all = addresses.filter_map(|address| {
            Some((address, lasting(self.table.seen(address, &guard)?.binding()?)))
        });
        all.collect()
    }

    pub(super) fn header_time(&self) -> Stamp {
        Stamp(self.now.0.saturating_add_signed(self.ahead))
    }
}

/// Without what a restart forgets.
pub(super) fn lasting(binding: &Binding) -> Binding {
    Binding { version: 0, writer: None, offered_until: Stamp::ZERO, ..binding.clone() }
}
