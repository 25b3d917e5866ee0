//! A packet's octets between two pointers, read front to back: the one place here that trusts a
//! pointer, and a shape the kernel's verifier follows.
#![allow(unsafe_code, reason = "the packet is two pointers in the kernel")]

use core::marker::PhantomData;

/// What is left of a packet to read.
///
/// The verifier knows how far it may read from a pointer only once that very pointer was compared
/// with the packet's end; so there is one pointer, it only grows, and each step compares it anew.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    at: *const u8,
    end: *const u8,
    packet: PhantomData<&'a [u8]>,
}

impl<'a> Cursor<'a> {
    /// The longest [`skip`](Self::skip): what a length is cut to, so that its bound is known.
    pub const MAX_SKIP: usize = 0x07ff;

    /// The octets from `start` up to `end`.
    ///
    /// # Safety
    /// They are readable for `'a`, and nobody writes to them.
    #[inline(always)]
    #[must_use]
    pub const unsafe fn new(start: *const u8, end: *const u8) -> Self {
        Self { at: start, end, packet: PhantomData }
    }

    /// The octets of a slice.
    #[must_use]
    pub const fn of(octets: &'a [u8]) -> Self {
        let range = octets.as_ptr_range();
        Self { at: range.start, end: range.end, packet: PhantomData }
    }

    /// The next `N` octets, or `None` where fewer are left.
    #[inline(always)]
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let next = self.at.wrapping_add(N);
        if next > self.end {
            return None;
        }
        // SAFETY: `at..next` lies within the packet, which lives for 'a; an octet array has no
        // alignment to keep.
        let octets = unsafe { *self.at.cast::<[u8; N]>() };
        self.at = next;
        Some(octets)
    }

    /// Leaves out the next `len` octets, of which there may be fewer: the next read tells.
    #[inline(always)]
    pub fn skip(&mut self, len: usize) {
        self.at = self.at.wrapping_add(len & Self::MAX_SKIP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_in_order_and_end_with_the_packet() {
        let mut cursor = Cursor::of(&[1, 2, 3, 4, 5]);
        assert_eq!(cursor.take(), Some([1, 2]));
        cursor.skip(1);
        assert_eq!(cursor.take::<3>(), None);
        assert_eq!(cursor.take(), Some([4, 5]));
        assert_eq!(cursor.take::<1>(), None);
    }

    #[test]
    fn skipping_past_the_end_ends_the_packet() {
        let mut cursor = Cursor::of(&[1, 2, 3]);
        cursor.skip(500);
        assert_eq!(cursor.take::<1>(), None);
    }
}
