//! Who gets what: classes, pools, reservations, inherited options and limits, as clients see it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use tandem_tests::lab::{self, Client, Hand, Kind, Namespace, Relay, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(60);

/// The nearest of document, subnet, pool, class and reservation says what a client is told.
#[test]
fn clients_see_the_options_of_their_pool_class_and_reservation() {
    if !lab::available("classes and inherited options") {
        return;
    }
    let site = Site::new("classes");
    let mut relay = Relay::new(&site, 0);
    let server = Server::start(&site.server, Settings::new(&site, CLASSES));

    let mut phone = Client::new(&site, Kind::Udhcpc, "phone")
        .with_arguments(&["-V", "phone 7", "-O", "dns", "-O", "domain", "-O", "tftp"]);
    phone.start();
    let lease = phone.expect_lease(PATIENCE);
    assert_eq!(lease.address.expect("an address").octets()[2], 2, "from the phones' own pool");
    assert_eq!(lease.lease_s, Some(1_800), "the class's time before the pool's");
    assert_eq!(phone.variable("dns").as_deref(), Some("10.77.0.53"), "the document's");
    assert_eq!(phone.variable("domain").as_deref(), Some("phones.example"), "the pool's");
    assert_eq!(phone.variable("tftp").as_deref(), Some("boot.example"), "the class's");

    let mut plain = Client::new(&site, Kind::Udhcpc, "plain").with_arguments(&["-O", "domain"]);
    plain.start();
    let lease = plain.expect_lease(PATIENCE);
    assert_eq!(lease.address.expect("an address").octets()[2], 1, "not from the phones' pool");
    assert_eq!(lease.lease_s, Some(7_200), "the subnet's");
    assert_eq!(plain.variable("domain").as_deref(), Some("subnet.example"));
    assert_eq!(plain.variable("tftp"), None);

    // Known by the port that dhcrelay names, whatever it calls itself.
    let mut porter = relay.client(Kind::Dhclient, "porter");
    porter.start();
    let lease = porter.expect_lease(PATIENCE);
    assert_eq!(lease.address, Some(Ipv4Addr::new(10, 100, 9, 9)));
    // dhclient writes it down after its script has run.
    let written = || fs::read_to_string(site.directory().join("porter/leases")).unwrap_or_default();
    lab::until("dhclient's lease file", PATIENCE, || written().contains("expire"));
    let file = written();
    for line in [
        "fixed-address 10.100.9.9;",
        "option domain-name-servers 10.100.0.99;",
        "option dhcp-lease-time 600;",
    ] {
        assert!(file.contains(line), "no {line:?} in\n{file}");
    }
    assert_eq!(server.leases(&["--address", "10.100.9.9"])[0]["reserved"], true);
    server.stop();
}

const CLASSES: &str = r#"
lease-time = "1h"
options = { domain-name-servers = ["10.77.0.53"] }

[[interface]]
name = "eth0"

[[class]]
name = "phones"
match = { vendor-class = { begins = "phone" } }
lease-time = "30m"
options = { tftp-server-name = "boot.example" }

[[subnet4]]
subnet = "10.77.0.0/16"
lease-time = "2h"
options = { domain-name = "subnet.example" }
pools = [
    { range = "10.77.1.0/24", deny = ["phones"] },
    { range = "10.77.2.0/24", allow = ["phones"], lease-time = "3h", options = { domain-name = "phones.example" } },
]

[[subnet4]]
subnet = "10.100.0.0/16"
pools = ["10.100.1.0/24"]
options = { routers = ["10.100.0.1"] }

[[reservation4]]
circuit-id = "south"
address = "10.100.9.9"
lease-time = "10m"
options = { domain-name-servers = ["10.100.0.99"] }
"#;

/// What a client's messages have that others' have not.
type Adorn<'a> = &'a dyn Fn(&mut Message);

/// Each kind from the configuration and from a file, among a million others.
#[test]
fn reservations_of_every_kind_hold_with_a_million_in_a_file() {
    if !lab::available("a million reservations") {
        return;
    }
    let site = Site::new("reservations");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let mut hand = Hand::new(&host, "eth0", 1);
    let settings = Settings::new(&site, RESERVATIONS);
    let mut rows = String::from("hw-address,client-id,circuit-id,remote-id,address\n");
    let base = u32::from(Ipv4Addr::new(10, 16, 0, 1));
    for number in 0..1_000_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let address = Ipv4Addr::from_bits(base + number);
        let _ = writeln!(rows, "06:00:00:{a:02x}:{b:02x}:{c:02x},,,,{address}");
    }
    rows += ",0x0102030405,,,10.77.9.2\n,,far port,,10.77.9.3\n,,,far modem,10.77.9.4\n";
    rows += "02:00:00:01:00:01,,,,10.77.9.1\n";
    fs::write(site.directory().join("hosts.csv"), rows).expect("the rows are written");

    let server = Server::start(&site.server, settings.clone());
    let mut check = Command::new(&settings.binary);
    check.args(["check", "--config"]).arg(settings.config_file());
    let checked = check.output().expect("the binary runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let expected: [(u16, u8, Adorn<'_>); 8] = [
        (1, 1, &|_| {}),
        (10, 2, &|m| identify(m, &[1, 2, 3, 4, 5])),
        (11, 3, &|m| relay(m, 1, b"far port")),
        (12, 4, &|m| relay(m, 2, b"far modem")),
        (5, 5, &|_| {}),
        (13, 6, &|m| identify(m, b"\0inline")),
        (14, 7, &|m| relay(m, 1, b"near port")),
        (15, 8, &|m| relay(m, 2, b"near modem")),
    ];
    for (client, last, adorn) in expected {
        let address = hand.lease(client, adorn).yiaddr();
        assert_eq!(address, Ipv4Addr::new(10, 77, 9, last), "client {client}");
    }
    let anybody = hand.lease(99, |_| {}).yiaddr();
    assert_eq!(anybody.octets()[2], 1, "who has none gets an address of the pool: {anybody}");
    assert_eq!(server.leases(&[]).iter().filter(|lease| lease["reserved"] == true).count(), 8);
    server.stop();
}

const RESERVATIONS: &str = r#"
reservation-file = "hosts.csv"

[[interface]]
name = "eth0"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.0/24"]

[[subnet4]]
subnet = "10.16.0.0/12"

[[reservation4]]
hw-address = "02:00:00:01:00:05"
address = "10.77.9.5"

[[reservation4]]
client-id = "0x00696e6c696e65"
address = "10.77.9.6"

[[reservation4]]
circuit-id = "near port"
address = "10.77.9.7"

[[reservation4]]
remote-id = "near modem"
address = "10.77.9.8"
"#;

fn identify(message: &mut Message, identifier: &[u8]) {
    message.opts_mut().insert(DhcpOption::ClientIdentifier(identifier.to_vec()));
}

/// Option 82 with one sub-option, as a switch on the way puts it in without being a relay.
fn relay(message: &mut Message, sub_option: u8, data: &[u8]) {
    use dhcproto::v4::relay::{RelayAgentInformation, RelayInfo};
    let mut information = RelayAgentInformation::default();
    information.insert(match sub_option {
        1 => RelayInfo::AgentCircuitId(data.to_vec()),
        _ => RelayInfo::AgentRemoteId(data.to_vec()),
    });
    message.opts_mut().insert(DhcpOption::RelayAgentInformation(information));
}

/// Two ports of two relays with many hosts behind each, all at once.
#[test]
fn a_limit_per_circuit_is_exact_under_load_through_relays() {
    const MOST: usize = 7;
    const HOSTS: u16 = 60;
    if !lab::available("limits through relays") {
        return;
    }
    let site = Site::new("limits");
    let mut relays = [Relay::new(&site, 0), Relay::new(&site, 1)];
    let server = Server::start(&site.server, Settings::new(&site, LIMITS));
    // dhcrelay names both circuits "south"; they are two all the same, as each is its relay's.
    let clients: Vec<_> =
        relays.iter_mut().map(|relay| relay.client(Kind::Udhcpc, &relay.address())).collect();
    let mut hands: Vec<_> =
        (1..).zip(&clients).map(|(site, c)| Hand::new(c.namespace(), "eth0", site)).collect();
    let held: Vec<HashSet<Ipv4Addr>> = std::thread::scope(|scope| {
        let rushes: Vec<_> =
            hands.iter_mut().map(|hand| scope.spawn(move || rush(hand, HOSTS, MOST))).collect();
        rushes.into_iter().map(|rush| rush.join().expect("a rush ends")).collect()
    });
    for held in &held {
        assert_eq!(held.len(), MOST, "{held:?}");
    }
    assert_eq!(server.leases(&["--state", "active"]).len(), 2 * MOST);
    assert!(server.status()["packets"]["dropped"]["limit-reached"].as_u64() > Some(0));

    // A renewal past the relay, which names no circuit, neither frees a place nor takes one.
    let leases = server.leases(&["--state", "active"]);
    let own = leases.iter().filter(|lease| lease["relay"] == relays[0].address()).enumerate();
    for (number, lease) in own {
        let address: Ipv4Addr = lease["address"].as_str().expect("text").parse().expect("one");
        let mac: Vec<u8> = lease["hw-address"]
            .as_str()
            .expect("text")
            .split(':')
            .map(|octet| u8::from_str_radix(octet, 16).expect("hex"))
            .collect();
        let client = u16::from_be_bytes([mac[4], mac[5]]);
        let mut renewal = hands[0].message(client, MessageType::Request);
        renewal.set_ciaddr(address);
        let renewed = renew(&relays[0].namespace, &renewal);
        assert_eq!(renewed, Some(MessageType::Ack), "renewal {number} of {address}");
    }
    assert_eq!(rush(&mut hands[0], HOSTS, MOST), held[0], "the same hosts and no other");
    assert_eq!(server.leases(&["--state", "active"]).len(), 2 * MOST);
    server.stop();
}

/// By unicast from a socket of the router, which stands in for its host; what kind of answer came.
fn renew(router: &Namespace, renewal: &Message) -> Option<MessageType> {
    use dhcproto::{Decodable as _, Encodable as _};
    let octets = renewal.to_vec().expect("a request encodes");
    let host = format!("{}/32", renewal.ciaddr());
    router.ip(&["addr", "add", &host, "dev", "south"]);
    let length = router.inside(|| {
        let socket = std::net::UdpSocket::bind((renewal.ciaddr(), 68)).expect("the client's port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.send_to(&octets, (Site::SERVER, 67)).expect("it leaves");
        let mut answer = vec![0; 1_500];
        let length = socket.recv(&mut answer).expect("an answer");
        answer.truncate(length);
        answer
    });
    router.ip(&["addr", "del", &host, "dev", "south"]);
    Message::from_bytes(&length).expect("an answer can be read").opts().msg_type()
}

/// All hosts ask at once, three times over; the addresses that were acknowledged. They ask more often if fewer than
/// `expected` were: the silence that ends a round can be that of a busy machine.
fn rush(hand: &mut Hand, hosts: u16, expected: usize) -> HashSet<Ipv4Addr> {
    // Nobody answers those over the limit: silence of this length ends a round.
    const SILENCE: Duration = Duration::from_secs(1);
    const ROUNDS: Range<u32> = 3..20;
    let mut held = HashSet::new();
    for round in 0..ROUNDS.end {
        if round >= ROUNDS.start && held.len() >= expected {
            break;
        }
        for host in 0..hosts {
            let discover = hand.message(host, MessageType::Discover);
            hand.send(&discover);
        }
        while let Some(answer) = hand.next(SILENCE) {
            match answer.opts().msg_type() {
                Some(MessageType::Offer) => {
                    let mac = answer.chaddr();
                    let host = u16::from_be_bytes([mac[4], mac[5]]);
                    assert!(answer.opts().get(OptionCode::ServerIdentifier).is_some());
                    let request = hand.selecting(host, &answer);
                    hand.send(&request);
                }
                Some(MessageType::Ack) => {
                    held.insert(answer.yiaddr());
                }
                Some(MessageType::Nak) => {}
                other => panic!("unexpected answer {other:?}"),
            }
        }
    }
    held
}

const LIMITS: &str = r#"
[[interface]]
name = "eth0"

[[limit]]
name = "per port"
per = "circuit-id"
leases = 7

[[subnet4]]
subnet = "10.77.0.0/16"

[[subnet4]]
subnet = "10.100.0.0/16"
pools = ["10.100.1.0/24"]

[[subnet4]]
subnet = "10.101.0.0/16"
pools = ["10.101.1.0/24"]
"#;
