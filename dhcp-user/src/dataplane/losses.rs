//! Packets that the kernel had for us and could not hand over: no worker ever saw them, so only the
//! kernel's own counters tell. Asked for when somebody looks, never on a worker's core.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::sockopt;

/// `if_packet.h`; libc has no name for it.
const PACKET_STATISTICS: i32 = 6;

/// Packets lost since the start, over all interfaces.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Losses {
    /// A worker was too slow: its RX ring was full.
    pub ring_full: u64,
    /// No frame was free: the fill ring was empty. A packet for which the fill ring ran dry counts
    /// as often as the kernel looked there.
    pub no_frame: u64,
    /// The kernel's other reasons, such as a packet longer than a frame.
    pub refused: u64,
    /// A worker was too slow for the kernel's path: its socket's buffer was full.
    pub buffer_full: u64,
}

/// The sockets to ask.
#[derive(Debug, Default)]
pub(super) struct LossGauge {
    rings: Vec<OwnedFd>,
    buffers: Vec<OwnedFd>,
    /// The kernel forgets a packet socket's count when it has told it.
    buffer_full: AtomicU64,
}

impl LossGauge {
    /// Watches an AF_XDP socket.
    pub(super) fn watch_ring(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.rings.push(socket.try_clone_to_owned()?);
        Ok(())
    }

    /// Watches an AF_PACKET socket.
    pub(super) fn watch_buffer(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.buffers.push(socket.try_clone_to_owned()?);
        Ok(())
    }

    /// Lets go of the sockets, so that they close with their workers.
    pub(super) fn clear(&mut self) {
        self.rings.clear();
        self.buffers.clear();
    }

    /// What is lost by now.
    pub(super) fn read(&self) -> Losses {
        for socket in &self.buffers {
            // `tpacket_stats` of `if_packet.h`: packets, drops.
            let told = sockopt::get::<[u32; 2]>(socket, libc::SOL_PACKET, PACKET_STATISTICS);
            if let Ok([_, drops]) = told {
                self.buffer_full.fetch_add(u64::from(drops), Relaxed);
            }
        }
        let mut losses =
            Losses { buffer_full: self.buffer_full.load(Relaxed), ..Losses::default() };
        for socket in &self.rings {
            let told: io::Result<libc::xdp_statistics> =
                sockopt::get(socket, libc::SOL_XDP, libc::XDP_STATISTICS);
            if let Ok(told) = told {
                losses.ring_full += told.rx_ring_full;
                losses.no_frame += told.rx_fill_ring_empty_descs;
                losses.refused += told.rx_dropped;
            }
        }
        losses
    }
}
