//! What is known of each option, looked up by its name or its number.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::{Kind, Value};

/// What is known of one option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Definition<C> {
    /// Its number.
    pub code: C,
    /// Its name in the configuration.
    pub name: &'static str,
    /// How its data is built.
    pub kind: Kind,
    /// The least that each of its numbers may be.
    pub at_least: u32,
    /// Whether an operator may set it. The others are the protocol's own: the server works them
    /// out, or only clients and relays send them.
    pub configurable: bool,
    /// Where it is specified.
    pub source: &'static str,
}

/// The number of an option: one octet in DHCPv4, two in DHCPv6.
pub trait Code: Copy + Debug + Display + FromStr + Ord + 'static {
    /// Every option that is known, ascending by number.
    const DEFINITIONS: &'static [Definition<Self>];
    /// The first and the last number that an option may have.
    const ENDS: (Self, Self);

    /// The data as people read it, where that takes more than its kind.
    fn special(self, data: &[u8]) -> Option<String>;
}

/// The option of that name.
#[must_use]
pub fn by_name<C: Code>(name: &str) -> Option<&'static Definition<C>> {
    C::DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The option of that number.
#[must_use]
pub fn by_code<C: Code>(code: C) -> Option<&'static Definition<C>> {
    let place = C::DEFINITIONS.binary_search_by_key(&code, |definition| definition.code).ok()?;
    Some(&C::DEFINITIONS[place])
}

/// The data of any option as people read it; in hexadecimal where nothing better is known.
#[must_use]
pub fn describe<C: Code>(code: C, data: &[u8]) -> String {
    let kind = || by_code(code).map_or(Kind::Bytes, |option| option.kind);
    code.special(data).unwrap_or_else(|| kind().decode(data))
}

/// Names of options by their codes, numbers where there is none.
pub(super) fn names<C: Code>(codes: impl Iterator<Item = C>) -> String {
    let name =
        |code: C| by_code(code).map_or_else(|| code.to_string(), |known| known.name.to_owned());
    super::decode::join(codes.map(name))
}

/// One that an operator may set.
pub(super) const fn set<C: Copy>(
    code: C,
    name: &'static str,
    kind: Kind,
    source: &'static str,
) -> Definition<C> {
    Definition { code, name, kind, at_least: 0, configurable: true, source }
}

/// One of the protocol's own.
pub(super) const fn own<C: Copy>(
    code: C,
    name: &'static str,
    kind: Kind,
    source: &'static str,
) -> Definition<C> {
    Definition { configurable: false, ..set(code, name, kind, source) }
}

impl<C: Copy> Definition<C> {
    pub(super) const fn at_least(self, least: u32) -> Self {
        Self { at_least: least, ..self }
    }

    /// The option's data, in DHCPv4 not yet split to 255 octets.
    ///
    /// # Errors
    /// What is wrong with `value`, and what would be right, for whoever wrote it.
    pub fn encode(&self, value: &Value<'_>) -> Result<Vec<u8>, String> {
        self.kind.check_at_least(value, self.at_least)?;
        self.kind.encode(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn check<C: Code>() {
        for definition in C::DEFINITIONS {
            assert_eq!(by_name(definition.name), Some(definition));
            assert_eq!(by_code(definition.code), Some(definition));
            assert!((C::ENDS.0..=C::ENDS.1).contains(&definition.code));
        }
        let names: HashSet<_> = C::DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), C::DEFINITIONS.len(), "a name twice");
        assert!(C::DEFINITIONS.is_sorted_by(|earlier, later| earlier.code < later.code));
        assert_eq!(by_name::<C>("router"), None);
    }

    #[test]
    fn every_definition_is_found_by_its_own_name_and_number() {
        check::<u8>();
        check::<u16>();
    }
}
