//! A hundred things go wrong, at random: no address is two clients', and nothing acknowledged is lost.
//!
//! Whoever asks for an address, no ACK on the clients' wire gives it to a second client. What a Tandem
//! has acknowledged it has on record after each trouble, with its end; and once both are in NORMAL and
//! quiet, so has either server whatever either has acknowledged, a dhcpd too.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tandem_tests::lab::{
    self, Client, Client6, Fault, Host, Kind, Kind6, Load, Make, Mix, Namespace, Pair, Peer,
    Perfdhcp, Protocol, Relationship, RunningPerfdhcp, Wiretap, Witness, until,
};

const ROUNDS: u32 = 100;
/// After so many rounds everything is mended, and both must agree.
const MENDED_EVERY: u32 = 10;
const CLIENTS: u32 = 300;
/// Exchanges a second, and those of one perfdhcp.
const RATE: u32 = 200;
const PERFDHCP_RATE: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(60);
/// The shortest that may be configured; what is silent for longer is given up.
const RECEIVE_TIMER_S: u32 = 3;
/// The same of DHCPv6.
const KEEPALIVE_S: u32 = 4;
const MIX: Mix = Mix { renewals: 70, releases: 10 };
const NO_RELEASES: Mix = Mix { releases: 0, ..MIX };

/// One thing that goes wrong, and how it is mended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Killed(Host),
    Stopped(Host),
    Hung(Host),
    Unplugged(Host),
    Cut,
}

impl Trouble {
    fn any(random: &mut StdRng) -> Self {
        let host = Host::BOTH[random.random_range(0..2)];
        match random.random_range(0..5) {
            0 => Self::Killed(host),
            1 => Self::Stopped(host),
            2 => Self::Hung(host),
            3 => Self::Unplugged(host),
            _ => Self::Cut,
        }
    }

    /// Most are over before the other server has noticed, if it can be by silence alone.
    fn lasts(self, random: &mut StdRng) -> Duration {
        let is_silent = matches!(self, Self::Hung(_) | Self::Cut);
        let timer_ms = u64::from(KEEPALIVE_S) * 1_000;
        Duration::from_millis(if is_silent && random.random_ratio(1, 4) {
            random.random_range(timer_ms..timer_ms + 2_000)
        } else {
            random.random_range(100..700)
        })
    }

    fn begin(self, pair: &Pair, peers: &mut [Peer; 2]) {
        match self {
            Self::Killed(host) => peers[host as usize].kill(),
            Self::Stopped(host) => peers[host as usize].stop(),
            Self::Hung(host) => peers[host as usize].hang(),
            Self::Unplugged(host) => pair.unplug(host, true),
            Self::Cut => pair.cut(),
        }
    }

    fn end(self, pair: &Pair, peers: &mut [Peer; 2]) {
        match self {
            Self::Killed(host) | Self::Stopped(host) => peers[host as usize].start(pair),
            Self::Hung(host) => peers[host as usize].wake(),
            Self::Unplugged(host) => pair.unplug(host, false),
            Self::Cut => pair.restore(),
        }
    }
}

/// A pair, everybody who asks it for addresses, and everybody who looks on.
struct Town {
    name: &'static str,
    makes: [Make; 2],
    peers: [Peer; 2],
    relationship: Relationship,
    load: Load,
    /// Of DHCPv4, one for each server, as it knows no pairs.
    perfdhcp: Vec<RunningPerfdhcp>,
    real: Vec<Client>,
    real6: Vec<Client6>,
    /// Of DHCPv4.
    witness: Witness,
    wire: Wiretap,
    hosts: Vec<Namespace>,
    pair: Pair,
}

impl Town {
    fn new(name: &'static str, protocol: Protocol, makes: [Make; 2], seed: u64) -> Self {
        let pair = Pair::new(name);
        let relationship = Relationship {
            protocol,
            last: [10, 77, 7, 255].into(),
            lease_s: 300,
            // Each the shortest that the protocol lets one have.
            mclt_s: if protocol == Protocol::Dhcpv4 { 30 } else { 60 },
            receive_timer_s: if protocol == Protocol::Dhcpv4 {
                RECEIVE_TIMER_S
            } else {
                KEEPALIVE_S
            },
            // dhcpd's default. With fewer it tells more slowly than it grants, while the disk is slow.
            max_unacked: 100,
            ..Relationship::default()
        };
        if protocol == Protocol::Dhcpv6 {
            pair.speak_ipv6();
        }
        let witness = Witness::start(&pair.site);
        let wire = Wiretap::start(&pair);
        let peers = Host::BOTH.map(|host| {
            let mut peer = Peer::new(&pair, host, makes[host as usize], &relationship);
            peer.start(&pair);
            peer
        });
        let hosts: Vec<_> = ["10.77.0.7", "10.77.0.8", "10.77.0.9"]
            .iter()
            .map(|address| pair.site.host("relay", address))
            .collect();
        if let IpAddr::V6(relay) = relationship.relay() {
            hosts[2].add_ipv6(relay, "eth0");
        }
        let servers = Host::BOTH.map(|host| relationship.server(host));
        let load = Load::new(&hosts[2], relationship.relay(), &servers, CLIENTS, seed).paced(RATE);
        let mut town = Self {
            name,
            makes,
            peers,
            relationship,
            load,
            perfdhcp: Vec::new(),
            real: Vec::new(),
            real6: Vec::new(),
            witness,
            wire,
            hosts,
            pair,
        };
        match protocol {
            Protocol::Dhcpv4 => town.populate(),
            Protocol::Dhcpv6 => town.populate6(),
        }
        town
    }

    fn populate(&mut self) {
        let Self { pair, hosts, .. } = self;
        let perfdhcp = Host::BOTH.map(|host| {
            let relay = format!("10.77.0.{}", 7 + host as u8);
            let run = Perfdhcp {
                namespace: &hosts[host as usize],
                protocol: &["-4"],
                relay: &relay,
                server: &host.address().to_string(),
                rate: PERFDHCP_RATE,
                clients: 100,
            };
            run.start(&pair.directory(&format!("perfdhcp-{host:?}")))
        });
        let real = [Kind::Dhclient, Kind::Udhcpc, Kind::Dhcpcd].map(|kind| {
            let mut client = Client::new(&pair.site, kind, &format!("{kind:?}"));
            client.start();
            client
        });
        (self.perfdhcp, self.real) = (perfdhcp.into(), real.into());
    }

    /// Real clients take an address without a prefix for good, of a server that has none to give yet.
    fn populate6(&mut self) {
        for peer in &mut self.peers {
            peer.expect_state(&["normal"], PATIENCE);
        }
        until("the secondary's share of the prefixes", PATIENCE, || {
            self.peers.iter().all(|peer| peer.backups() >= 100)
        });
        let started = |kind| {
            let mut client = Client6::new(&self.pair.site, kind, &format!("{kind:?}"));
            client.start();
            client
        };
        self.real6 = [Kind6::Dhclient, Kind6::Dhcpcd].map(started).into();
    }

    fn rounds(&mut self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        for round in 1..=ROUNDS {
            let trouble = Trouble::any(&mut random);
            let what = format!("{}, round {round}, {trouble:?}, seed {seed}", self.name);
            let lasts = trouble.lasts(&mut random);
            trouble.begin(&self.pair, &mut self.peers);
            // A release that a hung server finds in its queue when it wakes is to it one of now, though its
            // client may have come to the other server since.
            let are_late = matches!(trouble, Trouble::Hung(_));
            if are_late {
                self.load.releases_are_late();
            }
            self.serve(&what, if are_late { NO_RELEASES } else { MIX }, lasts);
            trouble.end(&self.pair, &mut self.peers);
            if are_late {
                self.load.releases_are_heard();
            }
            self.serve(&what, MIX, Duration::from_millis(200));
            self.tandem_knows_its_own(&what);
            if round % MENDED_EVERY == 0 {
                self.agrees(&what);
            }
        }
    }

    fn serve(&mut self, what: &str, mix: Mix, lasts: Duration) {
        let end = Instant::now() + lasts;
        let tally = self.load.run(mix, 8, |_| Instant::now() >= end);
        tally.unwrap_or_else(|found| panic!("{what}: {found}"));
    }

    /// What a Tandem has acknowledged it has on record, whatever went on.
    fn tandem_knows_its_own(&self, what: &str) {
        for peer in self.peers.iter().filter(|peer| self.makes[peer.host as usize] == Make::Tandem)
        {
            let server = self.relationship.server(peer.host);
            // What ends this moment may have ended there, where seconds are whole.
            let soon = SystemTime::now() + Duration::from_secs(2);
            let faults = self.load.ledger.faults(soon, &peer.leases());
            let own: Vec<&Fault> = faults
                .iter()
                .filter(|fault| self.load.granted_by(fault.client) == Some(server))
                .collect();
            assert!(own.is_empty(), "{what}: {:?} has forgotten: {own:#?}", peer.host);
        }
    }

    /// Once quiet, either has every lease on record that either has acknowledged.
    fn agrees(&mut self, what: &str) {
        for peer in &mut self.peers {
            peer.expect_state(&["normal"], PATIENCE);
        }
        let end = Instant::now() + PATIENCE;
        for peer in &self.peers {
            loop {
                let faults = self.load.ledger.faults(SystemTime::now(), &peer.leases());
                if faults.is_empty() {
                    break;
                }
                let words = |fault: &Fault| {
                    format!("{fault}; granted by {:?}", self.load.granted_by(fault.client))
                };
                let words: Vec<_> = faults.iter().map(words).collect();
                assert!(
                    Instant::now() < end,
                    "{what}: {:?} lacks:\n{}",
                    peer.host,
                    words.join("\n")
                );
                thread::sleep(Duration::from_millis(200));
            }
        }
        self.witness.look().unwrap_or_else(|found| panic!("{what}: {found}"));
    }

    fn ends_well(mut self) {
        for client in &mut self.real {
            let events = client.events();
            let addresses: BTreeSet<_> = events.iter().filter_map(|event| event.address).collect();
            assert_eq!(addresses.len(), 1, "{}: one address throughout: {events:?}", self.name);
        }
        for client in &self.real6 {
            let events = client.events();
            let addresses: BTreeSet<_> = events.iter().filter_map(|event| event.address).collect();
            assert_eq!(addresses.len(), 1, "{}: one address throughout: {events:?}", self.name);
            let prefixes: BTreeSet<_> = events.iter().filter_map(|it| it.prefix.as_ref()).collect();
            assert_eq!(prefixes.len(), 1, "{}: one prefix throughout: {events:?}", self.name);
        }
        self.witness.look().unwrap_or_else(|found| panic!("{}: {found}", self.name));
        let perfdhcp = self.witness.acknowledged(&Perfdhcp::HARDWARE);
        eprintln!(
            "{}: {} leases held at the end, {perfdhcp} ACKs for perfdhcp: {:?}",
            self.name,
            self.load.ledger.len(),
            self.perfdhcp.into_iter().map(RunningPerfdhcp::finish).collect::<Vec<_>>(),
        );
        assert!(self.load.ledger.len() > 100, "the load is no load");
        assert!(perfdhcp > 100 || self.relationship.protocol == Protocol::Dhcpv6, "no perfdhcp");
        let ours = self.makes.iter().position(|make| *make == Make::Tandem).map(|n| Host::BOTH[n]);
        if self.makes.contains(&Make::Dhcpd) {
            drop(self.wire.finish(ours.expect("one of them is ours")));
        }
    }
}

/// Two Tandems, of either protocol, and a Tandem as either half of a pair with dhcpd, beside each other: most
/// of it is waiting.
#[test]
fn a_hundred_troubles_cost_no_lease() {
    if !lab::available("100 rounds of troubles") {
        return;
    }
    let seed = lab::seed();
    let pairs = [
        ("tandem-tandem", Protocol::Dhcpv4, [Make::Tandem, Make::Tandem]),
        ("tandem-dhcpd", Protocol::Dhcpv4, [Make::Tandem, Make::Dhcpd]),
        ("dhcpd-tandem", Protocol::Dhcpv4, [Make::Dhcpd, Make::Tandem]),
        ("tandem-tandem-v6", Protocol::Dhcpv6, [Make::Tandem, Make::Tandem]),
    ];
    thread::scope(|scope| {
        for (name, protocol, makes) in pairs {
            let run = move || {
                let mut town = Town::new(name, protocol, makes, seed);
                town.rounds(seed);
                town.ends_well();
            };
            let spawned = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run);
            spawned.expect("a thread for each pair");
        }
    });
}
