//! Exchanges that no client program at hand makes: BOOTP, INFORM, rapid commit, and what relays say.

use std::net::Ipv4Addr;

use dhcproto::v4::relay::{RelayAgentInformation, RelayInfo};
use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use tandem_tests::lab::{self, Hand, Headers, Namespace, Server, Settings, Site};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 8);

/// A server, and a host on its link.
struct Rig {
    hand: Hand,
    server: Server,
    _host: Namespace,
    _site: Site,
}

impl Rig {
    fn new(name: &str) -> Option<Self> {
        if !lab::available(name) {
            return None;
        }
        let site = Site::new("handmade");
        site.server.ip(&["link", "set", "eth0", "address", "02:00:00:00:00:01"]);
        let host = Namespace::new("host");
        site.plug(&host, "eth0");
        let hand = Hand::new(&host, "eth0", 1);
        let server = Server::start(&site.server, Settings::new(&site, CONFIGURATION));
        Some(Self { hand, server, _host: host, _site: site })
    }

    /// As a relay sends what it heard.
    fn ask_relayed(&mut self, request: &mut Message) -> Message {
        request.set_giaddr(RELAY).set_hops(1);
        let headers = Headers {
            destination: SERVER_MAC,
            source_ip: RELAY,
            destination_ip: SERVER,
            source_port: 67,
            ..Headers::broadcast([2, 0, 0, 0, 0, 8])
        };
        self.hand.send_with(&headers, request);
        let answer = self.hand.answer(request);
        assert_eq!(answer.giaddr(), RELAY);
        answer
    }
}

/// RFC 951, RFC 1534 §2: no options are asked for, the lease has no end.
#[test]
fn a_bootp_client_keeps_its_address_for_ever() {
    let Some(mut rig) = Rig::new("BOOTP") else { return };
    let request = rig.hand.bootp(1);
    let reply = rig.hand.ask(&request);
    assert_eq!(reply.opcode(), Opcode::BootReply);
    assert_eq!(reply.opts().msg_type(), None, "a BOOTP client is not answered in DHCP");
    assert_eq!(reply.opts().get(OptionCode::AddressLeaseTime), None);
    assert_eq!(&reply.fname().expect("a boot file")[..7], b"kernel\0");
    let leases = rig.server.leases(&["--address", &reply.yiaddr().to_string()]);
    assert_eq!((&leases[0]["bootp"], &leases[0]["infinite"]), (&true.into(), &true.into()));
    assert_eq!(leases[0]["state"], "active");
    let again = rig.hand.bootp(1);
    assert_eq!(rig.hand.ask(&again).yiaddr(), reply.yiaddr());
    assert_eq!(rig.server.status()["packets"]["sent"]["bootp"], 2);
    rig.server.stop();
}

/// RFC 2131 §4.3.5: options, and neither an address nor a lease.
#[test]
fn an_inform_is_told_options_and_leases_nothing() {
    let Some(mut rig) = Rig::new("INFORM") else { return };
    let own = Ipv4Addr::new(10, 77, 9, 9);
    let mut inform = rig.hand.message(1, MessageType::Inform);
    inform.set_ciaddr(own);
    let wanted = vec![OptionCode::DomainNameServer, OptionCode::SubnetMask];
    inform.opts_mut().insert(DhcpOption::ParameterRequestList(wanted));
    let headers = Headers { source_ip: own, ..Headers::broadcast(rig.hand.mac(1)) };
    rig.hand.send_with(&headers, &inform);
    let ack = rig.hand.answer(&inform);
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!((ack.yiaddr(), ack.ciaddr()), (Ipv4Addr::UNSPECIFIED, own));
    assert_eq!(ack.opts().get(OptionCode::AddressLeaseTime), None);
    let resolver = DhcpOption::DomainNameServer(vec![Ipv4Addr::new(10, 77, 0, 53)]);
    assert_eq!(ack.opts().get(OptionCode::DomainNameServer), Some(&resolver));
    assert_eq!(rig.server.leases(&[]).len(), 0);
    rig.server.stop();
}

/// RFC 4039: durable before it is told, like any other ACK.
#[test]
fn rapid_commit_saves_a_round_trip_for_who_asks() {
    let Some(mut rig) = Rig::new("rapid commit") else { return };
    let mut discover = rig.hand.message(1, MessageType::Discover);
    discover.opts_mut().insert(DhcpOption::RapidCommit);
    let ack = rig.hand.ask(&discover);
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!(ack.opts().get(OptionCode::RapidCommit), Some(&DhcpOption::RapidCommit));
    let leases = rig.server.leases(&["--address", &ack.yiaddr().to_string()]);
    assert_eq!(leases[0]["state"], "active");
    let plain = rig.hand.message(2, MessageType::Discover);
    assert_eq!(rig.hand.ask(&plain).opts().msg_type(), Some(MessageType::Offer));
    let status = rig.server.status();
    assert_eq!(
        status["packets"]["waited"]["held"].as_u64(),
        Some(1),
        "the ACK waited for the disk"
    );
    rig.server.stop();
}

/// RFC 3046 §2.2: whatever the relay put there comes back as it was.
#[test]
fn all_of_option_82_comes_back_to_the_relay() {
    let Some(mut rig) = Rig::new("option 82") else { return };
    let mut information = RelayAgentInformation::default();
    information.insert(RelayInfo::AgentCircuitId(b"slot 3/port 7".to_vec()));
    information.insert(RelayInfo::AgentRemoteId(vec![0, 6, 2, 0, 0, 0, 0, 9]));
    information.insert(RelayInfo::SubscriberId(b"subscriber \xff".to_vec()));
    let option = DhcpOption::RelayAgentInformation(information);
    let mut discover = rig.hand.message(1, MessageType::Discover);
    discover.opts_mut().insert(option.clone());
    let offer = rig.ask_relayed(&mut discover);
    assert_eq!(offer.opts().get(OptionCode::RelayAgentInformation), Some(&option));
    let mut request = rig.hand.selecting(1, &offer);
    request.opts_mut().insert(option.clone());
    let ack = rig.ask_relayed(&mut request);
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!(ack.opts().get(OptionCode::RelayAgentInformation), Some(&option));
    let leases = rig.server.leases(&["--client", "slot 3/port 7"]);
    let [lease] = &leases[..] else { panic!("one lease of that circuit: {leases:?}") };
    assert_eq!(lease["relay"], RELAY.to_string());
    assert_eq!(lease["remote-id"], "00:06:02:00:00:00:00:09");
    rig.server.stop();
}

/// RFC 3527: the relay names the client's link where its own address does not.
#[test]
fn a_relay_selects_the_link_of_its_client() {
    let Some(mut rig) = Rig::new("link selection") else { return };
    let mut discover = rig.hand.message(1, MessageType::Discover);
    let here = rig.ask_relayed(&mut discover);
    assert_eq!(here.yiaddr().octets()[..2], [10, 77], "without it the relay's own link counts");
    let mut discover = rig.hand.message(2, MessageType::Discover);
    let mut information = RelayAgentInformation::default();
    information.insert(RelayInfo::LinkSelection(Ipv4Addr::new(10, 99, 0, 0)));
    discover.opts_mut().insert(DhcpOption::RelayAgentInformation(information));
    let there = rig.ask_relayed(&mut discover);
    assert_eq!(there.opts().msg_type(), Some(MessageType::Offer));
    assert_eq!(there.yiaddr().octets()[..2], [10, 99]);
    rig.server.stop();
}

const CONFIGURATION: &str = r#"
options = { domain-name-servers = ["10.77.0.53"] }

[[interface]]
name = "eth0"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.1-10.77.1.250"]
rapid-commit = true
bootp = true
boot-file = "kernel"

[[subnet4]]
subnet = "10.99.0.0/16"
pools = ["10.99.1.1-10.99.1.250"]
"#;
