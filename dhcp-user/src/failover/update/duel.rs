//! Both servers have told each other of one address before either answered: whose update goes on (spec
//! §6.3).

use super::conflict::{Ours, Refusal, Theirs};
use crate::config::model::Protocol;
use crate::failover::skew::MAX_SKEW_V6;
use crate::failover::{Dialect, Role};
use crate::lease::Binding;
use crate::wire::Stamp;
use crate::wire::failover::{BindingStatus, Reject};

/// What an unanswered update said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Outstanding {
    pub(super) status: BindingStatus,
    pub(super) cltt: Stamp,
}

/// Whether an update of ours was on its way, and counts no more.
///
/// # Errors
/// It counts, and theirs does not.
pub(super) fn is_lost(now: Stamp, ours: Ours<'_>, theirs: Theirs<'_>) -> Result<bool, Refusal> {
    match ours.outstanding {
        // dhcpd forgets what it is refused, and the lease may be one that its client took after it
        // had left us: of two words on one client's lease theirs is taken, and ours told again.
        Some(own) if ours.dialect == Dialect::Dhcpd && is_one_lease(ours.binding, own, theirs) => {
            Ok(true)
        }
        Some(own) if is_ours_better(ours.role, own, theirs) => {
            Err((Reject::LessCritical, "an update on its way to you matters more"))
        }
        // The client has left since: the partner hears of its lease first, and then of that.
        Some(own)
            if own.status == BindingStatus::Active
                && theirs.status != BindingStatus::Active
                && ours.binding.is_some_and(|binding| binding.status != own.status) =>
        {
            Err((Reject::LessCritical, "what is on its way to you is not all"))
        }
        Some(own)
            if own.status == BindingStatus::Active
                && (is_lease_taken(own, theirs) || outlasts(now, ours, theirs)) =>
        {
            Err((Reject::LessCritical, "a lease on its way to you is newer"))
        }
        own => Ok(own.is_some()),
    }
}

/// Whether both speak of a lease of the same client.
fn is_one_lease(binding: Option<&Binding>, own: Outstanding, theirs: Theirs<'_>) -> bool {
    let same = binding.and_then(|binding| binding.client.as_ref()).zip(theirs.client);
    (own.status, theirs.status) == (BindingStatus::Active, BindingStatus::Active)
        && same.is_some_and(|(one, other)| one.is_same(other))
}

/// Both servers have told each other of one address before either answered: who wins. The partner
/// finds the same (spec §6.3; ISC dhcpd decides so, the draft is silent).
fn is_ours_better(role: Role, own: Outstanding, theirs: Theirs<'_>) -> bool {
    use BindingStatus::{Abandoned, Active, Expired};
    let is_primary = role == Role::Primary;
    match (own.status, theirs.status) {
        // Whoever set the address aside has seen something, and takes nothing else for it.
        (Abandoned, Abandoned) => is_primary,
        (_, Abandoned) => false,
        (Abandoned, _) => true,
        (Active, Active) => {
            let cltt = theirs.cltt.unwrap_or(Stamp::ZERO);
            own.cltt > cltt || own.cltt == cltt && is_primary
        }
        (Active, Expired) => false,
        (Active, _) => is_primary,
        (_, Active) => false,
        _ => is_primary,
    }
}

/// Whether the partner, which said `theirs` and has not heard of our lease yet, takes the lease when
/// it comes, by the figure: then what it said must be refused here, or each had taken the other's.
fn is_lease_taken(own: Outstanding, theirs: Theirs<'_>) -> bool {
    match theirs.status {
        BindingStatus::Free | BindingStatus::Backup => true,
        BindingStatus::Expired => own.cltt > theirs.cltt.unwrap_or(Stamp::ZERO),
        BindingStatus::Reset => theirs.starts.is_some_and(|starts| own.cltt > starts),
        // What the figure asks of these two rules out the other.
        BindingStatus::Released | BindingStatus::Abandoned => false,
        // Decided by who wins the duel.
        BindingStatus::Active => false,
    }
}

/// The same of a lease that is over for the partner, in DHCPv6: there it is taken as long as it goes on,
/// by the partner's clock.
fn outlasts(now: Stamp, ours: Ours<'_>, theirs: Theirs<'_>) -> bool {
    let goes_on = |binding: &Binding| binding.expires.after(MAX_SKEW_V6) > now;
    ours.protocol == Protocol::Dhcpv6
        && theirs.status == BindingStatus::Expired
        && ours.binding.is_some_and(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec §6.3, every pair from both ends: never both win.
    #[test]
    fn both_ends_of_a_duel_find_the_same_winner() {
        use BindingStatus::{Active, Expired};
        let told = |status, cltt| Outstanding { status, cltt: Stamp(cltt) };
        let wins = |role, own: Outstanding, other: Outstanding| {
            let theirs = Theirs {
                status: other.status,
                cltt: Some(other.cltt),
                starts: None,
                expires: None,
                client: None,
                is_reserved_there: false,
                is_reserved_here: false,
            };
            is_ours_better(role, own, theirs)
        };
        for one in BindingStatus::ALL {
            for other in BindingStatus::ALL {
                for (first, second) in [(5, 5), (5, 6), (6, 5)] {
                    let (one, other) = (told(one, first), told(other, second));
                    let primary = wins(Role::Primary, one, other);
                    let secondary = wins(Role::Secondary, other, one);
                    let expected = match (one.status, other.status) {
                        (Active, Active) => first >= second,
                        (BindingStatus::Abandoned, _) => true,
                        (_, BindingStatus::Abandoned) => false,
                        // Neither's: what each has decides, by the figure.
                        (_, Active) | (Active, Expired) => {
                            assert!(!primary && !secondary);
                            continue;
                        }
                        _ => true,
                    };
                    assert_eq!(primary, expected, "{one:?} {other:?}");
                    assert_eq!(secondary, !expected, "{one:?} {other:?}");
                }
            }
        }
    }
}
