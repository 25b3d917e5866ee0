//! A request as octets, made once and then changed in the few places where clients differ.

mod v4;
mod v6;

use std::net::IpAddr;
use std::ops::Range;

use super::plan::{Access, Target, Wants};
use super::pool::nth_after;
use crate::state::{self, Protocol, STRANGERS};

pub(crate) use v4::HEADERS_LEN as HEADERS_LEN_V4;
pub(super) use v4::relay_information;
pub(crate) use v6::HEADERS_LEN as HEADERS_LEN_V6;

/// Which message of a client's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// DISCOVER, or Solicit.
    Discover,
    /// The same with the wish for a lease at once.
    Rapid,
    /// REQUEST of what was offered, or Request.
    Request,
    /// REQUEST for more time, by unicast (RFC 2131 §4.3.2, RENEWING), or Renew.
    Renew,
    /// RELEASE, or Release.
    Release,
}

impl Stage {
    /// In the order of their declaration.
    pub(super) const ALL: [Self; 5] =
        [Self::Discover, Self::Rapid, Self::Request, Self::Renew, Self::Release];

    /// Whether it asks whatever server there is.
    fn is_first(self) -> bool {
        matches!(self, Self::Discover | Self::Rapid)
    }

    /// Whether its client holds a lease.
    fn is_bound(self) -> bool {
        matches!(self, Self::Renew | Self::Release)
    }
}

/// What differs from one request to the next; which of it a message has, its stage says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) client: u32,
    pub(crate) xid: u32,
    /// Offered to the client, or held by it. Where there is none, any of the protocol.
    pub(crate) address: IpAddr,
    /// Likewise.
    pub(crate) prefix: IpAddr,
}

/// A whole frame with zeros where clients differ.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    draft: Draft,
    /// How many relays, and the first one's address.
    relays: (u32, IpAddr),
    /// Sums of 16-bit words (RFC 1071) of all that never changes.
    ip_sum: u32,
    udp_sum: u32,
    protocol: Protocol,
}

/// What a protocol makes of a message: a frame, and where in it clients differ.
#[derive(Clone, Debug)]
struct Draft {
    octets: Vec<u8>,
    places: Vec<Place>,
    headers: Headers,
}

/// Where in a frame the parts stand that checksums are about.
#[derive(Clone, Debug)]
struct Headers {
    /// IPv6 has none.
    ip_checksum: Option<usize>,
    /// Both of IP, which are in the pseudo-header, too.
    addresses: Range<usize>,
    udp_checksum: usize,
}

/// Where in the frame a field stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    /// All of it, or the lowest 24 bits.
    Xid,
    ShortXid,
    Mac,
    /// Made of the hardware address.
    LinkLocal,
    Address,
    Prefix,
    Relay,
    Client,
}

impl Template {
    /// A client's message to `target`, where it names a server to the rig's.
    pub(crate) fn new(stage: Stage, access: Access, target: Target) -> Self {
        let server = state::identifier(target.protocol());
        Self::naming(stage, access, target, Wants::ADDRESS, &server)
    }

    /// The same to the server of this name, of a client that asks for this.
    pub(super) fn naming(
        stage: Stage,
        access: Access,
        target: Target,
        wants: Wants,
        server: &[u8],
    ) -> Self {
        let (draft, relays) = match target.protocol() {
            Protocol::Dhcpv4 => v4::draft(stage, access, &target, server),
            Protocol::Dhcpv6 => v6::draft(stage, access, &target, wants, server),
        };
        // What is left of a sum once a field of zeros is counted.
        let octets = &draft.octets;
        let sum = |at: usize| u32::from(!u16::from_be_bytes([octets[at], octets[at + 1]]));
        let Headers { ip_checksum, udp_checksum, .. } = draft.headers;
        let (ip_sum, udp_sum) = (ip_checksum.map_or(0, sum), sum(udp_checksum));
        let protocol = target.protocol();
        Self { draft, relays: (relays, target.relay), ip_sum, udp_sum, protocol }
    }

    /// The fields of a client that holds the lease of its number, in a transaction of the same.
    pub(crate) fn fields(&self, client: u32) -> Fields {
        let lease = if client < STRANGERS { client } else { 0 };
        let address = state::address_of(self.protocol, lease);
        let prefix = state::v6::prefix(lease).address().into();
        Fields { client, xid: client, address, prefix }
    }

    /// The request of the client with this number in a frame of its own.
    pub(crate) fn frame(&self, client: u32) -> Vec<u8> {
        let mut frame = vec![0; 1514];
        let len = self.fill(&mut frame, self.fields(client));
        frame.truncate(len);
        frame
    }

    /// Writes the request with these fields to `frame`, and says how long it is.
    pub(crate) fn fill(&self, frame: &mut [u8], fields: Fields) -> usize {
        let Draft { octets: template, places, headers } = &self.draft;
        let frame = &mut frame[..template.len()];
        frame.copy_from_slice(template);
        let (mut ip, mut udp) = (self.ip_sum, self.udp_sum);
        for place in places {
            let (octets, len) = self.value(place.value, fields);
            let octets = &octets[..len];
            frame[place.at..][..len].copy_from_slice(octets);
            if place.at < headers.addresses.start {
                continue;
            }
            let sum = sum_at(place.at, octets);
            udp += sum;
            if place.at < headers.addresses.end {
                ip += sum;
            }
        }
        if let Some(at) = headers.ip_checksum {
            frame[at..][..2].copy_from_slice(&finish(ip).to_be_bytes());
        }
        // Zero would be none (RFC 768), which IPv6 does not let pass (RFC 8200 §8.1).
        let udp = finish(udp);
        let udp = if udp == 0 { 0xffff } else { udp };
        frame[headers.udp_checksum..][..2].copy_from_slice(&udp.to_be_bytes());
        template.len()
    }

    fn value(&self, value: Value, fields: Fields) -> ([u8; 16], usize) {
        match value {
            Value::Mac => in_front(state::mac(fields.client)),
            Value::LinkLocal => (state::v6::link_local(fields.client).octets(), 16),
            Value::Xid => in_front(fields.xid.to_be_bytes()),
            Value::ShortXid => {
                let [_, a, b, c] = fields.xid.to_be_bytes();
                in_front([a, b, c])
            }
            Value::Client => in_front(fields.client.to_be_bytes()),
            Value::Address => octets_of(fields.address),
            Value::Prefix => octets_of(fields.prefix),
            Value::Relay => octets_of(nth_after(self.relays.1, fields.client % self.relays.0)),
        }
    }
}

fn octets_of(address: IpAddr) -> ([u8; 16], usize) {
    match address {
        IpAddr::V4(address) => in_front(address.octets()),
        IpAddr::V6(address) => (address.octets(), 16),
    }
}

fn in_front<const LEN: usize>(value: [u8; LEN]) -> ([u8; 16], usize) {
    let mut octets = [0; 16];
    octets[..LEN].copy_from_slice(&value);
    (octets, LEN)
}

/// What these octets add to a sum of 16-bit words, by where in the frame they begin: headers have an
/// even length, so that a word begins at every even place.
fn sum_at(at: usize, octets: &[u8]) -> u32 {
    let mut sum = 0;
    for (place, octet) in (at..).zip(octets) {
        sum += u32::from(*octet) << (8 * ((place + 1) % 2));
    }
    sum
}

fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_that_comes_out_as_none_is_written_as_its_other_zero() {
        use crate::rig::target;
        use dhcp_user::wire::frame::AnyFrame;

        for protocol in [Protocol::Dhcpv4, Protocol::Dhcpv6] {
            let target = target(protocol);
            let template = Template::new(Stage::Discover, Access::Direct, target);
            let at = template.draft.headers.udp_checksum;
            // Among so many transactions there is each checksum.
            let is_there = (0..1 << 17).any(|xid| {
                let mut octets = [0; 1514];
                let fields = Fields { xid, ..template.fields(7) };
                let len = template.fill(&mut octets, fields);
                let checksum = [octets[at], octets[at + 1]];
                assert_ne!(checksum, [0, 0]);
                checksum == [0xff; 2] && AnyFrame::parse(&octets[..len]).is_ok()
            });
            assert!(is_there, "{protocol}");
        }
    }
}
