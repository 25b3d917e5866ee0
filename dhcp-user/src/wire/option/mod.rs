//! Options: numbers, names and types, to be read from a configuration and shown to people. What
//! stands here is DHCPv4's, and what both protocols share; [`v6`] has DHCPv6's.

pub mod code;
mod decode;
mod encode;
mod kind;
mod ntp;
mod table;
pub mod v6;
mod value;

pub use decode::describe;
pub use kind::Kind;
pub use table::DEFINITIONS;
pub use value::Value;

/// What is known of one option. A code has one octet in DHCPv4 and two in DHCPv6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Definition<Code = u8> {
    /// Its number.
    pub code: Code,
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

/// The option of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The option of that number; `None` for pad and end, too, which have no data.
#[must_use]
pub fn by_code(code: u8) -> Option<&'static Definition> {
    let place = DEFINITIONS.binary_search_by_key(&code, |definition| definition.code).ok()?;
    Some(&DEFINITIONS[place])
}

/// One that an operator may set.
const fn set<Code: Copy>(
    code: Code,
    name: &'static str,
    kind: Kind,
    source: &'static str,
) -> Definition<Code> {
    Definition { code, name, kind, at_least: 0, configurable: true, source }
}

/// One of the protocol's own.
const fn own<Code: Copy>(
    code: Code,
    name: &'static str,
    kind: Kind,
    source: &'static str,
) -> Definition<Code> {
    Definition { configurable: false, ..set(code, name, kind, source) }
}

impl<Code: Copy> Definition<Code> {
    const fn at_least(self, least: u32) -> Self {
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

    #[test]
    fn every_definition_is_found_by_its_name_and_by_its_number() {
        for definition in DEFINITIONS {
            assert_eq!(by_name(definition.name), Some(definition));
            assert_eq!(by_code(definition.code), Some(definition));
        }
        assert_eq!(by_code(code::PAD), None);
        assert_eq!(by_code(code::END), None);
        assert_eq!(by_name("router"), None);
    }

    #[test]
    fn names_are_unique_and_numbers_ascend() {
        let names: HashSet<_> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(DEFINITIONS.is_sorted_by(|earlier, later| earlier.code < later.code));
    }

    /// Every option from 1 to 76 is RFC 2132's, but the two that RFC 2242 has.
    #[test]
    fn the_options_of_rfc_2132_are_all_there() {
        for code in (1..=76).filter(|code| ![62, 63].contains(code)) {
            let source = by_code(code).map(|definition| definition.source);
            assert!(source.is_some_and(|source| source.starts_with("RFC 2132 §")), "option {code}");
        }
    }

    #[test]
    fn a_number_below_what_its_option_allows_is_refused() {
        let mtu = by_name("interface-mtu").unwrap();
        assert_eq!(mtu.encode(&Value::Int(1500)), Ok(vec![0x05, 0xdc]));
        assert_eq!(
            mtu.encode(&Value::Int(67)),
            Err("67 is less than 68, the least there is".into())
        );
        let plateaus = by_name("path-mtu-plateau-table").unwrap();
        let table = Value::List(vec![Value::Int(576), Value::Int(60)]);
        assert_eq!(plateaus.encode(&table), Err("60 is less than 68, the least there is".into()));
    }
}
