//! Real clients through every step of a lease's life, direct and relayed, in every mode.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use tandem_tests::lab::{self, Client, Event, Kind, Namespace, Relay, Server, Settings, Site};

/// How long a client may take over one step: dhcpcd listens for six seconds before it believes
/// that an address is free, and the longest step waits for T2.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn clients_live_a_whole_lease_through_native_xdp() {
    whole_lease("xdp");
}

#[test]
fn clients_live_a_whole_lease_through_generic_xdp() {
    whole_lease("xdp-generic");
}

#[test]
fn clients_live_a_whole_lease_through_plain_sockets() {
    whole_lease("socket");
}

/// One server in one mode, six hosts at once: each client program, direct and relayed.
fn whole_lease(dataplane: &str) {
    if !lab::available(&format!("real clients over {dataplane}")) {
        return;
    }
    let site = Site::new(dataplane);
    let relays: Vec<Relay> = (0..3).map(|number| Relay::new(&site, number)).collect();
    let server = Server::start(&site.server, settings(&site, dataplane, &relays));
    assert_eq!(server.status()["interfaces"][0]["mode"], dataplane);
    thread::scope(|scope| {
        for kind in Kind::ALL {
            let (site, server) = (&site, &server);
            scope.spawn(move || {
                let squatter = Namespace::new("squatter");
                site.plug(&squatter, "eth0");
                let client = Client::new(site, kind, &format!("{kind:?}"));
                live(client, server, (&squatter, "eth0"), "10.77.0.0/16");
            });
        }
        for (kind, mut relay) in Kind::ALL.into_iter().zip(relays) {
            let server = &server;
            scope.spawn(move || {
                let client = relay.client(kind, &format!("{kind:?}-relayed"));
                live(client, server, (&relay.namespace, "south"), &relay.prefix());
            });
        }
    });
    server.stop();
}

/// Lease, renewal, rebinding, reboot, release and decline, as the client and the server see them.
/// `neighbour` is a host on the client's link that will use its address behind its back.
fn live(mut client: Client, server: &Server, neighbour: (&Namespace, &str), subnet: &str) {
    client.start();
    let first = client.expect_lease(PATIENCE);
    let address = first.address.expect("an address");
    assert_eq!(first.server, Some(Site::SERVER.parse().expect("an address")));
    assert_eq!(first.lease_s, Some(LEASE_S));
    assert_state(server, address, "active", subnet);

    if client.kind() != Kind::Dhclient {
        client.renew();
    }
    assert_eq!(client.expect(&["RENEW"], PATIENCE).address, Some(address));

    client.reach_server(false);
    // Only dhcpcd has a word of its own for an answer to a broadcast.
    let renewed = client.expect(&["RENEW", "REBIND"], PATIENCE);
    assert_eq!(renewed.address, Some(address), "rebound by broadcast");
    client.reach_server(true);

    client.kill();
    client.start();
    assert_eq!(client.expect_lease(PATIENCE).address, Some(address), "the same after a reboot");

    let said = |key| server.said_of(&address.to_string(), key).expect(key);
    let ends = said("expires");
    client.release();
    lab::until("the released lease is free", PATIENCE, || state(server, address) == "free");
    assert!(said("starts") < ends, "{address} ran out");

    let (namespace, interface) = neighbour;
    let squatted = format!("{address}/32");
    namespace.ip(&["addr", "add", &squatted, "dev", interface]);
    client.refuse_addresses(client.kind() == Kind::Dhclient);
    client.start();
    lab::until("the declined address is set aside", PATIENCE, || {
        state(server, address) == "abandoned"
    });
    client.refuse_addresses(false);
    let other = lab::until_some("another address", PATIENCE, || {
        let event = client.expect(&["BOUND"], PATIENCE);
        (event.address != Some(address)).then_some(event)
    });
    let Event { address: Some(other), .. } = other else { panic!("no address in {other:?}") };
    assert_state(server, other, "active", subnet);
}

/// Long enough for six hosts on two cores, short enough to see T1 and T2 come.
const LEASE_S: u32 = 24;

fn settings(site: &Site, dataplane: &str, relays: &[Relay]) -> Settings {
    let mut configuration = format!(
        r#"
        lease-time = "{LEASE_S}s"
        min-lease-time = "10s"

        [[interface]]
        name = "eth0"
        dataplane = "{dataplane}"

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]
        "#
    );
    for relay in relays {
        let (prefix, router) = (relay.prefix(), relay.address());
        let base = router.trim_end_matches(".0.1");
        configuration += &format!(
            r#"
            [[subnet4]]
            subnet = "{prefix}"
            pools = ["{base}.1.1-{base}.1.250"]
            options = {{ routers = ["{router}"] }}
            "#
        );
    }
    Settings::new(site, configuration)
}

fn state(server: &Server, address: Ipv4Addr) -> String {
    server.said_of(&address.to_string(), "state").unwrap_or_else(|| "free".to_owned())
}

fn assert_state(server: &Server, address: Ipv4Addr, expected: &str, subnet: &str) {
    let found = server.leases(&["--address", &address.to_string()]);
    let [lease] = &found[..] else { panic!("{address}: one lease expected, found {found:?}") };
    assert_eq!(lease["state"], expected, "{lease}");
    assert_eq!(lease["subnet"], subnet, "{lease}");
}
