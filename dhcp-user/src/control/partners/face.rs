//! The relationships as the rest of the server sees them: how they are, and what an operator wants.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::failover::{Command, Status};

/// The relationships of this server. Cheap to clone; without a `[[failover]]` it is empty.
#[derive(Clone, Debug)]
pub struct Partners {
    board: Board,
    orders: mpsc::Sender<Order>,
}

/// Where the failover thread writes how each relationship is, in the configuration's order.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<Vec<Status>>>);

/// What an operator wants of one relationship.
#[derive(Debug)]
pub(super) struct Order {
    /// Its name.
    pub(super) name: String,
    /// What is wanted.
    pub(super) command: Command,
    /// Told once the command has been carried out and what it changed is durable, or why not.
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

/// Orders that may wait for the thread; whoever has one more waits to place it.
const ORDERS_MAX: usize = 16;

impl Partners {
    /// A server without partners.
    #[must_use]
    pub fn none() -> Self {
        Self::with_orders().0
    }

    /// A face, and the end where its orders arrive.
    pub(super) fn with_orders() -> (Self, Board, mpsc::Receiver<Order>) {
        let (orders, arriving) = mpsc::channel(ORDERS_MAX);
        let board = Board::default();
        (Self { board: board.clone(), orders }, board, arriving)
    }

    /// How each relationship is, in the configuration's order, a second old at the most.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.board.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the relationship `name` carry out `command`; returns once that is done and durable.
    ///
    /// # Errors
    /// In words for the operator: there is no such relationship, the command makes no sense in its
    /// state, or the server is stopping.
    pub async fn command(&self, name: &str, command: Command) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let order = Order { name: name.to_owned(), command, answer };
        let stopping = || "there are no partners, or the server is stopping".to_owned();
        self.orders.send(order).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

impl Board {
    /// Replaces what is read from now on.
    pub(super) fn write(&self, statuses: Vec<Status>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = statuses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_without_partners_says_so_to_whoever_commands_one() {
        let partners = Partners::none();
        assert_eq!(partners.status(), []);
        assert!(partners.command("x", Command::PartnerDown).await.is_err());
    }
}
