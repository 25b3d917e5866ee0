//! When the next client comes.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::plan::Arrival;

/// The schedule of a run, in nanoseconds since its start.
#[derive(Debug)]
pub(super) struct Pace {
    arrival: Arrival,
    next_ns: f64,
    random: SmallRng,
}

impl Pace {
    /// The same clients come at the same times in every run with this arrival.
    pub(super) fn new(arrival: Arrival) -> Self {
        Self { arrival, next_ns: 0.0, random: SmallRng::seed_from_u64(1) }
    }

    /// If a client is due by `now_ns` with so many under way: the time at which it meant to come,
    /// which is `now_ns` where it waits for another one.
    pub(super) fn due(&mut self, now_ns: u64, under_way: usize) -> Option<u64> {
        let distance_ns = match self.arrival {
            Arrival::Window(most) => return (under_way < most).then_some(now_ns),
            Arrival::Even(rate) => 1e9 / rate,
            Arrival::Random(rate) => -(1.0 - self.random.random::<f64>()).ln() * 1e9 / rate,
        };
        let intended_ns = self.next_ns;
        if intended_ns > now_ns as f64 {
            return None;
        }
        self.next_ns += distance_ns;
        Some(intended_ns as u64)
    }

    /// When to look again; `None` where only an answer can make a client due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        (!matches!(self.arrival, Arrival::Window(_))).then_some(self.next_ns as u64)
    }
}
