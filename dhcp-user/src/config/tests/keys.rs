//! KEYS.md against the readers.

use std::collections::{BTreeMap, BTreeSet};

use super::{WHOLE, parse_with_rows};
use crate::config::reader::known;

const KEYS: &str = include_str!("../KEYS.md");

/// Sections in which the keys of *scope* may stand, and of what is one protocol's.
const WITH_SCOPE: [(&str, &[&str]); 10] = [
    ("document", &["scope", "scope4", "scope6"]),
    ("shared-network", &["scope", "scope4", "scope6"]),
    ("class", &["scope", "scope4", "scope6"]),
    ("subnet4", &["scope", "scope4"]),
    ("pool", &["scope", "scope4"]),
    ("reservation4", &["scope", "scope4"]),
    ("subnet6", &["scope", "scope6"]),
    ("pool6", &["scope", "scope6"]),
    ("reservation6", &["scope", "scope6"]),
    ("prefix-pool", &["scope", "scope6"]),
];

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
    let scopes: BTreeMap<_, _> =
        ["scope", "scope4", "scope6"].map(|name| (name, documented.remove(name).unwrap())).into();
    for (section, names) in WITH_SCOPE {
        for name in names {
            documented.get_mut(section).unwrap().extend(&scopes[name]);
        }
    }
    assert_eq!(known, documented);
}

#[test]
fn the_whole_sample_has_every_key() {
    for (section, keys) in documented() {
        for key in keys {
            // A key with one default and no other sensible value in a sample.
            if key == "relay-burst" {
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
