//! One of the ways between a worker and an interface, whatever it is made of.

use std::os::fd::BorrowedFd;

use super::counters::Count;
use super::kernel_path::KernelPath;
use super::xsk::{Frame, Packet};
use super::xsk_path::XskPath;

/// Packets taken from one port before the next one has its turn.
pub(super) const BATCH: usize = 64;

/// A way in and out.
#[derive(Debug)]
pub(super) struct Port {
    /// The interface's place in the worker's list.
    pub(super) interface: usize,
    way: Way,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a worker has a handful, in one vector")]
enum Way {
    Xsk(XskPath),
    Kernel(KernelPath),
}

/// What one [`Port::receive`] brought.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receipt {
    /// Whole packets, behind each other in the vector.
    pub(super) received: usize,
    /// Packets longer than a frame: in the vector too, with a length of 0.
    pub(super) oversized: usize,
}

/// Whether all is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outgoing {
    /// All of it.
    Done,
    /// The kernel had no room for some: flush again soon.
    Pending,
}

impl Port {
    pub(super) fn xsk(interface: usize, path: XskPath) -> Self {
        Self { interface, way: Way::Xsk(path) }
    }

    pub(super) fn kernel(interface: usize, path: KernelPath) -> Self {
        Self { interface, way: Way::Kernel(path) }
    }

    /// What counts packets that come this way.
    pub(super) fn received_as(&self) -> Count {
        match &self.way {
            Way::Xsk(_) => Count::ReceivedXdp,
            Way::Kernel(_) => Count::ReceivedKernel,
        }
    }

    /// To wait for packets on.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Xsk(path) => path.fd(),
            Way::Kernel(path) => path.fd(),
        }
    }

    /// Appends up to `most` packets to `into`.
    pub(super) fn receive(&mut self, most: usize, into: &mut Vec<Packet>) -> Receipt {
        match &mut self.way {
            Way::Xsk(path) => path.receive(most, into),
            Way::Kernel(path) => path.receive(most, into),
        }
    }

    /// When the XDP program saw `packet`, in nanoseconds of the monotonic clock, if it could say.
    pub(super) fn arrived_ns(&self, packet: &mut Packet) -> Option<u64> {
        match &self.way {
            Way::Xsk(path) => path.arrived_ns(packet),
            Way::Kernel(_) => None,
        }
    }

    /// The octets of a frame that came this way.
    pub(super) fn octets_mut<'f>(&'f self, frame: &'f mut Frame) -> &'f mut [u8] {
        match &self.way {
            Way::Xsk(path) => path.octets_mut(frame),
            Way::Kernel(path) => path.octets_mut(frame),
        }
    }

    /// Has a packet that came this way, rewritten, sent by the next [`Self::flush`].
    pub(super) fn send(&mut self, packet: Packet) {
        match &mut self.way {
            Way::Xsk(path) => path.send(packet),
            Way::Kernel(path) => path.send(packet),
        }
    }

    /// Gives back a frame that came this way and is not sent.
    pub(super) fn release(&mut self, frame: Frame) {
        match &mut self.way {
            Way::Xsk(path) => path.release(frame),
            Way::Kernel(path) => path.release(frame),
        }
    }

    /// Keeps the kernel supplied with frames.
    pub(super) fn tend(&mut self) {
        if let Way::Xsk(path) = &mut self.way {
            path.tend();
        }
    }

    /// Sends.
    pub(super) fn flush(&mut self) -> Outgoing {
        match &mut self.way {
            Way::Xsk(path) => path.flush(),
            Way::Kernel(path) => path.flush(),
        }
    }

    /// Packets that the kernel refused since the last call.
    pub(super) fn take_refused(&mut self) -> u64 {
        match &mut self.way {
            Way::Xsk(_) => 0,
            Way::Kernel(path) => path.take_refused(),
        }
    }
}
