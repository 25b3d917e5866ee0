//! A hundred things go wrong, at random: no address is two clients', and nothing acknowledged is lost.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tandem_tests::lab::{self, Client, Host, Kind, Load, Make, Mix, Pair, Peer, Relationship};

const ROUNDS: u32 = 100;
/// After so many rounds everything is mended, and both must agree.
const MENDED_EVERY: u32 = 10;
const CLIENTS: u32 = 300;
const PATIENCE: Duration = Duration::from_secs(60);
const MIX: Mix = Mix { renewals: 70, releases: 10 };

/// One thing that goes wrong, and how it is mended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Killed(Host),
    Stopped(Host),
    Hung(Host),
    Unplugged(Host),
    Cut,
}

impl Fault {
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

fn rounds(name: &str, makes: [Make; 2], seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let pair = Pair::new(name);
    let relationship =
        Relationship { lease_s: 300, mclt_s: 30, receive_timer_s: 3, ..Relationship::default() };
    let mut peers = Host::BOTH.map(|host| {
        let mut peer = Peer::new(&pair, host, makes[host as usize], &relationship);
        peer.start(&pair);
        peer
    });
    let relay = pair.site.host("relay", "10.77.0.9");
    let servers = Host::BOTH.map(Host::address);
    let mut load = Load::new(&relay, [10, 77, 0, 9].into(), &servers, CLIENTS, seed);
    let mut real = [Kind::Dhclient, Kind::Udhcpc, Kind::Dhcpcd].map(|kind| {
        let mut client = Client::new(&pair.site, kind, &format!("{kind:?}"));
        client.start();
        client
    });
    for round in 1..=ROUNDS {
        let fault = Fault::any(&mut random);
        let lasts = Duration::from_millis(random.random_range(200..2_000));
        fault.begin(&pair, &mut peers);
        run(&mut load, lasts, name, round, fault);
        fault.end(&pair, &mut peers);
        run(&mut load, Duration::from_millis(300), name, round, fault);
        if round % MENDED_EVERY == 0 {
            for peer in &mut peers {
                peer.expect_state(&["normal"], PATIENCE);
            }
            for peer in &peers {
                check(peer, &load, &format!("{name}, round {round}, seed {seed}"));
            }
        }
    }
    for client in &mut real {
        let events = client.events();
        let addresses: std::collections::BTreeSet<_> =
            events.iter().filter_map(|event| event.address).collect();
        assert_eq!(addresses.len(), 1, "{name}: one address throughout: {events:?}");
    }
    eprintln!("{name}: {} leases held at the end", load.ledger.len());
    assert!(load.ledger.len() > 100, "the load is no load");
}

fn run(load: &mut Load, lasts: Duration, name: &str, round: u32, fault: Fault) {
    let end = Instant::now() + lasts;
    let tally = load.run(MIX, 8, |_| Instant::now() >= end);
    tally.unwrap_or_else(|found| panic!("{name}, round {round}, {fault:?}: {found}"));
}

fn check(peer: &Peer, load: &Load, what: &str) {
    let end = Instant::now() + PATIENCE;
    while let Err(faults) = load.ledger.check(SystemTime::now(), &peer.leases()) {
        assert!(Instant::now() < end, "{what}: {:?} lacks:\n{}", peer.host, faults.join("\n"));
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_hundred_rounds_of_faults_cost_no_lease() {
    if !lab::available("100 rounds of faults") {
        return;
    }
    let seed = lab::seed();
    rounds("tandem-tandem", [Make::Tandem, Make::Tandem], seed);
}
