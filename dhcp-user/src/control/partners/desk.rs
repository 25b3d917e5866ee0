//! What all relationships share on their thread.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::bells::Bells;
use super::face::Board;
use super::ledger::Ledger;
use crate::failover::Status;
use crate::failover::link::Clock;
use crate::journal::SharedHealth;
use crate::lease::{Limits, SharedViews, Tables, View, Views};
use crate::server::Services;

/// What all relationships share on their thread.
pub(super) struct Desk {
    pub(super) tables: Arc<Tables>,
    pub(super) limits: Arc<Limits>,
    pub(super) services: Arc<ArcSwap<Services>>,
    pub(super) health: Arc<SharedHealth>,
    pub(super) views: Arc<SharedViews>,
    /// Called after every new view, once workers have it.
    pub(super) announce: Box<dyn Fn() + Send>,
    pub(super) clock: Clock,
    /// Never borrowed across an `await`.
    pub(super) ledger: RefCell<Ledger>,
    /// Rung when more is durable, or the journal's health has changed.
    pub(super) durable: Arc<Bells>,
    /// Rung when the partner must be told of another address.
    pub(super) untold: Arc<Bells>,
    /// Never borrowed across an `await`.
    pub(super) statuses: RefCell<Vec<Option<Status>>>,
    pub(super) board: Board,
}

impl Desk {
    /// From now on workers go by this view of the relationship at `place`: all of them once the number
    /// that is given back is followed.
    pub(super) fn publish(&self, place: usize, view: View) -> u64 {
        let mut views = Views::clone(&self.views.load());
        if let Some(old) = views.0.get_mut(place) {
            *old = view;
        }
        // Only this thread publishes.
        let number = self.views.publish(views);
        (self.announce)();
        number
    }

    /// From now on operators see this of the relationship at `place`.
    pub(super) fn report(&self, place: usize, status: Status) {
        let mut statuses = self.statuses.borrow_mut();
        if statuses.get(place).is_some_and(|old| old.as_ref() == Some(&status)) {
            return;
        }
        if let Some(old) = statuses.get_mut(place) {
            *old = Some(status);
        }
        self.board.write(statuses.iter().flatten().cloned().collect());
    }
}
