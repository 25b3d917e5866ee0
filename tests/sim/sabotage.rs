//! Deliberate faults: each breaks one promise at a seam of the core, and some seed must notice.
//!
//! The product has no switches for them. What the driver must do is broken in the driver's model;
//! what the core must do is broken where its inputs and outputs pass.

use dhcp_user::config::model::Protocol;

/// What is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sabotage {
    /// A client hears of its lease before it is durable.
    AckBeforeFlush,
    /// The partner hears that its update was taken before that is durable.
    BindingAckBeforeFlush,
    /// A state is told before it is durable.
    StateBeforeFlush,
    /// Workers may lease for one second longer than the MCLT allows.
    McltOffByOne,
    /// Workers forget that there is an MCLT.
    NoMclt,
    /// The primary gives BACKUP addresses, which are the secondary's.
    PrimaryGivesBackup,
    /// The secondary gives FREE addresses, which are the primary's.
    SecondaryGivesFree,
    /// In PARTNER-DOWN the partner's addresses are given without a wait.
    TakenOverAtOnce,
    /// A lease that ran out is freed though the partner has not agreed.
    FreedWithoutAck,
    /// The potential expiration counts as acknowledged when it is sent.
    AcknowledgedWhenSent,
    /// A restart forgets in what state the endpoint was.
    StateForgotten,
    /// RECOVER-WAIT is over at once.
    NoRecoverWait,
    /// All that was asked for is said to be sent before it is.
    UpdateDoneEarly,
    /// What was in flight when the link broke is not sent again.
    InFlightForgotten,
    /// What the partner was told of a lease is not on the disk.
    SentPotentialNotStored,
    /// Leases are not told to the partner.
    Untold,
    /// Clients are answered in every state.
    NeverSilent,
    /// Of two clients with one address the primary takes the partner's word for it (rule 5).
    RuleFiveSwapped,
    /// What the partner announced is stored later than it announced it.
    ReceivedPotentialInflated,
    /// What clients and relays say beside their addresses does not come across.
    SaidLost,
    /// What the partner leases is not counted for limits.
    PartnersUncounted,
    /// A subscriber may have one lease more than its limit.
    LimitOffByOne,
    /// Workers go by a view that has run out.
    OldView,
    /// An endpoint that stood still does not notice.
    SleepUnnoticed,
    /// A partner's clock that is seconds off is not noticed (RFC 8156 §7.5.1).
    SkewUnnoticed,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::AckBeforeFlush,
        Self::BindingAckBeforeFlush,
        Self::StateBeforeFlush,
        Self::McltOffByOne,
        Self::NoMclt,
        Self::PrimaryGivesBackup,
        Self::SecondaryGivesFree,
        Self::TakenOverAtOnce,
        Self::FreedWithoutAck,
        Self::AcknowledgedWhenSent,
        Self::StateForgotten,
        Self::NoRecoverWait,
        Self::UpdateDoneEarly,
        Self::InFlightForgotten,
        Self::SentPotentialNotStored,
        Self::Untold,
        Self::NeverSilent,
        Self::RuleFiveSwapped,
        Self::ReceivedPotentialInflated,
        Self::SaidLost,
        Self::PartnersUncounted,
        Self::LimitOffByOne,
        Self::OldView,
        Self::SleepUnnoticed,
        Self::SkewUnnoticed,
    ];

    /// The promise that it breaks: what is to notice it.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::AckBeforeFlush => "durable before the ACK",
            Self::BindingAckBeforeFlush => "durable before the BNDACK",
            Self::StateBeforeFlush => "durable before the STATE",
            Self::SentPotentialNotStored => "durable before the BNDUPD",
            Self::McltOffByOne
            | Self::NoMclt
            | Self::AcknowledgedWhenSent
            | Self::ReceivedPotentialInflated => "at most MCLT ahead of the partner",
            Self::PrimaryGivesBackup
            | Self::SecondaryGivesFree
            | Self::TakenOverAtOnce
            | Self::FreedWithoutAck => "one address, one client",
            Self::StateForgotten => "a restart changes no state",
            Self::NoRecoverWait => "RECOVER-WAIT lasts the MCLT",
            Self::UpdateDoneEarly => "all is sent before UPDDONE",
            Self::NeverSilent => "silent in this state",
            Self::OldView | Self::SleepUnnoticed => "listen before serving after a sleep",
            Self::SkewUnnoticed => "no link between clocks that are apart",
            Self::RuleFiveSwapped => "of two clients the primary's has the address",
            Self::InFlightForgotten | Self::Untold | Self::SaidLost => "both agree once quiet",
            Self::PartnersUncounted => "limits count what is leased",
            Self::LimitOffByOne => "as many leases as the limit",
        }
    }

    /// Whether a pair of this protocol can show it: draft-12 corrects times where RFC 8156 forbids the link.
    #[must_use]
    pub fn shows_in(self, protocol: Protocol) -> bool {
        protocol == Protocol::Dhcpv6 || self != Self::SkewUnnoticed
    }

    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| format!("{fault:?}").eq_ignore_ascii_case(name))
    }
}
