//! BNDUPD: what the partner says of addresses (draft-12 §7.1.3).

use super::conflict::{self, Ours, Refusal, Theirs};
use super::flight::Sent;
use super::translate::Received;
use super::{REMEMBERED_MAX, Ready, Updates, merge, send};
use crate::failover::Dialect;
use crate::failover::event::Action;
use crate::failover::moment::Moment;
use crate::lease::{Binding, BindingStatus, Client, ResourceId, Told};
use crate::wire::failover::{Acknowledgement, Message, Reject, Rejection, Update};

/// Refusals of one message that are explained in words; a BNDACK of more would not hold them.
const EXPLAINED_MAX: usize = 16;

impl Updates {
    /// BNDUPD: swaps what is taken, and BNDACK.
    pub(in crate::failover) fn on_update(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        updates: &[Update],
        actions: &mut Vec<Action>,
    ) {
        self.holding.on_update(at.now);
        // Those that are taken for each address cost nothing while there is this one.
        let _guard = at.table.pin();
        let mut answers = Vec::with_capacity(updates.len());
        for update in updates {
            let refusal = self.receive(at, update, actions).err();
            match refusal {
                None => self.counters.taken += 1,
                Some(_) => {
                    self.counters.rejected += 1;
                    self.insist(at, update);
                }
            }
            let rejection = refusal.map(|(reason, text)| {
                let text = if updates.len() <= EXPLAINED_MAX { text } else { "" };
                Rejection { reason, text: text.to_owned() }
            });
            answers.push(Acknowledgement { address: update.address, rejection });
        }
        actions.push(Action::Send(xid, Message::BindingAck(answers)));
    }

    fn receive(
        &mut self,
        at: &Moment<'_>,
        update: &Update,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        const UNKNOWN: Refusal =
            (Reject::UnknownAddress, "the address is not of this relationship");
        let id = ResourceId::from(update.address);
        let is_reserved = {
            let layout = at.table.layout();
            let place = layout.relationship_of(id).ok_or(UNKNOWN)?;
            if self.place(&layout) != Some(place) {
                return Err(UNKNOWN);
            }
            layout.is_reserved(id)
        };
        let guard = at.table.pin();
        let mut seen = at.table.seen(id, &guard).ok_or(UNKNOWN)?;
        let (before, now) = loop {
            let before = seen.binding();
            let known = before.and_then(|before| before.client.as_ref());
            let theirs = Received::of(at.now, update, self.dialect, &self.identity, at.skew, known);
            if let Some(what) = theirs.lacks(update) {
                return Err((Reject::MissingInformation, what));
            }
            if theirs.client.as_ref().is_some_and(|it| it.as_octets().len() > Client::MAX_LEN) {
                return Err((
                    Reject::Unspecified,
                    "its client says more of itself than can be stored",
                ));
            }
            if let (Dialect::Dhcpd, BindingStatus::Active, Some(cltt)) =
                (self.dialect, theirs.status, theirs.cltt)
            {
                self.holding.on_lease(at.now, cltt);
            }
            self.judge(at, update, before, &theirs, is_reserved, actions)?;
            let mut new =
                merge::taken(at.now, self.role, is_reserved, self.writer, before, &theirs);
            if self.is_retold(id, &new) || send::is_cancelled(at, id, &new) {
                new.told = Told::Unsent;
            }
            let is_nothing = match before {
                Some(before) => merge::lasts_alike(before, &new),
                None => {
                    new.status == BindingStatus::Free && new.client.is_none() && !new.flags.reserved
                }
            };
            if is_nothing {
                // Durable it must be nevertheless, and another's record may not be.
                if let Some(before) =
                    before.filter(|before| merge::is_anothers(before, self.writer))
                {
                    at.changed(id, Some(before), Some(before), actions);
                }
                break (before, before);
            }
            match at.table.replace(id, seen, new, &guard) {
                Ok(now) => {
                    at.changed(id, before, now.binding(), actions);
                    break (before, now.binding());
                }
                Err(now) => seen = now,
            }
        };
        self.flight.forget(id);
        self.contested.remove(&id);
        // If it is to be told all the same, it is untold again.
        self.refused.remove(&id);
        if let (Some(before), Some(now)) = (before, now) {
            self.balance.on_change(id, before, now);
        }
        Ok(())
    }

    /// dhcpd, refused, goes on believing what it said: that a client which we know to be there is gone.
    /// It is told again, or it would give the address away.
    fn insist(&mut self, at: &Moment<'_>, update: &Update) {
        let guard = at.table.pin();
        let seen = at.table.seen(update.address, &guard);
        let is_leased = seen
            .and_then(|seen| seen.binding())
            .is_some_and(|binding| binding.status == BindingStatus::Active);
        if self.dialect == Dialect::Dhcpd
            && is_leased
            && update.status != BindingStatus::Active
            && self.ready.len() < REMEMBERED_MAX
        {
            self.make_ready([Ready { id: update.address.into(), again: true }]);
        }
    }

    /// Whether the partner must hear again of a lease that it has just told us: its word crossed with
    /// ours, and dhcpd may have taken ours for its own.
    fn is_retold(&mut self, id: ResourceId, new: &Binding) -> bool {
        // What is on its way says the same: then it is what dhcpd has taken, or has said itself.
        let is_other =
            |sent: &mut Sent| !sent.is_forgotten && !merge::tells_alike(&sent.binding, new);
        self.dialect == Dialect::Dhcpd
            && new.status == BindingStatus::Active
            && self.flight.get_mut(id).is_some_and(is_other)
    }

    /// Whether the update is taken; of one that is not, whether an operator should know.
    fn judge(
        &mut self,
        at: &Moment<'_>,
        update: &Update,
        before: Option<&Binding>,
        theirs: &Received,
        is_reserved: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let id = ResourceId::from(update.address);
        let ours = Ours {
            role: self.role,
            dialect: self.dialect,
            binding: before,
            outstanding: self.flight.outstanding(id),
        };
        let judged = conflict::judge(
            at.now,
            ours,
            Theirs {
                status: theirs.status,
                cltt: theirs.cltt,
                starts: theirs.starts,
                expires: theirs.expires,
                client: theirs.client.as_ref(),
                is_reserved_there: theirs.flags.reserved,
                is_reserved_here: is_reserved,
            },
        );
        if theirs.status != BindingStatus::Active {
            self.contested.remove(&id);
        }
        let active = BindingStatus::Active;
        let Some(before) =
            before.filter(|before| (before.status, theirs.status) == (active, active))
        else {
            return judged;
        };
        if merge::is_same(before.client.as_ref(), theirs.client.as_ref()) {
            return judged;
        }
        let who = if judged.is_ok() { "the partner's has it now" } else { "ours keeps it" };
        let what = format!("both servers lease the address to different clients; {who}");
        self.alarm(at, id, what, actions);
        if judged.is_err()
            && let Some(client) = theirs.client.clone()
            && self.contested.len() < REMEMBERED_MAX
        {
            self.contested.insert(id, client);
        }
        judged
    }
}
