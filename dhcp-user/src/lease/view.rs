//! The service view: what this server may do with the addresses of one relationship at the moment.
//!
//! The failover endpoint makes it from its state, workers and the sweep read it from one atomic
//! pointer, and nobody else decides about states. The times that the protocol bounds are reckoned
//! here, once for everybody.

use std::borrow::Cow;

use super::binding::{Binding, Told};
use super::layout::Owner;
use crate::wire::{BindingStatus, Seconds, Stamp};

/// The views of all relationships, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Views(pub Vec<View>);

/// What this server may do with the addresses of one relationship.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Who is answered.
    pub answers: Answers,
    /// Whose available addresses are ours to give.
    pub owner: Owner,
    /// Maximum client lead time; `None` is a server without a partner.
    pub mclt: Option<Seconds>,
    /// Whether a lease that is over may be ended here; in NORMAL the primary alone does.
    pub ends_leases: bool,
    /// PARTNER-DOWN: what was the partner's becomes ours.
    pub takeover: Option<Takeover>,
    /// After this moment nothing may be done by it. Its endpoint puts that off for as long as it
    /// runs: a server that has stood still may have been declared down meanwhile.
    pub until: Stamp,
}

/// Who is answered (draft-12 §9, the "responsive" column).
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Nobody; a request leaves no trace.
    Nobody,
    /// Renewals and rebindings alone (RECOVER-DONE).
    Extensions,
    /// Whoever names this server, and nobody else (RFC 8156 §3, renew responsive).
    Named,
    /// Everybody.
    Everybody,
    /// NORMAL: renewals and rebindings, and else the clients whose hash is ours (RFC 3074).
    Shared(Share),
}

/// Which clients are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Bit h set: clients with hash h are ours. Bit h is bit h % 64 of word h / 64.
    pub buckets: [u64; 4],
    /// A client that has asked for more seconds than this is anybody's; `None`: never (RFC 3074 §5.3).
    pub max_secs: Option<u16>,
    /// Whether the partner has run out of addresses somewhere: then its clients are answered where it
    /// has none.
    pub is_partner_starved: bool,
}

/// The partner is down (draft-12 §5.2.1, §9.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Takeover {
    /// When PARTNER-DOWN began, or the partner went down if that is known.
    pub since: Stamp,
    /// Up to when the partner may have been told anything: at the least [`since`](Self::since), when
    /// the link went down if it was up after that, and for ever while it is up. A partner that comes
    /// back is told what has happened, and may not be gone for good with that.
    pub told_until: Stamp,
    /// The largest MCLT by which the partner may have granted what we do not know.
    pub mclt: Seconds,
}

impl Views {
    /// The view of the relationship at this place of the configuration; of none, a server's that has
    /// no partner.
    #[must_use]
    pub fn of(&self, relationship: Option<u16>) -> &View {
        const ALONE: &View = &View::ALONE;
        relationship.map_or(ALONE, |place| self.0.get(usize::from(place)).unwrap_or(&View::SILENT))
    }

    /// As they count at `now`: one that has run out lets nothing be done.
    #[must_use]
    pub fn at(&self, now: Stamp) -> Cow<'_, Self> {
        if self.0.iter().all(|view| now <= view.until) {
            return Cow::Borrowed(self);
        }
        let counts = |view: &View| if now <= view.until { view.clone() } else { View::SILENT };
        Cow::Owned(Self(self.0.iter().map(counts).collect()))
    }
}

impl View {
    /// A server without a partner.
    pub const ALONE: Self = Self {
        answers: Answers::Everybody,
        owner: Owner::Primary,
        mclt: None,
        ends_leases: true,
        takeover: None,
        until: Stamp::NEVER,
    };

    /// An endpoint that has not said anything yet: nothing may be done.
    pub const SILENT: Self = Self {
        answers: Answers::Nobody,
        owner: Owner::Primary,
        mclt: Some(Seconds(0)),
        ends_leases: false,
        takeover: None,
        until: Stamp::NEVER,
    };

    /// How a change made here is marked: with a partner, it must be told.
    #[must_use]
    pub fn told(&self) -> Told {
        if self.mclt.is_some() { Told::Unsent } else { Told::Acknowledged }
    }

    /// What of the `desired` lease time a client may be granted of an address that is bound as `old`
    /// (draft-12 §5.2.1, §7.1.5): at most the MCLT beyond what the partner has acknowledged or said
    /// of this lease. What it knew of an earlier one counts no more once it agreed that the address
    /// is nobody's: down here, it may be given away there as soon as the MCLT is over.
    #[must_use]
    pub fn lease_time(&self, now: Stamp, old: Option<&Binding>, desired: Seconds) -> Seconds {
        let Some(mclt) = self.mclt else { return desired };
        // Departs from draft-12 §9.9.2 and §9.11.2, by which the end that the client was told counts too
        // while the partner cannot be reached. Each renewal would carry the lease further past what
        // the partner knows than the MCLT, and the partner, taken to be alone, would give the address
        // to another client while it lasts. The sections forbid more and not less; ISC dhcpd counts
        // as we do.
        let known = old
            .filter(|old| old.has_lease())
            .map_or(Stamp::ZERO, |old| old.acked_potential.max(old.received_potential));
        if known == Stamp::NEVER {
            return desired;
        }
        // In PARTNER-DOWN too, where RFC 8156 §8.4.1 has no such bound: a server that lost its disk then and
        // has a partner that comes back would know nothing of what it granted.
        desired.min(Seconds(known.since(now).0.saturating_add(mclt.0)))
    }

    /// The potential-expiration-time that goes with a lease of which `desired` was wanted and whose
    /// client comes back after `renew` (draft-12 §5.2.1): so far ahead that the renewal can be granted in full.
    #[must_use]
    pub fn potential(&self, now: Stamp, renew: Seconds, desired: Seconds) -> Stamp {
        if desired == Seconds::INFINITE { Stamp::NEVER } else { now.after(renew).after(desired) }
    }

    /// Whether an address that is bound as `binding`, to whomever, may go to a new client of ours
    /// (draft-12 §5.2.2, §5.4, §9.4.2). What a reservation keeps is not this question.
    #[must_use]
    pub fn may_give(&self, now: Stamp, binding: Option<&Binding>) -> bool {
        use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
        let owner = match binding {
            None => Owner::Primary,
            Some(binding) => match binding.status {
                Free | Backup if binding.is_kept() && self.mclt.is_some() => {
                    return self.is_taken_over(now);
                }
                Free | Backup => binding.owner(),
                Active | Abandoned => return false,
                Expired | Released | Reset => {
                    return self.reusable_after(binding).is_some_and(|after| now > after);
                }
            },
        };
        owner == self.owner || self.mclt.is_none() || self.is_taken_over(now)
    }

    /// Whether the wait after PARTNER-DOWN for what was the partner's is over.
    #[must_use]
    pub fn is_taken_over(&self, now: Stamp) -> bool {
        self.takeover.is_some_and(|takeover| now > takeover.since.after(takeover.mclt))
    }

    /// After which moment a lease that is over, and to whose end the partner has not agreed, may be
    /// forgotten; `None` while nothing but the partner's word ends it (draft-12 §5.2.2, §9.4.2).
    #[must_use]
    pub fn reusable_after(&self, binding: &Binding) -> Option<Stamp> {
        if self.mclt.is_none() {
            return Some(Stamp::ZERO);
        }
        let Takeover { since, told_until, mclt } = self.takeover?;
        let known = binding.acked_potential.max(binding.received_potential);
        // Told and not acknowledged, it may be known as well.
        let known = known.max(binding.sent_potential);
        if binding.cltt <= told_until {
            // As it was when the partner was there last: it may have leased it for so long.
            return Some(known.max(binding.expires).max(since).after(mclt));
        }
        // The client was last heard here, after the partner was told anything, so it goes by the end
        // that we told it; `sent_potential` was set before.
        if known <= since {
            // Nor did it know of a lease when it went down: this one is ours alone.
            return Some(binding.expires);
        }
        Some(known.max(binding.expires).after(mclt))
    }

    /// sent-potential-expiration-time of a lease that goes on with `old` while the partner is taken to
    /// be down; `None` if it is not. No renewal is waited for on its account: it is what the partner
    /// may have been told already that counts.
    #[must_use]
    pub fn told_while_down(&self, old: Option<&Binding>) -> Option<Stamp> {
        let told_until = self.takeover?.told_until;
        Some(old.map_or(Stamp::ZERO, |old| {
            let end = if old.cltt <= told_until { old.expires } else { Stamp::ZERO };
            old.sent_potential.max(end)
        }))
    }
}

impl Share {
    /// Whether a client with this hash, which has asked for so many seconds, is ours.
    #[must_use]
    pub fn is_ours(&self, hash: u8, secs: u16) -> bool {
        let (word, bit) = (usize::from(hash / 64), hash % 64);
        self.buckets[word] >> bit & 1 == 1 || self.max_secs.is_some_and(|most| secs > most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u32 = 3_600;
    const DAY: u32 = 24 * HOUR;

    /// NORMAL, as the primary, with this MCLT in seconds.
    fn normal(mclt: u32) -> View {
        View { mclt: Some(Seconds(mclt)), ..View::ALONE }
    }

    fn partner_down(mclt: u32, since: u32, owner: Owner) -> View {
        let (since, mclt_s) = (Stamp(since), Seconds(mclt));
        let takeover = Takeover { since, told_until: since, mclt: mclt_s };
        View { owner, takeover: Some(takeover), ..normal(mclt) }
    }

    /// In this status, with E, S, A and R, of a client last heard at `cltt`.
    fn binding(status: BindingStatus, [e, s, a, r]: [u32; 4], cltt: u32) -> Binding {
        Binding {
            expires: Stamp(e),
            sent_potential: Stamp(s),
            acked_potential: Stamp(a),
            received_potential: Stamp(r),
            cltt: Stamp(cltt),
            ..Binding::new(status, Stamp::ZERO)
        }
    }

    /// The moment at which the address may first be given, looked for on both sides.
    fn first_given(view: &View, binding: &Binding, at: u32) {
        assert!(!view.may_give(Stamp(at - 1), Some(binding)), "before {at}");
        assert!(view.may_give(Stamp(at), Some(binding)), "at {at}");
    }

    /// Lease 600 s, MCLT 120 s, address 10.77.0.110 of the capture; seconds after 20:11:06.
    #[test]
    fn lease_times_are_those_that_two_dhcpd_were_seen_to_grant() {
        let (view, now, desired) = (normal(120), 1_000_000, Seconds(600));
        let first = view.lease_time(Stamp(now), None, desired);
        assert_eq!(first, Seconds(120));
        let potential = view.potential(Stamp(now), Seconds(60), desired);
        assert_eq!(potential, Stamp(now + 660));
        // The other server has acknowledged that, and answers the renewal after 26 s.
        let held = binding(BindingStatus::Active, [now + 120, 0, 0, potential.0], now);
        let second = view.lease_time(Stamp(now + 26), Some(&held), desired);
        assert_eq!(second, Seconds(600));
        let potential = view.potential(Stamp(now + 26), Seconds(300), desired);
        assert_eq!(potential, Stamp(now + 26 + 900));
    }

    #[test]
    fn lease_times_are_those_of_the_drafts_example() {
        let (view, now, desired) = (normal(HOUR), 1_000_000, Seconds(3 * DAY));
        assert_eq!(view.lease_time(Stamp(now), None, desired), Seconds(HOUR));
        let sent = view.potential(Stamp(now), Seconds(HOUR / 2), desired);
        assert_eq!(sent, Stamp(now + 3 * DAY + HOUR / 2));
        let held = binding(BindingStatus::Active, [now + HOUR, sent.0, sent.0, 0], now);
        let renewal = Stamp(now + HOUR / 2);
        assert_eq!(view.lease_time(renewal, Some(&held), desired), desired);
        let sent = view.potential(renewal, Seconds(3 * DAY / 2), desired);
        assert_eq!(sent.since(renewal), Seconds(3 * DAY / 2 + 3 * DAY));
        // Without the partner's word it is the MCLT again.
        let held = binding(BindingStatus::Active, [now + HOUR, sent.0, 0, 0], now);
        assert_eq!(view.lease_time(renewal, Some(&held), desired), Seconds(HOUR));
    }

    /// Twice renewed, and never more than the MCLT from the renewal: the partner may not wait longer.
    #[test]
    fn the_end_that_the_client_was_told_lengthens_nothing() {
        let held = binding(BindingStatus::Active, [5_000, 9_000, 0, 0], 1_000);
        assert_eq!(normal(100).lease_time(Stamp(2_000), Some(&held), Seconds(DAY)), Seconds(100));
    }

    #[test]
    fn an_infinite_lease_is_granted_when_the_partner_knows_of_one_and_else_the_mclt() {
        let never = Stamp::NEVER.0;
        let view = normal(120);
        let told = |a| binding(BindingStatus::Active, [never, never, a, 0], 0);
        let grant = |a| view.lease_time(Stamp(1_000), Some(&told(a)), Seconds::INFINITE);
        assert_eq!(grant(never), Seconds::INFINITE);
        assert_eq!(grant(0), Seconds(120));
        assert_eq!(view.potential(Stamp(1), Seconds(60), Seconds::INFINITE), Stamp::NEVER);
        let infinite_renewal = view.potential(Stamp(1), Seconds::INFINITE, Seconds(60));
        assert_eq!(infinite_renewal, Stamp::NEVER);
    }

    /// The partner agreed that the address is nobody's; when we go down it may give it away as soon
    /// as the MCLT is over, whatever it knew of the lease before.
    #[test]
    fn what_the_partner_knew_of_an_earlier_lease_lengthens_no_new_one() {
        use BindingStatus::{Abandoned, Backup, Free, Reset};
        for status in [Free, Backup, Abandoned, Reset] {
            let old = binding(status, [90_000, 95_000, 95_000, 95_000], 1_000);
            let granted = normal(120).lease_time(Stamp(2_000), Some(&old), Seconds(DAY));
            assert_eq!(granted, Seconds(120), "{status:?}");
        }
    }

    #[test]
    fn without_a_partner_nothing_bounds_a_lease_and_nobody_is_told() {
        assert_eq!(View::ALONE.lease_time(Stamp(1), None, Seconds::INFINITE), Seconds::INFINITE);
        assert_eq!(View::ALONE.told(), Told::Acknowledged);
        assert_eq!(normal(1).told(), Told::Unsent);
    }

    #[test]
    fn a_view_that_has_run_out_lets_nothing_be_done_and_the_others_count() {
        let views = Views(vec![View { until: Stamp(9), ..normal(120) }, normal(60)]);
        assert!(matches!(views.at(Stamp(9)), Cow::Borrowed(same) if same.0 == views.0));
        assert_eq!(views.at(Stamp(10)).0, [View::SILENT, normal(60)]);
    }

    #[test]
    fn an_endpoint_that_has_said_nothing_gives_nothing_and_ends_nothing() {
        let views = Views(vec![normal(120)]);
        assert_eq!(views.of(None), &View::ALONE);
        assert_eq!(views.of(Some(0)), &views.0[0]);
        let silent = views.of(Some(1));
        assert_eq!(silent, &View::SILENT);
        assert!(!silent.ends_leases && silent.answers == Answers::Nobody);
        for status in [BindingStatus::Expired, BindingStatus::Released, BindingStatus::Reset] {
            let over = binding(status, [0; 4], 0);
            assert!(!silent.may_give(Stamp(u32::MAX - 1), Some(&over)));
        }
    }

    #[test]
    fn each_server_gives_its_own_and_what_is_over_waits_for_the_partners_word() {
        use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
        let now = Stamp(u32::MAX - 1);
        for (owner, mine, other) in
            [(Owner::Primary, Free, Backup), (Owner::Secondary, Backup, Free)]
        {
            let view = View { owner, ..normal(120) };
            assert!(view.may_give(now, Some(&binding(mine, [0; 4], 0))));
            for status in [other, Active, Expired, Released, Reset, Abandoned] {
                assert!(!view.may_give(now, Some(&binding(status, [0; 4], 0))), "{status:?}");
            }
        }
        assert!(normal(120).may_give(now, None), "what was never used is the primary's");
        assert!(!View { owner: Owner::Secondary, ..normal(120) }.may_give(now, None));
    }

    /// draft-12 §9.4.2, row by row, with PARTNER-DOWN since 10,000 and an MCLT of 120 s.
    #[test]
    fn in_partner_down_each_address_waits_as_long_as_the_partner_may_have_given_it() {
        use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
        let (since, mclt) = (10_000, 120);
        let view = partner_down(mclt, since, Owner::Primary);
        assert!(view.may_give(Stamp(since), Some(&binding(Free, [0; 4], 0))));
        first_given(&view, &binding(Backup, [0; 4], 0), since + mclt + 1);
        let other = partner_down(mclt, since, Owner::Secondary);
        assert!(other.may_give(Stamp(since), Some(&binding(Backup, [0; 4], 0))));
        first_given(&other, &binding(Free, [0; 4], 0), since + mclt + 1);
        for status in [Expired, Released, Reset] {
            // Any of the four may be the last; and none, if all is long over.
            for which in 0..4 {
                let mut times = [9_000; 4];
                times[which] = 20_000;
                first_given(&view, &binding(status, times, 8_000), 20_000 + mclt + 1);
            }
            first_given(&view, &binding(status, [9_000; 4], 8_000), since + mclt + 1);
            // Leased here alone afterwards, and never reported: at its end.
            let alone = binding(status, [11_000, 9_500, 9_000, 0], 10_500);
            first_given(&view, &alone, 11_001);
            // It may have been told, when the partner was still there, of what was renewed since.
            let told = binding(status, [11_000, 12_000, 9_000, 0], 10_500);
            first_given(&view, &told, 12_000 + mclt + 1);
            // The partner knew it, and heard nothing of the renewal.
            let renewed = binding(status, [13_000, 0, 12_000, 0], 10_500);
            first_given(&view, &renewed, 13_000 + mclt + 1);
            let renewed = binding(status, [11_000, 0, 0, 12_000], 10_500);
            first_given(&view, &renewed, 12_000 + mclt + 1);
        }
        let never = Stamp(u32::MAX);
        for status in [Active, Abandoned] {
            assert!(!view.may_give(never, Some(&binding(status, [0; 4], 0))));
        }
        let infinite = binding(Released, [9_000, u32::MAX, 0, 0], 8_000);
        assert!(!view.may_give(never, Some(&infinite)));
    }

    /// PARTNER-DOWN since 10,000; the partner recovers from 10,400 on, and is lost at 10,800. It may be
    /// in RECOVER-DONE by then, where it extends leases that it was told of.
    #[test]
    fn what_a_recovering_partner_was_told_is_waited_for_when_it_is_lost_again() {
        let mclt = 120;
        let down = |told_until| {
            let takeover = Takeover { since: Stamp(10_000), told_until, mclt: Seconds(120) };
            View { takeover: Some(takeover), ..normal(mclt) }
        };
        let (linked, cut) = (down(Stamp::NEVER), down(Stamp(10_800)));
        let expired = |expires, potential, cltt| {
            binding(BindingStatus::Expired, [expires, potential, 0, 0], cltt)
        };
        // Granted at 10,500 until 11,000, and told: with or without an answer.
        let lease = expired(11_000, 0, 10_500);
        first_given(&linked, &lease, 11_000 + mclt + 1);
        first_given(&cut, &lease, 11_000 + mclt + 1);
        // Renewed at 10,900 until 10,950, and the partner has not heard of that.
        let told = cut.told_while_down(Some(&lease)).unwrap();
        assert_eq!(told, Stamp(11_000));
        first_given(&cut, &expired(10_950, told.0, 10_900), 11_000 + mclt + 1);
        let later = expired(11_200, told.0, 10_900);
        first_given(&cut, &later, 11_200 + mclt + 1);
        assert_eq!(cut.told_while_down(Some(&later)), Some(told), "nothing was told since");
        // A first lease at 10,900 is ours alone, and while the link is up none is.
        assert_eq!(cut.told_while_down(None), Some(Stamp::ZERO));
        first_given(&cut, &expired(11_020, 0, 10_900), 11_021);
        first_given(&linked, &expired(11_020, 0, 10_900), 11_020 + mclt + 1);
        assert_eq!(normal(mclt).told_while_down(Some(&lease)), None);
    }

    fn any_binding() -> impl Strategy<Value = Binding> {
        let stamp = || prop_oneof![4 => 0..200_000_u32, 1 => Just(0), 1 => Just(u32::MAX)];
        (1..=7_u8, [stamp(), stamp(), stamp(), stamp()], 0..200_000_u32).prop_map(
            |(status, times, cltt)| {
                binding(BindingStatus::from_octet(status).unwrap(), times, cltt)
            },
        )
    }

    proptest! {
        /// The fundamental rule (draft-12 §5.2.1).
        #[test]
        fn no_lease_ends_more_than_the_mclt_beyond_what_the_partner_knows(
            old in prop::option::of(any_binding()), now in 1..200_000_u32,
            mclt in 1..10_000_u32, desired in prop_oneof![1..1_000_000_u32, Just(u32::MAX)],
        ) {
            let (now, desired) = (Stamp(now), Seconds(desired));
            let granted = normal(mclt).lease_time(now, old.as_ref(), desired);
            prop_assert!(granted <= desired);
            prop_assert!(granted >= desired.min(Seconds(mclt)), "the MCLT is always granted");
            let known = old.as_ref().filter(|old| old.has_lease()).map_or(now, |old| {
                old.acked_potential.max(old.received_potential).max(now)
            });
            prop_assert!(now.after(granted) <= known.after(Seconds(mclt)));
        }

        /// What is granted now can be granted in full at the renewal, once the partner knows.
        #[test]
        fn a_renewal_in_time_is_granted_in_full_once_the_first_grant_is_acknowledged(
            now in 1..200_000_u32, mclt in 1..10_000_u32, desired in 1..1_000_000_u32,
        ) {
            let (view, desired) = (normal(mclt), Seconds(desired));
            let granted = view.lease_time(Stamp(now), None, desired);
            let renew = Seconds(granted.0 / 2);
            let sent = view.potential(Stamp(now), renew, desired);
            let end = Stamp(now).after(granted);
            prop_assert!(sent >= end, "the partner is never told less than the client");
            let held = binding(BindingStatus::Active, [end.0, sent.0, sent.0, 0], now);
            let renewal = Stamp(now).after(renew);
            prop_assert_eq!(view.lease_time(renewal, Some(&held), desired), desired);
        }

        #[test]
        fn no_address_is_given_while_its_client_or_the_partners_may_have_it(
            old in any_binding(), since in 1..200_000_u32, waited in 0..100_000_u32,
            mclt in 1..10_000_u32, is_down in any::<bool>(),
        ) {
            let view = if is_down {
                partner_down(mclt, since, Owner::Primary)
            } else {
                normal(mclt)
            };
            let now = Stamp(since + waited);
            if old.is_available() || !view.may_give(now, Some(&old)) {
                return Ok(());
            }
            prop_assert!(is_down, "{:?}", old.status);
            prop_assert!(now > old.expires);
            let lead = Seconds(mclt);
            let known = old.acked_potential.max(old.received_potential).max(old.sent_potential);
            prop_assert!(known <= Stamp(since) || now > known.after(lead));
            if old.cltt <= Stamp(since) {
                prop_assert!(now > Stamp(since).after(lead));
                for known in [old.expires, old.sent_potential, old.acked_potential,
                              old.received_potential] {
                    prop_assert!(now > known.after(lead));
                }
            }
        }
    }
}
