//! A lease as a server lists it, whichever server it is.

use std::net::Ipv4Addr;

use serde_json::Value;

/// One address in a server's own list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Which address.
    pub address: Ipv4Addr,
    /// binding-status in small letters.
    pub state: String,
    /// The client's hardware address with colons; empty if it has none.
    pub hardware: String,
    /// The end of the lease in seconds since 1970; 0 if there is none.
    pub ends: u64,
}

impl Lease {
    /// One line of `tandem leases --json`.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn read(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        Self {
            address: text("address").parse().unwrap_or_else(|_| panic!("no address in {line}")),
            state: text("state"),
            hardware: text("hw-address"),
            ends: seconds(&text("expires")).unwrap_or(0),
        }
    }
}

/// Seconds since 1970 of an RFC 3339 time in UTC, such as `2026-11-20T21:40:00Z`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // Days before the first of March of `year`, counting years from March, in the Gregorian calendar.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_calendar_has_them() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(seconds("2026-11-20T20:10:12Z"), Some(0x6b00_a924));
        assert_eq!(seconds("yesterday"), None);
    }
}
