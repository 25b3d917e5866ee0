//! What the number of leases costs: each renewal, and a restart.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::Arguments;
use crate::contestant::{self, Ground, Who, emptied};
use crate::figure::{Figure, Point};
use crate::load::{Access, Act, Arrival, Clients, Generator, Plan};
use crate::rig::Rig;

/// Requests under way.
const WINDOW: usize = 1024;
/// What is to be left of the rate with 10 thousand leases where there are 10 million.
const LEFT: f64 = 0.8;

/// Whom, and with how many leases at the most: others need minutes and most of the memory to read more.
const CONTESTANTS: [(Who, u32); 3] =
    [(Who::Tandem, 10_000_000), (Who::Kea, 1_000_000), (Who::Dhcpd, 1_000_000)];
const COUNTS: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// As many addresses are free as there are leases, up to this many.
const SPARE: u32 = 100_000;

/// Measures both and prints the figures.
pub(crate) fn measure(arguments: &Arguments, only: &[Who]) -> Result<()> {
    let (repetitions, most, milliseconds) =
        if arguments.quick { (1, 1_000_000, 700) } else { (3, 10_000_000, 1_500) };
    let times = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::new(arguments.divert.clone());
    let mut generator = rig.generator()?;
    let mut shares = Vec::new();
    for (who, most) in CONTESTANTS.map(|(who, own_most)| (who, own_most.min(most))) {
        if !only.is_empty() && !only.contains(&who) {
            continue;
        }
        let counts = COUNTS.into_iter().filter(|count| *count <= most);
        let (mut rates, mut starts) = (Vec::new(), Vec::new());
        for leases in counts {
            let ground = || -> Result<Ground<'_>> {
                Ok(Ground {
                    rig: &rig,
                    directory: emptied(&arguments.directory, "leases")?,
                    addresses: leases + leases.min(SPARE),
                    leases,
                    access: Access::Relays(1),
                    binary: fs::canonicalize(&arguments.server)?,
                })
            };
            match one(&ground, &mut generator, who, repetitions, times) {
                Ok((rate, start)) => {
                    rates.push(rate);
                    starts.push((leases, start));
                }
                Err(error) => eprintln!("note: {who:?}, {leases} leases, not measured: {error:#}"),
            }
        }
        let _ = fs::remove_dir_all(arguments.directory.join("leases"));
        let name = who.contestant().name();
        for (leases, start) in starts {
            Figure::new(format!("start to first OFFER, {leases} leases: {name}"), "s", start).say();
        }
        if let (Who::Tandem, [few, .., many]) = (who, &rates[..]) {
            shares = many.iter().zip(few).map(|(many, few)| many / few).collect();
        }
    }
    Figure::new(format!("renewals, {most} leases / 10000 leases: rate"), "×", shares)
        .at_least(LEFT)
        .note("durable, as fast as they are answered")
        .say();
    Ok(())
}

/// The rates of renewals, and seconds to the first answer, once for each repetition.
fn one<'r>(
    ground: &dyn Fn() -> Result<Ground<'r>>,
    generator: &mut Generator,
    who: Who,
    repetitions: usize,
    times: [Duration; 2],
) -> Result<(Vec<f64>, Vec<f64>)> {
    let contestant = who.contestant();
    let name = contestant.name();
    let (mut rates, mut starts, mut leases) = (Vec::new(), Vec::new(), 0);
    for _ in 0..repetitions {
        let ground = ground()?;
        leases = ground.leases;
        let (_server, took) = contestant::start(&*contestant, &ground, generator)?;
        starts.push(took.as_secs_f64());
        let plan = Plan::only(Act::Renew, Arrival::Window(WINDOW), times);
        rates.push(generator.run(&plan, &mut Clients::holding(leases))?.rate);
    }
    let x = f64::from(leases);
    for (start, rate) in starts.iter().zip(&rates) {
        let say = |plot, y| {
            Point { plot, series: &name, group: leases.to_string(), at: [x, y] }.say();
        };
        say("restart-by-leases", *start);
        say("cost-by-leases", 1e6 / rate);
    }
    Ok((rates, starts))
}
