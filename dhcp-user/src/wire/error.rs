//! Why octets are not what they claim to be.

use std::error::Error;
use std::fmt;

/// Why octets are not what they claim to be. Whoever meets it drops the packet and counts it by
/// [`name`](Self::name).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WireError {
    /// Fewer octets than the format needs.
    Truncated {
        /// The specification's name for what was cut.
        field: &'static str,
        /// Octets that it takes.
        needed: usize,
        /// Octets that there were.
        had: usize,
    },
    /// A length outside what the format allows.
    Length {
        /// The specification's name for what has that length.
        field: &'static str,
        /// What was found, in octets.
        value: usize,
    },
    /// A value that the format does not know, or that is for somebody else.
    Value {
        /// The specification's name for the field.
        field: &'static str,
        /// What was found.
        value: u32,
    },
    /// A checksum that does not match: damaged on the way.
    Checksum {
        /// The protocol whose checksum it is.
        protocol: &'static str,
    },
    /// One part of a datagram: the kernel puts those together, and hands us the whole.
    Fragment,
    /// Something inside itself, or reached from itself: it would never end.
    Loop {
        /// The specification's name for what goes round.
        field: &'static str,
    },
}

impl WireError {
    /// One word for a counter.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Length { .. } => "length",
            Self::Value { .. } => "value",
            Self::Checksum { .. } => "checksum",
            Self::Fragment => "fragment",
            Self::Loop { .. } => "loop",
        }
    }

    /// `Truncated` unless `octets` has at least `needed` of them.
    pub(super) fn at_least(field: &'static str, needed: usize, octets: &[u8]) -> Result<(), Self> {
        let had = octets.len();
        if had < needed { Err(Self::Truncated { field, needed, had }) } else { Ok(()) }
    }
}

/// What was to be written does not fit any more. Nothing of it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { field, needed, had } => {
                write!(f, "{field} takes {needed} octets, and there are {had}")
            }
            Self::Length { field, value } => write!(f, "{field} cannot be {value} octets long"),
            Self::Value { field, value } => write!(f, "{field} cannot be {value}"),
            Self::Checksum { protocol } => write!(f, "{protocol} checksum does not match"),
            Self::Fragment => f.write_str("a fragment, not a whole datagram"),
            Self::Loop { field } => write!(f, "{field} leads back into itself"),
        }
    }
}

impl Error for WireError {}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the option does not fit into the message")
    }
}

impl Error for Full {}
