//! CONNECT and CONNECTACK, both ends.

use super::*;
use crate::failover::Role;
use crate::failover::testing::{MCLT, START, settings};
use crate::wire::failover::{Connect, ConnectAck, Packet, Reject, TlsReply, TlsRequest};

fn packet(message: Message) -> Packet {
    Packet { time: START, xid: 7, message }
}

/// What a dhcpd primary says (spec §13).
fn connect() -> Connect {
    Connect {
        relationship: Some(b"fo4".as_slice().into()),
        max_unacked: Some(10),
        receive_timer: Some(Seconds(30)),
        vendor: Some(b"isc-4.4.3-P1".as_slice().into()),
        version: Some(1),
        tls: Some(TlsRequest::None),
        mclt: Some(Seconds(120)),
        buckets: Some([[0xff; 16], [0; 16]].concat().into()),
        delayed_service: None,
    }
}

fn answer(connect: Connect) -> Said {
    let message = Message::Connect(Box::new(connect));
    Greeting::new(&settings(Role::Secondary), Tls::Off).handle(START, &packet(message))
}

/// The reason, and whether the CONNECTACK carries it and a name.
fn refusal(said: &Said) -> Reject {
    let Said::Refuse(said, rejection) = said else { panic!("{said:?}") };
    let [(7, Message::ConnectAck(ack))] = &said[..] else { panic!("{said:?}") };
    assert_eq!(ack.rejection.as_ref(), Some(rejection));
    assert!(ack.relationship.is_some());
    rejection.reason
}

#[test]
fn a_dhcpd_primary_is_answered_as_it_expects() {
    let Said::Done(said, greeted) = answer(connect()) else { panic!() };
    let [(7, Message::ConnectAck(ack))] = &said[..] else { panic!("{said:?}") };
    assert_eq!(ack.relationship.as_deref(), Some(b"fo4".as_slice()));
    assert_eq!((ack.tls, &ack.rejection), (Some(TlsReply::None), &None));
    assert_eq!(greeted.dialect, Dialect::Dhcpd);
    assert_eq!(greeted.buckets, [u64::MAX, u64::MAX, 0, 0]);
    assert_eq!((greeted.mclt, greeted.max_unacked), (Seconds(120), 10));
}

/// Spec §2.3, draft-12 §7.8.2: each fault has its reason.
#[test]
fn what_is_wrong_with_a_connect_is_told() {
    let faults: [(Connect, Reject); 9] = [
        (Connect { version: Some(2), ..connect() }, Reject::ProtocolVersion),
        (Connect { tls: Some(TlsRequest::Required), ..connect() }, Reject::TlsNotConfigured),
        (Connect { relationship: None, ..connect() }, Reject::InvalidPartner),
        (
            Connect { relationship: Some(b"fo4\0".as_slice().into()), ..connect() },
            Reject::InvalidPartner,
        ),
        (Connect { mclt: None, ..connect() }, Reject::InvalidMclt),
        (Connect { mclt: Some(Seconds(0)), ..connect() }, Reject::InvalidMclt),
        (Connect { buckets: None, ..connect() }, Reject::HashBuckets),
        (Connect { buckets: Some([0; 31].into()), ..connect() }, Reject::HashBuckets),
        (Connect { buckets: Some([0; 33].into()), ..connect() }, Reject::HashBuckets),
    ];
    for (connect, reason) in faults {
        assert_eq!(refusal(&answer(connect.clone())), reason, "{connect:?}");
    }
}

#[test]
fn two_primaries_do_not_agree() {
    let message = Message::Connect(Box::new(connect()));
    let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Off);
    let _ = greeting.begin();
    assert_eq!(refusal(&greeting.handle(START, &packet(message))), Reject::InvalidPartner);
}

/// Spec §1.5: 60 s are taken, 61 are not.
#[test]
fn clocks_a_minute_apart_are_the_limit() {
    for (apart, is_taken) in [(60, true), (61, false)] {
        for now in [START.0 + apart, START.0 - apart] {
            let message = Message::Connect(Box::new(connect()));
            let mut greeting = Greeting::new(&settings(Role::Secondary), Tls::Off);
            let said = greeting.handle(Stamp(now), &packet(message));
            assert_eq!(matches!(said, Said::Done(..)), is_taken, "{apart}");
        }
    }
}

#[test]
fn with_a_secret_a_connect_must_be_later_than_the_last() {
    for (last, is_taken) in [(START.0 - 1, true), (START.0, false), (START.0 + 1, false)] {
        let message = Message::Connect(Box::new(connect()));
        let greeting = Greeting::new(&settings(Role::Secondary), Tls::Off);
        let said = greeting.later_than(Some(Stamp(last))).handle(START, &packet(message));
        assert_eq!(matches!(said, Said::Done(..)), is_taken);
    }
}

#[test]
fn buckets_are_the_other_way_round_in_the_draft() {
    for dhcpd_buckets in [true, false] {
        let mut ours = settings(Role::Primary);
        ours.terms.dhcpd_buckets = dhcpd_buckets;
        let Said::Send(said) = Greeting::new(&ours, Tls::Off).begin() else { panic!() };
        let [(_, Message::Connect(connect))] = &said[..] else { panic!("{said:?}") };
        let octets = connect.buckets.as_deref().expect("buckets");
        let first = if dhcpd_buckets { 0xff } else { 0 };
        assert_eq!(octets[..16], [first; 16]);
        assert_eq!(octets[16..], [!first; 16]);
        let mut theirs = settings(Role::Secondary);
        theirs.terms.dhcpd_buckets = dhcpd_buckets;
        let mut theirs = Greeting::new(&theirs, Tls::Off);
        let said = theirs.handle(START, &packet(Message::Connect(connect.clone())));
        let Said::Done(_, greeted) = said else { panic!("{said:?}") };
        assert_eq!(greeted.buckets, ours.terms.buckets);
    }
}

/// The table of spec §2.3, both ends.
#[test]
fn both_ends_agree_on_tls_or_say_why_not() {
    for primary in [Tls::Off, Tls::Desired, Tls::Required] {
        for secondary in [Tls::Off, Tls::Desired, Tls::Required] {
            let mut caller = Greeting::new(&settings(Role::Primary), primary);
            let mut called = Greeting::new(&settings(Role::Secondary), secondary);
            let first = |said: &Said| {
                let (Said::Send(said)
                | Said::StartTls(said)
                | Said::Done(said, _)
                | Said::Refuse(said, _)) = said;
                let (xid, message) = said[0].clone();
                Packet { time: START, xid, message }
            };
            let there = called.handle(START, &first(&caller.begin()));
            let here = caller.handle(START, &first(&there));
            match (primary, secondary) {
                (Tls::Off, Tls::Required) | (Tls::Required, Tls::Off) => {
                    assert!(matches!(there, Said::Refuse(..)));
                    assert!(matches!(here, Said::Refuse(..)));
                }
                (Tls::Off, _) | (_, Tls::Off) => {
                    assert!(matches!((there, here), (Said::Done(..), Said::Done(..))));
                }
                _ => {
                    assert!(matches!((there, here), (Said::StartTls(_), Said::StartTls(_))));
                    let _ = called.secured();
                    let there = called.handle(START, &first(&caller.secured()));
                    let here = caller.handle(START, &first(&there));
                    assert!(matches!((there, here), (Said::Done(..), Said::Done(..))));
                }
            }
        }
    }
}

/// A dhcpd secondary answers any TLS-request with 0 (spec §2.3).
#[test]
fn a_primary_that_requires_tls_leaves_one_that_has_none() {
    let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Required);
    let _ = greeting.begin();
    let ack = ConnectAck {
        relationship: Some(b"fo4".as_slice().into()),
        version: Some(1),
        tls: Some(TlsReply::None),
        ..ConnectAck::default()
    };
    let message = Message::ConnectAck(Box::new(ack));
    let said = greeting.handle(START, &Packet { time: START, xid: 1, message });
    let Said::Refuse(said, rejection) = said else { panic!("{said:?}") };
    assert_eq!(rejection.reason, Reject::TlsRequired);
    assert!(matches!(&said[..], [(_, Message::Disconnect(Some(_)))]));
}

#[test]
fn an_answer_to_nothing_is_not_heard() {
    let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Off);
    let _ = greeting.begin();
    let message = Message::ConnectAck(Box::default());
    assert_eq!(greeting.handle(START, &packet(message)), Said::Send(Vec::new()));
}

#[test]
fn a_partner_that_takes_no_updates_or_no_time_gets_the_least() {
    let connect = Connect { max_unacked: Some(0), receive_timer: None, ..connect() };
    let Said::Done(_, greeted) = answer(connect) else { panic!() };
    assert_eq!(greeted.max_unacked, 1);
    assert_eq!((greeted.partner_receive_timer, greeted.mclt), (Seconds(30), MCLT));
}
