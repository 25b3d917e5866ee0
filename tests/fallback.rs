//! `dataplane = "auto"` where a better mode does not work: the next one serves, and says why.

use std::time::Duration;

use tandem_tests::lab::{self, Client, Hand, Kind, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(60);

/// A bridge has no XDP of its own, but the kernel runs a program above it.
#[test]
fn a_bridge_is_served_in_generic_mode() {
    if !lab::available("a server on a bridge") {
        return;
    }
    let site = Site::new("bridge");
    site.server.ip(&["link", "add", "br1", "type", "bridge", "forward_delay", "0"]);
    site.server.ip(&["link", "set", "br1", "up"]);
    site.server.ip(&["addr", "flush", "dev", "eth0"]);
    site.server.ip(&["link", "set", "eth0", "master", "br1"]);
    site.server.ip(&["addr", "add", &format!("{}/16", Site::SERVER), "dev", "br1"]);
    let server = Server::start(&site.server, settings(&site, "br1", "auto"));
    let interface = &server.status()["interfaces"][0];
    assert_eq!(interface["mode"], "xdp-generic", "{interface}");
    let why = interface["why"].as_str().expect("text");
    assert!(why.starts_with("xdp: "), "{why}");
    let mut client = Client::new(&site, Kind::Dhclient, "dhclient");
    client.start();
    client.expect_lease(PATIENCE);
    assert_eq!(server.status()["packets"]["received"]["kernel"], 0);
    server.stop();
}

/// One interface takes one program.
#[test]
fn beside_another_xdp_program_plain_sockets_serve_and_tell_why() {
    if !lab::available("a server beside another XDP program") {
        return;
    }
    let site = Site::new("occupied");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let mut hand = Hand::new(&host, "eth0", 1);
    let elsewhere =
        Settings { directory: site.directory().join("other"), ..settings(&site, "eth0", "xdp") };
    let occupant = Server::start(&site.server, elsewhere);

    let mut insisting = Server::launch(&site.server, settings(&site, "eth0", "xdp"));
    assert_eq!(insisting.process().finish(PATIENCE).code(), Some(1));
    let said = insisting.process().output();
    assert!(said.contains("interface eth0 cannot be served in mode xdp"), "{said}");

    let mut server = Server::start(&site.server, settings(&site, "eth0", "auto"));
    let interface = &server.status()["interfaces"][0];
    assert_eq!(interface["mode"], "socket", "{interface}");
    let why = interface["why"].as_str().expect("text").to_owned();
    assert!(why.contains("xdp: ") && why.contains("xdp-generic: "), "{why}");
    assert!(why.contains("busy") || why.contains("exist"), "the kernel's word is missing: {why}");
    let log = server.process().output();
    assert!(log.lines().any(|line| line.contains("not_better") && line.contains("busy")), "{log}");

    // The other program took every request until now.
    occupant.stop();
    hand.lease(1, |_| {});
    assert_eq!(server.status()["packets"]["received"]["kernel"], 2);
    server.stop();
}

/// A driver that takes VLAN tags off would hide them from the program.
#[test]
fn a_driver_leaves_vlan_tags_alone_while_a_program_is_attached() {
    if !lab::available("rx-vlan-offload") {
        return;
    }
    let site = Site::new("rxvlan");
    let strips = || {
        let features = site.server.run("ethtool", &["-k", "eth0"]);
        features.contains("rx-vlan-offload: on") || features.contains("rx-vlan-stag-hw-parse: on")
    };
    for (dataplane, stripping) in [("xdp", false), ("xdp-generic", false), ("socket", true)] {
        assert!(strips(), "a veth takes tags off unless told not to");
        let server = Server::start(&site.server, settings(&site, "eth0", dataplane));
        assert_eq!(strips(), stripping, "while serving in mode {dataplane}");
        server.stop();
        assert!(strips(), "it is as it was before, in mode {dataplane}");
    }
}

fn settings(site: &Site, interface: &str, dataplane: &str) -> Settings {
    let configuration = format!(
        r#"
        [[interface]]
        name = "{interface}"
        dataplane = "{dataplane}"

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]
        "#
    );
    Settings::new(site, configuration)
}
