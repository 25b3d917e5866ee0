//! The highest rate at which nobody is lost, and the widest closed loop.

use anyhow::{Context as _, Result, bail, ensure};

use crate::load::{Arrival, Outcome};

/// Where the search begins, as a share of the rate that a closed loop sustains.
const ABOVE: f64 = 1.5;
/// Exchanges under way in a closed loop: all are answered, or it is one of fewer.
const WINDOWS: [usize; 5] = [1024, 256, 32, 4, 1];
/// The widest of these that the search begins with.
const SEARCHED: usize = 256;
/// More than this nobody finds: the generator has its own limit.
const DOUBLINGS: u32 = 4;
/// Tries of one rate on the way to the highest: other work on the machine may cost a packet that the server
/// did not lose.
const TRIES: usize = 2;
/// Runs at the rate that was found, one after the other, in none of which anybody is lost.
const CONFIRMED: usize = 3;
/// What is left of a rate that was not confirmed.
const LESS: f64 = 0.97;
/// How often it is lowered until it is.
const LOWERED: usize = 40;
/// With more than this share lost there is nothing to try again.
const HOPELESS: f64 = 0.005;
/// So much of the rate that was asked for is done, and no less but for this many: those who are on their
/// way when the clock stops.
const DONE: f64 = 0.98;
/// See [`DONE`].
const ON_THEIR_WAY: f64 = 2.0;

/// What is said of a server that has no closed loop.
pub(crate) const LOST_ALONE: &str = "some are lost even one after the other";

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Highest {
    /// Acts a second, as they were begun, answered and counted, and not as they were asked for; of the runs
    /// that confirm it, the slowest.
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

/// A closed loop all of whose acts end well.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Acts under way.
    pub(crate) window: usize,
    /// Nobody is lost in it.
    pub(crate) outcome: Outcome,
}

/// The highest rate at which all was well in three runs: somewhat more than a closed loop sustains is doubled
/// until it is too much, and the range below that halved so many times; what is found so is lowered until it
/// is confirmed. A closed loop waits for its window, so that a server with a slow disk sustains more than it
/// shows there.
///
/// # Errors
/// If somebody is lost at whatever rate; or if a run cannot be carried out.
pub(crate) fn highest_loss_free(
    steps: u32,
    mut run: impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<Highest> {
    let closed = closed_loop(SEARCHED, &mut run)?.context(LOST_ALONE)?;
    let sustained = closed.outcome.rate;
    let (mut good, mut bad) = (0.0, sustained * ABOVE);
    let mut found = Highest { rate: 0.0, is_ours: false };
    for _ in 0..DOUBLINGS {
        if !found.takes(try_at(bad, TRIES, &mut run)?) {
            break;
        }
        (good, bad) = (bad, bad * 2.0);
    }
    for _ in 0..steps {
        let rate = f64::midpoint(good, bad);
        if found.takes(try_at(rate, TRIES, &mut run)?) {
            good = rate;
        } else {
            bad = rate;
        }
    }
    ensure!(found.rate > 0.0, "there are losses at {bad:.0} a second, too");
    for _ in 0..LOWERED {
        if let Some(rate) = confirmed(found.rate, &mut run)? {
            return Ok(Highest { rate, ..found });
        }
        found = Highest { rate: found.rate * LESS, is_ours: false };
    }
    bail!("there are losses at {:.0} a second, too, now and then", found.rate)
}

/// The widest closed loop, of `widest` at the most, all of whose acts end well; `None` if somebody is lost
/// however few are under way.
///
/// # Errors
/// If an answer is wrong; or if a run cannot be carried out.
pub(crate) fn closed_loop(
    widest: usize,
    mut run: impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<Option<Closed>> {
    for window in WINDOWS.into_iter().filter(|window| *window <= widest) {
        let outcome = run(Arrival::Window(window))?.trusted()?;
        if outcome.is_clean() {
            return Ok(Some(Closed { window, outcome }));
        }
    }
    Ok(None)
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

/// The lowest rate of as many runs at this one as confirm it, if all of them do.
fn confirmed(rate: f64, run: &mut impl FnMut(Arrival) -> Result<Outcome>) -> Result<Option<f64>> {
    let mut lowest = rate;
    for _ in 0..CONFIRMED {
        match try_at(rate, 1, run)? {
            Verdict::LossFree(done) => lowest = lowest.min(done),
            _ => return Ok(None),
        }
    }
    Ok(Some(lowest))
}

fn try_at(
    rate: f64,
    tries: usize,
    run: &mut impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<Verdict> {
    let mut verdict = Verdict::Lossy;
    for _ in 0..tries {
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
    fn found(sustained: f64, mut open: impl FnMut(f64, &mut Outcome)) -> Result<Highest> {
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
    fn a_rate_at_which_some_are_lost_in_one_run_of_three_is_not_loss_free() {
        let mut runs = 0;
        let now_and_then = |rate: f64, outcome: &mut Outcome| {
            runs += 1;
            outcome.lost = u64::from(rate > 777.0 || rate > 500.0 && runs % 3 == 0);
        };
        let rate = found(600.0, now_and_then).unwrap().rate;
        assert!((500.0 * LESS..=500.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_closed_loop_is_as_wide_as_all_are_answered() {
        let narrow = |arrival| {
            let mut outcome = Outcome::new();
            outcome.lost = u64::from(!matches!(arrival, Arrival::Window(..=4)));
            Ok(outcome)
        };
        assert_eq!(closed_loop(256, narrow).unwrap().unwrap().window, 4);
        assert_eq!(closed_loop(1, narrow).unwrap().unwrap().window, 1);
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
        assert!(closed_loop(256, lossy_alone).unwrap().is_none());
        assert!(highest_loss_free(8, lossy_alone).is_err());
    }
}
