//! STARTTLS, CONNECT and CONNECTREPLY, both ends.

use super::*;
use crate::failover::Role;
use crate::failover::testing::{MCLT, START, settings6};
use crate::wire::dhcpv6::StatusCode;
use crate::wire::failover6::{Connect, ConnectReply, Message, Packet, Refusal, VERSION, Version};

fn packet(xid: u32, message: Message) -> Packet {
    Packet { xid, sent: Some(START), message }
}

/// What a primary says.
fn connect() -> Connect {
    Connect {
        version: Some(VERSION),
        mclt: Some(Seconds(900)),
        keepalive: Some(Seconds(40)),
        max_unacked: Some(7),
        relationship: Some(b"fo6".as_slice().into()),
        fixed_lengths: Some(true),
    }
}

/// What a secondary says to it.
fn answer(connect: Connect) -> Said<Message> {
    let mut greeting = Greeting6::new(&settings6(Role::Secondary), Tls::Off);
    let _ = greeting.begin();
    greeting.handle(START, &packet(7, Message::Connect(connect)))
}

/// The status of a refusal, in a CONNECTREPLY or a DISCONNECT.
fn refused(said: &Said<Message>) -> StatusCode {
    let Said::Refuse(said, _) = said else { panic!("{said:?}") };
    match &said[..] {
        [(7, Message::ConnectReply(ConnectReply::Refused(refusal)))] => refusal.status,
        [(_, Message::Disconnect(Some(refusal)))] => refusal.status,
        other => panic!("{other:?}"),
    }
}

/// RFC 8156 §6.1.2: the secondary takes the primary's MCLT, and says its own of the rest.
#[test]
fn a_secondary_agrees_with_the_primarys_mclt() {
    let Said::Done(said, greeted) = answer(connect()) else { panic!() };
    let [(7, Message::ConnectReply(ConnectReply::Accepted(terms)))] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((terms.mclt, terms.keepalive), (Some(Seconds(900)), Some(Seconds(30))));
    assert_eq!((terms.max_unacked, &terms.relationship), (Some(10), &None));
    assert_eq!((greeted.mclt, greeted.partner_receive_timer), (Seconds(900), Seconds(40)));
    assert_eq!(greeted.max_unacked, 7);
}

/// A16 and A31: statuses for what the RFC has none for, and a zero is none of the numbers.
#[test]
fn a16_a31_what_is_wrong_with_a_connect_is_told_by_its_status() {
    const UNSPEC: StatusCode = StatusCode::UNSPEC_FAIL;
    let later = Version { major: 2, minor: 0 };
    let faults = [
        (Connect { version: Some(later), ..connect() }, StatusCode::NOT_SUPPORTED),
        (Connect { version: None, ..connect() }, StatusCode::NOT_SUPPORTED),
        (Connect { fixed_lengths: Some(false), ..connect() }, StatusCode::NOT_SUPPORTED),
        (Connect { fixed_lengths: None, ..connect() }, UNSPEC),
        (
            Connect { relationship: Some(b"fo7".as_slice().into()), ..connect() },
            StatusCode::CONFIGURATION_CONFLICT,
        ),
        (Connect { mclt: None, ..connect() }, UNSPEC),
        (Connect { mclt: Some(Seconds(0)), ..connect() }, UNSPEC),
        (Connect { keepalive: Some(Seconds(0)), ..connect() }, UNSPEC),
        (Connect { max_unacked: Some(0), ..connect() }, UNSPEC),
    ];
    for (connect, status) in faults {
        assert_eq!(refused(&answer(connect.clone())), status, "{connect:?}");
    }
}

/// A35: absent, it is the only one.
#[test]
fn a35_a_connect_without_a_name_means_the_only_relationship() {
    let said = answer(Connect { relationship: None, ..connect() });
    assert!(matches!(said, Said::Done(..)), "{said:?}");
}

/// RFC 8156 §6.1.2, §7.1: five seconds are taken, six are not.
#[test]
fn clocks_five_seconds_apart_are_the_limit() {
    for (apart, is_taken) in [(5, true), (6, false)] {
        for now in [START.0 + apart, START.0 - apart] {
            let mut greeting = Greeting6::new(&settings6(Role::Secondary), Tls::Off);
            let said = greeting.handle(Stamp(now), &packet(7, Message::Connect(connect())));
            assert_eq!(matches!(said, Said::Done(..)), is_taken, "{apart}");
            if !is_taken {
                assert_eq!(refused(&said), StatusCode::EXCESSIVE_TIME_SKEW);
            }
        }
    }
}

/// RFC 8156 §6.1.3.
#[test]
fn a_primary_leaves_a_secondary_that_agrees_to_something_else() {
    let reply = |terms: Connect, now: Stamp| {
        let mut greeting = Greeting6::new(&settings6(Role::Primary), Tls::Off);
        let Said::Send(said) = greeting.begin() else { panic!() };
        assert!(matches!(&said[..], [(1, Message::Connect(_))]));
        let reply = Message::ConnectReply(ConnectReply::Accepted(terms));
        greeting.handle(now, &packet(1, reply))
    };
    let good = Connect { mclt: Some(MCLT), relationship: None, ..connect() };
    assert!(matches!(reply(good.clone(), START), Said::Done(..)));
    for (terms, now, status) in [
        (
            Connect { mclt: Some(Seconds(MCLT.0 + 1)), ..good.clone() },
            START,
            StatusCode::CONFIGURATION_CONFLICT,
        ),
        (Connect { version: None, ..good.clone() }, START, StatusCode::NOT_SUPPORTED),
        (Connect { fixed_lengths: Some(false), ..good.clone() }, START, StatusCode::NOT_SUPPORTED),
        (good, Stamp(START.0 + 6), StatusCode::EXCESSIVE_TIME_SKEW),
    ] {
        assert_eq!(refused(&reply(terms, now)), status);
    }
}

/// RFC 8156 §6.1: a secondary that calls, and a primary that is called.
#[test]
fn who_speaks_out_of_turn_is_left() {
    let mut primary = Greeting6::new(&settings6(Role::Primary), Tls::Off);
    let _ = primary.begin();
    for message in [Message::Connect(connect()), Message::Contact, Message::StartTls] {
        let said = primary.clone().handle(START, &packet(9, message));
        assert_eq!(refused(&said), StatusCode::UNSPEC_FAIL);
    }
    let late = Message::ConnectReply(ConnectReply::Accepted(connect()));
    assert_eq!(refused(&primary.handle(START, &packet(9, late))), StatusCode::UNSPEC_FAIL);
}

/// RFC 7653 §9.1, with both ends' wishes: a secondary that requires TLS takes no CONNECT without, a
/// primary that does leaves one that refuses it.
#[test]
fn both_ends_agree_on_starttls_or_say_why_not() {
    for primary in [Tls::Off, Tls::Desired, Tls::Required] {
        for secondary in [Tls::Off, Tls::Desired, Tls::Required] {
            let mut caller = Greeting6::new(&settings6(Role::Primary), primary);
            let mut called = Greeting6::new(&settings6(Role::Secondary), secondary);
            let _ = called.begin();
            let mut there = caller.begin();
            let mut is_secure = false;
            let mut turns = 0;
            let (here, there) = loop {
                turns += 1;
                assert!(turns < 10);
                let (Said::Send(said)
                | Said::StartTls(said)
                | Said::Done(said, _)
                | Said::Refuse(said, _)) = &there;
                let Some((xid, message)) = said.first().cloned() else { panic!("{there:?}") };
                let answer = called.handle(START, &packet(xid, message));
                let (Said::Send(said)
                | Said::StartTls(said)
                | Said::Done(said, _)
                | Said::Refuse(said, _)) = &answer;
                let Some((xid, message)) = said.first().cloned() else { panic!("{answer:?}") };
                let here = caller.handle(START, &packet(xid, message));
                match (&answer, here) {
                    (Said::StartTls(_), Said::StartTls(_)) => {
                        is_secure = true;
                        assert_eq!(called.secured(), Said::Send(Vec::new()));
                        there = caller.secured();
                    }
                    (Said::Send(_), Said::Send(next)) => there = Said::Send(next),
                    (_, here) => break (here, answer),
                }
            };
            match (primary, secondary) {
                (Tls::Off, Tls::Required) => {
                    assert_eq!(refused_status(&there), Some(StatusCode::UNSPEC_FAIL));
                    assert!(matches!(here, Said::Refuse(..)));
                }
                (Tls::Required, Tls::Off) => assert!(matches!(here, Said::Refuse(..))),
                (one, other) => {
                    assert!(matches!((&here, &there), (Said::Done(..), Said::Done(..))));
                    assert_eq!(is_secure, one != Tls::Off && other != Tls::Off);
                }
            }
        }
    }
}

fn refused_status(said: &Said<Message>) -> Option<StatusCode> {
    let Said::Refuse(said, _) = said else { return None };
    match &said[..] {
        [(_, Message::ConnectReply(ConnectReply::Refused(Refusal { status, .. })))] => {
            Some(*status)
        }
        _ => None,
    }
}
