//! How many addresses the partner should have (spec §7.3, as ISC dhcpd reckons, so that two
//! implementations do not fight).

use crate::failover::Role;

/// Two servers' shares of a pool, and what follows from them.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Shares {
    /// Our available addresses beyond an even split: half the difference, rounded towards zero;
    /// negative if the partner has more.
    pub(super) surplus: i64,
    /// max-lease-misbalance in addresses.
    pub(super) threshold: i64,
    /// max-lease-ownership in addresses: so many more than half the partner may get of those whose
    /// last clients are its own.
    pub(super) hold: i64,
    /// With a surplus below this the partner is asked for addresses.
    pub(super) panic: i64,
}

impl Shares {
    /// Of a pool in which we have `own` available addresses and the partner `other`; limits in
    /// percent of all of them.
    pub(super) fn of(own: u64, other: u64, misbalance: u8, ownership: u8) -> Self {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX / 200);
        let (own, other) = (signed(own), signed(other));
        let percent = |limit: u8| ((own + other) * i64::from(limit) + 50) / 100;
        let threshold = percent(misbalance);
        Self {
            surplus: (own - other) / 2,
            threshold,
            hold: percent(ownership),
            panic: if threshold == 0 { -1 } else { -2 * threshold },
        }
    }

    /// Of a pool of which `share` percent of what is available are to be the secondary's (spec v6 §8.3),
    /// seen by the server that has `own` of it.
    pub(super) fn of_part(role: Role, own: u64, other: u64, share: u8, misbalance: u8) -> Self {
        let even = Self::of(own, other, misbalance, 0);
        let [own, other] = [own, other].map(|count| i64::try_from(count).unwrap_or(i64::MAX / 200));
        let secondarys = (own + other) * i64::from(share) / 100;
        let surplus = match role {
            Role::Primary => secondarys - other,
            Role::Secondary => own - secondarys,
        };
        Self { surplus, ..even }
    }

    /// Whether an address whose last client is the partner's goes to it.
    pub(super) fn gives_to_its_client(self) -> bool {
        self.surplus > -self.hold
    }

    /// Whether any address goes to the partner, one that was `used` before or never.
    pub(super) fn gives(self, used: bool) -> bool {
        self.surplus > if used { self.hold } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// dhcpd's defaults.
    fn shares(own: u64, other: u64) -> Shares {
        Shares::of(own, other, 15, 10)
    }

    /// Never used ones, as dhcpd gives them.
    fn given(own: u64, other: u64) -> u64 {
        let mut shares = shares(own, other);
        let mut given = 0;
        while shares.gives(false) {
            shares.surplus -= 1;
            given += 1;
        }
        given
    }

    /// Captured: with 20 free addresses the primary gave 10 on entering NORMAL.
    #[test]
    fn of_twenty_addresses_ten_are_given() {
        assert_eq!(shares(20, 0), Shares { surplus: 10, threshold: 3, hold: 2, panic: -6 });
        assert_eq!(given(20, 0), 10);
        assert_eq!(given(10, 10), 0);
    }

    /// Captured: one was moved with a surplus of 1 and a threshold of 2, which the manual denies.
    #[test]
    fn addresses_move_below_the_threshold_too() {
        let shares = shares(8, 6);
        assert_eq!((shares.surplus, shares.threshold), (1, 2));
        assert!(shares.gives(false));
        assert!(!shares.gives(true), "but not those that were used, within what may be held");
    }

    /// Spec v6 §8.3.
    #[test]
    fn of_a_pool_with_a_share_the_secondary_has_that_part_rounded_down() {
        let of = |role, own, other, share| Shares::of_part(role, own, other, share, 15).surplus;
        assert_eq!(of(Role::Primary, 16, 0, 50), 8);
        assert_eq!(of(Role::Primary, 7, 0, 50), 3);
        assert_eq!((of(Role::Primary, 0, 7, 50), of(Role::Secondary, 7, 0, 50)), (-4, 4));
        assert_eq!((of(Role::Primary, 10, 0, 40), of(Role::Secondary, 3, 7, 40)), (4, -1));
        assert!(of(Role::Primary, u64::MAX, 0, 99) > 0);
    }

    #[test]
    fn an_odd_address_stays_where_it_is_on_both_sides() {
        assert_eq!(shares(11, 10).surplus, 0);
        assert_eq!(shares(10, 11).surplus, 0);
    }

    #[test]
    fn the_partners_own_clients_addresses_go_beyond_the_even_split() {
        let mut shares = shares(10, 10);
        assert_eq!(shares.hold, 2);
        let mut given = 0;
        while shares.gives_to_its_client() {
            shares.surplus -= 1;
            given += 1;
        }
        assert_eq!(given, 2);
    }

    #[test]
    fn a_pool_with_next_to_nothing_asks_as_soon_as_it_has_less() {
        assert_eq!(shares(0, 3).threshold, 0);
        assert_eq!(shares(0, 3).panic, -1);
        assert_eq!(shares(0, 0), Shares { surplus: 0, threshold: 0, hold: 0, panic: -1 });
    }

    #[test]
    fn sixteen_million_addresses_do_not_overflow() {
        assert_eq!(shares(1 << 24, 0).surplus, 1 << 23);
        assert!(shares(u64::MAX, 0).surplus > 0);
    }
}
