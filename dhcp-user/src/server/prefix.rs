//! Longest-prefix match without a scan.

use std::net::Ipv4Addr;

use crate::config::model::Prefix;

/// Longest-prefix match: prefixes may nest, and the innermost one that holds an address wins.
///
/// Prefixes can only nest or be apart, so they cut the address space into runs that each have one
/// innermost prefix; those are kept sorted, and a lookup is one binary search.
#[derive(Debug)]
pub(super) struct PrefixMap<T> {
    /// First address of each run and whose it is, ascending; a run ends where the next begins.
    runs: Vec<(u32, Option<T>)>,
}

impl<T: Copy> PrefixMap<T> {
    /// Of two equal prefixes the first one counts.
    pub(super) fn new(mut entries: Vec<(Prefix, T)>) -> Self {
        // An outer prefix stands before those inside it; the sort is stable.
        entries.sort_by_key(|(prefix, _)| (u32::from(prefix.address), prefix.len));
        entries.dedup_by_key(|(prefix, _)| *prefix);
        let mut map = Self { runs: Vec::with_capacity(2 * entries.len()) };
        let mut open: Vec<(u64, T)> = Vec::new();
        for (prefix, value) in entries {
            let first = u64::from(u32::from(prefix.address));
            map.close(&mut open, first);
            open.push((first + (1_u64 << (32 - u32::from(prefix.len.min(32)))), value));
            map.begin(first, Some(value));
        }
        map.close(&mut open, 1 << 32);
        map
    }

    /// What the innermost prefix around `address` stands for.
    pub(super) fn get(&self, address: Ipv4Addr) -> Option<T> {
        let after = self.runs.partition_point(|(first, _)| *first <= u32::from(address));
        self.runs.get(after.checked_sub(1)?).and_then(|(_, value)| *value)
    }

    /// Ends the prefixes that end at `first` or before it.
    fn close(&mut self, open: &mut Vec<(u64, T)>, first: u64) {
        while let Some(&(end, _)) = open.last().filter(|(end, _)| *end <= first) {
            open.pop();
            self.begin(end, open.last().map(|(_, value)| *value));
        }
    }

    fn begin(&mut self, first: u64, value: Option<T>) {
        let Ok(first) = u32::try_from(first) else { return };
        // Several prefixes may begin or end at one address: the last word is the innermost's.
        match self.runs.last_mut() {
            Some(last) if last.0 == first => last.1 = value,
            _ => self.runs.push((first, value)),
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
        let map = PrefixMap::new(vec![
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
            let map = PrefixMap::new(entries.clone());
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
