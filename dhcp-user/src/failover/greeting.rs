//! CONNECT and CONNECTACK: what is said on a connection before it is the link (draft-12 §7.8, §7.9).

use super::settings::Dialect;
use crate::wire::Seconds;
use crate::wire::failover::{Message, Rejection};

/// One side of the greeting on one connection, whoever opened it.
#[derive(Debug)]
pub struct Greeting {}

/// What a connection agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Greeted {
    /// What the partner takes.
    pub dialect: Dialect,
    /// Its vendor-class-identifier, for people.
    pub vendor: String,
    /// BNDUPDs that may wait for the partner's answer.
    pub max_unacked: u32,
    /// After so long without a message from us the partner gives up.
    pub partner_receive_timer: Seconds,
    /// The MCLT in force: the primary's.
    pub mclt: Seconds,
    /// Bit h set: the primary serves clients with hash h.
    pub buckets: [u64; 4],
    /// By how many seconds the partner's clock is ahead.
    pub ahead: i64,
    /// The last xid that was used on the connection by us.
    pub last_xid: u32,
}

/// What is to be done about a greeting.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Send these, if any, and go on listening.
    Send(Vec<(u32, Message)>),
    /// Both go over to TLS now; the primary then greets anew.
    StartTls(Vec<(u32, Message)>),
    /// Send these; the connection is the link.
    Done(Vec<(u32, Message)>, Greeted),
    /// Send these, and close; the reason is for the log.
    Refuse(Vec<(u32, Message)>, Rejection),
}
