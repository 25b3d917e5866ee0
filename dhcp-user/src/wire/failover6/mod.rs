//! DHCPv6 failover messages (RFC 8156 §5) over TCP (RFC 5460 §5.1), with STARTTLS (RFC 7653 §8.2).
//!
//! ```text
//!  0              2          3                5 (6)       9
//!  | message-size | msg-type | transaction-id | sent-time | options ...
//! ```
//! The size leaves itself out. STARTTLS and the Reply to it have no sent-time: they are not failover's.
//!
//! [`Packet::len_of_first`] cuts a stream into messages, [`Packet::parse`] says what they say, and
//! [`Packet::encode`] says it. Which of the two failover protocols a partner speaks on their common
//! port, [`Protocol::of_first`] knows. What is the same in both is [`failover`](super::failover)'s:
//! states, binding-status, and why octets are no message.

mod binding;
mod container;
mod encode;
mod message;
mod number;
mod parse;
mod protocol;
#[cfg(test)]
mod vectors;

pub use binding::{
    Answer, Answered, Binding, ClientBinding, Ia, Lease, LeaseAnswer, ReconfigureData, Resource,
};
pub use message::{Connect, ConnectReply, Message, Packet, Refusal, StateReport, VERSION, Version};
pub use protocol::Protocol;
