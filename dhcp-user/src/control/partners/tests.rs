//! Two servers' failover threads, each with a journal, over loopback.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::{Partners, Parts, Prepared, Running, left};
use crate::config::Config;
use crate::control::clock;
use crate::failover::{Command, Role, Saved, Settings, Status};
use crate::journal::{Appender, Health, Journal, SharedHealth};
use crate::lease::{
    Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Layouts, Limits, Resource,
    SharedViews, Tables, Told, WriterId, in_turn,
};
use crate::server::Services;
use crate::wire::failover::State;
use crate::wire::{Ipv6Prefix, Seconds, Stamp};

/// So long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server listens for its partner.
const STARTUP_S: u32 = 1;
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 10);

/// What a server takes the time from.
#[derive(Clone)]
enum Time {
    /// The machine.
    Clock,
    /// The test, which sets it.
    Hand(Arc<AtomicU32>),
}

impl Time {
    /// It stands until it is moved.
    fn by_hand() -> Self {
        Self::Hand(Arc::new(clock::now().0.into()))
    }

    fn now(&self) -> Stamp {
        match self {
            Self::Clock => clock::now(),
            Self::Hand(now) => Stamp(now.load(Ordering::Relaxed)),
        }
    }
}

/// One server without its workers.
struct Server {
    tables: Arc<Tables>,
    views: Arc<SharedViews>,
    partners: Partners,
    running: Running,
    health: Arc<SharedHealth>,
    time: Time,
    /// A worker's.
    appender: Appender,
    commit: JoinHandle<Health>,
}

impl Server {
    /// On the journal in `dir`, or if there is none in NORMAL before.
    fn start(dir: &Path, role: &str, local: SocketAddr, peer: SocketAddr) -> Self {
        Self::start_by(Time::Clock, dir, role, local, peer)
    }

    fn start_by(time: Time, dir: &Path, role: &str, local: SocketAddr, peer: SocketAddr) -> Self {
        Self::start_with(time, dir, &config(dir, role, local, peer))
    }

    fn start_with(time: Time, dir: &Path, config: &Config) -> Self {
        let tables = Arc::new(Tables::new(Layouts::of(config).unwrap()));
        let recovery = Journal::open(dir, &config.journal, 2).unwrap();
        let (journal, mut found) = recovery.load(&*tables, 1).unwrap();
        tables.both().into_iter().for_each(|table| table.finish_restore(&in_turn));
        let now = time.now();
        found.notes.entry("failover/metro".to_owned()).or_insert_with(|| {
            let saved = saved(now);
            saved.to_octets().to_vec()
        });
        let Journal { mut appenders, committer, health, .. } = journal;
        let commit = thread::spawn(move || committer.run(clock::now));
        let clock = time.clone();
        let clock = Arc::new(move || clock.now());
        let prepared = Prepared::with_clock(config, &tables, &found.notes, WriterId(1), clock);
        let prepared = prepared.unwrap().unwrap();
        let (views, partners) = (prepared.views(), prepared.face());
        assert_eq!(views.load().of(Some(0)).answers, Answers::Nobody);
        let services = Services::new(config, &tables, None, &[]);
        let parts = Parts {
            tables: Arc::clone(&tables),
            limits: Arc::new(Limits::new()),
            services: Arc::new(ArcSwap::from_pointee(services)),
            health: Arc::clone(&health),
            appender: appenders.pop().unwrap(),
            announce: Box::new(|| {}),
        };
        let running = prepared.start(parts).unwrap();
        let appender = appenders.pop().unwrap();
        Self { tables, views, partners, running, health, time, appender, commit }
    }

    fn status(&self) -> Option<Status> {
        self.partners.status().pop()
    }

    /// Time passes that the test holds in its hand.
    fn pass(&self, seconds: u32) {
        let Time::Hand(now) = &self.time else { panic!("it goes by itself") };
        now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Whether workers answer everybody now.
    fn serves(&self) -> bool {
        let views = self.views.load();
        views.at(self.time.now()).of(Some(0)).answers == Answers::Everybody
    }

    fn is_in(&self, state: State) -> bool {
        self.status().is_some_and(|status| status.state == state)
    }

    fn binding(&self, resource: impl Into<Resource>) -> Option<Binding> {
        let resource = resource.into();
        let table = self.tables.of(resource);
        let guard = table.pin();
        table.seen(table.find(resource)?, &guard)?.binding().cloned()
    }

    fn has(&self, resource: Resource, status: BindingStatus, told: Told) -> bool {
        self.binding(resource).is_some_and(|it| (it.status, it.told) == (status, told))
    }

    /// Leases an address or a prefix as a worker does, the partner being untold.
    fn lease(&mut self, resource: impl Into<Resource>, hardware: u8) {
        let resource = resource.into();
        let now = clock::now();
        let (kind, octets) = match resource {
            Resource::Ipv4(_) => (ItemKind::Hardware, vec![1, 2, 0, 0, 0, 0, hardware]),
            Resource::Ipv6(_) => (ItemKind::IaAddresses, vec![0, 0, 0, 1, 0, 3, 0, 1, hardware]),
            Resource::Prefix(_) => (ItemKind::IaPrefixes, vec![0, 0, 0, 1, 0, 3, 0, 1, hardware]),
        };
        let key = ClientKey { kind, octets: &octets };
        let table = self.tables.of(resource);
        let id = table.place(resource).unwrap();
        let guard = table.pin();
        let seen = table.seen(id, &guard).unwrap();
        let binding = Binding {
            told: Told::Unsent,
            expires: now.after(Seconds(3_600)),
            cltt: now,
            sent_potential: now.after(Seconds(7_200)),
            writer: Some(WriterId(0)),
            client: Some(Client::builder(key).build()),
            ..Binding::new(BindingStatus::Active, now)
        };
        let leased = table.replace(id, seen, binding, &guard).unwrap();
        self.appender.append(resource, leased.binding().unwrap()).unwrap();
    }

    fn command(&self, name: &str, command: Command) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.partners.command(name, command))
    }

    fn stop(self) {
        self.running.stop();
        drop(self.appender);
        assert_eq!(self.commit.join().unwrap(), Health::Good);
    }
}

/// One relationship over one subnet.
fn config(dir: &Path, role: &str, local: SocketAddr, peer: SocketAddr) -> Config {
    let text = format!(
        "state-dir = {dir:?}\n[[interface]]\nname = \"lo\"\n\
         [[subnet4]]\nsubnet = \"10.7.0.0/24\"\npools = [\"10.7.0.10-10.7.0.199\"]\n\
         [[failover]]\nname = \"metro\"\nrole = \"{role}\"\nlocal = \"{local}\"\n\
         peer = \"{peer}\"\nsubnets = [\"10.7.0.0/24\"]\nstartup = \"{STARTUP_S}s\"\n"
    );
    let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(&text, Path::new("test.toml"), &nothing)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// In NORMAL until now.
fn saved(now: Stamp) -> Saved {
    Saved::in_normal(now, now, Seconds(3_600))
}

/// An address of this machine that no other test has.
fn address(number: u32) -> SocketAddr {
    let [_, a, b, c] = (std::process::id() << 4 | number).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, a, b, c)), 6_471)
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let began = Instant::now();
    while !until() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn two_servers_reach_normal_tell_each_other_of_leases_and_notice_each_others_end() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (local, peer) = (address(0), address(1));
    let mut one = Server::start(here.path(), "primary", local, peer);
    let other = Server::start(there.path(), "secondary", peer, local);
    wait("both in normal", || one.is_in(State::Normal) && other.is_in(State::Normal));
    let shared =
        |server: &Server| matches!(server.views.load().of(Some(0)).answers, Answers::Shared(_));
    wait("workers share the clients", || shared(&one) && shared(&other));

    one.lease(ADDRESS, 1);
    wait("the partner has the lease", || {
        other.binding(ADDRESS).is_some_and(|binding| binding.status == BindingStatus::Active)
    });
    wait("we know that it has", || {
        one.binding(ADDRESS).is_some_and(|binding| binding.told == Told::Acknowledged)
    });
    let (ours, theirs) = (one.binding(ADDRESS).unwrap(), other.binding(ADDRESS).unwrap());
    assert_eq!(ours.client.unwrap().key(), theirs.client.unwrap().key());
    assert_eq!(theirs.received_potential, ours.sent_potential);

    other.stop();
    wait("the partner is gone", || one.is_in(State::CommunicationsInterrupted));
    let answers_everybody =
        |server: &Server| server.views.load().of(Some(0)).answers == Answers::Everybody;
    wait("workers answer everybody", || answers_everybody(&one));
    one.lease(Ipv4Addr::new(10, 7, 0, 11), 2);

    // What was acknowledged is there after a restart, and what was missed comes.
    let other = Server::start(there.path(), "secondary", peer, local);
    assert_eq!(other.binding(ADDRESS).unwrap().status, BindingStatus::Active);
    wait("both in normal again", || one.is_in(State::Normal) && other.is_in(State::Normal));
    wait("the partner has the lease that it missed", || {
        other.binding(Ipv4Addr::new(10, 7, 0, 11)).is_some()
    });
    one.stop();
    other.stop();
}

/// A server of both protocols, with a partner in each; the one of DHCPv6 in the other role.
fn config_of_both(dir: &Path, role: &str, local: SocketAddr, peer: SocketAddr) -> Config {
    let other_role = if role == "primary" { "secondary" } else { "primary" };
    let text = format!(
        "state-dir = {dir:?}\n[[interface]]\nname = \"lo\"\n\
         [[subnet4]]\nsubnet = \"10.7.0.0/24\"\npools = [\"10.7.0.10-10.7.0.199\"]\n\
         [[subnet6]]\nsubnet = \"2001:db8:1::/64\"\npools = [\"2001:db8:1::10-2001:db8:1::1f\"]\n\
         prefix-pools = [{{ prefix = \"2001:db8:8000::/52\", delegate = 56 }}]\n\
         [[failover]]\nname = \"metro\"\nrole = \"{role}\"\nlocal = \"{local}\"\n\
         peer = \"{peer}\"\nsubnets = [\"10.7.0.0/24\"]\nstartup = \"{STARTUP_S}s\"\n\
         [[failover]]\nname = \"metro-6\"\nrole = \"{other_role}\"\nlocal = \"2001:db8::1\"\n\
         peer = \"2001:db8::2\"\nsubnets = [\"2001:db8:1::/64\"]\nstartup = \"{STARTUP_S}s\"\n\
         insecure = true\n"
    );
    let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let mut config = Config::parse(&text, Path::new("test.toml"), &nothing)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    // A loopback interface has one IPv6 address, and the link asks for nothing but two.
    (config.failover[1].local, config.failover[1].peer) = (local, peer);
    config
}

/// RFC 8156 and draft-12 on one port, each by its own relationship and state.
#[test]
fn two_dual_stack_servers_hold_a_relationship_in_each_protocol_over_one_port() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (local, peer) = (address(10), address(11));
    let start = |dir: &Path, role: &str, local, peer| {
        Server::start_with(Time::Clock, dir, &config_of_both(dir, role, local, peer))
    };
    let mut one = start(here.path(), "primary", local, peer);
    let other = start(there.path(), "secondary", peer, local);
    let are_normal = |server: &Server| {
        let all = server.partners.status();
        all.len() == 2 && all.iter().all(|status| status.state == State::Normal)
    };
    wait("both in normal in both protocols", || are_normal(&one) && are_normal(&other));
    let answers = |server: &Server, place| server.views.load().of(Some(place)).answers.clone();
    wait("workers go by it", || answers(&other, 1) == Answers::Everybody);
    assert_eq!(answers(&one, 1), Answers::Named, "the secondary in DHCPv6");

    let v6: Ipv6Addr = "2001:db8:1::10".parse().unwrap();
    let prefix = Ipv6Prefix::new("2001:db8:8000::".parse().unwrap(), 56).unwrap();
    let given =
        |server: &Server| server.has(prefix.into(), BindingStatus::Backup, Told::Acknowledged);
    wait("half of the prefixes are the secondary's", || given(&one) && given(&other));
    let leased: [Resource; 3] = [ADDRESS.into(), v6.into(), prefix.into()];
    for resource in leased {
        one.lease(resource, 1);
    }
    for resource in leased {
        let is_known =
            |server: &Server| server.has(resource, BindingStatus::Active, Told::Acknowledged);
        wait("both have it and know so", || is_known(&one) && is_known(&other));
    }
    wait("an operator sees it", || {
        let pools = one.partners.status().pop().unwrap().pools;
        pools.iter().map(|pool| pool.counts.active).collect::<Vec<_>>() == [1, 1]
    });

    other.stop();
    let are_alone = |server: &Server| {
        let all = server.partners.status();
        all.iter().all(|status| status.state == State::CommunicationsInterrupted)
    };
    wait("the partner is gone", || are_alone(&one));
    let other = start(there.path(), "secondary", peer, local);
    for resource in leased {
        let binding = other.binding(resource).unwrap();
        assert_eq!(binding.status, BindingStatus::Active, "{resource} is on the disk");
    }
    wait("both in normal again", || are_normal(&one) && are_normal(&other));
    one.stop();
    other.stop();
}

#[test]
fn an_operator_is_answered_once_it_is_done_and_told_why_if_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let time = Time::by_hand();
    let start = || Server::start_by(time.clone(), dir.path(), "primary", address(2), address(3));
    let server = start();
    let unknown = server.command("nobody", Command::PartnerDown).unwrap_err();
    assert!(unknown.contains("metro"), "{unknown}");
    // Nobody is there: it is still starting, and then it may be told so.
    let too_soon = server.command("metro", Command::PartnerDown).unwrap_err();
    assert!(too_soon.contains("starting"), "{too_soon}");
    server.pass(STARTUP_S);
    wait("started", || server.is_in(State::CommunicationsInterrupted));
    server.command("metro", Command::PartnerDown).unwrap();
    assert!(server.is_in(State::PartnerDown), "{:?}", server.status());
    server.stop();

    let server = start();
    server.pass(STARTUP_S);
    wait("it is remembered", || server.is_in(State::PartnerDown));
    server.stop();
}

/// A lone server whose time the test holds in its hand, serving.
fn serves_alone(dir: &Path, number: u32) -> Server {
    let (local, peer) = (address(number), address(number + 1));
    let server = Server::start_by(Time::by_hand(), dir, "primary", local, peer);
    server.pass(STARTUP_S);
    wait("it serves alone", || server.serves());
    server
}

/// It listens for so long as time stands, and serves when it has listened.
fn must_listen_before_it_serves(server: &Server) {
    wait("it listens", || server.is_in(State::Startup));
    assert!(!server.serves());
    server.pass(STARTUP_S);
    wait("it serves again", || server.serves());
}

#[test]
fn a_server_whose_process_stood_still_listens_before_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    let server = serves_alone(dir.path(), 4);
    server.pass(3_600);
    must_listen_before_it_serves(&server);
    server.stop();
}

/// Its endpoint hears of no time while nothing that it decides could leave.
#[test]
fn a_server_whose_disk_took_nothing_for_long_listens_before_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    let server = serves_alone(dir.path(), 6);
    server.health.pretend(Health::Full { since: server.time.now() });
    for _ in 0..10 {
        // Ticks come more often than that.
        server.pass(6);
        thread::sleep(Duration::from_millis(300));
    }
    assert!(!server.serves(), "nobody has renewed the view");
    server.health.pretend(Health::Good);
    must_listen_before_it_serves(&server);
    server.stop();
}

#[test]
fn a_server_whose_role_was_changed_does_not_start_and_says_what_to_do() {
    let config = config(Path::new("/nowhere"), "secondary", address(8), address(9));
    let note =
        |saved: Saved| BTreeMap::from([("failover/metro".to_owned(), saved.to_octets().to_vec())]);
    let was_primary = Saved { role: Some(Role::Primary), ..saved(clock::now()) };
    let tables = &Tables::new(Layouts::of(&config).unwrap());
    let begin = |saved| Prepared::new(&config, tables, &note(saved), WriterId(1));
    let refused = begin(was_primary).err().unwrap();
    let refused = refused.to_string();
    assert!(refused.contains("metro") && refused.contains("\"primary\""), "{refused}");
    let was_secondary = Saved { role: Some(Role::Secondary), ..was_primary };
    assert!(begin(was_secondary).is_ok());
}

#[test]
fn a_relationship_that_is_no_more_is_noted_once_and_others_are_left_alone() {
    let config = config(Path::new("/nowhere"), "primary", address(8), address(9));
    let octets = Saved { addresses: Some(7), ..saved(clock::now()) }.to_octets().to_vec();
    let notes = ["failover/metro", "failover/gone", "something"];
    let mut notes: BTreeMap<_, _> =
        notes.into_iter().map(|name| (name.to_owned(), octets.clone())).collect();
    let noted = left(&config, &notes);
    let [(name, octets)] = &noted[..] else { panic!("{noted:?}") };
    let addresses = Saved::from_octets(octets).unwrap().addresses;
    assert_eq!((name.as_str(), addresses), ("failover/gone", Some(Settings::NO_ADDRESSES)));
    notes.extend(noted);
    assert_eq!(left(&config, &notes), []);
}
