//! DHCPv6 messages (RFC 8415 §8, §9, as RFC 9915 revised it), in place and written.
//!
//! ```text
//!  0            1                4                 0               1           2              18             34
//!  | msg-type   | transaction-id | options ...     | msg-type 12/13 | hop-count | link-address | peer-address | options ...
//!
//!  an option:   | code (2) | length (2) | data ... |, and many hold options in turn
//! ```
//! [`Datagram::parse`] takes the relays' messages off a client's and checks every length that what
//! follows relies on; [`Writer::reply`] puts them around the reply again.

mod authentication;
mod class;
mod datagram;
mod duid;
mod exclude;
mod glimpse;
mod ia;
mod message;
mod message_type;
mod option_writer;
mod options;
#[cfg(test)]
mod oracle;
mod relay;
mod status;
mod writer;

use std::net::Ipv6Addr;

pub use authentication::{Authentication, RECONFIGURE_KEY_LEN, ReconfigureKey};
pub use class::{Enterprise, UserClass, VendorClass, VendorOptions};
pub use datagram::{Datagram, Relays, Via};
pub use duid::{Duid, ParseDuidError};
pub use exclude::PrefixExclude;
pub use glimpse::Glimpse;
pub use ia::{AddressHead, Head, Ia, IaAddress, IaKind, IaPrefix, Iaid, Leased, PrefixHead};
pub use message::Message;
pub use message_type::MessageType;
pub use option_writer::OptionWriter;
pub use options::{Counted, Options};
pub use relay::Relay;
pub use status::{Status, StatusCode};
pub use writer::Writer;

/// UDP port of servers and relays (RFC 8415 §7.2).
pub const SERVER_PORT: u16 = 547;
/// UDP port of clients (RFC 8415 §7.2).
pub const CLIENT_PORT: u16 = 546;
/// All_DHCP_Relay_Agents_and_Servers, on the link (RFC 8415 §7.1).
pub const ALL_RELAYS_AND_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// All_DHCP_Servers, in the site (RFC 8415 §7.1).
pub const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);
/// HOP_COUNT_LIMIT: the highest hop-count of a relay (RFC 8415 §7.6).
pub const HOP_COUNT_LIMIT: u8 = 8;
/// The highest hop-count of relays as RFC 3315 §5.5 had them, and the highest that is ever taken.
pub const OLD_HOP_COUNT_LIMIT: u8 = 32;
