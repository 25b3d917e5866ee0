//! KEYS.md against the readers.

use std::collections::{BTreeMap, BTreeSet};

use super::{WHOLE, parse_with_rows};
use crate::config::reader::known;

const KEYS: &str = include_str!("../KEYS.md");

/// Sections in which the keys of *scope* may stand.
const WITH_SCOPE: [&str; 6] =
    ["document", "shared-network", "subnet4", "pool", "class", "reservation4"];

/// The first column of each section's table.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut sections: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut section = "";
    for line in KEYS.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        } else if let Some(row) = line.strip_prefix("| `") {
            let key = row.split('`').next().unwrap();
            assert!(sections.entry(section).or_default().insert(key), "{section}: {key} twice");
        }
    }
    sections
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_read() {
    known::take();
    parse_with_rows(WHOLE, "hw-address\n").unwrap();
    let known = known::take();
    let mut documented = documented();
    let scope = documented.remove("scope").unwrap();
    for section in WITH_SCOPE {
        documented.get_mut(section).unwrap().extend(&scope);
    }
    assert_eq!(known, documented);
}

#[test]
fn the_whole_sample_has_every_key() {
    for (section, keys) in documented() {
        for key in keys {
            // Keys with one default and no other sensible value in a sample, and what is refused.
            if matches!(key, "subnet6" | "relay-burst") {
                continue;
            }
            assert!(WHOLE.contains(key), "{section}: {key}");
        }
    }
}

#[test]
fn the_types_of_own_options_are_documented() {
    for kind in crate::wire::option::Kind::ALL {
        assert!(KEYS.contains(&format!("`{kind}`")), "{kind}");
    }
}
