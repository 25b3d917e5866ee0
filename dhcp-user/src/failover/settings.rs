//! What an operator decides about one relationship.

use super::update::joined;
use crate::config::model::{Identity, IdentityBy, Relationship};
use crate::lease::{PoolId, Range};
use crate::wire::Seconds;
pub use crate::wire::failover::Dialect;

/// One relationship as its endpoint knows it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// relationship-name, octet for octet the partner's.
    pub name: String,
    /// Which of the two this server is.
    pub role: Role,
    /// MCLT. A secondary uses the primary's, from CONNECT.
    pub mclt: Seconds,
    /// receive-timer: after so long without a message the link is given up.
    pub receive_timer: Seconds,
    /// max-unacked-bndupd: what we take before we answer.
    pub max_unacked: u32,
    /// Bit h set: the primary serves clients with hash h. A secondary uses the primary's.
    pub buckets: [u64; 4],
    /// Bit 1 of hash-bucket-assignment means that the primary serves, as dhcpd has it, and not the
    /// secondary, as draft-12 §12.11 has it.
    pub dhcpd_buckets: bool,
    /// A client that has asked for more seconds than this is anybody's; `None`: in NORMAL both answer
    /// everybody, and there is no load balancing.
    pub max_secs: Option<u16>,
    /// After so long in COMMUNICATIONS-INTERRUPTED the partner is taken to be down (draft-12 §10);
    /// `None`: never.
    pub safe_period: Option<Seconds>,
    /// How long STARTUP waits for the partner.
    pub startup: Seconds,
    /// max-lease-misbalance, in percent.
    pub max_misbalance: u8,
    /// max-lease-ownership, in percent.
    pub max_ownership: u8,
    /// min-balance: earliest next look at the balance.
    pub min_balance: Seconds,
    /// max-balance: latest next look.
    pub max_balance: Seconds,
    /// Start in PARTNER-DOWN if there is no record of a partner and it is not heard in STARTUP.
    pub starts_alone: bool,
    /// What names a client that a partner tells by identifier and hardware address alone: the first
    /// of these that it has, the hardware address closing the list.
    pub identity: Vec<IdentityBy>,
    /// The pools of the relationship.
    pub pools: Vec<PoolId>,
    /// A digest of which addresses are shared: all of these, and none else.
    pub addresses: u64,
}

impl Settings {
    /// What [`addresses`](Self::addresses) is of none.
    pub const NO_ADDRESSES: u64 = 0xcbf2_9ce4_8422_2325;

    /// What the configuration says of a relationship whose pools are `pools` in the subnets
    /// `addresses`, ascending, on a server that tells its clients apart by `identity`.
    #[must_use]
    pub fn of(
        relationship: &Relationship,
        identity: &Identity,
        pools: Vec<PoolId>,
        addresses: impl Iterator<Item = Range>,
    ) -> Self {
        Self {
            name: relationship.name.clone(),
            role: if relationship.is_primary { Role::Primary } else { Role::Secondary },
            mclt: relationship.mclt,
            receive_timer: relationship.receive_timer,
            max_unacked: relationship.max_unacked,
            buckets: relationship.buckets,
            dhcpd_buckets: relationship.dhcpd_buckets,
            max_secs: relationship.max_secs,
            safe_period: relationship.safe_period,
            startup: relationship.startup,
            max_misbalance: relationship.max_misbalance,
            max_ownership: relationship.max_ownership,
            min_balance: relationship.min_balance,
            max_balance: relationship.max_balance,
            starts_alone: relationship.starts_alone,
            identity: identity.order.clone(),
            pools,
            addresses: Self::fingerprint(addresses),
        }
    }

    /// What tells one set of addresses from another: FNV-1a over the ends of its ranges, joined where
    /// they touch. It is on disks, so it stays as it is.
    fn fingerprint(ranges: impl Iterator<Item = Range>) -> u64 {
        let ends = joined(ranges).into_iter().flat_map(|range| [range.first, range.last]);
        ends.flat_map(|end| end.0.to_be_bytes()).fold(Self::NO_ADDRESSES, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// After so long without a sign of life from its own endpoint nothing is done by a service view
    /// any more: a partner that has missed us for the receive-timer may then be told that we are down.
    pub(super) fn patience(&self) -> Seconds {
        Seconds(self.receive_timer.0.saturating_add(MARGIN.0))
    }

    /// Whether some clients go by what a relay says of them: a BNDUPD has no option for that, and
    /// only a partner of our kind is told it (in client-request-options).
    pub(super) fn names_clients_by_relay(&self) -> bool {
        let by_relay = |by: &IdentityBy| matches!(by, IdentityBy::CircuitId | IdentityBy::RemoteId);
        self.identity.iter().any(by_relay)
    }
}

/// What a busy machine or a slow disk may take beyond the receive-timer without a restart's silence.
const MARGIN: Seconds = Seconds(10);

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
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn other_addresses_look_otherwise_and_the_same_in_other_subnets_do_not() {
        let subnet = |third: u8, last: u8| Range {
            first: Ipv4Addr::new(10, 0, third, 0).into(),
            last: Ipv4Addr::new(10, 0, last, 255).into(),
        };
        let of = |ranges: &[Range]| Settings::fingerprint(ranges.iter().copied());
        assert_eq!(of(&[]), Settings::NO_ADDRESSES);
        assert_eq!(of(&[subnet(0, 1)]), of(&[subnet(0, 0), subnet(1, 1)]));
        let all = [of(&[]), of(&[subnet(0, 0)]), of(&[subnet(0, 1)]), of(&[subnet(1, 1)])];
        let different: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
