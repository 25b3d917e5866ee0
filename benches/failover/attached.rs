//! Durable exchanges a second of a server with a partner, against the same without: renewals, each of
//! which the partner is told.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use dhcp_user::lease::Told;
use tandem_tests::lab::{Host, Server};

use super::duo::{self, Disk};
use crate::Arguments;
use crate::figure::{Figure, ratios};
use crate::load::{Act, Arrival, Clients, Outcome, Plan, rates};
use crate::rig::{Rig, SERVER_CORE};
use crate::state::Protocol;

/// Requests under way, each of another client.
const WINDOW: usize = 1024;
/// Addresses that nobody has.
const SPARE: u32 = 1_000;
/// Between two looks at the status, which is a second old at the most.
const LOOK: Duration = Duration::from_millis(250);
/// What is to be left of the rate.
const LIMIT: f64 = 0.85;

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, leases, seconds) =
        if arguments.quick { (1, 1_000_000, 2.5) } else { (5, 1_000_000, 2.5) };
    let times = [Duration::from_millis(300), Duration::from_secs_f64(seconds)];
    let rig = Rig::new(Protocol::Dhcpv4, arguments.divert.clone());
    let mut generator = rig.generator()?;
    let host = rig.partner();
    let mut run = || {
        let plan = Plan::only(Act::Renew, Arrival::Window(WINDOW), times);
        generator.run(&plan, &mut Clients::holding(Protocol::Dhcpv4, leases))?.trusted()
    };
    let (mut alone, mut attached) = (Vec::new(), Vec::new());
    let (mut behind, mut drained) = (Vec::new(), Vec::new());
    let interface = format!("dataplane = \"xdp\"\nworkers = [{SERVER_CORE}]");
    for _ in 0..repetitions {
        let disk = Disk::InNormal(leases, Told::Acknowledged);
        let make = |name: &str, interface: &str, host| {
            let configuration =
                duo::configuration(Protocol::Dhcpv4, interface, leases + SPARE, host);
            duo::settings(arguments, Protocol::Dhcpv4, name, configuration, disk)
        };
        let server = rig.server(make("alone", &interface, None)?);
        alone.push(run()?);
        server.kill();

        let partner = Server::start(&host, make("partner", "", Some(Host::B))?);
        let server = rig.server(make("attached", &interface, Some(Host::A))?);
        duo::await_normal(&server)?;
        duo::await_drained(&server)?;
        let (outcome, most) = watched(&server, &mut run)?;
        attached.push(outcome);
        behind.push(most as f64);
        drained.push(duo::await_drained(&server)?.as_secs_f64());
        server.kill();
        partner.kill();
    }
    say("without a partner", &alone);
    say("with a partner", &attached);
    let shares = ratios(&rates(&attached), &rates(&alone));
    Figure::new("REQUEST to durable ACK, with a partner / without", "×", shares)
        .at_least(LIMIT)
        .note("the partner and what it costs are on this machine too")
        .say();
    Figure::new("addresses of which the partner was to be told, at most", "addresses", behind)
        .note(format!("of {leases}, by looks at the status during the run"))
        .say();
    Figure::new("from the end of the run until there were none", "s", drained)
        .note("as the status says, which is a second old at the most")
        .say();
    Ok(())
}

/// Carries out a run, and gives with its outcome how much the partner was yet to be told or to answer
/// at the worst.
fn watched(server: &Server, run: impl FnOnce() -> Result<Outcome>) -> Result<(Outcome, u64)> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Relaxed) {
                thread::sleep(LOOK);
                most = most.max(duo::left(&duo::relationship_of(server)?));
            }
            anyhow::Ok(most)
        });
        let outcome = run();
        is_over.store(true, Relaxed);
        let most = watching.join().expect("looking ends well")?;
        Ok((outcome?, most))
    })
}

fn say(which: &str, outcomes: &[Outcome]) {
    let lost: u64 = outcomes.iter().map(|outcome| outcome.lost).sum();
    let name = format!("REQUEST to durable ACK, {which}");
    let note = format!("{lost} lost; {WINDOW} under way");
    Figure::new(&name, "packets/s", rates(outcomes)).note(note).say();
    let late = outcomes.iter().map(|outcome| outcome.latency_us(0.99));
    Figure::new(format!("{name}, round trip p99"), "µs", late).say();
}
