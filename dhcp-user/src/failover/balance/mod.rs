//! Both servers have addresses to give: an even share of what is available (draft-12 §5.4; spec §7).
//!
//! Each gives to the other what it has too much of, by swapping FREE and BACKUP; nobody takes. In DHCPv6
//! that is the primary's affair alone, and goes for delegated prefixes: it gives, and asks back what it
//! has given too much of (RFC 8156 §4.2.2). A look at all pools is cut in pieces, each as long as its
//! caller has room for records.

mod formula;

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

use dhcp_ebpf::balance::bucket_of;

use self::formula::Shares;
use super::event::{Action, Alarm};
use super::moment::{Moment, Xids};
use super::settings::{Role, Settings};
use super::speech::Word;
use crate::config::model::Protocol;
use crate::lease::{
    Binding, BindingStatus, Client, Guard, ItemKind, Owner, PoolId, ResourceId, Seen, Table, Told,
    Which, WriterId,
};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// Addresses that one pass looks at in one call: a millisecond or two.
const LOOKS: usize = 1 << 14;
/// POOLREQs that wait for the end of one look; more are answered at once, with nothing.
const ANSWERS_MAX: usize = 8;
/// Addresses that became free and wait to be given to their clients' server; more wait for the next
/// look.
const FREED_MAX: usize = 1 << 12;

/// The balance of one relationship's pools.
#[derive(Clone, Debug, Hash)]
pub(super) struct Balance {
    protocol: Protocol,
    role: Role,
    writer: WriterId,
    misbalance: u8,
    ownership: u8,
    /// Percent of what is available that are to be the secondary's, in DHCPv6.
    part: u8,
    min: Seconds,
    max: Seconds,
    /// Bit h set: the primary serves clients with hash h.
    buckets: [u64; 4],
    /// In the order of the configuration.
    pools: Vec<Pool>,
    /// A look at the pools that is not over.
    look: Option<Look>,
    /// When the last look began.
    looked: Stamp,
    /// When the counts are compared next; `None` outside of NORMAL.
    next: Option<Stamp>,
    /// Addresses that became available, whose last clients may be the partner's.
    freed: VecDeque<ResourceId>,
    /// Prefixes that are the partner's, and asked back of it: until it agrees they stay its own.
    asked: BTreeSet<ResourceId>,
}

#[derive(Clone, Debug, Hash)]
struct Pool {
    id: PoolId,
    /// As of the last look, and what has been given since.
    shares: Shares,
    /// The surplus that the last look left.
    left: i64,
}

/// A look at all pools.
#[derive(Clone, Debug, Default, Hash)]
struct Look {
    /// POOLREQs to be answered at its end.
    answers: Vec<u32>,
    /// Whether it may end with a POOLREQ: one that the clock began (spec §7.4).
    asks: bool,
    /// Some pool has far too little.
    panics: bool,
    /// The pool that it is at.
    pool: usize,
    pass: Pass,
    moved: u32,
}

/// What is given in turn (spec §7.3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
enum Pass {
    /// Nothing yet: count.
    #[default]
    Count,
    /// Addresses whose last client the partner serves.
    ItsClients,
    /// Any.
    Any,
    /// Of the partner's, in DHCPv6.
    Back,
    /// None; also in DHCPv6.
    Nothing,
}

impl Balance {
    pub(super) fn new(settings: &Settings, writer: WriterId) -> Self {
        let pool = |id: &PoolId| Pool { id: *id, shares: Shares::default(), left: 0 };
        Self {
            protocol: settings.terms.protocol,
            role: settings.terms.role,
            writer,
            misbalance: settings.terms.max_misbalance,
            ownership: settings.terms.max_ownership,
            part: settings.terms.share,
            min: settings.terms.min_balance,
            max: settings.terms.max_balance,
            buckets: settings.terms.buckets,
            pools: settings.pools.iter().map(pool).collect(),
            look: None,
            looked: Stamp::ZERO,
            next: None,
            freed: VecDeque::new(),
            asked: BTreeSet::new(),
        }
    }

    /// The hash buckets in force.
    pub(super) fn share(&mut self, buckets: [u64; 4]) {
        self.buckets = buckets;
    }

    /// Whose addresses are the partner's to give.
    pub(super) fn partner(&self) -> Owner {
        self.own().other()
    }

    fn own(&self) -> Owner {
        if self.role == Role::Primary { Owner::Primary } else { Owner::Secondary }
    }

    /// NORMAL begins: look at all pools. No POOLREQ comes of it.
    pub(super) fn begin(&mut self, now: Stamp) {
        self.look = Some(Look::default());
        self.looked = now;
        self.next = Some(now.after(self.min));
    }

    /// NORMAL is over, or the link: nothing is given any more.
    pub(super) fn stop(&mut self) {
        self.look = None;
        self.next = None;
        self.freed.clear();
        self.asked.clear();
    }

    /// Whether the partner is asked to give this up: it is told as the primary's, and becomes so if the
    /// partner agrees.
    pub(super) fn takes_back(&self, id: ResourceId, binding: &Binding) -> bool {
        binding.status == BindingStatus::Backup && self.asked.contains(&id)
    }

    /// The partner has answered for it.
    pub(super) fn on_answer(&mut self, id: ResourceId) {
        self.asked.remove(&id);
    }

    /// POOLREQ: look, and answer with what was moved; outside of NORMAL nothing is.
    pub(super) fn on_request(&mut self, at: &Moment<'_>, xid: u32, actions: &mut Vec<Action>) {
        if at.state != State::Normal {
            actions.push(Word::PoolResponse { transferred: 0 }.said(self.protocol, xid));
            return;
        }
        if self.look.is_none() {
            self.looked = at.now;
        }
        let answers = &mut self.look.get_or_insert_default().answers;
        if answers.len() < ANSWERS_MAX {
            answers.push(xid);
        } else {
            actions.push(Word::PoolResponse { transferred: 0 }.said(self.protocol, xid));
        }
    }

    /// A binding changed by what the partner said: an address that becomes free may go at once to the
    /// server that its last client belongs to (spec §7.4), which keeps clients at their addresses.
    pub(super) fn on_change(&mut self, id: ResourceId, before: &Binding, now: &Binding) {
        let is_freed = !before.is_available() && now.status == BindingStatus::Free;
        let is_ours =
            (self.role, self.protocol) == (Role::Primary, Protocol::Dhcpv4) && self.next.is_some();
        if is_freed && is_ours && self.freed.len() < FREED_MAX {
            self.freed.push_back(id);
        }
    }

    /// Time has passed: look if a count has changed much, or after long.
    pub(super) fn on_tick(&mut self, now: Stamp, table: &Table) {
        if self.next.is_none_or(|next| next > now) || self.look.is_some() {
            return;
        }
        self.next = Some(now.after(self.min));
        let is_due = self.looked.after(self.max) <= now;
        let has_changed = |pool: &Pool| {
            if !self.is_shared_out(pool.id, table) {
                return false;
            }
            let shares = self.shares(pool.id, table);
            (shares.surplus - pool.left).abs() > shares.threshold || shares.surplus < shares.panic
        };
        if is_due || self.pools.iter().any(has_changed) {
            self.look = Some(Look { asks: true, ..Look::default() });
            self.looked = now;
        }
    }

    /// When [`on_tick`](Self::on_tick) is wanted.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        self.next
    }

    /// Gives what is to be given, making at most `room` actions; true if it had more to do. The
    /// partner is told as of every other change.
    pub(super) fn work(
        &mut self,
        at: &Moment<'_>,
        room: usize,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) -> bool {
        let limit = actions.len().saturating_add(room);
        while actions.len() < limit {
            let Some(id) = self.freed.pop_front() else { break };
            self.give_freed(at, id, actions);
        }
        while let Some(mut look) = self.look.take() {
            // The answers and a POOLREQ of our own must fit as well.
            let most = limit.saturating_sub(look.answers.len() + 2);
            if actions.len() >= most {
                self.look = Some(look);
                return true;
            }
            let Some(pool) = self.pools.get(look.pool) else {
                self.finish(look, xids, actions);
                break;
            };
            if !self.is_shared_out(pool.id, at.table) {
                look.pool += 1;
                self.look = Some(look);
                continue;
            }
            match look.pass {
                Pass::Count => {
                    let shares = self.shares(pool.id, at.table);
                    self.pools[look.pool].shares = shares;
                    look.panics |= shares.surplus < shares.panic;
                    look.pass = self.first_pass(shares, look.asks);
                }
                pass => {
                    let before = actions.len();
                    let is_done = match pass {
                        Pass::Back => self.ask_back(at, look.pool, most, actions),
                        Pass::Nothing => true,
                        _ => self.give_of(at, look.pool, pass, most, actions),
                    };
                    look.moved += (actions.len() - before) as u32; // at most `room`
                    if is_done && pass == Pass::ItsClients {
                        look.pass = Pass::Any;
                    } else if !is_done {
                        self.look = Some(look);
                        return true;
                    } else {
                        let pool = &mut self.pools[look.pool];
                        pool.left = pool.shares.surplus;
                        look.pool += 1;
                        look.pass = Pass::Count;
                    }
                }
            }
            self.look = Some(look);
        }
        !self.freed.is_empty()
    }

    fn finish(&mut self, look: Look, xids: &mut Xids, actions: &mut Vec<Action>) {
        let was_asked = !look.answers.is_empty();
        for xid in look.answers {
            let answer = Word::PoolResponse { transferred: look.moved };
            actions.push(answer.said(self.protocol, xid));
        }
        if was_asked && look.moved == 0 && self.pools.iter().any(|pool| pool.shares.surplus < 0) {
            actions.push(Action::Alarm(Alarm::NothingToGive));
        }
        // Departs from draft-12 §7.6, where a secondary alone asks: a primary that has next to nothing
        // has no other way, as neither takes what is the other's. ISC dhcpd asks and gives in either
        // role.
        let may_ask = (self.protocol, self.role) != (Protocol::Dhcpv6, Role::Primary);
        if look.asks && look.panics && may_ask {
            actions.push(Word::PoolRequest.said(self.protocol, xids.next()));
        }
    }

    /// Whether who has what of a pool changes at all: of IPv6 addresses it is fixed for ever, and what is
    /// drawn from a pool that is too large for numbers is nobody's until then.
    fn is_shared_out(&self, pool: PoolId, table: &Table) -> bool {
        let layout = table.layout();
        layout.fixed_owner(pool.0).is_none() && !layout.is_sparse(pool)
    }

    /// What a look begins with, that the clock began or not.
    fn first_pass(&self, shares: Shares, is_timed: bool) -> Pass {
        let limit = if is_timed { shares.threshold } else { 0 };
        match (self.protocol, self.role) {
            (Protocol::Dhcpv4, _) => Pass::ItsClients,
            (Protocol::Dhcpv6, Role::Primary) if shares.surplus > limit => Pass::Any,
            (Protocol::Dhcpv6, Role::Primary) if -shares.surplus > limit => Pass::Back,
            (Protocol::Dhcpv6, _) => Pass::Nothing,
        }
    }

    /// Asks for prefixes that the partner has and nobody ever had; true if there are no more to ask for.
    fn ask_back(
        &mut self,
        at: &Moment<'_>,
        number: usize,
        limit: usize,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Pool { id: pool, mut shares, .. } = self.pools[number];
        let guard = at.table.pin();
        let mut has_room = true;
        let partner = self.partner();
        let (asked, writer) = (&mut self.asked, self.writer);
        at.table.for_available(pool, partner, Which::Used, LOOKS, &guard, &mut |id, seen| {
            has_room = actions.len() < limit;
            if shares.surplus >= 0 || !has_room {
                return ControlFlow::Break(());
            }
            let is_virgin = |binding: &&Binding| {
                binding.status == BindingStatus::Backup && binding.client.is_none()
            };
            if let Some(before) = seen.binding().filter(is_virgin)
                && !asked.contains(&id)
            {
                // Whatever becomes of the question, the partner is told again whose it is.
                let writer = Some(writer);
                let new = Binding { told: Told::Unsent, writer, ..before.clone() };
                if let Ok(now) = at.table.replace(id, seen, new, &guard) {
                    at.changed(id, Some(before), now.binding(), actions);
                    asked.insert(id);
                    shares.surplus += 1;
                }
            }
            ControlFlow::Continue(())
        });
        self.pools[number].shares = shares;
        has_room
    }

    fn shares(&self, pool: PoolId, table: &Table) -> Shares {
        let counts = table.counts(pool);
        let (own, other) = match self.role {
            Role::Primary => (counts.free, counts.backup),
            Role::Secondary => (counts.backup, counts.free),
        };
        match self.protocol {
            Protocol::Dhcpv4 => Shares::of(own, other, self.misbalance, self.ownership),
            Protocol::Dhcpv6 => Shares::of_part(self.role, own, other, self.part, self.misbalance),
        }
    }

    /// One pass over a pool; true if there is no more to give in it.
    fn give_of(
        &mut self,
        at: &Moment<'_>,
        number: usize,
        pass: Pass,
        limit: usize,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Pool { id: pool, mut shares, .. } = self.pools[number];
        let guard = at.table.pin();
        // What was never used was no client's, and of a large pool it is nearly all.
        let which = if pass == Pass::ItsClients { Which::Used } else { Which::All };
        let before = actions.len();
        let (mut has_room, mut is_over) = (true, false);
        let is_whole =
            at.table.for_available(pool, self.own(), which, LOOKS, &guard, &mut |id, seen| {
                let used = seen.binding().is_some_and(|binding| binding.client.is_some());
                let (wants, ends) = match pass {
                    Pass::Any => (shares.gives(used), !shares.gives(false)),
                    _ => (self.is_its_clients(seen.binding()), !shares.gives_to_its_client()),
                };
                if ends {
                    is_over = true;
                    return ControlFlow::Break(());
                }
                if actions.len() >= limit {
                    has_room = false;
                    return ControlFlow::Break(());
                }
                if wants && self.give(at, id, seen, &guard, actions) {
                    shares.surplus -= 1;
                }
                ControlFlow::Continue(())
            });
        self.pools[number].shares = shares;
        // A large pool is looked at in parts, for as long as something comes of it.
        is_whole || is_over || has_room && actions.len() == before
    }

    /// An address that became free, to its last client's server.
    fn give_freed(&mut self, at: &Moment<'_>, id: ResourceId, actions: &mut Vec<Action>) {
        let its_pool = {
            let layout = at.table.layout();
            layout.pool_of(id).filter(|_| !layout.is_reserved(id))
        };
        let number = self.pools.iter().position(|pool| Some(pool.id) == its_pool);
        let Some(number) = number else { return };
        let guard = at.table.pin();
        let Some(seen) = at.table.seen(id, &guard) else { return };
        if self.pools[number].shares.gives_to_its_client()
            && self.is_its_clients(seen.binding())
            && self.give(at, id, seen, &guard, actions)
        {
            self.pools[number].shares.surplus -= 1;
        }
    }

    /// Gives one of our available addresses; false if it is none, or somebody else was faster.
    fn give<'g>(
        &self,
        at: &Moment<'_>,
        id: ResourceId,
        seen: Seen<'g>,
        guard: &'g Guard,
        actions: &mut Vec<Action>,
    ) -> bool {
        let (from, to) = match self.role {
            Role::Primary => (BindingStatus::Free, BindingStatus::Backup),
            Role::Secondary => (BindingStatus::Backup, BindingStatus::Free),
        };
        let before = seen.binding();
        let is_ours = before.map_or(from == BindingStatus::Free, |before| before.status == from);
        let is_promised = |before: &Binding| before.is_offered(at.now) || before.is_kept();
        if !is_ours || before.is_some_and(is_promised) {
            return false;
        }
        let mut new = before.cloned().unwrap_or_else(|| Binding::new(to, at.now));
        new.status = to;
        new.starts = at.now;
        new.told = Told::Unsent;
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        let Ok(now) = at.table.replace(id, seen, new, guard) else { return false };
        at.changed(id, before, now.binding(), actions);
        true
    }

    /// Whether the partner serves the last client of the address under load balancing.
    fn is_its_clients(&self, binding: Option<&Binding>) -> bool {
        let client = binding.filter(|binding| !binding.flags.bootp && !binding.flags.reserved);
        let Some(bucket) = client.and_then(|binding| bucket(binding.client.as_ref()?)) else {
            return false;
        };
        let is_primarys = self.buckets[usize::from(bucket / 64)] >> (bucket % 64) & 1 == 1;
        is_primarys != (self.role == Role::Primary)
    }
}

/// The hash bucket of a client: of its identifier whole, or of its hardware address without the type
/// (spec §8.2).
fn bucket(client: &Client) -> Option<u8> {
    let identifier = client.item(ItemKind::Identifier).filter(|octets| !octets.is_empty());
    let hardware = || client.item(ItemKind::Hardware).map(|octets| octets.get(1..).unwrap_or(&[]));
    identifier.or_else(hardware).map(bucket_of)
}

#[cfg(test)]
mod tests;
