//! When a packet came in: written in front of it for whoever takes it from the ring.
//!
//! ```text
//!  UMEM frame: | headroom ...        | magic (8) | nanoseconds (8) | packet ...
//!                                                                  ^ address in the RX descriptor
//! ```

/// What stands in the [`Arrival::LEN`] octets before a packet, in the host's octet order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Arrival {
    /// [`Arrival::MAGIC`]: not every driver has room for metadata.
    pub magic: u64,
    /// `bpf_ktime_get_ns`, which is `CLOCK_MONOTONIC`, in the program.
    pub nanoseconds: u64,
}

impl Arrival {
    /// Octets in front of a packet.
    pub const LEN: usize = 16;
    /// Told apart from what a frame held before.
    pub const MAGIC: u64 = u64::from_ne_bytes(*b"tandem\xa7\x01");

    /// Arrived at `nanoseconds`.
    #[must_use]
    pub const fn at(nanoseconds: u64) -> Self {
        Self { magic: Self::MAGIC, nanoseconds }
    }

    /// Takes the time off the octets in front of a packet: `None` if the program could not write
    /// it. The magic is wiped, so that a frame used again never shows an older packet's time.
    pub fn take(before: &mut [u8; Self::LEN]) -> Option<u64> {
        let (magic, time) = before.split_first_chunk_mut::<8>()?;
        if u64::from_ne_bytes(*magic) != Self::MAGIC {
            return None;
        }
        *magic = [0; 8];
        time.first_chunk().map(|octets| u64::from_ne_bytes(*octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets_of(arrival: Arrival) -> [u8; Arrival::LEN] {
        let mut octets = [0; Arrival::LEN];
        octets[..8].copy_from_slice(&arrival.magic.to_ne_bytes());
        octets[8..].copy_from_slice(&arrival.nanoseconds.to_ne_bytes());
        octets
    }

    #[test]
    fn it_is_as_long_as_it_says() {
        assert_eq!(size_of::<Arrival>(), Arrival::LEN);
    }

    #[test]
    fn a_time_is_taken_once() {
        let mut before = octets_of(Arrival::at(7_000));
        assert_eq!(Arrival::take(&mut before), Some(7_000));
        assert_eq!(Arrival::take(&mut before), None);
    }

    #[test]
    fn whatever_else_stands_there_is_no_time() {
        assert_eq!(Arrival::take(&mut [0xff; Arrival::LEN]), None);
    }
}
