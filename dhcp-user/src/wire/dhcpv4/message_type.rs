//! DHCP message type, option 53.

use std::fmt;

/// What a DHCP message asks or answers (RFC 2132 §9.6).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum MessageType {
    /// Who is there to lease me an address?
    Discover = 1,
    /// I would lease you this.
    Offer = 2,
    /// I take that, or want more time, or ask whether this still holds.
    Request = 3,
    /// The address is in use by somebody else.
    Decline = 4,
    /// It is yours.
    Ack = 5,
    /// It is not.
    Nak = 6,
    /// I need it no longer.
    Release = 7,
    /// I have an address and want the options.
    Inform = 8,
}

impl MessageType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    /// `None` for a number that is no type of RFC 2131's.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// As RFC 2131 writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discover => "DHCPDISCOVER",
            Self::Offer => "DHCPOFFER",
            Self::Request => "DHCPREQUEST",
            Self::Decline => "DHCPDECLINE",
            Self::Ack => "DHCPACK",
            Self::Nak => "DHCPNAK",
            Self::Release => "DHCPRELEASE",
            Self::Inform => "DHCPINFORM",
        }
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
        for kind in MessageType::ALL {
            assert_eq!(MessageType::from_number(kind as u8), Some(kind));
        }
        assert_eq!(MessageType::from_number(0), None);
        assert_eq!(MessageType::from_number(9), None);
    }
}
