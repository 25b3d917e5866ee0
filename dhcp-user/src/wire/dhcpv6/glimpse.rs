//! A datagram at first sight.

use super::ia::ipv6_at;
use super::options::each;
use super::{IaKind, Iaid, MessageType, Relay, Via};
use crate::wire::option::v6::code;

/// What a request says where nearly all of them say it, before it is read as a
/// [`Datagram`](super::Datagram): good for guesses alone. What is wrong with it goes unseen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Glimpse<'a> {
    /// Where its relays say that it is.
    pub via: Option<Via<'a>>,
    /// Client Identifier.
    pub duid: &'a [u8],
    /// Its first associations: nearly all have one or two.
    pub ias: [Option<(IaKind, Iaid)>; 2],
}

impl<'a> Glimpse<'a> {
    /// `None` of what is no request.
    #[must_use]
    pub fn of(octets: &'a [u8]) -> Option<Self> {
        let (mut glimpse, mut inner) = (Self::default(), octets);
        while *inner.first()? == MessageType::RelayForward as u8 {
            let options = inner.get(Relay::HEADER_LEN..)?;
            let (mut interface_id, mut message) = (None, None);
            for (code, data) in each(options) {
                match code {
                    code::INTERFACE_ID => interface_id = interface_id.or(Some(data)),
                    code::RELAY_MESSAGE => message = Some(data),
                    _ => {}
                }
            }
            glimpse.via.get_or_insert_default().pass(ipv6_at(inner, 2), interface_id);
            inner = message?;
        }
        let mut ias = glimpse.ias.iter_mut();
        for (code, data) in each(inner.get(4..)?) {
            match code {
                code::CLIENT_ID => glimpse.duid = data,
                code::IA_NA | code::IA_PD => {
                    let kind = IaKind::from_code(code)?;
                    let iaid = Iaid(u32::from_be_bytes(*data.first_chunk()?));
                    let Some(place) = ias.next() else { break };
                    *place = Some((kind, iaid));
                }
                _ => {}
            }
        }
        Some(glimpse)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Datagram, HOP_COUNT_LIMIT, Writer};
    use super::*;
    use crate::wire::Seconds;
    use std::net::Ipv6Addr;

    const LINKS: [Ipv6Addr; 3] = [
        Ipv6Addr::UNSPECIFIED,
        Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1),
    ];

    /// A Solicit for two addresses and a prefix through so many relays.
    fn solicit(relays: usize) -> Vec<u8> {
        let mut buffer = [0; 200];
        let mut writer = Writer::message(&mut buffer, MessageType::Solicit, 7).unwrap();
        let options = writer.options();
        options.push(code::CLIENT_ID, &[0, 3, 0, 1, 9]).unwrap();
        for (kind, iaid) in [(IaKind::Addresses, 1), (IaKind::Prefixes, 2), (IaKind::Addresses, 3)]
        {
            options.ia(kind, Iaid(iaid), [Seconds(0); 2], |_| Ok(())).unwrap();
        }
        let len = writer.finish();
        let mut octets = buffer[..len].to_vec();
        for (hops, link) in LINKS.into_iter().take(relays).enumerate() {
            let mut buffer = vec![0; octets.len() + 100];
            let (hops, peer) = (hops as u8, Ipv6Addr::LOCALHOST);
            let len = Writer::forward(&mut buffer, hops, link, peer, &octets, |options| {
                if hops == 2 { Ok(()) } else { options.push(code::INTERFACE_ID, &[hops]) }
            });
            buffer.truncate(len.unwrap());
            octets = buffer;
        }
        octets
    }

    #[test]
    fn a_datagram_is_seen_as_it_will_be_read() {
        for relays in 0..=LINKS.len() {
            let octets = solicit(relays);
            let (seen, read) = (Glimpse::of(&octets), Datagram::parse(&octets, HOP_COUNT_LIMIT));
            let (seen, read) = (seen.unwrap(), read.unwrap());
            assert_eq!(seen.via, read.relays.via());
            assert_eq!(seen.via.is_some(), relays > 0);
            assert_eq!(Some(seen.duid), read.message.client_id());
            let ias = read.message.ias().take(2).map(|ia| Some((ia.kind(), ia.iaid())));
            assert!(seen.ias.into_iter().eq(ias));
        }
    }

    #[test]
    fn what_is_cut_short_or_none_of_ours_is_no_trouble() {
        let whole = solicit(3);
        for len in 0..whole.len() {
            let _ = Glimpse::of(&whole[..len]);
        }
        for nonsense in [&[][..], &[12; 40], &[12; 3], &[1, 0, 0, 0, 0, 3, 0, 2, 9, 9]] {
            assert_eq!(Glimpse::of(nonsense), None);
        }
    }
}
