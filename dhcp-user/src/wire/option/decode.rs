//! The data of each type as people read it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, ntp};
use crate::wire::dhcpv6::Counted;
use crate::wire::dns::{Name, Names};

impl Kind {
    /// The data as people read it; in hexadecimal, if it is not of this type.
    #[must_use]
    pub fn decode(self, data: &[u8]) -> String {
        self.decode_sound(data).unwrap_or_else(|| hex(data))
    }

    /// `None` if the data is not of this type.
    fn decode_sound(self, data: &[u8]) -> Option<String> {
        match (self, data) {
            (Self::Flag, [0]) => Some("false".to_owned()),
            (Self::Flag, [1]) => Some("true".to_owned()),
            (Self::Empty, []) => Some("true".to_owned()),
            (Self::U8, [number]) => Some(number.to_string()),
            (Self::U16, data) => Some(u16::from_be_bytes(data.try_into().ok()?).to_string()),
            (Self::U32, data) => Some(u32::from_be_bytes(data.try_into().ok()?).to_string()),
            (Self::I32, data) => Some(i32::from_be_bytes(data.try_into().ok()?).to_string()),
            (Self::Ip, [_, _, _, _]) => addresses(data).map(join),
            (Self::U8List, [_, ..]) => Some(join(data.iter())),
            (Self::U16List, [_, ..]) => {
                let (words, []) = data.as_chunks::<2>() else { return None };
                Some(join(words.iter().map(|word| u16::from_be_bytes(*word))))
            }
            (Self::IpList, [_, ..]) => addresses(data).map(join),
            (Self::IpPairList, [_, ..]) => {
                let (pairs, []) = data.as_chunks::<8>() else { return None };
                Some(join(pairs.iter().map(|[a, b, c, d, e, f, g, h]| {
                    format!("{} {}", Ipv4Addr::new(*a, *b, *c, *d), Ipv4Addr::new(*e, *f, *g, *h))
                })))
            }
            (Self::Text, [_, ..]) => {
                // Some servers and clients terminate it all the same.
                let text = std::str::from_utf8(data).ok()?.trim_end_matches('\0');
                Some(text.escape_debug().to_string())
            }
            (Self::DomainName, _) => {
                let (name, end) = Name::read(data, 0).ok()?;
                (end == data.len()).then(|| name.to_string())
            }
            (Self::DomainList, [_, ..]) => {
                Some(join(Names::new(data).collect::<Result<Vec<_>, _>>().ok()?.iter()))
            }
            (Self::Routes, [_, ..]) => routes(data),
            (Self::Ip6, data) => Some(Ipv6Addr::from_octets(data.try_into().ok()?).to_string()),
            (Self::Ip6List, [_, ..]) => {
                let (addresses, []) = data.as_chunks::<16>() else { return None };
                Some(join(addresses.iter().copied().map(Ipv6Addr::from_octets)))
            }
            (Self::DomainNames, [_, ..]) => {
                // Names that follow each other and are not compressed end where they end alone.
                let names = Names::new(data).collect::<Result<Vec<_>, _>>().ok()?;
                let plain = names.iter().map(|name| name.octets().len()).sum::<usize>();
                (plain == data.len()).then(|| join(names.iter()))
            }
            (Self::TextList, [_, ..]) => text_list(data),
            (Self::NtpServers, [_, ..]) => ntp::describe(data),
            _ => None,
        }
    }
}

pub(super) fn join(elements: impl Iterator<Item = impl ToString>) -> String {
    elements.map(|element| element.to_string()).collect::<Vec<_>>().join(", ")
}

pub(super) fn hex(data: &[u8]) -> String {
    data.iter().fold("0x".to_owned(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn addresses(data: &[u8]) -> Option<impl Iterator<Item = Ipv4Addr>> {
    let (addresses, []) = data.as_chunks::<4>() else { return None };
    Some(addresses.iter().copied().map(Ipv4Addr::from_octets))
}

fn routes(mut data: &[u8]) -> Option<String> {
    let mut routes = Vec::new();
    while let Some((len, after)) = data.split_first().filter(|(len, _)| **len <= 32) {
        let (significant, after) = after.split_at_checked(usize::from(*len).div_ceil(8))?;
        let (router, after) = after.split_first_chunk::<4>()?;
        let mut prefix = [0; 4];
        prefix[..significant.len()].copy_from_slice(significant);
        let (prefix, router) = (Ipv4Addr::from_octets(prefix), Ipv4Addr::from_octets(*router));
        routes.push(format!("{prefix}/{len} via {router}"));
        data = after;
    }
    data.is_empty().then(|| routes.join(", "))
}

fn text_list(data: &[u8]) -> Option<String> {
    let texts = Counted::parse(data).ok()?;
    let texts = texts.iter().map(|text| std::str::from_utf8(text).ok()).collect::<Option<Vec<_>>>();
    Some(join(texts?.iter().map(|text| text.escape_debug())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Code as _, describe};

    #[test]
    fn each_type_is_shown_as_people_write_it() {
        for (code, data, shown) in [
            (1, &[255, 255, 255, 0][..], "255.255.255.0"),
            (2, &[0xff, 0xff, 0xb9, 0xb0], "-18000"),
            (3, &[10, 0, 0, 1, 10, 0, 0, 2], "10.0.0.1, 10.0.0.2"),
            (12, b"alice\0", "alice"),
            (12, b"a\nb", "a\\nb"),
            (19, &[1], "true"),
            (25, &[0, 68, 5, 220], "68, 1500"),
            (33, &[10, 0, 0, 1, 10, 0, 0, 2], "10.0.0.1 10.0.0.2"),
            (53, &[5], "DHCPACK"),
            (55, &[1, 3, 224], "subnet-mask, routers, 224"),
            (61, &[1, 2, 255], "0x0102ff"),
            (82, b"\x01\x03p/1\x02\x02\x00\xff", "circuit-id p/1, remote-id 0x00ff"),
            (82, b"\x05\x04\x0a\x00\x00\x00\x97\x00", "link-selection 10.0.0.0, 151 0x"),
            (119, b"\x01a\x02bc\0\xc0\x02", "a.bc, bc"),
            (224, &[7], "0x07"),
        ] {
            assert_eq!(describe::<u8>(code, data), shown);
        }
    }

    #[test]
    fn data_of_another_type_is_shown_in_hexadecimal() {
        for (code, data, shown) in [
            (1, &[255, 255][..], "0xffff"),
            (3, &[], "0x"),
            (3, &[10, 0, 0], "0x0a0000"),
            (19, &[2], "0x02"),
            (53, &[99], "99"),
            (82, &[1, 9], "0x0109"),
            (121, &[33, 1, 2, 3, 4, 10, 0, 0, 1], "0x21010203040a000001"),
            (121, &[24, 10], "0x180a"),
        ] {
            assert_eq!(describe::<u8>(code, data), shown);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_shown(octets: Vec<u8>) {
            for definition in u8::DEFINITIONS {
                prop_assert!(!describe(definition.code, &octets).contains('\n'));
            }
        }
    }
}
