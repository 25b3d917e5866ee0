//! A message at first sight.

use std::net::Ipv4Addr;

use super::scratch::Parts;
use super::{BOOT_REQUEST, MessageType, field};
use crate::wire::HardwareAddress;
use crate::wire::option::code;

/// What a request says where nearly all of them say it, before it is read as a
/// [`Message`](super::Message): good for guesses alone. Options in parts are cut, those in overloaded
/// fields missing, and what is wrong with the rest goes unseen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Glimpse<'a> {
    /// `ciaddr`.
    pub ciaddr: Ipv4Addr,
    /// `giaddr`.
    pub giaddr: Ipv4Addr,
    /// `htype` and the first `hlen` octets of `chaddr`.
    pub hardware: HardwareAddress,
    /// Option 53.
    pub kind: Option<MessageType>,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 61.
    pub identifier: Option<&'a [u8]>,
}

impl<'a> Glimpse<'a> {
    /// `None` of what is no request of DHCP.
    #[must_use]
    pub fn of(octets: &'a [u8]) -> Option<Self> {
        if *octets.first()? != BOOT_REQUEST || *octets.get(field::COOKIE)? != field::MAGIC_COOKIE {
            return None;
        }
        let chaddr = octets[field::CHADDR].get(..usize::from(octets[field::HLEN]))?;
        let address = |octets: &[u8]| <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from_octets);
        let mut glimpse = Self {
            ciaddr: address(&octets[field::CIADDR])?,
            giaddr: address(&octets[field::GIADDR])?,
            hardware: HardwareAddress::new(octets[field::HTYPE], chaddr)?,
            kind: None,
            requested: None,
            identifier: None,
        };
        for part in Parts::new(octets, field::OPTIONS, octets.len()).map_while(Result::ok) {
            let data = || &octets[usize::from(part.start)..][..usize::from(part.len)];
            match part.code {
                code::MESSAGE_TYPE => {
                    glimpse.kind = data().first().and_then(|kind| MessageType::from_number(*kind));
                }
                code::REQUESTED_ADDRESS => glimpse.requested = address(data()),
                code::CLIENT_IDENTIFIER => glimpse.identifier = Some(data()),
                _ => {}
            }
        }
        Some(glimpse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        let mut octets = vec![0; field::OPTIONS];
        octets[..3].copy_from_slice(&[BOOT_REQUEST, 1, 6]);
        octets[field::CIADDR].copy_from_slice(&[10, 0, 0, 7]);
        octets[field::COOKIE].copy_from_slice(&field::MAGIC_COOKIE);
        octets.extend_from_slice(options);
        octets
    }

    #[test]
    fn what_a_client_is_known_by_is_seen_at_once() {
        let octets = message(&[53, 1, 3, 0, 61, 2, 7, 8, 50, 4, 10, 0, 0, 9, 255, 61]);
        let glimpse = Glimpse::of(&octets).unwrap();
        assert_eq!(glimpse.ciaddr, Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(glimpse.giaddr, Ipv4Addr::UNSPECIFIED);
        assert_eq!(glimpse.hardware, HardwareAddress::new(1, &[0; 6]).unwrap());
        assert_eq!(glimpse.kind, Some(MessageType::Request));
        assert_eq!(glimpse.requested, Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(glimpse.identifier, Some(&[7, 8][..]));
    }

    #[test]
    fn what_is_cut_short_or_none_of_ours_is_no_trouble() {
        let whole = message(&[53, 1, 3, 61, 2, 7, 8]);
        for len in 0..whole.len() {
            assert_eq!(Glimpse::of(&whole[..len]).is_some(), len >= field::OPTIONS, "{len}");
        }
        let mut reply = whole;
        reply[0] = 2;
        assert_eq!(Glimpse::of(&reply), None);
        reply[..3].copy_from_slice(&[BOOT_REQUEST, 1, 17]);
        assert_eq!(Glimpse::of(&reply), None);
    }
}
