//! Frames of every shape, and the same octets in answer whatever way they take to the server.

use std::net::Ipv4Addr;

use dhcproto::Encodable as _;
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use tandem_tests::lab::{self, Capture, Headers, Namespace, RawPort, Server, Settings, Site};

const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 9];
const RELAY: [u8; 6] = [2, 0, 0, 0, 0, 8];
const SERVER: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// A frame, or the fragments of one, and what it is called.
type Sample = (&'static str, Vec<Vec<u8>>);

#[test]
fn every_mode_answers_every_shape_of_frame_with_the_same_octets() {
    if !lab::available("frames of every shape in every mode") {
        return;
    }
    let [native, generic, socket] = ["xdp", "xdp-generic", "socket"].map(answers);
    for ((sample, native), (generic, socket)) in
        samples().iter().zip(&native).zip(generic.iter().zip(&socket))
    {
        assert_eq!(native, generic, "{}: native and generic XDP differ", sample.0);
        assert_eq!(native, socket, "{}: XDP and sockets differ", sample.0);
    }
    for ((name, frames), answer) in samples().iter().zip(&native) {
        let tags = tags_of(&frames[0]);
        assert_eq!(tags_of(answer), tags, "{name}: the answer goes back on the VLAN it came from");
    }
}

/// A fresh server's answer to each sample, whole frames.
fn answers(dataplane: &str) -> Vec<Vec<u8>> {
    let site = Site::new(dataplane);
    site.server.ip(&["link", "set", "eth0", "address", "02:00:00:00:00:01"]);
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let configuration = format!(
        r#"
        [[interface]]
        name = "eth0"
        dataplane = "{dataplane}"

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]
        "#
    );
    let server = Server::start(&site.server, Settings::new(&site, configuration));
    let mut port = RawPort::open(&host, "eth0");
    let capture = Capture::start(&host, "eth0", &site.directory().join("wire.pcap"));
    let mut answers = Vec::new();
    for (number, (name, frames)) in (1_u32..).zip(samples()) {
        for frame in &frames {
            port.send(frame);
        }
        let xid = (XID + number).to_be_bytes();
        answers.push(capture.expect(&format!("{name} answered over {dataplane}"), |frame| {
            frame[6..12] == SERVER && frame.windows(4).any(|octets| octets == xid)
        }));
    }
    assert_eq!(capture.malformed(), "", "tshark reads all that was sent");
    let received = &server.status()["packets"]["received"];
    // Tagged and plain frames take the fast path; options and fragments the kernel's.
    let fast = if dataplane == "socket" { 0 } else { 4 };
    assert_eq!((&received["xdp"], &received["kernel"]), (&fast.into(), &(6 - fast).into()));
    server.stop();
    answers
}

const XID: u32 = 0x7a6d_0000;

fn samples() -> Vec<Sample> {
    let direct = Headers::broadcast(CLIENT);
    let relayed = Headers {
        source: RELAY,
        destination: SERVER,
        source_ip: Ipv4Addr::new(10, 77, 0, 8),
        destination_ip: Ipv4Addr::new(10, 77, 0, 1),
        source_port: 67,
        ..direct.clone()
    };
    let tagged = Headers { tags: vec![(0x8100, 100)], ..direct.clone() };
    let twice = Headers { tags: vec![(0x88a8, 7), (0x8100, 0x2000 | 100)], ..direct.clone() };
    // Three no-operations and an end of list.
    let optional = Headers { ip_options: vec![1, 1, 1, 0], ..direct.clone() };
    let giaddr = relayed.source_ip;
    vec![
        ("plain", vec![direct.frame(&discover(1, Ipv4Addr::UNSPECIFIED))]),
        ("one tag", vec![tagged.frame(&discover(2, Ipv4Addr::UNSPECIFIED))]),
        ("two tags", vec![twice.frame(&discover(3, Ipv4Addr::UNSPECIFIED))]),
        ("relayed", vec![relayed.frame(&discover(4, giaddr))]),
        ("IP options", vec![optional.frame(&discover(5, Ipv4Addr::UNSPECIFIED))]),
        ("fragments", relayed.fragments(&discover(6, giaddr), 160).to_vec()),
    ]
}

fn discover(number: u32, relay: Ipv4Addr) -> Vec<u8> {
    let unset = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(XID + number, unset, unset, unset, relay, &CLIENT);
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options
        .insert(DhcpOption::ParameterRequestList(vec![OptionCode::SubnetMask, OptionCode::Router]));
    message.to_vec().expect("a request encodes")
}

/// The VLAN tags of a frame, outermost first.
fn tags_of(frame: &[u8]) -> Vec<[u8; 4]> {
    let words = frame[12..].chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
    words.take_while(|word| matches!(word[..2], [0x81, 0x00] | [0x88, 0xa8])).collect()
}
