//! Words of dhcpd.conf, for whoever comes from there: what they are called here.

/// Statements of dhcpd.conf that are no keys here, and what to write.
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str)] = &[
    ("auto-partner-down", "write `safe-period`"),
    ("ddns-update-style", "no DNS updates are made: take it out"),
    ("ddns-updates", "no DNS updates are made: take it out"),
    ("default-lease-time", "write `lease-time`"),
    ("filename", "write `boot-file`"),
    ("fixed-address", "write `address` in a [[reservation4]]"),
    ("group", "there are no groups: write a [[class]], or repeat the keys"),
    ("failover-peer", "write a [[failover]], and its subnets in it"),
    ("hardware", "write `hw-address`"),
    ("hba", "write `hash-buckets`, without colons or with them"),
    ("host", "write a [[reservation4]]"),
    ("include", "only reservations may be in another file: write `reservation-file`"),
    ("known-clients", "reservations make no class: write a [[class]] and name it in `allow` of a pool"),
    ("lease-file-name", "write `state-dir` at the top"),
    ("local-address", "write `addresses` in [[interface]]"),
    ("local-port", "the port is 67: take it out"),
    ("log-facility", "the log goes to standard error: take it out"),
    ("load-balance-max-seconds", "write `load-balance-max-secs`"),
    ("max-response-delay", "write `receive-timer`"),
    ("max-unacked-updates", "write `max-unacked`"),
    ("netmask", "write the subnet as a prefix, such as \"10.0.0.0/8\""),
    ("peer-address", "write `peer`"),
    ("peer-port", "write the port in `peer`, behind a colon"),
    ("pid-file-name", "no such file is written: take it out"),
    ("ping-check", "write `probe`"),
    ("ping-timeout", "write `probe = { method = \"icmp\", wait-ms = … }`"),
    ("range", "write `pools = [\"FIRST-LAST\"]` in [[subnet4]]"),
    ("unknown-clients", "reservations make no class: write a [[class]] and name it in `allow` or `deny` of a pool"),
];

/// Statements of a `failover peer` alone, where they are common words: elsewhere they mean something else.
#[rustfmt::skip]
const FAILOVER: &[(&str, &str)] = &[
    ("address", "write `local` for this server's address, and `peer` for the partner's"),
    ("port", "write the port in `local`, behind a colon"),
    ("primary", "write role = \"primary\""),
    ("secondary", "write role = \"secondary\""),
];

/// Options that dhcpd calls otherwise.
const OPTIONS: &[(&str, &str)] = &[
    ("classless-static-routes", "classless-routes"),
    ("default-url", "captive-portal"),
    ("dhcp-client-identifier", "client-identifier"),
    ("dhcp-lease-time", "lease-time"),
    ("dhcp-server-identifier", "server-identifier"),
    ("pcode", "posix-timezone"),
    ("rfc3442-classless-static-routes", "classless-routes"),
    ("tcode", "tzdb-timezone"),
    ("tftp-server", "tftp-server-name"),
    ("v6-only-preferred", "ipv6-only-preferred"),
    ("vendor-encapsulated-options", "vendor-specific"),
];

/// Options of DHCPv6 that dhcpd calls otherwise, and those of DHCPv4 that have another name here.
const OPTIONS6: &[(&str, &str)] = &[
    ("domain-name-servers", "dns-servers"),
    ("dhcp6.bootfile-param", "bootfile-parameters"),
    ("dhcp6.bootfile-url", "bootfile-url"),
    ("dhcp6.domain-search", "domain-search"),
    ("dhcp6.info-refresh-time", "information-refresh-time"),
    ("dhcp6.name-servers", "dns-servers"),
    ("dhcp6.nis-servers", "nis-servers"),
    ("dhcp6.preference", "preference"),
    ("dhcp6.sip-servers-addresses", "sip-servers"),
    ("dhcp6.sip-servers-names", "sip-server-names"),
    ("dhcp6.sntp-servers", "sntp-servers"),
    ("dhcp6.vendor-opts", "vendor-options"),
];

/// What to write for a statement of dhcpd.conf that stands in this section.
pub(super) fn statement(section: &str, word: &str) -> Option<&'static str> {
    let of_failover = if section == "failover" { FAILOVER } else { &[] };
    find(of_failover, word).or_else(|| find(STATEMENTS, word))
}

/// The name of an option that dhcpd calls `word`.
pub(super) fn option(word: &str) -> Option<&'static str> {
    find(OPTIONS, word)
}

/// The same of DHCPv6.
pub(super) fn option6(word: &str) -> Option<&'static str> {
    find(OPTIONS6, word)
}

fn find(words: &[(&str, &'static str)], wanted: &str) -> Option<&'static str> {
    words.iter().find(|(word, _)| *word == wanted).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::option::{Code, by_name};

    fn check<C: Code>(words: &[(&str, &str)]) {
        for (word, here) in words {
            assert!(by_name::<C>(word).is_none(), "{word}");
            assert!(by_name::<C>(here).is_some(), "{here}");
        }
    }

    #[test]
    fn options_are_sent_on_to_names_that_there_are() {
        check::<u8>(OPTIONS);
        check::<u16>(OPTIONS6);
    }
}
