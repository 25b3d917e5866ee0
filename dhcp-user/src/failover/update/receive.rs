//! BNDUPD: what the partner says of addresses and prefixes (draft-12 §7.1.3; RFC 8156 §7.5).

use super::conflict::{self, Ours, Refusal, Theirs};
use super::flight::Sent;
use super::translate::{Association, Holder, Received};
use super::{REMEMBERED_MAX, Ready, Updates, merge, send};
use crate::config::model::Protocol;
use crate::failover::event::Action;
use crate::failover::moment::Moment;
use crate::failover::{Dialect, speech};
use crate::lease::{Binding, BindingStatus, Client, Resource, ResourceId, Told};
use crate::wire::Stamp;
use crate::wire::dhcpv6::ReconfigureKey;
use crate::wire::failover::{Acknowledgement, Message, Reject, Rejection, Update};
use crate::wire::failover6::{self, Answered, ClientBinding, Lease};

const UNKNOWN: Refusal = (Reject::UnknownAddress, "it is not of this relationship");

/// Refusals of one message that are explained in words; a BNDACK of more would not hold them.
const EXPLAINED_MAX: usize = 16;
/// Leases of one BNDUPD, at the most: the answer of more may be too long for a message, and says so.
const LEASES_MAX: usize = 900;

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
        let (dialect, identity) = (self.dialect, self.identity.clone());
        let mut answers = Vec::with_capacity(updates.len());
        for update in updates {
            let read = |known: Option<&Client>| {
                let theirs = Received::of(at.now, update, dialect, &identity, at.skew, known);
                match theirs.lacks(update) {
                    Some(what) => Err((Reject::MissingInformation, what)),
                    None => Ok(theirs),
                }
            };
            let taken = self.receive(at, update.address.into(), &read, actions);
            if taken.is_err() {
                self.insist(at, update);
            }
            let rejection = taken.err().map(|(reason, text)| {
                let text = if updates.len() <= EXPLAINED_MAX { text } else { "" };
                Rejection { reason, text: text.to_owned() }
            });
            answers.push(Acknowledgement { address: update.address, rejection });
        }
        actions.push(Action::Send(xid, Message::BindingAck(answers)));
    }

    /// BNDUPD of RFC 8156: each lease is taken or refused for itself, and BNDREPLY (§7.5).
    pub(in crate::failover) fn on_binding(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        binding: &failover6::Binding,
        actions: &mut Vec<Action>,
    ) {
        let _guard = at.table.pin();
        let mut answer = binding.accepted();
        answer.refusal = flaw(binding).map(|(reason, text)| speech::refusal(reason, text));
        let is_long = binding.leases() > EXPLAINED_MAX;
        match (&mut answer.of, binding) {
            (of, _) if answer.refusal.is_some() => {
                self.counters.rejected += 1;
                if let Answered::Client { ias, temporary, .. } = of
                    && binding.leases() > LEASES_MAX
                {
                    ias.clear();
                    temporary.clear();
                }
            }
            (Answered::Client { ias, .. }, failover6::Binding::Client(said)) => {
                self.counters.rejected += said.temporary.len() as u64;
                for (answers, ia) in ias.iter_mut().zip(&said.ias) {
                    let holder = said.client.map(|duid| (Association::new(ia, duid), said));
                    for (answer, lease) in answers.leases.iter_mut().zip(&ia.leases) {
                        let refusal = self.on_lease(at, said.base, holder, lease, actions);
                        answer.refusal =
                            refusal.map(|it| if is_long { it.unexplained() } else { it });
                    }
                }
            }
            (Answered::Prefix(answer), failover6::Binding::Prefix { base, lease, .. }) => {
                answer.refusal = self.on_lease(at, *base, None, lease, actions);
            }
            _ => {}
        }
        actions.push(Action::Send6(xid, failover6::Message::BindingReply(Box::new(answer))));
    }

    /// One lease of a BNDUPD; gives back why it is refused.
    fn on_lease(
        &mut self,
        at: &Moment<'_>,
        base: Option<Stamp>,
        holder: Option<(Association, &ClientBinding)>,
        lease: &Lease,
        actions: &mut Vec<Action>,
    ) -> Option<failover6::Refusal> {
        let holder = holder.map(|(association, said)| Holder {
            association,
            relay_data: said.relay_data.as_deref(),
            has_key: self.our_key_of(said),
        });
        let read = |_: Option<&Client>| {
            let base = base.unwrap_or(at.now);
            Received::of_lease(base, holder, lease)
                .map_err(|what| (Reject::MissingInformation, what))
        };
        let is_bare = holder.is_none();
        let taken = match self.number(at, lease.resource.into(), is_bare) {
            Ok(id) => self.receive(at, id, &read, actions).inspect_err(|(reason, _)| {
                if matches!(reason, Reject::Outdated | Reject::LessCritical) {
                    // It is told what is so, but not twice: the two would tell each other for ever (RFC 8156
                    // §7.5.4).
                    self.tell_again(at, id, actions);
                }
            }),
            Err(refusal) => {
                self.counters.rejected += 1;
                Err(refusal)
            }
        };
        taken.err().map(|(reason, text)| speech::refusal(reason, text))
    }

    /// Of which secret the client's key is, if it has from the partner the one that it would have from us: with
    /// another one it takes no Reconfigure of ours.
    fn our_key_of(&self, said: &ClientBinding) -> Option<[u8; 4]> {
        let (secret, told) = (self.reconfigure.as_ref()?, said.reconfigure.as_ref()?);
        let is_ours = ReconfigureKey::of(&secret.0, said.client?.octets()).0[..] == *told.key;
        is_ours.then(|| ReconfigureKey::generation(&secret.0))
    }

    /// The table's number of what the partner speaks of, if that is of this relationship. `is_bare`: as of
    /// a prefix that nobody has, which must be one that is delegated here.
    fn number(
        &self,
        at: &Moment<'_>,
        resource: Resource,
        is_bare: bool,
    ) -> Result<ResourceId, Refusal> {
        {
            let layout = at.table.layout();
            let place = layout.relationship_around(resource).ok_or(UNKNOWN)?;
            if self.place(&layout) != Some(place) {
                return Err(UNKNOWN);
            }
        }
        let id =
            at.table.place(resource).ok_or((Reject::Unspecified, "there is no room for it"))?;
        if is_bare && at.table.layout().pool_of(id).is_none() {
            return Err(UNKNOWN);
        }
        Ok(id)
    }

    /// Takes what `read` finds said of an address whose last client is given to it, or refuses it.
    fn receive(
        &mut self,
        at: &Moment<'_>,
        id: ResourceId,
        read: &dyn Fn(Option<&Client>) -> Result<Received, Refusal>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let taken = self.take(at, id, read, actions);
        match taken {
            Ok(()) => self.counters.taken += 1,
            Err(_) => self.counters.rejected += 1,
        }
        taken
    }

    fn take(
        &mut self,
        at: &Moment<'_>,
        id: ResourceId,
        read: &dyn Fn(Option<&Client>) -> Result<Received, Refusal>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let (is_reserved, owner) = {
            let layout = at.table.layout();
            let place = layout.relationship_of(id).ok_or(UNKNOWN)?;
            if self.place(&layout) != Some(place) {
                return Err(UNKNOWN);
            }
            (layout.is_reserved(id), layout.fixed_owner(id))
        };
        let guard = at.table.pin();
        let mut seen = at.table.seen(id, &guard).ok_or(UNKNOWN)?;
        let (before, now) = loop {
            let before = seen.binding();
            let known = before.and_then(|before| before.client.as_ref());
            let theirs = read(known)?;
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
            self.judge(at, id, before, &theirs, is_reserved, actions)?;
            let mut new =
                merge::taken(at.now, self.role, is_reserved, self.writer, before, &theirs);
            merge::return_to(owner, &mut new);
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
        id: ResourceId,
        before: Option<&Binding>,
        theirs: &Received,
        is_reserved: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let ours = Ours {
            protocol: self.protocol,
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
                // RFC 8156 has no flag for it, and takes both to be configured alike.
                is_reserved_there: match self.protocol {
                    Protocol::Dhcpv4 => theirs.flags.reserved,
                    Protocol::Dhcpv6 => is_reserved,
                },
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

/// What is wrong with a BNDUPD whatever its leases are (RFC 8156 §7.5.2).
fn flaw(binding: &failover6::Binding) -> Option<Refusal> {
    let (vpn, base, is_whole) = match binding {
        failover6::Binding::Client(said) => {
            let has_ia = !said.ias.is_empty() || !said.temporary.is_empty();
            (&said.vpn, said.base, said.client.is_some() && has_ia)
        }
        failover6::Binding::Prefix { vpn, base, .. } => (vpn, *base, true),
        failover6::Binding::Unsound(_) => {
            return Some((Reject::MissingInformation, "one container is wanted"));
        }
    };
    if vpn.is_some() {
        return Some((Reject::UnknownAddress, "there is no such VPN here"));
    }
    if binding.leases() > LEASES_MAX {
        return Some((Reject::Unspecified, "more leases than one answer can speak of"));
    }
    (base.is_none() || !is_whole)
        .then_some((Reject::MissingInformation, "CLIENTID, LQ_BASE_TIME or the IA is missing"))
}
