//! One client floods, and the guard is on: what becomes of the others.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use tandem_tests::lab::{Server, Settings};

use crate::Arguments;
use crate::contestant::{Tandem, emptied};
use crate::figure::Figure;
use crate::load::{Access, Act, Arrival, Clients, Mix, Plan};
use crate::rig::{Rig, SERVER_CORE};
use crate::state;

const CLIENTS: u32 = 100_000;
const WINDOW: usize = 256;
/// The flood, by the exchanges a second that the server sustains.
const TIMES: f64 = 10.0;
/// What the others ask, by the same.
const OTHERS: f64 = 0.1;
/// So many packets a second are one client's.
const GUARD: &str = "\n[guard]\nclient-rate = 20\n";
/// Of the others so many percent must be served.
const SERVED: f64 = 99.0;

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, milliseconds) = if arguments.quick { (1, 1_000) } else { (3, 3_000) };
    let [warm_up, measured] = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::new(arguments.divert.clone());
    let mut generator = rig.generator()?;
    let (mut served, mut flooded, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let tandem = Tandem { dataplane: "xdp", workers: vec![SERVER_CORE], is_durable: true };
        let settings = Settings {
            directory: emptied(&arguments.directory, "flood")?,
            configuration: tandem.configuration(2 * CLIENTS) + GUARD,
            binary: fs::canonicalize(&arguments.server)?,
        };
        state::write(&settings.state_dir(), CLIENTS)?;
        let _server = Server::start(rig.host(), settings);
        let mut clients = Clients::holding(CLIENTS);
        let mix = Mix::only(Act::Exchange);
        let access = Access::Relays(16);
        let plan =
            Plan { mix, access, arrival: Arrival::Window(WINDOW), warm_up, measured, flood: None };
        let sustained = generator.run(&plan, &mut clients)?.rate;
        let plan = Plan {
            arrival: Arrival::Random(sustained * OTHERS),
            flood: Some(sustained * TIMES),
            ..plan
        };
        let outcome = generator.run(&plan, &mut clients)?;
        let begun = outcome.begun.max(1) as f64;
        served.push(100.0 * (1.0 - outcome.failed() as f64 / begun));
        flooded.push(outcome.flooded / sustained);
        late.push(outcome.latency_us(0.99));
    }
    Figure::new("flood of one client, guard on: others served", "%", served)
        .at_least(SERVED)
        .note("they ask for a tenth of what the server sustains, at random")
        .say();
    Figure::new("flood of one client, as sent / exchanges a second sustained", "×", flooded)
        .note("ten times that, or what the generator manages beside the others")
        .say();
    Figure::new("flood of one client, guard on: others' p99", "µs", late).say();
    Ok(())
}
