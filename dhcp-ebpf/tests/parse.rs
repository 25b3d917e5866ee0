//! From whole frames to who sent them, without a kernel.

mod frames;

use dhcp_ebpf::packet::Cursor;
use dhcp_ebpf::parse::{self, Addressed, Sender};
use dhcp_ebpf::steer::{client_hash, duid_hash, peer_hash};
use dhcp_ebpf::{PortKey, Verdict};
use frames::*;
use proptest::prelude::*;

/// What the program does between its map look-ups.
fn sender(frame: &[u8]) -> Result<Sender, Verdict> {
    let mut packet = Cursor::of(frame);
    let mut vlans = [0; 2];
    match parse::headers(&mut packet, &mut vlans)? {
        Addressed::V4 { .. } => parse::request_v4(&mut packet, vlans),
        Addressed::V6 { source, .. } => parse::request_v6(&mut packet, &source, vlans),
    }
}

fn alice_hash() -> u32 {
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&ALICE);
    client_hash(&chaddr, 6)
}

fn duid_hash_of(duid: &[u8]) -> u32 {
    duid_hash(&mut Cursor::of(duid), duid.len() as u16).expect("no longer than a DUID may be")
}

fn v6(message: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x86dd, &ipv6(LINK_LOCAL, ALL_RELAYS, &udp(547, message)))
}

#[test]
fn a_broadcast_client_is_found_with_no_one_or_two_vlan_tags() {
    let message = udp(67, &request(&ALICE, [0; 4]));
    for (tags, vlans) in
        [(&[][..], [0, 0]), (&[100][..], [100, 0]), (&[100, 4094][..], [100, 4094])]
    {
        let frame = ethernet(tags, 0x0800, &ipv4(BROADCAST, &message));
        let port = PortKey { relay: [0; 16], vlans };
        assert_eq!(sender(&frame), Ok(Sender { client: alice_hash(), port }), "{tags:?}");
    }
}

#[test]
fn a_third_tag_is_left_to_the_kernel() {
    let frame = ethernet(&[1, 2, 3], 0x0800, &ipv4(BROADCAST, &udp(67, &request(&ALICE, [0; 4]))));
    assert_eq!(sender(&frame), Err(Verdict::Other));
}

#[test]
fn a_relayed_client_is_charged_to_its_relay_whatever_the_vlan() {
    let message = udp(67, &request(&ALICE, RELAY));
    let relay = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1];
    for tags in [&[][..], &[100][..]] {
        let frame = ethernet(tags, 0x0800, &ipv4(SERVER, &message));
        let port = PortKey { relay, vlans: [0; 2] };
        assert_eq!(sender(&frame), Ok(Sender { client: alice_hash(), port }));
    }
}

#[test]
fn the_destination_is_handed_out_for_the_listen_map() {
    let frame = ethernet(&[], 0x0800, &ipv4(SERVER, &udp(67, &request(&ALICE, RELAY))));
    let addressed = parse::headers(&mut Cursor::of(&frame), &mut [0; 2]);
    assert_eq!(addressed, Ok(Addressed::V4 { destination: SERVER }));
}

#[test]
fn a_reply_is_not_a_request() {
    assert_eq!(sender(&with(discover(), 14 + 20 + 8, 2)), Err(Verdict::NotRequest));
}

#[test]
fn fragments_are_left_to_the_kernel_first_and_later_ones() {
    assert_eq!(sender(&with(discover(), 14 + 6, 0x20)), Err(Verdict::Fragment));
    assert_eq!(sender(&with(discover(), 14 + 7, 0x01)), Err(Verdict::Fragment));
    let mut v6_fragment = v6(&solicit(&DUID));
    v6_fragment[14 + 6] = 44;
    assert_eq!(sender(&v6_fragment), Err(Verdict::Fragment));
}

#[test]
fn ip_options_and_extension_headers_are_left_to_the_kernel() {
    assert_eq!(sender(&with(discover(), 14, 0x46)), Err(Verdict::Options));
    assert_eq!(sender(&with(v6(&solicit(&DUID)), 14 + 6, 60)), Err(Verdict::Options));
}

#[test]
fn other_ports_protocols_and_ethertypes_are_none_of_ours() {
    let to_port = |port| ethernet(&[], 0x0800, &ipv4(BROADCAST, &udp(port, &[0; 300])));
    assert_eq!(sender(&to_port(68)), Err(Verdict::Other));
    assert_eq!(sender(&to_port(547)), Err(Verdict::Other));
    assert_eq!(sender(&with(discover(), 14 + 9, 6)), Err(Verdict::Other));
    assert_eq!(sender(&with(discover(), 13, 6)), Err(Verdict::Other));
}

#[test]
fn a_frame_cut_anywhere_before_the_client_is_never_taken() {
    let frame = discover();
    for len in 0..14 + 20 + 8 + 44 {
        assert!(sender(&frame[..len]).is_err(), "{len}");
    }
    assert!(sender(&frame[..14 + 20 + 8 + 44]).is_ok());
}

#[test]
fn a_dhcpv6_client_is_its_duid_wherever_that_stands() {
    assert_eq!(sender(&v6(&solicit(&DUID))).map(|sender| sender.client), Ok(duid_hash_of(&DUID)));
}

/// Clients put it first or nearly so; how deep it is looked for has an end.
#[test]
fn a_duid_is_found_behind_fifteen_options_and_no_deeper() {
    let behind = |count: usize, duid: &[u8]| {
        let mut message = vec![1, 0, 0, 7];
        message.extend(option(16, &[9; 11]).repeat(count));
        message.extend(option(1, duid));
        sender(&v6(&message)).map(|sender| sender.client)
    };
    assert_eq!(behind(15, &DUID), Ok(duid_hash_of(&DUID)));
    assert_eq!(behind(16, &DUID), Ok(peer_hash(&LINK_LOCAL)));
    // RFC 8415 §11.1: no DUID is that long.
    assert_eq!(behind(0, &[7; 130]), Ok(duid_hash_of(&[7; 130])));
    assert_eq!(behind(0, &[7; 131]), Ok(peer_hash(&LINK_LOCAL)));
}

#[test]
fn a_duid_that_the_packet_has_no_room_for_is_none() {
    let mut message = solicit(&DUID);
    message.truncate(message.len() - 1);
    assert_eq!(sender(&v6(&message)).map(|sender| sender.client), Ok(peer_hash(&LINK_LOCAL)));
}

#[test]
fn a_dhcpv6_client_is_charged_to_its_vlan_and_its_destination_is_handed_out() {
    let message = udp(547, &solicit(&DUID));
    let frame = ethernet(&[100, 7], 0x86dd, &ipv6(LINK_LOCAL, SERVER_V6, &message));
    let port = PortKey { relay: [0; 16], vlans: [100, 7] };
    assert_eq!(sender(&frame), Ok(Sender { client: duid_hash_of(&DUID), port }));
    let addressed = parse::headers(&mut Cursor::of(&frame), &mut [0; 2]);
    assert_eq!(addressed, Ok(Addressed::V6 { source: LINK_LOCAL, destination: SERVER_V6 }));
}

#[test]
fn a_dhcpv6_client_without_a_duid_is_its_address() {
    let information_request = [11, 1, 2, 3, 0, 8, 0, 2, 0, 0];
    let client = sender(&v6(&information_request)).map(|sender| sender.client);
    assert_eq!(client, Ok(peer_hash(&LINK_LOCAL)));
}

#[test]
fn behind_relays_a_dhcpv6_client_is_the_innermost_peer() {
    let one = relayed(0, LINK_LOCAL, &solicit(&DUID));
    let two = relayed(1, RELAY_V6, &one);
    let three = relayed(2, RELAY_V6, &two);
    for message in [one, two, three] {
        let found = sender(&v6(&message)).expect("it is a request");
        assert_eq!(found.client, peer_hash(&LINK_LOCAL));
        assert_eq!(found.port.relay, LINK_LOCAL, "the relay is who sent the packet");
    }
}

/// RFC 8415 §7.6: hop-counts go up to eight.
#[test]
fn the_innermost_peer_is_found_behind_as_many_relays_as_there_may_be() {
    for count in 1..=9 {
        let found = sender(&v6(&relayed_through(count, &DUID))).expect("it is a request");
        assert_eq!(found.client, peer_hash(&LINK_LOCAL), "{count} relays");
    }
}

#[test]
fn what_dhcpv6_servers_send_is_not_a_request() {
    for kind in [2, 7, 10, 13] {
        let message = with(solicit(&DUID), 0, kind);
        assert_eq!(sender(&v6(&message)), Err(Verdict::NotRequest), "{kind}");
    }
}

#[test]
fn duids_that_differ_in_one_octet_differ_in_hash() {
    for len in [4, 10, 14, 130] {
        let duid = vec![7; len];
        for at in 0..len {
            assert_ne!(duid_hash_of(&duid), duid_hash_of(&with(duid.clone(), at, 8)), "{len} {at}");
        }
    }
}

proptest! {
    /// Any octets at all, and any octets behind good headers, end in a sender or a verdict.
    #[test]
    fn nothing_makes_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400), headers: bool) {
        let frame = if headers { v6(&octets) } else { octets };
        let _ = sender(&frame);
    }
}
