//! One end of a wire on AF_XDP: the program that diverts everything, and a socket; and the core of whoever
//! serves it.

use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::maps::XskMap;
use aya::programs::{Xdp, XdpMode};
use dhcp_user::dataplane::xsk::{Bound, Frame, Packet, Queue, RING_LEN, Socket, Umem};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Octets of a frame.
const FRAME_LEN: u32 = 2048;

/// A socket that gets all that arrives at one interface.
pub(crate) struct End {
    socket: Socket,
    queue: Queue,
    umem: Arc<Umem>,
    /// For the fill ring.
    spare: Vec<Frame>,
    /// Detached when dropped.
    _program: Ebpf,
}

impl End {
    /// Opens queue 0 of `interface` in the calling thread's network namespace, in native mode, or in
    /// generic mode where its driver has none.
    pub(crate) fn open(interface: &str, object: &Path) -> Result<Self> {
        let index = interface_index(interface)?;
        let mut program = load(object)?;
        let xdp: &mut Xdp =
            program.program_mut(dhcp_ebpf::DIVERT).context("the object's program")?.try_into()?;
        xdp.load()?;
        let native = xdp.attach_to_if_index(index, XdpMode::Driver);
        native.or_else(|_| xdp.attach_to_if_index(index, XdpMode::Skb))?;
        // As many as fill the fill ring and the TX ring, and as many again on their way.
        let (umem, spare) = Umem::new(4 * RING_LEN, FRAME_LEN)?;
        let bound = Bound::new(index, 0, 1, &umem, true)?;
        let socket = bound.sockets.into_iter().next().context("a socket")?;
        let sockets = program.map_mut(dhcp_ebpf::map::SOCKETS).context("the object's map")?;
        XskMap::try_from(sockets)?.set(0, socket.fd().as_raw_fd(), 0)?;
        let mut end = Self { socket, queue: bound.queue, umem, spare, _program: program };
        end.tend();
        Ok(end)
    }

    /// Frames to send from; they come back by [`reap`](Self::reap).
    pub(crate) fn lend(&mut self, count: usize) -> Vec<Frame> {
        self.spare.split_off(self.spare.len() - count)
    }

    pub(crate) fn octets_mut<'f>(&'f self, frame: &'f mut Frame) -> &'f mut [u8] {
        self.umem.octets_mut(frame)
    }

    /// Takes what has arrived, `most` packets at the most.
    pub(crate) fn receive(&mut self, most: usize, into: &mut Vec<Packet>) {
        into.extend(self.socket.rx.receive().take(most));
    }

    /// Takes back a frame that was received.
    pub(crate) fn release(&mut self, frame: Frame) {
        self.spare.push(frame);
    }

    /// Frames whose packets were sent.
    pub(crate) fn reap(&mut self, into: &mut Vec<Frame>) {
        into.extend(self.queue.completion.reap());
    }

    /// The same, where what is sent was received: they are released.
    pub(crate) fn reap_received(&mut self) {
        self.spare.extend(self.queue.completion.reap());
    }

    /// Hands released frames to the kernel.
    pub(crate) fn tend(&mut self) {
        let mut filled = false;
        {
            let mut filling = self.queue.fill.fill();
            while let Some(frame) = self.spare.pop() {
                if let Err(frame) = filling.push(frame) {
                    self.spare.push(frame);
                    break;
                }
                filled = true;
            }
        }
        if filled && self.queue.fill.needs_wakeup() {
            self.socket.kick_rx();
        }
    }

    /// Sends `packets`; what the ring has no room for stays.
    pub(crate) fn send(&mut self, packets: &mut Vec<Packet>) {
        if !packets.is_empty() {
            let mut sending = self.socket.tx.send();
            while let Some(packet) = packets.pop() {
                if let Err(packet) = sending.push(packet) {
                    packets.push(packet);
                    break;
                }
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
    }

    /// Sleeps until something arrives, or so many nanoseconds, which are less than a second.
    pub(crate) fn wait(&self, most_ns: u64) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: most_ns as _ };
        let fd = self.socket.fd();
        // Whatever it says, the caller looks at the rings next.
        let _ = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&timeout));
    }
}

/// The number of an interface in the calling thread's network namespace.
pub(crate) fn interface_index(interface: &str) -> Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    name_to_index(&any, interface).context("the interface's number")
}

/// The object of our own programs.
pub(super) fn load(object: &Path) -> Result<Ebpf> {
    Ebpf::load_file(object)
        .with_context(|| format!("{} (`cargo xtask ebpf` builds it)", object.display()))
}

/// Has the calling thread run on this core alone.
pub(crate) fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On a machine with one core everything runs there anyway.
    let _ = sched_setaffinity(None, &cores);
}
