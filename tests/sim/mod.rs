//! A pair of servers under one seed: two whole cores with their drivers, disks and clocks, clients,
//! the network between all of them and an operator; one thread, and time that jumps from one event
//! to the next.
//!
//! ```text
//! scenario    what a seed stands for            client      what it does, and whims
//!   plan6     where DHCPv6 is spoken
//! world       events, one after the other       packet      what clients say and hear
//! troubles    incidents begin and end             dhcpv4, dhcpv6   in these words
//! words       what a trace says                 link        failover connections
//! said        names, classes, relays            wire        greetings and messages on them
//! places      addresses of everything           telling     what those mean, in either protocol
//! server      a core and its driver             configuration  of each server
//! leaving     what waits for the disk           disk        durable after a while
//! worker      one request
//! observer    which promise was broken          overheard   what messages tell of it
//! ending      quiet: both must agree            subscribers what limits count
//! service     who is kept waiting               sabotage    deliberate faults
//! clock       set wrongly, and drifting         seams       where they take hold
//! random      chance, by the seed               shrink      what a failure needs
//! ```

mod client;
mod clock;
mod configuration;
mod dhcpv4;
mod dhcpv6;
mod disk;
mod ending;
mod leaving;
mod link;
mod observer;
mod overheard;
mod packet;
mod places;
mod plan6;
mod random;
mod sabotage;
mod said;
mod scenario;
mod seams;
mod server;
mod service;
mod shrink;
mod subscribers;
mod telling;
mod troubles;
mod wire;
mod words;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use clock::{Clock, Millis};
pub use observer::Failure;
pub use plan6::Allocation;
pub use sabotage::Sabotage;
pub use said::Said;
pub use scenario::{
    ClientPlan, Incident, NetworkPlan, Relationship, Scenario, ServerPlan, Side, Time, Trouble,
};
pub use shrink::shrink;
pub use subscribers::LimitPlan;
use world::World;

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The first promise that was broken.
    pub failure: Option<Failure>,
    /// What happened, a line each, if it was asked for.
    pub trace: Vec<String>,
    /// Leases told to clients.
    pub exchanges: u64,
    /// Binding updates sent.
    pub updates: u64,
    /// Events.
    pub steps: u64,
}

/// Runs a scenario to its end or to the first broken promise.
#[must_use]
pub fn run(scenario: &Scenario, sabotage: Option<Sabotage>, traced: bool) -> Report {
    let mut world = World::new(scenario, sabotage, traced);
    let ran = catch_unwind(AssertUnwindSafe(|| world.run_to_the_end()));
    if let Err(panic) = ran {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.observer.fail("no panic", world.now, text.unwrap_or_default());
    }
    Report {
        failure: world.observer.failure.take(),
        exchanges: world.observer.exchanges,
        updates: world.observer.updates,
        steps: world.steps,
        trace: world.trace.take().unwrap_or_default(),
    }
}

/// Why a seed fails: what the shrunk scenario breaks, what it needs for that, the end of the trace,
/// and how to see it again.
#[must_use]
pub fn explain(seed: u64, hours: u32, sabotage: Option<Sabotage>) -> String {
    let whole = Scenario::of(seed, hours);
    let Some(failure) = run(&whole, sabotage, false).failure else {
        return format!("seed {seed} breaks no promise");
    };
    let small = shrink(&whole, &failure, sabotage);
    let report = run(&small, sabotage, true);
    let shown = report.failure.as_ref().unwrap_or(&failure);
    let mut lines = vec![
        format!("seed {seed}: {failure}"),
        format!(
            "shrunk to {} clients and {} incidents: {shown}",
            small.clients.len(),
            small.incidents.len()
        ),
        format!("  primary    {}", small.servers[0]),
        format!("  secondary  {}", small.servers[1]),
        format!(
            "  {:?}, {} relationships, mclt {} s, receive-timer {} s, split {}, addresses of each network \
             {:?} ({:?}), prefixes of {:?} bits, limits {:?}; of a thousand packets {} are lost and {} doubled",
            small.protocols,
            small.relationships,
            small.mclt,
            small.receive_timer,
            small.split,
            small.pools,
            small.allocations,
            small.delegated,
            small.limits,
            small.network.lost,
            small.network.doubled
        ),
    ];
    lines.extend(small.incidents.iter().map(|incident| format!("  {incident}")));
    let all = report.trace.len();
    let trace = match shown.about {
        (Some(address), client) => {
            let concerns = |line: &String| words::concerns(line, address, client);
            report.trace.into_iter().filter(concerns).collect()
        }
        _ => report.trace,
    };
    let skipped = trace.len().saturating_sub(TRACE);
    let about = shown.about.0.map(|address| format!(" that concern {address}"));
    lines.push(format!(
        "the last {} lines of the trace{}, of {all} (times that servers tell are by their clocks):",
        trace.len() - skipped,
        about.unwrap_or_default(),
    ));
    lines.extend(trace.into_iter().skip(skipped));
    let fault = sabotage.map(|fault| format!(" --sabotage {fault:?}")).unwrap_or_default();
    lines.push(format!(
        "all of the whole scenario: cargo xtask simulate --from {seed} --hours {hours}{fault} --trace"
    ));
    lines.join("\n")
}

/// Lines of a trace that are shown.
const TRACE: usize = 120;
