//! A pair of servers through everything that happens to pairs: Tandem beside Tandem in both protocols, and
//! in DHCPv4 either way round beside ISC dhcpd 4.4.3.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tandem_tests::lab::{
    self, Host, Load, Make, Mix, Namespace, Pair, Peer, Protocol, Relationship, Tally, Wiretap,
    until,
};

/// How long a pair may take to agree on something, waits of the protocol aside.
const PATIENCE: Duration = Duration::from_secs(40);
/// Who is primary and who secondary, and of what.
const PAIRS: [(Protocol, [Make; 2]); 4] = [
    (Protocol::Dhcpv4, [Make::Tandem, Make::Tandem]),
    (Protocol::Dhcpv4, [Make::Tandem, Make::Dhcpd]),
    (Protocol::Dhcpv4, [Make::Dhcpd, Make::Tandem]),
    (Protocol::Dhcpv6, [Make::Tandem, Make::Tandem]),
];
/// The shortest MCLT that DHCPv6 may have.
const MCLT6_S: u32 = 60;
const RENEWING: Mix = Mix { renewals: 90, releases: 0 };

/// Two servers of one relationship, A the primary, and their clients.
struct Duo {
    pair: Pair,
    peers: [Peer; 2],
    relationship: Relationship,
    wire: Wiretap,
    /// Where our side must mind what dhcpd bears.
    ours: Option<Host>,
    load: Load,
    _relay: Namespace,
}

impl Duo {
    fn new(
        name: &str,
        makes: [Make; 2],
        relationship: &Relationship,
        clients: u32,
        seed: u64,
    ) -> Self {
        let protocol = relationship.protocol;
        eprintln!("-- {name}, {protocol:?}: primary {:?}, secondary {:?}", makes[0], makes[1]);
        let pair = Pair::new(name);
        let relay = pair.site.host("relay", "10.77.0.9");
        if let IpAddr::V6(address) = relationship.relay() {
            pair.speak_ipv6();
            relay.add_ipv6(address, "eth0");
        }
        let peers = Host::BOTH.map(|host| {
            let make = makes[host as usize];
            Peer::new(&pair, host, make, relationship)
        });
        let ours = match makes {
            [Make::Tandem, Make::Dhcpd] => Some(Host::A),
            [Make::Dhcpd, Make::Tandem] => Some(Host::B),
            _ => None,
        };
        let servers = Host::BOTH.map(|host| relationship.server(host));
        let load = Load::new(&relay, relationship.relay(), &servers, clients, seed);
        let wire = Wiretap::start(&pair);
        let relationship = *relationship;
        let mut duo = Self { pair, peers, relationship, wire, ours, load, _relay: relay };
        for host in Host::BOTH {
            duo.start(host);
        }
        duo.both_normal();
        duo
    }

    fn peer(&mut self, host: Host) -> &mut Peer {
        &mut self.peers[host as usize]
    }

    fn start(&mut self, host: Host) {
        self.peers[host as usize].start(&self.pair);
    }

    /// Waits of the protocol are the MCLT's.
    fn patience(&self) -> Duration {
        PATIENCE + Duration::from_secs(self.relationship.mclt_s.into())
    }

    fn both_normal(&mut self) {
        let patience = self.patience();
        for host in Host::BOTH {
            self.peer(host).expect_state(&["normal"], patience);
        }
    }

    /// Has clients served until so many more leases were acknowledged.
    fn serve(&mut self, mix: Mix, acknowledged: u64) -> Tally {
        let end = Instant::now() + PATIENCE;
        let tally = self.load.run(mix, 8, |tally| {
            assert!(Instant::now() < end, "only {tally:?}\n{}", self.peers[0].output());
            tally.acknowledged >= acknowledged
        });
        tally.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Waits until both list every lease that was acknowledged and has not ended, with its end.
    fn both_agree(&self) {
        for peer in &self.peers {
            let mut faults = Vec::new();
            let end = Instant::now() + PATIENCE;
            while let Err(found) = self.load.ledger.check(SystemTime::now(), &peer.leases()) {
                faults = found;
                assert!(
                    Instant::now() < end,
                    "{:?} lacks:\n{}\n{}",
                    peer.host,
                    faults.join("\n"),
                    peer.output()
                );
                thread::sleep(Duration::from_millis(100));
            }
            drop(faults);
        }
    }

    fn finish(mut self) {
        // Ended, so that nothing is under way any more when the wire is looked at.
        self.peers.iter_mut().for_each(Peer::kill);
        if let Some(ours) = self.ours {
            self.wire.finish(ours);
        }
    }
}

/// Times short enough for a test.
fn quick() -> Relationship {
    Relationship { lease_s: 60, mclt_s: 8, receive_timer_s: 4, ..Relationship::default() }
}

/// A scenario with each pair, beside each other: most of it is waiting.
fn each(name: &str, relationship: &Relationship, clients: u32, scenario: impl Fn(&mut Duo) + Sync) {
    if !lab::available(name) {
        return;
    }
    let seed = lab::seed();
    let run = &|protocol, makes| {
        let relationship = match protocol {
            Protocol::Dhcpv4 => *relationship,
            Protocol::Dhcpv6 => Relationship {
                protocol,
                mclt_s: MCLT6_S,
                lease_s: relationship.lease_s + MCLT6_S,
                ..*relationship
            },
        };
        let mut duo = Duo::new(name, makes, &relationship, clients, seed);
        scenario(&mut duo);
        duo.finish();
    };
    thread::scope(|scope| {
        for (protocol, makes) in PAIRS {
            let thread = thread::Builder::new().name(format!("{protocol:?} {makes:?}"));
            let spawned = thread.spawn_scoped(scope, move || run(protocol, makes));
            spawned.expect("a thread for each pair");
        }
    });
}

/// draft-12 §5.2.1: the first lease lasts the MCLT, the renewal the configured time, whoever gave
/// the first.
#[test]
fn what_either_grants_is_known_to_both_with_its_times() {
    let relationship = Relationship { mclt_s: 10, ..quick() };
    each("leases", &relationship, 60, |duo| {
        until("half the pool is the secondary's", PATIENCE, || {
            duo.peers.iter().all(|peer| (250..=262).contains(&peer.backups()))
        });
        let first = duo.serve(RENEWING, 40).longest_first;
        let mclt = Duration::from_secs(duo.relationship.mclt_s.into());
        assert_eq!(first, mclt, "before the partner has acknowledged anything");
        duo.both_agree();
        duo.serve(RENEWING, 200);
        let longest = duo.load.ledger.remaining(SystemTime::now()).max();
        assert!(longest > Some(mclt + Duration::from_secs(30)), "{longest:?} for a renewal");
        duo.both_agree();
    });
}

#[test]
fn either_is_killed_and_comes_back_and_nothing_is_lost() {
    each("kill", &quick(), 60, |duo| {
        duo.serve(RENEWING, 100);
        for victim in Host::BOTH {
            duo.peer(victim).kill();
            duo.peer(victim.other()).expect_state(&["communications-interrupted"], PATIENCE);
            duo.serve(RENEWING, 100);
            duo.start(victim);
            duo.both_normal();
            duo.both_agree();
        }
    });
}

#[test]
fn either_hangs_and_wakes_and_nothing_is_lost() {
    each("hang", &quick(), 60, |duo| {
        duo.serve(RENEWING, 100);
        for victim in Host::BOTH {
            duo.peer(victim).hang();
            duo.peer(victim.other()).expect_state(&["communications-interrupted"], PATIENCE);
            duo.serve(RENEWING, 100);
            duo.peer(victim).wake();
            duo.both_normal();
            duo.both_agree();
        }
    });
}

#[test]
fn the_wire_between_them_is_cut_and_joined_and_nothing_is_lost() {
    each("cut", &quick(), 60, |duo| {
        duo.serve(RENEWING, 100);
        duo.pair.cut();
        for host in Host::BOTH {
            duo.peer(host).expect_state(&["communications-interrupted"], PATIENCE);
        }
        duo.serve(RENEWING, 200);
        duo.pair.restore();
        duo.both_normal();
        duo.both_agree();
    });
}

/// draft-12 §9.4: in PARTNER-DOWN, and the MCLT later, the survivor has the whole pool; in DHCPv6 of prefixes
/// (RFC 8156 §8.6).
#[test]
fn a_survivor_told_so_takes_the_whole_pool_and_gives_it_back() {
    let relationship =
        Relationship { last: [10, 77, 4, 63].into(), mclt_s: 6, lease_s: 90, ..quick() };
    for survivor in Host::BOTH {
        each("partner-down", &relationship, 56, |duo| {
            duo.serve(RENEWING, 30);
            duo.peer(survivor.other()).kill();
            duo.peer(survivor).expect_state(&["communications-interrupted"], PATIENCE);
            duo.peers[survivor as usize].partner_down(&duo.pair);
            duo.peer(survivor).expect_state(&["partner-down"], PATIENCE);
            // Of addresses of DHCPv6 half of the pool stays the partner's whatever happens.
            let wanted = match duo.relationship.protocol {
                Protocol::Dhcpv4 => 50,
                Protocol::Dhcpv6 => 32 + 50,
            };
            let end = Instant::now() + duo.patience();
            while duo.load.ledger.len() < wanted {
                assert!(Instant::now() < end, "{} served", duo.load.ledger.len());
                duo.serve(RENEWING, 20);
            }
            duo.start(survivor.other());
            duo.both_normal();
            duo.both_agree();
        });
    }
}

#[test]
fn either_loses_its_disk_and_is_told_everything() {
    each("lost-disk", &quick(), 60, |duo| {
        duo.serve(RENEWING, 150);
        duo.both_agree();
        for victim in Host::BOTH {
            duo.peer(victim).kill();
            duo.peer(victim.other()).expect_state(&["communications-interrupted"], PATIENCE);
            duo.peer(victim).lose_disk();
            duo.start(victim);
            duo.both_normal();
            duo.both_agree();
            duo.serve(RENEWING, 100);
        }
    });
}

/// draft-12 §9.7: each was told that the other is down, and neither was.
#[test]
fn both_served_alone_and_agree_again() {
    each("conflict", &quick(), 60, |duo| {
        duo.serve(RENEWING, 100);
        duo.pair.cut();
        for host in Host::BOTH {
            duo.peer(host).expect_state(&["communications-interrupted"], PATIENCE);
        }
        for host in Host::BOTH {
            duo.peers[host as usize].partner_down(&duo.pair);
            duo.peer(host).expect_state(&["partner-down"], PATIENCE);
        }
        duo.pair.restore();
        duo.both_normal();
        duo.both_agree();
        duo.serve(RENEWING, 100);
        duo.both_agree();
    });
}

/// A stop that was asked for is said to the partner, which then need not wait for a timer.
#[test]
fn an_orderly_stop_is_told() {
    each("stop", &quick(), 60, |duo| {
        duo.serve(RENEWING, 100);
        for victim in Host::BOTH {
            duo.peer(victim).stop();
            duo.peer(victim.other()).expect_state(&["communications-interrupted"], PATIENCE);
            duo.serve(RENEWING, 50);
            duo.start(victim);
            duo.both_normal();
            duo.both_agree();
        }
    });
}

/// Two relationships of one pair, and the wire of one of them fails: the other goes on as before.
#[test]
fn a_pair_of_both_protocols_loses_one_link_and_the_other_stays() {
    if !lab::available("a dual-stack pair") {
        return;
    }
    let pair = Pair::new("dual");
    pair.speak_ipv6();
    let of_ipv4 = quick();
    let of_ipv6 = Relationship {
        protocol: Protocol::Dhcpv6,
        name: "lab6",
        primary: Host::B,
        mclt_s: MCLT6_S,
        ..quick()
    };
    let mut peers = Host::BOTH.map(|host| {
        let mut peer = Peer::with(&pair, host, Make::Tandem, &of_ipv4, &of_ipv6.beside(host));
        peer.start(&pair);
        peer
    });
    let mut expect = |what: &str, wanted: [&str; 2]| {
        for peer in &mut peers {
            until(&format!("{:?} {what}: {wanted:?}", peer.host), PATIENCE, || {
                let said: Value =
                    serde_json::from_str(&peer.tandem(&["failover", "status", "--json"]))
                        .expect("the status is JSON");
                let state = |name: &str| {
                    let all = said.as_array()?;
                    all.iter().find(|it| it["name"] == name)?["state"].as_str()
                };
                [state(of_ipv4.name), state(of_ipv6.name)] == wanted.map(Some)
            });
        }
    };
    expect("has met its partner", ["normal", "normal"]);
    // Without its addresses the wire carries nothing of that protocol.
    let change = |what: &str, of: &dyn Fn(Host) -> String| {
        for host in Host::BOTH {
            let mut arguments = vec!["addr", what];
            let address = of(host);
            arguments.extend([&address, "dev", "eth1"]);
            pair.host(host).ip(&arguments);
        }
    };
    let of_ipv4 = |host: Host| format!("{}/24", host.failover_address());
    let of_ipv6 = |host: Host| format!("{}/64", host.failover_ipv6());
    change("del", &of_ipv6);
    expect("has lost the one of DHCPv6", ["normal", "communications-interrupted"]);
    change("add", &of_ipv6);
    expect("has met it again", ["normal", "normal"]);
    change("del", &of_ipv4);
    expect("has lost the one of DHCPv4", ["communications-interrupted", "normal"]);
    change("add", &of_ipv4);
    expect("has met both", ["normal", "normal"]);
}
