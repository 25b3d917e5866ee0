//! Packets that the kernel had for us and could not hand over: no worker ever saw them, so only the
//! kernel's own counters tell. Asked for when somebody looks, never on a worker's core.
#![allow(unsafe_code, reason = "socket options that the standard library does not have")]

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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

/// `tpacket_stats` of `if_packet.h`.
#[repr(C)]
struct PacketStatistics {
    _packets: u32,
    drops: u32,
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
            // SAFETY: two integers, for which all zeros is a value.
            let mut told: PacketStatistics = unsafe { zeroed() };
            if ask(socket, libc::SOL_PACKET, PACKET_STATISTICS, &mut told) {
                self.buffer_full.fetch_add(u64::from(told.drops), Relaxed);
            }
        }
        let mut losses =
            Losses { buffer_full: self.buffer_full.load(Relaxed), ..Losses::default() };
        for socket in &self.rings {
            // SAFETY: a structure of integers, for which all zeros is a value.
            let mut told: libc::xdp_statistics = unsafe { zeroed() };
            if ask(socket, libc::SOL_XDP, libc::XDP_STATISTICS, &mut told) {
                losses.ring_full += told.rx_ring_full;
                losses.no_frame += told.rx_fill_ring_empty_descs;
                losses.refused += told.rx_dropped;
            }
        }
        losses
    }
}

/// Whether the kernel filled in `value`, a structure of integers that the option names.
fn ask<T>(socket: &OwnedFd, level: i32, option: i32, value: &mut T) -> bool {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is writable for the length that `len` names, and any octets are a value of it.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_mut(value).cast(),
            &raw mut len,
        )
    };
    result == 0
}
