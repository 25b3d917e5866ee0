//! ICMP echo (RFC 792), to ask an address whether somebody is there (RFC 2131 §3.1 step 2).
//!
//! ```text
//!  0      1      2          4            6                 8
//!  | type | code | checksum | identifier | sequence number | data ...
//! ```

use std::net::Ipv4Addr;

use super::checksum::Sum;
use super::ethernet::{self, Ethernet, VlanTags};
use super::internet::Internet as _;
use super::{MacAddr, WireError, ipv4};

const LEN: usize = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// What tells one question from another: comes back in the reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Echo {
    /// Whose questions they are.
    pub identifier: u16,
    /// Which of them.
    pub sequence: u16,
}

impl Echo {
    /// Octets of the message that [`Self::write`] writes.
    pub const LEN: usize = LEN;

    /// The request as an ICMP message, for a socket whose kernel writes the other headers.
    #[must_use]
    pub fn write(&self) -> [u8; LEN] {
        let mut message = [0; LEN];
        message[0] = ECHO_REQUEST;
        message[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        message[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        let checksum = Sum::default().add(&message).finish();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        message
    }

    /// The reply in an ICMP message, as such a socket hands it over.
    ///
    /// # Errors
    /// `Value` for every other message.
    pub fn parse(message: &[u8]) -> Result<Self, WireError> {
        WireError::at_least("ICMP message", LEN, message)?;
        if message[..2] != [ECHO_REPLY, 0] {
            let kind = u32::from(u16::from_be_bytes([message[0], message[1]]));
            return Err(WireError::Value { field: "ICMP type and code", value: kind });
        }
        if !Sum::default().add(message).is_whole() {
            return Err(WireError::Checksum { protocol: "ICMP" });
        }
        Ok(Self {
            identifier: u16::from_be_bytes([message[4], message[5]]),
            sequence: u16::from_be_bytes([message[6], message[7]]),
        })
    }
}

/// An echo request in a frame of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request {
    /// Our Ethernet address.
    pub source: MacAddr,
    /// Ethernet address of the next hop.
    pub destination: MacAddr,
    /// VLAN tags.
    pub tags: VlanTags,
    /// Our address.
    pub source_ip: Ipv4Addr,
    /// The address asked.
    pub destination_ip: Ipv4Addr,
    /// What tells the question from others.
    pub echo: Echo,
}

impl Request {
    /// Writes the frame and says how long it is.
    ///
    /// # Panics
    /// If `frame` is shorter than [`MIN_FRAME_LEN`](super::frame::MIN_FRAME_LEN).
    pub fn write(&self, frame: &mut [u8]) -> usize {
        let ip_at =
            Ethernet::write(self.destination, self.source, self.tags, ethernet::IPV4, frame);
        let icmp_at = ip_at + ipv4::HEADER_LEN;
        let end = icmp_at + LEN;
        frame[icmp_at..end].copy_from_slice(&self.echo.write());
        Ipv4Addr::write_header(
            self.source_ip,
            self.destination_ip,
            ipv4::ICMP,
            self.echo.sequence,
            LEN,
            &mut frame[ip_at..],
        );
        Ethernet::pad(frame, end)
    }
}

/// An echo reply: somebody is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Ethernet address it came from.
    pub source: MacAddr,
    /// Who answered.
    pub source_ip: Ipv4Addr,
    /// Which question.
    pub echo: Echo,
}

impl Reply {
    /// Takes an echo reply out of a frame.
    ///
    /// # Errors
    /// `Value` for anything else, and the rest for damage.
    pub fn parse(frame: &[u8]) -> Result<Self, WireError> {
        let link = Ethernet::parse(frame)?;
        if link.ethertype != ethernet::IPV4 {
            return Err(WireError::Value { field: "EtherType", value: link.ethertype.into() });
        }
        let datagram = Ipv4Addr::parse(link.payload)?;
        if datagram.protocol != ipv4::ICMP {
            return Err(WireError::Value { field: "protocol", value: datagram.protocol.into() });
        }
        let echo = Echo::parse(datagram.payload)?;
        Ok(Self { source: link.source, source_ip: datagram.source, echo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const PING: [u8; 60] = [
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
        0x45, 0, 0, 28, 0x00, 0x07, 0, 0, 64, 1, 0xf6, 0xd1,
        192, 0, 2, 1, 192, 0, 2, 7,
        8, 0, 0x65, 0x8a, 0x92, 0x6e, 0, 7,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    const ECHO: Echo = Echo { identifier: 0x926e, sequence: 7 };

    /// The same frame turned around by whom it was for.
    fn pong() -> [u8; 60] {
        let mut frame = PING;
        frame[26..34].copy_from_slice(&[192, 0, 2, 7, 192, 0, 2, 1]);
        frame[34] = ECHO_REPLY;
        frame[36..38].copy_from_slice(&[0x6d, 0x8a]);
        frame
    }

    #[test]
    fn a_request_is_these_octets_whatever_the_buffer_held() {
        let request = Request {
            source: MacAddr([2, 0, 0, 0, 0, 1]),
            destination: MacAddr([2, 0, 0, 0, 0, 2]),
            tags: VlanTags::NONE,
            source_ip: Ipv4Addr::new(192, 0, 2, 1),
            destination_ip: Ipv4Addr::new(192, 0, 2, 7),
            echo: ECHO,
        };
        let mut frame = [0xa5; 64];
        assert_eq!(request.write(&mut frame), 60);
        assert_eq!(frame[..60], PING);
    }

    #[test]
    fn a_reply_says_who_answered_which_question() {
        let reply = Reply {
            source: MacAddr([2, 0, 0, 0, 0, 1]),
            source_ip: Ipv4Addr::new(192, 0, 2, 7),
            echo: ECHO,
        };
        assert_eq!(Reply::parse(&pong()), Ok(reply));
    }

    #[test]
    fn a_request_is_no_reply_and_damage_is_seen() {
        assert!(matches!(Reply::parse(&PING), Err(WireError::Value { .. })));
        let mut damaged = pong();
        damaged[41] ^= 1;
        assert_eq!(Reply::parse(&damaged), Err(WireError::Checksum { protocol: "ICMP" }));
        assert!(matches!(Reply::parse(&pong()[..40]), Err(WireError::Truncated { .. })));
    }
}
