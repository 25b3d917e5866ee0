//! Several servers that share a secret and nothing else: each tells a client the same address (RFC 7943).

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use tandem_tests::lab::{self, Client6, Kind6, Load, Mix, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: u32 = 200;
/// Only renewals: whoever has an address asks for the same again.
const RENEWING: Mix = Mix { renewals: 100, releases: 0 };

/// Three servers on one link, in no relationship.
struct Three {
    hosts: [Namespace; 3],
    settings: [Settings; 3],
    servers: [Option<Server>; 3],
}

fn address(number: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1 + number as u16)
}

impl Three {
    fn new(site: &Site, further: &str) -> Self {
        let hosts = std::array::from_fn(|number| {
            let host = site.host(&format!("server-{number}"), &format!("10.77.0.{}", 11 + number));
            host.add_ipv6(address(number), "eth0");
            host
        });
        let settings = std::array::from_fn(|number| Settings {
            directory: site.directory().join(format!("server-{number}")),
            ..Settings::new(site, CONFIGURATION.to_owned() + further)
        });
        let mut three = Self { hosts, settings, servers: [None, None, None] };
        (0..3).for_each(|number| three.start(number));
        three
    }

    fn start(&mut self, number: usize) {
        let server = Server::start(&self.hosts[number], self.settings[number].clone());
        self.servers[number] = Some(server);
    }

    fn kill(&mut self, number: usize) {
        drop(self.servers[number].take().map(Server::kill));
    }

    /// Its disk is gone, too.
    fn lose(&mut self, number: usize) {
        self.kill(number);
        std::fs::remove_dir_all(self.settings[number].state_dir()).expect("the state is removed");
    }
}

/// Each is alone for a while, in the end with an empty disk: nobody's address changes, which the load
/// would not let pass.
#[test]
fn three_servers_that_share_a_secret_give_each_client_one_address() {
    if !lab::available("three stateless servers") {
        return;
    }
    let site = Site::new("stateless");
    let mut three = Three::new(&site, "");
    let relay = site.host("relay", "10.77.0.9");
    let at = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 9);
    relay.add_ipv6(at, "eth0");
    let servers: [Ipv6Addr; 3] = std::array::from_fn(address);
    let mut load = Load::new(&relay, at.into(), &servers, CLIENTS, lab::seed());
    let mut serve = |what: &str, acknowledged: u64| {
        let end = Instant::now() + PATIENCE;
        let tally = load.run(RENEWING, 32, |tally| {
            assert!(Instant::now() < end, "{what}: only {tally:?}");
            tally.acknowledged >= acknowledged
        });
        tally.unwrap_or_else(|fault| panic!("{what}: {fault}"));
        load.ledger.len()
    };
    // Who comes next is chance: of so many exchanges every client has had its own.
    let held = serve("all three", 4_000);
    assert_eq!(held, CLIENTS as usize, "each client has one address");
    for alone in 0..3 {
        (0..3).filter(|other| *other != alone).for_each(|other| three.kill(other));
        serve(&format!("{alone} alone"), 1_000);
        (0..3).filter(|other| *other != alone).for_each(|other| three.start(other));
    }
    (0..3).for_each(|number| three.lose(number));
    three.start(1);
    assert_eq!(serve("with an empty disk", 1_000), held);
    let stored = three.servers[1].as_ref().expect("it runs").leases(&[]);
    assert!(stored.is_empty(), "no lease is stored: {stored:?}");
}

/// A client that finds its address in use gets the next one, and only that is stored.
#[test]
fn a_client_that_declines_its_address_gets_the_next_one() {
    if !lab::available("a stateless server and a decline") {
        return;
    }
    let site = Site::new("stateless-decline");
    // dhclient wants a prefix, too.
    let prefixes = "prefix-pools = [{ prefix = \"2001:db8:8000::/36\", delegate = 56 }]";
    let mut three = Three::new(&site, prefixes);
    (1..3).for_each(|number| three.kill(number));
    let server = three.servers[0].as_ref().expect("it runs");
    let abandoned = || server.leases(&["--state", "abandoned"]);
    let mut client = Client6::new(&site, Kind6::Dhclient, "client");
    client.start();
    let (first, _) = client.expect(&["BOUND6"], PATIENCE);
    client.release();
    client.refuse_addresses(true);
    client.start();
    lab::until("the declined address is set aside", PATIENCE, || !abandoned().is_empty());
    client.kill();
    client.refuse_addresses(false);
    let declined: Vec<_> = abandoned().iter().map(|lease| lease["address"].clone()).collect();
    assert!(declined.contains(&first.to_string().into()), "{declined:?}");
    client.forget_leases();
    client.start();
    let (next, _) = client.expect(&["BOUND6"], PATIENCE);
    assert!(!declined.contains(&next.to_string().into()), "{next} was declined: {declined:?}");
}

const CONFIGURATION: &str = r#"
[dhcpv6]
secret = "the same on all three of them"

[[interface]]
name = "eth0"

[[subnet6]]
subnet = "2001:db8:77::/64"
pools = [{ range = "2001:db8:77::/64", allocator = "hash" }]
lease-time = "1h"
"#;
