//! An option's data from what an operator wrote.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, Value, ntp};
use crate::wire::dns::{self, Name};
use crate::wire::hex;

impl Kind {
    /// The data of an option of this type, not yet split to 255 octets. Where a list is wanted, its
    /// only element may stand for it.
    ///
    /// # Errors
    /// What is wrong with `value`, and what would be right, for whoever wrote it.
    pub fn encode(self, value: &Value<'_>) -> Result<Vec<u8>, String> {
        match (self, value) {
            (Self::Flag, Value::Bool(flag)) => Ok(vec![u8::from(*flag)]),
            (Self::Empty, Value::Bool(true)) => Ok(Vec::new()),
            (Self::U8, Value::Int(number)) => {
                u8::try_from(*number).map(|number| vec![number]).map_err(|_| self.refuse(value))
            }
            (Self::U16, Value::Int(number)) => u16::try_from(*number)
                .map(|number| number.to_be_bytes().to_vec())
                .map_err(|_| self.refuse(value)),
            (Self::U32, Value::Int(number)) => u32::try_from(*number)
                .map(|number| number.to_be_bytes().to_vec())
                .map_err(|_| self.refuse(value)),
            (Self::I32, Value::Int(number)) => i32::try_from(*number)
                .map(|number| number.to_be_bytes().to_vec())
                .map_err(|_| self.refuse(value)),
            (Self::Ip, Value::Text(text)) => {
                Ok(self.address(text).ok_or_else(|| self.refuse(value))?.octets().to_vec())
            }
            (Self::Text, Value::Text(text)) => encode_text(text),
            (Self::Bytes, Value::Text(text)) => hex::read(text).ok_or_else(|| self.refuse(value)),
            (Self::DomainName, Value::Text(text)) => Ok(name(text)?.octets().to_vec()),
            (Self::U8List, _) => self.each(value, |element| Self::U8.encode(element)),
            (Self::U16List, _) => self.each(value, |element| Self::U16.encode(element)),
            (Self::IpList, _) => self.each(value, |element| Self::Ip.encode(element)),
            (Self::IpPairList, _) => self.each_pair(value, |first, second| {
                let pair = [self.address(first), self.address(second)];
                let [Some(first), Some(second)] = pair else { return Ok(None) };
                Ok(Some([first.octets(), second.octets()].concat()))
            }),
            (Self::Routes, _) => self.each_pair(value, |prefix, router| {
                let Some(router) = self.address(router) else { return Ok(None) };
                Ok(route(prefix)?.map(|prefix| [prefix, router.octets().to_vec()].concat()))
            }),
            (Self::DomainList, _) => {
                let names = value.elements().iter().map(|element| match element {
                    Value::Text(text) => name(text),
                    other => Err(Self::DomainName.refuse(other)),
                });
                let names = names.collect::<Result<Vec<_>, _>>()?;
                if names.is_empty() { Err(self.refuse(value)) } else { Ok(dns::compressed(&names)) }
            }
            (Self::Ip6, Value::Text(text)) => {
                let address: Ipv6Addr = text.trim().parse().map_err(|_| self.refuse(value))?;
                Ok(address.octets().to_vec())
            }
            (Self::Ip6List, _) => self.each(value, |element| Self::Ip6.encode(element)),
            (Self::DomainNames, _) => self.each(value, |element| Self::DomainName.encode(element)),
            (Self::TextList, _) => self.each(value, |element| {
                let text = Self::Text.encode(element)?;
                let len = u16::try_from(text.len()).map_err(|_| self.refuse(element))?;
                Ok([&len.to_be_bytes(), text.as_slice()].concat())
            }),
            (Self::NtpServers, _) => self.each(value, |element| match element {
                Value::Text(text) => Ok(match text.trim().parse() {
                    Ok(address) => ntp::address(address),
                    // No name has a colon.
                    Err(_) if text.contains(':') => return Err(Self::Ip6.refuse(element)),
                    Err(_) => ntp::name(&name(text)?),
                }),
                other => Err(self.refuse(other)),
            }),
            _ => Err(self.refuse(value)),
        }
    }

    /// Whether every number in `value` is at least `least`.
    pub(super) fn check_at_least(self, value: &Value<'_>, least: u32) -> Result<(), String> {
        for element in value.elements() {
            if let Value::Int(number) = element
                && self != Self::I32
                && (0..i64::from(least)).contains(number)
            {
                return Err(format!("{number} is less than {least}, the least there is"));
            }
        }
        Ok(())
    }

    fn refuse(self, value: &Value<'_>) -> String {
        format!("{value} is not {}", self.expects())
    }

    fn address(self, text: &str) -> Option<Ipv4Addr> {
        text.trim().parse().ok()
    }

    /// The data of every element, one behind the other.
    fn each(
        self,
        value: &Value<'_>,
        encode: impl Fn(&Value<'_>) -> Result<Vec<u8>, String>,
    ) -> Result<Vec<u8>, String> {
        let elements = value.elements();
        if elements.is_empty() {
            return Err(self.refuse(value));
        }
        Ok(elements.iter().map(encode).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The data of every pair, one behind the other. A pair is a list of two, or text with a space
    /// or `via` between the two.
    fn each_pair(
        self,
        value: &Value<'_>,
        encode: impl Fn(&str, &str) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Vec<u8>, String> {
        self.each(value, |element| {
            let encoded = match element {
                Value::List(two) => match two.as_slice() {
                    [Value::Text(first), Value::Text(second)] => encode(first, second)?,
                    _ => None,
                },
                Value::Text(text) => {
                    match *text.split_whitespace().collect::<Vec<_>>().as_slice() {
                        [first, second] | [first, "via", second] => encode(first, second)?,
                        _ => None,
                    }
                }
                _ => None,
            };
            encoded.ok_or_else(|| self.refuse(element))
        })
    }
}

fn encode_text(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Err("text is at least one character".into());
    }
    if text.contains('\0') {
        // RFC 2132 §2: options are not terminated, and clients cut at a zero.
        return Err(format!("{text:?} has a zero octet in it, at which clients cut it off"));
    }
    Ok(text.as_bytes().to_vec())
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error| format!("{text:?} is not a domain name: {error}"))
}

/// Prefix length and the octets of the prefix that count (RFC 3442); `None` for what is no prefix.
fn route(text: &str) -> Result<Option<Vec<u8>>, String> {
    let prefix = if text == "default" { "0.0.0.0/0" } else { text };
    let Some((address, len)) = prefix.split_once('/') else { return Ok(None) };
    let (Ok(address), Ok(len)) = (address.parse::<Ipv4Addr>(), len.parse::<u8>()) else {
        return Ok(None);
    };
    if len > 32 {
        return Ok(None);
    }
    let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
    let network = Ipv4Addr::from_bits(address.to_bits() & mask);
    if network != address {
        return Err(format!("{text:?} has bits past its length: {network}/{len} is the prefix"));
    }
    let octets = address.octets();
    let significant = usize::from(len).div_ceil(8);
    Ok(Some([&[len], &octets[..significant]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(texts: &[&'a str]) -> Value<'a> {
        Value::List(texts.iter().map(|text| Value::Text(text)).collect())
    }

    #[test]
    fn each_type_is_written_as_its_rfc_has_it() {
        use Value::{Bool, Int, List, Text};
        let pair = List(vec![texts(&["198.51.100.0", "192.0.2.1"])]);
        for (kind, value, data) in [
            (Kind::Flag, Bool(true), &[1][..]),
            (Kind::Empty, Bool(true), &[]),
            (Kind::U8, Int(255), &[255]),
            (Kind::U8List, List(vec![Int(1), Int(6)]), &[1, 6]),
            (Kind::U8List, Int(3), &[3]),
            (Kind::U16, Int(1500), &[5, 220]),
            (Kind::U16List, List(vec![Int(68), Int(65_535)]), &[0, 68, 255, 255]),
            (Kind::U32, Int(4_294_967_295), &[255; 4]),
            (Kind::I32, Int(-18_000), &[0xff, 0xff, 0xb9, 0xb0]),
            (Kind::Ip, Text("192.0.2.1"), &[192, 0, 2, 1]),
            (Kind::IpList, Text("192.0.2.1"), &[192, 0, 2, 1]),
            (Kind::IpList, texts(&["192.0.2.1", "10.0.0.1"]), &[192, 0, 2, 1, 10, 0, 0, 1]),
            (Kind::IpPairList, pair, &[198, 51, 100, 0, 192, 0, 2, 1]),
            (Kind::Text, Text("grün"), "grün".as_bytes()),
            (Kind::Bytes, Text("01:fF"), &[1, 255]),
            (Kind::Bytes, Text("0x01ff"), &[1, 255]),
            (Kind::DomainName, Text("a.bc."), b"\x01a\x02bc\0"),
            (Kind::DomainList, texts(&["a.bc", "bc"]), b"\x01a\x02bc\0\xc0\x02"),
            (Kind::DomainNames, texts(&["a.bc", "bc"]), b"\x01a\x02bc\0\x02bc\0"),
            (Kind::Ip6, Text("::1"), &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (Kind::Ip6List, texts(&["::", "::"]), &[0; 32]),
            (Kind::TextList, texts(&["a", "bc"]), b"\0\x01a\0\x02bc"),
            (Kind::NtpServers, Text("a.bc"), b"\0\x03\0\x06\x01a\x02bc\0"),
        ] {
            assert_eq!(kind.encode(&value), Ok(data.to_vec()), "{kind} {value}");
        }
    }

    /// RFC 3442, "Classless Route Option Format": the table of descriptors.
    #[test]
    fn routes_are_written_with_the_octets_that_count() {
        for (prefix, descriptor) in [
            ("0.0.0.0/0", &[0][..]),
            ("10.0.0.0/8", &[8, 10]),
            ("10.0.0.0/24", &[24, 10, 0, 0]),
            ("10.17.0.0/16", &[16, 10, 17]),
            ("10.27.129.0/24", &[24, 10, 27, 129]),
            ("10.229.0.128/25", &[25, 10, 229, 0, 128]),
            ("10.198.122.47/32", &[32, 10, 198, 122, 47]),
        ] {
            let route = format!("{prefix} via 10.0.0.1");
            let data = [descriptor, &[10, 0, 0, 1]].concat();
            assert_eq!(Kind::Routes.encode(&Value::Text(&route)), Ok(data.clone()));
            assert_eq!(Kind::Routes.decode(&data), route);
        }
    }

    #[test]
    fn what_is_wrong_is_quoted_beside_what_would_be_right() {
        use Value::{Bool, Int, List, Text};
        for (kind, value, mistake) in [
            (Kind::U8, Int(256), "256 is not a number from 0 to 255"),
            (Kind::U32, Int(-1), "-1 is not a number from 0 to 4294967295"),
            (Kind::Flag, Text("yes"), "\"yes\" is not true or false"),
            (Kind::Empty, Bool(false), "false is not true, as the option has no data"),
            (Kind::Ip, Text("10.0.0"), "\"10.0.0\" is not an IPv4 address, such as \"192.0.2.1\""),
            (
                Kind::IpList,
                List(vec![Text("10.0.0.1"), Int(7)]),
                "7 is not an IPv4 address, such as \"192.0.2.1\"",
            ),
            (
                Kind::IpList,
                List(vec![]),
                "[] is not a list of IPv4 addresses, such as [\"192.0.2.1\", \"192.0.2.2\"]",
            ),
            (
                Kind::IpPairList,
                texts(&["10.0.0.1"]),
                "\"10.0.0.1\" is not a list of pairs of IPv4 addresses, \
                 such as [\"192.0.2.1 198.51.100.1\"]",
            ),
            (Kind::Ip6, Text("::g"), "\"::g\" is not an IPv6 address, such as \"2001:db8::1\""),
            (Kind::TextList, List(vec![]), "[] is not a list of texts in quotes"),
            (
                Kind::NtpServers,
                Text("2001:db8::g"),
                "\"2001:db8::g\" is not an IPv6 address, such as \"2001:db8::1\"",
            ),
            (Kind::Text, Text(""), "text is at least one character"),
            (
                Kind::Bytes,
                Text("01:2"),
                "\"01:2\" is not octets in hexadecimal, such as \"01:ff\" or \"0x01ff\"",
            ),
            (
                Kind::DomainName,
                Text("a..b"),
                "\"a..b\" is not a domain name: there is nothing between two dots",
            ),
            (
                Kind::Routes,
                Text("10.1.0.0/8 via 10.0.0.1"),
                "\"10.1.0.0/8\" has bits past its length: 10.0.0.0/8 is the prefix",
            ),
            (
                Kind::Routes,
                Text("10.0.0.0/33 via 10.0.0.1"),
                "\"10.0.0.0/33 via 10.0.0.1\" is not a list of routes, \
                 such as [\"198.51.100.0/24 via 192.0.2.1\"]",
            ),
        ] {
            assert_eq!(kind.encode(&value), Err(mistake.to_owned()));
        }
    }
}
