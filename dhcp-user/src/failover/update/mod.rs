//! Binding updates of one relationship: what the partner says, what it is told, and what is owed.
//!
//! ```text
//! receive    BNDUPD: taken or refused        send       what goes out
//!   conflict   whose word holds                flight     what is not answered yet
//!   duel       of two that crossed             walk       what the partner asked for
//!   tie        of two of one time            answer     what comes back
//!   merge      what an address becomes       anew       what counts as told, and is not
//! translate  a binding on the wire           holding    what dhcpd is not told yet
//! reserve    what is kept and was nobody's
//! ```

mod anew;
mod answer;
mod conflict;
mod duel;
mod flight;
mod holding;
mod merge;
mod receive;
mod reserve;
mod send;
#[cfg(test)]
mod tests;
mod tie;
mod translate;
mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::anew::Anew;
use self::flight::Flight;
use self::holding::Holding;
use self::reserve::Reserving;
use self::walk::Walk;
pub(super) use self::walk::joined;
use super::balance::Balance;
use super::event::{Action, Alarm};
use super::moment::{Moment, Xids};
use super::settings::{Dialect, Role, Settings};
use super::speech::Word;
use super::status::{Conflict, PoolStatus, Status};
use crate::config::model::{IdentityBy, Protocol, Secret};
use crate::lease::{
    Binding, BindingStatus, Client, Layout, PoolId, Range, Resource, ResourceId, Table, Told,
    WriterId,
};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// Most messages that we have unanswered, whatever the partner takes: what is on its way is kept.
const WINDOW_MAX: u32 = 1_000;
/// After so long a refused update is sent once more: whoever refused it may have changed its mind
/// (draft-12 §7.2: "with a considerable delay"). Not at the same time on both servers: they would
/// cross again.
const RETRY_PRIMARY: Seconds = Seconds(300);
/// The secondary's.
const RETRY_SECONDARY: Seconds = Seconds(200);
/// Addresses that are remembered as the partner's client's, or as not to be told; of more, the one kind
/// is told and the other causes no alarm.
const REMEMBERED_MAX: usize = 1 << 16;
/// UPDREQs of one partner that wait for an UPDDONE each; of more the last but these.
const REQUESTS_MAX: usize = 4;

/// Binding updates of one relationship.
#[derive(Clone, Debug, Hash)]
pub(super) struct Updates {
    protocol: Protocol,
    role: Role,
    pools: Vec<PoolId>,
    writer: WriterId,
    /// How clients are told apart that the partner names by identifier and hardware address alone.
    identity: Vec<IdentityBy>,
    /// What the keys of clients for Reconfigures follow from here, and may at the partner.
    reconfigure: Option<Secret>,
    dialect: Dialect,
    /// Messages that may be unanswered; none without a link.
    window: usize,
    flight: Flight,
    holding: Holding,
    /// Addresses to be told next: what changed while it was on its way, what is untold, and what was
    /// asked for.
    ready: VecDeque<Ready>,
    /// Where the round over what is untold goes on: which range, and where in it.
    round: (usize, ResourceId),
    walk: Option<Walk>,
    /// What is to count as untold, as long as that is not done.
    anew: Option<Anew>,
    reserving: Reserving,
    /// Before a partner that has recovered serves.
    handover: Handover,
    /// UPDREQALL is not answered in full.
    owes_all: bool,
    /// The operator wants everything told again.
    wants_all: bool,
    /// What was refused is to be told again.
    wants_refused: bool,
    /// POOLREQ is to follow what is to be told (RFC 8156 §8.8).
    wants_pools: bool,
    /// When the first was refused of what is refused and not told again.
    refused_at: Option<Stamp>,
    /// What is refused, or left to the partner to say, and not told again: while there are that few.
    refused: BTreeSet<ResourceId>,
    /// Whose the partner says an address is, that we lease to another.
    contested: BTreeMap<ResourceId, Client>,
    /// What cannot be told, and an operator knows.
    untellable: BTreeSet<ResourceId>,
    /// When we came to NORMAL last with a dhcpd.
    normal_since: Stamp,
    balance: Balance,
    counters: Counters,
    conflict: Option<Conflict>,
}

/// What became of [`Updates::hand_over`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Handover {
    No,
    Wanted,
    /// The walk is for it.
    Walks,
    Done,
}

/// An address to be told.
#[derive(Clone, Copy, Debug, Hash)]
struct Ready {
    id: ResourceId,
    /// Though the partner may know.
    again: bool,
}

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Counters {
    acknowledged: u64,
    refused: u64,
    taken: u64,
    rejected: u64,
}

impl Updates {
    /// Nothing told, nothing owed but, if `owes_all`, everything at the partner's next request.
    /// Swaps bindings as `writer`.
    pub(super) fn new(settings: &Settings, writer: WriterId, owes_all: bool) -> Self {
        Self {
            protocol: settings.terms.protocol,
            role: settings.terms.role,
            pools: settings.pools.clone(),
            writer,
            identity: settings.identity.clone(),
            reconfigure: settings.reconfigure.clone(),
            dialect: Dialect::default(),
            window: 0,
            flight: Flight::default(),
            holding: Holding::default(),
            ready: VecDeque::new(),
            round: (0, ResourceId::FIRST),
            walk: None,
            anew: None,
            reserving: Reserving::default(),
            handover: Handover::No,
            owes_all,
            wants_all: false,
            wants_refused: false,
            wants_pools: false,
            refused_at: None,
            refused: BTreeSet::new(),
            contested: BTreeMap::new(),
            untellable: BTreeSet::new(),
            normal_since: Stamp::ZERO,
            balance: Balance::new(settings, writer),
            counters: Counters::default(),
            conflict: None,
        }
    }

    /// A connection is the link. Nothing is sent before [`Moment::is_heard`].
    pub(super) fn link_up(&mut self, now: Stamp, dialect: Dialect, max_unacked: u32) {
        self.holding.link_up(now);
        self.reserving = Reserving::default();
        self.dialect = dialect;
        self.window = max_unacked.min(WINDOW_MAX) as usize;
        // What this partner refused it may take now.
        self.retry_refused();
    }

    /// The hash buckets in force, the primary's: bit h set, the primary serves clients with hash h.
    pub(super) fn share(&mut self, buckets: [u64; 4]) {
        self.balance.share(buckets);
    }

    /// The link is gone: what was not acknowledged is untold again, requests are forgotten.
    pub(super) fn link_lost(&mut self, table: &Table) {
        let flight = std::mem::take(&mut self.flight);
        flight.addresses().for_each(|id| table.mark_untold(id));
        let ready = self.ready.drain(..).chain(self.holding.drain());
        ready.for_each(|ready| table.mark_untold(ready.id));
        let walk = self.walk.take();
        self.wants_refused |= walk.is_some_and(|walk| walk.xids.is_empty());
        self.wants_pools = false;
        self.handover = Handover::No;
        self.window = 0;
        self.balance.stop();
    }

    /// The endpoint has gone over to [`Moment::state`]; its STATE is among `actions` already. In
    /// NORMAL: balance, and a secondary sends POOLREQ.
    pub(super) fn entered(&mut self, at: &Moment<'_>, xids: &mut Xids, actions: &mut Vec<Action>) {
        if at.state != State::Normal {
            self.balance.stop();
            return;
        }
        self.retry_refused();
        if self.dialect == Dialect::Dhcpd {
            self.normal_since = at.now;
        }
        self.balance.begin(at.now);
        if at.is_heard {
            self.listen(at.now, xids, actions);
        }
        if self.role == Role::Secondary && at.is_heard {
            match self.protocol {
                Protocol::Dhcpv4 => {
                    actions.push(Word::PoolRequest.said(self.protocol, xids.next()));
                }
                Protocol::Dhcpv6 => self.wants_pools = true,
            }
        }
    }

    /// A dhcpd was heard, and knows our state: unless it was asked on this link it is asked now for what it
    /// has done, and told nothing before it has told that.
    pub(super) fn listen_first(&mut self, now: Stamp, xids: &mut Xids, actions: &mut Vec<Action>) {
        if !self.holding.has_asked() {
            self.listen(now, xids, actions);
        }
    }

    fn listen(&mut self, now: Stamp, xids: &mut Xids, actions: &mut Vec<Action>) {
        if self.dialect == Dialect::Dhcpd {
            let xid = xids.next_request();
            self.holding.ask(now, xid);
            actions.push(Word::UpdateRequest.said(self.protocol, xid));
        }
    }

    /// The endpoint sends an UPDREQ or UPDREQALL of its own, which a dhcpd answers instead of an earlier one.
    pub(super) fn on_asked(&mut self, now: Stamp, xid: u32) {
        if self.dialect == Dialect::Dhcpd {
            self.holding.ask(now, xid);
        }
    }

    /// UPDREQ, or with `all` UPDREQALL: [`pump`](Self::pump) answers it, and sends UPDDONE with its
    /// xid. A new one replaces an unfinished one, whose xid is not answered in DHCPv4.
    pub(super) fn on_request(&mut self, at: &Moment<'_>, xid: u32, all: bool) {
        self.owes_all |= all;
        if self.handover == Handover::Walks {
            self.handover = Handover::Wanted;
        }
        let unfinished = self.walk.take().filter(|_| self.protocol == Protocol::Dhcpv6);
        let mut xids = unfinished.map_or_else(Vec::new, |walk| walk.xids);
        xids.truncate(REQUESTS_MAX - 1);
        xids.push(xid);
        self.walk = Some(Walk::new(xids, self.owes_all, self.ranges(&at.table.layout())));
    }

    /// UPDDONE.
    pub(super) fn on_done(&mut self, now: Stamp, xid: u32) {
        self.holding.on_done(now, xid);
    }

    /// Whatever the partner does not know by now is to be told, as if it had asked.
    pub(super) fn hand_over(&mut self) {
        self.handover = Handover::Wanted;
    }

    /// Whether that was done, and all of it answered.
    pub(super) fn has_handed_over(&self) -> bool {
        self.handover == Handover::Done
    }

    /// POOLREQ: balances, and POOLRESP.
    pub(super) fn on_pool_request(&mut self, at: &Moment<'_>, xid: u32, actions: &mut Vec<Action>) {
        self.balance.on_request(at, xid, actions);
    }

    /// POOLRESP.
    pub(super) fn on_pool_response(
        &mut self,
        at: &Moment<'_>,
        transferred: u32,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) {
        // draft-12 §7.7.2: more may be had while some are given.
        if transferred > 0 && self.role == Role::Secondary && at.state == State::Normal {
            actions.push(Word::PoolRequest.said(self.protocol, xids.next()));
        }
    }

    /// Time has passed: the balance, and what was refused long ago.
    pub(super) fn on_tick(&mut self, at: &Moment<'_>, _: &mut Xids, _: &mut Vec<Action>) {
        let held = self.holding.ready(at.now);
        self.make_ready(held);
        if at.state == State::Normal {
            self.balance.on_tick(at.now, at.table);
        }
        if self.retry_at().is_some_and(|due| due <= at.now) && at.tells {
            self.retry_refused();
        }
    }

    /// Everything is untold again (an operator's wish).
    pub(super) fn resynchronise(&mut self, _: &Moment<'_>) {
        self.wants_all = true;
    }

    /// RESET of one address or prefix (an operator's wish).
    pub(super) fn reset(&mut self, at: &Moment<'_>, resource: Resource, actions: &mut Vec<Action>) {
        let Some(id) = at.table.find(resource) else { return };
        let guard = at.table.pin();
        let Some(mut seen) = at.table.seen(id, &guard) else { return };
        while let Some(before) = seen.binding().filter(|binding| !binding.is_available()) {
            let mut new = Binding {
                status: BindingStatus::Reset,
                starts: at.now,
                told: Told::Unsent,
                offered_until: Stamp::ZERO,
                writer: Some(self.writer),
                ..before.clone()
            };
            new.expires = new.expires.min(at.now);
            match at.table.replace(id, seen, new, &guard) {
                Ok(now) => {
                    at.changed(id, Some(before), now.binding(), actions);
                    return;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// These are told as soon as it is their turn. A walk does not end before them: what the partner is
    /// told last goes before UPDDONE.
    fn make_ready(&mut self, more: impl IntoIterator<Item = Ready>) {
        let before = self.ready.len();
        self.ready.extend(more);
        let after = self.ready.len();
        if let Some(walk) = self.walk.as_mut().filter(|walk| walk.is_over() && after > before) {
            walk.unsent = after;
        }
    }

    /// When [`on_tick`](Self::on_tick) is wanted.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        [self.balance.next_timeout(), self.retry_at(), self.holding.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the partner's window is full, or a walk ends with the last answer to it.
    pub(super) fn awaits_answers(&self) -> bool {
        self.flight.messages() >= self.window || self.walk.is_some()
    }

    /// When the update that has waited longest for its BNDACK was sent. The endpoint alarms, and
    /// gives the link up (spec §2.2).
    pub(super) fn oldest_unacknowledged(&self) -> Option<Stamp> {
        self.flight.oldest()
    }

    /// Whether an UPDREQALL of the partner's is not yet answered in full. The endpoint saves it when
    /// it changes.
    pub(super) fn owes_all(&self) -> bool {
        self.owes_all
    }

    /// Whether the partner has no address left to give in some pool. In DHCPv6 nobody goes by that.
    pub(super) fn is_partner_starved(&self, table: &Table) -> bool {
        if self.protocol == Protocol::Dhcpv6 {
            return false;
        }
        let partner = self.balance.partner();
        self.pools.iter().any(|pool| table.is_exhausted(*pool, partner))
    }

    /// Fills in what is counted here, the pools and the last conflict.
    pub(super) fn report(&self, table: &Table, status: &mut Status) {
        status.queued = self.queued(table);
        status.unacknowledged = self.flight.addresses().count() as u64;
        status.acknowledged = self.counters.acknowledged;
        status.refused = self.counters.refused;
        status.taken = self.counters.taken;
        status.rejected = self.counters.rejected;
        status.conflict.clone_from(&self.conflict);
        status.pools = self
            .pools
            .iter()
            .map(|pool| PoolStatus { pool: *pool, counts: table.counts(*pool) })
            .collect();
    }

    /// How many addresses the partner must still be told, what it has refused among them; roughly, while
    /// workers go on.
    fn queued(&self, table: &Table) -> u64 {
        let ranges = self.ranges(&table.layout());
        let untold: u64 = ranges.into_iter().map(|range| table.count_untold(range)).sum();
        untold + (self.ready.len() + self.holding.len() + self.refused.len()) as u64
    }

    /// All addresses of the relationship: its subnets, as reserved addresses lie outside of pools.
    fn ranges(&self, layout: &Layout) -> VecDeque<Range> {
        self.place(layout).map_or_else(VecDeque::new, |place| walk::joined(layout.ranges_of(place)))
    }

    /// The relationship by its place in the configuration, which a reload may change.
    fn place(&self, layout: &Layout) -> Option<u16> {
        self.pools.iter().find_map(|pool| layout.relationship_of(pool.0))
    }

    /// What the address holds is not told for now, and looked at again.
    fn put_off(&mut self, now: Stamp, id: ResourceId) {
        self.refused_at.get_or_insert(now);
        if self.refused.len() < REMEMBERED_MAX {
            self.refused.insert(id);
        }
    }

    fn retry_at(&self) -> Option<Stamp> {
        let delay = match self.role {
            Role::Primary => RETRY_PRIMARY,
            Role::Secondary => RETRY_SECONDARY,
        };
        self.refused_at.map(|at| at.after(delay))
    }

    /// What was refused is told once more: of a walk over all, the part that the partner does not
    /// know.
    fn retry_refused(&mut self) {
        self.wants_refused |= self.refused_at.take().is_some();
    }

    /// Two ideas of one address.
    fn alarm(&mut self, at: &Moment<'_>, id: ResourceId, what: String, actions: &mut Vec<Action>) {
        let Some(resource) = at.table.resource(id) else { return };
        self.conflict = Some(Conflict { at: at.now, resource, what: what.clone() });
        actions.push(Action::Alarm(Alarm::Conflict { resource, what }));
    }
}
