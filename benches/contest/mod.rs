//! The same clients before each contestant, in turn: how many whole exchanges a second without a loss,
//! and how long a client waits on the way there. In either protocol.

mod flush;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use self::words::Words;
use crate::Arguments;
use crate::contestant::{self, Ground, Who, emptied};
use crate::figure::{Figure, Point, ratios};
use crate::load::{Access, Act, Arrival, Clients, Generator, Mix, Outcome, Plan};
use crate::rig::Rig;
use crate::search::{Closed, Highest, LOST_ALONE, closed_loop, highest_loss_free};
use crate::state::Protocol;

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

/// The same in DHCPv6.
const CONTESTANTS_V6: [Who; 3] = [Who::Tandem, Who::Kea, Who::TandemUnflushed];

/// They hold a lease each and have all lost it from memory, as behind a street whose power is back.
const CLIENTS: u32 = 20_000;
/// Behind so many relays, which add option 82.
const RELAYS: u32 = 16;
/// Renewals, or exchanges of new clients, under way at the most.
const WINDOW: usize = 256;
/// The share of the highest rate at which the 99th percentile is held against the disk's.
const HALF: f64 = 0.5;
/// The highest rate itself, run once more.
const WHOLE: f64 = 1.0;
/// At which shares times are taken.
const SHARES: [f64; 6] = [0.1, 0.25, HALF, 0.75, 0.9, WHOLE];

/// Tandem's rate over Kea's, in either protocol.
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

/// What was found of one contestant.
struct Showing {
    who: Who,
    words: &'static Words,
    /// One for each repetition, or nothing where it could not be measured.
    turns: Vec<Option<Turn>>,
}

/// What was found in one repetition.
struct Turn {
    highest: Highest,
    /// At each of [`SHARES`] of that.
    times: [Outcome; SHARES.len()],
    /// In closed loops; of who does whole exchanges, and loses nobody.
    renewals: Option<Closed>,
    newcomers: Option<Closed>,
}

/// Measures all of them and prints the figures.
pub(crate) fn measure(arguments: &Arguments, only: &[Who]) -> Result<()> {
    let protocol = arguments.protocol();
    let words = Words::of(protocol);
    let scale = if arguments.quick {
        Scale { repetitions: 1, steps: 5, times: [200, 500].map(Duration::from_millis) }
    } else {
        // Within a fiftieth of the rate, which is less than lies between two runs of it.
        Scale { repetitions: 3, steps: 6, times: [300, 1_000].map(Duration::from_millis) }
    };
    let rig = Rig::new(protocol, arguments.divert.clone());
    let mut generator = rig.generator()?;
    let binary = arguments.binary()?;
    let is_wanted = |who: &Who| only.is_empty() || only.contains(who);
    let contestants = match protocol {
        Protocol::Dhcpv4 => &CONTESTANTS[..],
        Protocol::Dhcpv6 => &CONTESTANTS_V6,
    };
    let wanted = contestants.iter().copied().filter(is_wanted);
    let mut showings: Vec<_> =
        wanted.map(|who| Showing { who, words, turns: Vec::new() }).collect();
    let mut flushes = Vec::new();
    for _ in 0..scale.repetitions {
        for showing in &mut showings {
            let ground = ground(arguments, &rig, &binary, showing.who)?;
            let turn = take_turn(showing.who, &ground, &mut generator, &scale);
            // One that is not installed, does not come up or gives a wrong answer leaves the others.
            let turn = turn.inspect_err(|error| {
                Figure::failed(format!("{:?} before the same clients", showing.who), error).say();
            });
            showing.turns.push(turn.ok());
        }
        flushes.push(Some(flush::p99_us(&arguments.directory)?));
    }
    showings.iter().for_each(Showing::say);
    say_ratios(words, &showings, &flushes);
    Ok(())
}

/// Addresses for new clients: more than come in one run.
fn free(who: Who) -> u32 {
    match who {
        // They take the longer the more are free: of 400,000 dhcpd gives away none in a run.
        Who::Dhcpd | Who::Dnsmasq => CLIENTS,
        Who::Kea => 50_000,
        _ => 400_000,
    }
}

fn ground<'r>(arguments: &Arguments, rig: &'r Rig, binary: &Path, who: Who) -> Result<Ground<'r>> {
    Ok(Ground {
        rig,
        directory: emptied(&arguments.directory, "contest")?,
        addresses: CLIENTS + free(who),
        prefixes: None,
        leases: CLIENTS,
        access: Access::Relays(RELAYS),
        binary: binary.to_owned(),
    })
}

fn take_turn(
    who: Who,
    ground: &Ground<'_>,
    generator: &mut Generator,
    scale: &Scale,
) -> Result<Turn> {
    let contestant = who.contestant();
    let protocol = ground.rig.protocol();
    let words = Words::of(protocol);
    let (_server, _) = contestant::start(&*contestant, ground, generator)?;
    let mut run = |act, arrival, clients: &mut Clients| -> Result<Outcome> {
        let [warm_up, measured] = scale.times;
        let access = ground.access;
        let plan = Plan { mix: Mix::only(act), access, arrival, warm_up, measured };
        generator.run_and_settle(&plan, clients)
    };
    let exchange = contestant.exchange();
    let is_server = exchange == Act::Exchange;
    let mut closed = |act, clients: &mut Clients| match is_server {
        true => closed_loop(WINDOW, |arrival| run(act, arrival, clients)),
        false => Ok(None),
    };
    let mut clients = Clients::holding(protocol, CLIENTS);
    let renewals = closed(Act::Renew, &mut clients)?;
    let newcomers = closed(Act::Exchange, &mut Clients::strangers(protocol, CLIENTS))?;
    let highest = highest_loss_free(scale.steps, |arrival| run(exchange, arrival, &mut clients))?;
    let mut times = Vec::new();
    for share in SHARES {
        let outcome = run(exchange, Arrival::Even(highest.rate * share), &mut clients)?;
        times.push(outcome.trusted()?);
    }
    let times = times.try_into().expect("one for each share");
    let turn = Turn { highest, times, renewals, newcomers };
    let one_packet = if is_server { "" } else { ", one packet" };
    turn.say_points(words, &(contestant.name() + one_packet));
    Ok(turn)
}

impl Turn {
    /// What came of one of [`SHARES`].
    fn at(&self, share: f64) -> &Outcome {
        let mut each = SHARES.iter().zip(&self.times);
        each.find(|(of, _)| **of == share).expect("one of the shares").1
    }

    fn say_points(&self, words: &Words, series: &str) {
        for (share, outcome) in SHARES.iter().zip(&self.times) {
            for (plot, quantile) in words.plots.into_iter().zip([0.5, 0.99]) {
                let at = [outcome.offered(), outcome.latency_us(quantile)];
                Point { plot, series, at, group: share.to_string() }.say();
            }
        }
    }
}

impl Showing {
    /// One value for each repetition.
    fn each(&self, of: impl Fn(&Turn) -> Option<f64>) -> Vec<Option<f64>> {
        self.turns.iter().map(|turn| turn.as_ref().and_then(&of)).collect()
    }

    fn highest(&self) -> Vec<Option<f64>> {
        self.each(|turn| Some(turn.highest.rate))
    }

    /// At this one of [`SHARES`], of all repetitions together.
    fn failed(&self, share: f64) -> u64 {
        self.turns.iter().flatten().map(|turn| turn.at(share).failed()).sum()
    }

    /// Rates of closed loops, and how many were under way in them.
    fn closed(&self, of: impl Fn(&Turn) -> Option<&Closed>) -> (Vec<Option<f64>>, String) {
        let rates = self.each(|turn| of(turn).map(|closed| closed.outcome.rate));
        let windows: BTreeSet<_> =
            self.turns.iter().flatten().filter_map(&of).map(|closed| closed.window).collect();
        let windows: Vec<_> = windows.iter().map(usize::to_string).collect();
        let under_way = if windows.is_empty() {
            LOST_ALONE.to_owned()
        } else {
            format!("{} under way, none lost", windows.join(" or "))
        };
        (rates, under_way)
    }

    fn say(&self) {
        let contestant = self.who.contestant();
        let name = contestant.name();
        let is_server = contestant.exchange() == Act::Exchange;
        let (what, unit, of) = if is_server {
            (
                self.words.exchange,
                "exchanges/s",
                "; of clients that hold a lease and have forgotten it",
            )
        } else {
            ("one packet and back", "packets/s", "")
        };
        let ours = self.turns.iter().flatten().filter(|turn| turn.highest.is_ours).count();
        let ours = match ours {
            0 => String::new(),
            ours => format!("; in {ours} of {} runs the generator's limit", self.turns.len()),
        };
        let again = self.failed(WHOLE);
        Figure::new(format!("{what}, highest loss-free rate: {name}"), unit, self.highest())
            .note(format!(
                "{}{of}{ours}; {again} did not get theirs when it was run once more",
                contestant.note()
            ))
            .say();
        let p99 = self.each(|turn| Some(turn.at(HALF).latency_us(0.99)));
        let failed = self.failed(HALF);
        let note = format!(
            "at half the highest rate, from when the first packet was meant to leave; {failed} did \
             not get theirs, which count, once they had asked, as long as they were waited for"
        );
        Figure::new(format!("{what}, p99: {name}"), "µs", p99).note(note).say();
        if !is_server {
            return;
        }
        let Words { exchange, renewal, renewals, .. } = self.words;
        let (rates, under_way) = self.closed(|turn| turn.renewals.as_ref());
        Figure::new(format!("{renewal}: {name}"), "packets/s", rates)
            .note(format!("{renewals}, {under_way}"))
            .say();
        let (rates, under_way) = self.closed(|turn| turn.newcomers.as_ref());
        Figure::new(format!("{exchange} of new clients: {name}"), "exchanges/s", rates)
            .note(format!(
                "each gets another address, of {} free ones, {under_way}",
                free(self.who)
            ))
            .say();
    }
}

fn say_ratios(words: &Words, showings: &[Showing], flushes: &[Option<f64>]) {
    let Words { exchange, grant, .. } = words;
    let find = |who| showings.iter().find(|showing| showing.who == who);
    let over = |mine, other| Some(ratios(&find(mine)?.highest(), &find(other)?.highest()));
    if let Some(ratio) = over(Who::Tandem, Who::Kea) {
        Figure::new(format!("durable {exchange}, highest loss-free rate / Kea's"), "×", ratio)
            .at_least(OVER_KEA)
            .note("Kea does not flush; Tandem, native, one worker, does")
            .say();
    }
    if let Some(ratio) = over(Who::TandemUnflushed, Who::Kea) {
        let name = format!("{exchange}, NOT FLUSHED, highest loss-free rate / Kea's");
        Figure::new(name, "×", ratio).note("like for like: neither flushes").say();
    }
    if let Some(ratio) = over(Who::Tandem, Who::Dhcpd) {
        Figure::new(format!("durable {exchange}, highest loss-free rate / dhcpd's"), "×", ratio)
            .note("both flush")
            .say();
    }
    if let Some(tandem) = find(Who::Tandem) {
        let ack_us = |turn: &Turn| Some(turn.at(HALF).ack.value_at_quantile(0.99) as f64 / 1e3);
        Figure::new(
            format!("durable {grant}, p99 at half the highest rate / fdatasync's p99"),
            "×",
            ratios(&tandem.each(ack_us), flushes),
        )
        .at_most(OVER_FLUSH)
        .say();
    }
    Figure::new(words.flush, "µs", flushes.iter().copied())
        .note("one after the other, nothing else to do")
        .say();
}
