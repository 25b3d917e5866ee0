//! Packets past the kernel: one worker's socket on one queue of an interface.
//!
//! The workers of a queue share its frames. One of them, the owner, tends the fill and completion
//! rings; the others hand frames that they do not send back to it through a queue, and ring its
//! bell once a good part of the fill ring is at stake.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::port::{Outgoing, Receipt};
use super::wake::Bell;
use super::xsk::{Frame, Packet, Queue, RING_LEN, Socket, Umem};

/// Octets of a frame: an Ethernet frame with two tags behind the kernel's headroom of 256.
pub(super) const FRAME_LEN: u32 = 2048;

/// One worker's end of one queue.
#[derive(Debug)]
pub(super) struct XskPath {
    socket: Socket,
    umem: Arc<Umem>,
    role: Role,
    /// Frames handed back by workers that do not own the queue.
    returns: Arc<ArrayQueue<Frame>>,
    outgoing: VecDeque<Packet>,
}

#[derive(Debug)]
enum Role {
    /// Tends the queue's rings.
    Owner {
        queue: Queue,
        /// Frames that are neither the kernel's nor a packet's.
        spare: Vec<Frame>,
    },
    /// Leaves that to the owner.
    Guest {
        owner: Arc<Bell>,
        /// Frames that went to the owner, or to the wire and so to the owner, since it was rung.
        untold: u32,
        /// How many may.
        patience: u32,
    },
}

/// What the workers of one queue have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) umem: Arc<Umem>,
    pub(super) returns: Arc<ArrayQueue<Frame>>,
    pub(super) workers: usize,
}

impl XskPath {
    /// The owner's end; it begins with all of the queue's `frames`.
    pub(super) fn owner(socket: Socket, common: &Common, queue: Queue, frames: Vec<Frame>) -> Self {
        Self::new(socket, common, Role::Owner { queue, spare: frames })
    }

    /// Another worker's end, which rings `owner`.
    pub(super) fn guest(socket: Socket, common: &Common, owner: Arc<Bell>) -> Self {
        // All guests together keep no more than a quarter of the fill ring from a sleeping owner.
        let patience = (RING_LEN / 4 / common.workers as u32).max(1);
        Self::new(socket, common, Role::Guest { owner, untold: 0, patience })
    }

    fn new(socket: Socket, common: &Common, role: Role) -> Self {
        let (umem, returns) = (Arc::clone(&common.umem), Arc::clone(&common.returns));
        let outgoing = VecDeque::with_capacity(RING_LEN as usize);
        Self { socket, umem, role, returns, outgoing }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    pub(super) fn octets_mut<'f>(&'f self, frame: &'f mut Frame) -> &'f mut [u8] {
        self.umem.octets_mut(frame)
    }

    /// When the XDP program saw `packet`, as it wrote in front of it.
    pub(super) fn arrived_ns(&self, packet: &mut Packet) -> Option<u64> {
        let octets = self.umem.octets_mut(&mut packet.frame);
        let before = octets[..packet.offset].last_chunk_mut()?;
        dhcp_ebpf::Arrival::take(before)
    }

    pub(super) fn release(&mut self, frame: Frame) {
        match &mut self.role {
            Role::Owner { spare, .. } => spare.push(frame),
            Role::Guest { untold, .. } => {
                *untold += 1;
                // The queue has room for every frame there is.
                let full = self.returns.push(frame);
                debug_assert!(full.is_ok(), "more frames than the UMEM has");
            }
        }
    }

    pub(super) fn send(&mut self, packet: Packet) {
        self.outgoing.push_back(packet);
    }

    pub(super) fn receive(&mut self, most: usize, into: &mut Vec<Packet>) -> Receipt {
        let before = into.len();
        into.extend(self.socket.rx.receive().take(most));
        Receipt { received: into.len() - before, oversized: 0 }
    }

    /// The owner's work: frames that are done with go back to the fill ring.
    pub(super) fn tend(&mut self) {
        let Role::Owner { queue, spare } = &mut self.role else { return };
        spare.extend(queue.completion.reap());
        while let Some(frame) = self.returns.pop() {
            spare.push(frame);
        }
        let mut filled = false;
        {
            let mut filling = queue.fill.fill();
            while let Some(frame) = spare.pop() {
                if let Err(frame) = filling.push(frame) {
                    spare.push(frame);
                    break;
                }
                filled = true;
            }
        }
        if filled && queue.fill.needs_wakeup() {
            self.socket.kick_rx();
        }
    }

    /// Hands over what is to be sent and, where the driver sleeps, has the kernel look.
    pub(super) fn flush(&mut self) -> Outgoing {
        let queued = self.outgoing.len();
        if queued > 0 {
            let mut sending = self.socket.tx.send();
            while let Some(packet) = self.outgoing.pop_front() {
                if let Err(packet) = sending.push(packet) {
                    self.outgoing.push_front(packet);
                    break;
                }
            }
        }
        if let Role::Guest { owner, untold, patience } = &mut self.role {
            *untold += (queued - self.outgoing.len()) as u32;
            if *untold >= *patience {
                *untold = 0;
                owner.ring();
            }
        }
        // Where the kernel copies, it takes some tens of packets a call: go on while it takes any.
        let mut pending = self.socket.tx.pending();
        while pending > 0 && self.socket.tx.needs_wakeup() {
            self.socket.kick_tx();
            let left = self.socket.tx.pending();
            if left >= pending {
                break;
            }
            pending = left;
        }
        let waits = pending > 0 && self.socket.tx.needs_wakeup();
        if waits || !self.outgoing.is_empty() { Outgoing::Pending } else { Outgoing::Done }
    }
}
