//! The swap that offers, leases or ends: one new binding in a slot. What follows from who the client is
//! has none, and nothing is swapped but to set it aside.
//!
//! Whoever loses a swap learns so by [`Lost`] and decides anew on what is there now.

use super::Service;
use super::candidate::{Candidate, Hint, Seat};
use super::exchange::{Exchange, Output};
use super::identity::IaKey;
use super::reconfigure::Keys;
use super::topology::Site;
use crate::lease::{Binding, BindingStatus, Resource, ResourceId, Seen};
use crate::server::account::{self, Account, NotSwapped, Places};
use crate::server::standing::Standing;
use crate::server::term::Term;
use crate::server::times::{self, Times};
use crate::server::{Change, DropReason};
use crate::wire::{Seconds, Stamp};

/// Another worker changed it since it was looked at: decide anew.
pub(super) struct Lost;

/// What a client is told of one address or prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) resource: Resource,
    pub(super) site: Site<'a>,
    pub(super) preferred: Seconds,
    pub(super) valid: Seconds,
}

/// Addresses of one pool without leases that are set aside, at the most, as long as the server runs: whoever
/// changes its name may decline as many as it likes.
const MOST_EXCEPTIONS: u32 = if cfg!(test) { 1 << 6 } else { 1 << 16 };

impl<'a> Exchange<'a> {
    /// For how long the association would have it.
    pub(super) fn times(&self, candidate: &Candidate<'a>, hint: Option<Hint>) -> (Told<'a>, Term) {
        let layers = self.layers(candidate.site.base());
        let asked = |pick: fn(&Hint) -> Seconds| hint.as_ref().map(pick).filter(|it| it.0 > 0);
        let desired = Times::desired(&layers, asked(|hint| hint.valid));
        let view = self.view(candidate.site);
        let valid = view.lease_time(self.now, candidate.continued(), desired);
        let preferred = times::preferred(&layers, valid, asked(|hint| hint.preferred));
        let [renew, rebind] = times::shared(&layers, preferred);
        let term = Term { times: Times { lease: valid, renew, rebind }, desired };
        let Candidate { resource, site, .. } = *candidate;
        (Told { resource, site, preferred, valid }, term)
    }

    /// Keeps it for the association for a while. Never journalled: an offer may be forgotten.
    pub(super) fn offer(
        &self,
        candidate: &Candidate<'a>,
        key: &IaKey,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let time = times::offer_time(&self.layers(candidate.site.base()));
        let Seat::Slot(_, seen) = candidate.seat else { return Ok(()) };
        let has_partner = self.view(candidate.site).mclt.is_some();
        match (candidate.standing, seen.binding()) {
            (Standing::Held, _) => return Ok(()),
            // With a partner a lease that is over stays one until it agrees, and its client's alone.
            (_, Some(old)) if !old.is_available() && has_partner => return Ok(()),
            // A client that repeats itself costs nothing while the offer has time to be taken.
            (Standing::Offered, Some(old)) if old.offered_until.since(self.now).0 > time.0 / 2 => {
                return Ok(());
            }
            _ => {}
        }
        let mut new =
            candidate.standing.next(candidate.seat.binding(), self.now, |status| match status {
                BindingStatus::Backup => BindingStatus::Backup,
                _ => BindingStatus::Free,
            });
        new.offered_until = self.now.after(time);
        self.name_client(&mut new, key, false, output);
        self.swap(candidate, new, Places::default()).map(drop)
    }

    /// Whether one of the client's subscribers has as many leases as it may: a hint before an offer, the
    /// grant counts exactly.
    pub(super) fn is_over_limit(&self) -> bool {
        let limit_set = &self.service.limit_set;
        let subscribers = || limit_set.subscribers(self.speaker, self.members);
        !limit_set.is_empty() && subscribers().iter().any(|it| it.is_full(self.limits))
    }

    /// Leases it to the association.
    ///
    /// # Errors
    /// `Ok(Err(Lost))` if another worker was faster, `LimitReached` if the client's subscriber has as
    /// many leases as it may.
    pub(super) fn grant(
        &self,
        candidate: &Candidate<'a>,
        term: &Term,
        key: &IaKey,
        output: &mut Output<'_>,
    ) -> Result<Result<(), Lost>, DropReason> {
        let Seat::Slot(_, seen) = candidate.seat else { return Ok(Ok(())) };
        let mut new =
            candidate.standing.next(candidate.seat.binding(), self.now, |_| BindingStatus::Active);
        new.expires = self.now.after(term.times.lease);
        term.announce(self.now, self.view(candidate.site), candidate.continued(), &mut new);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.flags.reserved = self.is_reserved(candidate.resource);
        self.name_client(&mut new, key, self.asks_for_key(), output);
        let account = self.account();
        let counting = account.counting();
        let wanted = self.service.limit_set.subscribers(self.speaker, self.members);
        let places = account.places(seen.binding(), wanted, counting.as_ref())?;
        let Ok(now) = self.swap(candidate, new, places) else { return Ok(Err(Lost)) };
        record(candidate, now, output);
        Ok(Ok(()))
    }

    /// Ends the association's lease; what it had stays its own as history. With a partner it is available
    /// again once that one has agreed.
    pub(super) fn end(
        &self,
        candidate: &Candidate<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let Seat::Slot(..) = candidate.seat else { return Ok(()) };
        let view = self.view(candidate.site);
        let is_alone = view.mclt.is_none();
        let ended = if is_alone { BindingStatus::Free } else { BindingStatus::Released };
        let mut new = candidate.standing.next(candidate.seat.binding(), self.now, |_| ended);
        new.cltt = self.now;
        new.told = view.told();
        new.expires = self.now;
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        let now = self.swap(candidate, new, Places::default())?;
        record(candidate, now, output);
        Ok(())
    }

    /// Sets the address aside: somebody uses it who should not (RFC 8415 §18.3.8).
    pub(super) fn abandon(
        &self,
        candidate: &Candidate<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let time = times::decline_time(&self.layers(candidate.site.base()));
        let seat = match candidate.seat {
            Seat::Slot(..) => candidate.seat,
            // This is the exception of which something is written down.
            Seat::Computed => {
                let Some(id) = self.exception(candidate) else { return Ok(()) };
                Seat::Slot(id, self.table.seen(id, self.guard).ok_or(Lost)?)
            }
        };
        let candidate = &Candidate { seat, ..*candidate };
        let old = seat.binding().cloned();
        let mut new = old.unwrap_or_else(|| Binding::new(BindingStatus::Free, self.now));
        (new.status, new.starts, new.cltt) = (BindingStatus::Abandoned, self.now, self.now);
        new.told = self.view(candidate.site).told();
        new.expires = self.now.after(time);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.client = None;
        let now = self.swap(candidate, new, Places::default())?;
        record(candidate, now, output);
        Ok(())
    }

    /// The number of a computed address of which something is to be written down; `None` if that is too
    /// much already.
    fn exception(&self, candidate: &Candidate<'a>) -> Option<ResourceId> {
        let found = self.table.find(candidate.resource);
        let pool = candidate.site.pool?;
        let has_room = self.table.layout().given(pool.id) < MOST_EXCEPTIONS;
        found.or_else(|| has_room.then(|| self.table.place(candidate.resource))?)
    }

    /// Makes it the client's. One that `is_told` its key for Reconfigures has it from now on, and one that
    /// has it and accepts none any more is as one without.
    fn name_client(&self, new: &mut Binding, key: &IaKey, is_told: bool, output: &mut Output<'_>) {
        let old = new.client.as_ref().filter(|old| old.key() == key.key());
        let had_key = |keys: &Keys| old.is_some_and(|old| keys.are_known_to(old));
        let keys = self.keys().filter(|keys| is_told || had_key(keys));
        self.speaker.describe(key, keys.map(Keys::generation), output.described);
        account::name_client(new, output.described);
    }

    fn account(&self) -> Account<'a, Service> {
        let Self { service, table, limits, guard, .. } = *self;
        Account { service, table, limits, guard }
    }

    /// Swaps the new binding in where the candidate has a slot.
    fn swap(
        &self,
        candidate: &Candidate<'a>,
        new: Binding,
        places: Places<'_>,
    ) -> Result<Seen<'a>, Lost> {
        let Seat::Slot(id, seen) = candidate.seat else { return Err(Lost) };
        self.account().swap(id, seen, new, places).map_err(|why| {
            if why == NotSwapped::Recounting {
                self.pass_over(candidate);
            }
            Lost
        })
    }
}

impl<'a> Candidate<'a> {
    /// The lease of this association's that the partner takes to be running, if granting it goes on with
    /// that.
    fn continued(&self) -> Option<&'a Binding> {
        let is_its = matches!(self.standing, Standing::Held | Standing::Past);
        self.seat.binding().filter(|binding| is_its && !binding.is_available())
    }
}

/// What is there now must be journalled.
fn record(candidate: &Candidate<'_>, now: Seen<'_>, output: &mut Output<'_>) {
    let resource = candidate.resource;
    output.changes.extend(now.binding().map(|it| Change { resource, binding: it.clone() }));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::{Server, client};
    use super::*;
    use crate::wire::dhcpv6::MessageType;

    /// A reload may be about to limit what nothing limited before.
    #[test]
    fn while_all_is_counted_anew_nothing_is_leased_and_no_address_is_lost_by_it() {
        let mut server = Server::small("", "");
        server.limits.recount(1, |_| {});
        for number in 1..=20 {
            let request = client(number).na(1, &[]).kind(MessageType::Request).naming_server();
            assert_eq!(server.hear(&request).dropped(), Some(DropReason::Contended));
        }
        server.limits.recount(0, |_| {});
        let leased: BTreeSet<_> =
            (1..=16).flat_map(|number| server.lease(&client(number).na(1, &[]))).collect();
        assert_eq!(leased.len(), 16, "all that the pool has");
    }
}
