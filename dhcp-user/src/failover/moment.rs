//! What everything about one event goes by.

use super::skew::Skew;
use crate::lease::Table;
use crate::wire::Stamp;
use crate::wire::failover::State;

/// What everything about one event goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// Now.
    pub(super) now: Stamp,
    /// Own state; STARTUP as such.
    pub(super) state: State,
    /// Whether the link is up and a STATE has come on it: only then does anything go out.
    pub(super) is_heard: bool,
    /// Whether untold bindings are sent unasked: heard, and in a state where our own are to be
    /// trusted (NORMAL, COMMUNICATIONS-INTERRUPTED, PARTNER-DOWN).
    pub(super) tells: bool,
    /// Whether workers go by the view that was published last: until then some may still grant by the
    /// one before, and nobody can say what the partner must know by now.
    pub(super) is_followed: bool,
    /// Corrects the partner's times.
    pub(super) skew: &'a Skew,
    /// Every address.
    pub(super) table: &'a Table,
}

/// The xids of what we originate on one connection (draft-12 §6.1).
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Xids(u32);

impl Xids {
    /// Goes on after `last`.
    pub(super) fn after(last: u32) -> Self {
        Self(last)
    }

    /// The next. Never 0, which dhcpd takes for none in a BNDUPD.
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.checked_add(1).unwrap_or(1);
        self.0
    }
}
