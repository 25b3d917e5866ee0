//! The processor for the measurement, whatever else the machine does: a session of its own, which
//! the scheduler gives precedence as a group (Linux `sched(7)`, autogroup).

use std::fs;

use rustix::process::{Signal, set_parent_process_death_signal, setsid};

/// Takes precedence where the kernel lets us; elsewhere the figures are what they are.
pub(crate) fn take() {
    // Without a terminal's Ctrl-C, whoever started us takes us with it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if setsid().is_ok() {
        let _ = fs::write("/proc/self/autogroup", "-20");
    }
}
