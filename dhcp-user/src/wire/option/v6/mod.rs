//! DHCPv6 options (IANA, "DHCPv6 Option Codes").

pub mod code;
mod describe;
mod table;

pub use describe::describe;
pub use table::DEFINITIONS;

/// What is known of one DHCPv6 option.
pub type Definition = super::Definition<u16>;

/// The option of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The option of that number.
#[must_use]
pub fn by_code(code: u16) -> Option<&'static Definition> {
    let place = DEFINITIONS.binary_search_by_key(&code, |definition| definition.code).ok()?;
    Some(&DEFINITIONS[place])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Value;
    use super::*;

    #[test]
    fn every_definition_is_found_by_its_name_and_by_its_number() {
        for definition in DEFINITIONS {
            assert_eq!(by_name(definition.name), Some(definition));
            assert_eq!(by_code(definition.code), Some(definition));
        }
        assert_eq!(by_code(0), None);
        assert_eq!(by_name("domain-name-servers"), None);
    }

    #[test]
    fn names_are_unique_and_numbers_ascend() {
        let names: HashSet<_> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(DEFINITIONS.is_sorted_by(|earlier, later| earlier.code < later.code));
    }

    /// RFC 7083 §4 and §5, RFC 8415 §21.23.
    #[test]
    fn times_that_would_make_clients_flood_are_refused() {
        let refused = |name: &str, least: i64| {
            let definition = by_name(name).unwrap();
            definition.encode(&Value::Int(least)).unwrap();
            definition.encode(&Value::Int(least - 1)).unwrap_err()
        };
        assert_eq!(refused("sol-max-rt", 60), "59 is less than 60, the least there is");
        assert_eq!(refused("inf-max-rt", 60), "59 is less than 60, the least there is");
        assert_eq!(
            refused("information-refresh-time", 600),
            "599 is less than 600, the least there is"
        );
    }
}
