//! Reconfigure in the lab: clients that come back when they are told to, and know who told them
//! (RFC 8415 §18.3.11, §20.4).

use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use dhcp_user::wire::Seconds;
use dhcp_user::wire::dhcpv6::{
    IaKind, Iaid, Message, MessageType, OptionWriter, ReconfigureKey, Writer,
};
use dhcp_user::wire::option::v6::code;
use serde_json::{Value, json};
use tandem_tests::lab::{self, Client6, Kind6, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(60);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1);
/// Leases last an hour: whoever comes back while a test lasts was told to.
const CONFIGURATION: &str = r#"
    lease-time = "1h"
    [dhcpv6]
    reconfigure = true
    [[interface]]
    name = "eth0"
    [[subnet6]]
    subnet = "2001:db8:77::/64"
    pools = ["2001:db8:77::1:0:0-2001:db8:77::1:ffff:ffff"]
    prefix-pools = [{ prefix = "2001:db8:8000::/36", delegate = 56 }]
"#;

fn started(name: &str) -> (Site, Server) {
    let site = Site::new(name);
    site.server.add_ipv6(SERVER, "eth0");
    let server = Server::start(&site.server, Settings::new(&site, CONFIGURATION));
    (site, server)
}

/// What `tandem reconfigure` comes to; it fails if nobody is told.
fn reconfigure(server: &Server, arguments: &[&str]) -> Value {
    let output = server.try_tandem(&[&["reconfigure", "--json"], arguments].concat());
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(output.status.success(), said["told"] != 0, "{output:?}");
    said
}

fn count(server: &Server, key: &str) -> u64 {
    server.status()["reconfigure"][key].as_u64().expect("a count")
}

/// dhcpcd takes no Reconfigure but from a link-local address, none without a digest by its key, and none that
/// wants a Rebind.
#[test]
fn dhcpcd_renews_when_it_is_told_to() {
    if !lab::available("a client that takes Reconfigure") {
        return;
    }
    let (site, server) = started("reconfigure");
    let mut client = Client6::new(&site, Kind6::Dhcpcd, "client");
    let mut other = Client6::new(&site, Kind6::Dhclient, "other");
    client.start();
    let leased = client.expect(&["BOUND6"], PATIENCE);
    other.start();
    let (unwilling, _) = other.expect(&["BOUND6"], PATIENCE);
    let nobody = json!({ "told": 0, "not-accepting": 1, "not-ours": 0, "without-address": 0 });
    assert_eq!(reconfigure(&server, &["--address", &unwilling.to_string()]), nobody);
    for by in [
        ["--address", &leased.0.to_string()],
        ["--address", &leased.1],
        ["--subnet", "2001:db8:77::/64"],
    ] {
        let before = count(&server, "answered");
        assert_eq!(reconfigure(&server, &by)["told"], 1, "{by:?}\n{}", client.output());
        assert_eq!(client.expect(&["RENEW6"], PATIENCE), leased, "{}", client.output());
        lab::until("its coming is counted", PATIENCE, || count(&server, "answered") > before);
    }
    assert_eq!([count(&server, "waiting"), count(&server, "under-way")], [0, 0]);
    assert_eq!(other.events().iter().filter(|event| event.reason == "RENEW6").count(), 0);
    server.stop();
}

/// What a client can check is checked by hand: the key, the digest, the numbers; and that a server which
/// died and came back is known again.
#[test]
fn a_reconfigure_is_known_by_its_key_and_number_and_a_forged_one_is_not_ours() {
    if !lab::available("a hand-made client that takes Reconfigure") {
        return;
    }
    let (site, server) = started("reconfigure-hand");
    let host = site.host("client", "10.77.0.9");
    host.speak_ipv6();
    host.await_link_local("eth0");
    let hand = Hand::new(&host, 1);
    let (address, key) = hand.lease();
    host.ip(&["addr", "add", &format!("{address}/128"), "dev", "eth0", "nodad"]);
    let unknown = reconfigure(&server, &["--client", "00:03:00:01:02:00:00:00:00:02"]);
    assert_eq!(unknown["told"], 0);

    let duid = "00:03:00:01:02:00:00:00:00:01";
    assert_eq!(reconfigure(&server, &["--client", duid, "--rebind"])["told"], 1);
    let first = hand.told(&key);
    assert_eq!(first.wanted, MessageType::Rebind);
    let again = hand.told(&key);
    assert!(again.replay > first.replay, "the same would be an old one");
    for at in 0..first.octets.len() {
        let mut forged = first.octets.clone();
        forged[at] ^= 1;
        let is_ours = Message::parse(&forged).is_ok_and(|message| message.is_signed_with(&key));
        assert!(!is_ours, "octet {at}");
    }
    assert_eq!(count(&server, "under-way"), 1);
    hand.ask(MessageType::Rebind, Some(address));
    lab::until("its coming is counted", PATIENCE, || count(&server, "answered") == 1);
    assert_eq!(count(&server, "under-way"), 0);

    let server = Server::start(&site.server, server.kill());
    let by_prefix = ["--subnet", "2001:db8:77::/64", "--information-request"];
    assert_eq!(reconfigure(&server, &by_prefix)["told"], 1);
    let later = hand.told(&key);
    assert_eq!(later.wanted, MessageType::InformationRequest);
    assert!(later.replay > again.replay, "numbers go on where they were");
    let told = hand.ask(MessageType::InformationRequest, None);
    let message = Message::parse(&told).expect("a Reply");
    assert!(message.authentication().is_none(), "whoever asks for options alone may be anybody");
    lab::until("its coming is counted", PATIENCE, || count(&server, "answered") == 1);
    assert!(hand.lease() == (address, key), "it follows from the secret, which is kept");
    server.stop();
}

/// A client whose messages the test makes.
struct Hand {
    socket: UdpSocket,
    servers: SocketAddrV6,
    duid: [u8; 10],
}

/// A Reconfigure that is signed.
struct Told {
    wanted: MessageType,
    replay: u64,
    octets: Vec<u8>,
}

impl Hand {
    fn new(host: &Namespace, number: u8) -> Self {
        let shown = host.ip(&["-o", "link", "show", "dev", "eth0"]);
        let index = shown.split(':').next().and_then(|index| index.trim().parse().ok());
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
        let servers = SocketAddrV6::new(group, 547, 0, index.expect("the interface's number"));
        let socket =
            host.inside(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 546)).expect("the port"));
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { socket, servers, duid: [0, 3, 0, 1, 2, 0, 0, 0, 0, number] }
    }

    /// Sends a message about one association, in which is `named`, and gives the answer.
    fn ask(&self, kind: MessageType, named: Option<Ipv6Addr>) -> Vec<u8> {
        self.ask_of(kind, named, None)
    }

    fn ask_of(&self, kind: MessageType, named: Option<Ipv6Addr>, server: Option<&[u8]>) -> Vec<u8> {
        let mut buffer = [0; 500];
        let mut writer = Writer::message(&mut buffer, kind, 7).expect("room");
        let options = writer.options();
        options.push(code::CLIENT_ID, &self.duid).expect("room");
        options.push(code::RECONFIGURE_ACCEPT, &[]).expect("room");
        if let Some(server) = server {
            options.push(code::SERVER_ID, server).expect("room");
        }
        if kind != MessageType::InformationRequest {
            let none = [Seconds(0); 2];
            let inside = |inside: &mut OptionWriter<'_>| match named {
                Some(address) => inside.address(address, none, |_| Ok(())),
                None => Ok(()),
            };
            options.ia(IaKind::Addresses, Iaid(1), none, inside).expect("room");
        }
        let len = writer.finish();
        self.socket.send_to(&buffer[..len], self.servers).expect("the message leaves");
        let wanted =
            if kind == MessageType::Solicit { MessageType::Advertise } else { MessageType::Reply };
        self.next(wanted)
    }

    /// Solicit to Reply: the address, and the key that was told with it.
    fn lease(&self) -> (Ipv6Addr, ReconfigureKey) {
        let advertise = self.ask(MessageType::Solicit, None);
        let offered = Message::parse(&advertise).expect("an Advertise");
        assert!(offered.accepts_reconfigure() && offered.authentication().is_none());
        let server = offered.server_id().expect("its name");
        let reply = self.ask_of(MessageType::Request, None, Some(server));
        let message = Message::parse(&reply).expect("a Reply");
        assert!(message.accepts_reconfigure());
        let key = message.authentication().and_then(|it| it.reconfigure_key()).expect("a key");
        let ia = message.ias().next().expect("the association");
        (ia.addresses().next().expect("an address").address(), key)
    }

    /// The next Reconfigure, which must be one by this key.
    fn told(&self, key: &ReconfigureKey) -> Told {
        let octets = self.next(MessageType::Reconfigure);
        let message = Message::parse(&octets).expect("a Reconfigure");
        assert!(message.is_signed_with(key));
        assert_eq!(message.options().get(code::CLIENT_ID), Some(&self.duid[..]));
        assert_eq!(message.transaction_id(), 0);
        let replay = message.authentication().expect("signed").replay;
        Told { wanted: message.reconfigure_message().expect("what for"), replay, octets }
    }

    /// The next message of a kind; what else comes is skipped.
    fn next(&self, kind: MessageType) -> Vec<u8> {
        let mut octets = [0; 2048];
        loop {
            let (len, _) = self.socket.recv_from(&mut octets).expect("a message in time");
            if octets[0] == kind as u8 {
                return octets[..len].to_vec();
            }
        }
    }
}
