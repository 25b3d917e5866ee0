//! A relay's header around another message (RFC 8415 §9), read where it lies.

use std::net::Ipv6Addr;

use super::ia::ipv6_at;
use super::{Duid, Enterprise, MessageType, Options};
use crate::wire::option::v6::code;
use crate::wire::{HardwareAddress, WireError};

/// One relay's message: what it heard, from whom, on which link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Relay<'a> {
    octets: &'a [u8],
    options: Options<'a>,
}

impl<'a> Relay<'a> {
    /// Octets ahead of the options.
    pub const HEADER_LEN: usize = 34;
    /// Codes of an echo request that are looked at: no relay asks for more, and each costs a look at
    /// all options.
    const MAX_ECHOED: usize = 16;

    /// Reads a Relay-forward or Relay-reply, and what it passes on.
    ///
    /// # Errors
    /// `Truncated` for a header or an option that is cut short, `Length` for no message inside.
    pub(super) fn parse(octets: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        WireError::at_least("relay message", Self::HEADER_LEN, octets)?;
        let options = Options::parse(&octets[Self::HEADER_LEN..])?;
        let message = options
            .get(code::RELAY_MESSAGE)
            .ok_or(WireError::Length { field: "relayed message", value: 0 })?;
        Ok((Self { octets, options }, message))
    }

    /// Relay-forward or Relay-reply.
    #[must_use]
    pub fn kind(&self) -> MessageType {
        if self.octets[0] == MessageType::RelayReply as u8 {
            MessageType::RelayReply
        } else {
            MessageType::RelayForward
        }
    }

    /// hop-count: relays that passed it on before this one.
    #[must_use]
    pub fn hop_count(&self) -> u8 {
        self.octets[1]
    }

    /// link-address: an address of the link that the relay heard it on; `::` if it has none there, as
    /// a relay without an address of its own (RFC 6221 §5.3.1).
    #[must_use]
    pub fn link_address(&self) -> Ipv6Addr {
        ipv6_at(self.octets, 2)
    }

    /// peer-address: whom the relay heard.
    #[must_use]
    pub fn peer_address(&self) -> Ipv6Addr {
        ipv6_at(self.octets, 18)
    }

    /// Interface-Id: the port it heard it on, by its own name.
    #[must_use]
    pub fn interface_id(&self) -> Option<&'a [u8]> {
        self.options.get(code::INTERFACE_ID)
    }

    /// Remote-ID: the modem or line at the far end of the circuit (RFC 4649).
    #[must_use]
    pub fn remote_id(&self) -> Option<Enterprise<'a>> {
        Enterprise::parse(self.options.get(code::REMOTE_ID)?).ok()
    }

    /// Subscriber-ID (RFC 4580).
    #[must_use]
    pub fn subscriber_id(&self) -> Option<&'a [u8]> {
        self.options.get(code::SUBSCRIBER_ID)
    }

    /// Relay-Id: which relay it is (RFC 5460 §5.4.1).
    #[must_use]
    pub fn relay_id(&self) -> Option<Duid> {
        Duid::new(self.options.get(code::RELAY_ID)?)
    }

    /// The client's link-layer address, which a relay next to it sees (RFC 6939).
    #[must_use]
    pub fn client_link_layer(&self) -> Option<HardwareAddress> {
        let (kind, address) = self.options.get(code::CLIENT_LINK_LAYER)?.split_first_chunk()?;
        HardwareAddress::new(u8::try_from(u16::from_be_bytes(*kind)).ok()?, address)
    }

    /// Whether the relay wants its reply at the port it sent from (RFC 8357).
    #[must_use]
    pub fn has_source_port(&self) -> bool {
        self.options.has(code::RELAY_SOURCE_PORT)
    }

    /// What the relay knows that the client may be told (RFC 6422).
    #[must_use]
    pub fn supplied_options(&self) -> Option<Options<'a>> {
        Options::parse(self.options.get(code::RELAY_SUPPLIED_OPTIONS)?).ok()
    }

    /// The options that this relay's Relay-reply carries besides the message: the Interface-Id
    /// (RFC 8415 §19.3), the relay source port (RFC 8357 §4.2), and what it wants echoed (RFC 4994 §5).
    pub fn echoed(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let wanted = self.options.get(code::ECHO_REQUEST).unwrap_or_default();
        let (wanted, _) = wanted.as_chunks::<2>();
        let wanted = &wanted[..wanted.len().min(Self::MAX_ECHOED)];
        self.options.iter().filter(move |(code, _)| match *code {
            code::INTERFACE_ID | code::RELAY_SOURCE_PORT => true,
            code::RELAY_MESSAGE | code::ECHO_REQUEST => false,
            code => wanted.contains(&code.to_be_bytes()),
        })
    }

    /// All its options.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        self.options
    }

    /// The whole of it, with what it passes on.
    pub(super) fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const FORWARD: [u8; 129] = [
        12, 1,
        0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa1,
        0, 18, 0, 4, b'g', b'e', b'/', b'1',
        0, 37, 0, 6, 0, 0, 0, 9, 7, 7,
        0, 38, 0, 3, b'b', b'o', b'b',
        0, 53, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9,
        0, 79, 0, 8, 0, 1, 2, 0, 0, 0, 0, 1,
        0, 135, 0, 2, 0, 0,
        0, 66, 0, 7, 0, 65, 0, 3, 1, b'a', 0,
        0, 43, 0, 4, 0, 38, 0, 99,
        0, 99, 0, 1, 5,
        0, 9, 0, 4, 1, 2, 3, 4,
        0, 99, 0, 2, 6, 7,
    ];

    #[test]
    fn every_field_and_option_of_a_relay_is_read() {
        let (relay, message) = Relay::parse(&FORWARD).unwrap();
        assert_eq!(message, [1, 2, 3, 4]);
        assert_eq!((relay.kind(), relay.hop_count()), (MessageType::RelayForward, 1));
        assert_eq!(relay.link_address().to_string(), "2001:db8:1::1");
        assert_eq!(relay.peer_address().to_string(), "fe80::a1");
        assert_eq!(relay.interface_id(), Some(&b"ge/1"[..]));
        assert_eq!(relay.remote_id(), Some(Enterprise { number: 9, data: &[7, 7] }));
        assert_eq!(relay.subscriber_id(), Some(&b"bob"[..]));
        assert_eq!(relay.relay_id().unwrap().octets().len(), 10);
        assert_eq!(relay.client_link_layer(), HardwareAddress::new(1, &[2, 0, 0, 0, 0, 1]));
        assert!(relay.has_source_port());
        assert_eq!(relay.supplied_options().unwrap().get(65), Some(&b"\x01a\0"[..]));
    }

    #[test]
    fn a_reply_carries_what_the_relay_must_have_back_and_what_it_wants() {
        let (relay, _) = Relay::parse(&FORWARD).unwrap();
        let echoed: Vec<_> = relay.echoed().map(|(code, data)| (code, data.len())).collect();
        assert_eq!(echoed, [(18, 4), (38, 3), (135, 2), (99, 1), (99, 2)]);
    }

    #[test]
    fn a_relay_that_passes_on_nothing_is_refused() {
        let refused = WireError::Length { field: "relayed message", value: 0 };
        assert_eq!(Relay::parse(&FORWARD[..34]), Err(refused));
        assert!(matches!(Relay::parse(&FORWARD[..33]), Err(WireError::Truncated { .. })));
        assert!(matches!(
            Relay::parse(&FORWARD[..FORWARD.len() - 1]),
            Err(WireError::Truncated { .. })
        ));
    }
}
