//! What other threads ring to wake the relationships.

use std::sync::Arc;
use std::task::{Wake, Waker};

use tokio::sync::Notify;

/// A bell in front of each relationship. Rung while nobody waits, it is remembered.
#[derive(Debug)]
pub(super) struct Bells(Vec<Notify>);

impl Bells {
    pub(super) fn new(relationships: usize) -> Arc<Self> {
        Arc::new(Self((0..relationships).map(|_| Notify::new()).collect()))
    }

    /// Returns when the bell of the relationship at `place` was rung since it last did.
    pub(super) async fn rung(&self, place: usize) {
        self.0[place].notified().await;
    }

    /// Rings all of them.
    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Bells {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(Notify::notify_one);
    }
}
