//! One client floods, and the guard is on: what becomes of the others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dhcp_ebpf::Verdict;
use tandem_tests::lab::{Server, Settings};

use crate::Arguments;
use crate::contestant::{Tandem, emptied};
use crate::figure::Figure;
use crate::load::{Access, Act, Arrival, Clients, Mix, Plan, Stage, Template};
use crate::rig::{Rig, SERVER_CORE, target};
use crate::state::{self, Protocol};

const CLIENTS: u32 = 100_000;
const WINDOW: usize = 1024;
/// The flood of DISCOVERs, by as many as the server answers in a second.
const TIMES: f64 = 10.0;
/// As many times more are made, as some of them pass the guard and its start takes a while.
const MORE: f64 = 1.2;
/// What the others ask, by the whole exchanges that it sustains.
const OTHERS: f64 = 0.1;
/// So many packets a second are one client's.
const GUARD: &str = "\n[guard]\nclient-rate = 20\n";
/// Of the others so many percent must be served.
const SERVED: f64 = 99.0;

/// The client that floods.
const FLOODER: u32 = CLIENTS;

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, milliseconds) = if arguments.quick { (1, 1_000) } else { (3, 3_000) };
    let [warm_up, measured] = [300, milliseconds].map(Duration::from_millis);
    let rig = Rig::new(Protocol::Dhcpv4, arguments.divert.clone());
    let mut generator = rig.generator()?;
    let template = Template::new(Stage::Discover, Access::Relays(16), target(Protocol::Dhcpv4));
    let frame = template.frame(FLOODER);
    let (mut served, mut flooded, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let (mut capacities, mut why) = (Vec::new(), [0; 4]);
    for _ in 0..repetitions {
        let tandem = Tandem { dataplane: "xdp", workers: vec![SERVER_CORE], is_durable: true };
        let settings = Settings {
            directory: emptied(&arguments.directory, "flood")?,
            configuration: tandem.configuration(Protocol::Dhcpv4, 2 * CLIENTS, None) + GUARD,
            binary: arguments.binary()?,
        };
        state::write(&settings.state_dir(), Protocol::Dhcpv4, CLIENTS)?;
        let server = Server::start(rig.host(), settings);
        let mut clients = Clients::holding(Protocol::Dhcpv4, CLIENTS);
        let access = Access::Relays(16);
        let mut run = |act, arrival| {
            let plan = Plan { mix: Mix::only(act), access, arrival, warm_up, measured };
            generator.run(&plan, &mut clients)?.trusted()
        };
        let window = Arrival::Window(WINDOW);
        let capacity = run(Act::Discover, window)?.rate;
        let exchanges = run(Act::Exchange, window)?.rate;
        let others = Arrival::Random(exchanges * OTHERS);
        let is_over = AtomicBool::new(false);
        let (outcome, flood) = thread::scope(|scope| {
            let flood = scope.spawn(|| rig.flood(&frame, capacity * TIMES * MORE, &is_over));
            let over = Over(&is_over);
            let (before, start) = (dropped(&server)?, Instant::now());
            let outcome = run(Act::Exchange, others)?;
            // Before it is over: its last frames have the core for themselves.
            let dropped = (dropped(&server)? - before) as f64 / start.elapsed().as_secs_f64();
            drop(over);
            flood.join().expect("a flood ends well")?;
            anyhow::Ok((outcome, dropped))
        })?;
        let asked = outcome.begun + outcome.left_out + outcome.overdue;
        served.push(100.0 * (1.0 - outcome.failed() as f64 / asked.max(1) as f64));
        flooded.push(flood / capacity);
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
    let name = "flood of one client, as dropped / DISCOVERs a second that are answered";
    Figure::new(name, "×", flooded)
        .at_least(TIMES)
        .note("made, and by the guard dropped, in the half of a core that the others leave")
        .say();
    Figure::new("DISCOVERs answered, without a flood", "packets/s", capacities)
        .note(format!("of clients that hold a lease, behind relays, {WINDOW} under way"))
        .say();
    Figure::new("flood of one client, guard on: others' p99", "µs", late)
        .note("whoever is given up counts as long as it was waited for")
        .say();
    Ok(())
}

/// Packets that the guard has dropped, as the server's program counts them.
fn dropped(server: &Server) -> Result<u64> {
    let verdict = Verdict::ClientFlood.name();
    server.status()["packets"]["verdicts"][verdict].as_u64().context("what the guard dropped")
}

/// Says that it is over when it goes, however that comes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
