//! DHCPv6 message types.

use std::fmt;

/// What a message asks or answers (RFC 8415 §7.3, RFC 5007 §4.1.1, RFC 5460 §5.3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum MessageType {
    /// Which servers are there?
    Solicit = 1,
    /// I am, and would give you this.
    Advertise = 2,
    /// I take that.
    Request = 3,
    /// Do my addresses still fit the link?
    Confirm = 4,
    /// More time, of the server that gave it.
    Renew = 5,
    /// More time, of anybody.
    Rebind = 6,
    /// So be it.
    Reply = 7,
    /// I need them no longer.
    Release = 8,
    /// Somebody else has these addresses.
    Decline = 9,
    /// Ask me again.
    Reconfigure = 10,
    /// I want the options alone.
    InformationRequest = 11,
    /// A relay's, towards the server.
    RelayForward = 12,
    /// The server's, towards a relay.
    RelayReply = 13,
    /// What is known of this client, address, or link?
    Leasequery = 14,
    /// This is known.
    LeasequeryReply = 15,
    /// All has been told.
    LeasequeryDone = 16,
    /// This, too, is known.
    LeasequeryData = 17,
}

impl MessageType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::Solicit,
        Self::Advertise,
        Self::Request,
        Self::Confirm,
        Self::Renew,
        Self::Rebind,
        Self::Reply,
        Self::Release,
        Self::Decline,
        Self::Reconfigure,
        Self::InformationRequest,
        Self::RelayForward,
        Self::RelayReply,
        Self::Leasequery,
        Self::LeasequeryReply,
        Self::LeasequeryDone,
        Self::LeasequeryData,
    ];

    /// `None` for a number that is no type known here; those of failover are none that a client or
    /// relay may send.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// As RFC 8415 writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Solicit => "SOLICIT",
            Self::Advertise => "ADVERTISE",
            Self::Request => "REQUEST",
            Self::Confirm => "CONFIRM",
            Self::Renew => "RENEW",
            Self::Rebind => "REBIND",
            Self::Reply => "REPLY",
            Self::Release => "RELEASE",
            Self::Decline => "DECLINE",
            Self::Reconfigure => "RECONFIGURE",
            Self::InformationRequest => "INFORMATION-REQUEST",
            Self::RelayForward => "RELAY-FORW",
            Self::RelayReply => "RELAY-REPL",
            Self::Leasequery => "LEASEQUERY",
            Self::LeasequeryReply => "LEASEQUERY-REPLY",
            Self::LeasequeryDone => "LEASEQUERY-DONE",
            Self::LeasequeryData => "LEASEQUERY-DATA",
        }
    }

    /// Whether it is a relay's header around another message.
    #[must_use]
    pub fn is_relayed(self) -> bool {
        matches!(self, Self::RelayForward | Self::RelayReply)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_number_and_nothing_else_is() {
        for number in 0..=u8::MAX {
            let found = MessageType::from_number(number);
            assert_eq!(found.map(|kind| kind as u8), (1..=17).contains(&number).then_some(number));
        }
    }
}
