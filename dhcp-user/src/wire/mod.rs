//! Bytes to typed views and back. Knows nobody, allocates nothing to parse, and cannot panic on
//! anything the network sends.
//!
//! - [`frame`]: Ethernet, VLAN tags, IPv4 or IPv6 and UDP around a payload, both ways
//! - [`arp`], [`icmp`]: what asks the wire whether an address is in use
//! - [`dhcpv4`], [`dhcpv6`]: the message in place, and the writer of replies
//! - [`option`]: every option's name and type, for the configuration and for people
//! - [`failover`], [`failover6`]: what partners say to each other
//! - [`relay`], [`fqdn`], [`dns`]: options that have a format of their own

pub mod arp;
mod checksum;
pub mod dhcpv4;
pub mod dhcpv6;
mod digest;
pub mod dns;
mod error;
mod ethernet;
pub mod failover;
pub mod failover6;
pub mod fqdn;
pub mod frame;
mod hardware;
mod hex;
pub mod icmp;
mod internet;
mod ipv4;
mod ipv6;
mod mac;
pub mod option;
#[cfg(test)]
mod oracle;
mod prefix;
pub mod relay;
mod time;

pub use error::{Full, WireError};
pub use failover::{BindingStatus, IpFlags};
pub use hardware::HardwareAddress;
pub use mac::MacAddr;
pub use prefix::{Ipv6Prefix, ParsePrefixError};
pub use time::{Seconds, Stamp};
