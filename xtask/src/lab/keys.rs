//! Single keys from a terminal, without waiting for the end of a line.

use std::io::{IsTerminal as _, stdin};
use std::thread::sleep;
use std::time::Duration;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// How long [`next`] waits for a key.
const PATIENCE: Duration = Duration::from_millis(100);

/// A terminal that hands over each key at once and shows none; as it was before when dropped.
/// Ctrl-C stays a signal.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// `None` where standard input is no terminal.
    pub(super) fn new() -> Option<Self> {
        if !stdin().is_terminal() {
            return None;
        }
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // A read ends after a tenth of a second, with or without a key.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 1;
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to set right.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// The next key, if one comes while [`PATIENCE`] lasts.
pub(super) fn next(keys: Option<&Keys>) -> Option<u8> {
    let mut key = [0];
    if keys.is_none() {
        sleep(PATIENCE);
        return None;
    }
    match rustix::io::read(stdin(), &mut key) {
        Ok(1) => Some(key[0]),
        Ok(_) => None,
        // A terminal that is gone answers at once: do not spin.
        Err(_) => {
            sleep(PATIENCE);
            None
        }
    }
}
