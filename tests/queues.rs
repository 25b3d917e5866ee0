//! Several receive queues, interfaces and workers at once, and workers that never sleep.

use std::collections::HashSet;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::MessageType;
use tandem_tests::lab::{self, Client, Hand, Headers, Kind, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(30);
/// Enough flows for some to fall on each queue.
const RELAYS: u16 = 96;
const QUEUES: u32 = 4;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

#[test]
fn one_worker_serves_four_queues_and_two_networks() {
    serve_two_networks("[0]", "xdp");
}

#[test]
fn a_worker_on_each_core_serves_four_queues_and_two_networks() {
    serve_two_networks("\"auto\"", "xdp");
}

#[test]
fn a_worker_on_each_core_serves_four_queues_in_generic_mode() {
    serve_two_networks("\"auto\"", "xdp-generic");
}

#[test]
fn a_worker_on_each_core_serves_two_networks_over_plain_sockets() {
    serve_two_networks("\"auto\"", "socket");
}

/// `eth0` is on the site's switch, `eth1` has four queues and relays of every address behind it.
fn serve_two_networks(workers: &str, dataplane: &str) {
    if !lab::available("several queues and interfaces") {
        return;
    }
    let site = Site::new("queues");
    let relays = Namespace::new("relays");
    relays.join_by_queues("eth0", &site.server, "eth1", QUEUES);
    site.server.ip(&["link", "set", "eth1", "address", "02:00:00:00:00:01"]);
    site.server.ip(&["addr", "add", &format!("{SERVER}/16"), "dev", "eth1"]);
    let keys = format!("dataplane = \"{dataplane}\"\nworkers = {workers}");
    // What is plugged in just now may not hear the first packet.
    let hosts = Namespace::new("hosts");
    site.plug(&hosts, "eth0");
    let mut server = Server::start(&site.server, settings(&site, &keys));

    let mut hand = Hand::new(&relays, "eth0", 1);
    let mut waited_for = HashSet::new();
    for number in 0..RELAYS {
        let mut discover = hand.message(number, MessageType::Discover);
        let relay = Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 78, 2, 0)) + u32::from(number));
        discover.set_giaddr(relay).set_hops(1);
        let headers = Headers {
            destination: SERVER_MAC,
            source_ip: relay,
            destination_ip: SERVER,
            source_port: 67,
            ..Headers::broadcast(hand.mac(number))
        };
        waited_for.insert(discover.xid());
        hand.send_with(&headers, &discover);
    }
    while !waited_for.is_empty() {
        let Some(offer) = hand.next(PATIENCE) else { panic!("no answer to {waited_for:x?}") };
        assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer), "{offer}");
        assert!(waited_for.remove(&offer.xid()), "an answer nobody waits for: {offer}");
        assert_eq!(offer.yiaddr().octets()[..2], [10, 78]);
    }
    // The same client on each network has an address of that network.
    let there = Hand::new(&hosts, "eth0", 1).lease(1, |_| {}).yiaddr();
    let here = hand.lease(1, |_| {}).yiaddr();
    assert_eq!((&there.octets()[..2], &here.octets()[..2]), (&[10, 77][..], &[10, 78][..]));
    assert_eq!(server.leases(&["--state", "active"]).len(), 2);

    let status = server.status();
    let interfaces = status["interfaces"].as_array().expect("a list");
    for interface in interfaces {
        assert_eq!(interface["mode"], dataplane);
        assert_eq!(interface["workers"], pinned(&mut server).len());
    }
    let requests = u64::from(RELAYS) + 4;
    let received = &status["packets"]["received"];
    if dataplane == "socket" {
        assert_eq!((&received["xdp"], &received["kernel"]), (&0.into(), &requests.into()));
    } else {
        assert_eq!(interfaces[1]["queues"], QUEUES);
        assert_eq!((&received["xdp"], &received["kernel"]), (&requests.into(), &0.into()));
    }
    if dataplane == "xdp" {
        let busy = busy_queues(&site.server);
        assert!(busy >= 2, "all packets came by {busy} queue, so this shows nothing");
    }
    if workers == "[0]" {
        assert_eq!(pinned(&mut server), ["0"]);
    }
    server.stop();
}

#[test]
fn busy_polling_workers_serve_and_end() {
    if !lab::available("busy polling") {
        return;
    }
    let site = Site::new("busy");
    let unused = Namespace::new("unused");
    unused.join("eth0", &site.server, "eth1");
    site.server.ip(&["addr", "add", &format!("{SERVER}/16"), "dev", "eth1"]);
    let keys = "dataplane = \"xdp\"\nbusy-poll = true\nworkers = [0]";
    let server = Server::start(&site.server, settings(&site, keys));
    let mut client = Client::new(&site, Kind::Dhclient, "dhclient");
    client.start();
    client.expect_lease(PATIENCE);
    assert_eq!(server.status()["packets"]["received"]["kernel"], 0);
    server.stop();
}

/// Receive queues of the server's `eth1` that the XDP program saw packets on.
fn busy_queues(server: &Namespace) -> usize {
    let counters = server.run("ethtool", &["-S", "eth1"]);
    let counts = counters.lines().filter_map(|line| {
        let (name, count) = line.trim().split_once(": ")?;
        (name.starts_with("rx_queue_") && name.ends_with("_xdp_packets")).then_some(count)
    });
    counts.filter(|&count| count != "0").count()
}

/// The cores that each worker of the server may run on.
fn pinned(server: &mut Server) -> Vec<String> {
    let tasks = format!("/proc/{}/task", server.process().pid());
    let mut workers = Vec::new();
    for task in fs::read_dir(tasks).expect("the server runs").flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        if let Some(cores) = cores.filter(|_| name.starts_with("worker-")) {
            workers.push(cores.trim().to_owned());
        }
    }
    workers
}

fn settings(site: &Site, keys: &str) -> Settings {
    let configuration = format!(
        r#"
        [[interface]]
        name = "eth0"
        {keys}

        [[interface]]
        name = "eth1"
        {keys}

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]

        [[subnet4]]
        subnet = "10.78.0.0/16"
        pools = ["10.78.1.1-10.78.1.250"]
        "#
    );
    Settings::new(site, configuration)
}
