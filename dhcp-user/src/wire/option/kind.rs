//! The types that options' data can have.

use std::fmt;

/// How the data of an option is built. All numbers are in network order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// One octet, 0 or 1.
    Flag,
    /// No data: the option is there or not.
    Empty,
    /// One octet.
    U8,
    /// Octets, at least one.
    U8List,
    /// Two octets.
    U16,
    /// Pairs of octets, at least one pair.
    U16List,
    /// Four octets.
    U32,
    /// Four octets in two's complement.
    I32,
    /// One IPv4 address.
    Ip,
    /// IPv4 addresses, at least one.
    IpList,
    /// Pairs of IPv4 addresses, at least one pair: destination and mask, or destination and router.
    IpPairList,
    /// ASCII or UTF-8 text, not terminated (RFC 2132 §2).
    Text,
    /// Octets that have no structure here.
    Bytes,
    /// One domain name in DNS encoding (RFC 1035 §3.1).
    DomainName,
    /// Domain names in DNS encoding, compressed (RFC 3397).
    DomainList,
    /// Classless routes: prefix length, the octets of the prefix that count, router (RFC 3442).
    Routes,
    /// One IPv6 address.
    Ip6,
    /// IPv6 addresses, at least one.
    Ip6List,
    /// Domain names in DNS encoding, never compressed (RFC 8415 §10).
    DomainNames,
    /// Texts, each behind its length of two octets, at least one (RFC 5970 §3.2).
    TextList,
    /// NTP servers: each an address, a multicast address or a name in a sub-option (RFC 5908 §4).
    NtpServers,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Flag,
        Self::Empty,
        Self::U8,
        Self::U8List,
        Self::U16,
        Self::U16List,
        Self::U32,
        Self::I32,
        Self::Ip,
        Self::IpList,
        Self::IpPairList,
        Self::Text,
        Self::Bytes,
        Self::DomainName,
        Self::DomainList,
        Self::Routes,
        Self::Ip6,
        Self::Ip6List,
        Self::DomainNames,
        Self::TextList,
        Self::NtpServers,
    ];

    /// Its name in the configuration, where options of one's own are defined.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Empty => "empty",
            Self::U8 => "u8",
            Self::U8List => "u8-list",
            Self::U16 => "u16",
            Self::U16List => "u16-list",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::Ip => "ip",
            Self::IpList => "ip-list",
            Self::IpPairList => "ip-pair-list",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::DomainName => "domain-name",
            Self::DomainList => "domain-list",
            Self::Routes => "routes",
            Self::Ip6 => "ip6",
            Self::Ip6List => "ip6-list",
            Self::DomainNames => "domain-names",
            Self::TextList => "text-list",
            Self::NtpServers => "ntp-servers",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What an operator has to write, with an example.
    #[must_use]
    pub fn expects(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Empty => "true, as the option has no data",
            Self::U8 => "a number from 0 to 255",
            Self::U8List => "a list of numbers from 0 to 255, such as [1, 6]",
            Self::U16 => "a number from 0 to 65535",
            Self::U16List => "a list of numbers from 0 to 65535, such as [576, 1500]",
            Self::U32 => "a number from 0 to 4294967295",
            Self::I32 => "a number from -2147483648 to 2147483647",
            Self::Ip => "an IPv4 address, such as \"192.0.2.1\"",
            Self::IpList => "a list of IPv4 addresses, such as [\"192.0.2.1\", \"192.0.2.2\"]",
            Self::IpPairList => {
                "a list of pairs of IPv4 addresses, such as [\"192.0.2.1 198.51.100.1\"]"
            }
            Self::Text => "text in quotes",
            Self::Bytes => "octets in hexadecimal, such as \"01:ff\" or \"0x01ff\"",
            Self::DomainName => "a domain name, such as \"example.net\"",
            Self::DomainList | Self::DomainNames => {
                "a list of domain names, such as [\"example.net\", \"lab.example.net\"]"
            }
            Self::Routes => "a list of routes, such as [\"198.51.100.0/24 via 192.0.2.1\"]",
            Self::Ip6 => "an IPv6 address, such as \"2001:db8::1\"",
            Self::Ip6List => "a list of IPv6 addresses, such as [\"2001:db8::1\", \"2001:db8::2\"]",
            Self::TextList => "a list of texts in quotes",
            Self::NtpServers => {
                "a list of IPv6 addresses and domain names, such as [\"2001:db8::1\", \
                 \"ntp.example.net\"]"
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
