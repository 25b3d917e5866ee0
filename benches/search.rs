//! The highest rate at which nobody is lost.

use anyhow::Result;

use crate::load::{Arrival, Outcome};

/// Where the search begins, as a share of the rate that a closed loop sustains.
const ABOVE: f64 = 1.5;
/// Exchanges under way in a closed loop, as many as all of which are answered.
const WINDOWS: [usize; 3] = [256, 32, 4];
/// A second, where none of them is.
const LEAST: f64 = 1.0;
/// More than this nobody finds: the generator has its own limit.
const DOUBLINGS: u32 = 4;
/// Tries of one rate: other work on the machine may cost a packet that the server did not lose.
const TRIES: usize = 2;
/// With more than this share lost there is nothing to try again.
const HOPELESS: f64 = 0.005;

/// The highest rate at which all was well, 0 if it was at none: somewhat more than a closed loop
/// sustains is doubled until it is too much, and the range below that halved so many times. A closed
/// loop waits for its window, so that a server with a slow disk sustains more than it shows there.
pub(crate) fn highest_loss_free(
    steps: u32,
    mut run: impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<f64> {
    let (mut good, mut bad) = (0.0, sustained(&mut run)? * ABOVE);
    for _ in 0..DOUBLINGS {
        if !is_loss_free(bad, &mut run)? {
            break;
        }
        (good, bad) = (bad, bad * 2.0);
    }
    for _ in 0..steps {
        let rate = f64::midpoint(good, bad);
        if is_loss_free(rate, &mut run)? {
            good = rate;
        } else {
            bad = rate;
        }
    }
    Ok(good)
}

/// What a closed loop sustains whose window is not too wide for the server.
fn sustained(run: &mut impl FnMut(Arrival) -> Result<Outcome>) -> Result<f64> {
    for window in WINDOWS {
        let outcome = run(Arrival::Window(window))?;
        if outcome.failed() == 0 {
            return Ok(outcome.rate);
        }
    }
    Ok(LEAST)
}

fn is_loss_free(rate: f64, run: &mut impl FnMut(Arrival) -> Result<Outcome>) -> Result<bool> {
    for _ in 0..TRIES {
        let outcome = run(Arrival::Even(rate))?;
        if outcome.is_clean() {
            return Ok(true);
        }
        if outcome.failed() as f64 > outcome.begun as f64 * HOPELESS {
            return Ok(false);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of a server that loses packets above this rate.
    fn found(sustained: f64, limit: f64) -> f64 {
        let lossy = |arrival| {
            let mut outcome = Outcome::new();
            let rate = match arrival {
                Arrival::Even(rate) => rate,
                _ => {
                    outcome.rate = sustained;
                    return Ok(outcome);
                }
            };
            outcome.begun = 1_000;
            outcome.lost = if rate > limit { 100 } else { 0 };
            Ok(outcome)
        };
        highest_loss_free(8, lossy).unwrap()
    }

    #[test]
    fn the_rate_found_is_the_highest_within_a_step() {
        let rate = found(600.0, 777.0);
        assert!((777.0 - 900.0 / 256.0..=777.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_server_that_a_closed_loop_holds_back_is_asked_for_more() {
        let rate = found(100.0, 777.0);
        assert!((777.0 - 600.0 / 256.0..=777.0).contains(&rate), "{rate}");
    }
}
