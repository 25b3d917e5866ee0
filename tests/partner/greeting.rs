//! A secondary that a primary does not take for its partner.

use dhcp_user::wire::failover::{ConnectAck, Message, Reject, Rejection};
use tandem_tests::lab::{self, Host, Partner, until};

use super::scene::{Lab, PATIENCE};
use super::words::{ACK, ack, answer_connect, changed, connect, in_normal, is_connect};

#[test]
fn a_primary_has_none_but_its_secondary() {
    if !lab::available("bad secondaries") {
        return;
    }
    let mut lab = Lab::new("bad-secondary", Host::A);
    let silent = lab.connect();

    // A stranger is closed before anything is said.
    let stranger = Partner::connect(lab.pair.host(Host::A), Host::A.failover_address());
    assert_eq!(stranger.rest(), []);
    until("a stranger is counted", PATIENCE, || lab.connections("strangers") == 1);
    assert!(lab.server.output().contains("no partner's, closed"));

    // Greetings (draft-12 §7.9.2).
    let greetings = [
        (22, Some(&b"other"[..]), Reject::InvalidPartner, "unknown relationship-name"),
        (22, None, Reject::InvalidPartner, "missing relationship-name"),
        (20, Some(&[2]), Reject::ProtocolVersion, "protocol version is not 1"),
        (26, Some(&[1]), Reject::TlsNotConfigured, "TLS is not configured"),
    ];
    for (code, data, reason, words) in greetings {
        let mut partner = lab.connect();
        let xid = partner.expect("CONNECT", is_connect);
        partner.say_options(6, xid, &changed(&ACK, code, data));
        lab.must_refuse(partner, reason, words);
    }
    for ahead in [7_200, -7_200] {
        let mut partner = lab.connect();
        partner.ahead = ahead;
        answer_connect(&mut partner, ack());
        lab.must_refuse(partner, Reject::TimeMismatch, "time offset too large");
    }
    let mut partner = lab.connect();
    partner.secret = Some(b"nobody asked for it");
    answer_connect(&mut partner, ack());
    lab.must_refuse(partner, Reject::DigestNotConfigured, "no secret is configured");
    let mut partner = lab.connect();
    partner.say(7, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::InvalidPartner, "this server is the primary too");
    let mut partner = lab.connect();
    let text = "MCLT 2 will not do".to_owned();
    let rejection = Some(Rejection { reason: Reject::InvalidMclt, text: text.clone() });
    answer_connect(&mut partner, ConnectAck { rejection, ..ack() });
    drop(partner.rest());
    lab.must_say("partner", Some(Reject::InvalidMclt), &text);

    // No messages at all.
    let octets: [(&[u8], &str); 5] = [
        (&[8, 1, 6, 12], "2049 octets"),
        (&[0, 11, 6, 12], "11 octets"),
        (&[0, 12, 77, 12, 0, 0, 0, 0, 0, 0, 0, 1], "message type 77"),
        (&[0, 12, 11, 200, 0, 0, 0, 0, 0, 0, 0, 1], "payload offset 200"),
        (&[0, 16, 6, 12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 22, 0, 200], "option 22 runs past"),
    ];
    for (octets, words) in octets {
        let mut partner = lab.connect();
        partner.write(octets);
        lab.must_close(partner, words);
    }
    assert!(lab.connections("malformed") >= 5);
    lab.must_serve("after bad greetings");
    assert_eq!(lab.server.state(), "partner-down", "nobody was taken for the partner");

    // Who says nothing is told who we are, and closed when another is the partner.
    let _partner = in_normal(&lab);
    lab.must_be("normal");
    let said = silent.rest();
    assert!(matches!(said[..], [Message::Connect(_)]), "{said:?}");
    lab.must_serve("in normal");
}
