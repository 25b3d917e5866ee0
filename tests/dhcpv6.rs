//! DHCPv6 in the lab: real clients through every step of a lease's life, in every mode; a server killed
//! under them; perfdhcp.

use std::net::{Ipv6Addr, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tandem_tests::lab::{
    self, Capture, Client, Client6, Kind, Kind6, Networkd, Perfdhcp, Server, Settings, Site,
    relayed,
};

/// How long a client may take over one step.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn clients_of_dhcpv6_live_a_whole_lease_through_native_xdp() {
    whole_lease("xdp");
}

#[test]
fn clients_of_dhcpv6_live_a_whole_lease_through_generic_xdp() {
    whole_lease("xdp-generic");
}

#[test]
fn clients_of_dhcpv6_live_a_whole_lease_through_plain_sockets() {
    whole_lease("socket");
}

/// One server in one mode, a host for each program at once.
fn whole_lease(dataplane: &str) {
    if !lab::available(&format!("real clients of DHCPv6 over {dataplane}")) {
        return;
    }
    let site = site(&format!("v6-{dataplane}"));
    let server = Server::start(&site.server, settings(&site, dataplane, "24s"));
    let status = server.status();
    assert_eq!(status["interfaces"][0]["mode"], dataplane);
    assert!(status["server-duid"].as_str().is_some_and(|duid| duid.starts_with("00:01:")));
    // On the switch's side of the server's wire: what goes past the server's kernel is seen there alone.
    let capture = Capture::start(&site.switch, "port0", &site.directory().join("v6.pcap"));
    thread::scope(|scope| {
        for kind in [Kind6::Dhclient, Kind6::Dhcpcd] {
            let (site, server) = (&site, &server);
            scope.spawn(move || live(Client6::new(site, kind, &format!("{kind:?}")), kind, server));
        }
    });
    let path = if dataplane == "socket" { "kernel" } else { "xdp" };
    assert!(server.status()["packets"]["received"][path].as_u64() > Some(0));
    server.stop();
    let is_ours = |frame: &&Vec<u8>| frame[12..14] == [0x86, 0xdd] && frame[54..56] == [2, 35];
    lab::until("five replies to each client on the wire", PATIENCE, || {
        capture.frames().iter().filter(is_ours).count() >= 10
    });
    let malformed = capture.malformed();
    assert!(malformed.is_empty(), "{malformed}");
}

/// Lease, renewal, reboot, release and decline, as the client and the server see them.
fn live(mut client: Client6, kind: Kind6, server: &Server) {
    client.start();
    let leased = client.expect(&["BOUND6"], PATIENCE);
    assert_leased(server, &leased);
    // At T1, by itself.
    assert_eq!(client.expect(&["RENEW6"], PATIENCE), leased);

    client.kill();
    client.start();
    let again = client.expect(&["BOUND6", "REBOOT6", "REBIND6"], PATIENCE);
    assert_eq!(again, leased, "the same after a reboot\n{}", client.output());

    let (address, prefix) = &leased;
    let resources = [&address.to_string(), prefix];
    let said = |resource: &str, key| server.said_of(resource, key).expect(key);
    let ends = resources.map(|resource| said(resource, "expires"));
    client.release();
    for (resource, ends) in resources.into_iter().zip(ends) {
        lab::until(&format!("the released {resource} is free"), PATIENCE, || {
            state(server, resource) == "free"
        });
        assert!(said(resource, "starts") < ends, "{resource} ran out");
    }

    // dhcpcd finds a duplicate by the kernel's own detection, which has nobody to find here.
    if kind == Kind6::Dhclient {
        client.refuse_addresses(true);
        client.start();
        lab::until("the declined address is set aside", PATIENCE, || {
            // Or more: it declines whatever it is given until it is ended.
            !server.leases(&["--state", "abandoned"]).is_empty()
        });
    }
}

/// A third client, which takes the server's word for a prefix, too, and comes back at T1.
#[test]
fn systemd_networkd_has_an_address_and_a_prefix_and_renews_both() {
    if !lab::available("systemd-networkd") {
        return;
    }
    let site = site("v6-networkd");
    let server = Server::start(&site.server, settings(&site, "auto", "24s"));
    let client = Networkd::start(&site, "client");
    let active = || server.leases(&["--state", "active"]);
    let first = lab::until_some("an address and a prefix", PATIENCE, || {
        Some(active()).filter(|leases| leases.len() == 2)
    });
    lab::until("both are renewed", PATIENCE, || {
        let later = active();
        let is_later = |old: &Value| {
            later.iter().any(|new| {
                let same = |key: &str| old[key] == new[key];
                same("address")
                    && same("prefix")
                    && new["expires"].as_str() > old["expires"].as_str()
            })
        };
        first.iter().all(is_later)
    });
    let address = first.iter().find_map(|lease| lease["address"].as_str()).expect("an address");
    let shown = client.namespace.ip(&["-6", "addr", "show", "dev", "eth0"]);
    assert!(shown.contains(&format!("{address}/128")), "{shown}\n{}", client.output());
    server.stop();
}

/// What a client was told is on the disk, of both protocols: the server dies, and knows all of it again.
#[test]
fn a_lease_outlives_the_server_that_was_killed_and_its_client_keeps_it() {
    if !lab::available("a DHCPv6 server that is killed") {
        return;
    }
    let site = site("v6-killed");
    let both = "[[subnet4]]\nsubnet = \"10.77.0.0/16\"\npools = [\"10.77.1.1-10.77.1.250\"]\n";
    let Settings { configuration, .. } = settings(&site, "auto", "30s");
    let server = Server::start(&site.server, Settings::new(&site, configuration + both));
    let duid = server.status()["server-duid"].clone();
    let mut client = Client6::new(&site, Kind6::Dhcpcd, "client");
    client.start();
    let leased = client.expect(&["BOUND6"], PATIENCE);
    let mut of_ipv4 = Client::new(&site, Kind::Udhcpc, "client4");
    of_ipv4.start();
    let leased4 = of_ipv4.expect_lease(PATIENCE).address;
    let settings = server.kill();
    let server = Server::start(&site.server, settings);
    assert_leased(&server, &leased);
    assert_eq!(server.status()["server-duid"], duid, "the server is who it was");
    // To the server that it has its leases from, by name.
    assert_eq!(client.expect(&["RENEW6"], PATIENCE), leased);
    assert_eq!(of_ipv4.expect(&["RENEW"], PATIENCE).address, leased4);
    server.stop();
}

#[test]
fn perfdhcp_of_addresses_loses_none_and_finds_none_twice() {
    perfdhcp("addresses", &["-e", "address-only"]);
}

#[test]
fn perfdhcp_of_prefixes_loses_none_and_finds_none_twice() {
    perfdhcp("prefixes", &["-e", "prefix-only"]);
}

#[test]
fn perfdhcp_of_addresses_and_prefixes_loses_none_and_finds_none_twice() {
    perfdhcp("both", &["-e", "address-and-prefix"]);
}

#[test]
fn perfdhcp_through_a_relay_loses_none_and_finds_none_twice() {
    perfdhcp("relayed", &["-e", "address-and-prefix", "-A", "1"]);
}

/// No drop, and nothing given twice.
fn perfdhcp(name: &str, arguments: &[&str]) {
    if !lab::available(&format!("perfdhcp -6, {name}")) {
        return;
    }
    let site = site(&format!("perfdhcp-{name}"));
    let host = site.host("perfdhcp", "10.77.0.9");
    host.add_ipv6(RELAY, "eth0");
    let server = Server::start(&site.server, settings(&site, "auto", "1h"));
    let server_address = SERVER.to_string();
    let run = Perfdhcp {
        namespace: &host,
        protocol: &[&["-6"], arguments].concat(),
        relay: "eth0",
        server: if arguments.contains(&"-A") { &server_address } else { "" },
        rate: RATE,
        clients: 1_000_000,
    };
    let (report, text) =
        run.run(SECONDS, || lab::lost_on_the_way(&server, &[&site.server, &site.switch, &host]));
    let said = format!("{text}\n{}", server.status()["packets"]);
    assert_eq!((report.drops, report.not_unique), (0, 0), "{said}");
    assert_eq!(report.received, report.sent, "{said}");
    server.stop();
}

/// perfdhcp plays one relay; three around each other are made by hand here.
#[test]
fn a_reply_goes_back_through_three_relays_each_with_its_interface_id() {
    if !lab::available("three nested relays") {
        return;
    }
    let site = site("v6-nested");
    let host = site.host("relay", "10.77.0.9");
    host.add_ipv6(RELAY, "eth0");
    let server = Server::start(&site.server, settings(&site, "auto", "1h"));
    let socket = host.inside(|| UdpSocket::bind((RELAY, 547)).expect("the relay's port"));
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = (0..3).fold(SOLICIT.to_vec(), |inner, hops| forwarded(hops, &inner));
    socket.send_to(&request, (SERVER, 547)).expect("the request leaves");
    let mut octets = [0; 2048];
    let (len, from) = socket.recv_from(&mut octets).expect("a reply");
    assert_eq!(from.to_string(), format!("[{SERVER}]:547"));
    let mut reply = octets[..len].to_vec();
    for hops in (0..3).rev() {
        let options = relayed::options(&reply).expect("a Relay-reply for each relay");
        assert_eq!(reply[1], hops);
        assert_eq!(relayed::option(options, 18), Some(&[b'i', hops][..]));
        reply = relayed::carried(&reply).expect("what it carries").to_vec();
    }
    assert_eq!(reply[..4], [2, 0, 0, 7], "an Advertise");
    let association = relayed::option(&reply[4..], 3).expect("the association");
    assert!(relayed::option(&association[12..], 5).is_some(), "with an address");
    server.stop();
}

/// A Solicit for an address.
#[rustfmt::skip]
const SOLICIT: [u8; 34] = [
    1, 0, 0, 7,
    0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 5,
    0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// A Relay-forward, with an Interface-Id of its own, around `inner`. The innermost tells of the link.
fn forwarded(hops: u8, inner: &[u8]) -> Vec<u8> {
    let link = if hops == 0 { RELAY } else { Ipv6Addr::UNSPECIFIED };
    let peer = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5 + u16::from(hops));
    relayed::forward(hops, link, peer, &[&[0, 18, 0, 2, b'i', hops]], inner)
}

const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1);
const RELAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 9);

/// Exchanges a second.
const RATE: u32 = 10_000;
/// So much of the rate is asked for.
const SECONDS: u32 = 10;

/// A site whose server has IPv6.
fn site(name: &str) -> Site {
    let site = Site::new(name);
    site.server.add_ipv6(SERVER, "eth0");
    site
}

fn settings(site: &Site, dataplane: &str, lease: &str) -> Settings {
    Settings::new(
        site,
        format!(
            r#"
            lease-time = "{lease}"
            min-lease-time = "10s"

            [[interface]]
            name = "eth0"
            dataplane = "{dataplane}"

            [[subnet6]]
            subnet = "2001:db8:77::/64"
            pools = ["2001:db8:77::1:0:0-2001:db8:77::1:ffff:ffff"]
            prefix-pools = [{{ prefix = "2001:db8:8000::/36", delegate = 56 }}]
            "#
        ),
    )
}

fn state(server: &Server, resource: &str) -> String {
    server.said_of(resource, "state").unwrap_or_else(|| "free".to_owned())
}

fn assert_leased(server: &Server, (address, prefix): &(Ipv6Addr, String)) {
    for (key, resource) in [("address", &address.to_string()), ("prefix", prefix)] {
        let found = server.leases(&["--address", resource]);
        let [lease] = &found[..] else { panic!("{resource}: one lease expected, found {found:?}") };
        assert_eq!(lease[key].as_str(), Some(resource.as_str()), "{lease}");
        assert_eq!(lease["state"], "active", "{lease}");
        assert_eq!(lease["subnet"], "2001:db8:77::/64", "{lease}");
        assert!(lease["duid"].is_string() && lease["iaid"].is_u64(), "{lease}");
    }
}
