//! What can be measured, and by which processes.

use clap::ValueEnum;

/// One kind of measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Subject {
    /// Packets a second, as a share of what a bare AF_XDP reflector does, in either protocol
    Throughput,
    /// Tandem, Kea, dhcpd and dnsmasq before the same clients; Tandem and Kea in DHCPv6
    Contest,
    /// A pair of each make before the same clients
    Pairs,
    /// Two workers against one, with the load of one relay
    Workers,
    /// One client floods, and the guard is on
    Flood,
    /// Renewals and restarts by the number of leases
    Leases,
    /// Octets a lease
    Memory,
    /// From the start to the first answer
    Start,
    /// An address from an empty and from an almost full pool
    Allocation,
    /// Exchanges with a partner attached, updates to it, and how soon one server does the other's work
    Failover,
    /// Heap allocations for each packet
    Allocations,
    /// Instructions of each part, counted by callgrind
    Instructions,
    /// Micro-benchmarks, and the client index against other maps
    Micro,
}

impl Subject {
    /// The measurements of this subject, each a process of its own.
    pub(super) fn commands(self, quick: bool) -> Vec<Vec<&'static str>> {
        const MILLION: &str = "1000000";
        const TEN_MILLION: &str = "10000000";
        const DHCPV6: &str = "--dhcpv6";
        match self {
            Self::Throughput => vec![vec!["throughput"], vec!["throughput", DHCPV6]],
            Self::Contest => vec![vec!["contest"], vec!["contest", DHCPV6]],
            Self::Pairs => vec![vec!["pairs"]],
            Self::Workers => vec![vec!["workers"]],
            Self::Flood => vec![vec!["flood"]],
            Self::Leases => vec![vec!["leases"]],
            Self::Memory if quick => vec![
                vec!["memory", "--leases", MILLION],
                vec!["memory", "--leases", MILLION, "--relayed"],
                vec!["memory", DHCPV6, "--leases", MILLION],
            ],
            Self::Memory => vec![
                vec!["memory", "--leases", MILLION],
                vec!["memory", "--leases", TEN_MILLION],
                vec!["memory", "--leases", TEN_MILLION, "--relayed"],
                vec!["memory", DHCPV6, "--leases", MILLION],
                vec!["memory", DHCPV6, "--leases", MILLION, "--relayed"],
            ],
            Self::Start => vec![vec!["start", "--leases", TEN_MILLION]],
            Self::Allocation => vec![vec!["allocation"]],
            Self::Failover => vec![
                vec!["attached"],
                vec!["updates"],
                vec!["resynchronisation"],
                vec!["resynchronisation", DHCPV6],
                vec!["takeover"],
            ],
            Self::Allocations => vec![vec!["allocations"]],
            Self::Instructions => vec![vec!["instructions"]],
            Self::Micro => vec![
                vec!["micro"],
                vec!["index", "index"],
                vec!["index", "papaya"],
                vec!["index", "dashmap"],
            ],
        }
    }
}
