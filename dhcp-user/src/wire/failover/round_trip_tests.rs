//! What is written reads the same, and what ISC dhcpd wrote is written the same.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::wire::{Seconds, Stamp};

/// One line a message that two dhcpd exchanged: time, sender, name of the type, octets in hex.
pub(crate) const CAPTURE: &str = include_str!("../../../fixtures/isc-failover-v4.messages.txt");

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn encoded(packet: &Packet, dialect: Dialect) -> Vec<u8> {
    let mut octets = vec![0xa5; 3];
    packet.encode(dialect, None, &mut octets).unwrap();
    assert_eq!(octets[..3], [0xa5; 3]);
    octets.split_off(3)
}

/// The specification's name of a message, as the capture has it.
fn name(message: &Message) -> &'static str {
    match message {
        Message::PoolRequest => "POOLREQ",
        Message::PoolResponse { .. } => "POOLRESP",
        Message::BindingUpdate(_) => "BNDUPD",
        Message::BindingAck(_) => "BNDACK",
        Message::Connect(_) => "CONNECT",
        Message::ConnectAck(_) => "CONNECTACK",
        Message::UpdateRequestAll => "UPDREQALL",
        Message::UpdateDone => "UPDDONE",
        Message::UpdateRequest => "UPDREQ",
        Message::State(_) => "STATE",
        Message::Contact => "CONTACT",
        Message::Disconnect(_) => "DISCONNECT",
    }
}

#[test]
fn all_that_two_dhcpd_said_is_read_and_written_again_octet_for_octet() {
    let lines: Vec<_> = CAPTURE.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 343);
    let mut seen = BTreeSet::new();
    for line in lines {
        let [_, _, kind, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let octets = octets(hex);
        assert_eq!(Packet::len_of_first(&octets), Ok(Some(octets.len())));
        let packet = Packet::parse(&octets).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(name(&packet.message), kind);
        for dialect in [Dialect::Dhcpd, Dialect::Tandem] {
            assert_eq!(encoded(&packet, dialect), octets, "{line}");
        }
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

/// Whole messages beside their meaning; the last three were seen from a live dhcpd only.
#[test]
fn known_octets_have_a_known_meaning() {
    let at = |time: u32, xid: u32, message: Message| Packet { time: Stamp(time), xid, message };
    let update = |address: [u8; 4], status| Update::new(Ipv4Addr::from(address), status);
    let refusal = |reason, text: &str| Some(Rejection { reason, text: text.to_owned() });
    let mut buckets = [0; 32];
    buckets[..16].fill(0xff);
    let known = [
        (
            "0069050c6b00a92400000000 00160003666f34 000e00040000000a 001300040000001e
             001c000c6973632d342e342e332d5031 0014000101 001b000100 000f000400000078
             000b0020ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
            at(
                0x6b00_a924,
                0,
                Message::Connect(Box::new(Connect {
                    relationship: Some((*b"fo4").into()),
                    max_unacked: Some(10),
                    receive_timer: Some(Seconds(30)),
                    vendor: Some((*b"isc-4.4.3-P1").into()),
                    version: Some(1),
                    tls: Some(TlsRequest::None),
                    mclt: Some(Seconds(120)),
                    buckets: Some(buckets.into()),
                    delayed_service: None,
                })),
            ),
        ),
        (
            "003d060c6b00a92400000000 00160003666f34 000e00040000000a 001300040000001e
             001c000c6973632d342e342e332d5031 0014000101 001a000100",
            at(
                0x6b00_a924,
                0,
                Message::ConnectAck(Box::new(ConnectAck {
                    relationship: Some((*b"fo4").into()),
                    max_unacked: Some(10),
                    receive_timer: Some(Seconds(30)),
                    vendor: Some((*b"isc-4.4.3-P1").into()),
                    version: Some(1),
                    tls: Some(TlsReply::None),
                    rejection: None,
                })),
            ),
        ),
        (
            "001e0a0c6b00a92400000000 0018000106 0017000101 001900046b00a924",
            at(
                0x6b00_a924,
                0,
                Message::State(StateReport {
                    state: State::Recover,
                    is_startup: true,
                    since: Stamp(0x6b00_a924),
                }),
            ),
        ),
        (
            "004f030c6b00a9590000001f 000200040a4d006d 0003000102 0004000701020000000101
             0005000701020000000101 000d00046b00a9d1 001200046b00abed 001900046b00a959
             000600046b00a959",
            at(
                0x6b00_a959,
                31,
                Message::BindingUpdate(vec![Update {
                    identifier: Some([1, 2, 0, 0, 0, 1, 1].into()),
                    hardware: Some([1, 2, 0, 0, 0, 1, 1].into()),
                    expires: Some(Stamp(0x6b00_a9d1)),
                    potential: Some(Stamp(0x6b00_abed)),
                    starts: Some(Stamp(0x6b00_a959)),
                    cltt: Some(Stamp(0x6b00_a959)),
                    ..update([10, 77, 0, 109], BindingStatus::Active)
                }]),
            ),
        ),
        (
            "0055030c6b00ab5500000010 000200040a4d0071 0003000101 0004000701020000000106
             0005000701020000000106 000d00046b00aa6c 001200046b00aa6c 001900046b00a9f4
             000600046b00a9f4 000c00020001",
            at(
                0x6b00_ab55,
                16,
                Message::BindingUpdate(vec![Update {
                    identifier: Some([1, 2, 0, 0, 0, 1, 6].into()),
                    hardware: Some([1, 2, 0, 0, 0, 1, 6].into()),
                    expires: Some(Stamp(0x6b00_aa6c)),
                    potential: Some(Stamp(0x6b00_aa6c)),
                    starts: Some(Stamp(0x6b00_a9f4)),
                    cltt: Some(Stamp(0x6b00_a9f4)),
                    flags: IpFlags::RESERVED,
                    ..update([10, 77, 0, 113], BindingStatus::Free)
                }]),
            ),
        ),
        ("000c010c0000000900000002", at(9, 2, Message::PoolRequest)),
        (
            "0014020c6b00af9a0000002a 0001000400000000",
            at(0x6b00_af9a, 42, Message::PoolResponse { transferred: 0 }),
        ),
        (
            "002a0c0c6b00af9a00000001 0015000104 00100015
             74696d65206f666673657420746f6f206c61726765",
            at(
                0x6b00_af9a,
                1,
                Message::Disconnect(refusal(Reject::TimeMismatch, "time offset too large")),
            ),
        ),
    ];
    for (hex, packet) in known {
        let octets = octets(hex);
        assert_eq!(Packet::parse(&octets).as_ref(), Ok(&packet));
        assert_eq!(encoded(&packet, Dialect::Dhcpd), octets);
    }
}

fn any_octets(len: std::ops::Range<usize>) -> impl Strategy<Value = Option<Box<[u8]>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), len).prop_map(Vec::into_boxed_slice))
}

/// An end that is not too late for dhcpd, or never.
fn any_end() -> impl Strategy<Value = Option<Stamp>> {
    prop::option::of(prop_oneof![(0..0x7fff_ffff_u32).prop_map(Stamp), Just(Stamp::NEVER)])
}

fn any_stamp() -> impl Strategy<Value = Option<Stamp>> {
    prop::option::of(any::<u32>().prop_map(Stamp))
}

fn any_rejection() -> impl Strategy<Value = Rejection> {
    (prop::sample::select(&Reject::ALL[..]), "[ -~äöü]{0,60}")
        .prop_map(|(reason, text)| Rejection { reason, text })
}

fn any_update() -> impl Strategy<Value = Update> {
    let ddns = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(flags, name)| Ddns { flags, name: name.into() });
    let client = (any_octets(1..300), any_octets(1..22), any_octets(0..300), any_octets(0..300));
    let times = (any_end(), any_end(), any_stamp(), any_stamp());
    let address = any::<u32>().prop_map(Ipv4Addr::from_bits);
    let status = prop::sample::select(&BindingStatus::ALL[..]);
    (address, status, client, times, any::<(bool, bool)>(), prop::option::of(ddns)).prop_map(
        |(address, status, client, times, flags, ddns)| Update {
            address,
            status,
            identifier: client.0,
            hardware: client.1,
            expires: times.0,
            potential: times.1,
            starts: times.2,
            cltt: times.3,
            flags: IpFlags { reserved: flags.0, bootp: flags.1 },
            request_options: client.2,
            reply_options: client.3,
            ddns,
        },
    )
}

/// Updates as a sender fills a message with them.
fn any_batch() -> impl Strategy<Value = Message> {
    prop::collection::vec(any_update(), 1..30).prop_map(|mut updates| {
        let mut room = Update::BATCH_LEN;
        updates.retain(|update| {
            let left = room.checked_sub(update.encoded_len());
            room = left.unwrap_or(room);
            left.is_some()
        });
        Message::BindingUpdate(updates)
    })
}

fn any_greeting() -> impl Strategy<Value = Message> {
    let tls = prop::option::of(prop::sample::select(vec![
        TlsRequest::None,
        TlsRequest::Desired,
        TlsRequest::Required,
    ]));
    let common = || (any_octets(0..40), any::<u32>(), 3..u32::MAX, any_octets(0..40), any::<u8>());
    let connect = (common(), tls, any::<u32>(), any::<[u8; 32]>(), any::<Option<u8>>());
    let connect = connect.prop_map(|(common, tls, mclt, buckets, delayed_service)| {
        let (name, most, timer, vendor, version) = common;
        Message::Connect(Box::new(Connect {
            relationship: Some(name.unwrap_or_default()),
            max_unacked: Some(most.max(1)),
            receive_timer: Some(Seconds(timer)),
            vendor,
            version: Some(version),
            tls,
            mclt: Some(Seconds(mclt)),
            buckets: Some(buckets.into()),
            delayed_service,
        }))
    });
    let reply = prop::option::of(prop::sample::select(vec![TlsReply::None, TlsReply::Use]));
    let ack = (common(), reply, prop::option::of(any_rejection()));
    let ack = ack.prop_map(|((name, most, timer, vendor, version), tls, rejection)| {
        let is_refused = rejection.is_some();
        Message::ConnectAck(Box::new(ConnectAck {
            relationship: if is_refused { name } else { Some(name.unwrap_or_default()) },
            max_unacked: Some(most.max(1)),
            receive_timer: Some(Seconds(timer)),
            vendor,
            version: Some(version),
            tls,
            rejection,
        }))
    });
    prop_oneof![connect, ack]
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let ack = (any::<u32>().prop_map(Ipv4Addr::from_bits), prop::option::of(any_rejection()))
        .prop_map(|(address, rejection)| Acknowledgement { address, rejection });
    let state = prop::sample::select(&State::ALL[1..]);
    let report = (state, any::<bool>(), any::<u32>().prop_map(Stamp)).prop_map(
        |(state, is_startup, since)| Message::State(StateReport { state, is_startup, since }),
    );
    let bare = prop::sample::select(vec![
        Message::PoolRequest,
        Message::UpdateRequestAll,
        Message::UpdateDone,
        Message::UpdateRequest,
        Message::Contact,
    ]);
    let message = prop_oneof![
        bare,
        any::<u32>().prop_map(|transferred| Message::PoolResponse { transferred }),
        any_batch(),
        any_update().prop_map(|update| Message::BindingUpdate(vec![update])),
        prop::collection::vec(ack, 1..13).prop_map(Message::BindingAck),
        any_greeting(),
        report,
        prop::option::of(any_rejection()).prop_map(Message::Disconnect),
    ];
    (any::<u32>(), any::<u32>(), message).prop_map(|(time, xid, message)| Packet {
        time: Stamp(time),
        xid,
        message,
    })
}

/// Codes of the options of a message, by a walk of its own.
fn codes(octets: &[u8]) -> Vec<u8> {
    let mut codes = Vec::new();
    let mut left = &octets[12..];
    while let [0, code, high, low, rest @ ..] = left {
        codes.push(*code);
        left = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    assert!(left.is_empty());
    codes
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(packet in any_packet()) {
        let octets = encoded(&packet, Dialect::Tandem);
        prop_assert_eq!(Packet::len_of_first(&octets), Ok(Some(octets.len())));
        prop_assert_eq!(Packet::parse(&octets), Ok(packet));
    }

    #[test]
    fn a_signed_message_says_the_same_and_belongs_to_the_secret(
        packet in any_packet(),
        secret in prop::collection::vec(any::<u8>(), 1..90),
    ) {
        let mut octets = Vec::new();
        packet.encode(Dialect::Tandem, Some(&secret), &mut octets).unwrap();
        prop_assert_eq!(verify(&octets, Some(&secret)), Ok(()));
        prop_assert_eq!(verify(&octets, None), Err(Reject::DigestNotConfigured));
        prop_assert_eq!(Packet::parse(&octets), Ok(packet));
    }

    /// A batch, DDNS, or an option twice closes a dhcpd's link. Whoever has said several addresses at
    /// once is answered so, and it never does.
    #[test]
    fn a_dhcpd_gets_nothing_that_it_cannot_take(packet in any_packet()) {
        let mut octets = Vec::new();
        let addresses = match &packet.message {
            Message::BindingUpdate(updates) => updates.len(),
            _ => 1,
        };
        let answers_batch =
            matches!(&packet.message, Message::BindingAck(answers) if answers.len() > 1);
        if addresses > 1 {
            let refused = packet.encode(Dialect::Dhcpd, None, &mut octets);
            prop_assert_eq!(refused, Err(Unencodable::Batch { addresses }));
            prop_assert!(octets.is_empty());
            return Ok(());
        }
        packet.encode(Dialect::Dhcpd, None, &mut octets).unwrap();
        prop_assert_eq!(octets[3], 12);
        prop_assert!((12..=2048).contains(&octets.len()));
        let codes = codes(&octets);
        prop_assert!(codes.iter().all(|code| ![7, 8, 9].contains(code)));
        let distinct = codes.iter().collect::<BTreeSet<_>>().len();
        prop_assert!(answers_batch || distinct == codes.len());
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Packet::len_of_first(&octets), Packet::parse(&octets), verify(&octets, None));
    }

    /// Random octets seldom get past the length: these do.
    #[test]
    fn damaged_messages_are_read_or_refused(
        packet in any_packet(),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = encoded(&packet, Dialect::Tandem);
        let at = at.index(octets.len());
        octets[at] = octet;
        let _ = (Packet::parse(&octets), verify(&octets, Some(b"secret")));
        octets.truncate(cut.index(octets.len()).max(12));
        let len = octets.len() as u16;
        octets[..2].copy_from_slice(&len.to_be_bytes());
        let _ = (Packet::parse(&octets), verify(&octets, Some(b"secret")));
    }
}
