//! What an operator sees of a relationship.

use std::net::Ipv4Addr;

use super::settings::Role;
use crate::lease::{PoolCounts, PoolId};
use crate::wire::Stamp;
use crate::wire::failover::State;

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
    /// The last conflict.
    pub conflict: Option<Conflict>,
    /// Each pool.
    pub pools: Vec<PoolStatus>,
    /// When waiting ends, in RECOVER-WAIT and PARTNER-DOWN and with a safe period.
    pub waits_until: Option<Stamp>,
}

/// Two ideas of one address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// When.
    pub at: Stamp,
    /// Where.
    pub address: Ipv4Addr,
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
