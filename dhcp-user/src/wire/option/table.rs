//! Every option that has a name here, in the order of the numbers (IANA, "BOOTP Vendor Extensions
//! and DHCP Options").

use super::{Definition, Kind};

/// Every option that is known, ascending by number.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    set(1, "subnet-mask", Kind::Ip, "RFC 2132 §3.3"),
    set(2, "time-offset", Kind::I32, "RFC 2132 §3.4"),
    set(3, "routers", Kind::IpList, "RFC 2132 §3.5"),
    set(4, "time-servers", Kind::IpList, "RFC 2132 §3.6"),
    set(5, "name-servers", Kind::IpList, "RFC 2132 §3.7"),
    set(6, "domain-name-servers", Kind::IpList, "RFC 2132 §3.8"),
    set(7, "log-servers", Kind::IpList, "RFC 2132 §3.9"),
    set(8, "cookie-servers", Kind::IpList, "RFC 2132 §3.10"),
    set(9, "lpr-servers", Kind::IpList, "RFC 2132 §3.11"),
    set(10, "impress-servers", Kind::IpList, "RFC 2132 §3.12"),
    set(11, "resource-location-servers", Kind::IpList, "RFC 2132 §3.13"),
    set(12, "host-name", Kind::Text, "RFC 2132 §3.14"),
    set(13, "boot-size", Kind::U16, "RFC 2132 §3.15"),
    set(14, "merit-dump", Kind::Text, "RFC 2132 §3.16"),
    set(15, "domain-name", Kind::Text, "RFC 2132 §3.17"),
    set(16, "swap-server", Kind::Ip, "RFC 2132 §3.18"),
    set(17, "root-path", Kind::Text, "RFC 2132 §3.19"),
    set(18, "extensions-path", Kind::Text, "RFC 2132 §3.20"),
    set(19, "ip-forwarding", Kind::Flag, "RFC 2132 §4.1"),
    set(20, "non-local-source-routing", Kind::Flag, "RFC 2132 §4.2"),
    set(21, "policy-filter", Kind::IpPairList, "RFC 2132 §4.3"),
    set(22, "max-dgram-reassembly", Kind::U16, "RFC 2132 §4.4").at_least(576),
    set(23, "default-ip-ttl", Kind::U8, "RFC 2132 §4.5").at_least(1),
    set(24, "path-mtu-aging-timeout", Kind::U32, "RFC 2132 §4.6"),
    set(25, "path-mtu-plateau-table", Kind::U16List, "RFC 2132 §4.7").at_least(68),
    set(26, "interface-mtu", Kind::U16, "RFC 2132 §5.1").at_least(68),
    set(27, "all-subnets-local", Kind::Flag, "RFC 2132 §5.2"),
    set(28, "broadcast-address", Kind::Ip, "RFC 2132 §5.3"),
    set(29, "perform-mask-discovery", Kind::Flag, "RFC 2132 §5.4"),
    set(30, "mask-supplier", Kind::Flag, "RFC 2132 §5.5"),
    set(31, "router-discovery", Kind::Flag, "RFC 2132 §5.6"),
    set(32, "router-solicitation-address", Kind::Ip, "RFC 2132 §5.7"),
    set(33, "static-routes", Kind::IpPairList, "RFC 2132 §5.8"),
    set(34, "trailer-encapsulation", Kind::Flag, "RFC 2132 §6.1"),
    set(35, "arp-cache-timeout", Kind::U32, "RFC 2132 §6.2"),
    set(36, "ieee802-3-encapsulation", Kind::Flag, "RFC 2132 §6.3"),
    set(37, "default-tcp-ttl", Kind::U8, "RFC 2132 §7.1").at_least(1),
    set(38, "tcp-keepalive-interval", Kind::U32, "RFC 2132 §7.2"),
    set(39, "tcp-keepalive-garbage", Kind::Flag, "RFC 2132 §7.3"),
    set(40, "nis-domain", Kind::Text, "RFC 2132 §8.1"),
    set(41, "nis-servers", Kind::IpList, "RFC 2132 §8.2"),
    set(42, "ntp-servers", Kind::IpList, "RFC 2132 §8.3"),
    set(43, "vendor-specific", Kind::Bytes, "RFC 2132 §8.4"),
    set(44, "netbios-name-servers", Kind::IpList, "RFC 2132 §8.5"),
    set(45, "netbios-dd-servers", Kind::IpList, "RFC 2132 §8.6"),
    set(46, "netbios-node-type", Kind::U8, "RFC 2132 §8.7").at_least(1),
    set(47, "netbios-scope", Kind::Text, "RFC 2132 §8.8"),
    set(48, "font-servers", Kind::IpList, "RFC 2132 §8.9"),
    set(49, "x-display-managers", Kind::IpList, "RFC 2132 §8.10"),
    own(50, "requested-address", Kind::Ip, "RFC 2132 §9.1"),
    own(51, "lease-time", Kind::U32, "RFC 2132 §9.2"),
    own(52, "option-overload", Kind::U8, "RFC 2132 §9.3").at_least(1),
    own(53, "message-type", Kind::U8, "RFC 2132 §9.6").at_least(1),
    own(54, "server-identifier", Kind::Ip, "RFC 2132 §9.7"),
    own(55, "parameter-request-list", Kind::U8List, "RFC 2132 §9.8"),
    own(56, "message", Kind::Text, "RFC 2132 §9.9"),
    own(57, "max-message-size", Kind::U16, "RFC 2132 §9.10").at_least(576),
    own(58, "renewal-time", Kind::U32, "RFC 2132 §9.11"),
    own(59, "rebinding-time", Kind::U32, "RFC 2132 §9.12"),
    set(60, "vendor-class-identifier", Kind::Text, "RFC 2132 §9.13"),
    own(61, "client-identifier", Kind::Bytes, "RFC 2132 §9.14"),
    set(62, "netware-ip-domain", Kind::Text, "RFC 2242 §2"),
    set(63, "netware-ip-information", Kind::Bytes, "RFC 2242 §3"),
    set(64, "nisplus-domain", Kind::Text, "RFC 2132 §8.11"),
    set(65, "nisplus-servers", Kind::IpList, "RFC 2132 §8.12"),
    set(66, "tftp-server-name", Kind::Text, "RFC 2132 §9.4"),
    set(67, "bootfile-name", Kind::Text, "RFC 2132 §9.5"),
    set(68, "mobile-ip-home-agents", Kind::IpList, "RFC 2132 §8.13"),
    set(69, "smtp-servers", Kind::IpList, "RFC 2132 §8.14"),
    set(70, "pop-servers", Kind::IpList, "RFC 2132 §8.15"),
    set(71, "nntp-servers", Kind::IpList, "RFC 2132 §8.16"),
    set(72, "www-servers", Kind::IpList, "RFC 2132 §8.17"),
    set(73, "finger-servers", Kind::IpList, "RFC 2132 §8.18"),
    set(74, "irc-servers", Kind::IpList, "RFC 2132 §8.19"),
    set(75, "streettalk-servers", Kind::IpList, "RFC 2132 §8.20"),
    set(76, "streettalk-directory-assistance-servers", Kind::IpList, "RFC 2132 §8.21"),
    own(77, "user-class", Kind::Bytes, "RFC 3004 §4"),
    own(80, "rapid-commit", Kind::Empty, "RFC 4039 §4"),
    own(81, "client-fqdn", Kind::Bytes, "RFC 4702 §2"),
    own(82, "relay-agent-information", Kind::Bytes, "RFC 3046 §2"),
    own(93, "client-system-architecture", Kind::U16List, "RFC 4578 §2.1"),
    own(94, "client-network-interface", Kind::Bytes, "RFC 4578 §2.2"),
    own(97, "client-machine-identifier", Kind::Bytes, "RFC 4578 §2.3"),
    set(100, "posix-timezone", Kind::Text, "RFC 4833 §2"),
    set(101, "tzdb-timezone", Kind::Text, "RFC 4833 §2"),
    set(108, "ipv6-only-preferred", Kind::U32, "RFC 8925 §3.1"),
    set(114, "captive-portal", Kind::Text, "RFC 8910 §2.1"),
    set(116, "auto-configure", Kind::Flag, "RFC 2563 §2"),
    own(118, "subnet-selection", Kind::Ip, "RFC 3011 §2"),
    set(119, "domain-search", Kind::DomainList, "RFC 3397 §2"),
    set(120, "sip-servers", Kind::Bytes, "RFC 3361 §3"),
    set(121, "classless-routes", Kind::Routes, "RFC 3442"),
    set(124, "vendor-identifying-class", Kind::Bytes, "RFC 3925 §3"),
    set(125, "vendor-identifying-information", Kind::Bytes, "RFC 3925 §4"),
    set(138, "capwap-controllers", Kind::IpList, "RFC 5417 §2"),
    set(150, "tftp-servers", Kind::IpList, "RFC 5859 §3"),
];

/// One that an operator may set.
const fn set(code: u8, name: &'static str, kind: Kind, source: &'static str) -> Definition {
    Definition { code, name, kind, at_least: 0, configurable: true, source }
}

/// One of the protocol's own.
const fn own(code: u8, name: &'static str, kind: Kind, source: &'static str) -> Definition {
    Definition { configurable: false, ..set(code, name, kind, source) }
}

impl Definition {
    const fn at_least(self, least: u32) -> Self {
        Self { at_least: least, ..self }
    }
}
