//! Prefixes that are leased and that no pool delegates any more: an earlier configuration cut it otherwise.
//!
//! A pool must not delegate what one of them is a part of, or has as a part, while it is leased.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

use super::resource::ResourceId;
use crate::wire::Ipv6Prefix;

/// Leased prefixes of no pool. Found at the start, and hardly ever any: so they are locked.
#[derive(Debug, Default)]
pub(super) struct Strays {
    has_any: AtomicBool,
    /// By address and length.
    leased: RwLock<BTreeMap<(u128, u8), ResourceId>>,
}

impl Strays {
    pub(super) fn add(&self, prefix: Ipv6Prefix, id: ResourceId) {
        self.leased.write().unwrap_or_else(PoisonError::into_inner).insert(key(prefix), id);
        // Relaxed: whoever delegates anything was started after the last of them was found.
        self.has_any.store(true, Relaxed);
    }

    /// Those that are a part of the prefix, or that it is a part of, but for itself.
    pub(super) fn around(&self, prefix: Ipv6Prefix) -> Vec<ResourceId> {
        if !self.has_any.load(Relaxed) {
            return Vec::new();
        }
        let leased = self.leased.read().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (key(prefix), (prefix.last().to_bits(), Ipv6Prefix::MAX_LEN));
        let parts = leased.range(first..=last).filter(|(other, _)| **other != first);
        let wholes = (0..prefix.len()).filter_map(|len| {
            leased.get_key_value(&key(Ipv6Prefix::containing(prefix.address(), len)))
        });
        parts.chain(wholes).map(|(_, id)| *id).collect()
    }
}

fn key(prefix: Ipv6Prefix) -> (u128, u8) {
    (prefix.address().to_bits(), prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str, len: u8) -> Ipv6Prefix {
        Ipv6Prefix::new(text.parse().unwrap(), len).unwrap()
    }

    #[test]
    fn parts_and_wholes_are_found_and_neighbours_are_not() {
        let strays = Strays::default();
        assert!(strays.around(prefix("2001:db8::", 32)).is_empty());
        strays.add(prefix("2001:db8:0:100::", 56), ResourceId(1));
        strays.add(prefix("2001:db8:1::", 48), ResourceId(2));
        for (around, expected) in [
            (prefix("2001:db8::", 48), vec![1]),
            (prefix("2001:db8:0:100::", 56), vec![]),
            (prefix("2001:db8:0:100::", 60), vec![1]),
            (prefix("2001:db8:0:200::", 56), vec![]),
            (prefix("2001:db8:1:ff00::", 56), vec![2]),
            (prefix("2001:db8::", 32), vec![1, 2]),
            (prefix("2001:db8:2::", 48), vec![]),
        ] {
            let found: Vec<_> = strays.around(around).into_iter().map(|id| id.0).collect();
            assert_eq!(found, expected, "{around}");
        }
    }
}
