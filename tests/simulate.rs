//! `cargo xtask simulate`: as many seeds as one likes.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tandem_tests::sim::{self, Sabotage, Scenario};

/// Failures that are explained; more are only counted.
const EXPLAINED: usize = 3;

fn main() -> ExitCode {
    let number = |name: &str, default: u64| {
        option(name).map_or(default, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} wants a number, not {text}"))
        })
    };
    let (from, seeds, hours) =
        (number("--from", 0), number("--seeds", 1_000), number("--hours", 24));
    let hours = u32::try_from(hours).unwrap_or(u32::MAX);
    let named = option("--sabotage").map(|name| (Sabotage::named(&name), name));
    if let Some((None, name)) = named {
        eprintln!("{name} is none of the faults that can be made:");
        for fault in Sabotage::ALL {
            eprintln!("  {:28}{}", format!("{fault:?}"), fault.breaks());
        }
        return ExitCode::FAILURE;
    }
    let sabotage = named.and_then(|(fault, _)| fault);
    if std::env::args().any(|argument| argument == "--trace") {
        let report = sim::run(&Scenario::of(from, hours), sabotage, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        if let Some(failure) = report.failure {
            println!("{failure}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let next = AtomicU64::new(from);
    let failed = Mutex::new(Vec::new());
    let sums = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        break;
                    }
                    let report = sim::run(&Scenario::of(seed, hours), sabotage, false);
                    for (sum, of) in
                        sums.iter().zip([report.exchanges, report.updates, report.steps])
                    {
                        sum.fetch_add(of, Ordering::Relaxed);
                    }
                    if let Some(failure) = report.failure {
                        println!("seed {seed}: {failure}");
                        failed.lock().expect("nobody panicked").push((seed, failure));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panicked");
    let [exchanges, updates, steps] = sums.map(AtomicU64::into_inner);
    println!(
        "{seeds} seeds of {hours} hours in {:.1} s: {exchanges} leases told, {updates} updates, \
         {steps} events, {} seeds failed",
        start.elapsed().as_secs_f64(),
        failed.len()
    );
    let mut promises = std::collections::BTreeMap::new();
    for (_, failure) in &failed {
        *promises.entry(failure.promise).or_insert(0) += 1;
    }
    promises.iter().for_each(|(promise, count)| println!("{count:>8} {promise}"));
    if option("--explain").is_some() || std::env::args().any(|argument| argument == "--explain") {
        for (seed, _) in failed.iter().take(EXPLAINED) {
            println!("\n{}", sim::explain(*seed, hours, sabotage));
        }
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What stands behind an option.
fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}
