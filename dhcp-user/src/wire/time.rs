//! Time as DHCP and its failover protocol carry it: whole seconds.

use std::fmt;

/// 2000-01-01 00:00:00 UTC.
const YEAR_2000: u32 = 946_684_800;

/// A length of time in whole seconds, as lease times travel (RFC 2132 §9.2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Seconds(pub u32);

impl Seconds {
    /// A lease without an end (RFC 2131 §3.3).
    pub const INFINITE: Self = Self(u32::MAX);
}

/// A point in time: seconds since 1970-01-01 UTC, good until 2106 (draft-12 §6.1).
///
/// There is no `Add`: an end that lies past what 32 bits hold is "never", and only
/// [`Stamp::after`] knows that.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Stamp(pub u32);

impl Stamp {
    /// Not set, or before everything.
    pub const ZERO: Self = Self(0);
    /// The end of an infinite lease. (ISC dhcpd writes 0x7fffffff; that is the failover codec's affair.)
    pub const NEVER: Self = Self(u32::MAX);

    /// This point plus `interval`; an infinite interval, or a sum past the format, is [`Self::NEVER`].
    #[must_use]
    pub fn after(self, interval: Seconds) -> Self {
        if interval == Seconds::INFINITE {
            return Self::NEVER;
        }
        self.0.checked_add(interval.0).map_or(Self::NEVER, Self)
    }

    /// This point less `interval`; [`Self::ZERO`] if that is before the epoch.
    #[must_use]
    pub fn before(self, interval: Seconds) -> Self {
        Self(self.0.saturating_sub(interval.0))
    }

    /// Seconds since 2000-01-01 UTC, modulo 2^32, as DHCPv6 counts them (RFC 8415 §11.2, RFC 8156 §3).
    #[must_use]
    pub fn seconds_since_2000(self) -> u32 {
        self.0.wrapping_sub(YEAR_2000)
    }

    /// The point that is so many seconds after 2000-01-01 UTC, modulo 2^32.
    #[must_use]
    pub fn from_seconds_since_2000(seconds: u32) -> Self {
        Self(seconds.wrapping_add(YEAR_2000))
    }

    /// From `earlier` to this point; nothing if this point comes first.
    #[must_use]
    pub fn since(self, earlier: Self) -> Seconds {
        Seconds(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::INFINITE { f.write_str("infinite") } else { write!(f, "{}s", self.0) }
    }
}
