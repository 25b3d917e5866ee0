//! One endpoint, and a driver that keeps what the server's own promises.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

use dhcp_user::config::Config;
use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::{Arrived, Spoken};
use dhcp_user::failover::{Action, Dialect, Endpoint, Event, Lost, Role, Saved, Settings};
use dhcp_user::lease::{Binding, BindingStatus, Layouts, Resource, Table, Tables, WriterId};
use dhcp_user::wire::failover::{self, State};
use dhcp_user::wire::{Seconds, Stamp, failover6};

use super::script::{resources, states};
use super::words::{self, Told};

const BEGIN: Stamp = Stamp(1_000_000);
const ENDPOINT: WriterId = WriterId(1);
/// Actions that one turn of the driver leaves room for.
pub(super) const ROOM: usize = 40;

/// What a relationship is, but for its role and the times.
const DHCPV4: &str = r#"
    subnets = ["10.77.0.0/24"]
    local = "10.78.0.1"
    peer = "10.78.0.2"
    [[subnet4]]
    subnet = "10.77.0.0/24"
    pools = ["10.77.0.100-10.77.0.107"]
    [[reservation4]]
    hw-address = "02:00:00:00:00:01"
    address = "10.77.0.9"
"#;
const DHCPV6: &str = r#"
    subnets = ["2001:db8:1::/64"]
    local = "2001:db8:ffff::1"
    peer = "2001:db8:ffff::2"
    insecure = true
    [[subnet6]]
    subnet = "2001:db8:1::/64"
    pools = ["2001:db8:1::10-2001:db8:1::17"]
    prefix-pools = [{ prefix = "2001:db8:8000::/53", delegate = 56 }]
    [[reservation6]]
    duid = "00:03:00:01:02:00:00:00:00:01"
    addresses = ["2001:db8:1::99"]
"#;

/// Both roles in each protocol.
static COMPILED: LazyLock<[[(Config, Settings); 2]; 2]> = LazyLock::new(|| {
    [DHCPV4, DHCPV6].map(|shared| {
        ["primary", "secondary"].map(|role| {
            let text = format!(
                "[[interface]]\nname = \"eth0\"\n\
                 [[failover]]\nname = \"fo\"\nrole = \"{role}\"\nmclt = \"120s\"\n\
                 safe-period = \"1h\"\nmin-balance = \"5s\"\nmax-balance = \"20s\"\n{shared}"
            );
            let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
            let config = Config::parse(&text, Path::new("tandem.toml"), &read);
            let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let settings = Settings::of(&config, &tables(&config), 0);
            (config, settings)
        })
    })
});

/// Tables of a run's own: IPv6 addresses get their numbers as they are spoken of.
fn tables(config: &Config) -> Tables {
    Tables::new(Layouts::of(config).expect("there are numbers enough"))
}

/// One endpoint, and a driver that remembers what it was asked to.
pub(super) struct Server {
    pub(super) settings: &'static Settings,
    pub(super) endpoint: Endpoint,
    pub(super) tables: Tables,
    pub(super) now: Stamp,
    /// What header times are ahead of `now`.
    pub(super) ahead: i32,
    saved: Option<Saved>,
    /// Every binding as a restart would find it.
    pub(super) journal: BTreeMap<Resource, Binding>,
    pub(super) link: Option<Link>,
}

#[derive(Default)]
pub(super) struct Link {
    pub(super) dialect: Dialect,
    pub(super) window: usize,
    /// BNDUPDs of ours that are not answered.
    pub(super) unanswered: BTreeMap<u32, Unanswered>,
    /// The last UPDREQ or UPDREQALL.
    pub(super) request: u32,
}

pub(super) struct Unanswered {
    pub(super) message: Spoken,
    /// What of it is not answered.
    pub(super) left: Vec<Told>,
}

/// What an event says of leases, which it may change therefore.
#[derive(Default)]
pub(super) struct Said {
    /// By the partner, in a BNDUPD if there is one.
    pub(super) told: Option<Vec<Told>>,
    /// What we had told, and the partner has taken.
    pub(super) agreed: Vec<(Resource, BindingStatus)>,
    /// By an operator.
    pub(super) reset: Option<Resource>,
}

impl Link {
    /// The partner answers for these, and takes them or not; what it takes as we told it.
    pub(super) fn answered(
        &mut self,
        xid: u32,
        answers: &[(Resource, bool)],
    ) -> Vec<(Resource, BindingStatus)> {
        let Some(update) = self.unanswered.get_mut(&xid) else { return Vec::new() };
        let mut agreed = Vec::new();
        update.left.retain(|told| {
            let answer = answers.iter().find(|(resource, _)| *resource == told.resource);
            if let Some((resource, true)) = answer {
                agreed.extend(told.status.map(|status| (*resource, status)));
            }
            answer.is_none()
        });
        if update.left.is_empty() {
            self.unanswered.remove(&xid);
        }
        agreed
    }

    /// Whether an answer for it is to come.
    pub(super) fn awaits(&self, resource: Resource) -> bool {
        let mut left = self.unanswered.values().flat_map(|update| &update.left);
        left.any(|told| told.resource == resource)
    }
}

impl Server {
    pub(super) fn new(protocol: Protocol, first: u8) -> Self {
        let (config, settings) = &COMPILED[protocol as usize][usize::from(first & 1)];
        let state = states(protocol).cycle().nth(usize::from(first >> 2));
        let saved = state.filter(|_| first & 2 != 0);
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
            tables: tables(config),
            now: BEGIN,
            ahead: 0,
            saved,
            journal: BTreeMap::new(),
            link: None,
        };
        server.carry_out(actions, &Said::default());
        server.handle(Event::Followed, &Said::default());
        server
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.settings.terms.protocol
    }

    /// Of what the two share.
    pub(super) fn table(&self) -> &Table {
        self.tables.serving(self.protocol())
    }

    pub(super) fn restart(&mut self) {
        self.link = None;
        let mut actions = Vec::new();
        let (now, settings) = (self.now, self.settings.clone());
        self.endpoint = Endpoint::new(now, settings, self.saved, ENDPOINT, &mut actions);
        self.carry_out(actions, &Said::default());
        self.handle(Event::Followed, &Said::default());
    }

    pub(super) fn handle(&mut self, event: Event<'_>, said: &Said) {
        let before = self.bindings();
        let mut actions = Vec::new();
        let table = self.tables.serving(self.settings.terms.protocol);
        self.endpoint.handle(self.now, event, table, &mut actions);
        let told = said.told.as_ref().map_or(0, Vec::len);
        assert!(actions.len() <= 32 + 4 * told, "bounded: {actions:?}");
        let publishes = actions.iter().any(|action| matches!(action, Action::Publish(_)));
        let closes = self.carry_out(actions, said);
        self.check(&before, said);
        if closes && self.link.take().is_some() {
            self.handle(Event::LinkLost(Lost::Asked), &Said::default());
        }
        if publishes {
            self.handle(Event::Followed, &Said::default());
        }
    }

    pub(super) fn pump(&mut self, room: usize) {
        let before = self.bindings();
        let mut actions = Vec::new();
        let table = self.tables.serving(self.settings.terms.protocol);
        self.endpoint.pump(self.now, table, room, &mut actions);
        assert!(actions.len() <= room, "{} of {room}: {actions:?}", actions.len());
        assert!(!self.carry_out(actions, &Said::default()));
        self.check(&before, &Said::default());
    }

    /// Does what is to be done; true if the link is to be closed.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>, said: &Said) -> bool {
        let (mut closes, mut answers) = (false, 0);
        for action in actions {
            let (xid, message) = match action {
                Action::Changed { resource, before, binding } => {
                    let known = self.journal.insert(resource, lasting(&binding));
                    assert_eq!(before.as_ref().map(lasting), known, "nothing is left out");
                    continue;
                }
                Action::Save(saved) => {
                    assert_eq!(Saved::from_octets(&saved.to_octets()), Ok(saved));
                    self.saved = Some(saved);
                    continue;
                }
                Action::Close(_) => {
                    closes = true;
                    continue;
                }
                Action::Publish(_) | Action::Alarm(_) => continue,
                Action::Send(xid, message) => (xid, Spoken::from(message)),
                Action::Send6(xid, message) => (xid, message.into()),
            };
            assert!(!closes, "{message:?} behind the end");
            answers += usize::from(words::answered(&message).is_some());
            self.send(xid, message, said);
        }
        assert!(answers <= usize::from(said.told.is_some()), "each update is answered once");
        closes
    }

    pub(super) fn send(&mut self, xid: u32, message: Spoken, said: &Said) {
        let link = self.link.as_mut().expect("a link to send on");
        if let Some(told) = words::told(&message) {
            for Told { resource, .. } in &told {
                assert!(self.journal.contains_key(resource), "{resource} is stored first");
            }
            let message = message.clone();
            let twice = link.unanswered.insert(xid, Unanswered { message, left: told });
            assert!(twice.is_none(), "xid {xid} is used already");
            assert!(link.unanswered.len() <= link.window, "more than the partner takes");
        }
        if let Some(answered) = words::answered(&message) {
            let told = said.told.iter().flatten().map(|told| told.resource);
            assert!(answered.into_iter().map(|(resource, _)| resource).eq(told));
        }
        match &message {
            Spoken::V4(message) => {
                use failover::Message;
                match message {
                    Message::State(report) => check_stored(self.saved, report.state, report.since),
                    Message::UpdateRequest | Message::UpdateRequestAll => link.request = xid,
                    Message::Connect(_) | Message::ConnectAck(_) => {
                        panic!("a greeting on the link")
                    }
                    _ => {}
                }
            }
            Spoken::V6(message) => {
                use failover6::Message;
                match message {
                    Message::State(report) => check_stored(self.saved, report.state, report.since),
                    Message::UpdateRequest | Message::UpdateRequestAll => link.request = xid,
                    Message::Connect(_)
                    | Message::ConnectReply(_)
                    | Message::StartTls
                    | Message::TlsReply(_) => panic!("a greeting on the link"),
                    // RFC 8156 §5.3.3, §5.3.4: the one is the secondary's to say, the other the primary's.
                    Message::PoolRequest => assert_eq!(self.settings.terms.role, Role::Secondary),
                    Message::PoolResponse => assert_eq!(self.settings.terms.role, Role::Primary),
                    _ => {}
                }
            }
        }
        let packet = words::arrived(self.now, xid, message);
        let protocol = match packet {
            Arrived::V4(_) => Protocol::Dhcpv4,
            Arrived::V6(_) => Protocol::Dhcpv6,
        };
        assert_eq!(protocol, self.settings.terms.protocol);
        assert_eq!(words::encode(&packet, link.dialect), Ok(()), "{packet:?}");
    }

    pub(super) fn bindings(&self) -> BTreeMap<Resource, Binding> {
        let table = self.table();
        let guard = table.pin();
        let all = resources(self.protocol()).filter_map(|resource| {
            let seen = table.seen(table.find(resource)?, &guard)?;
            Some((resource, lasting(seen.binding()?)))
        });
        all.collect()
    }

    pub(super) fn header_time(&self) -> Stamp {
        Stamp(self.now.0.saturating_add_signed(self.ahead))
    }
}

/// What the partner is told of our state is on disk.
fn check_stored(saved: Option<Saved>, state: State, since: Stamp) {
    let saved = saved.expect("something is stored");
    assert_eq!((state, since), (saved.state, saved.since), "stored first");
}

/// Without what a restart forgets.
pub(super) fn lasting(binding: &Binding) -> Binding {
    Binding { version: 0, writer: None, offered_until: Stamp::ZERO, ..binding.clone() }
}
