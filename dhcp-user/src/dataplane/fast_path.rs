//! One interface past the kernel: its program, and a socket for each worker on each queue.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::commit::HELD_MAX;
use super::interface::{self, Interface};
use super::losses::LossGauge;
use super::mode::Mode;
use super::port::BATCH;
use super::probe::PROBES_MAX;
use super::program::Program;
use super::start::listen_addresses;
use super::vlan_stripping::VlanStripping;
use super::wake::Bell;
use super::xsk::{Bound, RING_LEN, Umem};
use super::xsk_path::{Common, FRAME_LEN, XskPath};
use crate::config::model;

/// Microseconds that a busy poll stays with the driver (`networking/napi.rst`).
const BUSY_POLL_US: i32 = 20;

/// An interface whose program is attached and still passes everything to the kernel.
pub(super) struct FastPath {
    pub(super) program: Program,
    /// Held for as long as the program is attached.
    pub(super) vlan_stripping: Option<VlanStripping>,
    /// For each worker its end of each queue.
    pub(super) workers: Vec<Vec<XskPath>>,
    pub(super) queues: usize,
    /// On all queues.
    pub(super) zero_copy: bool,
}

impl FastPath {
    /// Opens `interface` in `mode` for the workers that `bells` wake; an error says why it cannot,
    /// and leaves nothing attached.
    pub(super) fn open(
        wanted: &model::Interface,
        interface: &Interface,
        mode: Mode,
        bells: &[Arc<Bell>],
        loss_gauge: &mut LossGauge,
    ) -> Result<Self, String> {
        raise_memory_limit();
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let mut program = Program::load().map_err(|fault| said(&fault))?;
        let ipv6 = interface.ipv6.iter().copied();
        program.listen(listen_addresses(wanted, interface), ipv6).map_err(|fault| said(&fault))?;
        // Before the program is there: some drivers start their queues anew for it.
        let vlan_stripping = VlanStripping::off(&wanted.name).unwrap_or_else(|error| {
            tracing::warn!(interface = %wanted.name, %error, "the driver takes VLAN tags off, so \
                requests from a VLAN look untagged: `ethtool -K {} rxvlan off`, or dataplane \
                \"socket\"", wanted.name);
            None
        });
        program.attach(interface.index, mode).map_err(|fault| said(&fault))?;
        let queues = interface::queues(&wanted.name);
        let mut workers: Vec<Vec<XskPath>> = bells.iter().map(|_| Vec::new()).collect();
        let mut zero_copy = true;
        for queue in 0..queues {
            let frames = frames(bells.len());
            let (umem, spare) = Umem::new(frames, FRAME_LEN).map_err(|error| said(&error))?;
            let may_zero_copy = mode == Mode::Native;
            let bound = Bound::new(interface.index, queue, bells.len(), &umem, may_zero_copy)
                .map_err(|error| format!("queue {queue}: {error}"))?;
            zero_copy &= bound.zero_copy;
            let returns = Arc::new(ArrayQueue::new(frames as usize));
            let common = Common { umem, returns, workers: bells.len() };
            let owner = queue as usize % bells.len();
            let mut owned = Some((bound.queue, spare));
            for (worker, socket) in bound.sockets.into_iter().enumerate() {
                if wanted.busy_poll {
                    socket.busy_poll(BUSY_POLL_US).map_err(|error| said(&error))?;
                }
                program
                    .steer(queue, bells.len() as u32, worker as u32, socket.fd())
                    .map_err(|fault| said(&fault))?;
                loss_gauge.watch_ring(socket.fd()).map_err(|error| said(&error))?;
                let mut path = match owned.take_if(|_| worker == owner) {
                    Some((queue, spare)) => XskPath::owner(socket, &common, queue, spare),
                    None => XskPath::guest(socket, &common, Arc::clone(&bells[owner])),
                };
                path.tend();
                workers[worker].push(path);
            }
        }
        Ok(Self { program, vlan_stripping, workers, queues: queues as usize, zero_copy })
    }
}

/// Frames of one queue for `workers` workers: whatever the workers hold back and whatever waits in
/// the rings, the fill ring can still be full, so that held replies never stop the receiving.
fn frames(workers: usize) -> u32 {
    let ring = RING_LEN as usize;
    (ring + workers * (2 * ring + HELD_MAX + PROBES_MAX + BATCH)) as u32
}

/// Packet memory is locked memory. The privileged need no limit raised, and where it cannot be
/// raised the kernel says so when the memory is registered.
fn raise_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_replies_and_full_rings_leave_a_full_fill_ring() {
        for workers in 1..=16 {
            let elsewhere = workers * (HELD_MAX + PROBES_MAX + BATCH + 2 * RING_LEN as usize);
            assert!(frames(workers) as usize - elsewhere >= RING_LEN as usize);
        }
    }
}
