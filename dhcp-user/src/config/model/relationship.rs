//! Relationships with partners.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Protocol;
use crate::wire::Seconds;

/// `[[failover]]`: one relationship with one partner. Which subnets it serves, they say themselves:
/// [`Subnet::failover`](super::Subnet::failover).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relationship {
    /// What the endpoint goes by.
    pub terms: Terms,
    /// Where we listen, and connect from.
    pub local: SocketAddr,
    /// Where the partner listens, and the only address that may connect; no two relationships of
    /// DHCPv4 have one partner address (dhcpd tells connections by address alone).
    pub peer: SocketAddr,
    /// How long after a failed or lost connection the next one is tried.
    pub reconnect: Seconds,
    /// Shared secret of the message-digest (draft-12 §11.1).
    pub secret: Option<Secret>,
    /// TLS on the link (draft-12 §11.2); without it a relationship of DHCPv6 was said to be insecure
    /// (RFC 8156 §10).
    pub tls: Option<Tls>,
}

/// What the endpoint of a relationship goes by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// relationship-name, as the partner spells it; unique, 1 to 255 octets.
    pub name: String,
    /// Of one of the two protocols only; all its subnets are.
    pub protocol: Protocol,
    /// Which of the two this server is.
    pub role: Role,
    /// MCLT (draft-12 §5.2, RFC 8156 §4.4), in DHCPv6 60 s at least. A secondary goes by it only
    /// until the primary has told its own.
    pub mclt: Seconds,
    /// receive-timer, in DHCPv6 FO_KEEPALIVE_TIME: after so long without a message the link is given
    /// up; at least 3 s.
    pub receive_timer: Seconds,
    /// max-unacked-bndupd: updates that we take before we answer; 1 to 1000.
    pub max_unacked: u32,
    /// Bit h set: the primary serves clients with hash h. Bit h is bit h % 64 of word h / 64. A
    /// secondary goes by what the primary tells.
    pub buckets: [u64; 4],
    /// Bit 1 of hash-bucket-assignment means that the primary serves, as dhcpd has it, and not the
    /// secondary, as draft-12 §12.11 has it.
    pub dhcpd_buckets: bool,
    /// A client that has asked for more seconds than this is anybody's; `None`: there is no load
    /// balancing at all, and in NORMAL both answer everybody, as with dhcpd's
    /// `load balance max seconds 0`.
    pub max_secs: Option<u16>,
    /// After so long in COMMUNICATIONS-INTERRUPTED the partner is taken to be down (draft-12 §10);
    /// `None`: never.
    pub safe_period: Option<Seconds>,
    /// How long STARTUP waits for the partner.
    pub startup: Seconds,
    /// The secondary's share of the prefixes, in percent; 1 to 99. DHCPv4 shares by halves.
    pub share: u8,
    /// max-lease-misbalance, in percent; 1 to 100.
    pub max_misbalance: u8,
    /// max-lease-ownership, in percent; 1 to 100.
    pub max_ownership: u8,
    /// min-balance: earliest next look at the balance.
    pub min_balance: Seconds,
    /// max-balance: latest next look; not less than `min_balance`.
    pub max_balance: Seconds,
    /// Start in PARTNER-DOWN if there is no record of a partner and it is not heard in STARTUP.
    pub starts_alone: bool,
}

impl Terms {
    /// A primary's where the file says nothing more.
    #[must_use]
    pub fn of(protocol: Protocol) -> Self {
        const HOUR: Seconds = Seconds(3_600);
        let is_v6 = protocol == Protocol::Dhcpv6;
        Self {
            name: String::new(),
            protocol,
            role: Role::Primary,
            mclt: HOUR,
            // RFC 8156 §6.5
            receive_timer: Seconds(if is_v6 { 60 } else { 20 }),
            // A message of DHCPv6 is about one client (RFC 8156 §7.4), and as many as are on their way wait
            // for one flush together.
            max_unacked: if is_v6 { 1_000 } else { 100 },
            buckets: [u64::MAX, u64::MAX, 0, 0],
            dhcpd_buckets: true,
            max_secs: Some(3),
            safe_period: None,
            startup: Seconds(if is_v6 { 30 } else { 15 }),
            share: 50,
            max_misbalance: 15,
            max_ownership: 10,
            min_balance: Seconds(60),
            max_balance: HOUR,
            starts_alone: false,
        }
    }
}

/// Which of the two a server is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Sends CONNECT, gives from FREE.
    Primary,
    /// Gives from BACKUP.
    Secondary,
}

impl Role {
    /// As the configuration names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// Octets that nobody is to see; at least 8. Debugging shows none of them.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Secret(pub Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `tls` of `[[failover]]`. The files could be read when the configuration was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// Own certificate, and what leads from it to the authority; PEM.
    pub certificate: PathBuf,
    /// Its private key; PEM.
    pub key: PathBuf,
    /// Certificates of which one must have signed the partner's; PEM.
    pub authority: PathBuf,
    /// The name that the partner's certificate must have; `None`: the partner's address.
    pub peer_name: Option<String>,
    /// Whether a partner that does without TLS is refused.
    pub is_required: bool,
}
