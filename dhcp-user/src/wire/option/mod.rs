//! Options: numbers, names and types, to be read from a configuration and shown to people. What
//! stands here is DHCPv4's, and what both protocols share; [`v6`] has DHCPv6's.

pub mod code;
mod decode;
mod definition;
mod describe;
mod encode;
mod kind;
mod ntp;
mod table;
pub mod v6;
mod value;

pub use definition::{Code, Definition, by_code, by_name, describe};
pub use kind::Kind;
pub use value::Value;

use definition::{own, set};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_data_is_no_option() {
        assert_eq!(by_code(code::PAD), None);
        assert_eq!(by_code(code::END), None);
    }

    /// Every option from 1 to 76 is RFC 2132's, but the two that RFC 2242 has.
    #[test]
    fn the_options_of_rfc_2132_are_all_there() {
        for code in (1..=76_u8).filter(|code| ![62, 63].contains(code)) {
            let source = by_code(code).map(|definition| definition.source);
            assert!(source.is_some_and(|source| source.starts_with("RFC 2132 §")), "option {code}");
        }
    }

    #[test]
    fn a_number_below_what_its_option_allows_is_refused() {
        let mtu = by_name::<u8>("interface-mtu").unwrap();
        assert_eq!(mtu.encode(&Value::Int(1500)), Ok(vec![0x05, 0xdc]));
        assert_eq!(
            mtu.encode(&Value::Int(67)),
            Err("67 is less than 68, the least there is".into())
        );
        let plateaus = by_name::<u8>("path-mtu-plateau-table").unwrap();
        let table = Value::List(vec![Value::Int(576), Value::Int(60)]);
        assert_eq!(plateaus.encode(&table), Err("60 is less than 68, the least there is".into()));
    }
}
