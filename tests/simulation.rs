//! A pair of servers through days of trouble, thousands of times: what the design promises holds.
//!
//! `TANDEM_SEED` replays one seed, `TANDEM_SEEDS` says how many; `cargo xtask simulate` runs as many
//! as one likes.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dhcp_user::config::model::Protocol;
use tandem_tests::sim::{self, Sabotage, Scenario};

/// Among so many seeds are the pairs of DHCPv4: a half.
const SEEDS: u64 = 2_000;
/// And those of DHCPv6, and of both, among so many: two thousand.
const SEEDS_OF_DHCPV6: u64 = 4_000;
/// Simulated hours of each: as much goes wrong in them as in a day.
const HOURS: u32 = 8;
/// A deliberate fault must be noticed in one of the seeds below, and of each protocol.
const PATIENCE: u64 = 1_000;

/// The first of these seeds that breaks a promise; with a deliberate fault, the promise that it must
/// break.
fn first_failure(seeds: &[u64], sabotage: Option<Sabotage>) -> Option<u64> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while found.lock().expect("nobody panicked").is_none() {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&seed) = seeds.get(place) else { break };
                    let scenario = Scenario::of(seed, HOURS);
                    let failure = |sabotage| sim::run(&scenario, sabotage, false).failure;
                    let is_found = match (failure(sabotage), sabotage) {
                        (Some(_), None) => true,
                        // What fails anyway proves nothing about a deliberate fault.
                        (Some(broken), Some(fault)) => {
                            broken.promise == fault.breaks() && failure(None).is_none()
                        }
                        (None, _) => false,
                    };
                    if is_found {
                        found.lock().expect("nobody panicked").get_or_insert(seed);
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panicked")
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn a_pair_keeps_its_promises_through_days_of_trouble() {
    let is_wanted =
        |seed: &u64| *seed < SEEDS || Scenario::of(*seed, HOURS).protocols != [Protocol::Dhcpv4; 2];
    let seeds: Vec<_> = match (number("TANDEM_SEED"), number("TANDEM_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).collect(),
        (None, None) => (0..SEEDS_OF_DHCPV6).filter(is_wanted).collect(),
    };
    if let Some(seed) = first_failure(&seeds, None) {
        panic!("{}", sim::explain(seed, HOURS, None));
    }
}

#[test]
fn a_seed_replays_event_for_event() {
    for seed in [3, 7, 14] {
        let run = || sim::run(&Scenario::of(seed, HOURS), None, true);
        let (one, other) = (run(), run());
        let differs = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other);
        assert_eq!(differs.map(|line| (&one.trace[line], &other.trace[line])), None);
        assert_eq!(one.trace.len(), other.trace.len());
    }
}

/// If this fails, the simulation has become blind to what it is there for.
#[test]
fn every_deliberate_fault_is_noticed_in_either_protocol() {
    let mut missed = Vec::new();
    for protocol in [Protocol::Dhcpv4, Protocol::Dhcpv6] {
        let speaks_it = |seed: &u64| Scenario::of(*seed, HOURS).protocols == [protocol; 2];
        let seeds: Vec<_> = (0..PATIENCE).filter(speaks_it).collect();
        for sabotage in Sabotage::ALL.into_iter().filter(|fault| fault.shows_in(protocol)) {
            match first_failure(&seeds, Some(sabotage)) {
                Some(seed) => println!("{protocol}, {sabotage:?}: seed {seed}"),
                None => missed.push((protocol, sabotage)),
            }
        }
    }
    assert_eq!(missed, [], "in {PATIENCE} seeds");
}
