//! What goes out, and what the partner answers (draft-12 §7.1, §7.2).

use super::flight::Sent;
use super::translate::{self, Telling};
use super::walk::Walk;
use super::{Handover, REMEMBERED_MAX, Ready, Updates, merge};
use crate::failover::event::Action;
use crate::failover::moment::{Moment, Xids};
use crate::failover::speech::Word;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, Resource, ResourceId, Told};
use crate::wire::failover::{Acknowledgement, Message, Rejection, State, Update};
use crate::wire::{Seconds, Stamp};

/// Addresses that are made ready at a time.
const READY: usize = 256;
/// Steps over addresses that need not be told, in one call.
const STEPS: usize = 64;
/// How long a dhcpd primary in NORMAL may take to end leases that were over before.
const LEFT_TO_PRIMARY: Seconds = Seconds(200);
/// Actions that telling one address may make: a record, and the message.
const EACH: usize = 2;

/// What came of looking for something to send.
enum Next {
    Message(u32, Vec<Update>),
    /// Nothing is to be told now.
    Nothing,
    /// There may be more; looking has taken long enough.
    Later,
}

impl Updates {
    /// As [`Endpoint::pump`](crate::failover::Endpoint::pump). What the partner asked for is sent
    /// whenever it is heard, what is untold only if it [`tells`](Self::tells). True only if something came of
    /// it.
    pub(in crate::failover) fn pump(
        &mut self,
        at: &Moment<'_>,
        room: usize,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) -> bool {
        if !at.is_heard {
            return false;
        }
        if let Some(has_more) = self.mark_anew(at, room, actions) {
            return has_more;
        }
        let from = actions.len();
        let limit = from.saturating_add(room);
        // Half of the room: what is given must go out as well.
        let moves = self.balance.work(at, room / 2, xids, actions);
        let keeps = self.keep_reserved(at, room.saturating_sub(actions.len() - from) / 2, actions);
        if self.walk.is_none() && self.handover == Handover::Wanted {
            self.handover = Handover::Walks;
            self.walk = Some(Walk::new(None, false, self.ranges(&at.table.layout())));
        }
        if self.tells(at) && self.walk.is_none() && (self.wants_all || self.wants_refused) {
            let ranges = self.ranges(&at.table.layout());
            self.walk = Some(Walk::new(None, self.wants_all, ranges));
            self.wants_refused = false;
        }
        let mut steps = STEPS;
        while self.flight.messages() < self.window {
            if actions.len() + EACH > limit {
                // With less than it takes, asking again would come to the same.
                return actions.len() > from;
            }
            match self.next_message(at, limit, &mut steps, xids, actions) {
                Next::Message(xid, updates) => {
                    actions.push(Action::Send(xid, Message::BindingUpdate(updates)));
                }
                Next::Nothing => break,
                Next::Later => return true,
            }
        }
        if actions.len() < limit {
            self.finish_walk(actions);
        }
        (moves || keeps) && actions.len() > from
    }

    /// As many updates as one message holds.
    fn next_message(
        &mut self,
        at: &Moment<'_>,
        limit: usize,
        steps: &mut usize,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) -> Next {
        // Those that are taken for each address cost nothing while there is this one.
        let _guard = at.table.pin();
        let mut message: Option<(u32, Vec<Update>)> = None;
        let mut len = 0;
        while actions.len() + EACH <= limit {
            if self.ready.is_empty() && !self.refill(at) {
                return message.map_or(Next::Nothing, |(xid, updates)| Next::Message(xid, updates));
            }
            let Some(ready) = self.ready.pop_front() else {
                match steps.checked_sub(1) {
                    Some(left) => *steps = left,
                    None => break,
                }
                continue;
            };
            if let Some(walk) = &mut self.walk {
                walk.unsent = walk.unsent.saturating_sub(1);
            }
            let Some((update, binding)) = self.tell(at, ready, actions) else { continue };
            len += update.encoded_len();
            if len > Update::BATCH_LEN && message.is_some() {
                // Nothing but a record more has come of it; it is the next message's first.
                self.next_ready(Ready { again: true, ..ready });
                break;
            }
            let (xid, updates) = message.get_or_insert_with(|| (xids.next(), Vec::new()));
            self.flight.add(at.now, *xid, ready.id, &update, binding);
            updates.push(update);
            if self.dialect == Dialect::Dhcpd {
                break;
            }
        }
        message.map_or(Next::Later, |(xid, updates)| Next::Message(xid, updates))
    }

    /// This address comes first, whatever else is ready.
    fn next_ready(&mut self, ready: Ready) {
        self.ready.push_front(ready);
        if let Some(walk) = self.walk.as_mut().filter(|walk| walk.is_over()) {
            walk.unsent += 1;
        }
    }

    /// Looks for more addresses; false if there are none for now. What clients do is told before
    /// what was asked for, but a share of each at a time.
    fn refill(&mut self, at: &Moment<'_>) -> bool {
        let mut more = self.tells(at) && self.take_untold(at);
        // Behind a walk nothing may be granted by what was published before it was asked for.
        if let Some(walk) = self.walk.as_mut().filter(|walk| at.is_followed && !walk.is_over()) {
            let again = walk.all;
            let ready = &mut self.ready;
            walk.step(at.table, &mut |id| ready.push_back(Ready { id, again }));
            if walk.is_over() {
                walk.unsent = ready.len();
            }
            more = true;
        }
        more
    }

    /// Whether what is untold is told unasked. A dhcpd speaks first, which it does in NORMAL: see
    /// [`holding`](super::holding).
    fn tells(&self, at: &Moment<'_>) -> bool {
        let is_listening =
            at.state == State::CommunicationsInterrupted || self.holding.is_listening(at.now);
        at.tells && !(self.dialect == Dialect::Dhcpd && is_listening)
    }

    /// One look around all that is untold; false if nothing was found.
    fn take_untold(&mut self, at: &Moment<'_>) -> bool {
        let ranges = self.ranges(&at.table.layout());
        // The range that the round is in comes twice: behind where it is, and before.
        for _ in 0..=ranges.len() {
            let (number, from) = self.round;
            let Some(range) = ranges.get(number).copied() else {
                self.round = (0, ResourceId::FIRST);
                continue;
            };
            let before = self.ready.len();
            let ready = &mut self.ready;
            let next = at.table.take_untold(range, from, READY, &mut |resource| {
                ready.push_back(Ready { id: resource, again: false });
            });
            self.round = next.map_or((number + 1, ResourceId::FIRST), |next| (number, next));
            if self.ready.len() > before {
                return true;
            }
        }
        false
    }

    /// The update of one address as it is now, if it is to be sent now.
    fn tell(
        &mut self,
        at: &Moment<'_>,
        ready: Ready,
        actions: &mut Vec<Action>,
    ) -> Option<(Update, Binding)> {
        let id = ready.id;
        self.refused.remove(&id);
        let guard = at.table.pin();
        let mut seen = at.table.seen(id, &guard)?;
        loop {
            let binding = seen.binding()?;
            if binding.told == Told::Acknowledged && is_cancelled(at, id, binding) {
                let untold =
                    Binding { told: Told::Unsent, writer: Some(self.writer), ..binding.clone() };
                match at.table.replace(id, seen, untold, &guard) {
                    Ok(now) => {
                        at.changed(id, Some(binding), now.binding(), actions);
                        seen = now;
                    }
                    Err(now) => seen = now,
                }
                continue;
            }
            if let Some(sent) = self.flight.get_mut(id) {
                sent.compare(binding);
                return None;
            }
            if binding.told == Told::Acknowledged && !ready.again {
                return None;
            }
            let is_end = matches!(
                binding.status,
                BindingStatus::Expired | BindingStatus::Released | BindingStatus::Reset
            );
            if is_end
                && self.dialect == Dialect::Dhcpd
                && self.holding.holds(at.now, binding.starts, ready)
            {
                return None;
            }
            let update = match self.translate(at, id, binding)? {
                Ok(update) => {
                    self.untellable.remove(&id);
                    update
                }
                Err(what) => {
                    if self.untellable.len() < REMEMBERED_MAX && self.untellable.insert(id) {
                        let what = format!("the partner cannot be told: {what}");
                        self.alarm(at, id, what, actions);
                    }
                    return None;
                }
            };
            if is_end && binding.told != Told::Sent {
                // From now on its client must not have it back (draft-12 §5.2.2), whoever asks,
                // over a restart too.
                let sent =
                    Binding { told: Told::Sent, writer: Some(self.writer), ..binding.clone() };
                match at.table.replace(id, seen, sent, &guard) {
                    Ok(now) => at.changed(id, Some(binding), now.binding(), actions),
                    Err(now) => {
                        seen = now;
                        continue;
                    }
                }
            } else if merge::is_anothers(binding, self.writer) {
                at.changed(id, Some(binding), Some(binding), actions);
            }
            return Some((update, binding.clone()));
        }
    }

    /// As the partner would be told; `None` if it is not to be.
    fn translate(
        &mut self,
        at: &Moment<'_>,
        id: ResourceId,
        binding: &Binding,
    ) -> Option<Result<Update, translate::Untellable>> {
        let layout = at.table.layout();
        if layout.relationship_of(id) != self.place(&layout) {
            return None;
        }
        // Host declarations are outside of dhcpd's failover (spec §11.2).
        if self.dialect == Dialect::Dhcpd && layout.pool_of(id).is_none() {
            return None;
        }
        if self.is_for_the_primary_to_end(at, binding) {
            self.put_off(at.now, id);
            return None;
        }
        if self.dialect == Dialect::Dhcpd
            && binding.status == BindingStatus::Active
            && let Some(theirs) = self.contested.get(&id)
            && !merge::is_same(Some(theirs), binding.client.as_ref())
        {
            // dhcpd would believe us, and its client would lose the address (spec §6.2).
            return Some(Err("it leases the address to another client"));
        }
        let telling = Telling {
            now: at.now,
            role: self.role,
            dialect: self.dialect,
            is_reserved: layout.is_reserved(id),
        };
        Some(telling.update(id.ipv4(), binding))
    }

    /// Whether the end of a lease is left to the partner: a dhcpd primary in NORMAL refuses EXPIRED of a
    /// lease that it has (spec §6.2), and ends it at the same time as we did, or comes round to it now
    /// that it is back. One that it knows nothing of it takes; and one that it has not ended after
    /// this while it does not have.
    fn is_for_the_primary_to_end(&self, at: &Moment<'_>, binding: &Binding) -> bool {
        let known = binding.acked_potential.max(binding.received_potential);
        (self.dialect, self.role) == (Dialect::Dhcpd, Role::Secondary)
            && (at.state, binding.status) == (State::Normal, BindingStatus::Expired)
            && known != Stamp::ZERO
            && at.now < self.normal_since.after(LEFT_TO_PRIMARY)
    }

    /// UPDDONE, when everything that the walk found is answered.
    fn finish_walk(&mut self, actions: &mut Vec<Action>) {
        let Some(walk) = self.walk.as_mut().filter(|walk| walk.is_over()) else { return };
        if !walk.is_closed {
            // Not all that is ready: clients may make more as fast as it goes out.
            if walk.unsent > 0 || self.holding.len() > 0 || self.flight.is_stale() {
                return;
            }
            walk.is_closed = true;
            self.flight.owe();
        }
        if self.flight.owes() {
            return;
        }
        if let Some(xid) = walk.xid {
            actions.push(Word::UpdateDone.said(self.protocol, xid));
        }
        if walk.all {
            self.owes_all &= walk.xid.is_none();
            self.wants_all = false;
        }
        if self.handover == Handover::Walks {
            self.handover = Handover::Done;
        }
        self.walk = None;
    }

    /// BNDACK. Gives back what is refused in it, and why.
    pub(in crate::failover) fn on_acknowledgement(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        acknowledgements: &[Acknowledgement],
        actions: &mut Vec<Action>,
    ) -> Vec<(Resource, Rejection)> {
        let mut refused = Vec::new();
        // Those that are taken for each address cost nothing while there is this one.
        let _guard = at.table.pin();
        for Acknowledgement { address, rejection } in acknowledgements {
            let id = ResourceId::from(*address);
            let Some(sent) = self.flight.answered(xid, id) else { continue };
            self.counters.acknowledged += 1;
            let mut is_stale = sent.is_stale;
            match rejection {
                // Something else was taken for it meanwhile, of which the partner may not know all.
                _ if sent.is_forgotten => is_stale = true,
                None => is_stale |= !self.agree(at, id, &sent, actions),
                Some(rejection) => {
                    self.counters.refused += 1;
                    self.put_off(at.now, id);
                    refused.push(((*address).into(), rejection.clone()));
                }
            }
            if is_stale {
                self.next_ready(Ready { id, again: false });
            }
        }
        refused
    }

    /// The partner has taken what was sent. False if something else is to be told by now.
    fn agree(
        &mut self,
        at: &Moment<'_>,
        id: ResourceId,
        sent: &Sent,
        actions: &mut Vec<Action>,
    ) -> bool {
        let guard = at.table.pin();
        let Some(mut seen) = at.table.seen(id, &guard) else { return true };
        while let Some(before) = seen.binding() {
            let is_as_sent = merge::tells_alike(&sent.binding, before);
            let new = if is_as_sent {
                let mut new = merge::agreed(at.now, self.writer, before, sent.potential);
                if sent.cancels {
                    merge::cancel(&mut new, at.now);
                } else if is_cancelled(at, id, &new) {
                    new.told = Told::Unsent;
                }
                new
            } else if (before.status, sent.binding.status)
                == (BindingStatus::Active, BindingStatus::Active)
            {
                // The same client's, renewed since; another's would have had to wait.
                Binding {
                    acked_potential: sent.potential,
                    writer: Some(self.writer),
                    ..before.clone()
                }
            } else {
                return false;
            };
            if merge::lasts_alike(before, &new) {
                return is_as_sent;
            }
            match at.table.replace(id, seen, new, &guard) {
                Ok(now) => {
                    at.changed(id, Some(before), now.binding(), actions);
                    if let Some(now) = now.binding() {
                        self.balance.on_change(id, before, now);
                    }
                    return is_as_sent;
                }
                Err(now) => seen = now,
            }
        }
        true
    }
}

/// Whether an available address is held as reserved for a client, and is not any more: the partner may
/// not know, and serve that client (draft-12 §5.13).
pub(super) fn is_cancelled(at: &Moment<'_>, id: ResourceId, binding: &Binding) -> bool {
    binding.is_kept() && !at.table.layout().is_reserved(id)
}
