//! A lease as a server lists it, whichever server it is.

use std::net::IpAddr;

use serde_json::Value;

/// One address in a server's own list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Which address, or the first of which prefix.
    pub address: IpAddr,
    /// binding-status in small letters.
    pub state: String,
    /// The client's hardware address with colons, in DHCPv6 that of its DUID; empty if it has none.
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
        /// DUID-LL of an Ethernet address, as listed.
        const DUID_LL: &str = "00:03:00:01:";
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let address = line["address"].as_str();
        let address = address.or_else(|| Some(line["prefix"].as_str()?.split_once('/')?.0));
        let address = address.and_then(|text| text.parse().ok());
        Self {
            address: address.unwrap_or_else(|| panic!("no address in {line}")),
            state: text("state"),
            hardware: match text("duid").strip_prefix(DUID_LL) {
                Some(hardware) => hardware.to_owned(),
                None => text("hw-address"),
            },
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
