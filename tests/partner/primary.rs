//! A primary that a secondary does not take for its partner, and what one may do wrong that it does.

use dhcp_user::wire::failover::{BindingStatus, Message, Packet, Reject, State, Update};
use tandem_tests::lab::{self, Host, until};

use super::scene::{Lab, MCLT, PATIENCE};
use super::words::{CONNECT, ack, await_normal, changed, connect, state};

/// draft-12 §7.8.2.
#[test]
fn a_secondary_has_none_but_its_primary() {
    if !lab::available("bad primaries") {
        return;
    }
    let mut lab = Lab::new("bad-primary", Host::B);
    let refused = [
        (20, Some(&[2][..]), Reject::ProtocolVersion, "protocol version is not 1"),
        (27, Some(&[2]), Reject::TlsNotConfigured, "TLS is not configured"),
        (22, None, Reject::InvalidPartner, "missing relationship-name"),
        (22, Some(b"lab\0"), Reject::InvalidPartner, "unknown relationship-name"),
        (22, Some(&[b'x'; 900]), Reject::InvalidPartner, "unknown relationship-name"),
        (15, None, Reject::InvalidMclt, "missing or zero MCLT"),
        (15, Some(&[0; 4]), Reject::InvalidMclt, "missing or zero MCLT"),
        (11, None, Reject::HashBuckets, "invalid HBA"),
        (11, Some(&[0; 33]), Reject::HashBuckets, "invalid HBA"),
    ];
    for (code, data, reason, words) in refused {
        let mut partner = lab.connect();
        partner.say_options(5, 5, &changed(&CONNECT, code, data));
        lab.must_refuse(partner, reason, words);
    }
    for ahead in [7_200, -7_200] {
        let mut partner = lab.connect();
        partner.ahead = ahead;
        partner.say(5, Message::Connect(Box::new(connect())));
        lab.must_refuse(partner, Reject::TimeMismatch, "time offset too large");
    }
    let mut partner = lab.connect();
    partner.secret = Some(b"nobody asked for it");
    partner.say(5, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DigestNotConfigured, "no secret is configured");
    assert_eq!(lab.server.state(), "partner-down", "nobody was taken for the partner");
    lab.must_serve("after bad greetings");

    // dhcpd would hear a STATE before the greeting; an answer to nothing is none either.
    let mut partner = lab.connect();
    let normal = state(&partner, State::Normal);
    partner.say(1, normal);
    partner.say(2, Message::ConnectAck(Box::new(ack())));
    // Another MCLT is the primary's to have.
    partner.say(5, Message::Connect(Box::new(connect())));
    let is_taken = |packet: &Packet| match &packet.message {
        Message::ConnectAck(ack) => Some((packet.xid, ack.rejection.clone())),
        _ => None,
    };
    assert_eq!(partner.expect("CONNECTACK", is_taken), (5, None));
    assert_eq!(lab.server.state(), "partner-down", "the STATE came too soon to count");
    let recovered = state(&partner, State::RecoverDone);
    partner.say(6, recovered);
    await_normal(&mut partner);
    let normal = state(&partner, State::Normal);
    partner.say(7, normal);
    lab.must_be("normal");
    until("the primary's MCLT counts, as each has heard the other with it", PATIENCE, || {
        lab.status()["mclt-s"].as_u64() == Some(u64::from(MCLT + 1))
    });
    assert!(lab.server.output().contains("the primary's MCLT is another"));

    // A batch makes some addresses its own; one of nobody's is refused beside them.
    let mut updates: Vec<Update> = (0..32)
        .map(|last| Update {
            starts: Some(partner.now()),
            ..Update::new([10, 77, 5, last].into(), BindingStatus::Backup)
        })
        .collect();
    updates.push(Update::new([10, 99, 0, 1].into(), BindingStatus::Backup));
    partner.say(8, Message::BindingUpdate(updates));
    let answers = partner.expect("BNDACK", |packet| match &packet.message {
        Message::BindingAck(answers) => Some(answers.clone()),
        _ => None,
    });
    assert_eq!(answers.len(), 33);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.rejection.is_some()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    lab.must_say("us", Some(Reject::UnknownAddress), "10.99.0.1");
    lab.must_serve("in normal");

    // The second CONNECT comes on the link.
    partner.say(9, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DuplicateConnection, "a greeting on a link that is up");
    lab.must_be("communications-interrupted");
    lab.must_serve("after the link is lost");
}
