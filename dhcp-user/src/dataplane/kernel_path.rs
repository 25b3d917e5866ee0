//! Packets by way of the kernel: what the XDP program passed on, or, without one, everything.
//!
//! Batches go in and out by one system call each. The kernel takes the outermost VLAN tag off what
//! it delivers; it is put back in front, so that a frame looks as it did on the wire.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg")]

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use super::packet_socket::PacketSocket;
use super::port::{BATCH, Outgoing, Receipt};
use super::xsk::{Frame, Packet, Umem, XskError};

/// Octets of a frame here: a request that was fragmented may be longer than what one link carries.
pub(super) const FRAME_LEN: u32 = 4096;
/// Room in front of a packet for the VLAN tag that the kernel took off.
const TAG_LEN: usize = 4;

// `if_packet.h`
const AUXDATA: i32 = 8;
const VLAN_VALID: u32 = 1 << 4;
const VLAN_TPID_VALID: u32 = 1 << 6;
const DEFAULT_TPID: u16 = 0x8100;

/// One worker's end of the kernel path on one interface.
#[derive(Debug)]
pub(super) struct KernelPath {
    socket: PacketSocket,
    umem: Arc<Umem>,
    /// Frames that hold nothing.
    free: Vec<Frame>,
    outgoing: VecDeque<Packet>,
    batch: Box<Batch>,
    /// Packets that the socket refused for good, not yet told.
    refused: u64,
}

/// What `recvmmsg` and `sendmmsg` read and write; pointers in it are set anew for each call.
struct Batch {
    headers: [libc::mmsghdr; BATCH],
    vectors: [libc::iovec; BATCH],
    control: [Control; BATCH],
}

/// Room for one `tpacket_auxdata`, aligned as control messages are.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

/// `struct tpacket_auxdata` (Linux `if_packet.h`).
#[repr(C)]
#[derive(Clone, Copy)]
struct AuxData {
    status: u32,
    len: u32,
    snaplen: u32,
    mac: u16,
    net: u16,
    vlan_tci: u16,
    vlan_tpid: u16,
}

// SAFETY: the pointers in `Batch` lead to what the same thread lends for one call, or nowhere.
unsafe impl Send for Batch {}

impl KernelPath {
    /// `frames` frames to receive into, answer in and hold back.
    pub(super) fn new(socket: PacketSocket, frames: u32) -> Result<Self, XskError> {
        let (umem, free) = Umem::new(frames, FRAME_LEN)?;
        let batch = Box::new(Batch::new());
        let outgoing = VecDeque::with_capacity(frames as usize);
        Ok(Self { socket, umem, free, outgoing, batch, refused: 0 })
    }

    pub(super) fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    pub(super) fn octets_mut<'f>(&'f self, frame: &'f mut Frame) -> &'f mut [u8] {
        self.umem.octets_mut(frame)
    }

    pub(super) fn release(&mut self, frame: Frame) {
        self.free.push(frame);
    }

    pub(super) fn send(&mut self, packet: Packet) {
        self.outgoing.push_back(packet);
    }

    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Receives up to `most` packets and returns how many; those longer than a frame are counted.
    pub(super) fn receive(&mut self, most: usize, into: &mut Vec<Packet>) -> Receipt {
        let most = most.min(BATCH).min(self.free.len());
        let first_free = self.free.len() - most;
        let batch = &mut *self.batch;
        for (index, frame) in self.free[first_free..].iter_mut().enumerate() {
            let octets = &mut self.umem.octets_mut(frame)[TAG_LEN..];
            batch.vectors[index] =
                libc::iovec { iov_base: octets.as_mut_ptr().cast(), iov_len: octets.len() };
            batch.prepare(index, true);
        }
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: the first `most` headers are prepared: each leads to a vector of its own, and that
        // to the octets of a frame of its own that nothing else uses during the call.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.fd().as_raw_fd(),
                batch.headers.as_mut_ptr(),
                most as u32,
                flags as _,
                std::ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).unwrap_or(0);
        let mut receipt = Receipt::default();
        for (index, mut frame) in self.free.drain(first_free..first_free + received).enumerate() {
            let header = &batch.headers[index];
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                receipt.oversized += 1;
                // Lost to the drain; put back below, once the drain is over.
                into.push(Packet { frame, offset: 0, len: 0 });
                continue;
            }
            let mut packet_len = header.msg_len as usize;
            let mut offset = TAG_LEN;
            if let Some(tag) = batch.tag(index)
                && packet_len >= 12
            {
                let octets = self.umem.octets_mut(&mut frame);
                octets.copy_within(TAG_LEN..TAG_LEN + 12, 0);
                octets[12..16].copy_from_slice(&tag);
                offset = 0;
                packet_len += TAG_LEN;
            }
            receipt.received += 1;
            into.push(Packet { frame, offset, len: packet_len });
        }
        receipt
    }

    /// Sends what was handed to [`Self::send`]; what the kernel has no room for now stays.
    pub(super) fn flush(&mut self) -> Outgoing {
        while !self.outgoing.is_empty() {
            let batch = &mut *self.batch;
            let count = self.outgoing.len().min(BATCH);
            for (index, packet) in self.outgoing.iter_mut().take(count).enumerate() {
                let octets = self.umem.octets_mut(&mut packet.frame);
                let octets = &mut octets[packet.offset..packet.offset + packet.len];
                batch.vectors[index] =
                    libc::iovec { iov_base: octets.as_mut_ptr().cast(), iov_len: octets.len() };
                batch.prepare(index, false);
            }
            // SAFETY: the first `count` headers are prepared, each leads by its vector to the octets
            // of a packet that nothing else uses during the call.
            let sent = unsafe {
                libc::sendmmsg(
                    self.socket.fd().as_raw_fd(),
                    batch.headers.as_mut_ptr(),
                    count as u32,
                    libc::MSG_DONTWAIT as _,
                )
            };
            let done = match usize::try_from(sent) {
                Ok(sent) => sent,
                Err(_) => match std::io::Error::last_os_error().raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR) => return Outgoing::Pending,
                    // Too long for the link, or the link is down: the first packet is at fault,
                    // and its client asks again.
                    _ => {
                        self.refused += 1;
                        1
                    }
                },
            };
            self.free.extend(self.outgoing.drain(..done).map(|packet| packet.frame));
        }
        Outgoing::Done
    }
}

impl Batch {
    fn new() -> Self {
        // SAFETY: structures of integers and pointers, for which all zeros is a value.
        let headers = unsafe { std::mem::zeroed() };
        let vector = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self { headers, vectors: [vector; BATCH], control: [Control([0; 64]); BATCH] }
    }

    /// Points header `index` to its vector and, to receive, to its control octets.
    fn prepare(&mut self, index: usize, receive: bool) {
        let control = &mut self.control[index].0;
        let header = &mut self.headers[index];
        header.msg_len = 0;
        header.msg_hdr.msg_iov = &raw mut self.vectors[index];
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_flags = 0;
        header.msg_hdr.msg_control =
            if receive { control.as_mut_ptr().cast() } else { std::ptr::null_mut() };
        header.msg_hdr.msg_controllen = if receive { control.len() } else { 0 } as _;
    }

    /// The VLAN tag that the kernel took off message `index`.
    fn tag(&self, index: usize) -> Option<[u8; 4]> {
        let header = &self.headers[index].msg_hdr;
        // SAFETY: `prepare` pointed the header to control octets that still stand, and the kernel
        // set how many of them it wrote.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
        // SAFETY: null, or a whole header within the control octets, which are aligned for it.
        while let Some(message) = unsafe { next.as_ref() } {
            if message.cmsg_level == libc::SOL_PACKET && message.cmsg_type == AUXDATA {
                // SAFETY: `next` is a header within the control octets.
                let data = unsafe { libc::CMSG_DATA(next) };
                // SAFETY: level and type say that a whole `tpacket_auxdata` follows.
                let aux: AuxData = unsafe { data.cast::<AuxData>().read_unaligned() };
                if aux.status & VLAN_VALID == 0 {
                    return None;
                }
                let known = aux.status & VLAN_TPID_VALID != 0;
                let tpid = if known { aux.vlan_tpid } else { DEFAULT_TPID };
                let ([a, b], [c, d]) = (tpid.to_be_bytes(), aux.vlan_tci.to_be_bytes());
                return Some([a, b, c, d]);
            }
            // SAFETY: as above, `next` lies within the control octets of `header`.
            next = unsafe { libc::CMSG_NXTHDR(header, next) };
        }
        None
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}
