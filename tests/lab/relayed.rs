//! Relay-forward and Relay-reply as octets (RFC 8415 §9), written and read by hand.

use std::net::Ipv6Addr;

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;
const RELAY_MESSAGE: u16 = 9;
/// Type, hop-count and two addresses.
const HEADER_LEN: usize = 34;

/// A Relay-forward around `inner`, with these options, each whole.
///
/// # Panics
/// If it is longer than an option can be.
#[must_use]
pub fn forward(
    hops: u8,
    link: Ipv6Addr,
    peer: Ipv6Addr,
    options: &[&[u8]],
    inner: &[u8],
) -> Vec<u8> {
    let len = u16::try_from(inner.len()).expect("a short message");
    let mut octets = vec![RELAY_FORWARD, hops];
    octets.extend(link.octets());
    octets.extend(peer.octets());
    options.iter().for_each(|option| octets.extend_from_slice(option));
    octets.extend(RELAY_MESSAGE.to_be_bytes());
    octets.extend(len.to_be_bytes());
    octets.extend(inner);
    octets
}

/// The message in a Relay-reply; `None` if it is none.
#[must_use]
pub fn carried(reply: &[u8]) -> Option<&[u8]> {
    option(options(reply)?, RELAY_MESSAGE)
}

/// The options of a Relay-reply; `None` if it is none.
#[must_use]
pub fn options(reply: &[u8]) -> Option<&[u8]> {
    reply.get(HEADER_LEN..).filter(|_| reply[0] == RELAY_REPLY)
}

/// The data of the first option of this code.
#[must_use]
pub fn option(mut options: &[u8], code: u16) -> Option<&[u8]> {
    while let Some((head, rest)) = options.split_first_chunk::<4>() {
        let [found, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (data, rest) = rest.split_at_checked(len.into())?;
        if found == code {
            return Some(data);
        }
        options = rest;
    }
    None
}
