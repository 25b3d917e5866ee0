//! The states of a failover endpoint.

use std::fmt;

/// server-state (draft-12 §9, §12.24); the numbers are the wire's and the disk's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum State {
    /// Never on the wire: an endpoint in it reports the state it will return to, and the STARTUP
    /// flag (draft-12 §9.3.1).
    Startup = 1,
    /// Both serve.
    Normal = 2,
    /// The partner is not heard, and may serve.
    CommunicationsInterrupted = 3,
    /// The partner does not serve.
    PartnerDown = 4,
    /// Both may have served without regard to the other.
    PotentialConflict = 5,
    /// Refreshing what was lost.
    Recover = 6,
    /// Out of service for a while, by an operator.
    Paused = 7,
    /// Out of service.
    Shutdown = 8,
    /// Refreshed, waiting for the partner to agree.
    RecoverDone = 9,
    /// The link was lost while a conflict was resolved.
    ResolutionInterrupted = 10,
    /// The primary has resolved the conflict, the secondary not yet.
    ConflictDone = 11,
    /// Refreshed, waiting until nothing granted before is in use any more. Departs from draft-12
    /// §12.24, which gives it no number: this is ISC dhcpd's.
    RecoverWait = 254,
}

impl State {
    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::Startup,
        Self::Normal,
        Self::CommunicationsInterrupted,
        Self::PartnerDown,
        Self::PotentialConflict,
        Self::Recover,
        Self::Paused,
        Self::Shutdown,
        Self::RecoverDone,
        Self::ResolutionInterrupted,
        Self::ConflictDone,
        Self::RecoverWait,
    ];

    /// The state with this number.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == octet)
    }

    /// As operators, logs and scripts know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Normal => "normal",
            Self::CommunicationsInterrupted => "communications-interrupted",
            Self::PartnerDown => "partner-down",
            Self::PotentialConflict => "potential-conflict",
            Self::Recover => "recover",
            Self::Paused => "paused",
            Self::Shutdown => "shutdown",
            Self::RecoverDone => "recover-done",
            Self::ResolutionInterrupted => "resolution-interrupted",
            Self::ConflictDone => "conflict-done",
            Self::RecoverWait => "recover-wait",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
