//! Asking the wire before an address is offered: a squatter keeps what it took, and nobody waits for
//! the answer but the client that it is about.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{DhcpOption, MessageType};
use tandem_tests::lab::{self, Client, Hand, Kind, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(60);
/// Of the client that is served meanwhile, whose own first lease need not wait.
const RESERVED: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 10);
const SQUATTED: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 77);
/// How long the squatter may take for its answer, and each test takes for the address that nobody has: far longer
/// than a busy machine needs for the one.
const WAIT_MS: u32 = 3_000;
/// How long a client waits for its probe while another is served, which takes a command and a flush: the longest
/// that may be configured.
const LONG_WAIT_MS: u32 = 10_000;

#[test]
fn an_address_that_answers_a_ping_is_set_aside_in_native_xdp() {
    set_aside("xdp", "icmp");
}

#[test]
fn an_address_that_answers_a_ping_is_set_aside_over_plain_sockets() {
    set_aside("socket", "icmp");
}

#[test]
fn an_address_that_answers_arp_is_set_aside_in_native_xdp() {
    set_aside("xdp", "arp");
}

#[test]
fn an_address_that_answers_arp_is_set_aside_over_plain_sockets() {
    set_aside("socket", "arp");
}

/// RFC 2131 §3.1 step 2 and §4.3.1.
fn set_aside(dataplane: &str, method: &str) {
    if !lab::available(&format!("{method} probes over {dataplane}")) {
        return;
    }
    let site = Site::new(&format!("{dataplane}-{method}"));
    let server = serve(&site, dataplane, method, WAIT_MS);
    let squatter = Namespace::new("squatter");
    site.plug(&squatter, "eth0");
    squatter.ip(&["addr", "add", &format!("{SQUATTED}/16"), "dev", "eth0"]);
    let wish = format!("-r{SQUATTED}");
    let mut client = Client::new(&site, Kind::Udhcpc, "udhcpc").with_arguments(&[&wish]);
    client.start();
    let address = client.expect_lease(PATIENCE).address.expect("an address");
    assert_ne!(address, SQUATTED);
    let set_aside = server.leases(&["--state", "abandoned"]);
    let [lease] = &set_aside[..] else { panic!("one address is set aside: {set_aside:?}") };
    assert_eq!(lease["address"], SQUATTED.to_string());
    let status = server.status();
    let waited = &status["packets"]["waited"];
    assert!(waited["probes-answered"].as_u64() >= Some(1), "{waited}");
    assert_eq!(status["pools"][0]["abandoned"], 1);
    assert_eq!(server.leases(&["--address", &address.to_string()])[0]["state"], "active");
    server.stop();
}

#[test]
fn a_client_that_waits_for_its_probe_holds_up_no_other_in_native_xdp() {
    hold_up_nobody("xdp");
}

#[test]
fn a_client_that_waits_for_its_probe_holds_up_no_other_over_plain_sockets() {
    hold_up_nobody("socket");
}

fn hold_up_nobody(dataplane: &str) {
    if !lab::available(&format!("clients beside a probe over {dataplane}")) {
        return;
    }
    let site = Site::new(&format!("{dataplane}-beside"));
    // What is plugged in just now may not hear the first packet.
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let server = serve(&site, dataplane, "arp", LONG_WAIT_MS);
    let mut hand = Hand::new(&host, "eth0", 1);
    let held = hand.lease(1, |_| {}).yiaddr();
    assert_eq!(held, RESERVED, "an address that is offered without a probe");

    let newcomer = hand.message(2, MessageType::Discover);
    hand.send(&newcomer);
    // The server is asking the wire by the time it counts the probe.
    lab::until("the newcomer's probe", PATIENCE, || {
        server.status()["packets"]["waited"]["probes-sent"] == 1
    });
    let mut renewal = hand.message(1, MessageType::Request);
    renewal.opts_mut().insert(DhcpOption::RequestedIpAddress(held));
    hand.send(&renewal);
    let first = hand.next(PATIENCE).expect("an answer");
    assert_eq!((first.xid(), first.opts().msg_type()), (renewal.xid(), Some(MessageType::Ack)));
    let offer = hand.answer(&newcomer);
    assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
    server.stop();
}

/// One worker, so that a probe that blocks would block everybody.
fn serve(site: &Site, dataplane: &str, method: &str, wait_ms: u32) -> Server {
    let configuration = format!(
        r#"
        probe = {{ method = "{method}", wait-ms = {wait_ms} }}

        [[interface]]
        name = "eth0"
        dataplane = "{dataplane}"
        workers = [0]

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]

        [[reservation4]]
        hw-address = "02:00:00:01:00:01"
        address = "{RESERVED}"
        probe = "none"
        "#
    );
    Server::start(&site.server, Settings::new(site, configuration))
}
