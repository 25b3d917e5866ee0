//! The numbers that RFC 8156 gives to states and binding-status, which are others than draft-12's.

use super::Resource;
use crate::wire::failover::{BindingStatus, State};

/// server-state (RFC 8156 §5.5.16); STARTUP is a flag, and never a state that is told.
pub(super) fn of_state(state: State) -> Option<u8> {
    STATES.iter().find(|(_, known)| *known == state).map(|(number, _)| *number)
}

/// The state of this number, if it may be told.
pub(super) fn state(number: u8) -> Option<State> {
    STATES.iter().find(|(known, _)| *known == number).map(|(_, state)| *state)
}

const STATES: [(u8, State); 9] = [
    (2, State::Normal),
    (3, State::CommunicationsInterrupted),
    (4, State::PartnerDown),
    (5, State::PotentialConflict),
    (6, State::Recover),
    (7, State::RecoverWait),
    (8, State::RecoverDone),
    (9, State::ResolutionInterrupted),
    (10, State::ConflictDone),
];

/// binding-status (RFC 8156 §5.5.1).
pub(super) fn of_status(status: BindingStatus) -> u8 {
    match status {
        BindingStatus::Active => 1,
        BindingStatus::Expired => 2,
        BindingStatus::Released => 3,
        BindingStatus::Free => 5,
        BindingStatus::Backup => 6,
        BindingStatus::Abandoned => 7,
        BindingStatus::Reset => 8,
    }
}

/// The status of this number for `resource`; `None` for one that has no meaning.
///
/// PENDING-FREE is what a lease passes through, and is read as what comes behind it: a prefix goes to
/// the primary, and of two addresses the odd one (RFC 8156 §7.2; its figure 3 has the rows swapped).
pub(super) fn status(number: u8, resource: Resource) -> Option<BindingStatus> {
    Some(match number {
        1 => BindingStatus::Active,
        2 => BindingStatus::Expired,
        3 => BindingStatus::Released,
        4 => match resource {
            Resource::Address(address) if address.to_bits() & 1 == 0 => BindingStatus::Backup,
            _ => BindingStatus::Free,
        },
        5 => BindingStatus::Free,
        6 => BindingStatus::Backup,
        7 => BindingStatus::Abandoned,
        8 => BindingStatus::Reset,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::wire::Ipv6Prefix;

    #[test]
    fn every_state_but_those_of_draft_12_alone_has_a_number() {
        for number in 0..=u8::MAX {
            let known = state(number);
            assert_eq!(known.is_some(), (2..=10).contains(&number), "{number}");
            assert!(known.is_none_or(|state| of_state(state) == Some(number)));
        }
        for none in [State::Startup, State::Paused, State::Shutdown] {
            assert_eq!(of_state(none), None);
        }
    }

    #[test]
    fn every_status_has_a_number_and_pending_free_is_what_it_becomes() {
        let odd = Resource::Address(Ipv6Addr::LOCALHOST);
        let even = Resource::Address(Ipv6Addr::UNSPECIFIED);
        let prefix = Resource::Prefix(Ipv6Prefix::containing(Ipv6Addr::UNSPECIFIED, 56));
        for known in BindingStatus::ALL {
            assert_eq!(status(of_status(known), even), Some(known));
        }
        assert_eq!(status(4, odd), Some(BindingStatus::Free));
        assert_eq!(status(4, even), Some(BindingStatus::Backup));
        assert_eq!(status(4, prefix), Some(BindingStatus::Free));
        for none in [0, 9, 255] {
            assert_eq!(status(none, odd), None);
        }
    }
}
