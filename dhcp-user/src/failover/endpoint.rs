//! One server's end of one relationship.

use super::event::{Action, Event};
use super::saved::Saved;
use super::settings::Settings;
use super::status::Status;
use crate::lease::{Table, WriterId};
use crate::wire::Stamp;

/// One server's end of one relationship.
#[derive(Debug)]
pub struct Endpoint {
    _settings: Settings,
}

impl Endpoint {
    /// An endpoint that starts: in STARTUP, or in RECOVER behind it if nothing was saved. Swaps
    /// bindings as `writer`.
    #[must_use]
    pub fn new(
        now: Stamp,
        settings: Settings,
        saved: Option<Saved>,
        writer: WriterId,
        actions: &mut Vec<Action>,
    ) -> Self {
        let _ = (now, saved, writer, actions);
        Self { _settings: settings }
    }

    /// Takes one event and appends to `actions` what is to be done about it, in order.
    pub fn handle(
        &mut self,
        now: Stamp,
        event: Event<'_>,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let _ = (now, event, table, actions);
    }

    /// Appends updates that the partner should have, as far as it takes them now, making at most
    /// `room` actions: to be called when some binding became untold, after each `handle`, and when
    /// what was made earlier has left. True if more could follow at once.
    pub fn pump(
        &mut self,
        now: Stamp,
        table: &Table,
        room: usize,
        actions: &mut Vec<Action>,
    ) -> bool {
        let _ = (now, table, room, actions);
        false
    }

    /// When [`Event::Tick`] is wanted at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Stamp> {
        None
    }

    /// As an operator sees it.
    #[must_use]
    pub fn status(&self, now: Stamp, table: &Table) -> Option<Status> {
        let _ = (now, table);
        None
    }
}
