//! Two workers on two queues against one, with the load of one relay, which arrives on one queue.

use std::time::Duration;

use anyhow::Result;

use crate::Arguments;
use crate::contestant::{self, Ground, Who, emptied};
use crate::cores::Cores;
use crate::figure::{Figure, ratios};
use crate::load::{Access, Act, Arrival, Clients, Mix, Plan};
use crate::rig::Rig;
use crate::state::Protocol;

const LEASES: u32 = 1_000_000;
const WINDOW: usize = 1024;
const QUEUES: u32 = 2;
const WHO: [(Who, &str); 2] = [(Who::Tandem, "one worker"), (Who::TandemTwo, "two workers")];
const ACTS: [(Act, &str); 2] =
    [(Act::Exchange, "durable DORA"), (Act::Discover, "DISCOVER to OFFER")];

/// Measures both and prints the figures.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, milliseconds) = if arguments.quick { (1, 700) } else { (5, 1_500) };
    let [warm_up, measured] = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::with_queues(Protocol::Dhcpv4, arguments.divert.clone(), QUEUES);
    let mut generator = rig.generator()?;
    let mut found: [[Vec<Option<f64>>; 2]; 2] = Default::default();
    let mut lost = [[0; 2]; 2];
    let mut spent: [[String; 2]; 2] = Default::default();
    for _ in 0..repetitions {
        for (number, (who, _)) in WHO.into_iter().enumerate() {
            let ground = Ground {
                rig: &rig,
                directory: emptied(&arguments.directory, "workers")?,
                addresses: 2 * LEASES,
                prefixes: None,
                leases: LEASES,
                access: Access::Relays(1),
                binary: arguments.binary()?,
            };
            let (_server, _) = contestant::start(&*who.contestant(), &ground, &mut generator)?;
            for (which, (act, _)) in ACTS.into_iter().enumerate() {
                let mut clients = Clients::holding(Protocol::Dhcpv4, LEASES);
                let mix = Mix::only(act);
                let (access, arrival) = (ground.access, Arrival::Window(WINDOW));
                let plan = Plan { mix, access, arrival, warm_up, measured };
                let before = Cores::now()?;
                let outcome = generator.run(&plan, &mut clients)?.trusted()?;
                spent[number][which] = before.until(&Cores::now()?);
                found[number][which].push(Some(outcome.rate));
                lost[number][which] += outcome.lost;
            }
        }
    }
    for (which, (_, what)) in ACTS.iter().enumerate() {
        for (number, (_, words)) in WHO.iter().enumerate() {
            let name = format!("{what}, one relay, two queues, {words}");
            let spent = std::mem::take(&mut spent[number][which]);
            let lost = lost[number][which];
            let note = format!("{lost} lost; clients hold a lease; in the last run {spent}");
            Figure::new(name, "acts/s", found[number][which].iter().copied()).note(note).say();
        }
        let ratio = ratios(&found[1][which], &found[0][which]);
        Figure::new(format!("{what}, one relay, two workers / one"), "×", ratio)
            .note("the generator has core 0, beside the second worker")
            .say();
    }
    Ok(())
}
