//! How many addresses or prefixes there are, as people want to read it.

/// From here on what counts is how many digits there are.
const COUNTED: u64 = 1 << 40;

/// A number, or how often 2 is taken of one that nobody counts.
pub(super) fn amount(number: u64) -> String {
    if number < COUNTED {
        return number.to_string();
    }
    let power = format!("{:.1}", (number as f64).log2());
    format!("2^{}", power.strip_suffix(".0").unwrap_or(&power))
}

/// What is to be had of a pool from the primary of a pair, and from the secondary. Where each has half for
/// ever (RFC 8156 §4.2.1) nobody counts the halves.
pub(super) fn available(free: u64, backup: u64, split: bool) -> [String; 2] {
    if split {
        [format!("{} of both", amount(free)), "by last bit".to_owned()]
    } else {
        [amount(free), amount(backup)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counts_is_a_power_of_two() {
        assert_eq!(amount(0), "0");
        assert_eq!(amount((1 << 40) - 1), "1099511627775");
        assert_eq!(amount((1 << 48) - 7), "2^48");
        assert_eq!(amount(3 << 40), "2^41.6");
        assert_eq!(amount(u64::MAX - 12), "2^64");
    }

    #[test]
    fn halves_are_not_counted() {
        assert_eq!(available(3, 4, false), ["3", "4"]);
        assert_eq!(available(u64::MAX, 0, true), ["2^64 of both", "by last bit"]);
    }
}
