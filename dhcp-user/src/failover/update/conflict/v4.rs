//! draft-12 figure 7.1.3-1, with what is departed from.

use super::{Ours, ROUNDING, Refusal, Rule, Theirs, is_later_lease};
use crate::failover::update::tie;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, Told};
use crate::wire::Stamp;
use crate::wire::failover::{BindingStatus, Reject};

/// Figure 7.1.3-1. Rows: own binding-status in the order of its numbers. Columns: received, in the
/// same order.
#[rustfmt::skip]
const FIGURE: [[Rule; 7]; 7] = {
    use Rule::{Accept as A, HeardLater as L, HeardSince as S, Never as N, Over as O, SameClient as C};
    use Rule::Unheard as U;
    [
    // FREE ACTIVE EXPIRED RELEASED ABANDONED RESET BACKUP
        [A,   A,    A,      A,       A,        A,    A], // FREE
        [O,   C,    O,      L,       A,        U,    O], // ACTIVE
        [A,   L,    A,      A,       A,        A,    A], // EXPIRED
        [A,   L,    L,      A,       A,        A,    A], // RELEASED
        [N,   N,    N,      N,       A,        A,    N], // ABANDONED
        [A,   S,    A,      A,       A,        A,    A], // RESET
        [A,   A,    A,      A,       A,        A,    A], // BACKUP
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
    let status = binding.status;
    let heard_after =
        |known: Stamp| theirs.cltt.is_some_and(|cltt| known == Stamp::ZERO || cltt > known);
    match FIGURE[status as usize - 1][theirs.status as usize - 1] {
        Rule::Accept => Ok(()),
        // Whoever loses a duel gives way, or both would keep what they have for good. Not about a
        // lease: then the partner may find that it has lost, too, and each take the other's word.
        Rule::HeardLater
            if has_lost
                && status != BindingStatus::Active
                && theirs.status != BindingStatus::Active =>
        {
            Ok(())
        }
        Rule::HeardLater if heard_after(binding.cltt) => Ok(()),
        Rule::HeardLater
            if theirs.cltt == Some(binding.cltt)
                && tie::is_theirs(now, ours, binding, theirs, has_lost) =>
        {
            Ok(())
        }
        // Both answered one request, at not quite the same time, and theirs ends later: the partner
        // refuses to end it, and nobody else has had the address since.
        Rule::HeardLater
            if status == BindingStatus::Expired
                && theirs.status == BindingStatus::Active
                && theirs.expires.is_some_and(|expires| expires > now) =>
        {
            Ok(())
        }
        Rule::HeardLater => Err((Reject::Outdated, "the client was heard here since")),
        // The partner's sweep ends it in the second in which it is over, and that may be told at once.
        Rule::Over if now.after(ROUNDING) >= binding.expires => Ok(()),
        Rule::Over if ours.dialect == Dialect::Tandem && is_later_lease(binding, theirs) => Ok(()),
        Rule::Over => Err((Reject::Outdated, "the lease is not over")),
        Rule::HeardSince if heard_after(binding.starts) => Ok(()),
        Rule::HeardSince => Err((Reject::Outdated, "the address was freed by an operator since")),
        // Departs from draft-12 figure 7.1.3-1, which takes every RESET. The operator freed the address
        // where nobody had heard that its client goes on, here: the partner takes this lease for it (3).
        Rule::Unheard
            if ours.dialect == Dialect::Tandem
                && binding.told != Told::Acknowledged
                && binding.expires > now
                && theirs.starts.is_some_and(|starts| binding.cltt > starts.after(ROUNDING)) =>
        {
            Err((Reject::Outdated, "the client was heard here since"))
        }
        Rule::Unheard => Ok(()),
        // Its time is over, and whether the sweep has been here is nobody's affair: in NORMAL it is
        // the primary's alone, and a secondary that was away then would refuse for ever.
        Rule::Never if now >= binding.expires => Ok(()),
        // The partner has known of it, and has freed the address since.
        Rule::Never
            if binding.told == Told::Acknowledged && theirs.starts > Some(binding.starts) =>
        {
            Ok(())
        }
        Rule::Never => Err((Reject::LessCritical, "the address is unusable")),
        // The partner may well have given the address to another client since, alone.
        Rule::SameClient if now >= binding.expires => Ok(()),
        Rule::SameClient if has_lost || ours.role == Role::Secondary => Ok(()),
        Rule::SameClient => {
            let same = binding.client.as_ref().zip(theirs.client);
            if same.is_some_and(|(one, other)| one.is_same(other)) {
                return Ok(());
            }
            Err((Reject::InUse, "the address is in use by another client"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;
    use crate::config::model::Protocol;
    use crate::failover::update::duel::Outstanding;
    use crate::lease::{Client, ClientKey, ItemKind};
    use crate::wire::Seconds;

    const NOW: Stamp = Stamp(1_000);

    fn client(name: &[u8]) -> Client {
        Client::builder(ClientKey { kind: ItemKind::Identifier, octets: name }).build()
    }

    fn binding(status: BindingStatus) -> Binding {
        Binding {
            told: Told::Unsent,
            cltt: Stamp(500),
            expires: Stamp(2_000),
            client: Some(client(b"a")),
            ..Binding::new(status, Stamp(600))
        }
    }

    struct Case {
        role: Role,
        dialect: Dialect,
        ours: Option<Binding>,
        outstanding: Option<Outstanding>,
        cltt: Option<Stamp>,
        expires: Option<Stamp>,
        client: Client,
        is_reserved_there: bool,
        is_reserved_here: bool,
    }

    impl Case {
        fn of(ours: Option<Binding>) -> Self {
            Self {
                role: Role::Primary,
                dialect: Dialect::Tandem,
                ours,
                outstanding: None,
                cltt: None,
                expires: None,
                client: client(b"a"),
                is_reserved_there: false,
                is_reserved_here: false,
            }
        }

        fn judge(&self, status: BindingStatus) -> Option<Reject> {
            let ours = Ours {
                protocol: Protocol::Dhcpv4,
                role: self.role,
                dialect: self.dialect,
                binding: self.ours.as_ref(),
                outstanding: self.outstanding,
            };
            let theirs = Theirs {
                status,
                cltt: self.cltt,
                starts: Some(Stamp(700)),
                expires: self.expires,
                client: Some(&self.client),
                is_reserved_there: self.is_reserved_there,
                is_reserved_here: self.is_reserved_here,
            };
            judge(NOW, ours, theirs).err().map(|(reason, _)| reason)
        }
    }

    /// draft-12 figure 7.1.3-1, cell by cell: what is said of an update that no condition favours.
    #[test]
    fn an_update_that_no_condition_favours_is_refused_where_the_figure_has_a_number() {
        use BindingStatus::*;
        const OLD: Option<Reject> = Some(Reject::Outdated);
        const LESS: Option<Reject> = Some(Reject::LessCritical);
        let used = Some(Reject::InUse);
        let columns = [Active, Expired, Released, Free, Backup, Reset, Abandoned];
        let figure = [
            (Active, [used, OLD, OLD, OLD, OLD, None, None]),
            (Expired, [OLD, None, None, None, None, None, None]),
            (Released, [OLD, OLD, None, None, None, None, None]),
            (Free, [None; 7]),
            (Backup, [None; 7]),
            (Reset, [OLD, None, None, None, None, None, None]),
            (Abandoned, [LESS, LESS, LESS, LESS, LESS, None, None]),
        ];
        for (own, row) in figure {
            for (status, expected) in columns.into_iter().zip(row) {
                let mut case = Case::of(Some(binding(own)));
                case.client = client(b"b");
                assert_eq!(case.judge(status), expected, "{own:?}, {status:?} without a time");
                case.cltt = Some(Stamp(499)); // no later than ours
                assert_eq!(case.judge(status), expected, "{own:?}, {status:?} too early");
                case.cltt = Some(Stamp(500));
                let expected = expected.filter(|_| (own, status) != (Released, Active));
                assert_eq!(case.judge(status), expected, "{own:?}, {status:?} as late");
            }
        }
        for status in columns {
            assert_eq!(Case::of(None).judge(status), None, "never used: {status:?}");
        }
    }

    /// The same figure, every condition met.
    #[test]
    fn an_update_that_every_condition_favours_is_taken_everywhere() {
        for own in BindingStatus::ALL {
            for status in BindingStatus::ALL {
                let mut case = Case::of(Some(Binding { expires: Stamp(999), ..binding(own) }));
                case.cltt = Some(Stamp(601));
                assert_eq!(case.judge(status), None, "{own:?}, {status:?}");
            }
        }
    }

    #[test]
    fn each_condition_is_one_of_its_own() {
        use BindingStatus::*;
        let over = Some(Binding { expires: Stamp(999), ..binding(Active) });
        let mut case = Case::of(over);
        assert_eq!([Expired, Free, Backup].map(|it| case.judge(it)), [None; 3]);
        assert_eq!(case.judge(Released), Some(Reject::Outdated), "it asks for the time");
        case.ours = Some(Binding { expires: NOW.after(ROUNDING), ..binding(Active) });
        assert_eq!(case.judge(Expired), None, "over just now by the partner's clock");
        case.ours = Some(Binding { expires: NOW.after(Seconds(2)), ..binding(Active) });
        assert_eq!(case.judge(Expired), Some(Reject::Outdated), "not quite over");
        case.ours = Some(binding(Active));
        case.cltt = Some(Stamp(501));
        assert_eq!(case.judge(Released), None);
        assert_eq!(case.judge(Expired), Some(Reject::Outdated), "it asks for the lease's end");
        case.ours = Some(binding(Reset));
        assert_eq!(case.judge(Active), Some(Reject::Outdated), "later than 500, not than 600");
        case.ours = Some(Binding { cltt: Stamp::ZERO, ..binding(Released) });
        case.cltt = Some(Stamp(1));
        assert_eq!(case.judge(Active), None, "a time came, and none is recorded");
    }

    /// Freed at the partner, which did not hear the client any more.
    #[test]
    fn a_lease_that_was_renewed_here_after_the_partners_operator_freed_it_goes_on() {
        use BindingStatus::{Active, Reset};
        let heard = |cltt| Binding { cltt: Stamp(cltt), ..binding(Active) };
        // Freed at 700.
        let mut case = Case::of(Some(heard(702)));
        assert_eq!(case.judge(Reset), Some(Reject::Outdated));
        let taken = [
            (heard(701), "as late"),
            (Binding { told: Told::Acknowledged, ..heard(800) }, "the operator knew"),
            (Binding { expires: NOW, ..heard(800) }, "over"),
        ];
        for (ours, why) in taken {
            case.ours = Some(ours);
            assert_eq!(case.judge(Reset), None, "{why}");
        }
        case.ours = Some(heard(800));
        case.dialect = Dialect::Dhcpd;
        assert_eq!(case.judge(Reset), None, "dhcpd would not hear of it");
        // And there.
        let mut there = Case::of(Some(Binding { starts: Stamp(700), ..binding(Reset) }));
        there.cltt = Some(Stamp(701));
        assert_eq!(there.judge(Active), None);
    }

    /// A client that is given an address and releases it within a second.
    #[test]
    fn of_one_second_the_partners_word_holds_unless_ours_is_news_to_it() {
        let mut case = Case::of(Some(binding(BindingStatus::Active)));
        case.cltt = Some(Stamp(500));
        assert_eq!(case.judge(BindingStatus::Released), Some(Reject::Outdated));
        let told = Told::Acknowledged;
        case.ours = Some(Binding { told, ..binding(BindingStatus::Active) });
        assert_eq!(case.judge(BindingStatus::Released), None);
        case.cltt = Some(Stamp(499));
        assert_eq!(case.judge(BindingStatus::Released), Some(Reject::Outdated));
    }

    /// A client that left dhcpd and came to us within one second, and dhcpd told of it when it had taken
    /// our lease.
    #[test]
    fn a_release_with_the_end_of_a_lease_that_dhcpd_was_told_since_releases_nothing() {
        let acknowledged = Binding { told: Told::Acknowledged, ..binding(BindingStatus::Active) };
        let mut case = Case::of(Some(acknowledged));
        case.dialect = Dialect::Dhcpd;
        case.cltt = Some(Stamp(500));
        case.expires = Some(NOW);
        assert_eq!(case.judge(BindingStatus::Released), None, "it was released just now");
        case.expires = Some(Stamp(2_000));
        assert_eq!(case.judge(BindingStatus::Released), Some(Reject::Outdated));
        case.cltt = Some(Stamp(501));
        assert_eq!(case.judge(BindingStatus::Released), None, "the client came to dhcpd after us");
    }

    /// A client that renewed with us, left us and came to dhcpd within one second.
    #[test]
    fn dhcpds_word_on_the_same_clients_lease_is_taken_though_ours_is_on_its_way() {
        use BindingStatus::{Active, Released};
        let mut case = Case::of(Some(binding(Released)));
        case.outstanding = Some(Outstanding { status: Active, cltt: Stamp(500) });
        case.cltt = Some(Stamp(500));
        assert_eq!(case.judge(Active), Some(Reject::LessCritical), "two Tandems find a winner");
        case.dialect = Dialect::Dhcpd;
        assert_eq!(case.judge(Active), None);
        case.client = client(b"b");
        assert_eq!(case.judge(Active), Some(Reject::LessCritical), "another's is another matter");
    }

    /// Released at the partner while the link was down, granted anew for less time, and over.
    #[test]
    fn a_later_lease_of_the_client_that_is_over_at_the_partner_is_over() {
        use BindingStatus::{Active, Expired};
        let acknowledged = Binding { told: Told::Acknowledged, ..binding(Active) };
        let mut case = Case::of(Some(acknowledged));
        case.cltt = Some(Stamp(500));
        assert_eq!(case.judge(Expired), Some(Reject::Outdated), "the lease that we know of");
        case.cltt = Some(Stamp(501));
        assert_eq!(case.judge(Expired), None);
        case.client = client(b"b");
        assert_eq!(case.judge(Expired), Some(Reject::Outdated), "another client's");
        case.client = client(b"a");
        case.ours = Some(binding(Active));
        assert_eq!(case.judge(Expired), Some(Reject::Outdated), "it does not know of ours");
    }

    #[test]
    fn another_clients_lease_is_taken_by_the_secondary_alone() {
        use BindingStatus::Active;
        let mut case = Case::of(Some(binding(Active)));
        assert_eq!(case.judge(Active), None);
        case.client = client(b"b");
        case.cltt = Some(Stamp(900));
        assert_eq!(case.judge(Active), Some(Reject::InUse));
        case.role = Role::Secondary;
        assert_eq!(case.judge(Active), None);
    }

    #[test]
    fn a_reserved_address_is_offered_to_who_has_the_reservation_alone() {
        let mut case = Case::of(Some(binding(BindingStatus::Free)));
        case.is_reserved_there = true;
        assert_eq!(case.judge(BindingStatus::Backup), Some(Reject::NotReserved));
        assert_eq!(case.judge(BindingStatus::Free), None);
        assert_eq!(case.judge(BindingStatus::Active), None);
        case.is_reserved_here = true;
        assert_eq!(case.judge(BindingStatus::Backup), None);
    }

    /// Or the secondary would give it to its client, and the primary to another.
    #[test]
    fn a_primary_hears_that_an_address_is_still_reserved_here() {
        let mut case = Case::of(Some(binding(BindingStatus::Backup)));
        case.is_reserved_here = true;
        assert_eq!(case.judge(BindingStatus::Free), None, "given up by the secondary");
        case.role = Role::Secondary;
        assert_eq!(case.judge(BindingStatus::Free), Some(Reject::NotReserved));
        assert_eq!(case.judge(BindingStatus::Expired), None);
    }

    #[test]
    fn a_client_that_came_back_after_a_reset_keeps_its_address_on_both_ends() {
        let mut case = Case::of(Some(binding(BindingStatus::Active)));
        case.role = Role::Secondary;
        let mut reset = |cltt| {
            let active = BindingStatus::Active;
            case.outstanding = Some(Outstanding { status: active, cltt: Stamp(cltt) });
            case.judge(BindingStatus::Reset)
        };
        assert_eq!(reset(700), None);
        assert_eq!(reset(701), Some(Reject::LessCritical));
    }

    /// Found by chance: the lease ended while both updates were on their way.
    #[test]
    fn an_address_that_is_given_away_and_leased_at_once_stays_leased_on_both_ends() {
        let over = Binding { expires: Stamp(999), ..binding(BindingStatus::Active) };
        let mut case = Case::of(Some(over));
        case.role = Role::Secondary;
        case.cltt = Some(Stamp(499));
        for status in [BindingStatus::Free, BindingStatus::Backup, BindingStatus::Expired] {
            case.outstanding = None;
            assert_eq!(case.judge(status), None);
            case.outstanding =
                Some(Outstanding { status: BindingStatus::Active, cltt: Stamp(500) });
            assert_eq!(case.judge(status), Some(Reject::LessCritical), "{status:?}");
        }
        case.cltt = Some(Stamp(500));
        assert_eq!(case.judge(BindingStatus::Expired), None, "the partner refuses the lease");
    }

    /// Found by chance: both took the other's, as the partner was told of the lease alone.
    #[test]
    fn nothing_is_taken_of_a_client_that_left_while_its_lease_was_told() {
        let mut case = Case::of(Some(binding(BindingStatus::Released)));
        case.role = Role::Secondary;
        case.cltt = Some(Stamp(501));
        case.outstanding = Some(Outstanding { status: BindingStatus::Active, cltt: Stamp(500) });
        assert_eq!(case.judge(BindingStatus::Released), Some(Reject::LessCritical));
        assert_eq!(case.judge(BindingStatus::Active), None, "it came back to the partner");
        case.outstanding = None;
        assert_eq!(case.judge(BindingStatus::Released), None);
    }

    #[test]
    fn a_lost_duel_decides_between_two_clients_too() {
        let mut case = Case::of(Some(binding(BindingStatus::Active)));
        case.client = client(b"b");
        case.cltt = Some(Stamp(900));
        case.outstanding = Some(Outstanding { status: BindingStatus::Active, cltt: Stamp(500) });
        assert_eq!(case.judge(BindingStatus::Active), None);
        case.outstanding = Some(Outstanding { status: BindingStatus::Active, cltt: Stamp(901) });
        assert_eq!(case.judge(BindingStatus::Active), Some(Reject::LessCritical));
    }
}
