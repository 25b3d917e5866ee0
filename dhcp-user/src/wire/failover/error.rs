//! Why octets are no message, and why a message cannot be octets.

use std::error::Error;
use std::fmt;

/// Why octets from a partner are not a message. The connection is closed, but for
/// [`Ignored`](Self::Ignored): nothing behind what was misunderstood can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// A message of a type from 128 up, which we do not know: it is left out, and the connection goes
    /// on (draft-12 §6.1).
    Ignored {
        /// Its type.
        kind: u8,
    },
    /// A message of a type below 128, which we do not know (draft-12 §6.1).
    UnknownType {
        /// Its type.
        kind: u8,
    },
    /// A message length that no message has (in DHCPv4 one outside 12..=2048), or another than the
    /// octets have.
    MessageLength {
        /// What it says, in octets.
        value: usize,
    },
    /// A payload offset behind the message's end.
    PayloadOffset {
        /// What it says, in octets.
        value: u8,
    },
    /// An option that runs past the message's end.
    Overrun {
        /// Its code.
        code: u16,
    },
    /// An option of a length that it cannot have.
    OptionLength {
        /// The specification's name.
        option: &'static str,
        /// What was found, in octets.
        value: usize,
    },
    /// An option of a value that it cannot have.
    Value {
        /// The specification's name.
        option: &'static str,
        /// What was found.
        value: u8,
    },
    /// A known option for the second time in a message, or in what is said about one address.
    Duplicate {
        /// The specification's name.
        option: &'static str,
    },
    /// An option without which the message says nothing.
    Missing {
        /// The specification's name.
        option: &'static str,
    },
    /// An option ahead of the first of several addresses, so that it is no address's.
    Ungrouped {
        /// The specification's name.
        option: &'static str,
    },
}

/// Why a message of ours cannot be sent: to this partner, or at all. Nothing is written of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unencodable {
    /// It would have more octets than a message may (in DHCPv4 2048): too large a batch, or a client
    /// whose identifier alone leaves no room.
    TooLong {
        /// How many it would have, or as many as are too many.
        len: usize,
    },
    /// An option that this message must have, or must have with another value.
    Missing {
        /// The specification's name.
        option: &'static str,
    },
    /// More than one address to a partner that closes the link over it.
    Batch {
        /// How many addresses.
        addresses: usize,
    },
    /// STARTUP as a state: the flag says it (draft-12 §9.3.1).
    Startup,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { kind } | Self::UnknownType { kind } => {
                write!(f, "message type {kind} is not known")
            }
            Self::MessageLength { value } => write!(f, "a message cannot be {value} octets long"),
            Self::PayloadOffset { value } => {
                write!(f, "payload offset {value} is behind the end of the message")
            }
            Self::Overrun { code } => write!(f, "option {code} runs past the end of the message"),
            Self::OptionLength { option, value } => {
                write!(f, "{option} cannot be {value} octets long")
            }
            Self::Value { option, value } => write!(f, "{option} cannot be {value}"),
            Self::Duplicate { option } => write!(f, "{option} comes twice"),
            Self::Missing { option } => write!(f, "{option} is missing"),
            Self::Ungrouped { option } => write!(f, "{option} comes ahead of the first address"),
        }
    }
}

impl Error for Malformed {}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "a message of {len} octets is too long to send"),
            Self::Missing { option } => write!(f, "a message without a good {option}"),
            Self::Batch { addresses } => {
                write!(f, "{addresses} addresses in one message to a partner that takes one")
            }
            Self::Startup => f.write_str("STARTUP is not a state to be reported"),
        }
    }
}

impl Error for Unencodable {}
