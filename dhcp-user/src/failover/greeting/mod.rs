//! What is said on a connection before it is the link.

mod v4;
#[cfg(test)]
mod v4_tests;
mod v6;
#[cfg(test)]
mod v6_tests;

pub use v4::Greeting;
pub use v6::Greeting6;

use super::settings::Dialect;
use crate::wire::failover::{Message, Rejection};
use crate::wire::{Seconds, Stamp};

/// What the operator wants of TLS.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tls {
    /// None.
    #[default]
    Off,
    /// If the partner takes it.
    Desired,
    /// That or no link.
    Required,
}

/// What a connection agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Greeted {
    /// What the partner takes.
    pub dialect: Dialect,
    /// Its vendor-class-identifier, for people.
    pub vendor: String,
    /// BNDUPDs that may wait for the partner's answer. At least one.
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
    /// The partner's clock in its greeting: with a secret, the next CONNECT must be later.
    pub partner_time: Stamp,
}

/// What is to be done about a greeting.
#[derive(Clone, Debug, PartialEq)]
pub enum Said<M = Message> {
    /// Send these, if any, and go on listening.
    Send(Vec<(u32, M)>),
    /// Send these; then both go over to TLS, and [`Greeting::secured`] goes on.
    StartTls(Vec<(u32, M)>),
    /// Send these; the connection is the link.
    Done(Vec<(u32, M)>, Greeted),
    /// Send these, and close; the reason is for the log.
    Refuse(Vec<(u32, M)>, Rejection),
}
