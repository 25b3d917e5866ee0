//! What of a DHCPv6 option's data says more than its type tells.

use super::super::Definition;
use super::super::definition::{Code, names};
use super::{code, table};
use crate::wire::dhcpv6::{Duid, MessageType, StatusCode};

impl Code for u16 {
    const DEFINITIONS: &'static [Definition<Self>] = table::DEFINITIONS;
    /// 0 is reserved, and so is the last (IANA, "DHCPv6 Option Codes").
    const ENDS: (Self, Self) = (1, 65_534);

    fn special(self, data: &[u8]) -> Option<String> {
        match (self, data) {
            (code::CLIENT_ID | code::SERVER_ID | code::RELAY_ID, _) => {
                Duid::new(data).map(|duid| duid.to_string())
            }
            (code::OPTION_REQUEST | code::ECHO_REQUEST, _) => {
                let (codes, []) = data.as_chunks::<2>() else { return None };
                Some(names(codes.iter().map(|code| Self::from_be_bytes(*code))))
            }
            (code::RECONFIGURE_MESSAGE, [number]) => {
                MessageType::from_number(*number).map(|kind| kind.name().to_owned())
            }
            (code::STATUS_CODE, [high, low, text @ ..]) => {
                let status = StatusCode(Self::from_be_bytes([*high, *low]));
                let text = String::from_utf8_lossy(text);
                let colon = if text.is_empty() { "" } else { ": " };
                Some(format!("{status}{colon}{}", text.escape_debug()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::describe;
    use super::*;

    #[test]
    fn each_option_is_shown_as_people_write_it() {
        for (code, data, shown) in [
            (1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1][..], "00:03:00:01:02:00:00:00:00:01"),
            (1, &[0, 3], "0x0003"),
            (6, &[0, 23, 0, 24, 0x12, 0x34], "dns-servers, domain-search, 4660"),
            (6, &[0], "0x00"),
            (8, &[0, 100], "100"),
            (13, b"\0\x02nothing\nleft", "NoAddrsAvail (2): nothing\\nleft"),
            (13, &[0, 0], "Success (0)"),
            (14, &[], "true"),
            (15, b"\0\x01a\0\x02bc", "a, bc"),
            (15, b"\0\x03a", "0x000361"),
            (19, &[5], "RENEW"),
            (23, &[0; 16], "::"),
            (23, &[0; 17], "0x0000000000000000000000000000000000"),
            (24, b"\x01a\x02bc\0\x02bc\0", "a.bc, bc"),
            // RFC 8415 §10: no pointers here.
            (24, b"\x01a\x02bc\0\xc0\x02", "0x016102626300c002"),
            (4_660, &[7], "0x07"),
        ] {
            assert_eq!(describe::<u16>(code, data), shown);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_shown(octets: Vec<u8>) {
            for definition in u16::DEFINITIONS {
                prop_assert!(!describe(definition.code, &octets).contains('\n'));
            }
        }
    }
}
