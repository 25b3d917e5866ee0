//! The highest rate at which nobody is lost.

use anyhow::Result;

use crate::load::{Arrival, Outcome};

/// Where the search begins, as a share of the rate that a closed loop sustains.
const ABOVE: f64 = 1.5;
/// Tries of one rate: other work on the machine may cost a packet that the server did not lose.
const TRIES: usize = 2;
/// With more than this share lost there is nothing to try again.
const HOPELESS: f64 = 0.005;

/// Halves the range between nothing and somewhat more than a closed loop sustains so many times; the
/// highest rate at which all was well, 0 if it was at none.
pub(crate) fn highest_loss_free(
    sustained: f64,
    steps: u32,
    mut run: impl FnMut(Arrival) -> Result<Outcome>,
) -> Result<f64> {
    let (mut good, mut bad) = (0.0, sustained * ABOVE);
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

    #[test]
    fn the_rate_found_is_the_highest_within_a_step() {
        let limit = 777.0;
        let lossy = |arrival| {
            let Arrival::Even(rate) = arrival else { panic!("{arrival:?}") };
            let mut outcome = Outcome::new();
            outcome.begun = 1_000;
            outcome.lost = if rate > limit { 100 } else { 0 };
            Ok(outcome)
        };
        let found = highest_loss_free(600.0, 8, lossy).unwrap();
        assert!(found <= limit && found > limit - 900.0 / 256.0, "{found}");
    }
}
