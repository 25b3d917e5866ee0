//! SIGKILL under load: whatever was acknowledged is there after the restart.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant, SystemTime};

use tandem_tests::lab::{self, Load, Mix, Server, Settings, Site};

/// How often the server is killed.
const ROUNDS: u64 = 200;
/// More clients than addresses are ever held, so that new, returning and renewing ones mix.
const CLIENTS: u32 = 4_000;
const MIX: Mix = Mix { renewals: 45, releases: 15 };

/// Invariants 1 and 3 of the design: no address twice, nothing acknowledged forgotten.
#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    killed(Site::ADDRESS.into(), [10, 77, 0, 9].into(), OF_IPV4);
}

/// The same of addresses and prefixes.
#[test]
fn nothing_acknowledged_in_dhcpv6_is_lost_when_the_server_is_killed() {
    let host = |last| Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, last);
    killed(host(1).into(), host(9).into(), OF_IPV6);
}

fn killed(server: IpAddr, relay: IpAddr, subnet: &str) {
    if !lab::available("200 rounds of SIGKILL under load") {
        return;
    }
    let site = Site::new("crash");
    let host = site.host("load", "10.77.0.9");
    if let (IpAddr::V6(server), IpAddr::V6(relay)) = (server, relay) {
        site.server.add_ipv6(server, "eth0");
        host.add_ipv6(relay, "eth0");
    }
    let seed = lab::seed();
    let mut load = Load::new(&host, relay, &[server], CLIENTS, seed);
    let mut settings = Settings::new(&site, CONFIGURATION.to_owned() + subnet);
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut server = Server::start(&site.server, settings);
        if let Err(faults) = load.ledger.check(SystemTime::now(), &server.listed()) {
            panic!("round {round}, seed {seed}: {} faults\n{}", faults.len(), faults.join("\n"));
        }
        // A different point of the journal's life each time, from the first grants to a rotation.
        let grants = 20 + round * round % 997;
        let mut killed = None;
        let tally = load.run(MIX, 64, |tally| {
            if killed.is_none() && tally.acknowledged >= grants {
                server.process().kill();
                killed = Some(Instant::now());
            }
            // What had left the server before it died still counts, so listen on for a moment.
            killed.is_some_and(|at| at.elapsed() > Duration::from_millis(30))
        });
        let tally = tally.unwrap_or_else(|fault| panic!("round {round}, seed {seed}: {fault}"));
        acknowledged += tally.acknowledged;
        settings = server.kill();
    }
    eprintln!(
        "{ROUNDS} kills, {acknowledged} leases acknowledged, {} held at the end",
        load.ledger.len()
    );
    assert!(load.ledger.len() > 500, "the load is no load: {} leases held", load.ledger.len());
}

/// Small segments, so that rotation, snapshots and their retirement are killed too.
const CONFIGURATION: &str = r#"
lease-time = "2h"

[journal]
segment-len = "1MiB"
snapshot-after = "4MiB"

[[interface]]
name = "eth0"
"#;

const OF_IPV4: &str = r#"
[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.16.0-10.77.31.255"]
"#;

const OF_IPV6: &str = r#"
[[subnet6]]
subnet = "2001:db8:77::/64"
pools = ["2001:db8:77::1:0-2001:db8:77::1:fff"]
prefix-pools = [{ prefix = "2001:db8:8000::/44", delegate = 56 }]
"#;
