//! Frames to feed the program with, built from the inside out.
#![allow(dead_code, reason = "each test binary uses the part it needs")]

pub(crate) const ALICE: [u8; 6] = [2, 0, 0, 0, 0, 0xa1];
pub(crate) const SERVER: [u8; 4] = [192, 0, 2, 1];
pub(crate) const BROADCAST: [u8; 4] = [255; 4];
pub(crate) const RELAY: [u8; 4] = [198, 51, 100, 1];
pub(crate) const DUID: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 0xa1];
pub(crate) const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa1];
pub(crate) const RELAY_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99];
pub(crate) const SERVER_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const ALL_RELAYS: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2];

/// A DHCPDISCOVER of Alice to everybody.
pub(crate) fn discover() -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4(BROADCAST, &udp(67, &request(&ALICE, [0; 4]))))
}

/// The fixed part of a BOOTREQUEST, a cookie and a message type.
pub(crate) fn request(chaddr: &[u8], giaddr: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[0] = 1;
    message[1] = 1;
    message[2] = chaddr.len() as u8;
    message[24..28].copy_from_slice(&giaddr);
    message[28..28 + chaddr.len()].copy_from_slice(chaddr);
    message.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    message
}

/// A Solicit with an elapsed time first and the client's DUID second.
pub(crate) fn solicit(duid: &[u8]) -> Vec<u8> {
    let mut message = vec![1, 0xaa, 0xbb, 0xcc, 0, 8, 0, 2, 0, 0];
    message.extend(option(1, duid));
    message
}

/// A Relay-forward around `message`, with an interface identifier ahead of it.
pub(crate) fn relayed(hops: u8, peer: [u8; 16], message: &[u8]) -> Vec<u8> {
    let mut outer = vec![12, hops];
    outer.extend([0; 16]);
    outer.extend(peer);
    outer.extend(option(18, b"port 7"));
    outer.extend(option(9, message));
    outer
}

/// A Solicit through `count` relays, the first of them next to the client at [`LINK_LOCAL`].
pub(crate) fn relayed_through(count: u8, duid: &[u8]) -> Vec<u8> {
    let nearest = relayed(0, LINK_LOCAL, &solicit(duid));
    (1..count).fold(nearest, |inner, hops| relayed(hops, RELAY_V6, &inner))
}

pub(crate) fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let mut octets = code.to_be_bytes().to_vec();
    octets.extend((data.len() as u16).to_be_bytes());
    octets.extend(data);
    octets
}

pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = (port + 1).to_be_bytes().to_vec();
    octets.extend(port.to_be_bytes());
    octets.extend((8 + payload.len() as u16).to_be_bytes());
    octets.extend([0, 0]);
    octets.extend(payload);
    octets
}

pub(crate) fn ipv4(destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x45, 0];
    octets.extend((20 + payload.len() as u16).to_be_bytes());
    octets.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0]);
    octets.extend(destination);
    octets.extend(payload);
    octets
}

pub(crate) fn ipv6(source: [u8; 16], destination: [u8; 16], payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x60, 0, 0, 0];
    octets.extend((payload.len() as u16).to_be_bytes());
    octets.extend([17, 1]);
    octets.extend(source);
    octets.extend(destination);
    octets.extend(payload);
    octets
}

/// With the VLAN identifiers of `tags`, outer first; the outer one of two is an 802.1ad tag.
pub(crate) fn ethernet(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 6];
    octets.extend(ALICE);
    for (index, tag) in tags.iter().enumerate() {
        let kind: u16 = if index + 1 < tags.len() { 0x88a8 } else { 0x8100 };
        octets.extend(kind.to_be_bytes());
        octets.extend((tag | 0x6000).to_be_bytes()); // priority 3
    }
    octets.extend(ethertype.to_be_bytes());
    octets.extend(payload);
    octets
}

/// `frame` with the octet at `at` replaced.
pub(crate) fn with(mut frame: Vec<u8>, at: usize, octet: u8) -> Vec<u8> {
    frame[at] = octet;
    frame
}
