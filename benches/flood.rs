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
use crate::state::{self, Protocol};

const CLIENTS: u32 = 100_000;
const WINDOW: usize = 1024;
/// The flood of DISCOVERs, by as many as the server answers in a second.
const TIMES: f64 = 10.0;
/// What the others ask, by the whole exchanges that it sustains.
const OTHERS: f64 = 0.1;
/// So many packets a second are one client's.
const GUARD: &str = "\n[guard]\nclient-rate = 20\n";
/// Of the others so many percent must be served.
const SERVED: f64 = 99.0;

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, milliseconds) = if arguments.quick { (1, 1_000) } else { (3, 3_000) };
    let [warm_up, measured] = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::new(Protocol::Dhcpv4, arguments.divert.clone());
    let mut generator = rig.generator()?;
    let (mut served, mut flooded, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let (mut capacities, mut why) = (Vec::new(), [0; 4]);
    for _ in 0..repetitions {
        let tandem = Tandem { dataplane: "xdp", workers: vec![SERVER_CORE], is_durable: true };
        let settings = Settings {
            directory: emptied(&arguments.directory, "flood")?,
            configuration: tandem.configuration(Protocol::Dhcpv4, 2 * CLIENTS, None) + GUARD,
            binary: fs::canonicalize(&arguments.server)?,
        };
        state::write(&settings.state_dir(), Protocol::Dhcpv4, CLIENTS)?;
        let _server = Server::start(rig.host(), settings);
        let mut clients = Clients::holding(Protocol::Dhcpv4, CLIENTS);
        let access = Access::Relays(16);
        let mut run = |act, arrival, flood| {
            let plan = Plan { mix: Mix::only(act), access, arrival, warm_up, measured, flood };
            generator.run(&plan, &mut clients)?.trusted()
        };
        let window = Arrival::Window(WINDOW);
        let capacity = run(Act::Discover, window, None)?.rate;
        let exchanges = run(Act::Exchange, window, None)?.rate;
        let others = Arrival::Random(exchanges * OTHERS);
        let outcome = run(Act::Exchange, others, Some(capacity * TIMES))?;
        let asked = outcome.begun + outcome.left_out + outcome.overdue;
        served.push(100.0 * (1.0 - outcome.failed() as f64 / asked.max(1) as f64));
        flooded.push(outcome.flooded / capacity);
        capacities.push(capacity);
        late.push(outcome.latency_us(0.99));
        let failed = [outcome.lost, outcome.refused, outcome.left_out, outcome.overdue];
        why.iter_mut().zip(failed).for_each(|(sum, failed)| *sum += failed);
    }
    let [lost, refused, left_out, overdue] = why;
    Figure::new("flood of one client, guard on: others served", "%", served)
        .at_least(SERVED)
        .note(format!(
            "they ask for a tenth of the exchanges that the server sustains, at random; {lost} lost, \
             {refused} refused, {left_out} left out, {overdue} overdue"
        ))
        .say();
    Figure::new(
        "flood of one client, as sent / DISCOVERs a second that are answered",
        "×",
        flooded,
    )
    .at_least(TIMES)
    .note("what the generator manages beside the others, on a core of this machine")
    .say();
    Figure::new("DISCOVERs answered, without a flood", "packets/s", capacities)
        .note(format!("of clients that hold a lease, behind relays, {WINDOW} under way"))
        .say();
    Figure::new("flood of one client, guard on: others' p99", "µs", late)
        .note("whoever is given up counts as long as it was waited for")
        .say();
    Ok(())
}
