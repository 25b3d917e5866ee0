//! DHCPv6 options (IANA, "DHCPv6 Option Codes").

pub mod code;
mod describe;
mod table;

#[cfg(test)]
mod tests {
    use super::super::{Value, by_name};

    /// RFC 7083 §4 and §5, RFC 8415 §21.23.
    #[test]
    fn times_that_would_make_clients_flood_are_refused() {
        let refused = |name: &str, least: i64| {
            let definition = by_name::<u16>(name).unwrap();
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
