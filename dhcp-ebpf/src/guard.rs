//! The flood guard: a token bucket for each client and for each relay or port.
//!
//! A bucket is kept as the time at which it will be full again (the virtual scheduling form of the
//! leaky bucket, ITU-T I.371 annex A), so that one number says all and needs no timer. Processors
//! that meet in one bucket may count a packet less; a guard need not be exact, only cheap.

use core::time::Duration;

/// How much one sender may send. All zero is off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Rate {
    /// Nanoseconds that one packet costs; 0 is off.
    interval_ns: u64,
    /// How far ahead of now, in nanoseconds, a bucket may run: burst minus one packets.
    tolerance_ns: u64,
}

/// What is remembered of one sender.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Bucket {
    /// When everything let through so far is paid for, in `CLOCK_MONOTONIC` nanoseconds.
    paid_until_ns: u64,
    /// When a drop was last reported.
    reported_ns: u64,
}

/// Which relay or port a packet came through.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[repr(C)]
pub struct PortKey {
    /// `giaddr` as an IPv4-mapped address (RFC 4291 §2.5.5.2), or the IPv6 address the relay sends
    /// from; zero for clients on our own links.
    pub relay: [u8; 16],
    /// VLAN identifiers of a direct client, outer first; 0 where there is none, and behind a relay.
    pub vlans: [u16; 2],
}

impl Rate {
    /// No limit.
    pub const OFF: Self = Self { interval_ns: 0, tolerance_ns: 0 };

    /// `per_second` packets in the long run, `burst` at once (at least 1); a rate of 0 is off.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        match per_second {
            0 => Self::OFF,
            _ => Self::every(Duration::from_nanos(1_000_000_000 / per_second as u64), burst),
        }
    }

    /// One packet an `interval`, which is cut to a day, in the long run, and `burst` at once.
    #[must_use]
    pub const fn every(interval: Duration, burst: u32) -> Self {
        const DAY_NS: u128 = 86_400 * 1_000_000_000;
        let wanted_ns = interval.as_nanos();
        let interval_ns = if wanted_ns < DAY_NS { wanted_ns } else { DAY_NS } as u64;
        Self {
            interval_ns,
            tolerance_ns: interval_ns.saturating_mul(burst.saturating_sub(1) as u64),
        }
    }

    /// Lets everything through.
    #[inline(always)]
    #[must_use]
    pub const fn is_off(self) -> bool {
        self.interval_ns == 0
    }
}

/// What the guard says of one packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// Let it through.
    Within,
    /// Drop it.
    Over {
        /// The first within a second: worth a line in the log.
        report: bool,
    },
}

impl Bucket {
    /// Between two reports of one bucket.
    const REPORT_EVERY_NS: u64 = 1_000_000_000;

    /// A bucket out of which one packet was taken at `now_ns`.
    #[inline(always)]
    #[must_use]
    pub const fn first(now_ns: u64, rate: Rate) -> Self {
        Self { paid_until_ns: now_ns.saturating_add(rate.interval_ns), reported_ns: 0 }
    }

    /// Takes one packet out of the bucket at `now_ns`, if there is one left.
    #[inline(always)]
    pub fn take(&mut self, now_ns: u64, rate: Rate) -> Judgement {
        let from_ns = if self.paid_until_ns > now_ns { self.paid_until_ns } else { now_ns };
        if from_ns - now_ns <= rate.tolerance_ns {
            self.paid_until_ns = from_ns.saturating_add(rate.interval_ns);
            return Judgement::Within;
        }
        let report = now_ns.saturating_sub(self.reported_ns) >= Self::REPORT_EVERY_NS;
        if report {
            self.reported_ns = now_ns;
        }
        Judgement::Over { report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    /// Long after boot, as the clock of a running host.
    const START: u64 = 1_000 * SECOND;

    /// How many of one packet each `every_ns` get through from `START` on.
    fn let_through(rate: Rate, packets: u64, every_ns: u64) -> u64 {
        let mut bucket = Bucket::first(START, rate);
        let later = (1..packets)
            .filter(|index| bucket.take(START + index * every_ns, rate) == Judgement::Within)
            .count() as u64;
        1 + later
    }

    #[test]
    fn a_burst_and_no_more_gets_through_at_once() {
        assert_eq!(let_through(Rate::new(10, 5), 100, 0), 5);
    }

    #[test]
    fn in_the_long_run_the_rate_gets_through() {
        // 1000 packets a second for ten seconds against 10 a second and a burst of 5.
        let through = let_through(Rate::new(10, 5), 10_000, SECOND / 1_000);
        assert!((104..=105).contains(&through), "{through}");
    }

    #[test]
    fn a_sender_within_its_rate_loses_nothing() {
        assert_eq!(let_through(Rate::new(10, 1), 1_000, SECOND / 10), 1_000);
    }

    #[test]
    fn a_sender_who_paused_has_its_burst_again_and_not_more() {
        let rate = Rate::new(10, 5);
        let mut bucket = Bucket::first(START, rate);
        let later = START + 3_600 * SECOND;
        let through = (0..100).filter(|_| bucket.take(later, rate) == Judgement::Within).count();
        assert_eq!(through, 5);
    }

    #[test]
    fn drops_are_reported_once_a_second() {
        let rate = Rate::new(1, 1);
        let mut bucket = Bucket::first(START, rate);
        let reports = (0..25)
            .filter(|tenth| {
                bucket.paid_until_ns = u64::MAX; // empty for good
                bucket.take(START + tenth * SECOND / 10, rate) == Judgement::Over { report: true }
            })
            .count();
        assert_eq!(reports, 3);
    }

    #[test]
    fn a_rate_of_nothing_is_off() {
        assert!(Rate::new(0, 100).is_off());
        assert!(!Rate::new(1, 0).is_off());
    }

    #[test]
    fn the_highest_rate_and_burst_stay_in_range() {
        let rate = Rate::new(1, u32::MAX);
        let mut bucket = Bucket::first(START, rate);
        assert_eq!(bucket.take(START, rate), Judgement::Within);
    }
}
