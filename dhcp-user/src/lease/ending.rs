//! What time makes of a binding, by the service view of its relationship.

use super::binding::{Binding, WriterId};
use super::view::View;
use crate::wire::{BindingStatus, Stamp};

/// When time alone makes something else of a binding, here; `None` while that is not this server's
/// affair, or never.
pub(super) fn due(binding: &Binding, view: &View) -> Option<Stamp> {
    use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
    match binding.status {
        Active | Abandoned => binding.ends().filter(|_| view.ends_leases),
        // The first moment that is later.
        Expired | Released | Reset => {
            Some(Stamp(view.reusable_after(binding)?.0.saturating_add(1)))
        }
        // Of a partner that is no more.
        Backup if view.mclt.is_none() => Some(Stamp::ZERO),
        Free | Backup => None,
    }
}

/// What a binding becomes whose time is over. With a partner a lease is over for both before the
/// address is free (draft-12 §5.2.2), and so is being set aside: what is ABANDONED is FREE again by
/// way of RESET, as the partner takes nothing else for it (draft-12 §7.1.3).
pub(super) fn ended(binding: &Binding, now: Stamp, view: &View, writer: WriterId) -> Binding {
    let has_partner = view.mclt.is_some();
    let status = match binding.status {
        BindingStatus::Active if has_partner => BindingStatus::Expired,
        BindingStatus::Abandoned if has_partner => BindingStatus::Reset,
        _ => BindingStatus::Free,
    };
    let mut ended = Binding {
        status,
        starts: now,
        told: view.told(),
        writer: Some(writer),
        offered_until: Stamp::ZERO,
        ..binding.clone()
    };
    if status == BindingStatus::Free {
        ended.flags.bootp = false;
    }
    if binding.status == BindingStatus::Abandoned {
        ended.client = None;
    }
    ended
}

/// Whether a binding waits for the partner's word, or for the end of PARTNER-DOWN's waits.
pub(super) fn is_over(status: BindingStatus) -> bool {
    matches!(status, BindingStatus::Expired | BindingStatus::Released | BindingStatus::Reset)
}
