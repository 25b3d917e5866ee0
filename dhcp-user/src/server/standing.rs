//! What an address or prefix is to one client, by its binding.

use crate::lease::{Binding, BindingStatus, Owner, Told, View};
use crate::wire::Stamp;

/// What an address is to one client. Ascending in how much it is the client's.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Standing {
    /// Another client has it or was offered it, or it is set aside.
    Taken,
    /// The partner's to give, or the partner may have given it without our knowing.
    Partners,
    /// Anybody's.
    Open,
    /// The client had it last, and nobody has it now.
    Past,
    /// Offered to the client.
    Offered,
    /// The client has it.
    Held,
}

impl Standing {
    /// Whether the client may be given the address.
    pub(super) fn is_usable(self) -> bool {
        self >= Self::Open
    }

    /// The binding after `old`, at `now`, in the status that follows. A `starts` is kept as long as its
    /// status is. An offer is no transaction: the partner's word of a lease is not older for it.
    pub(super) fn next(
        self,
        old: Option<&Binding>,
        now: Stamp,
        status: impl Fn(BindingStatus) -> BindingStatus,
    ) -> Binding {
        let old = old.cloned();
        let mut new = old.unwrap_or_else(|| Binding::new(BindingStatus::Free, now));
        let next = status(new.status);
        // A lease that ran out and is granted again is a new one, though the sweep did not see it.
        let is_continued = next != BindingStatus::Active || self == Self::Held;
        if next != new.status || !is_continued {
            new.starts = now;
        }
        new.status = next;
        if !new.is_available() {
            new.cltt = now;
        }
        new
    }
}

/// What decides what an address is to the client, beside its binding.
pub(super) struct Claim<'a> {
    pub(super) now: Stamp,
    pub(super) view: &'a View,
    /// Whose the address is for ever, if it says so itself: the other never gives it to anybody new, not
    /// even with its owner down (RFC 8156 §4.2.1).
    pub(super) fixed: Option<Owner>,
    /// By the address's record the client has it, or had it last.
    pub(super) is_its: bool,
    /// The address is reserved for the client: either server may give it (draft-12 §5.13).
    pub(super) is_reserved: bool,
    /// The client speaks BOOTP, and never comes back: what it gets, it has for ever.
    pub(super) is_bootp: bool,
    /// Such clients get addresses there, the partner's of the partner, perhaps without our knowing:
    /// what is the partner's is never ours, whatever its state (draft-12 §5.14).
    pub(super) serves_bootp: bool,
}

impl Claim<'_> {
    pub(super) fn standing(&self, binding: Option<&Binding>) -> Standing {
        use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
        let is_alone = self.view.mclt.is_none();
        let untaken = if self.is_its { Standing::Past } else { Standing::Open };
        let Some(binding) = binding else {
            return if self.may_give(None) { Standing::Open } else { Standing::Partners };
        };
        match binding.status {
            // It would keep for ever what the partner takes to be over with the lease that it knows of.
            Active | Expired | Released if self.is_its && self.outstays(binding) => {
                Standing::Partners
            }
            Active if binding.expires > self.now => {
                if self.is_its {
                    Standing::Held
                } else {
                    Standing::Taken
                }
            }
            // The sweep may not have come by yet; with a partner it is not over before both say so.
            Active if is_alone || self.is_its => untaken,
            Active => Standing::Taken,
            Abandoned if is_alone && binding.expires <= self.now => untaken,
            Abandoned => Standing::Taken,
            Free | Backup if !self.may_give(Some(binding)) => Standing::Partners,
            Free | Backup if binding.is_offered(self.now) => {
                if self.is_its {
                    Standing::Offered
                } else {
                    Standing::Taken
                }
            }
            Free | Backup => untaken,
            // Of a partner that is no more.
            Expired | Released | Reset if is_alone => untaken,
            // Its end has not been told: it may be taken back (draft-12 §5.2.2).
            Expired | Released if self.is_its && binding.told == Told::Unsent => Standing::Past,
            // The partner may have agreed that it is over, and given it to somebody.
            Expired | Released | Reset => Standing::Partners,
        }
    }

    /// Whether an available address is ours to give.
    fn may_give(&self, binding: Option<&Binding>) -> bool {
        if let Some(owner) = self.fixed.filter(|_| self.view.mclt.is_some()) {
            return self.is_reserved || owner == self.view.owner;
        }
        let owner = binding.map_or(Owner::Primary, Binding::owner);
        let is_own = || owner == self.view.owner || self.view.mclt.is_none();
        self.is_reserved
            || self.view.may_give(self.now, binding) && (!self.serves_bootp || is_own())
    }

    /// Whether going on with this lease takes it past what the MCLT can bound. An address that is kept
    /// for the client is nobody else's.
    fn outstays(&self, binding: &Binding) -> bool {
        let has_bounds = self.view.mclt.is_some() && !self.is_reserved;
        self.is_bootp && has_bounds && binding.expires != Stamp::NEVER
    }
}
