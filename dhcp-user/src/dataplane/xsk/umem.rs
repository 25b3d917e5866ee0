//! Memory for packets, cut into frames of one length.
//!
//! An XDP queue registers it with the kernel as its UMEM; the kernel path uses it as plain memory.
#![allow(unsafe_code, reason = "memory that the kernel reads and writes too")]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::XskError;

/// An area of frames. Never moves; unmapped once nobody knows it any more.
#[derive(Debug)]
pub struct Umem {
    area: NonNull<u8>,
    frames: u32,
    frame_len: u32,
    id: u32,
}

/// The right to the octets of one frame. Neither `Copy` nor `Clone`, so that there is one at a time.
#[derive(Debug)]
#[must_use = "a frame that nobody holds is lost to its UMEM"]
pub struct Frame {
    umem: u32,
    index: u32,
}

// SAFETY: the area is memory of the process; who may touch which part of it is what `Frame` says.
unsafe impl Send for Umem {}
// SAFETY: as above; `Umem` itself is never written after it is made.
unsafe impl Sync for Umem {}

impl Umem {
    /// Maps an area and gives out the right to each of its frames. `frame_len` is a power of two
    /// of at least 2048 octets, as the kernel asks of a UMEM.
    pub fn new(frames: u32, frame_len: u32) -> Result<(Arc<Self>, Vec<Frame>), XskError> {
        static IDS: AtomicU32 = AtomicU32::new(0);
        assert!(frame_len.is_power_of_two() && frame_len >= 2048 && frames > 0);
        let len = frames as usize * frame_len as usize;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing.
        let area = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if area == libc::MAP_FAILED {
            return Err(XskError::last("mmap of packet memory"));
        }
        let area = NonNull::new(area.cast()).ok_or_else(|| XskError::last("mmap"))?;
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let umem = Arc::new(Self { area, frames, frame_len, id });
        Ok((umem, (0..frames).map(|index| Frame { umem: id, index }).collect()))
    }

    /// Octets of one frame.
    pub fn frame_len(&self) -> usize {
        self.frame_len as usize
    }

    /// The octets of `frame`, which nobody else can reach meanwhile.
    ///
    /// # Panics
    /// On a frame of another UMEM.
    pub fn octets_mut<'f>(&'f self, frame: &'f mut Frame) -> &'f mut [u8] {
        assert_eq!(frame.umem, self.id, "a frame of another UMEM");
        // SAFETY: `index < frames`, checked where frames are made, so it lies in the area.
        let first = unsafe { self.area.add(frame.index as usize * self.frame_len()) };
        // SAFETY: mapped while `self` lives; no other slice covers these octets, as the frame is
        // unique and borrowed; the kernel writes only to frames that the fill ring took from us.
        unsafe { std::slice::from_raw_parts_mut(first.as_ptr(), self.frame_len()) }
    }

    /// Where the kernel finds `frame`, which is given up by this.
    pub(super) fn surrender(&self, frame: Frame) -> u64 {
        assert_eq!(frame.umem, self.id, "a frame of another UMEM");
        u64::from(frame.index) * u64::from(self.frame_len)
    }

    /// The frame around `address`, and where in it the address points.
    ///
    /// # Panics
    /// If the address lies outside: the kernel broke its word, and no octet here is safe any more.
    ///
    /// # Safety
    /// The kernel has just given the frame back through a ring of this UMEM.
    pub(super) unsafe fn reclaim(&self, address: u64) -> (Frame, usize) {
        let index = address / u64::from(self.frame_len);
        assert!(index < u64::from(self.frames), "the kernel gave back a frame outside the UMEM");
        let offset = address % u64::from(self.frame_len);
        (Frame { umem: self.id, index: index as u32 }, offset as usize)
    }

    pub(super) fn registration(&self) -> libc::xdp_umem_reg {
        // SAFETY: a structure of integers, for which all zeros is a value; which of its newer
        // fields exist depends on the library's version.
        let mut registration: libc::xdp_umem_reg = unsafe { std::mem::zeroed() };
        registration.addr = self.area.as_ptr() as u64;
        registration.len = u64::from(self.frames) * u64::from(self.frame_len);
        registration.chunk_size = self.frame_len;
        registration
    }
}

impl Drop for Umem {
    fn drop(&mut self) {
        let len = self.frames as usize * self.frame_len();
        // SAFETY: our own mapping, of this length; every slice of it borrowed `self`.
        unsafe { libc::munmap(self.area.as_ptr().cast(), len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_do_not_overlap() {
        let (umem, mut frames) = Umem::new(3, 2048).unwrap();
        for (value, frame) in frames.iter_mut().enumerate() {
            umem.octets_mut(frame).fill(value as u8);
        }
        for (value, frame) in frames.iter_mut().enumerate() {
            assert!(umem.octets_mut(frame).iter().all(|&octet| octet == value as u8));
        }
    }

    #[test]
    #[should_panic(expected = "another UMEM")]
    fn a_frame_of_another_umem_is_refused() {
        let (ours, _frames) = Umem::new(1, 2048).unwrap();
        let (_theirs, mut frames) = Umem::new(1, 2048).unwrap();
        let _ = ours.octets_mut(&mut frames[0]);
    }
}
