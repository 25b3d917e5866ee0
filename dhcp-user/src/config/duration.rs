//! Lengths of time as people write them: `"24h"`, `"1d12h"`, `"90s"`, `90`, `"infinite"`.

use crate::wire::Seconds;

/// What a length of time looks like, for whoever wrote something else.
pub(super) const EXPECTED: &str =
    "a length of time is like \"24h\", \"1d12h\", \"90s\", 90 (seconds) or \"infinite\"";

/// Units from the longest to the shortest, as they must stand.
const UNITS: [(char, u32); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a length of time; `None` if it is none, or too long for the 32 bits that DHCP gives it
/// (RFC 2132 §9.2; all ones is infinite).
pub(super) fn parse(text: &str) -> Option<Seconds> {
    if text == "infinite" {
        return Some(Seconds::INFINITE);
    }
    if let Ok(seconds) = text.parse::<u32>() {
        let plain = text.bytes().all(|octet| octet.is_ascii_digit());
        return (plain && seconds != u32::MAX).then_some(Seconds(seconds));
    }
    let mut total: u32 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = after.chars().next()?;
        // Takes the units in front with it: each may stand once, in order.
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u32>().ok()?.checked_mul(*seconds)?)?;
        rest = &after[unit.len_utf8()..];
    }
    (!text.is_empty() && total != u32::MAX).then_some(Seconds(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("24h", 86_400),
            ("1d12h", 129_600),
            ("2w3d4h5m6s", 1_483_506),
            ("4294967294", u32::MAX - 1),
            ("infinite", u32::MAX),
        ] {
            assert_eq!(parse(text), Some(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in [
            "",
            "h",
            "24x",
            "1h1h",
            "1m1h",
            "1h30",
            "-1",
            "+1",
            "1.5h",
            " 1h",
            "1 h",
            "9999999w",
            "4294967295",
            "4294967295s",
            "99999999999",
            "Infinite",
            "1ℎ",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whole_units_add_up(weeks in 0u32..1_000, hours in 0u32..1_000, seconds in 0u32..1_000) {
            let total = weeks * 604_800 + hours * 3_600 + seconds;
            prop_assert_eq!(parse(&format!("{weeks}w{hours}h{seconds}s")), Some(Seconds(total)));
        }

        #[test]
        fn no_text_upsets_the_reader(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
