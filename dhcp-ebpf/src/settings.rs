//! What user space tells the program.

use crate::discover::Balance;
use crate::guard::Rate;

/// The one entry of the [`SETTINGS`](crate::map::SETTINGS) map.
///
/// Replaced whole while packets arrive, and a packet may see some fields old and some new: any mix of
/// two good values must be good. All zero, as the map begins, passes everything to the kernel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Settings {
    /// What one client may send.
    pub client_rate: Rate,
    /// What one relay, or one port's direct clients, may send.
    pub port_rate: Rate,
    /// Workers on each queue; 0 passes everything. Fixed while sockets are in the map, whose index
    /// depends on it.
    pub workers: u32,
    /// DHCPv4: UDP port 67.
    pub v4: Service,
    /// DHCPv6: UDP port 547.
    pub v6: Service,
    /// Zero. There is no padding, so that the kernel never sees an octet that was not written.
    pub reserved: u32,
    /// DHCPv4: whose DHCPDISCOVERs are left to the partner.
    pub balance: Balance,
}

/// What the server does for one protocol now.
///
/// A number and not an enum, because a map's octets can be anything; what is unknown is passed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(transparent)]
pub struct Service(pub u32);

impl Service {
    /// Not served at all: requests go to the kernel as if we were not here.
    pub const ABSENT: Self = Self(0);
    /// Requests go to the workers.
    pub const SERVING: Self = Self(1);
    /// The server must not answer now, so requests end here before they cost anything.
    pub const SILENT: Self = Self(2);
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use super::*;

    #[test]
    fn settings_have_no_padding() {
        let fields = 2 * size_of::<Rate>() + 2 * size_of::<Service>() + 2 * size_of::<u32>();
        let fields = fields + 4 * size_of::<u64>() + 2 * size_of::<u32>();
        assert_eq!(size_of::<Settings>(), fields);
    }

    #[test]
    fn a_fresh_map_serves_nothing_and_guards_nothing() {
        let fresh = Settings::default();
        assert_eq!((fresh.v4, fresh.v6), (Service::ABSENT, Service::ABSENT));
        assert!(fresh.balance.is_off());
        assert!(fresh.client_rate.is_off() && fresh.port_rate.is_off());
    }
}
