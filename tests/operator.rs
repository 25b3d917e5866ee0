//! What an operator and their scripts read: status, leases, metrics and the log.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, MessageType};
use tandem_tests::lab::{self, Hand, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that has seen traffic: ten leases, one of them given back, and an offer.
struct Rig {
    server: Server,
    site: Site,
    host: Namespace,
    addresses: Vec<Ipv4Addr>,
}

impl Rig {
    fn new(name: &str) -> Option<Self> {
        if !lab::available(name) {
            return None;
        }
        let site = Site::new("operator");
        let host = Namespace::new("host");
        site.plug(&host, "eth0");
        let server = Server::start(&site.server, Settings::new(&site, CONFIGURATION));
        let mut hand = Hand::new(&host, "eth0", 1);
        let lease = |client| {
            let named = |m: &mut dhcproto::v4::Message| {
                m.opts_mut().insert(DhcpOption::ClientIdentifier(vec![0, 0xab, client as u8]));
                m.opts_mut().insert(DhcpOption::Hostname(format!("host-{client}")));
            };
            hand.lease(client, named).yiaddr()
        };
        let addresses: Vec<Ipv4Addr> = (0..10).map(lease).collect();
        let mut release = hand.message(9, MessageType::Release);
        release.set_ciaddr(addresses[9]);
        release.opts_mut().insert(DhcpOption::ClientIdentifier(vec![0, 0xab, 9]));
        release.opts_mut().insert(DhcpOption::ServerIdentifier(SERVER));
        hand.send(&release);
        let discover = hand.message(20, MessageType::Discover);
        hand.ask(&discover);
        lab::until("the release is taken", PATIENCE, || {
            server.leases(&["--state", "active"]).len() == 9
        });
        Some(Self { server, site, host, addresses })
    }
}

/// The keys that scripts rely on.
#[test]
fn json_has_what_scripts_rely_on() {
    let Some(rig) = Rig::new("what scripts read") else { return };
    let leases = rig.server.leases(&["--state", "active"]);
    for lease in &leases {
        for key in ["address", "client-id", "hw-address", "state", "expires", "subnet"] {
            assert!(lease[key].is_string(), "no {key} in {lease}");
        }
        assert_eq!(lease["subnet"], "10.77.0.0/16");
        let expires = lease["expires"].as_str().expect("text");
        assert!(
            expires.len() == 20 && expires.ends_with('Z') && &expires[10..11] == "T",
            "{expires}"
        );
    }

    let status = rig.server.status();
    assert_eq!(status["serving"], true);
    let packets = &status["packets"];
    assert_eq!((&packets["sent"]["offer"], &packets["sent"]["ack"]), (&11.into(), &10.into()));
    assert_eq!(
        (&packets["received"]["xdp"], &packets["verdicts"]["taken"]),
        (&22.into(), &22.into())
    );
    let pool = &status["pools"][0];
    assert_eq!(
        (&pool["active"], &pool["total"], &pool["fill-permille"]),
        (&9.into(), &250.into(), &36.into())
    );
    for what in ["wire-to-wire", "waiting-for-disk"] {
        let latency = &status["latency"][what];
        let figure = |key: &str| latency[key].as_f64().unwrap_or_default();
        let figures = ["p50-us", "p90-us", "p99-us", "p999-us", "max-us"].map(figure);
        assert!(figures[0] > 0.0 && figures.is_sorted(), "{what}: {latency}");
    }
    assert_eq!(status["latency"]["wire-to-wire"]["count"], 21);
    assert_eq!(status["journal"]["health"], "good");
    rig.server.stop();
}

#[test]
fn filters_show_the_leases_that_are_asked_for() {
    let Some(rig) = Rig::new("filters of leases") else { return };
    let addresses = |arguments: &[&str]| -> Vec<String> {
        let leases = rig.server.leases(arguments);
        leases
            .iter()
            .map(|lease| lease["address"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let third = rig.addresses[3].to_string();
    for arguments in [
        &["--address", &third][..],
        &["--client", "02:00:00:01:00:03"],
        &["--client", "020000010003"],
        &["--client", "00:ab:03"],
        &["--client", "HOST-3"],
        &["--subnet", &format!("{third}/32")],
        &["--client", "host-3", "--state", "active", "--subnet", "10.77.0.0/16"],
    ] {
        assert_eq!(addresses(arguments), [third.as_str()], "{arguments:?}");
    }
    assert_eq!(
        addresses(&["--state", "released"]).len() + addresses(&["--state", "free"]).len(),
        1
    );
    assert_eq!(addresses(&["--state", "offered"]).len(), 1);
    assert_eq!(addresses(&["--subnet", "10.99.0.0/16"]).len(), 0);
    assert_eq!(addresses(&["--client", "host-3", "--state", "released"]).len(), 0);

    let table = rig.server.tandem(&["leases", "--state", "active"]);
    assert_eq!(table.lines().count(), 10, "a line of headings and nine leases:\n{table}");
    let line = table.lines().find(|line| line.starts_with(&third)).expect("its line");
    for part in ["active", "02:00:00:01:00:03", "host-3"] {
        assert!(line.contains(part), "no {part:?} in {line:?}");
    }
    rig.server.stop();
}

#[test]
fn status_for_people_says_how_the_server_is_doing() {
    let Some(rig) = Rig::new("status for people") else { return };
    let text = rig.server.tandem(&["status"]);
    let line = |parts: &[&str]| {
        let has_all = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.windows(parts.len()).any(|window| window == parts)
        };
        assert!(text.lines().any(has_all), "no line with {parts:?} in\n{text}");
    };
    assert!(text.lines().next().is_some_and(|first| first.ends_with(": serving")), "{text}");
    line(&["eth0", "xdp"]);
    line(&["sent", "ack", "10"]);
    line(&["received", "xdp", "22"]);
    line(&["10.77.1.1-10.77.1.250", "10.77.0.0/16", "9"]);
    line(&["wire", "to", "wire", "21"]);
    line(&["journal", "good;"]);
    rig.server.stop();
}

/// A server that hangs loses packets where none of its own counters can see it.
#[test]
fn packets_that_came_while_the_server_hung_are_counted_as_lost() {
    let Some(mut rig) = Rig::new("packets lost to a hung server") else { return };
    assert_eq!(rig.server.lost(), 0);
    let mut hand = Hand::new(&rig.host, "eth0", 2);
    let discover = hand.message(30, MessageType::Discover);
    // One client is one worker's: its ring has room for 2,048. How many come as far as that says the XDP program: a
    // veth loses some on a slow machine, and it may be so many that the ring is not filled the first time.
    lab::until("packets are lost", PATIENCE, || {
        rig.server.process().signal("STOP");
        for _ in 0..5_000 {
            hand.send(&discover);
        }
        rig.server.process().signal("CONT");
        rig.server.lost() > 0
    });
    lab::until("whatever no worker was handed is counted", PATIENCE, || {
        let handed = rig.server.status()["packets"]["received"]["xdp"].as_u64();
        handed.map(|handed| handed + rig.server.lost()) >= Some(rig.server.verdict("taken"))
    });
}

#[test]
fn prometheus_scrapes_the_same_numbers_and_nothing_of_clients() {
    let Some(rig) = Rig::new("metrics") else { return };
    rig.host.ip(&["addr", "add", "10.77.0.9/16", "dev", "eth0"]);
    let answer = rig.host.inside(|| {
        let mut stream = TcpStream::connect((SERVER, 9_167)).expect("the metrics port");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = "GET /metrics HTTP/1.1\r\nHost: tandem\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("the request leaves");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    });
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    for line in [
        "tandem_serving 1",
        "tandem_sent_total{type=\"ack\"} 10",
        "tandem_received_total{path=\"xdp\"} 22",
        "tandem_interface_mode{interface=\"eth0\",mode=\"xdp\"} 1",
        "tandem_journal_healthy 1",
    ] {
        assert!(body.lines().any(|found| found == line), "no {line:?} in\n{body}");
    }
    assert!(body.contains("state=\"active\"} 9\n"), "{body}");
    for of_a_client in ["host-3", "02:00:00:01", &rig.addresses[3].to_string()] {
        assert!(!body.contains(of_a_client), "{of_a_client} is a client's affair:\n{body}");
    }
    rig.server.stop();
}

#[test]
fn the_control_socket_is_for_the_servers_own_user() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    let Some(rig) = Rig::new("the control socket's permissions") else { return };
    let state = rig.site.directory().join("state");
    let mode =
        |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&state) & 0o077, 0, "others can look into the state directory");
    let files = std::fs::read_dir(&state).expect("the state directory").flatten();
    let sockets: Vec<_> =
        files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_socket())).collect();
    let [socket] = &sockets[..] else { panic!("one control socket: {sockets:?}") };
    assert_eq!(mode(&socket.path()) & 0o077, 0, "others can talk to the server");
    rig.server.stop();
}

/// What the XDP program has to say reaches the log, once a second of each flood and not for each packet.
#[test]
fn a_flood_is_told_of_in_the_log_and_not_packet_by_packet() {
    const DROPS: u64 = 1_000;
    if !lab::available("the flood guard's log") {
        return;
    }
    let site = Site::new("flood-log");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let guard = "[guard]\nclient-rate = 5\nrelay-rate = 20\n";
    let settings = Settings::new(&site, format!("{CONFIGURATION}\n{guard}"));
    let began = Instant::now();
    let mut server = Server::start(&site.server, settings);
    let mut hand = Hand::new(&host, "eth0", 1);
    let one_client = hand.message(1, MessageType::Discover);
    lab::flood(&server, "client-flood", DROPS, || hand.send(&one_client));
    lab::until("the client's flood in the log", PATIENCE, || {
        server.process().output().contains("flood: dropping client with hash")
    });
    // Each once, so that none of them is over its own share.
    let mut others = 2..u16::MAX;
    lab::flood(&server, "port-flood", DROPS, || {
        let client = others.next().expect("more clients than a flood takes");
        let discover = hand.message(client, MessageType::Discover);
        hand.send(&discover);
    });
    lab::until("the port's flood in the log", PATIENCE, || {
        server.process().output().contains("flood: dropping direct clients of vlan 0.0")
    });
    let lines = server.process().output().matches("flood:").count();
    let seconds = began.elapsed().as_secs() as usize + 1;
    assert!(lines <= 2 * seconds, "{lines} lines of two floods in {seconds} s");
    server.stop();
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

const CONFIGURATION: &str = r#"
[[interface]]
name = "eth0"
dataplane = "xdp"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.1-10.77.1.250"]

[metrics]
listen = "10.77.0.1:9167"
"#;
