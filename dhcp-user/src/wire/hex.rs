//! Octets in hexadecimal, as people write them.

/// Octets of two digits, with colons between all of them or none; `0x` may stand in front.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let octet = |digits: &str| {
        let sound = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        sound.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
    };
    if digits.contains(':') {
        return digits.split(':').map(octet).collect();
    }
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| octet(pair?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_not_whole_or_not_hexadecimal_are_refused() {
        for text in ["0", "0g", "01:", ":01", "+1", "01 02", "ü1"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
