//! A live pair of dhcpd is replaced, one server after the other, and no client notices.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tandem_tests::lab::{
    self, Grant, Host, Load, Mac, Make, Mix, Pair, Peer, Relationship, Tally, mac,
};

const CLIENTS: u32 = 20_000;
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the leases that stand in the lease files still last: longer than the test.
const LEFT: Duration = Duration::from_secs(900);
const RENEWING: Mix = Mix { renewals: 100, releases: 0 };

/// The state of one dhcpd of a pair in NORMAL that has leased an address to every client.
fn lease_file(relationship: &Relationship, now: u64) -> String {
    let date = |seconds: u64| format!("epoch {seconds}");
    let mut text = format!(
        "failover peer \"{}\" state {{\n  my state normal at {at};\n  partner state normal at {at};\n  \
         mclt {};\n}}\n",
        relationship.name,
        relationship.mclt_s,
        at = date(now - 3_600),
    );
    let (starts, ends) = (date(now - 60), date(now + LEFT.as_secs()));
    let potential = date(now + 2 * LEFT.as_secs());
    for client in 0..CLIENTS {
        let (address, hardware) = (address(relationship, client), colons(mac(client)));
        writeln!(
            text,
            "lease {address} {{ starts {starts}; ends {ends}; tstp {potential}; tsfp {potential}; \
             atsfp {potential}; cltt {starts}; binding state active; next binding state expired; \
             hardware ethernet {hardware}; }}",
        )
        .expect("a string takes text");
    }
    text
}

fn address(relationship: &Relationship, client: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(relationship.first.to_bits() + client)
}

fn colons(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

struct Town {
    pair: Pair,
    peers: [Peer; 2],
    relationship: Relationship,
    load: Load,
}

impl Town {
    /// Clients renew, at a pace, until `done` says so.
    fn renew_until(&mut self, what: &str, mut done: impl FnMut(&mut [Peer; 2], &Tally) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut asked = Instant::now();
        let Self { peers, load, .. } = self;
        let tally = load.run(RENEWING, 4, |tally| {
            assert!(Instant::now() < end, "in vain: {what}\n{}", peers[0].output());
            // Asking costs the servers something too.
            let is_time = asked.elapsed() > Duration::from_millis(500);
            is_time && {
                asked = Instant::now();
                done(peers, tally)
            }
        });
        let tally = tally.unwrap_or_else(|fault| panic!("{what}: {fault}"));
        eprintln!("{what}: {tally:?}");
        assert_eq!(tally.refused, 0, "no client is told that its address is not its own");
    }

    /// One server goes and Tandem comes in its place, with an empty disk.
    fn replace(&mut self, host: Host) {
        self.peers[host as usize].stop();
        let other = host.other() as usize;
        self.renew_until("the other serves alone", |peers, _| {
            peers[other].state() == "communications-interrupted"
        });
        let mut newcomer = Peer::new(&self.pair, host, Make::Tandem, &self.relationship);
        newcomer.start(&self.pair);
        self.peers[host as usize] = newcomer;
        self.renew_until("the newcomer has learnt all and serves", |peers, _| {
            peers.iter().all(|peer| peer.state() == "normal")
        });
        let end = Instant::now() + PATIENCE;
        while let Err(faults) =
            self.load.ledger.check(SystemTime::now(), &self.peers[host as usize].leases())
        {
            assert!(Instant::now() < end, "{} faults:\n{}", faults.len(), faults[0]);
            std::thread::sleep(Duration::from_millis(500));
        }
        self.renew_until("every client is content", {
            let since = Instant::now();
            move |_, tally| since.elapsed() > Duration::from_secs(4) && tally.acknowledged > 100
        });
    }
}

#[test]
fn a_dhcpd_pair_with_20000_leases_becomes_a_tandem_pair_and_no_client_notices() {
    if !lab::available("live migration") {
        return;
    }
    let pair = Pair::new("migration");
    let relationship = Relationship {
        first: [10, 77, 16, 0].into(),
        last: [10, 77, 111, 255].into(),
        lease_s: u32::try_from(LEFT.as_secs()).expect("a short lease"),
        mclt_s: 10,
        max_unacked: 100,
        ..Relationship::default()
    };
    let now = SystemTime::now();
    let seconds = now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut peers = Host::BOTH.map(|host| {
        let mut peer = Peer::new(&pair, host, Make::Dhcpd, &relationship);
        peer.dhcpd().set_leases(&lease_file(&relationship, seconds));
        peer.start(&pair);
        peer
    });
    for peer in &mut peers {
        peer.expect_state(&["normal"], PATIENCE);
    }
    let relay = pair.site.host("relay", "10.77.0.9");
    let servers = Host::BOTH.map(Host::address);
    let mut load = Load::new(&relay, [10, 77, 0, 9].into(), &servers, CLIENTS, lab::seed());
    for client in 0..CLIENTS {
        let grant = Grant { address: address(&relationship, client).into(), lease: LEFT };
        let taken = load.ledger.acknowledge(now, mac(client), &[grant]);
        taken.expect("each has an address of its own");
    }
    let mut town = Town { pair, peers, relationship, load };
    town.replace(Host::B);
    town.replace(Host::A);
    for peer in &town.peers {
        let active = peer.leases().iter().filter(|lease| lease.state == "active").count();
        assert_eq!(active, CLIENTS as usize, "{:?}", peer.host);
    }
}
