//! Why a request gets no answer: one counter each.

use std::fmt;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a request gets no answer.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $variant,)*
        }

        impl DropReason {
            /// All of them, each at the place of its [`index`](Self::index).
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As metrics and status name it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// Not a BOOTP message: too short, options that run past its end, and the like.
    Malformed = "malformed",
    /// `op` is not BOOTREQUEST.
    NotARequest = "not-a-request",
    /// A hardware address longer than `chaddr`, or none and no client identifier either.
    BadHardware = "bad-hardware",
    /// Sent to an address that is none of ours.
    NotForUs = "not-for-us",
    /// The interface has no IPv4 address to answer from.
    NoServerAddress = "no-server-address",
    /// `giaddr`, or the link it selects, belongs to no configured network.
    UnknownRelay = "unknown-relay",
    /// The interface's direct clients belong to no configured network.
    UnknownNetwork = "unknown-network",
    /// A message type that only servers send, or that nobody defines.
    BadMessageType = "bad-message-type",
    /// A BOOTP request where none are served.
    BootpOff = "bootp-off",
    /// An option of a length it cannot have.
    BadOption = "bad-option",
    /// An option that its message must not have is there.
    ForbiddenOption = "forbidden-option",
    /// Sent to one address where it goes to all servers.
    ByUnicast = "by-unicast",
    /// A field that its message must not leave out is not there.
    Incomplete = "incomplete",
    /// The client took another server's offer, or speaks to another server.
    OtherServer = "other-server",
    /// INIT-REBOOT of a client that we have no record of (RFC 2131 §4.3.2).
    UnknownClient = "unknown-client",
    /// Wrong for the network, and we have no authority to say so.
    NotAuthoritative = "not-authoritative",
    /// No pool that this client may use has an address left.
    NoAddress = "no-address",
    /// The subscriber has as many leases as it may.
    LimitReached = "limit-reached",
    /// A client that has not asked for long enough: it is left to other servers.
    TooSoon = "too-soon",
    /// The relationship that the address belongs to is in a state in which this server must not
    /// answer, or extends leases alone (draft-12 §9).
    NotInService = "not-in-service",
    /// By load balancing the partner answers this client (RFC 3074).
    PartnersClient = "partners-client",
    /// The address is the partner's to give, or the partner may have given it without our knowing.
    PartnersAddress = "partners-address",
    /// RELEASE or DECLINE of an address that the client does not hold.
    NotHeld = "not-held",
    /// Other workers changed the same addresses faster than we could decide; the client asks again.
    Contended = "contended",
    /// The answer does not fit in what the client takes.
    ReplyTooLong = "reply-too-long",
}

impl DropReason {
    /// Its place in [`ALL`](Self::ALL): for an array of counters.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_index_under_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(names.insert(reason.name()), "{reason} twice");
        }
    }
}
