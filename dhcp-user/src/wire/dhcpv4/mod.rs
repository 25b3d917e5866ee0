//! DHCPv4 messages (RFC 2131 §2) and BOOTP ones (RFC 951), in place and written.
//!
//! ```text
//!  0    1       2      3      4     8      10      12       16       20       24
//!  | op | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr
//!  28       44      108    236      240
//!  | chaddr | sname | file | cookie | options ...
//! ```

mod field;
mod glimpse;
mod message;
mod message_type;
#[cfg(test)]
mod oracle;
mod scratch;
mod writer;

pub use glimpse::Glimpse;
pub use message::{Message, Options};
pub use message_type::MessageType;
pub use scratch::Scratch;
pub use writer::Writer;

/// `op` of what a client or relay sends.
pub const BOOT_REQUEST: u8 = 1;
/// `op` of what a server sends.
pub const BOOT_REPLY: u8 = 2;
/// UDP port of servers and relays.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;
/// The bit of `flags` by which a client asks for its reply to be broadcast (RFC 2131 §2, figure 2).
pub const BROADCAST_FLAG: u16 = 0x8000;
/// The shortest message that BOOTP knows, and that we send (RFC 951 §3).
pub const MIN_LEN: usize = 300;
/// The longest datagram that every client takes, headers included, and so the least that option 57
/// may say (RFC 2132 §9.10).
pub const MIN_MAX_MESSAGE_SIZE: u16 = 576;
