//! The highest rate at which nobody is lost.

use anyhow::{Result, bail, ensure};

use crate::load::{Arrival, Outcome};

/// Where the search begins, as a share of the rate that a closed loop sustains.
const ABOVE: f64 = 1.5;
/// Exchanges under way in a closed loop, as many as all of which are answered.
const WINDOWS: [usize; 4] = [256, 32, 4, 1];
/// More than this nobody finds: the generator has its own limit.
const DOUBLINGS: u32 = 4;
/// Tries of one rate: other work on the machine may cost a packet that the server did not lose.
const TRIES: usize = 2;
/// With more than this share lost there is nothing to try again.
const HOPELESS: f64 = 0.005;
/// So much of the rate that was asked for is done, and no less but for this many: those who are on their
/// way when the clock stops.
const DONE: f64 = 0.98;
/// See [`DONE`].
const ON_THEIR_WAY: f64 = 2.0;

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Highest {
    /// Acts a second, as they were begun, answered and counted, and not as they were asked for.
    pub(crate) rate: f64,
    /// Whether the server lost nothing above it either, but we could not ask for more.
    pub(crate) is_ours: bool,
}

/// What came of a rate.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    /// Nobody was lost; acts done a second.
    LossFree(f64),
    /// We were too slow.
    TooFastForUs,
    /// Somebody was lost, or the server falls behind.
    Lossy,
}

/// The highest rate at which all was well: somewhat more than a closed loop sustains is doubled until it
/// is too much, and the range below that halved so many times. A closed loop waits for its window, so
/// that a server with a slow disk sustains more than it shows there.
///
/// # Errors
/// If somebody is lost at whatever rate; or if a run cannot be carried out.
pub(crate) fn highest_loss_free(
    steps: u32,
    mut run: impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<Highest> {
    let (mut good, mut bad) = (0.0, sustained(&mut run)? * ABOVE);
    let mut found = Highest { rate: 0.0, is_ours: false };
    for _ in 0..DOUBLINGS {
        if !found.takes(try_at(bad, &mut run)?) {
            break;
        }
        (good, bad) = (bad, bad * 2.0);
    }
    for _ in 0..steps {
        let rate = f64::midpoint(good, bad);
        if found.takes(try_at(rate, &mut run)?) {
            good = rate;
        } else {
            bad = rate;
        }
    }
    ensure!(found.rate > 0.0, "there are losses at {bad:.0} a second, too");
    Ok(found)
}

impl Highest {
    /// Whether one may ask for more.
    fn takes(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::LossFree(done) => self.rate = done,
            Verdict::TooFastForUs => self.is_ours = true,
            Verdict::Lossy => self.is_ours = false,
        }
        matches!(verdict, Verdict::LossFree(_))
    }
}

/// What a closed loop sustains whose window is not too wide for the server.
fn sustained(run: &mut impl FnMut(Arrival) -> Result<Outcome>) -> Result<f64> {
    for window in WINDOWS {
        let outcome = run(Arrival::Window(window))?.trusted()?;
        if outcome.is_clean() {
            return Ok(outcome.rate);
        }
    }
    bail!("some are lost even one after the other")
}

fn try_at(rate: f64, run: &mut impl FnMut(Arrival) -> Result<Outcome>) -> Result<Verdict> {
    let mut verdict = Verdict::Lossy;
    for _ in 0..TRIES {
        let outcome = run(Arrival::Even(rate))?.trusted()?;
        if outcome.is_clean() && keeps_up(&outcome, rate) {
            return Ok(Verdict::LossFree(outcome.rate));
        }
        let is_ours = outcome.overdue > 0 && outcome.failed() == outcome.overdue;
        verdict = if is_ours { Verdict::TooFastForUs } else { Verdict::Lossy };
        if outcome.failed() as f64 > outcome.begun as f64 * HOPELESS {
            break;
        }
    }
    Ok(verdict)
}

fn keeps_up(outcome: &Outcome, rate: f64) -> bool {
    let missing = (rate - outcome.rate) * outcome.seconds;
    missing <= ON_THEIR_WAY.max((1.0 - DONE) * rate * outcome.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of a run.
    const SECONDS: f64 = 2.0;

    /// What is found of a server that a closed loop sustains this rate of, by what comes of an open one.
    fn found(sustained: f64, open: impl Fn(f64, &mut Outcome)) -> Result<Highest> {
        highest_loss_free(8, |arrival| {
            let mut outcome = Outcome::new();
            outcome.seconds = SECONDS;
            match arrival {
                Arrival::Even(rate) => {
                    (outcome.begun, outcome.rate) = ((rate * SECONDS) as u64, rate);
                    open(rate, &mut outcome);
                }
                _ => outcome.rate = sustained,
            }
            Ok(outcome)
        })
    }

    /// Loses packets above this rate.
    fn lossy(limit: f64) -> impl Fn(f64, &mut Outcome) {
        move |rate, outcome| outcome.lost = if rate > limit { 100 } else { 0 }
    }

    #[test]
    fn the_rate_found_is_the_highest_within_a_step() {
        let Highest { rate, is_ours } = found(600.0, lossy(777.0)).unwrap();
        assert!((777.0 - 900.0 / 256.0..=777.0).contains(&rate), "{rate}");
        assert!(!is_ours);
    }

    #[test]
    fn a_server_that_a_closed_loop_holds_back_is_asked_for_more() {
        let rate = found(100.0, lossy(777.0)).unwrap().rate;
        assert!((777.0 - 600.0 / 256.0..=777.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_the_generator_cannot_ask_for_is_not_found() {
        let slow = |rate: f64, outcome: &mut Outcome| {
            outcome.rate = rate.min(777.0);
            outcome.overdue = ((rate - outcome.rate) * SECONDS) as u64;
        };
        let Highest { rate, is_ours } = found(600.0, slow).unwrap();
        assert!((770.0..=777.0).contains(&rate), "{rate}");
        assert!(is_ours);
    }

    #[test]
    fn a_server_that_falls_behind_and_loses_nothing_yet_has_its_rate_and_no_more() {
        let queueing = |rate: f64, outcome: &mut Outcome| outcome.rate = rate.min(777.0);
        let Highest { rate, is_ours } = found(600.0, queueing).unwrap();
        assert!((770.0..=777.0).contains(&rate), "{rate}");
        assert!(!is_ours);
    }

    #[test]
    fn a_wrong_answer_and_a_loss_at_every_rate_are_no_result() {
        assert!(found(600.0, |_, outcome| outcome.wrong.times = 1).is_err());
        assert!(found(600.0, lossy(0.0)).is_err());
        let lossy_alone = |_| {
            let mut outcome = Outcome::new();
            outcome.lost = 1;
            Ok(outcome)
        };
        assert!(highest_loss_free(8, lossy_alone).is_err());
    }
}
