//! One run: what answers are worth, and what clients make of them.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::answer::{Answer, Kind};
use super::clients::{Clients, Lease};
use super::outcome::Outcome;
use super::plan::{Access, Act, Target};
use super::template::{Stage, Template};
use super::under_way::{Exchange, UnderWay};
use crate::state::Protocol;

/// A request without an answer for so long is lost: a client would ask again only after some four
/// seconds (RFC 2131 §4.1), but a server that needs a second has lost its race already.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// One run.
pub(super) struct Run<'c> {
    pub(super) clients: &'c mut Clients,
    pub(super) protocol: Protocol,
    access: Access,
    target: Target,
    /// For each server that clients know, by [`Stage`].
    pub(super) templates: Vec<[Template; 5]>,
    /// For each address, by number, the number after the client's that it was offered to in this run and
    /// that did not go on, or 0.
    offered: Vec<u32>,
    pub(super) outcome: Outcome,
    pub(super) done: u64,
}

impl<'c> Run<'c> {
    pub(super) fn new(access: Access, target: Target, clients: &'c mut Clients) -> Self {
        let mut run = Self {
            offered: vec![0; clients.pool().numbers()],
            clients,
            protocol: target.protocol(),
            access,
            target,
            templates: Vec::new(),
            outcome: Outcome::new(),
            done: 0,
        };
        run.know_servers();
        run
    }

    /// Has templates made for servers that were not known before.
    fn know_servers(&mut self) {
        for server in &self.clients.servers()[self.templates.len()..] {
            let naming = |stage| Template::naming(stage, self.access, self.target, server);
            self.templates.push(Stage::ALL.map(naming));
        }
    }

    /// Takes what arrived; who asks on because of it.
    pub(super) fn take(
        &mut self,
        frame: &[u8],
        under_way: &mut UnderWay,
        now_ns: u64,
    ) -> Option<(u32, Exchange)> {
        let answer = Answer::read(self.protocol, frame)?;
        let exchange = under_way.find(answer.xid)?;
        let is_to_go_on =
            matches!(exchange.act, Act::Exchange | Act::Rapid) && answer.kind == Kind::Offer;
        if is_to_go_on && exchange.is_requested {
            // Of a second server, or told twice: the client has taken the first.
            return None;
        }
        if !answer.is_for(exchange.client) {
            self.outcome.wrong.client += 1;
            return None;
        }
        let times =
            if exchange.is_requested { &mut self.outcome.ack } else { &mut self.outcome.offer };
        record(times, now_ns, exchange.intended_ns);
        let lease = match answer.kind {
            Kind::Offer | Kind::Grant => self.clients.lease(answer.address, answer.server),
            _ => None,
        };
        self.know_servers();
        if is_to_go_on && lease.is_some() {
            exchange.is_requested = true;
            exchange.intended_ns = now_ns;
            exchange.lease = lease;
            return Some((answer.xid, *exchange));
        }
        let exchange = *exchange;
        under_way.end(answer.xid);
        match self.judge(&exchange, &answer, lease) {
            Verdict::Well => {
                self.done += 1;
                record(&mut self.outcome.latency, now_ns, exchange.begun_ns);
                match (exchange.act, lease) {
                    (Act::Exchange | Act::Rapid | Act::Renew, Some(_)) => {}
                    _ => self.is_over(&exchange),
                }
            }
            Verdict::Refused => {
                self.outcome.refused += 1;
                if let (Act::Renew, Some(lease)) = (exchange.act, exchange.lease) {
                    self.clients.give_back(lease);
                }
                self.clients.rest(exchange.client);
            }
            Verdict::Wrong => self.is_over(&exchange),
        }
        None
    }

    /// Whether the last answer to this exchange, with that lease in it, is what it must be. Then the
    /// client holds what it was granted.
    fn judge(&mut self, exchange: &Exchange, answer: &Answer<'_>, lease: Option<Lease>) -> Verdict {
        let Exchange { act, client, lease: before, is_requested, .. } = *exchange;
        let wrong = &mut self.outcome.wrong;
        let is_well = match (act, answer.kind) {
            (Act::Reflect, Kind::Reflection) | (Act::Release, Kind::Done) => return Verdict::Well,
            (Act::Discover | Act::Exchange | Act::Rapid, Kind::NoOffer) if !is_requested => {
                return Verdict::Refused;
            }
            (Act::Discover | Act::Exchange | Act::Rapid, Kind::Offer) if !is_requested => {
                match lease {
                    None => {
                        wrong.address += 1;
                        false
                    }
                    Some(_) if !answer.has_sane_times() => {
                        wrong.times += 1;
                        false
                    }
                    Some(lease) => {
                        let is_once = self.is_offered_once(lease.address, client);
                        self.outcome.wrong.given_twice += u64::from(!is_once);
                        is_once
                    }
                }
            }
            (Act::Exchange | Act::Rapid | Act::Renew, Kind::Grant)
                if is_requested || act == Act::Rapid =>
            {
                let is_its = |lease: &Lease| {
                    !is_requested || before.is_some_and(|before| before.address == lease.address)
                };
                match lease.filter(is_its) {
                    _ if !answer.has_sane_times() => {
                        wrong.times += 1;
                        false
                    }
                    None => {
                        wrong.address += 1;
                        false
                    }
                    Some(lease) => {
                        let is_held = self.clients.hold(client, lease);
                        wrong.given_twice += u64::from(!is_held);
                        is_held
                    }
                }
            }
            (
                Act::Exchange | Act::Rapid | Act::Renew | Act::Release,
                Kind::Refusal | Kind::Done,
            ) if is_requested => return Verdict::Refused,
            _ => {
                wrong.kind += 1;
                false
            }
        };
        if is_well { Verdict::Well } else { Verdict::Wrong }
    }

    /// Whether no other client has this address, or was offered it in this run.
    fn is_offered_once(&mut self, address: u32, client: u32) -> bool {
        if !self.clients.may_hold(client, address) {
            return false;
        }
        let place = address as usize;
        if place >= self.offered.len() {
            self.offered.resize(self.clients.pool().numbers(), 0);
        }
        let before = std::mem::replace(&mut self.offered[place], client + 1);
        before == 0 || before == client + 1
    }

    /// It was given up: it counts as one that has waited for as long as anybody is waited for, at
    /// the least.
    pub(super) fn is_lost(&mut self, exchange: &Exchange, now_ns: u64) {
        let Exchange { is_requested, begun_ns, intended_ns, .. } = *exchange;
        self.outcome.lost += 1;
        let until = |since_ns| now_ns.max(since_ns + PATIENCE.as_nanos() as u64);
        let outcome = &mut self.outcome;
        let times = if is_requested { &mut outcome.ack } else { &mut outcome.offer };
        record(times, until(intended_ns), intended_ns);
        record(&mut outcome.latency, until(begun_ns), begun_ns);
        self.is_over(exchange);
    }

    /// The client holds what it held before, but for what it gave back, and its turn comes again.
    pub(super) fn is_over(&mut self, exchange: &Exchange) {
        // Whoever holds a lease and only asks is behind all others again: a few who ask in turn would
        // find all that the server knows of them in its caches, and its guard against them.
        match (exchange.act, exchange.lease) {
            (Act::Reflect | Act::Discover | Act::Renew, Some(lease)) => {
                self.clients.keep(exchange.client, lease);
            }
            _ => self.clients.rest(exchange.client),
        }
    }
}

/// What is made of a last answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Well,
    /// The client is told that it has nothing.
    Refused,
    Wrong,
}

/// Notes how long it is since then.
pub(super) fn record(times: &mut Histogram<u64>, now_ns: u64, since_ns: u64) {
    times.saturating_record(now_ns.saturating_sub(since_ns).max(1));
}
