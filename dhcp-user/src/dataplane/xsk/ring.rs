//! The four rings of an AF_XDP socket, each its own type (Linux `if_xdp.h`).
//!
//! | ring       | who writes | entries                       |
//! |------------|------------|-------------------------------|
//! | fill       | we         | addresses of frames to fill   |
//! | RX         | the kernel | packets that came in          |
//! | TX         | we         | packets to send               |
//! | completion | the kernel | addresses of frames sent      |
#![allow(unsafe_code, reason = "memory that the kernel reads and writes too")]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::XskError;
use super::index::{Consumer, Producer};
use super::umem::{Frame, Umem};

/// Entries of every ring: the most packets that can wait for one worker on one queue.
pub const RING_LEN: u32 = 2048;

/// Frames for the kernel to put packets into.
#[derive(Debug)]
pub struct FillRing {
    memory: Memory<u64>,
    index: Producer,
    umem: Arc<Umem>,
}

/// Packets that came in.
#[derive(Debug)]
pub struct RxRing {
    memory: Memory<libc::xdp_desc>,
    index: Consumer,
    umem: Arc<Umem>,
}

/// Packets to send.
#[derive(Debug)]
pub struct TxRing {
    memory: Memory<libc::xdp_desc>,
    index: Producer,
    umem: Arc<Umem>,
}

/// Frames whose packets were sent.
#[derive(Debug)]
pub struct CompletionRing {
    memory: Memory<u64>,
    index: Consumer,
    umem: Arc<Umem>,
}

/// One packet in its frame.
#[derive(Debug)]
pub struct Packet {
    /// Where it lies.
    pub frame: Frame,
    /// Its first octet in the frame.
    pub offset: usize,
    /// Its length.
    pub len: usize,
}

/// Places of the fill ring; what was pushed is the kernel's when this goes out of scope.
#[derive(Debug)]
#[must_use]
pub struct Filling<'r>(&'r mut FillRing);

/// Places of the TX ring; what was pushed is the kernel's when this goes out of scope.
#[derive(Debug)]
#[must_use]
pub struct Sending<'r>(&'r mut TxRing);

/// Packets received; the places of those taken are the kernel's when this goes out of scope.
#[derive(Debug)]
#[must_use]
pub struct Received<'r>(&'r mut RxRing);

/// Frames sent; the places of those taken are the kernel's when this goes out of scope.
#[derive(Debug)]
#[must_use]
pub struct Completed<'r>(&'r mut CompletionRing);

impl FillRing {
    pub(super) fn new(memory: Memory<u64>, umem: Arc<Umem>) -> Self {
        let index = Producer::new(memory.producer(), memory.consumer(), RING_LEN);
        Self { memory, index, umem }
    }

    /// Lends the ring for one batch.
    pub fn fill(&mut self) -> Filling<'_> {
        Filling(self)
    }

    /// Whether the driver sleeps until a system call tells it of new frames.
    pub fn needs_wakeup(&self) -> bool {
        self.memory.needs_wakeup()
    }
}

impl Filling<'_> {
    /// Hands `frame` over, or back if the ring is full.
    pub fn push(&mut self, frame: Frame) -> Result<(), Frame> {
        let FillRing { memory, index, umem } = &mut *self.0;
        if index.free(memory.consumer(), 1) == 0 {
            return Err(frame);
        }
        memory.write(index.claim(), umem.surrender(frame));
        Ok(())
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.0.index.commit(self.0.memory.producer());
    }
}

impl TxRing {
    pub(super) fn new(memory: Memory<libc::xdp_desc>, umem: Arc<Umem>) -> Self {
        let index = Producer::new(memory.producer(), memory.consumer(), RING_LEN);
        Self { memory, index, umem }
    }

    /// Lends the ring for one batch.
    pub fn send(&mut self) -> Sending<'_> {
        Sending(self)
    }

    /// Whether the driver sleeps until a system call tells it of new packets.
    pub fn needs_wakeup(&self) -> bool {
        self.memory.needs_wakeup()
    }

    /// Packets that the kernel has yet to take off the ring.
    pub fn pending(&mut self) -> u32 {
        RING_LEN - self.index.free(self.memory.consumer(), RING_LEN)
    }
}

impl Sending<'_> {
    /// Hands `packet` over, or back if the ring is full.
    pub fn push(&mut self, packet: Packet) -> Result<(), Packet> {
        let TxRing { memory, index, umem } = &mut *self.0;
        if index.free(memory.consumer(), 1) == 0 {
            return Err(packet);
        }
        let Packet { frame, offset, len } = packet;
        assert!(offset + len <= umem.frame_len(), "a packet longer than its frame");
        let addr = umem.surrender(frame) + offset as u64;
        memory.write(index.claim(), libc::xdp_desc { addr, len: len as u32, options: 0 });
        Ok(())
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.index.commit(self.0.memory.producer());
    }
}

impl RxRing {
    pub(super) fn new(memory: Memory<libc::xdp_desc>, umem: Arc<Umem>) -> Self {
        let index = Consumer::new(memory.producer(), memory.consumer());
        Self { memory, index, umem }
    }

    /// Lends the ring for one batch: everything that has come by now.
    pub fn receive(&mut self) -> Received<'_> {
        self.index.ready(self.memory.producer());
        Received(self)
    }
}

impl Iterator for Received<'_> {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        let RxRing { memory, index, umem } = &mut *self.0;
        let libc::xdp_desc { addr, len, .. } = memory.read(index.claim()?);
        // SAFETY: the RX ring of this UMEM just gave it to us.
        let (frame, offset) = unsafe { umem.reclaim(addr) };
        let len = len as usize;
        assert!(offset + len <= umem.frame_len(), "the kernel wrote past a frame");
        Some(Packet { frame, offset, len })
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        self.0.index.commit(self.0.memory.consumer());
    }
}

impl CompletionRing {
    pub(super) fn new(memory: Memory<u64>, umem: Arc<Umem>) -> Self {
        let index = Consumer::new(memory.producer(), memory.consumer());
        Self { memory, index, umem }
    }

    /// Lends the ring for one batch: everything that was sent by now.
    pub fn reap(&mut self) -> Completed<'_> {
        self.index.ready(self.memory.producer());
        Completed(self)
    }
}

impl Iterator for Completed<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let CompletionRing { memory, index, umem } = &mut *self.0;
        let address = memory.read(index.claim()?);
        // SAFETY: the completion ring of this UMEM just gave it to us.
        let (frame, _) = unsafe { umem.reclaim(address) };
        Some(frame)
    }
}

impl Drop for Completed<'_> {
    fn drop(&mut self) {
        self.0.index.commit(self.0.memory.consumer());
    }
}

/// A ring as the kernel maps it: two counters, flags, and [`RING_LEN`] entries.
#[derive(Debug)]
pub(super) struct Memory<T> {
    base: NonNull<u8>,
    len: usize,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
}

/// Where the kernel put the parts of one ring, in octets from the mapping's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) producer: u64,
    pub(super) consumer: u64,
    pub(super) flags: u64,
    pub(super) entries: u64,
}

// SAFETY: the mapping belongs to the process, and each ring has one owner on our side.
unsafe impl<T: Send> Send for Memory<T> {}

impl<T: Copy> Memory<T> {
    /// Maps the ring at `page_offset` of the socket `fd`.
    pub(super) fn map(
        fd: BorrowedFd<'_>,
        page_offset: libc::off_t,
        parts: Parts,
    ) -> Result<Self, XskError> {
        let len = parts.entries as usize + RING_LEN as usize * size_of::<T>();
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing of ours.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                fd.as_raw_fd(),
                page_offset,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(XskError::last("mmap of a ring"));
        }
        let base: NonNull<u8> =
            NonNull::new(base.cast()).ok_or_else(|| XskError::last("mmap of a ring"))?;
        let at = |offset: u64| {
            assert!((offset as usize) < len, "a part of the ring lies outside its mapping");
            // SAFETY: just checked to lie in the mapping.
            unsafe { base.add(offset as usize) }
        };
        Ok(Self {
            base,
            len,
            producer: at(parts.producer).cast(),
            consumer: at(parts.consumer).cast(),
            flags: at(parts.flags).cast(),
            entries: at(parts.entries).cast(),
        })
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: an aligned counter in our mapping (`if_xdp.h`), which lives as long as `self`;
        // the kernel uses it with atomic instructions alone.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.consumer.as_ref() }
    }

    fn needs_wakeup(&self) -> bool {
        // SAFETY: as for `producer`.
        let flags = unsafe { self.flags.as_ref() };
        flags.load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }

    /// Writes entry `number`, which the producer's index claimed.
    fn write(&mut self, number: u32, entry: T) {
        // SAFETY: the remainder is below `RING_LEN`, so the place lies in the mapping.
        let place = unsafe { self.entries.add((number % RING_LEN) as usize) };
        // SAFETY: aligned by the kernel; the other side does not read it before the commit.
        unsafe { place.write(entry) };
    }

    /// Reads entry `number`, which the consumer's index claimed.
    fn read(&self, number: u32) -> T {
        // SAFETY: the remainder is below `RING_LEN`, so the place lies in the mapping.
        let place = unsafe { self.entries.add((number % RING_LEN) as usize) };
        // SAFETY: aligned by the kernel and written by it before its counter said so; any bits
        // are a value of the two entry types, which are integers.
        unsafe { place.read() }
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        // SAFETY: our own mapping, of this length; every reference into it borrowed `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
