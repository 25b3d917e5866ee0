//! What came of it, for people and for programs.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::Step;
use crate::load::Arrival;

/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// A line for each rate.
pub(super) fn table(steps: &[Step]) {
    println!(
        "{:>22} {:>11} {:>11} {:>11} {:>9} {:>7} {:>7} {:>8} {:>8} | whole, µs: {:>7} {:>7} {:>8} {:>8} {:>8} | own p99",
        "arrival",
        "begun/s",
        "done/s",
        "released/s",
        "lost",
        "wrong",
        "refused",
        "left out",
        "overdue",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    );
    for Step { arrival, outcome } in steps {
        let us = |quantile| outcome.latency_us(quantile);
        println!(
            "{:>22} {:>11.0} {:>11.0} {:>11.0} {:>9} {:>7} {:>7} {:>8} {:>8} |            {:>7.0} {:>7.0} {:>8.0} {:>8.0} {:>8.0} | {:.0}",
            words(*arrival),
            outcome.offered(),
            outcome.rate,
            outcome.released as f64 / outcome.seconds,
            outcome.lost,
            outcome.wrong.sum(),
            outcome.refused,
            outcome.left_out,
            outcome.overdue,
            us(0.5),
            us(0.9),
            us(0.99),
            us(0.999),
            us(1.0),
            outcome.own_delay.value_at_quantile(0.99) as f64 / 1e3,
        );
        if outcome.wrong.sum() > 0 {
            println!("{:>22} {:?}", "wrong:", outcome.wrong);
        }
    }
}

/// The same and more.
pub(super) fn json(steps: &[Step]) {
    let steps: Vec<Value> = steps.iter().map(object).collect();
    println!("{:#}", json!({ "steps": steps }));
}

fn object(step: &Step) -> Value {
    let Step { arrival, outcome } = step;
    let wrong = &outcome.wrong;
    json!({
        "arrival": match *arrival {
            Arrival::Window(window) => json!({ "window": window }),
            Arrival::Even(rate) => json!({ "even": rate }),
            Arrival::Random(rate) => json!({ "random": rate }),
        },
        "begun-per-second": outcome.offered(),
        "done-per-second": outcome.rate,
        "begun": outcome.begun,
        "released": outcome.released,
        "lost": outcome.lost,
        "refused": outcome.refused,
        "left-out": outcome.left_out,
        "overdue": outcome.overdue,
        "wrong": {
            "client": wrong.client,
            "address": wrong.address,
            "given-twice": wrong.given_twice,
            "times": wrong.times,
            "kind": wrong.kind,
        },
        "us": {
            "whole": quantiles(&outcome.latency),
            "offer": quantiles(&outcome.offer),
            "ack": quantiles(&outcome.ack),
            "own-delay": quantiles(&outcome.own_delay),
        },
    })
}

/// `null` where nothing was counted.
fn quantiles(times: &Histogram<u64>) -> Value {
    if times.is_empty() {
        return Value::Null;
    }
    let at = |(name, quantile): (&str, f64)| {
        (name.to_owned(), json!(times.value_at_quantile(quantile) as f64 / 1e3))
    };
    Value::Object(QUANTILES.into_iter().map(at).collect())
}

fn words(arrival: Arrival) -> String {
    match arrival {
        Arrival::Window(window) => format!("{window} under way"),
        Arrival::Even(rate) => format!("{rate:.0}/s"),
        Arrival::Random(rate) => format!("{rate:.0}/s at random"),
    }
}
