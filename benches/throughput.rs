//! Packets a second through the server, as a share of what a bare reflector turns around on the
//! same pair of interfaces: what is left of the limit once there is a server in the way. In either protocol.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::Arguments;
use crate::contestant::{Reflector, worn};
use crate::figure::{Figure, ratios};
use crate::load::{Act, Arrival, Clients, Outcome, Plan, rates};
use crate::rig::Rig;
use crate::state::Protocol;

/// Requests under way, each of another client: enough that a flush has many to make durable.
const WINDOW: usize = 1024;

/// What is to be left of the limit.
const OFFERS: f64 = 0.6;
/// See [`OFFERS`].
const ACKS: f64 = 0.4;

/// Measures both and prints the figures.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, leases, seconds) =
        if arguments.quick { (1, 200_000, 0.7) } else { (5, 2_000_000, 1.5) };
    let times = [Duration::from_millis(300), Duration::from_secs_f64(seconds)];
    let protocol = arguments.protocol();
    let words = Words::of(protocol);
    let settings = worn(arguments, protocol, "throughput", leases)?;
    let rig = Rig::new(protocol, arguments.divert.clone());
    let mut generator = rig.generator()?;
    let plan = |act| Plan::only(act, Arrival::Window(WINDOW), times);
    let (mut reflected, mut offers, mut acks) = (Vec::new(), Vec::new(), Vec::new());
    let mut driver = String::new();
    for _ in 0..repetitions {
        {
            let _reflector = Reflector::start(&rig)?;
            let mut clients = Clients::new(protocol, 0..leases);
            reflected.push(generator.run(&plan(Act::Reflect), &mut clients)?.trusted()?);
        }
        let server = rig.server(settings.clone());
        let mut strangers = Clients::strangers(protocol, leases);
        offers.push(generator.run(&plan(Act::Discover), &mut strangers)?.trusted()?);
        let mut holders = Clients::holding(protocol, leases);
        acks.push(generator.run(&plan(Act::Renew), &mut holders)?.trusted()?);
        driver = driver_of(&server.status());
        server.stop();
    }
    say(words.reflector, &reflected, None, &driver);
    say(words.offers, &offers, Some((&reflected, OFFERS)), &driver);
    say(words.acks, &acks, Some((&reflected, ACKS)), &driver);
    Ok(())
}

/// What things are called in a protocol.
struct Words {
    reflector: &'static str,
    offers: &'static str,
    acks: &'static str,
}

impl Words {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Dhcpv4 => Self {
                reflector: "reflector",
                offers: "DISCOVER to OFFER",
                acks: "REQUEST to durable ACK",
            },
            Protocol::Dhcpv6 => Self {
                reflector: "reflector in DHCPv6",
                offers: "Solicit to Advertise",
                acks: "Renew to durable Reply",
            },
        }
    }
}

fn say(name: &str, outcomes: &[Outcome], limit: Option<(&[Outcome], f64)>, driver: &str) {
    let lost: u64 = outcomes.iter().map(|outcome| outcome.lost).sum();
    let note = format!("{lost} lost; {driver}, {WINDOW} under way");
    Figure::new(name, "packets/s", rates(outcomes)).note(note).say();
    for quantile in [0.5, 0.99] {
        let late = outcomes.iter().map(|outcome| outcome.latency_us(quantile));
        Figure::new(format!("{name}, round trip p{}", quantile * 100.0), "µs", late).say();
    }
    if let Some((limit, least)) = limit {
        let shares = ratios(&rates(outcomes), &rates(limit));
        Figure::new(format!("{name} / reflector"), "×", shares).at_least(least).say();
    }
}

/// In which way the server has its interface.
fn driver_of(status: &Value) -> String {
    let interface = &status["interfaces"][0];
    let copy = if interface["zero-copy"] == true { "zero copy" } else { "copy" };
    let mode = interface["mode"].as_str().unwrap_or("unknown");
    let (queues, workers) = (&interface["queues"], &interface["workers"]);
    format!("veth, {mode}, {copy}, queues {queues}, workers {workers}")
}
