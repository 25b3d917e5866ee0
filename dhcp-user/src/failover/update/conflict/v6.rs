//! RFC 8156 §7.5.4: which update is taken is a question of time, and times within five seconds are one.

use super::{Ours, Refusal, Rule, Theirs, is_later_lease};
use crate::failover::Role;
use crate::failover::update::{merge, tie};
use crate::lease::{Binding, Told};
use crate::wire::failover::{BindingStatus, Reject};
use crate::wire::{Seconds, Stamp};

/// Two times that lie no further apart are one (RFC 8156 §7.5.1).
const SAME: Seconds = Seconds(5);

/// Figure 4. Rows: own binding-status in the order of draft-12's numbers. Columns: received, in the same
/// order.
#[rustfmt::skip]
const FIGURE: [[Rule; 7]; 7] = {
    use Rule::{HeardLater as T, HeardSince as S, Over as N, SameClient as C};
    [
    // FREE ACTIVE EXPIRED RELEASED ABANDONED RESET BACKUP
        [T,   T,    T,      T,       T,        T,    T], // FREE
        [N,   C,    N,      T,       T,        T,    N], // ACTIVE
        [T,   T,    T,      T,       T,        T,    T], // EXPIRED
        [T,   T,    T,      T,       T,        T,    T], // RELEASED
        [T,   T,    T,      T,       T,        T,    T], // ABANDONED
        [T,   S,    T,      T,       T,        T,    T], // RESET
        [T,   T,    T,      T,       T,        T,    T], // BACKUP
    ]
};

/// What the figure says of `theirs` where we have `binding`. `has_lost`: an update of ours was on its
/// way, and counts no more.
pub(super) fn judge(
    now: Stamp,
    ours: Ours<'_>,
    theirs: Theirs<'_>,
    binding: &Binding,
    has_lost: bool,
) -> Result<(), Refusal> {
    let heard_since = || theirs.cltt.is_some_and(|cltt| is_later(cltt, binding.starts));
    let is_same = merge::is_same(binding.client.as_ref(), theirs.client);
    match FIGURE[binding.status as usize - 1][theirs.status as usize - 1] {
        Rule::HeardLater if is_repeated(binding, theirs) || outlasts(now, binding, theirs) => {
            Ok(())
        }
        Rule::HeardLater => is_newer(now, ours, theirs, binding, has_lost),
        Rule::Over if now >= binding.expires || is_later_lease(binding, theirs) => Ok(()),
        Rule::Over => Err((Reject::Outdated, "the lease is not over")),
        Rule::HeardSince if heard_since() => Ok(()),
        Rule::HeardSince => Err((Reject::Outdated, "the address was freed by an operator since")),
        Rule::SameClient if is_same || heard_since() || ours.role == Role::Secondary => Ok(()),
        Rule::SameClient => Err((Reject::InUse, "the address is in use by another client")),
        // In draft-12's figure alone.
        Rule::Accept | Rule::Never | Rule::Unheard => Ok(()),
    }
}

/// Whether the partner says once more what is known, though it is older by now: its answer was lost.
fn is_repeated(binding: &Binding, theirs: Theirs<'_>) -> bool {
    let is_alike = binding.status == theirs.status
        && theirs.starts.is_some_and(|starts| is_one(starts, binding.starts));
    let is_nobodys = binding.client.is_none() && theirs.client.is_none();
    is_alike && (is_nobodys || merge::is_same(binding.client.as_ref(), theirs.client))
}

/// Whether the client's lease goes on at the partner, which heard it earlier but promised more: its own
/// clock tells it not to take the end that we know (time(1)), and the client may go by either.
///
/// Departs from RFC 8156 §7.5.4, which has an older ACTIVE refused where the lease is EXPIRED: each would
/// refuse the other until the longer lease is over. Nobody else has had it since.
fn outlasts(now: Stamp, binding: &Binding, theirs: Theirs<'_>) -> bool {
    (binding.status, theirs.status) == (BindingStatus::Expired, BindingStatus::Active)
        && theirs.expires.is_some_and(|expires| expires > now)
}

/// The rule that most of the figure is.
fn is_newer(
    now: Stamp,
    ours: Ours<'_>,
    theirs: Theirs<'_>,
    binding: &Binding,
    has_lost: bool,
) -> Result<(), Refusal> {
    use BindingStatus::{Active, Expired, Released, Reset};
    const OUTDATED: Refusal = (Reject::Outdated, "what is known here is newer");
    let told = match theirs.status {
        Active | Expired | Released => theirs.cltt.or(theirs.starts),
        _ => theirs.cltt.max(theirs.starts),
    };
    let told = told.unwrap_or(Stamp::ZERO);
    let is_leased = |status| status == Active;
    let known = match binding.cltt {
        // Where nobody was heard, its being free is no word about who has it.
        Stamp::ZERO if binding.is_available() && is_leased(theirs.status) => Stamp::ZERO,
        Stamp::ZERO => binding.starts,
        cltt => cltt,
    };
    if known == Stamp::ZERO || is_later(told, known) {
        return Ok(());
    }
    // Whoever loses a duel gives way, or both would keep what they have for good. Not about a lease:
    // then the partner may find that it has lost, too, and each take the other's word.
    if has_lost && !is_leased(binding.status) && !is_leased(theirs.status) {
        return Ok(());
    }
    if is_later(known, told) {
        return Err(OUTDATED);
    }
    // Departs from RFC 8156 §7.5.1, by which both are of one time. A client that left the partner and came
    // to us within it would lose its lease before the partner has heard of that.
    let is_ended = matches!(theirs.status, Released | Reset);
    if is_leased(binding.status) && is_ended && binding.told != Told::Acknowledged && told <= known
    {
        return Err(OUTDATED);
    }
    // Of one time: nobody who has told nothing has reason to refuse. If both have, one has.
    if !has_lost || tie::is_theirs(now, ours, binding, theirs, has_lost) {
        return Ok(());
    }
    Err(OUTDATED)
}

/// Whether both are one time.
fn is_one(one: Stamp, other: Stamp) -> bool {
    one.0.abs_diff(other.0) <= SAME.0
}

fn is_later(one: Stamp, than: Stamp) -> bool {
    one > than && !is_one(one, than)
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;
    use crate::config::model::Protocol;
    use crate::failover::Dialect;
    use crate::failover::update::duel::Outstanding;
    use crate::lease::{Client, ClientKey, ItemKind};

    const NOW: Stamp = Stamp(1_000);

    fn client(name: u8) -> Client {
        let octets = [0, 0, 0, 1, 0, 3, 0, 1, name];
        Client::builder(ClientKey { kind: ItemKind::IaAddresses, octets: &octets }).build()
    }

    /// Of client 1, heard at 500, in this status since 600, until 2,000.
    fn binding(status: BindingStatus) -> Binding {
        Binding {
            cltt: Stamp(500),
            expires: Stamp(2_000),
            client: Some(client(1)),
            ..Binding::new(status, Stamp(600))
        }
    }

    /// What is said of client 2, if not otherwise.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        role: Role,
        own: BindingStatus,
        outstanding: bool,
        cltt: Option<u32>,
        starts: u32,
        number: u8,
        told: Told,
        /// Of our lease.
        expires: u32,
        /// Of theirs.
        ends: Option<u32>,
    }

    impl Case {
        fn of(own: BindingStatus) -> Self {
            let role = Role::Primary;
            let (told, expires) = (Told::Acknowledged, 2_000);
            Self {
                role,
                own,
                outstanding: false,
                cltt: None,
                starts: 700,
                number: 2,
                told,
                expires,
                ends: None,
            }
        }

        fn judge(self, status: BindingStatus) -> Option<Reject> {
            let expires = Stamp(self.expires);
            let binding = Binding { told: self.told, expires, ..binding(self.own) };
            self.judge_against(binding, status)
        }

        fn judge_against(self, binding: Binding, status: BindingStatus) -> Option<Reject> {
            let client = client(self.number);
            let outstanding =
                self.outstanding.then_some(Outstanding { status: self.own, cltt: binding.cltt });
            let ours = Ours {
                protocol: Protocol::Dhcpv6,
                role: self.role,
                dialect: Dialect::Tandem,
                binding: Some(&binding),
                outstanding,
            };
            let theirs = Theirs {
                status,
                cltt: self.cltt.map(Stamp),
                starts: Some(Stamp(self.starts)),
                expires: self.ends.map(Stamp),
                client: Some(&client),
                is_reserved_there: false,
                is_reserved_here: false,
            };
            judge(NOW, ours, theirs).err().map(|(reason, _)| reason)
        }
    }

    use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};

    const COLUMNS: [BindingStatus; 7] = [Active, Expired, Released, Free, Backup, Reset, Abandoned];

    /// RFC 8156 figure 4, cell by cell: what is older by six seconds, before our lease is over.
    #[test]
    fn what_no_condition_favours_is_refused_as_the_figure_has_it() {
        const OLD: Option<Reject> = Some(Reject::Outdated);
        for own in BindingStatus::ALL {
            for status in COLUMNS {
                let case = Case { cltt: Some(494), starts: 494, ..Case::of(own) };
                let expected =
                    if (own, status) == (Active, Active) { Some(Reject::InUse) } else { OLD };
                assert_eq!(case.judge(status), expected, "{own:?}, {status:?}");
            }
        }
    }

    /// The same figure, heard later than all that is known here.
    #[test]
    fn what_is_newer_is_taken_but_for_the_end_of_a_lease_that_is_not_over() {
        for own in BindingStatus::ALL {
            for status in COLUMNS {
                let case = Case { cltt: Some(900), starts: 900, ..Case::of(own) };
                let is_refused = own == Active && matches!(status, Expired | Free | Backup);
                let expected = is_refused.then_some(Reject::Outdated);
                assert_eq!(case.judge(status), expected, "{own:?}, {status:?}");
            }
        }
    }

    /// A7: rejected only if what is known here is later by more than five seconds.
    #[test]
    fn a07_times_within_five_seconds_are_one() {
        for own in [Free, Backup, Expired, Released, Reset, Abandoned] {
            for status in COLUMNS.into_iter().filter(|it| (own, *it) != (Reset, Active)) {
                let at = |cltt| Case { cltt: Some(cltt), starts: cltt, ..Case::of(own) };
                assert_eq!(at(495).judge(status), None, "{own:?}, {status:?}");
                assert_eq!(at(494).judge(status), Some(Reject::Outdated), "{own:?}, {status:?}");
            }
        }
    }

    /// Unless the lease was extended here and the partner has not heard of it: it would lose to the end of
    /// what it was before.
    #[test]
    fn a07_a_lease_that_the_partner_has_not_heard_of_is_not_ended_by_what_is_no_later() {
        for status in [Released, Reset] {
            for told in [Told::Unsent, Told::Sent, Told::Acknowledged] {
                let at = |cltt| Case {
                    told,
                    cltt: Some(cltt),
                    starts: cltt,
                    number: 1,
                    ..Case::of(Active)
                };
                let kept = (told != Told::Acknowledged).then_some(Reject::Outdated);
                assert_eq!(at(498).judge(status), kept, "{status:?}, {told:?}");
                assert_eq!(at(500).judge(status), kept, "{status:?}, {told:?}");
                assert_eq!(at(502).judge(status), None, "the client left after that");
            }
        }
    }

    /// A37: what is known already is no news, however old.
    #[test]
    fn a37_an_update_that_says_what_is_known_is_taken_again() {
        for own in [Free, Backup, Expired, Released, Reset, Abandoned] {
            let old = |starts, number| Case { cltt: Some(400), starts, number, ..Case::of(own) };
            let stated = |case: Case| if own == Active { None } else { case.judge(own) };
            // Of these statuses the later of the two times counts, which is no older then.
            let is_by_state = matches!(own, Free | Backup | Reset | Abandoned);
            assert_eq!(stated(old(605, 1)), None, "{own:?}");
            let another = (!is_by_state).then_some(Reject::Outdated);
            assert_eq!(stated(old(605, 2)), another, "{own:?} of another client");
            assert_eq!(stated(old(480, 1)), Some(Reject::Outdated), "{own:?} of before");
        }
    }

    /// RFC 8156 §7.5.4, time(1): not a second before.
    #[test]
    fn a_lease_is_over_when_it_is_by_our_clock() {
        for status in [Expired, Free, Backup] {
            let ending = |expires| Case { cltt: Some(900), expires, ..Case::of(Active) };
            assert_eq!(ending(NOW.0).judge(status), None, "{status:?}");
            assert_eq!(ending(NOW.0 + 1).judge(status), Some(Reject::Outdated), "{status:?}");
        }
    }

    /// The partner served the client alone, for a shorter time than we had told it.
    #[test]
    fn the_end_of_a_later_lease_of_the_same_client_is_taken() {
        let case = Case { cltt: Some(900), number: 1, ..Case::of(Active) };
        assert_eq!(case.judge(Expired), None);
        let of_another = Case { number: 2, ..case };
        let untold = Case { told: Told::Sent, ..case };
        let no_later = Case { cltt: Some(500), ..case };
        for case in [of_another, untold, no_later] {
            assert_eq!(case.judge(Expired), Some(Reject::Outdated), "{case:?}");
        }
    }

    /// Both served the client alone: the partner first, and for longer.
    #[test]
    fn a_lease_that_goes_on_at_the_partner_is_taken_though_it_is_over_here() {
        let case = |own, ends| Case { cltt: Some(400), number: 1, ends, ..Case::of(own) };
        assert_eq!(case(Expired, Some(NOW.0 + 1)).judge(Active), None);
        assert_eq!(case(Expired, Some(NOW.0)).judge(Active), Some(Reject::Outdated), "it is over");
        assert_eq!(case(Expired, Some(9_000)).judge(Released), Some(Reject::Outdated));
        for own in [Released, Free, Backup, Abandoned] {
            let judged = case(own, Some(9_000)).judge(Active);
            assert_eq!(
                judged,
                Some(Reject::Outdated),
                "{own:?}: the client left, or another may have it"
            );
        }
        // And there the end that we know is refused meanwhile.
        let there = Case { cltt: Some(900), number: 1, told: Told::Unsent, ..Case::of(Active) };
        assert_eq!(there.judge(Expired), Some(Reject::Outdated));
    }

    /// The lease of one client, longer here and heard later there: of two updates that cross never both are
    /// taken, or each would believe the other's.
    #[test]
    fn of_a_lease_that_goes_on_here_and_is_over_there_one_word_is_taken() {
        let judged = |expires, told| {
            let crossed = Case { number: 1, outstanding: true, ..Case::of(Active) };
            let here = Case { cltt: Some(900), expires, told, ..crossed };
            let ends = Some(expires);
            let mut over = Binding { cltt: Stamp(900), expires: NOW, ..binding(Expired) };
            over.told = Told::Unsent;
            let there = Case { own: Expired, cltt: Some(500), ends, ..crossed };
            (here.judge(Expired).is_none(), there.judge_against(over, Active).is_none())
        };
        for told in [Told::Acknowledged, Told::Sent, Told::Unsent] {
            for expires in [NOW.0 + 1, NOW.0 + 9_000] {
                assert_eq!(judged(expires, told), (false, true), "{told:?}");
            }
            assert_eq!(judged(NOW.0 - 60, told), (true, false), "{told:?}: it is over");
        }
    }

    /// It was given to the other server, or offered to somebody, since the partner leased it.
    #[test]
    fn what_nobody_was_ever_heard_of_is_taken_to_be_leased_whenever_it_became_free() {
        for own in [Free, Backup] {
            let case = |status| {
                let case = Case { cltt: Some(400), starts: 400, ..Case::of(own) };
                case.judge_against(
                    Binding { cltt: Stamp::ZERO, client: None, ..binding(own) },
                    status,
                )
            };
            assert_eq!(case(Active), None, "{own:?}");
            let is_other = |status: &BindingStatus| *status != Active && *status != own;
            for status in COLUMNS.into_iter().filter(is_other) {
                assert_eq!(case(status), Some(Reject::Outdated), "{own:?}, {status:?}");
            }
        }
    }

    /// RFC 8156 §7.5.4, accept(3): between two primaries' ideas the later contact decides, and else the
    /// primary's lease stays.
    #[test]
    fn of_two_clients_the_primarys_keeps_the_lease_unless_the_other_was_heard_since() {
        let case = |role, cltt, number| Case { role, cltt: Some(cltt), number, ..Case::of(Active) };
        assert_eq!(case(Role::Primary, 605, 2).judge(Active), Some(Reject::InUse));
        assert_eq!(case(Role::Primary, 606, 2).judge(Active), None);
        assert_eq!(case(Role::Primary, 100, 1).judge(Active), None, "the same client");
        assert_eq!(case(Role::Secondary, 100, 2).judge(Active), None);
    }

    /// Both speak before either has heard: never does each take the other's word for its own.
    #[test]
    fn of_two_updates_that_cross_both_sides_never_take_the_others() {
        for one in BindingStatus::ALL {
            for other in BindingStatus::ALL {
                for apart in [-20, -6, -5, 0, 5, 6, 20] {
                    let at = |other: u32| other.checked_add_signed(apart).unwrap();
                    let first = Case {
                        outstanding: true,
                        told: Told::Sent,
                        cltt: Some(at(500)),
                        starts: at(500),
                        number: 1,
                        ..Case::of(one)
                    };
                    let second = Case {
                        outstanding: true,
                        told: Told::Sent,
                        cltt: Some(500_u32.checked_add_signed(-apart).unwrap()),
                        starts: 500_u32.checked_add_signed(-apart).unwrap(),
                        role: Role::Secondary,
                        number: 1,
                        ..Case::of(other)
                    };
                    let both = first.judge(other).is_none() && second.judge(one).is_none();
                    let is_lease = (one == Active) != (other == Active);
                    assert!(!(both && is_lease), "{one:?} and {other:?}, {apart} apart");
                }
            }
        }
    }
}
