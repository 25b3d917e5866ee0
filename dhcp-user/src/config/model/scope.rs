//! What may be said at every level.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::wire::Seconds;

/// What may be said at every level from global down to one reservation; the nearest wins.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// DHCPv4 options by code, already encoded (RFC 2132); longer than 255 octets is split when sent.
    pub options: BTreeMap<u8, Vec<u8>>,
    /// DHCPv6 options by code, already encoded.
    pub options6: BTreeMap<u16, Vec<u8>>,
    /// Parameters that are not options.
    pub parameters: Parameters,
}

/// Parameters of a [`Scope`]; `None` leaves it to the next wider level, and global to the default
/// named here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters {
    /// Lease time for who asks for none (24 h).
    pub lease_time: Option<Seconds>,
    /// Shortest lease time whatever is asked (60 s, or `lease_time` where that is shorter).
    pub min_lease_time: Option<Seconds>,
    /// Longest lease time whatever is asked (`lease_time`).
    pub max_lease_time: Option<Seconds>,
    /// Preferred lifetime for who asks for none (5/8 of `lease_time`); never longer than the lease.
    /// DHCPv6 only.
    pub preferred_time: Option<Seconds>,
    /// Shortest preferred lifetime whatever is asked (none). DHCPv6 only.
    pub min_preferred_time: Option<Seconds>,
    /// Longest preferred lifetime whatever is asked (`preferred_time`). DHCPv6 only.
    pub max_preferred_time: Option<Seconds>,
    /// T1 in permille (500) of the lease, in DHCPv6 of the shortest preferred lifetime.
    pub renew_permille: Option<u16>,
    /// T2 in permille (875, in DHCPv6 800) of the same; more than T1.
    pub rebind_permille: Option<u16>,
    /// A renewal in this first share of a lease, in permille, is answered with what is left of the
    /// lease and writes nothing (0, which is off).
    pub reuse_permille: Option<u16>,
    /// A DISCOVER of a client that has asked for fewer seconds is left to other servers (0).
    pub min_secs: Option<u16>,
    /// How long a declined address is set aside (24 h).
    pub decline_time: Option<Seconds>,
    /// How long an offered address is kept for its client (60 s).
    pub offer_time: Option<Seconds>,
    /// Refuse with DHCPNAK addresses that are wrong for the network (true; RFC 2131 §4.3.2).
    pub authoritative: Option<bool>,
    /// Answer DISCOVER with option 80 by an ACK at once (false; RFC 4039), and SOLICIT with Rapid
    /// Commit by a REPLY (RFC 8415 §18.3.1).
    pub rapid_commit: Option<bool>,
    /// Answer BOOTP clients (false; RFC 1542).
    pub bootp: Option<bool>,
    /// Preference (0; RFC 8415 §21.8). DHCPv6 only.
    pub preference: Option<u8>,
    /// Ask the wire before an OFFER whether the address is in use (none).
    pub probe: Option<Probe>,
    /// siaddr.
    pub next_server: Option<Ipv4Addr>,
    /// sname.
    pub server_name: Option<String>,
    /// file.
    pub boot_file: Option<String>,
}

impl Parameters {
    /// Lease time where no level names one.
    pub const LEASE_TIME: Seconds = Seconds(24 * 60 * 60);
    /// Shortest lease time where no level names one, and `lease_time` is not shorter still.
    pub const MIN_LEASE_TIME: Seconds = Seconds(60);
    /// T1 where no level names it (RFC 2131 §4.4.5).
    pub const RENEW_PERMILLE: u16 = 500;
    /// T2 where no level names it (RFC 2131 §4.4.5).
    pub const REBIND_PERMILLE: u16 = 875;
    /// T2 of DHCPv6 where no level names it (RFC 8415 §21.4).
    pub const REBIND_PERMILLE_V6: u16 = 800;
    /// How long a declined address is set aside where no level says so.
    pub const DECLINE_TIME: Seconds = Seconds(24 * 60 * 60);
    /// How long an offered address is kept where no level says so.
    pub const OFFER_TIME: Seconds = Seconds(60);

    /// Preferred lifetime of a lease where no level names one, as dhcpd has it.
    #[must_use]
    pub fn preferred_by_default(lease: Seconds) -> Seconds {
        let share = u64::from(lease.0) * 5 / 8;
        match u32::try_from(share) {
            Ok(share) if lease != Seconds::INFINITE => Seconds(share.max(1)),
            _ => Seconds::INFINITE,
        }
    }
}

/// How an address is asked for before it is offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Not at all.
    None,
    /// ICMP echo (RFC 2131 §3.1 step 2), and how long to wait, in milliseconds.
    Icmp(u32),
    /// ARP request, only where the client is on our own link, and how long to wait, in milliseconds.
    Arp(u32),
}
