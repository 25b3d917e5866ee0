//! Messages octet for octet beside their meaning, made by hand from RFC 8156's layouts; what is made of
//! them by one change; and what is written reads the same.
//!
//! The relationship is "fo6-a", the MCLT 3,600 s, the time 2025-01-01 00:00:00 UTC and a little later.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;
use crate::wire::dhcpv6::{Duid, IaKind, Iaid, StatusCode};
use crate::wire::failover::{BindingStatus, Malformed, State, Unencodable};
use crate::wire::{Ipv6Prefix, Seconds, Stamp};

/// 2025-01-01 00:00:00 UTC.
const NEW_YEAR: u32 = 1_735_689_600;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// So many seconds after New Year.
fn at(seconds: i32) -> Stamp {
    Stamp(NEW_YEAR.wrapping_add_signed(seconds))
}

fn packet(xid: u32, sent: i32, message: Message) -> Packet {
    Packet { xid, sent: Some(at(sent)), message }
}

fn encoded(packet: &Packet) -> Result<Vec<u8>, Unencodable> {
    let mut octets = vec![0xa5; 3];
    let written = packet.encode(&mut octets);
    assert_eq!(octets[..3], [0xa5; 3], "what was there is as it was");
    written.map(|()| octets.split_off(3))
}

fn refusal(status: StatusCode, text: &str) -> Refusal {
    Refusal { status, text: text.to_owned() }
}

fn alice() -> Option<Duid> {
    "00:03:00:01:02:00:00:00:00:01".parse().ok()
}

fn connect() -> Connect {
    Connect {
        version: Some(VERSION),
        mclt: Some(Seconds(3_600)),
        keepalive: Some(Seconds(60)),
        max_unacked: Some(100),
        relationship: Some((*b"fo6-a").into()),
        fixed_lengths: Some(true),
    }
}

fn report(state: State, since: i32) -> StateReport {
    StateReport {
        state,
        is_startup: false,
        acks_startup: false,
        has_communicated: true,
        since: at(since),
        partner_down: None,
    }
}

fn address() -> Resource {
    Resource::Address(Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0x1001))
}

fn prefix(text: &str) -> Resource {
    Resource::Prefix(text.parse().unwrap())
}

/// A lease that has just been granted for the MCLT.
fn granted(resource: Resource, now: i32, heard: u32) -> Lease {
    Lease {
        status: Some(BindingStatus::Active),
        starts: Some(at(now)),
        state_expires: Some(at(now + 3_600)),
        last_heard: Some(Seconds(heard)),
        partner_lifetime: Some(at(now + 261_000)),
        ..Lease::new(resource, Seconds(3_600), Seconds(3_600))
    }
}

fn ia<L>(kind: IaKind, iaid: u32, lease: L) -> Ia<L> {
    let (t1, t2) = (Seconds(1_800), Seconds(2_880));
    Ia { kind, iaid: Iaid(iaid), t1, t2, refusal: None, leases: vec![lease] }
}

fn of_alice(base: i32, ia: Ia<Lease>) -> Binding {
    Binding::Client(ClientBinding {
        client: alice(),
        base: Some(at(base)),
        vpn: None,
        reconfigure: None,
        relay_data: None,
        temporary: Vec::new(),
        ias: vec![ia],
    })
}

fn update() -> Binding {
    of_alice(0, ia(IaKind::Addresses, 1, granted(address(), 0, 0)))
}

fn free_prefix() -> Lease {
    Lease {
        status: Some(BindingStatus::Backup),
        starts: Some(at(6)),
        ..Lease::new(prefix("2001:db8:fe00::/44"), Seconds(0), Seconds(0))
    }
}

const UPDATE: &str = "007b 18 000010 2f074202
    002d006f 0001000a 00030001 02000000 0001 00640004 2f074200
    00030055 00000001 00000708 00000b40
    00050045 20010db8 00010001 00000000 00001001 00000e10 00000e10
    00720001 01 00850004 2f074200 00860004 2f075010 002e0004 00000000
    007b0004 2f0b3d88 00780004 00000000";
const CONNECT: &str = "0037 1f 000002 2f074200 007f0004 0001 0000 007a0004 00000e10
    00800004 0000003c 00790004 00000064 00820005 666f362d 61 00730002 0001";

/// Each message's octets, and what they mean.
fn known() -> Vec<(&'static str, Packet)> {
    let plain = |xid, message| Packet { xid, sent: None, message };
    let accepted = Connect { max_unacked: Some(50), relationship: None, ..connect() };
    let skewed = refusal(StatusCode::EXCESSIVE_TIME_SKEW, "clock skew 9s");
    let interrupted = report(State::CommunicationsInterrupted, -600);
    let down = StateReport { partner_down: Some(at(-300)), ..report(State::PartnerDown, -300) };
    let delegated =
        of_alice(5, ia(IaKind::Prefixes, 2, granted(prefix("2001:db8:ff00:100::/56"), 3, 2)));
    let free = Binding::Prefix { vpn: None, base: Some(at(6)), lease: free_prefix() };
    let in_use = refusal(StatusCode::OUTDATED_BINDING_INFORMATION, "in use");
    let taken_back = Lease { status: Some(BindingStatus::Free), ..free_prefix() };
    let rejected =
        Answer { vpn: None, refusal: Some(in_use), of: Answered::Prefix(taken_back.answer(None)) };
    let stop = refusal(StatusCode::SERVER_SHUTTING_DOWN, "maintenance");
    vec![
        ("0004 17 000001", plain(1, Message::StartTls)),
        ("0004 07 000001", plain(1, Message::TlsReply(None))),
        ("0008 1a 000040 2f074208", packet(0x40, 8, Message::PoolRequest)),
        ("0008 1b 000040 2f074208", packet(0x40, 8, Message::PoolResponse)),
        ("0008 23 000042 2f074218", packet(0x42, 24, Message::Contact)),
        ("0008 1c 000020 2f074203", packet(0x20, 3, Message::UpdateRequest)),
        ("0008 1d 000021 2f074203", packet(0x21, 3, Message::UpdateRequestAll)),
        ("0008 1e 000020 2f074204", packet(0x20, 4, Message::UpdateDone)),
        (CONNECT, packet(2, 0, Message::Connect(connect()))),
        (
            "002e 20 000002 2f074200 007f0004 0001 0000 007a0004 00000e10 00800004 0000003c
             00790004 00000032 00730002 0001",
            packet(2, 0, Message::ConnectReply(ConnectReply::Accepted(accepted))),
        ),
        (
            "001b 20 000002 2f074209 000d000f 0016 636c6f63 6b20736b 65772039 73",
            packet(2, 9, Message::ConnectReply(ConnectReply::Refused(skewed))),
        ),
        (
            "001a 22 000003 2f074201 00840001 03 00830001 01 00850004 2f073fa8",
            packet(3, 1, Message::State(interrupted)),
        ),
        (
            "0022 22 000003 2f074201 00840001 04 00830001 01 00850004 2f0740d4 007d0004 2f0740d4",
            packet(3, 1, Message::State(down)),
        ),
        (UPDATE, packet(0x10, 2, Message::BindingUpdate(Box::new(update())))),
        (
            "005b 19 000010 2f074202 002d004f 0001000a 00030001 02000000 0001
             0003003d 00000001 00000708 00000b40
             0005002d 20010db8 00010001 00000000 00001001 00000e10 00000e10
             00720001 01 00860004 2f075010 007c0004 2f0b3d88",
            packet(0x10, 2, Message::BindingReply(Box::new(update().accepted()))),
        ),
        (
            "007c 18 000011 2f074205 002d0070 0001000a 00030001 02000000 0001 00640004 2f074205
             00190056 00000002 00000708 00000b40
             001a0046 00000e10 00000e10 38 20010db8 ff000100 00000000 00000000
             00720001 01 00850004 2f074203 00860004 2f075013 002e0004 00000002
             007b0004 2f0b3d8b 00780004 00000000",
            packet(0x11, 5, Message::BindingUpdate(Box::new(delegated))),
        ),
        (
            "003a 18 000012 2f074206
             001a002e 00000000 00000000 2c 20010db8 fe000000 00000000 00000000
             00640004 2f074206 00720001 06 00850004 2f074206",
            packet(0x12, 6, Message::BindingUpdate(Box::new(free))),
        ),
        (
            "0036 19 000013 2f074207
             001a002a 00000000 00000000 2c 20010db8 fe000000 00000000 00000000
             000d0008 0013 696e2075 7365 00720001 05",
            packet(0x13, 7, Message::BindingReply(Box::new(rejected))),
        ),
        (
            "0019 21 000041 2f074209 000d000d 0014 6d61696e 74656e61 6e6365",
            packet(0x41, 9, Message::Disconnect(Some(stop))),
        ),
    ]
}

#[test]
fn known_octets_have_a_known_meaning_both_ways() {
    for (hex, packet) in known() {
        let octets = octets(hex);
        assert_eq!(Packet::len_of_first(&octets), Ok(Some(octets.len())), "{hex}");
        assert_eq!(Packet::parse(&octets).as_ref(), Ok(&packet), "{hex}");
        assert_eq!(encoded(&packet).as_ref(), Ok(&octets), "{hex}");
    }
}

#[test]
fn a_stream_tells_how_long_its_first_message_is() {
    assert_eq!(Packet::len_of_first(&[]), Ok(None));
    assert_eq!(Packet::len_of_first(&[0]), Ok(None));
    assert_eq!(Packet::len_of_first(&[0xff, 0xff]), Ok(Some(Packet::MAX_LEN)));
    assert_eq!(Packet::len_of_first(&[0, 3]), Err(Malformed::MessageLength { value: 3 }));
    let mut short = octets("0007 23 000042 2f0742");
    assert_eq!(Packet::parse(&short), Err(Malformed::MessageLength { value: 7 }));
    short.push(0);
    assert!(Packet::parse(&short).is_err(), "one octet more than it says");
}

#[test]
fn a_message_cut_or_lengthened_anywhere_is_refused() {
    for (hex, _) in known() {
        let whole = octets(hex);
        for end in 0..whole.len() {
            let mut cut = whole[..end].to_vec();
            assert!(Packet::parse(&cut).is_err(), "{hex}: {end} octets");
            if let Some(size) = cut.first_chunk_mut() {
                *size = (end.saturating_sub(2) as u16).to_be_bytes();
            }
            // Whatever is left of it, no accessor runs past it.
            let _ = Packet::parse(&cut);
        }
    }
}

/// `octets` with these at `at` instead.
fn with(mut octets: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    octets[at..at + new.len()].copy_from_slice(new);
    octets
}

#[test]
fn options_have_their_lengths_and_end_with_their_container() {
    let update = octets(UPDATE);
    let client_data = with(update.clone(), 12, &[0, 0x70]);
    assert_eq!(Packet::parse(&client_data), Err(Malformed::Overrun { code: 45 }));
    let ia = with(update.clone(), 38, &[0, 0x56]);
    assert_eq!(Packet::parse(&ia), Err(Malformed::Overrun { code: 3 }));
    let address = with(update.clone(), 54, &[0, 0x46]);
    assert_eq!(Packet::parse(&address), Err(Malformed::Overrun { code: 5 }));
    let status = with(update, 82, &[0, 0x38]);
    assert_eq!(Packet::parse(&status), Err(Malformed::Overrun { code: 114 }));
    let mclt = octets("000f 1f 000002 2f074200 007a0003 000e10");
    assert_eq!(Packet::parse(&mclt), Err(Malformed::OptionLength { option: "F_MCLT", value: 3 }));
    let duid = octets("0012 18 000010 2f074200 002d0006 00010002 0003");
    let refused = Malformed::OptionLength { option: "CLIENTID", value: 2 };
    assert_eq!(Packet::parse(&duid), Err(refused));
    let twice = octets("0018 1f 000002 2f074200 007a0004 00000e10 007a0004 00000e10");
    assert_eq!(Packet::parse(&twice), Err(Malformed::Duplicate { option: "F_MCLT" }));
    let long = with(octets(known()[16].0), 22, &[129]);
    assert_eq!(Packet::parse(&long), Err(Malformed::Value { option: "IAPREFIX", value: 129 }));
}

#[test]
fn what_a_partner_left_out_of_an_update_can_be_told() {
    let nothing = octets("000c 18 000010 2f074200 002d0000");
    let Ok(Packet { message: Message::BindingUpdate(binding), .. }) = Packet::parse(&nothing)
    else {
        panic!()
    };
    let Binding::Client(client) = *binding else { panic!() };
    assert_eq!((client.client, client.base, client.ias.len()), (None, None, 0));
    let mut unknown = octets(UPDATE);
    assert_eq!(unknown[84], 1);
    unknown[84] = 9;
    let Ok(Packet { message: Message::BindingUpdate(binding), .. }) = Packet::parse(&unknown)
    else {
        panic!()
    };
    let Binding::Client(client) = *binding else { panic!() };
    assert_eq!(client.ias[0].leases[0].status, None);
    let none = octets("0008 18 000010 2f074200");
    assert_eq!(Packet::parse(&none), Err(Malformed::Missing { option: "CLIENT_DATA" }));
}

/// RFC 8415 §21.5, RFC 8156 §11: whose they are, and in the answer status 17 in each.
#[test]
fn temporary_addresses_are_told_apart_and_refused() {
    let update = octets("0018 18 000010 2f074200 002d000c 00040008 00000009 00000000");
    let Ok(Packet { message: Message::BindingUpdate(binding), .. }) = Packet::parse(&update) else {
        panic!()
    };
    let reply = Message::BindingReply(Box::new(binding.accepted()));
    let expected = octets("001a 19 000010 2f074200 002d000e 0004000a 00000009 000d0002 0011");
    assert_eq!(encoded(&packet(16, 0, reply)).unwrap(), expected);
}

/// RFC 8156 §5.3.1: one container, whichever.
#[test]
fn an_update_of_two_containers_is_known_as_one_that_cannot_be_taken() {
    let two = octets("0010 18 000010 2f074200 002d0000 002d0000");
    let Ok(Packet { message: Message::BindingUpdate(binding), .. }) = Packet::parse(&two) else {
        panic!()
    };
    assert!(matches!(*binding, Binding::Unsound(_)));
    assert_eq!(
        binding.accepted().of,
        Answered::Client { client: None, ias: vec![], temporary: vec![] }
    );
    let refused = encoded(&packet(1, 0, Message::BindingUpdate(binding)));
    assert_eq!(refused, Err(Unencodable::Missing { option: "CLIENT_DATA" }));
}

/// RFC 8156 §5.5.17 has the time in the IA, §7.4 in the lease.
#[test]
fn a04_a_time_of_the_ia_is_that_of_its_leases() {
    let update = octets(
        "0047 18 000010 2f074202 002d003b 00030037 00000001 00000708 00000b40
         00850004 2f074200
         0005001f 20010db8 00010001 00000000 00001001 00000e10 00000e10 00720001 01 1234 0000",
    );
    // The last option is unknown, and cut.
    assert!(Packet::parse(&update).is_err());
    let update = octets(
        "004b 18 000010 2f074202 002d003f 0003003b 00000001 00000708 00000b40
         00850004 2f074200
         00050023 20010db8 00010001 00000000 00001001 00000e10 00000e10 00720001 01 12340002 0000",
    );
    let Ok(Packet { message: Message::BindingUpdate(binding), .. }) = Packet::parse(&update) else {
        panic!("{:?}", Packet::parse(&update))
    };
    let Binding::Client(client) = *binding else { panic!() };
    assert_eq!(client.ias[0].leases[0].starts, Some(at(0)));
}

/// A12: no place is given for F_DNS_REMOVAL_INFO; it stands beside CLIENT_FQDN in the lease.
#[test]
fn a12_what_undoes_a_name_stands_in_the_lease() {
    let (name, removal) = ([1, 1, b'h', 0], [0, 117, 0, 3, 1, b'h', 0]);
    let lease = Lease {
        fqdn: Some(name.into()),
        dns_removal: Some(removal.into()),
        ..granted(address(), 0, 0)
    };
    let update = of_alice(0, ia(IaKind::Addresses, 1, lease));
    let octets = encoded(&packet(1, 0, Message::BindingUpdate(Box::new(update)))).unwrap();
    let at = octets.windows(4).position(|it| it == [0, 39, 0, 4]).expect("CLIENT_FQDN");
    assert_eq!(octets[at + 8..][..4], [0, 116, 0, 7], "F_DNS_REMOVAL_INFO comes next");
    assert_eq!(at + 8 + 11, octets.len());
    let is_head = |it: &[u8]| it[..3] == [0, 5, 0];
    let head = octets.windows(4).position(is_head).expect("IAADDR");
    assert_eq!(head + 4 + usize::from(octets[head + 3]), octets.len(), "both are in it");
}

/// A15: STARTTLS and its answer have the header of DHCPv6, without a time.
#[test]
fn a15_starttls_says_no_time() {
    for (text, message) in
        [("0004 17 000001", Message::StartTls), ("0004 07 000001", Message::TlsReply(None))]
    {
        let packet = Packet { xid: 1, sent: None, message };
        assert_eq!(Packet::parse(&octets(text)), Ok(packet.clone()));
        assert_eq!(encoded(&packet), Ok(octets(text)));
    }
}

#[test]
fn types_and_states_that_are_not_known_are_named() {
    for kind in [0, 6, 22, 36, 255] {
        let unknown = with(octets("0008 23 000042 2f074218"), 2, &[kind]);
        assert_eq!(Packet::parse(&unknown), Err(Malformed::Ignored { kind }));
    }
    for value in [0, 1, 11] {
        let state = with(octets(known()[11].0), 14, &[value]);
        let refused = Malformed::Value { option: "F_SERVER_STATE", value };
        assert_eq!(Packet::parse(&state), Err(refused));
    }
    let refused = Malformed::Missing { option: "F_SERVER_STATE" };
    assert_eq!(Packet::parse(&octets("0008 22 000003 2f074201")), Err(refused));
}

#[test]
fn a_message_that_does_harm_is_not_written() {
    let says = |message| encoded(&packet(1, 0, message));
    for (connect, option) in [
        (Connect { version: None, ..connect() }, "F_PROTOCOL_VERSION"),
        (Connect { mclt: Some(Seconds(0)), ..connect() }, "F_MCLT"),
        (Connect { keepalive: Some(Seconds(0)), ..connect() }, "F_KEEPALIVE_TIME"),
        (Connect { max_unacked: Some(0), ..connect() }, "F_MAX_UNACKED_BNDUPD"),
        (Connect { relationship: None, ..connect() }, "F_RELATIONSHIP_NAME"),
        (Connect { fixed_lengths: None, ..connect() }, "F_CONNECT_FLAGS"),
    ] {
        assert_eq!(says(Message::Connect(connect)), Err(Unencodable::Missing { option }));
    }
    for state in [State::Startup, State::Paused, State::Shutdown] {
        assert_eq!(says(Message::State(report(state, 0))), Err(Unencodable::Startup));
    }
    let option = "F_PARTNER_DOWN_TIME";
    let down = Message::State(report(State::PartnerDown, 0));
    assert_eq!(says(down), Err(Unencodable::Missing { option }));
    let unsaid = Packet { xid: 1, sent: None, message: Message::Contact };
    assert_eq!(encoded(&unsaid), Err(Unencodable::Missing { option: "sent-time" }));
    let statusless = Lease { status: None, ..free_prefix() };
    let binding = of_alice(0, ia(IaKind::Prefixes, 1, statusless));
    let refused = says(Message::BindingUpdate(Box::new(binding)));
    assert_eq!(refused, Err(Unencodable::Missing { option: "F_BINDING_STATUS" }));
}

#[test]
fn the_longest_message_is_written_and_one_octet_more_is_not() {
    let fqdn = |len| {
        let lease = Lease { fqdn: Some(vec![1; len].into()), ..granted(address(), 0, 0) };
        let binding = of_alice(0, ia(IaKind::Addresses, 1, lease));
        encoded(&packet(1, 0, Message::BindingUpdate(Box::new(binding))))
    };
    let bare = octets(UPDATE).len() + 4;
    let written = fqdn(Packet::MAX_LEN - bare).unwrap();
    assert_eq!(written.len(), Packet::MAX_LEN);
    assert!(Packet::parse(&written).is_ok());
    let refused = Unencodable::TooLong { len: Packet::MAX_LEN + 1 };
    assert_eq!(fqdn(Packet::MAX_LEN - bare + 1), Err(refused));
}

fn any_stamp() -> impl Strategy<Value = Option<Stamp>> {
    prop::option::of((1..u32::MAX).prop_map(Stamp::from_seconds_since_2000))
}

fn any_lease(kind: IaKind) -> impl Strategy<Value = Lease> {
    let status = prop::sample::select(BindingStatus::ALL.to_vec());
    let octets = || prop::option::of(prop::collection::vec(any::<u8>(), 1..40));
    let times = (any_stamp(), any_stamp(), any_stamp(), any_stamp(), any_stamp());
    let fixed = (any::<u128>(), 0..=128_u8, any::<[u32; 2]>(), any::<Option<u32>>());
    (fixed, status, times, octets(), octets()).prop_map(move |(fixed, status, times, fqdn, dns)| {
        let (address, len, [preferred, valid], heard) = fixed;
        let resource = match kind {
            IaKind::Addresses => Resource::Address(address.into()),
            IaKind::Prefixes => Resource::Prefix(Ipv6Prefix::containing(address.into(), len)),
        };
        Lease {
            status: Some(status),
            starts: times.0,
            state_expires: times.1,
            last_heard: heard.map(Seconds),
            partner_lifetime: times.2,
            partner_raw_cltt: times.3,
            expires: times.4,
            fqdn: fqdn.map(Into::into),
            dns_removal: dns.map(Into::into),
            ..Lease::new(resource, Seconds(preferred), Seconds(valid))
        }
    })
}

fn any_ia() -> impl Strategy<Value = Ia<Lease>> {
    let kinds = prop::sample::select(vec![IaKind::Addresses, IaKind::Prefixes]);
    kinds.prop_flat_map(|kind| {
        let leases = prop::collection::vec(any_lease(kind), 0..4);
        (any::<[u32; 3]>(), leases).prop_map(move |([iaid, t1, t2], leases)| Ia {
            kind,
            iaid: Iaid(iaid),
            t1: Seconds(t1),
            t2: Seconds(t2),
            refusal: None,
            leases,
        })
    })
}

fn any_binding() -> impl Strategy<Value = Binding> {
    let octets = |least| prop::option::of(prop::collection::vec(any::<u8>(), least..40));
    let base = || any_stamp().prop_map(|base| base.or(Some(Stamp(NEW_YEAR))));
    let client = (
        prop::collection::vec(any::<u8>(), 3..=130),
        base(),
        octets(1),
        octets(16),
        prop::option::of((any::<u32>(), prop::collection::vec(any::<u8>(), 0..20))),
        prop::collection::vec(any_ia(), 0..4),
        prop::collection::vec(any::<u32>(), 0..3),
    );
    let client = client.prop_map(|(duid, base, vpn, relay_data, reconfigure, ias, temporary)| {
        Binding::Client(ClientBinding {
            client: Duid::new(&duid),
            base,
            vpn: vpn.map(Into::into),
            reconfigure: reconfigure
                .map(|(since, key)| ReconfigureData { since: Stamp(since), key: key.into() }),
            relay_data: relay_data.map(Into::into),
            ias,
            temporary: temporary.into_iter().map(Iaid).collect(),
        })
    });
    let prefix = (octets(1), base(), any_lease(IaKind::Prefixes))
        .prop_map(|(vpn, base, lease)| Binding::Prefix { vpn: vpn.map(Into::into), base, lease });
    prop_oneof![3 => client, 1 => prefix]
}

proptest! {
    #[test]
    fn bindings_and_their_answers_read_back(
        binding in any_binding(),
        xid in 0..1_u32 << 24,
        status in 1..99_u16,
        text in "[a-zé ]{0,12}",
    ) {
        let mut answer = binding.accepted();
        let update = packet(xid, 0, Message::BindingUpdate(Box::new(binding)));
        prop_assert_eq!(Packet::parse(&encoded(&update).unwrap()), Ok(update));
        let reply = packet(xid, 0, Message::BindingReply(Box::new(answer.clone())));
        prop_assert_eq!(Packet::parse(&encoded(&reply).unwrap()), Ok(reply));

        // Refused at every level that there is.
        let refusal = Refusal { status: StatusCode(status), text };
        answer.refusal = Some(refusal.clone());
        if let Answered::Client { ias, .. } = &mut answer.of {
            for ia in ias {
                ia.refusal = Some(refusal.clone());
                ia.leases.iter_mut().for_each(|lease| lease.refusal = Some(refusal.clone()));
            }
        }
        let reply = packet(xid, 0, Message::BindingReply(Box::new(answer)));
        prop_assert_eq!(Packet::parse(&encoded(&reply).unwrap()), Ok(reply));
    }

    #[test]
    fn any_octets_are_a_message_or_refused(mut octets in prop::collection::vec(any::<u8>(), 9..300), kind in 20..40_u8) {
        let size = (octets.len() - 2) as u16;
        octets[..2].copy_from_slice(&size.to_be_bytes());
        octets[2] = kind;
        let _ = Packet::parse(&octets);
    }
}
