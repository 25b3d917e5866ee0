//! An AF_XDP socket: made, given its rings, bound to a queue of an interface.
#![allow(unsafe_code, reason = "system calls that the standard library does not have")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use super::XskError;
use super::ring::{CompletionRing, FillRing, Memory, Parts, RING_LEN, RxRing, TxRing};
use super::umem::Umem;
use crate::dataplane::sockopt;

/// One worker's way to one queue: its own RX and TX ring.
#[derive(Debug)]
pub struct Socket {
    // The rings are unmapped before the socket closes.
    /// What came in for this worker.
    pub rx: RxRing,
    /// What this worker sends.
    pub tx: TxRing,
    fd: OwnedFd,
}

/// What all workers of a queue share and one of them tends.
#[derive(Debug)]
pub struct Queue {
    /// Frames for packets to come.
    pub fill: FillRing,
    /// Frames of packets that left.
    pub completion: CompletionRing,
}

/// The sockets of one queue.
#[derive(Debug)]
pub struct Bound {
    /// One for each worker, in order.
    pub sockets: Vec<Socket>,
    /// For the one worker that tends them.
    pub queue: Queue,
    /// Whether the driver writes to our memory itself.
    pub zero_copy: bool,
}

/// Where on an interface.
#[derive(Clone, Copy, Debug)]
struct Place {
    interface: u32,
    queue: u32,
}

impl Bound {
    /// Binds one socket for each of `workers` (at least 1) to `queue` of `interface`, all of them
    /// with `umem`; without a copy where the driver can and `may_zero_copy` allows it.
    pub fn new(
        interface: u32,
        queue: u32,
        workers: usize,
        umem: &Arc<Umem>,
        may_zero_copy: bool,
    ) -> Result<Self, XskError> {
        let place = Place { interface, queue };
        let zero_copy = may_zero_copy
            .then(|| Self::with_flags(place, workers, umem, libc::XDP_ZEROCOPY).ok())
            .flatten();
        match zero_copy {
            Some(bound) => Ok(bound),
            None => Self::with_flags(place, workers, umem, libc::XDP_COPY),
        }
    }

    fn with_flags(
        place: Place,
        workers: usize,
        umem: &Arc<Umem>,
        flags: u16,
    ) -> Result<Self, XskError> {
        let first = create()?;
        set_option(first.as_fd(), libc::XDP_UMEM_REG, "XDP_UMEM_REG", &umem.registration())?;
        let len = RING_LEN;
        set_option(first.as_fd(), libc::XDP_UMEM_FILL_RING, "XDP_UMEM_FILL_RING", &len)?;
        set_option(
            first.as_fd(),
            libc::XDP_UMEM_COMPLETION_RING,
            "XDP_UMEM_COMPLETION_RING",
            &len,
        )?;
        let offsets = offsets(first.as_fd())?;
        let queue = Queue {
            fill: FillRing::new(
                Memory::map(
                    first.as_fd(),
                    libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t,
                    parts(&offsets.fr),
                )?,
                Arc::clone(umem),
            ),
            completion: CompletionRing::new(
                Memory::map(
                    first.as_fd(),
                    libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t,
                    parts(&offsets.cr),
                )?,
                Arc::clone(umem),
            ),
        };
        let first = Socket::with_rings(first, &offsets, umem)?;
        bind(first.fd(), place, flags | libc::XDP_USE_NEED_WAKEUP, None)?;
        let mut sockets = vec![first];
        while sockets.len() < workers {
            // Takes memory, queue rings and flags over from the first (`af_xdp.rst`,
            // XDP_SHARED_UMEM): a flag named again is refused.
            let next = Socket::with_rings(create()?, &offsets, umem)?;
            bind(next.fd(), place, libc::XDP_SHARED_UMEM, Some(sockets[0].fd()))?;
            sockets.push(next);
        }
        Ok(Self { sockets, queue, zero_copy: flags & libc::XDP_ZEROCOPY != 0 })
    }
}

impl Socket {
    fn with_rings(
        fd: OwnedFd,
        offsets: &libc::xdp_mmap_offsets,
        umem: &Arc<Umem>,
    ) -> Result<Self, XskError> {
        let len = RING_LEN;
        set_option(fd.as_fd(), libc::XDP_RX_RING, "XDP_RX_RING", &len)?;
        set_option(fd.as_fd(), libc::XDP_TX_RING, "XDP_TX_RING", &len)?;
        let rx = Memory::map(fd.as_fd(), libc::XDP_PGOFF_RX_RING, parts(&offsets.rx))?;
        let tx = Memory::map(fd.as_fd(), libc::XDP_PGOFF_TX_RING, parts(&offsets.tx))?;
        Ok(Self {
            rx: RxRing::new(rx, Arc::clone(umem)),
            tx: TxRing::new(tx, Arc::clone(umem)),
            fd,
        })
    }

    /// For the XSK map and for `poll`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Has the thread that polls this socket do the driver's work, in place of interrupts.
    pub fn busy_poll(&self, microseconds: i32) -> Result<(), XskError> {
        // `asm-generic/socket.h`; not in every version of libc.
        const SO_PREFER_BUSY_POLL: i32 = 69;
        const SO_BUSY_POLL_BUDGET: i32 = 70;
        const PACKETS_A_POLL: i32 = 64;
        for (option, call, value) in [
            (SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL", 1),
            (libc::SO_BUSY_POLL, "SO_BUSY_POLL", microseconds),
            (SO_BUSY_POLL_BUDGET, "SO_BUSY_POLL_BUDGET", PACKETS_A_POLL),
        ] {
            set(self.fd(), libc::SOL_SOCKET, option, call, &value)?;
        }
        Ok(())
    }

    /// Has the kernel look at the TX ring. It takes some tens of packets a call where it copies,
    /// so call again while the ring is pending.
    pub fn kick_tx(&self) {
        // SAFETY: no octets are handed over.
        unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null(),
                0,
            )
        };
        // Whatever it says (EAGAIN: more to do; ENOBUFS: later; ENETDOWN), the packets stay in the
        // ring for the next call, and there is nothing else to be done about it.
    }

    /// Has the kernel look at the fill ring.
    pub fn kick_rx(&self) {
        // SAFETY: no octets are asked for.
        unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                std::ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
    }
}

fn create() -> Result<OwnedFd, XskError> {
    // SAFETY: no memory is involved.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    let fd = XskError::check("socket(AF_XDP)", fd)?;
    // SAFETY: the kernel just gave it to us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(
    fd: BorrowedFd<'_>,
    place: Place,
    flags: u16,
    shared: Option<BorrowedFd<'_>>,
) -> Result<(), XskError> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: flags,
        sxdp_ifindex: place.interface,
        sxdp_queue_id: place.queue,
        sxdp_shared_umem_fd: shared.map_or(0, |fd| fd.as_raw_fd() as u32),
    };
    // SAFETY: `address` is a whole `sockaddr_xdp` of the size we name.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
        )
    };
    XskError::check("bind(AF_XDP)", result).map(drop)
}

fn set_option<T>(
    fd: BorrowedFd<'_>,
    option: i32,
    call: &'static str,
    value: &T,
) -> Result<(), XskError> {
    set(fd, libc::SOL_XDP, option, call, value)
}

fn set<T>(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    call: &'static str,
    value: &T,
) -> Result<(), XskError> {
    sockopt::set(fd, level, option, value).map_err(|source| XskError { call, source })
}

fn offsets(fd: BorrowedFd<'_>) -> Result<libc::xdp_mmap_offsets, XskError> {
    let call = "XDP_MMAP_OFFSETS";
    sockopt::get(fd, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS)
        .map_err(|source| XskError { call, source })
}

fn parts(offsets: &libc::xdp_ring_offset) -> Parts {
    Parts {
        producer: offsets.producer,
        consumer: offsets.consumer,
        flags: offsets.flags,
        entries: offsets.desc,
    }
}
