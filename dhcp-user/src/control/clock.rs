//! The wall clock, and its writing: the pure floors are handed time from here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::wire::Stamp;

/// Now. A clock set before 1970 reads as [`Stamp::ZERO`], one past 2106 as the last second.
#[must_use]
pub fn now() -> Stamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(u32::try_from(since_epoch.as_secs()).unwrap_or(u32::MAX - 1))
}

/// `2026-11-20T21:30:00Z`. The end of an infinite lease is written as the last second that a stamp
/// can hold, so that whoever parses or compares needs no second case.
#[must_use]
pub fn rfc3339(stamp: Stamp) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(u64::from(stamp.0));
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_written_as_utc_to_the_second() {
        assert_eq!(rfc3339(Stamp::ZERO), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Stamp(1_000_000_000)), "2001-09-09T01:46:40Z");
        assert_eq!(rfc3339(Stamp::NEVER), "2106-02-07T06:28:15Z");
    }
}
