//! What the number of leases costs: each renewal, and a restart.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Arguments;
use crate::contestant::{self, Ground, Who, emptied};
use crate::figure::{Figure, Point, ratios};
use crate::load::{Access, Act, Clients, Generator, Plan};
use crate::rig::Rig;
use crate::search::{LOST_ALONE, closed_loop};
use crate::state::Protocol;

/// Requests under way at the most.
const WINDOW: usize = 1024;
/// What is to be left of the rate with 10 thousand leases where there are 10 million.
const LEFT: f64 = 0.8;

/// Whom, and with how many leases at the most: others need minutes and most of the memory to read more.
const CONTESTANTS: [(Who, u32); 3] =
    [(Who::Tandem, 10_000_000), (Who::Kea, 1_000_000), (Who::Dhcpd, 100_000)];
const COUNTS: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// As many addresses are free as there are leases, up to this many.
const SPARE: u32 = 100_000;

/// Measures both and prints the figures.
pub(crate) fn measure(arguments: &Arguments, only: &[Who]) -> Result<()> {
    let (repetitions, most, milliseconds) =
        if arguments.quick { (1, 1_000_000, 700) } else { (3, 10_000_000, 1_500) };
    let times = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::new(Protocol::Dhcpv4, arguments.divert.clone());
    let mut generator = rig.generator()?;
    for (who, most) in CONTESTANTS.map(|(who, own_most)| (who, own_most.min(most))) {
        if !only.is_empty() && !only.contains(&who) {
            continue;
        }
        let counts: Vec<u32> = COUNTS.into_iter().filter(|count| *count <= most).collect();
        let mut found: Vec<[Vec<Option<f64>>; 2]> = vec![Default::default(); counts.len()];
        // Each repetition has all of them: the machine changes, and what is compared is close in time.
        for _ in 0..repetitions {
            for (leases, [rates, starts]) in counts.iter().copied().zip(&mut found) {
                let ground = Ground {
                    rig: &rig,
                    directory: emptied(&arguments.directory, "leases")?,
                    addresses: leases + leases.min(SPARE),
                    prefixes: None,
                    leases,
                    access: Access::Relays(1),
                    binary: arguments.binary()?,
                };
                let one = one(&ground, &mut generator, who, times).inspect_err(|error| {
                    Figure::failed(format!("{who:?} with {leases} leases"), error).say();
                });
                let (rate, start) = one.ok().unzip();
                rates.push(rate);
                starts.push(start);
            }
        }
        let _ = fs::remove_dir_all(arguments.directory.join("leases"));
        let name = who.contestant().name();
        for (leases, [_, starts]) in counts.iter().zip(&found) {
            let name = format!("start to first OFFER, {leases} leases: {name}");
            Figure::new(name, "s", starts.iter().copied()).say();
        }
        if let (Who::Tandem, [[few, _], .., [many, _]]) = (who, &found[..]) {
            Figure::new(
                format!("renewals, {most} leases / 10000 leases: rate"),
                "×",
                ratios(many, few),
            )
            .at_least(LEFT)
            .note("durable, through one router, as fast as they are answered")
            .say();
        }
    }
    Ok(())
}

/// The rate of renewals, and seconds to the first answer.
fn one(
    ground: &Ground<'_>,
    generator: &mut Generator,
    who: Who,
    times: [Duration; 2],
) -> Result<(f64, f64)> {
    let contestant = who.contestant();
    let (_server, took) = contestant::start(&*contestant, ground, generator)?;
    let mut clients = Clients::holding(Protocol::Dhcpv4, ground.leases);
    let renewals = closed_loop(WINDOW, |arrival| {
        let plan = Plan { access: ground.access, ..Plan::only(Act::Renew, arrival, times) };
        generator.run_and_settle(&plan, &mut clients)
    })?
    .context(LOST_ALONE)?;
    let (rate, start) = (renewals.outcome.rate, took.as_secs_f64());
    let (name, x) = (contestant.name(), f64::from(ground.leases));
    for (plot, y) in [("restart-by-leases", start), ("cost-by-leases", 1e6 / rate)] {
        Point { plot, series: &name, group: ground.leases.to_string(), at: [x, y] }.say();
    }
    Ok((rate, start))
}
