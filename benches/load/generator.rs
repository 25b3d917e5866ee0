//! The loop: whoever is due asks, whoever is answered goes on or is done.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use dhcp_user::dataplane::xsk::{Frame, Packet};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::clients::{Clients, Lease};
use super::end::{End, pin};
use super::outcome::Outcome;
use super::pace::Pace;
use super::plan::{Access, Act, Plan, Target};
use super::run::{PATIENCE, Run, record};
use super::template::{Fields, Stage};
use super::under_way::{Exchange, UnderWay};
use crate::state::{NEWCOMER, Protocol};

/// The core that it runs on.
pub(super) const GENERATOR_CORE: usize = 0;

/// So many are asked for besides one: of two servers that have one half of the clients each, both.
const OTHERS: u32 = 7;
/// Packets taken, and clients begun, at a time.
const BATCH: usize = 64;
/// A server that has not answered by then does not come up.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Packets that may be on their way out at a time.
const FRAMES: usize = 4096;
/// Whoever has not begun at the end of a run, and should have for so long, is overdue.
const OVERDUE: Duration = Duration::from_millis(10);
/// Nobody sleeps longer at a time.
const NAP_NS: u64 = 1_000_000;

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

impl Generator {
    pub(crate) fn new(mut end: End, target: Target) -> Self {
        let frames = end.lend(FRAMES);
        let (leaving, arrived) = (Vec::with_capacity(FRAMES), Vec::with_capacity(BATCH));
        let xid_bits = match target.protocol() {
            Protocol::Dhcpv4 => 32,
            Protocol::Dhcpv6 => 24,
        };
        Self { end, target, frames, under_way: UnderWay::new(xid_bits), leaving, arrived }
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

    /// The same and, if somebody was not answered, waits until somebody is: what a server has not got to yet
    /// is not the next run's.
    ///
    /// # Errors
    /// If there is no answer in a minute; or as of [`run`](Self::run).
    pub(crate) fn run_and_settle(&mut self, plan: &Plan, clients: &mut Clients) -> Result<Outcome> {
        let outcome = self.run(plan, clients)?;
        if !outcome.is_clean() {
            let act = plan.mix.act(0).opening();
            for client in NEWCOMER - OTHERS..=NEWCOMER {
                self.first_answer(act, plan.access, client, Instant::now())?;
            }
        }
        Ok(outcome)
    }

    /// Waits until a client that has nothing is answered, as it begins to do this; how long that took.
    ///
    /// # Errors
    /// If there is no answer in a minute.
    pub(crate) fn await_answer(&mut self, act: Act, access: Access) -> Result<Duration> {
        self.first_answer(act.opening(), access, NEWCOMER, Instant::now())
    }

    /// Has `client` do this, ask first or renew what it holds by its number, again and again until it
    /// is answered well; how long after `since` that was.
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
        let mut clients = Clients::new(self.target.protocol(), 0..0);
        let mut run = Run::new(access, self.target, &mut clients);
        let lease = (act == Act::Renew).then_some(Lease::of_address(client));
        while run.done == 0 {
            if since.elapsed() > A_MINUTE {
                while self.under_way.give_up(u64::MAX).is_some() {}
                bail!("no answer in {A_MINUTE:?}");
            }
            self.end.reap(&mut self.frames);
            self.begin(&mut run, act, (client, lease), [0; 2]);
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
            self.end.send(&mut self.leaving);
            if !self.take_answers(run, start) {
                let until_ns = pace.next_ns().map(|next| next.saturating_sub(now_ns));
                let nap_ns = until_ns.unwrap_or(NAP_NS).min(NAP_NS);
                if nap_ns > 0 {
                    self.end.wait(nap_ns);
                }
            }
        }
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
            let next = run.clients.next(act).map(|client| (act, client));
            let next = next.or_else(|| Some((Act::Exchange, run.clients.next(Act::Exchange)?)));
            match next {
                Some((act, client)) => self.begin(run, act, client, [intended_ns, now_ns]),
                // Who waits for another one to be done is not late.
                None if pace.next_ns().is_none() => return,
                None => run.outcome.left_out += 1,
            }
        }
    }

    /// Has a client, with what it holds, send the first message of what it does.
    fn begin(
        &mut self,
        run: &mut Run<'_>,
        act: Act,
        (client, lease): (u32, Option<Lease>),
        [intended_ns, now_ns]: [u64; 2],
    ) {
        let exchange = Exchange {
            act,
            client,
            is_requested: matches!(act, Act::Renew | Act::Release),
            lease,
            begun_ns: intended_ns,
            intended_ns,
        };
        run.outcome.begun += 1;
        record(&mut run.outcome.own_delay, now_ns, intended_ns);
        let stage = match act {
            Act::Reflect | Act::Discover | Act::Exchange => Stage::Discover,
            Act::Rapid => Stage::Rapid,
            Act::Renew => Stage::Renew,
            Act::Release => Stage::Release,
        };
        if act == Act::Release {
            // The server may take it from the moment that it is under way.
            lease.into_iter().for_each(|lease| run.clients.give_back(lease));
            if run.protocol == Protocol::Dhcpv4 {
                run.clients.rest(client);
                run.outcome.released += 1;
                self.ask(run, stage, 0, &exchange);
                return;
            }
        }
        if let Some(xid) = self.under_way.begin(now_ns, exchange) {
            self.ask(run, stage, xid, &exchange);
        } else {
            run.outcome.left_out += 1;
            run.is_over(&exchange);
        }
    }

    /// Sends a message, if there is a frame for it; else it counts as lost on the way.
    fn ask(&mut self, run: &Run<'_>, stage: Stage, xid: u32, exchange: &Exchange) {
        let Some(mut frame) = self.frames.pop() else { return };
        let Exchange { client, lease, .. } = *exchange;
        let octets = self.end.octets_mut(&mut frame);
        // Who has none sends none.
        let server = lease.unwrap_or_default().server;
        let template = &run.templates[usize::from(server)][stage as usize];
        let held = lease.map_or([None; 2], |lease| run.clients.addresses(lease));
        let [address, prefix] = held.map(|first| first.unwrap_or(self.target.address));
        let len = template.fill(octets, Fields { client, xid, address, prefix });
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
