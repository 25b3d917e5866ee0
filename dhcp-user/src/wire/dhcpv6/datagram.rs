//! What one UDP datagram carries: a message, and the relays that it came through.

use std::net::Ipv6Addr;

use super::{Message, OLD_HOP_COUNT_LIMIT, Relay};
use crate::wire::WireError;

/// A client's or server's message, and the relays around it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// The relays, none for a client that the server hears itself.
    pub relays: Relays<'a>,
    /// The message.
    pub message: Message<'a>,
}

impl<'a> Datagram<'a> {
    /// Takes off relay after relay, as many as may set a hop-count up to `hop_limit`, and reads the
    /// message inside. No limit is above [`OLD_HOP_COUNT_LIMIT`].
    ///
    /// # Errors
    /// `Value` for more relays than that, `Length` for one without a message inside, and the rest as
    /// [`Message::parse`].
    pub fn parse(octets: &'a [u8], hop_limit: u8) -> Result<Self, WireError> {
        let most = hop_limit.min(OLD_HOP_COUNT_LIMIT) + 1;
        let (mut relays, mut inner) = (Relays::NONE, octets);
        while let Some(12 | 13) = inner.first() {
            if relays.count == most {
                return Err(WireError::Value { field: "hop-count", value: most.into() });
            }
            let (relay, message) = Relay::parse(inner)?;
            relays.outermost.get_or_insert((relay, message));
            relays.count += 1;
            inner = message;
        }
        Ok(Self { relays, message: Message::parse(inner)? })
    }

    /// All of it as it arrived.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        if self.relays.is_empty() { self.message.octets() } else { self.relays.octets() }
    }
}

/// The relays that a message came through, from the server's side: the outermost is the one whose
/// datagram this is, the innermost the client's neighbour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Relays<'a> {
    count: u8,
    /// The outermost, and what it passes on: nearly all messages come through one, which is read once.
    outermost: Option<(Relay<'a>, &'a [u8])>,
}

impl<'a> Relays<'a> {
    /// A client's own datagram.
    pub const NONE: Self = Self { count: 0, outermost: None };
    /// No message comes through more.
    pub const MAX_COUNT: usize = OLD_HOP_COUNT_LIMIT as usize + 1;

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.into()
    }

    /// Whether the client was heard by a relay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every relay, the outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Relay<'a>> + use<'a> {
        let (mut left, mut next) = (self.count, self.outermost);
        std::iter::from_fn(move || {
            let (relay, message) = next?;
            left -= 1;
            // `Datagram::parse` has seen all of them.
            next = if left == 0 { None } else { Relay::parse(message).ok() };
            Some(relay)
        })
    }

    /// The client's neighbour.
    #[must_use]
    pub fn innermost(&self) -> Option<Relay<'a>> {
        self.iter().last()
    }

    /// Where they say that the client is; `None` if there are none.
    #[must_use]
    pub fn via(&self) -> Option<Via<'a>> {
        let mut via = None;
        for relay in self.iter() {
            let via: &mut Via<'a> = via.get_or_insert_default();
            via.pass(relay.link_address(), relay.interface_id());
        }
        via
    }

    /// What the relay nearest to the client that knows it says.
    #[must_use]
    pub fn nearest<T>(&self, read: impl Fn(&Relay<'a>) -> Option<T>) -> Option<T> {
        self.iter().filter_map(|relay| read(&relay)).last()
    }

    /// The outermost relay's message as it arrived, with all that is inside; empty without relays.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.outermost.map_or(&[], |(relay, _)| relay.octets())
    }
}

/// Where relays say that a client is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Via<'a> {
    /// The client's link: the link-address nearest to it that is one; a relay without an address of its
    /// own leaves that to the next (RFC 8415 §13.1, RFC 6221 §5.3.1).
    pub link_address: Option<Ipv6Addr>,
    /// The Interface-Id nearest to the client.
    pub interface_id: Option<&'a [u8]>,
}

impl<'a> Via<'a> {
    /// Adds what a relay says that is nearer to the client.
    pub(super) fn pass(&mut self, link_address: Ipv6Addr, interface_id: Option<&'a [u8]>) {
        self.link_address =
            Some(link_address).filter(|link| !link.is_unspecified()).or(self.link_address);
        self.interface_id = interface_id.or(self.interface_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcpv6::{HOP_COUNT_LIMIT, MessageType, Writer};

    const SOLICIT: [u8; 4] = [1, 0, 0, 7];

    /// A Solicit through relays, given from the client's neighbour outwards by their link-address.
    fn relayed(links: &[u16]) -> Vec<u8> {
        let mut octets = SOLICIT.to_vec();
        for (hops, link) in links.iter().enumerate() {
            let peer = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, hops as u16);
            let mut buffer = vec![0xa5; octets.len() + 100];
            let link = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, *link);
            let name = [hops as u8];
            let len = Writer::forward(&mut buffer, hops as u8, link, peer, &octets, |options| {
                if hops % 2 == 0 { options.push(18, &name) } else { Ok(()) }
            });
            buffer.truncate(len.unwrap());
            octets = buffer;
        }
        octets
    }

    #[test]
    fn relays_come_from_the_outside_in() {
        let octets = relayed(&[0, 5, 0]);
        let datagram = Datagram::parse(&octets, HOP_COUNT_LIMIT).unwrap();
        assert_eq!(datagram.message.kind(), MessageType::Solicit);
        let hops: Vec<_> = datagram.relays.iter().map(|relay| relay.hop_count()).collect();
        assert_eq!((datagram.relays.count(), hops), (3, vec![2, 1, 0]));
        assert_eq!(
            datagram.relays.innermost().unwrap().peer_address(),
            "fe80::".parse::<Ipv6Addr>().unwrap()
        );
        assert_eq!(datagram.relays.octets(), octets);
    }

    #[test]
    fn the_clients_link_is_the_one_named_nearest_to_it() {
        for (links, nearest) in
            [(&[3, 5][..], Some(3)), (&[0, 5, 6], Some(5)), (&[0, 0], None), (&[], None)]
        {
            let octets = relayed(links);
            let relays = Datagram::parse(&octets, HOP_COUNT_LIMIT).unwrap().relays;
            let expected = nearest.map(|link| Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, link));
            let via = (!links.is_empty())
                .then_some(Via { link_address: expected, interface_id: Some(&[0]) });
            assert_eq!(relays.via(), via, "{links:?}");
        }
    }

    #[test]
    fn more_relays_than_the_limit_are_refused() {
        for (limit, most) in [(0, 1), (HOP_COUNT_LIMIT, 9), (32, 33), (255, 33)] {
            let octets = relayed(&vec![1; most]);
            let datagram = Datagram::parse(&octets, limit);
            assert_eq!(datagram.map(|datagram| datagram.relays.count()), Ok(most));
            let octets = relayed(&vec![1; most + 1]);
            let refused = WireError::Value { field: "hop-count", value: most as u32 };
            assert_eq!(Datagram::parse(&octets, limit), Err(refused));
        }
    }

    #[test]
    fn relays_around_nothing_or_nonsense_are_refused() {
        let whole = relayed(&[1, 2]);
        for end in 0..whole.len() {
            assert!(Datagram::parse(&whole[..end], HOP_COUNT_LIMIT).is_err(), "{end} octets");
        }
        let mut other = whole;
        let len = other.len();
        other[len - 4] = 35;
        let refused = WireError::Value { field: "message type", value: 35 };
        assert_eq!(Datagram::parse(&other, HOP_COUNT_LIMIT), Err(refused));
    }
}
