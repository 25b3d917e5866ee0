//! What an operator sees of a relationship.

use super::settings::Role;
use crate::lease::{PoolCounts, PoolId, Resource};
use crate::wire::failover::{Reject, State};
use crate::wire::{Seconds, Stamp};

/// One relationship as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// relationship-name.
    pub name: String,
    /// Which of the two we are.
    pub role: Role,
    /// Own state; STARTUP as such.
    pub state: State,
    /// Since when.
    pub since: Stamp,
    /// The partner's state as last told.
    pub partner: Option<State>,
    /// Since when.
    pub partner_since: Stamp,
    /// Whether the link is up: greeted, and a STATE has come.
    pub is_linked: bool,
    /// The partner's vendor-class-identifier.
    pub partner_vendor: Option<String>,
    /// Last message from the partner.
    pub last_contact: Option<Stamp>,
    /// The MCLT in force: the primary's.
    pub mclt: Seconds,
    /// By how many seconds the partner's clock is ahead, smoothed.
    pub ahead: i64,
    /// Addresses whose binding the partner must still be told.
    pub queued: u64,
    /// Addresses told and not yet answered.
    pub unacknowledged: u64,
    /// Updates answered since start, and of them refused.
    pub acknowledged: u64,
    /// Of ours, refused by the partner.
    pub refused: u64,
    /// The partner's that we took.
    pub taken: u64,
    /// The partner's that we refused.
    pub rejected: u64,
    /// The last time that one of the two would not have what the other said; what the link refused is
    /// filled in by the driver.
    pub refusal: Option<Refusal>,
    /// What became of connections; filled in by the driver.
    pub connections: Connections,
    /// The last conflict.
    pub conflict: Option<Conflict>,
    /// Each pool.
    pub pools: Vec<PoolStatus>,
    /// When waiting ends, in RECOVER-WAIT and PARTNER-DOWN and with a safe period.
    pub waits_until: Option<Stamp>,
}

/// One of the two servers would not have what the other said: a greeting, a message, an update.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// When.
    pub at: Stamp,
    /// Who refused.
    pub by: Side,
    /// reject-reason, where one was said.
    pub reason: Option<Reject>,
    /// In words.
    pub what: String,
}

/// One of the two servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// This one.
    Us,
    /// The other one.
    Partner,
}

/// What became of connections and messages, since the process began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Connections {
    /// From addresses that are no partner's, to this relationship's local address.
    pub strangers: u64,
    /// Became the link.
    pub links: u64,
    /// Closed because another was the link already.
    pub duplicates: u64,
    /// Greetings that ended in a refusal, the partner's or ours.
    pub refused: u64,
    /// Closed because what came was no message.
    pub malformed: u64,
    /// Messages received, greetings not among them.
    pub received: u64,
    /// Messages sent, greetings not among them.
    pub sent: u64,
}

/// Two ideas of one address or prefix.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Conflict {
    /// When.
    pub at: Stamp,
    /// Of which.
    pub resource: Resource,
    /// In words.
    pub what: String,
}

/// One pool of a relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolStatus {
    /// Which.
    pub pool: PoolId,
    /// How full.
    pub counts: PoolCounts,
}
