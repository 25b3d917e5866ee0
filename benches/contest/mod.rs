//! The same clients before each contestant, in turn: how many whole exchanges a second without a loss,
//! and how long a client waits on the way there.

mod flush;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::Arguments;
use crate::contestant::{self, Ground, Who, emptied};
use crate::figure::{Figure, Point};
use crate::load::{Access, Act, Arrival, Clients, Generator, Mix, Outcome, Plan};
use crate::rig::Rig;
use crate::search::highest_loss_free;

/// In the order in which they take turns.
const CONTESTANTS: [Who; 9] = [
    Who::Reflector,
    Who::Tandem,
    Who::Kea,
    Who::TandemTwo,
    Who::Dhcpd,
    Who::TandemGeneric,
    Who::Dnsmasq,
    Who::TandemSocket,
    Who::TandemUnflushed,
];

/// They hold a lease each and have all lost it from memory, as behind a street whose power is back.
const CLIENTS: u32 = 20_000;
/// Behind so many relays, which add option 82.
const RELAYS: u32 = 16;
/// Renewals under way.
const WINDOW: usize = 256;
/// Shares of the highest rate at which times are taken.
const SHARES: [f64; 6] = [0.1, 0.25, 0.5, 0.75, 0.9, 1.0];
/// The share at which the 99th percentile is held against the disk's.
const HALF: f64 = 0.5;

/// Tandem's rate over Kea's.
const OVER_KEA: f64 = 20.0;
/// An ACK's 99th percentile over a flush's.
const OVER_FLUSH: f64 = 4.0;

/// How much of it.
struct Scale {
    repetitions: usize,
    /// Halvings of the search.
    steps: u32,
    times: [Duration; 2],
}

/// What was found of one contestant, once for each repetition.
struct Showing {
    who: Who,
    highest: Vec<f64>,
    renewals: Vec<f64>,
    /// Microseconds at half the highest rate: of the whole exchange, and of its ACK.
    whole_p99: Vec<f64>,
    ack_p99: Vec<f64>,
    wrong: u64,
}

/// Measures all of them and prints the figures.
pub(crate) fn measure(arguments: &Arguments, only: &[Who]) -> Result<()> {
    let scale = if arguments.quick {
        Scale { repetitions: 1, steps: 5, times: [200, 500].map(Duration::from_millis) }
    } else {
        Scale { repetitions: 3, steps: 8, times: [300, 1_500].map(Duration::from_millis) }
    };
    let rig = Rig::new(arguments.divert.clone());
    let mut generator = rig.generator()?;
    let binary = fs::canonicalize(&arguments.server)?;
    let is_wanted = |who: &Who| only.is_empty() || only.contains(who);
    let mut showings: Vec<_> =
        CONTESTANTS.into_iter().filter(is_wanted).map(Showing::new).collect();
    let mut flushes = Vec::new();
    for _ in 0..scale.repetitions {
        for showing in &mut showings {
            let ground = ground(arguments, &rig, &binary)?;
            // One that is not installed, or does not come up, leaves the others.
            if let Err(error) = showing.take_turn(&ground, &mut generator, &scale) {
                eprintln!("note: {:?} is not measured: {error:#}", showing.who);
            }
        }
        flushes.push(flush::p99_us(&arguments.directory)?);
    }
    showings.iter().for_each(Showing::say);
    say_ratios(&showings, flushes);
    Ok(())
}

fn ground<'r>(arguments: &Arguments, rig: &'r Rig, binary: &Path) -> Result<Ground<'r>> {
    Ok(Ground {
        rig,
        directory: emptied(&arguments.directory, "contest")?,
        addresses: 2 * CLIENTS,
        leases: CLIENTS,
        access: Access::Relays(RELAYS),
        binary: binary.to_owned(),
    })
}

impl Showing {
    fn new(who: Who) -> Self {
        let empty = Vec::new;
        Self {
            who,
            highest: empty(),
            renewals: empty(),
            whole_p99: empty(),
            ack_p99: empty(),
            wrong: 0,
        }
    }

    fn take_turn(
        &mut self,
        ground: &Ground<'_>,
        generator: &mut Generator,
        scale: &Scale,
    ) -> Result<()> {
        let contestant = self.who.contestant();
        let (_server, _) = contestant::start(&*contestant, ground, generator)?;
        let mut clients = Clients::holding(CLIENTS);
        let mut wrong = 0;
        let mut run = |act, arrival| -> Result<Outcome> {
            let [warm_up, measured] = scale.times;
            let access = ground.access;
            let plan =
                Plan { mix: Mix::only(act), access, arrival, warm_up, measured, flood: None };
            let outcome = generator.run(&plan, &mut clients)?;
            wrong += outcome.wrong.sum();
            if !outcome.is_clean() {
                // What it has not got to yet is not the next run's.
                contestant::await_answer(&*contestant, ground, generator)?;
            }
            Ok(outcome)
        };
        let exchange = contestant.exchange();
        if exchange == Act::Exchange {
            self.renewals.push(run(Act::Renew, Arrival::Window(WINDOW))?.rate);
        }
        let highest = highest_loss_free(scale.steps, |arrival| run(exchange, arrival))?;
        self.highest.push(highest);
        if highest > 0.0 {
            for share in SHARES {
                let outcome = run(exchange, Arrival::Even(highest * share))?;
                let name = contestant.name();
                for (plot, quantile) in [("latency-p50", 0.5), ("latency-p99", 0.99)] {
                    let at = [outcome.rate, outcome.latency_us(quantile)];
                    Point { plot, series: &name, at, group: share.to_string() }.say();
                }
                if share == HALF {
                    self.whole_p99.push(outcome.latency_us(0.99));
                    self.ack_p99.push(outcome.ack.value_at_quantile(0.99) as f64 / 1e3);
                }
            }
        }
        self.wrong += wrong;
        Ok(())
    }

    fn say(&self) {
        if self.highest.is_empty() {
            return;
        }
        let contestant = self.who.contestant();
        let name = contestant.name();
        let note = format!("{}; {} wrong answers", contestant.note(), self.wrong);
        let rates = self.highest.clone();
        Figure::new(format!("DORA, highest loss-free rate: {name}"), "exchanges/s", rates)
            .note(note)
            .say();
        let note = "at half the highest rate, from when the DISCOVER was meant to leave";
        Figure::new(format!("DORA, p99: {name}"), "µs", self.whole_p99.clone()).note(note).say();
        if self.renewals.is_empty() {
            return;
        }
        let note = format!("renewals by unicast, {WINDOW} under way");
        Figure::new(format!("REQUEST to ACK: {name}"), "packets/s", self.renewals.clone())
            .note(note)
            .say();
    }
}

fn say_ratios(showings: &[Showing], flushes: Vec<f64>) {
    let find = |who| showings.iter().find(|showing| showing.who == who);
    let over = |mine: &[f64], other: &[f64]| -> Vec<f64> {
        mine.iter().zip(other).map(|(mine, other)| mine / other).collect()
    };
    if let (Some(tandem), Some(kea)) = (find(Who::Tandem), find(Who::Kea)) {
        Figure::new(
            "durable DORA, highest loss-free rate / Kea's",
            "×",
            over(&tandem.highest, &kea.highest),
        )
        .at_least(OVER_KEA)
        .note("Kea does not flush; Tandem, native, one worker, does")
        .say();
    }
    if let (Some(unflushed), Some(kea)) = (find(Who::TandemUnflushed), find(Who::Kea)) {
        Figure::new(
            "DORA, NOT FLUSHED, highest loss-free rate / Kea's",
            "×",
            over(&unflushed.highest, &kea.highest),
        )
        .note("like for like: neither flushes")
        .say();
    }
    if let (Some(tandem), Some(dhcpd)) = (find(Who::Tandem), find(Who::Dhcpd)) {
        Figure::new(
            "durable DORA, highest loss-free rate / dhcpd's",
            "×",
            over(&tandem.highest, &dhcpd.highest),
        )
        .note("both flush")
        .say();
    }
    if let Some(tandem) = find(Who::Tandem) {
        Figure::new(
            "durable ACK, p99 at half the highest rate / fdatasync's p99",
            "×",
            over(&tandem.ack_p99, &flushes),
        )
        .at_most(OVER_FLUSH)
        .say();
        Figure::new("fdatasync of 4 KiB, p99", "µs", flushes)
            .note("one after the other, nothing else to do")
            .say();
    }
}
