//! DHCPv4 failover messages (draft-12 §6, §7, §12) as ISC dhcpd 4.4 speaks them.
//!
//! [`Packet::len_of_first`] cuts a stream into messages, [`verify`] tells whose they are,
//! [`Packet::parse`] what they say, and [`Packet::encode`] says it to a partner of a [`Dialect`].
//!
//! Owned values: a message waits for the disk before it leaves, and for its turn when it came.

mod binding;
mod dialect;
mod digest;
mod encode;
mod error;
mod message;
mod option;
mod parse;
mod reject;
#[cfg(test)]
pub(crate) mod round_trip_tests;
mod state;
mod update;

pub use binding::{BindingStatus, IpFlags};
pub use dialect::Dialect;
pub use digest::verify;
pub use error::{Malformed, Unencodable};
pub use message::{
    Acknowledgement, Connect, ConnectAck, Ddns, Message, Packet, StateReport, TlsReply, TlsRequest,
    Update,
};
pub(super) use option::{printable, readable};
pub use reject::{Reject, Rejection};
pub use state::State;
