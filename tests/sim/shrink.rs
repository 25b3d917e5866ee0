//! What of a scenario a failure needs.

use super::{Failure, Sabotage, Scenario, run};

/// Runs that shrinking may take.
const MOST_RUNS: u32 = 300;

/// Takes out incidents and clients as long as the same promise is broken without them.
#[must_use]
pub fn shrink(scenario: &Scenario, failure: &Failure, sabotage: Option<Sabotage>) -> Scenario {
    let mut shrinker = Shrinker { best: scenario.clone(), failure, sabotage, runs: 0 };
    // What comes after the failure is not its cause.
    shrinker.attempt(|scenario| {
        scenario.incidents.retain(|incident| incident.at <= failure.at);
        scenario.clients.retain(|client| client.from <= failure.at);
    });
    shrinker.thin_out(
        |scenario| scenario.incidents.len(),
        |scenario, range| {
            scenario.incidents.drain(range);
        },
    );
    shrinker.thin_out(
        |scenario| scenario.clients.len(),
        |scenario, range| {
            scenario.clients.drain(range);
        },
    );
    shrinker.attempt(|scenario| {
        scenario.network.lost = 0;
        scenario.network.doubled = 0;
    });
    shrinker.attempt(|scenario| scenario.limits = None);
    if shrinker.best.protocols[0] == shrinker.best.protocols[1] {
        shrinker.attempt(|scenario| scenario.relationships = 1);
    }
    for client in 0..shrinker.best.clients.len() {
        shrinker.attempt(|scenario| scenario.clients[client].said = super::Said::default());
    }
    for side in 0..2 {
        shrinker.attempt(|scenario| scenario.servers[side].clock = super::Clock::default());
    }
    shrinker.best
}

struct Shrinker<'a> {
    best: Scenario,
    failure: &'a Failure,
    sabotage: Option<Sabotage>,
    runs: u32,
}

impl Shrinker<'_> {
    /// Keeps a change if the same promise is still broken.
    fn attempt(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut smaller = self.best.clone();
        change(&mut smaller);
        self.runs += 1;
        let fails = self.runs < MOST_RUNS
            && run(&smaller, self.sabotage, false)
                .failure
                .is_some_and(|failure| failure.promise == self.failure.promise);
        if fails {
            self.best = smaller;
        }
        fails
    }

    /// Halves, then quarters, down to one at a time.
    fn thin_out(
        &mut self,
        count: impl Fn(&Scenario) -> usize,
        remove: impl Fn(&mut Scenario, std::ops::Range<usize>),
    ) {
        let mut step = count(&self.best).div_ceil(2);
        while step > 0 {
            let mut begin = 0;
            while begin < count(&self.best) {
                let end = (begin + step).min(count(&self.best));
                if !self.attempt(|scenario| remove(scenario, begin..end)) {
                    begin = end;
                }
            }
            step = if step == 1 { 0 } else { step.div_ceil(2) };
        }
    }
}
