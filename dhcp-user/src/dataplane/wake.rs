//! What wakes a sleeping worker: an eventfd among the descriptors that it polls.
//!
//! Rung by the journal's commit thread when more is durable, by another worker of the same queue
//! when frames wait for their owner, and by whoever stops the workers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Wake;

use rustix::event::{EventfdFlags, eventfd};

/// A bell that any thread may ring.
#[derive(Debug)]
pub(super) struct Bell {
    fd: OwnedFd,
}

impl Bell {
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Arc::new(Self { fd }))
    }

    /// Ends the worker's sleep, or its next one.
    pub(super) fn ring(&self) {
        // Only a counter at its limit refuses, and then the bell is ringing already.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    /// Stops it ringing; for the worker it belongs to.
    pub(super) fn silence(&self) {
        // Nothing to read is what was wanted.
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
