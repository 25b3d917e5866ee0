//! Octet strings as people write them: text, `"0x…"`, or `"01:00:5e:…"`.

use crate::wire::HardwareAddress;

/// What an octet string looks like, for whoever wrote something else.
pub(super) const EXPECTED: &str =
    "write text, hex octets such as \"0x0102af\", or pairs of hex digits such as \"01:02:af\"";

/// What a hardware address looks like.
pub(super) const EXPECTED_HARDWARE: &str =
    "a hardware address is like \"00:00:5e:00:53:01\", or with its ARP type \"6/00:00:5e:00\"";

/// What a DUID looks like.
pub(super) const EXPECTED_DUID: &str =
    "a DUID has 3 to 130 octets, in hex: \"0x000300010200\" or \"00:03:00:01:02:00\"";

/// Reads a DUID, never as text: a type of two octets, and at most 128 behind it (RFC 8415 §11.1).
pub(super) fn parse_duid(text: &str) -> Option<Vec<u8>> {
    let octets = match text.strip_prefix("0x") {
        Some(digits) => parse_hex(digits),
        None => parse_pairs(text, ':'),
    };
    octets.filter(|octets| (3..=130).contains(&octets.len()))
}

/// Reads an octet string: `0x` and an even number of hex digits, two or more pairs of hex digits
/// joined by colons, or else the text itself. `None` for a wrong `0x…` and for nothing at all.
pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return parse_hex(digits);
    }
    let octets = if text.contains(':') { parse_pairs(text, ':') } else { None };
    Some(octets.unwrap_or_else(|| text.as_bytes().to_vec()))
}

/// Reads an even number of hex digits, at least two.
pub(super) fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.as_bytes().chunks_exact(2).map(|pair| parse_pair(pair[0], pair[1])).collect()
}

/// Reads the first octets of hardware addresses, such as a vendor's `"00:00:5e"`.
pub(super) fn parse_hardware_prefix(text: &str) -> Option<Vec<u8>> {
    let octets = parse_pairs(text, ':').or_else(|| parse_pairs(text, '-'))?;
    (octets.len() <= HardwareAddress::MAX_LEN).then_some(octets)
}

/// Reads a hardware address; Ethernet unless an ARP hardware type stands before a slash.
pub(super) fn parse_hardware(text: &str) -> Option<HardwareAddress> {
    let (kind, address) = match text.split_once('/') {
        Some((kind, address)) => (kind.parse().ok()?, address),
        None => (HardwareAddress::ETHERNET, text),
    };
    // On the stack: a million rows of a reservation file come through here.
    let mut octets = [0; HardwareAddress::MAX_LEN];
    let separator = if address.contains('-') { b'-' } else { b':' };
    let mut len = 0;
    for piece in address.as_bytes().chunks(3) {
        let (pair, tail) = piece.split_at_checked(2)?;
        *octets.get_mut(len)? = parse_pair(pair[0], pair[1])?;
        len += 1;
        if tail.iter().any(|octet| *octet != separator) {
            return None;
        }
    }
    if len * 3 != address.len() + 1 {
        return None; // nothing at all, or a separator at the end
    }
    if kind == HardwareAddress::ETHERNET && len != 6 {
        return None;
    }
    HardwareAddress::new(kind, &octets[..len])
}

fn parse_pairs(text: &str, separator: char) -> Option<Vec<u8>> {
    text.split(separator)
        .map(|pair| match pair.as_bytes() {
            [high, low] => parse_pair(*high, *low),
            _ => None,
        })
        .collect()
}

fn parse_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_hex_and_pairs_are_told_apart() {
        for (text, octets) in [
            ("docsis3.0", &b"docsis3.0"[..]),
            ("0x0102aF", &[1, 2, 0xaf]),
            ("01:02:af", &[1, 2, 0xaf]),
            ("eth 0/1:100", b"eth 0/1:100"),
            ("0:1", b"0:1"),
            ("ab", b"ab"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(octets), "{text}");
        }
        for text in ["", "0x", "0x1", "0xgg", "0x0102ä"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_duid_has_3_to_130_octets_and_is_no_text() {
        assert_eq!(parse_duid("0x0003AB").as_deref(), Some(&[0, 3, 0xab][..]));
        assert_eq!(parse_duid("00:03:ab").as_deref(), Some(&[0, 3, 0xab][..]));
        assert_eq!(
            parse_duid(&format!("0x{}", "ab".repeat(130))).map(|duid| duid.len()),
            Some(130)
        );
        for text in ["", "0x", "0x0003", "client-1", "00:03", &format!("0x{}", "ab".repeat(131))] {
            assert_eq!(parse_duid(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_ethernet_address_has_six_octets_and_others_up_to_sixteen() {
        let expected = HardwareAddress::new(1, &[0, 0, 0x5e, 0, 0x53, 1]);
        for text in ["00:00:5e:00:53:01", "00-00-5E-00-53-01", "1/00:00:5e:00:53:01"] {
            assert_eq!(parse_hardware(text), expected, "{text}");
        }
        assert_eq!(parse_hardware("32/0a:0b"), HardwareAddress::new(32, &[10, 11]));
        for text in [
            "",
            "00:00:5e:00:53",
            "00:00:5e:00:53:01:",
            "00:00:5e:00-53:01",
            "0:0:5e:0:53:1",
            "256/00:00",
            "6/",
            "zz:00:5e:00:53:01",
            "00:00:5e:00:53:0ä",
            "00:00:5e:00:53:01:02",
            "6/00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00",
        ] {
            assert_eq!(parse_hardware(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_displayed_hardware_address_reads_back(kind in 2u8.., octets in prop::collection::vec(any::<u8>(), 1..=16)) {
            let address = HardwareAddress::new(kind, &octets);
            let text = address.map(|address| format!("{kind}/{address}")).unwrap_or_default();
            prop_assert_eq!(parse_hardware(&text), address);
        }

        #[test]
        fn no_text_upsets_the_readers(text in ".{0,60}|[0-9a-fäx:/-]{0,60}") {
            let _ = (parse(&text), parse_hardware(&text), parse_hardware_prefix(&text));
            let _ = parse_duid(&text);
        }
    }
}
