//! The loop: whoever is due asks, whoever is answered goes on or is done.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use dhcp_user::dataplane::xsk::{Frame, Packet};
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::answer::Answer;
use super::clients::{Clients, Held};
use super::end::{End, pin};
use super::outcome::Outcome;
use super::pace::Pace;
use super::plan::{Access, Act, Arrival, Plan, Target};
use super::template::{Fields, Stage, Template};
use super::under_way::{Exchange, UnderWay};
use crate::state;

/// The core that it runs on.
const GENERATOR_CORE: usize = 0;

/// Packets taken, and clients begun, at a time.
const BATCH: usize = 64;
/// A request without an answer for so long is lost: a client would ask again only after some four
/// seconds (RFC 2131 §4.1), but a server that needs a second has lost its race already.
const PATIENCE: Duration = Duration::from_secs(1);
/// A server that has not answered by then does not come up.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Packets that may be on their way out at a time.
const FRAMES: usize = 4096;
/// Whoever has not begun at the end of a run, and should have for so long, is overdue.
const OVERDUE: Duration = Duration::from_millis(10);
/// Nobody sleeps longer at a time.
const NAP_NS: u64 = 1_000_000;

const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// The client that floods has nothing under way, and this number is the last that anybody else gets.
const FLOODER_XID: u32 = u32::MAX;
const FLOODER: Exchange = Exchange {
    act: Act::Discover,
    client: u32::MAX - 1,
    is_requested: false,
    address: Ipv4Addr::UNSPECIFIED,
    server: Ipv4Addr::UNSPECIFIED,
    begun_ns: 0,
    intended_ns: 0,
};

/// The clients' host.
pub(crate) struct Generator {
    end: End,
    target: Target,
    /// Frames that are ours to send from.
    frames: Vec<Frame>,
    /// Kept from run to run, so that answers of an earlier one are nobody's.
    under_way: UnderWay,
    leaving: Vec<Packet>,
    arrived: Vec<Packet>,
}

/// One run.
struct Run<'c> {
    clients: &'c mut Clients,
    /// By [`Stage`].
    templates: [Template; 4],
    /// For each address the number after the client's that it was offered to in this run and that did
    /// not go on, or 0.
    offered: Vec<u32>,
    outcome: Outcome,
    done: u64,
}

impl Generator {
    pub(crate) fn new(mut end: End, target: Target) -> Self {
        let frames = end.lend(FRAMES);
        let (leaving, arrived) = (Vec::with_capacity(FRAMES), Vec::with_capacity(BATCH));
        Self { end, target, frames, under_way: UnderWay::new(), leaving, arrived }
    }

    /// Lets `clients` do what the plan says.
    ///
    /// # Errors
    /// If the kernel keeps frames of an earlier run.
    pub(crate) fn run(&mut self, plan: &Plan, clients: &mut Clients) -> Result<Outcome> {
        self.end.reap(&mut self.frames);
        let missing = FRAMES - self.frames.len() - self.leaving.len();
        ensure!(missing == 0, "{missing} frames are missing");
        let mut run = Run::new(plan.access, self.target, clients);
        // A thread of its own, so that what this one starts is not pinned with it.
        thread::scope(|scope| {
            let driven = scope.spawn(|| {
                pin(GENERATOR_CORE);
                // Sleep as long as was asked for, and not some 50 µs more (prctl(2), PR_SET_TIMERSLACK).
                let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
                self.drive(&mut run, plan);
            });
            driven.join().expect("the generator ends well");
        });
        Ok(run.outcome)
    }

    /// Has `client` do this, a DISCOVER or a renewal of what it holds by its number, again and again
    /// until it is answered well; how long after `since` that was.
    ///
    /// # Errors
    /// If there is no answer in a minute.
    pub(crate) fn first_answer(
        &mut self,
        act: Act,
        access: Access,
        client: u32,
        since: Instant,
    ) -> Result<Duration> {
        let mut clients = Clients::new(0..0);
        let mut run = Run::new(access, self.target, &mut clients);
        let is_bound = act == Act::Renew;
        let address = if is_bound { state::address(client) } else { Ipv4Addr::UNSPECIFIED };
        let held = Held { client, address, server: self.target.address };
        while run.done == 0 {
            if since.elapsed() > A_MINUTE {
                while self.under_way.give_up(u64::MAX).is_some() {}
                bail!("no answer in {A_MINUTE:?}");
            }
            self.end.reap(&mut self.frames);
            self.begin(&mut run, act, held, [0; 2]);
            for _ in 0..5 {
                self.end.send(&mut self.leaving);
                self.end.wait(NAP_NS);
                self.take_answers(&mut run, since);
            }
        }
        let took = since.elapsed();
        // Whichever was answered: a busy server gets to the first late.
        while self.under_way.give_up(u64::MAX).is_some() {}
        Ok(took)
    }

    fn drive(&mut self, run: &mut Run<'_>, plan: &Plan) {
        let start = Instant::now();
        let mut pace = Pace::new(plan.arrival);
        let mut random = SmallRng::seed_from_u64(2);
        let shares = plan.mix.sum();
        let mut flood = plan.flood.map(|rate| Pace::new(Arrival::Even(rate)));
        let mut flooded = 0;
        let mut begun: Option<(Instant, u64)> = None;
        let patience_ns = PATIENCE.as_nanos() as u64;
        loop {
            let now = Instant::now();
            let now_ns = (now - start).as_nanos() as u64;
            match begun {
                None if now - start >= plan.warm_up => {
                    run.outcome.begin_measuring();
                    begun = Some((now, run.done));
                }
                Some((since, done)) if now - since >= plan.measured => {
                    let seconds = (now - since).as_secs_f64();
                    run.outcome.seconds = seconds;
                    run.outcome.rate = (run.done - done) as f64 / seconds;
                    let overdue = (now - start).saturating_sub(OVERDUE);
                    run.outcome.overdue = pace.overdue(overdue.as_nanos() as u64);
                    break;
                }
                _ => {}
            }
            self.give_up(run, now_ns, now_ns.saturating_sub(patience_ns));
            self.end.reap(&mut self.frames);
            self.begin_due(run, &mut pace, now_ns, || plan.mix.act(random.random_range(0..shares)));
            if let Some(flood) = &mut flood {
                while self.frames.len() > BATCH && flood.due(now_ns, 0).is_some() {
                    self.ask(run, Stage::Discover, FLOODER_XID, &FLOODER);
                    flooded += 1;
                }
            }
            self.end.send(&mut self.leaving);
            if !self.take_answers(run, start) && flood.is_none() {
                let until_ns = pace.next_ns().map(|next| next.saturating_sub(now_ns));
                let nap_ns = until_ns.unwrap_or(NAP_NS).min(NAP_NS);
                if nap_ns > 0 {
                    self.end.wait(nap_ns);
                }
            }
        }
        run.outcome.flooded = f64::from(flooded) / start.elapsed().as_secs_f64();
        // What is under way comes in, or is lost.
        let late = Instant::now();
        while self.under_way.len() > 0 && late.elapsed() < PATIENCE {
            self.end.reap(&mut self.frames);
            self.end.send(&mut self.leaving);
            if !self.take_answers(run, start) {
                self.end.wait(NAP_NS);
            }
        }
        self.give_up(run, start.elapsed().as_nanos() as u64, u64::MAX);
        while !self.leaving.is_empty() && late.elapsed() < 2 * PATIENCE {
            self.end.send(&mut self.leaving);
        }
    }

    /// Has all those begin whose turn has come, within a batch.
    fn begin_due(
        &mut self,
        run: &mut Run<'_>,
        pace: &mut Pace,
        now_ns: u64,
        mut draw: impl FnMut() -> Act,
    ) {
        for _ in 0..BATCH {
            // Without a frame they come later, and are as late as that makes them; some are for those
            // who go on.
            if self.frames.len() <= BATCH {
                return;
            }
            let Some(intended_ns) = pace.due(now_ns, self.under_way.len()) else { return };
            let act = draw();
            // Where nobody has a lease yet, or any more, somebody gets one.
            let next = run.clients.next(act).map(|held| (act, held));
            let next = next.or_else(|| Some((Act::Exchange, run.clients.next(Act::Exchange)?)));
            match next {
                Some((act, held)) => self.begin(run, act, held, [intended_ns, now_ns]),
                // Who waits for another one to be done is not late.
                None if pace.next_ns().is_none() => return,
                None => run.outcome.left_out += 1,
            }
        }
    }

    /// Has a client send the first message of what it does.
    fn begin(&mut self, run: &mut Run<'_>, act: Act, held: Held, [intended_ns, now_ns]: [u64; 2]) {
        let exchange = Exchange {
            act,
            client: held.client,
            is_requested: act == Act::Renew,
            address: held.address,
            server: held.server,
            begun_ns: intended_ns,
            intended_ns,
        };
        run.outcome.begun += 1;
        record(&mut run.outcome.own_delay, now_ns, intended_ns);
        let stage = match act {
            Act::Reflect | Act::Discover | Act::Exchange => Stage::Discover,
            Act::Renew => Stage::Renew,
            Act::Release => Stage::Release,
        };
        if act == Act::Release {
            // The server may take it from the moment that it is under way.
            run.clients.give_back(held);
            run.outcome.released += 1;
            self.ask(run, stage, 0, &exchange);
        } else if let Some(xid) = self.under_way.begin(now_ns, exchange) {
            self.ask(run, stage, xid, &exchange);
        } else {
            run.outcome.left_out += 1;
            run.is_over(&exchange);
        }
    }

    /// Sends a message, if there is a frame for it; else it counts as lost on the way.
    fn ask(&mut self, run: &Run<'_>, stage: Stage, xid: u32, exchange: &Exchange) {
        let Some(mut frame) = self.frames.pop() else { return };
        let Exchange { client, address, server, .. } = *exchange;
        let octets = self.end.octets_mut(&mut frame);
        let fields = Fields { client, xid, address, server };
        let len = run.templates[stage as usize].fill(octets, fields);
        self.leaving.push(Packet { frame, offset: 0, len });
    }

    /// Whether anything had arrived.
    fn take_answers(&mut self, run: &mut Run<'_>, start: Instant) -> bool {
        self.end.receive(BATCH, &mut self.arrived);
        let any = !self.arrived.is_empty();
        let now_ns = start.elapsed().as_nanos() as u64;
        for mut packet in std::mem::take(&mut self.arrived) {
            let octets = self.end.octets_mut(&mut packet.frame);
            let octets = &octets[packet.offset..packet.offset + packet.len];
            let next = run.take(octets, &mut self.under_way, now_ns);
            self.end.release(packet.frame);
            if let Some((xid, exchange)) = next {
                self.under_way.asks_again(now_ns, xid);
                self.ask(run, Stage::Request, xid, &exchange);
            }
        }
        self.end.tend();
        any
    }

    /// Ends what has waited since `before_ns`.
    fn give_up(&mut self, run: &mut Run<'_>, now_ns: u64, before_ns: u64) {
        while let Some(exchange) = self.under_way.give_up(before_ns) {
            run.is_lost(&exchange, now_ns);
        }
    }
}

impl<'c> Run<'c> {
    fn new(access: Access, target: Target, clients: &'c mut Clients) -> Self {
        let stages = [Stage::Discover, Stage::Request, Stage::Renew, Stage::Release];
        let templates = stages.map(|stage| Template::new(stage, access, target));
        let offered = vec![0; clients.addresses()];
        Self { clients, templates, offered, outcome: Outcome::new(), done: 0 }
    }

    /// Takes what arrived; who asks on because of it.
    fn take(
        &mut self,
        frame: &[u8],
        under_way: &mut UnderWay,
        now_ns: u64,
    ) -> Option<(u32, Exchange)> {
        let answer = Answer::read(frame)?;
        let exchange = under_way.find(answer.xid)?;
        let kind = if answer.op == 2 { answer.kind } else { 0 };
        if exchange.act == Act::Exchange && kind == OFFER && exchange.is_requested {
            // Of a second server, or told twice: the client has taken the first.
            return None;
        }
        if answer.chaddr != state::mac(exchange.client) {
            self.outcome.wrong.client += 1;
            return None;
        }
        let times =
            if exchange.is_requested { &mut self.outcome.ack } else { &mut self.outcome.offer };
        record(times, now_ns, exchange.intended_ns);
        if exchange.act == Act::Exchange && kind == OFFER {
            exchange.is_requested = true;
            exchange.intended_ns = now_ns;
            (exchange.address, exchange.server) = (answer.yiaddr, answer.server);
            return Some((answer.xid, *exchange));
        }
        let exchange = *exchange;
        under_way.end(answer.xid);
        if self.is_well(&exchange, kind, &answer) {
            self.done += 1;
            record(&mut self.outcome.latency, now_ns, exchange.begun_ns);
        } else if kind != NAK {
            self.is_over(&exchange);
        }
        None
    }

    /// Whether the last answer to this exchange is what it must be. If it is, or is a refusal, the
    /// client is back in its queue.
    fn is_well(&mut self, exchange: &Exchange, kind: u8, answer: &Answer<'_>) -> bool {
        let Exchange { act, client, address, server, is_requested, .. } = *exchange;
        let wrong = &mut self.outcome.wrong;
        match (act, kind) {
            (Act::Reflect, 0) | (Act::Discover, OFFER) => {
                if act == Act::Discover && !answer.has_sane_times() {
                    wrong.times += 1;
                    return false;
                }
                if act == Act::Discover && !self.is_offered_once(answer.yiaddr, client) {
                    self.outcome.wrong.given_twice += 1;
                    return false;
                }
                self.is_over(exchange);
                true
            }
            (Act::Exchange | Act::Renew, ACK) if is_requested => {
                if !answer.has_sane_times() {
                    wrong.times += 1;
                } else if answer.yiaddr != address {
                    wrong.address += 1;
                } else if self.clients.hold(Held { client, address, server: answer.server }) {
                    return true;
                } else {
                    wrong.given_twice += 1;
                }
                false
            }
            (Act::Exchange | Act::Renew, NAK) if is_requested => {
                self.outcome.refused += 1;
                if act == Act::Renew {
                    self.clients.give_back(Held { client, address, server });
                } else {
                    self.clients.rest(client);
                }
                false
            }
            _ => {
                wrong.kind += 1;
                false
            }
        }
    }

    /// Whether no other client has this address, or was offered it in this run.
    fn is_offered_once(&mut self, address: Ipv4Addr, client: u32) -> bool {
        let Some(number) = self.clients.number(address) else { return false };
        if !self.clients.may_hold(client, address) {
            return false;
        }
        let before = std::mem::replace(&mut self.offered[number], client + 1);
        before == 0 || before == client + 1
    }

    /// It was given up: it counts as one that has waited for as long as anybody is waited for, at
    /// the least.
    fn is_lost(&mut self, exchange: &Exchange, now_ns: u64) {
        let Exchange { is_requested, begun_ns, intended_ns, .. } = *exchange;
        self.outcome.lost += 1;
        let until = |since_ns| now_ns.max(since_ns + PATIENCE.as_nanos() as u64);
        let outcome = &mut self.outcome;
        let times = if is_requested { &mut outcome.ack } else { &mut outcome.offer };
        record(times, until(intended_ns), intended_ns);
        record(&mut outcome.latency, until(begun_ns), begun_ns);
        self.is_over(exchange);
    }

    /// Nothing changed for the client, and its turn comes again.
    fn is_over(&mut self, exchange: &Exchange) {
        let Exchange { act, client, address, server, .. } = *exchange;
        // Whoever holds a lease and only asks is behind all others again: a few who ask in turn would
        // find all that the server knows of them in its caches, and its guard against them.
        if act != Act::Exchange && !address.is_unspecified() {
            self.clients.keep(Held { client, address, server });
        } else {
            self.clients.rest(client);
        }
    }
}

fn record(times: &mut Histogram<u64>, now_ns: u64, since_ns: u64) {
    times.saturating_record(now_ns.saturating_sub(since_ns).max(1));
}
