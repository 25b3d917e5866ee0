//! For how long a client may have what it gets, and what a partner hears of that.

use super::options::Layers;
use super::times::Times;
use crate::lease::{Binding, BindingStatus, Told, View};
use crate::wire::{Seconds, Stamp};

/// How long a client may have an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// What it is told.
    pub(super) times: Times,
    /// What it would have without a partner.
    pub(super) desired: Seconds,
}

impl Term {
    /// For ever (BOOTP).
    pub(super) fn forever(layers: &Layers<'_>) -> Self {
        Self { times: Times::of(layers, Seconds::INFINITE), desired: Seconds::INFINITE }
    }

    /// Puts into `new`, a lease of this term from `now` on, what of it the partner is told. `continued` is
    /// the lease that the partner takes to be running, if this one goes on with it.
    ///
    /// What it acknowledged or said of an earlier lease says nothing of this one: to the partner that
    /// one is over, and by its books the address may be given to others after the MCLT.
    pub(super) fn announce(
        &self,
        now: Stamp,
        view: &View,
        continued: Option<&Binding>,
        new: &mut Binding,
    ) {
        new.told = view.told();
        if view.mclt.is_none() {
            return;
        }
        // A request that was broadcast is answered by both servers, and the client may go by the
        // other one's answer: the address is its client's until the later of both ends.
        if let Some(old) = continued.filter(|old| old.status == BindingStatus::Active) {
            new.expires = new.expires.max(old.expires);
        }
        if continued.is_none() {
            new.sent_potential = Stamp::ZERO;
            new.acked_potential = Stamp::ZERO;
            new.received_potential = Stamp::ZERO;
        }
        if let Some(told) = view.told_while_down(continued) {
            new.sent_potential = told;
            return;
        }
        let potential = view.potential(now, self.times.renew, self.desired);
        // What may have been sent and not been answered binds us as long as we don't know better.
        let pending = continued.filter(|old| old.told != Told::Acknowledged);
        new.sent_potential = pending.map_or(potential, |old| old.sent_potential.max(potential));
    }
}
