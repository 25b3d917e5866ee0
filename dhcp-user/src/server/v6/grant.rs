//! The swap that offers, leases or ends: one new binding in a slot. What follows from who the client is
//! has none, and nothing is swapped but to set it aside.
//!
//! Whoever loses a swap learns so by [`Lost`] and decides anew on what is there now.

use super::candidate::{Candidate, Hint, Seat};
use super::exchange::{Exchange, Output};
use super::identity::IaKey;
use crate::lease::{Binding, BindingStatus, Client, Counting, Reserved, ResourceId, Seen};
use crate::server::limit::Subscriber;
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
    pub(super) candidate: Candidate<'a>,
    pub(super) preferred: Seconds,
    pub(super) valid: Seconds,
}

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
        (Told { candidate: *candidate, preferred, valid }, term)
    }

    /// Keeps it for the association for a while. Never journalled: an offer may be forgotten.
    pub(super) fn offer(
        &self,
        candidate: &Candidate<'a>,
        key: &IaKey,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let time = times::offer_time(&self.layers(candidate.site.base()));
        let Seat::Slot(id, seen) = candidate.seat else { return Ok(()) };
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
        self.name_client(&mut new, key, output);
        self.swap((id, seen), new, &[]).map(drop)
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
        let Seat::Slot(id, seen) = candidate.seat else { return Ok(Ok(())) };
        let mut new =
            candidate.standing.next(candidate.seat.binding(), self.now, |_| BindingStatus::Active);
        new.expires = self.now.after(term.times.lease);
        term.announce(self.now, self.view(candidate.site), candidate.continued(), &mut new);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.flags.reserved = self.is_reserved(candidate.resource);
        self.name_client(&mut new, key, output);
        let counting = self.limits.hold(self.service.limit_set.generation());
        let (kept, places) = self.places(seen.binding(), counting.as_ref())?;
        let Ok(now) = self.swap((id, seen), new, &kept) else { return Ok(Err(Lost)) };
        places.into_iter().for_each(Reserved::keep);
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
        let Seat::Slot(id, seen) = candidate.seat else { return Ok(()) };
        let view = self.view(candidate.site);
        let is_alone = view.mclt.is_none();
        let ended = if is_alone { BindingStatus::Free } else { BindingStatus::Released };
        let mut new = candidate.standing.next(candidate.seat.binding(), self.now, |_| ended);
        new.told = view.told();
        new.expires = self.now;
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        let now = self.swap((id, seen), new, &[])?;
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
            Seat::Slot(id, seen) => (id, seen),
            // This is the exception of which something is written down.
            Seat::Computed => {
                let id = self.table.place(candidate.resource).ok_or(Lost)?;
                (id, self.table.seen(id, self.guard).ok_or(Lost)?)
            }
        };
        let old = seat.1.binding().cloned();
        let mut new = old.unwrap_or_else(|| Binding::new(BindingStatus::Free, self.now));
        (new.status, new.starts, new.cltt) = (BindingStatus::Abandoned, self.now, self.now);
        new.told = self.view(candidate.site).told();
        new.expires = self.now.after(time);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.client = None;
        let now = self.swap(seat, new, &[])?;
        record(candidate, now, output);
        Ok(())
    }

    /// Makes the binding, which follows another one, this association's: as that has it stored, if the
    /// client says nothing new.
    fn name_client(&self, new: &mut Binding, key: &IaKey, output: &mut Output<'_>) {
        self.speaker.describe(key, output.described);
        if new.client.as_ref().map(Client::as_octets) != Some(output.described.as_octets()) {
            new.client = Some(output.described.build());
        }
    }

    /// Places for the lease that is about to be granted: those it has already, and new ones, of which
    /// there are none while all is counted anew.
    fn places(
        &self,
        old: Option<&Binding>,
        counting: Option<&Counting<'_>>,
    ) -> Result<(Vec<Subscriber>, Vec<Reserved<'a>>), DropReason> {
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        if self.service.limit_set.is_empty() {
            return Ok((kept, new));
        }
        let counted = self.service.counted(leased(old));
        for subscriber in self.service.limit_set.subscribers(self.speaker, self.members) {
            if counted.contains(&subscriber) {
                kept.push(subscriber);
            } else {
                counting.ok_or(DropReason::Contended)?;
                new.push(subscriber.reserve(self.limits).ok_or(DropReason::LimitReached)?);
            }
        }
        Ok((kept, new))
    }

    /// Swaps the new binding in, and gives back what the old one was counted for, except `kept`.
    fn swap(
        &self,
        (id, seen): (ResourceId, Seen<'a>),
        new: Binding,
        kept: &[Subscriber],
    ) -> Result<Seen<'a>, Lost> {
        let mut ended = self.service.counted(leased(seen.binding()));
        ended.retain(|old| !kept.contains(old));
        // Whoever counts all leases anew must not be overtaken: only what is the same to it before and
        // after, such as a renewal, goes on meanwhile.
        let client = |binding| leased(binding).and_then(|binding| binding.client.as_ref());
        let is_counted =
            !self.service.limit_set.is_empty() && client(seen.binding()) != client(Some(&new));
        let counting = self.limits.hold(self.service.limit_set.generation());
        if is_counted && counting.is_none() {
            return Err(Lost);
        }
        let now = self.table.replace(id, seen, new, self.guard).map_err(|_| Lost)?;
        ended.iter().for_each(|old| old.release(self.limits));
        Ok(now)
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

/// A binding that is counted as a lease.
fn leased(binding: Option<&Binding>) -> Option<&Binding> {
    binding.filter(|binding| binding.status == BindingStatus::Active)
}
