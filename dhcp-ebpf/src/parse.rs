//! From a frame to a request, as far as the program needs to know it.
//!
//! ```text
//! Ethernet 14 | 0-2 VLAN tags of 4 | IPv4 20 or IPv6 40 | UDP 8 | DHCP ...
//! ```
//! Checksums and lengths are left to the worker, which looks at them anyway.

use crate::guard::PortKey;
use crate::packet::Cursor;
use crate::steer::{client_hash, duid_hash, peer_hash};
use crate::verdict::Verdict;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherTypes that announce a VLAN tag: IEEE 802.1Q and 802.1ad.
pub const ETHERTYPE_TAGS: [u16; 2] = [0x8100, 0x88a8];
/// UDP port of DHCPv4 servers and relay agents (RFC 2131 §4.1).
pub const PORT_V4: u16 = 67;
/// UDP port of DHCPv6 servers and relay agents (RFC 8415 §7.2).
pub const PORT_V6: u16 = 547;
/// All_DHCP_Relay_Agents_and_Servers, ff02::1:2 (RFC 8415 §7.1).
pub const ALL_RELAYS_AND_SERVERS: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2];
/// All_DHCP_Servers, ff05::1:3 (RFC 8415 §7.1).
pub const ALL_SERVERS: [u8; 16] = [0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3];
/// The limited broadcast address.
pub const BROADCAST: [u8; 4] = [255; 4];

const PROTOCOL_UDP: u8 = 17;
/// More-fragments and fragment offset: all but the reserved bit and don't-fragment (RFC 791 §3.1).
const FRAGMENT_BITS: u16 = 0x3fff;
/// `op` of a message to a server (RFC 2131 §2).
const BOOTREQUEST: u8 = 1;
/// Message types of RFC 8415 §7.3 that only servers send: Advertise, Reply, Reconfigure, Relay-reply.
const SENT_BY_SERVERS: [u8; 4] = [2, 7, 10, 13];
const RELAY_FORWARD: u8 = 12;
const OPTION_CLIENT_ID: u16 = 1;
const OPTION_RELAY_MESSAGE: u16 = 9;
/// Options of a DHCPv6 message that are looked at, through all relays together. Clients put their
/// identifier first or nearly so; whoever hides it deeper is steered by where it comes from.
const MAX_OPTIONS: usize = 16;

/// A packet to a DHCP server's port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Addressed {
    /// To port 67.
    V4 {
        /// IPv4 destination.
        destination: [u8; 4],
    },
    /// To port 547.
    V6 {
        /// IPv6 source.
        source: [u8; 16],
        /// IPv6 destination.
        destination: [u8; 16],
    },
}

/// Who sent a request, as far as steering and the guard ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender {
    /// The client's hash.
    pub client: u32,
    /// The relay or port it came through.
    pub port: PortKey,
}

/// Reads the headers down to UDP and leaves `packet` at the DHCP message; tags' VLAN identifiers go
/// to `vlans`, outer first.
///
/// # Errors
/// The verdict on a packet that is not for a worker.
#[inline(always)]
pub fn headers(packet: &mut Cursor<'_>, vlans: &mut [u16; 2]) -> Result<Addressed, Verdict> {
    let [.., high, low] = packet.take::<14>().ok_or(Verdict::Other)?;
    let mut ethertype = u16::from_be_bytes([high, low]);
    for vlan in vlans {
        if ethertype != ETHERTYPE_TAGS[0] && ethertype != ETHERTYPE_TAGS[1] {
            break;
        }
        let [tag_high, tag_low, high, low] = packet.take().ok_or(Verdict::Other)?;
        *vlan = u16::from_be_bytes([tag_high, tag_low]) & 0x0fff;
        ethertype = u16::from_be_bytes([high, low]);
    }
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(packet),
        ETHERTYPE_IPV6 => ipv6(packet),
        _ => Err(Verdict::Other),
    }
}

/// Reads a DHCPv4 message (RFC 2131 §2) as far as `chaddr`.
///
/// # Errors
/// The verdict on what is no request.
#[inline(always)]
pub fn request_v4(packet: &mut Cursor<'_>, vlans: [u16; 2]) -> Result<Sender, Verdict> {
    // op 0, hlen 2, giaddr 24, chaddr 28
    let [op, _htype, hlen, _hops] = packet.take().ok_or(Verdict::Short)?;
    if op != BOOTREQUEST {
        return Err(Verdict::NotRequest);
    }
    packet.skip(20);
    let giaddr = packet.take::<4>().ok_or(Verdict::Short)?;
    let chaddr = packet.take::<16>().ok_or(Verdict::Short)?;
    let port = if giaddr == [0; 4] {
        PortKey { relay: [0; 16], vlans }
    } else {
        let [a, b, c, d] = giaddr;
        PortKey { relay: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d], vlans: [0; 2] }
    };
    Ok(Sender { client: client_hash(&chaddr, hlen), port })
}

/// Reads a DHCPv6 message from `source` (RFC 8415 §8, §9) as far as the client's DUID, or behind
/// relays as the innermost peer-address.
///
/// # Errors
/// The verdict on what is no request.
#[inline(always)]
pub fn request_v6(
    packet: &mut Cursor<'_>,
    source: &[u8; 16],
    vlans: [u16; 2],
) -> Result<Sender, Verdict> {
    let [kind, hops, _, _] = packet.take().ok_or(Verdict::Short)?;
    if SENT_BY_SERVERS.contains(&kind) {
        return Err(Verdict::NotRequest);
    }
    if kind == RELAY_FORWARD {
        let client = relayed_client(packet, hops)?;
        return Ok(Sender { client, port: PortKey { relay: *source, vlans: [0; 2] } });
    }
    let client = direct_client(packet).unwrap_or_else(|| peer_hash(source));
    Ok(Sender { client, port: PortKey { relay: [0; 16], vlans } })
}

#[inline(always)]
fn ipv4(packet: &mut Cursor<'_>) -> Result<Addressed, Verdict> {
    let ip = packet.take::<20>().ok_or(Verdict::Other)?;
    if ip[9] != PROTOCOL_UDP || ip[0] >> 4 != 4 {
        return Err(Verdict::Other);
    }
    // What can't be told to be ours before the kernel has put it together or walked its options.
    if u16::from_be_bytes([ip[6], ip[7]]) & FRAGMENT_BITS != 0 {
        return Err(Verdict::Fragment);
    }
    if ip[0] != 0x45 {
        return Err(Verdict::Options);
    }
    udp(packet, PORT_V4)?;
    Ok(Addressed::V4 { destination: [ip[16], ip[17], ip[18], ip[19]] })
}

#[inline(always)]
fn ipv6(packet: &mut Cursor<'_>) -> Result<Addressed, Verdict> {
    let [version, _, _, _, _, _, next_header, _] = packet.take().ok_or(Verdict::Other)?;
    let source = packet.take().ok_or(Verdict::Other)?;
    let destination = packet.take().ok_or(Verdict::Other)?;
    if version >> 4 != 6 {
        return Err(Verdict::Other);
    }
    match next_header {
        PROTOCOL_UDP => {}
        44 => return Err(Verdict::Fragment),
        // Hop-by-hop, routing, authentication, destination options, mobility (RFC 8200 §4).
        0 | 43 | 51 | 60 | 135 => return Err(Verdict::Options),
        _ => return Err(Verdict::Other),
    }
    udp(packet, PORT_V6)?;
    Ok(Addressed::V6 { source, destination })
}

#[inline(always)]
fn udp(packet: &mut Cursor<'_>, port: u16) -> Result<(), Verdict> {
    let [_, _, high, low, ..] = packet.take::<8>().ok_or(Verdict::Other)?;
    if u16::from_be_bytes([high, low]) == port { Ok(()) } else { Err(Verdict::Other) }
}

/// The hash of the innermost peer-address, with `packet` four octets into the outermost relay
/// message.
///
/// ```text
/// | type 1 | hop-count 1 | link-address 16 | peer-address 16 | options ...
/// ```
#[inline(always)]
fn relayed_client(packet: &mut Cursor<'_>, mut hops: u8) -> Result<u32, Verdict> {
    packet.skip(14);
    let mut peer = packet.take::<16>().ok_or(Verdict::Short)?;
    for _ in 0..MAX_OPTIONS {
        // The relay nearest the client sets hop-count 0 (RFC 8415 §19.1.1).
        if hops == 0 {
            break;
        }
        let Some([a, b, c, d]) = packet.take() else { break };
        if u16::from_be_bytes([a, b]) != OPTION_RELAY_MESSAGE {
            packet.skip(usize::from(u16::from_be_bytes([c, d])));
            continue;
        }
        let Some([kind, inner_hops]) = packet.take() else { break };
        if kind != RELAY_FORWARD {
            break;
        }
        packet.skip(16);
        let Some(inner) = packet.take() else { break };
        peer = inner;
        hops = inner_hops;
    }
    Ok(peer_hash(&peer))
}

/// The hash of the DUID in the client identifier option, with `packet` at the options.
#[inline(always)]
fn direct_client(packet: &mut Cursor<'_>) -> Option<u32> {
    for _ in 0..MAX_OPTIONS {
        let [a, b, c, d] = packet.take()?;
        let len = u16::from_be_bytes([c, d]);
        if u16::from_be_bytes([a, b]) == OPTION_CLIENT_ID {
            return duid_hash(packet, len);
        }
        packet.skip(usize::from(len));
    }
    None
}
