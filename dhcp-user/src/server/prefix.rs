//! Longest-prefix match without a scan.

use std::net::Ipv4Addr;

use crate::config::model::{Address, Prefix};

/// Longest-prefix match: prefixes may nest, and the innermost one that holds an address wins.
///
/// Prefixes can only nest or be apart, so they cut the address space into runs that each have one
/// innermost prefix; those are kept sorted, and a lookup is one binary search.
#[derive(Debug)]
pub(super) struct PrefixMap<T, A: Address = Ipv4Addr> {
    /// First address of each run and whose it is, ascending; a run ends where the next begins.
    runs: Vec<(A::Bits, Option<T>)>,
}

impl<T: Copy, A: Address> PrefixMap<T, A> {
    /// Of two equal prefixes the first one counts.
    pub(super) fn new(mut entries: Vec<(Prefix<A>, T)>) -> Self {
        // An outer prefix stands before those inside it; the sort is stable.
        entries.sort_by_key(|(prefix, _)| *prefix);
        entries.dedup_by_key(|(prefix, _)| *prefix);
        let mut map = Self { runs: Vec::with_capacity(2 * entries.len()) };
        let mut open: Vec<(A, T)> = Vec::new();
        for (prefix, value) in entries {
            map.close(&mut open, Some(prefix.first()));
            open.push((prefix.last(), value));
            map.begin(prefix.first(), Some(value));
        }
        map.close(&mut open, None);
        map
    }

    /// What the innermost prefix around `address` stands for.
    pub(super) fn get(&self, address: A) -> Option<T> {
        let bits = address.bits();
        let after = self.runs.partition_point(|(first, _)| *first <= bits);
        self.runs.get(after.checked_sub(1)?).and_then(|(_, value)| *value)
    }

    /// Ends the prefixes that end before `first`, or at the end of all.
    fn close(&mut self, open: &mut Vec<(A, T)>, first: Option<A>) {
        let ends = |last: A| first.is_none_or(|first| last < first);
        while let Some((last, _)) = open.pop_if(|(last, _)| ends(*last)) {
            if let Some(next) = last.next() {
                self.begin(next, open.last().map(|(_, value)| *value));
            }
        }
    }

    fn begin(&mut self, first: A, value: Option<T>) {
        // Several prefixes may begin or end at one address: the last word is the innermost's.
        match self.runs.last_mut() {
            Some(last) if last.0 == first.bits() => last.1 = value,
            _ => self.runs.push((first.bits(), value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(bits: u32, len: u8) -> Prefix {
        let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
        Prefix { address: Ipv4Addr::from(bits & mask), len }
    }

    #[test]
    fn the_innermost_prefix_wins_and_the_outer_one_resumes_behind_it() {
        let map = PrefixMap::<_>::new(vec![
            (prefix(0x0a00_0000, 8), 'a'),
            (prefix(0x0a01_0000, 16), 'b'),
            (prefix(0xffff_ff00, 24), 'z'),
        ]);
        let of = |text: &str| map.get(text.parse().unwrap());
        assert_eq!(of("9.255.255.255"), None);
        assert_eq!(of("10.0.0.0"), Some('a'));
        assert_eq!(of("10.1.255.255"), Some('b'));
        assert_eq!(of("10.2.0.0"), Some('a'));
        assert_eq!(of("11.0.0.0"), None);
        assert_eq!(of("255.255.255.255"), Some('z'));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_scan_of_all_prefixes(
            // Few distinct bits, so that prefixes nest and touch.
            entries in proptest::collection::vec((0_u32..16, 0_u8..=32), 0..24),
            probes in proptest::collection::vec((0_u32..16, any::<u8>()), 32),
        ) {
            let entries: Vec<(Prefix, usize)> = entries
                .into_iter()
                .enumerate()
                .map(|(index, (bits, len))| (prefix(bits << 28 | bits << 3, len), index))
                .collect();
            let map = PrefixMap::<_>::new(entries.clone());
            for (bits, low) in probes {
                let address = bits << 28 | bits << 3 ^ u32::from(low & 15);
                let longest = entries
                    .iter()
                    .filter(|(p, _)| prefix(address, p.len) == *p)
                    // The first of equals.
                    .max_by_key(|(p, index)| (p.len, std::cmp::Reverse(*index)))
                    .map(|(_, index)| *index);
                prop_assert_eq!(map.get(Ipv4Addr::from(address)), longest);
            }
        }
    }
}
