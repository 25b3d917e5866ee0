//! What goes out (draft-12 §7.1; RFC 8156 §7.4).

use super::flight::Terms;
use super::translate::{Draft, Line, Telling, Untellable};
use super::walk::Walk;
use super::{Handover, REMEMBERED_MAX, REQUESTS_MAX, Ready, Updates, merge};
use crate::config::model::Protocol;
use crate::failover::event::Action;
use crate::failover::moment::{Moment, Xids};
use crate::failover::speech::Word;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, ClientKey, ItemKind, ResourceId, Told};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// Addresses that are made ready at a time.
const READY: usize = 256;
/// Steps over addresses that need not be told, in one call.
const STEPS: usize = 64;
/// How long a dhcpd primary in NORMAL may take to end leases that were over before.
const LEFT_TO_PRIMARY: Seconds = Seconds(200);
/// Leases of one association that are told with the first of them.
const COMPANIONS_MAX: usize = 16;
/// Actions that telling one address may make: a record, and the message.
const EACH: usize = 2;

/// What came of looking for something to send.
enum Next {
    Message(u32, Draft),
    /// Nothing is to be told now.
    Nothing,
    /// There may be more; looking has taken long enough.
    Later,
}

impl Updates {
    /// As [`Endpoint::pump`](crate::failover::Endpoint::pump). What the partner asked for is sent
    /// whenever it is heard, what is untold only if it [`tells`](Self::tells); a dhcpd is told neither while
    /// it is asked. True only if something came of it.
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
            self.walk = Some(Walk::new(Vec::new(), false, self.ranges(&at.table.layout())));
        }
        if self.tells(at) && self.walk.is_none() && (self.wants_all || self.wants_refused) {
            let ranges = self.ranges(&at.table.layout());
            self.walk = Some(Walk::new(Vec::new(), self.wants_all, ranges));
            self.wants_refused = false;
        }
        let mut steps = STEPS;
        while self.flight.messages() < self.window {
            if actions.len() + EACH > limit {
                // With less than it takes, asking again would come to the same.
                return actions.len() > from;
            }
            match self.next_message(at, limit, &mut steps, xids, actions) {
                Next::Message(xid, draft) => actions.push(draft.sent(xid)),
                Next::Nothing => break,
                Next::Later => return true,
            }
        }
        if actions.len() + REQUESTS_MAX <= limit {
            self.finish_walk(actions);
            self.ask_for_pools(xids, actions);
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
        let mut message: Option<(u32, Draft)> = None;
        while actions.len() + EACH <= limit {
            if self.ready.is_empty() && !self.refill(at) {
                return message.map_or(Next::Nothing, |(xid, draft)| Next::Message(xid, draft));
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
            if message.as_ref().is_some_and(|(_, draft)| !is_for(at, draft, ready.id)) {
                self.next_ready(ready);
                break;
            }
            let Some((line, binding)) = self.tell(at, ready, actions) else { continue };
            let Line { potential, cancels, .. } = line;
            let sent = Terms { potential, cancels };
            let xid = match &mut message {
                Some((xid, draft)) => {
                    if !draft.add(line) {
                        // Nothing but a record more has come of it; it is the next message's first.
                        self.next_ready(Ready { again: true, ..ready });
                        break;
                    }
                    *xid
                }
                None => {
                    self.bring_companions(at, ready.id, &binding);
                    let xid = xids.next();
                    message = Some((xid, Draft::of(at.now, self.dialect, line)));
                    xid
                }
            };
            self.flight.add(at.now, xid, ready.id, sent, binding);
            if message.as_ref().is_some_and(|(_, draft)| draft.is_whole()) {
                break;
            }
        }
        message.map_or(Next::Later, |(xid, draft)| Next::Message(xid, draft))
    }

    /// What else of this client is to be told comes next: RFC 8156 has a client's leases told together.
    fn bring_companions(&mut self, at: &Moment<'_>, id: ResourceId, binding: &Binding) {
        let Some(client) = &binding.client else { return };
        if self.protocol != Protocol::Dhcpv6 {
            return;
        }
        let Some(network) = at.table.layout().network_of(id) else { return };
        let ClientKey { octets, .. } = client.key();
        let guard = at.table.pin();
        // An association for addresses and one for prefixes are mostly of one number.
        for kind in [ItemKind::IaAddresses, ItemKind::IaPrefixes] {
            let its = at.table.of_client(network, ClientKey { kind, octets }, &guard);
            let untold = its.filter(|(other, seen)| {
                let is_untold = |it: &Binding| it.told != Told::Acknowledged;
                *other != id && seen.binding().is_some_and(is_untold)
            });
            for (id, _) in untold.take(COMPANIONS_MAX) {
                self.next_ready(Ready { id, again: false });
            }
        }
    }

    /// This address comes first, whatever else is ready.
    pub(super) fn next_ready(&mut self, ready: Ready) {
        self.ready.push_front(ready);
        if let Some(walk) = self.walk.as_mut().filter(|walk| walk.is_over()) {
            walk.unsent += 1;
        }
    }

    /// Looks for more addresses; false if there are none for now. What clients do is told before
    /// what was asked for, but a share of each at a time.
    fn refill(&mut self, at: &Moment<'_>) -> bool {
        let mut more = self.tells(at) && self.take_untold(at);
        // Behind a walk nothing may be granted by what was published before it was asked for. And a dhcpd that
        // asks is asked first itself.
        let may_walk = at.is_followed && !self.holding.is_asked();
        if let Some(walk) = self.walk.as_mut().filter(|walk| may_walk && !walk.is_over()) {
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
    ) -> Option<(Line, Binding)> {
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
            let line = match self.translate(at, id, binding)? {
                Ok(line) => {
                    self.untellable.remove(&id);
                    line
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
            return Some((line, binding.clone()));
        }
    }

    /// As the partner would be told; `None` if it is not to be.
    fn translate(
        &mut self,
        at: &Moment<'_>,
        id: ResourceId,
        binding: &Binding,
    ) -> Option<Result<Line, Untellable>> {
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
            takes_back: self.balance.takes_back(id, binding),
            reconfigure: self.reconfigure.as_ref(),
        };
        let resource = layout.resource(id)?;
        Some(telling.line(self.protocol, resource, binding))
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
        for xid in &walk.xids {
            actions.push(Word::UpdateDone.said(self.protocol, *xid));
        }
        if walk.all {
            self.owes_all &= walk.xids.is_empty();
            self.wants_all = false;
        }
        if self.handover == Handover::Walks {
            self.handover = Handover::Done;
        }
        self.walk = None;
    }

    /// POOLREQ of a secondary that has come to NORMAL and told all that it had to tell.
    fn ask_for_pools(&mut self, xids: &mut Xids, actions: &mut Vec<Action>) {
        if self.wants_pools && self.ready.is_empty() && self.flight.messages() == 0 {
            self.wants_pools = false;
            actions.push(Word::PoolRequest.said(self.protocol, xids.next()));
        }
    }
}

/// Whether what this is may go into that message, too.
fn is_for(at: &Moment<'_>, draft: &Draft, id: ResourceId) -> bool {
    let guard = at.table.pin();
    draft.is_for(at.table.seen(id, &guard).and_then(|seen| seen.binding()))
}

/// Whether an available address is held as reserved for a client, and is not any more: the partner may
/// not know, and serve that client (draft-12 §5.13).
pub(super) fn is_cancelled(at: &Moment<'_>, id: ResourceId, binding: &Binding) -> bool {
    binding.is_kept() && !at.table.layout().is_reserved(id)
}
