//! What the partner answers: taken, or refused (draft-12 §7.2; RFC 8156 §7.7).

use super::flight::Sent;
use super::send::is_cancelled;
use super::{Ready, Updates, merge};
use crate::failover::event::Action;
use crate::failover::moment::Moment;
use crate::failover::speech;
use crate::lease::{Binding, BindingStatus, Resource, ResourceId, Told};
use crate::wire::failover::{Acknowledgement, Rejection};
use crate::wire::failover6;

impl Updates {
    /// BNDACK. Gives back what is refused in it, and why.
    pub(in crate::failover) fn on_acknowledgement(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        acknowledgements: &[Acknowledgement],
        actions: &mut Vec<Action>,
    ) -> Vec<(Resource, Rejection)> {
        let answers = acknowledgements
            .iter()
            .map(|answer| (Resource::from(answer.address), answer.rejection.clone()));
        self.on_answers(at, xid, answers, actions)
    }

    /// BNDREPLY, likewise.
    pub(in crate::failover) fn on_reply(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        answer: &failover6::Answer,
        actions: &mut Vec<Action>,
    ) -> Vec<(Resource, Rejection)> {
        let answers = answer
            .outcomes()
            .map(|(resource, refusal)| (Resource::from(resource), refusal.map(speech::rejection)));
        self.on_answers(at, xid, answers, actions)
    }

    fn on_answers(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        answers: impl Iterator<Item = (Resource, Option<Rejection>)>,
        actions: &mut Vec<Action>,
    ) -> Vec<(Resource, Rejection)> {
        let mut refused = Vec::new();
        // Those that are taken for each address cost nothing while there is this one.
        let _guard = at.table.pin();
        for (resource, rejection) in answers {
            let Some(id) = at.table.find(resource) else { continue };
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
                    refused.push((resource, rejection));
                }
            }
            self.balance.on_answer(id);
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
        let owner = at.table.layout().fixed_owner(id);
        while let Some(before) = seen.binding() {
            let is_as_sent = merge::tells_alike(&sent.binding, before);
            let new = if is_as_sent {
                let mut new = merge::agreed(at.now, self.writer, before, sent.potential);
                merge::return_to(owner, &mut new);
                if sent.cancels {
                    merge::cancel(&mut new, at.now);
                    merge::return_to(owner, &mut new);
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
