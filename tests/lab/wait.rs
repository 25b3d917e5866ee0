//! Waiting for something to become true: by asking again, and never for ever.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long one look is put off after the last.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until the answer is yes.
///
/// # Panics
/// If it still is no when `patience` ends; `what` is the message.
pub fn until(what: &str, patience: Duration, mut happened: impl FnMut() -> bool) {
    until_some(what, patience, || happened().then_some(()));
}

/// Asks until there is an answer, and gives it.
///
/// # Panics
/// If there is none when `patience` ends; `what` is the message.
pub fn until_some<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {patience:?} in vain: {what}");
        sleep(PAUSE);
    }
}
