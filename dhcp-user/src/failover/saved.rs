//! What an endpoint must remember over a restart (draft-12 §9.2; spec §4.1).

use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// What an endpoint must remember over a restart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Saved {
    /// Own state; never STARTUP.
    pub state: State,
    /// Since when.
    pub since: Stamp,
    /// The state before PAUSED or SHUTDOWN.
    pub previous: Option<State>,
    /// The partner's state as last told; `None`: it was never heard.
    pub partner: Option<State>,
    /// When it told so.
    pub partner_since: Stamp,
    /// Last time we were operational, a minute old at the most.
    pub operational: Stamp,
    /// Last time the link was up.
    pub contact: Stamp,
    /// MCLT in force.
    pub mclt: Seconds,
    /// An UPDREQALL of the partner's is not yet answered in full: until it is, an UPDREQ is answered
    /// as one (draft-12 §5.17).
    pub owes_all: bool,
}
