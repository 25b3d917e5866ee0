//! What things are called in each protocol.

use crate::state::Protocol;

/// Names for figures and plots.
pub(super) struct Words {
    /// A whole exchange, of four messages.
    pub(super) exchange: &'static str,
    /// More time for a lease,
    pub(super) renewal: &'static str,
    /// and how clients ask for it.
    pub(super) renewals: &'static str,
    /// What grants a lease.
    pub(super) grant: &'static str,
    pub(super) flush: &'static str,
    /// Of medians and of 99th percentiles.
    pub(super) plots: [&'static str; 2],
}

const DHCPV4: Words = Words {
    exchange: "DORA",
    renewal: "REQUEST to ACK",
    renewals: "renewals by unicast",
    grant: "ACK",
    flush: "fdatasync of 4 KiB, p99",
    plots: ["latency-p50", "latency-p99"],
};

const DHCPV6: Words = Words {
    exchange: "SARR",
    renewal: "Renew to Reply",
    renewals: "renewals through relays",
    grant: "Reply",
    flush: "fdatasync of 4 KiB, p99, beside DHCPv6",
    plots: ["latency-p50-dhcpv6", "latency-p99-dhcpv6"],
};

impl Words {
    pub(super) fn of(protocol: Protocol) -> &'static Self {
        match protocol {
            Protocol::Dhcpv4 => &DHCPV4,
            Protocol::Dhcpv6 => &DHCPV6,
        }
    }
}
