//! The time that leases are reckoned by: the wall clock, but steady.
//!
//! A client reckons its lease by a clock of its own. If the wall clock here is set forward, a lease
//! that was told before must not end so much sooner: its client still uses the address, and another
//! would be given it. So the time passes with `CLOCK_BOOTTIME`, which nobody sets, and is drawn
//! towards the wall clock by an eighth of what passes at the most. A lease so lasts eight ninths of
//! its time at the least, longer than to T2 (seven eighths, RFC 2131 §4.4.5), when its client has
//! long asked for more; and no time comes twice. Set back, the wall clock makes leases last longer
//! here than their clients think, which does no harm.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::wire::Stamp;

/// The most that time is sped up or slowed down: one part of so many.
const PULL: u64 = 8;
/// A wall clock set forward by more nanoseconds than this, three days, was no clock before: one at
/// the year 1970, before a machine has found the time. Steadily it would never get there.
const HOPELESS: u64 = 3 * 86_400 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// One thread's clock. Those of several threads agree, as they follow the same two.
#[derive(Debug)]
pub struct SteadyClock {
    /// `CLOCK_BOOTTIME` when it was last read, in nanoseconds.
    boot_ns: u64,
    /// The time then, in nanoseconds since 1970.
    time_ns: u64,
}

impl SteadyClock {
    /// A clock that goes from the wall clock's time on.
    #[must_use]
    pub fn start() -> Self {
        let (boot_ns, time_ns) = read();
        Self { boot_ns, time_ns }
    }

    /// Now; never earlier than what it said before.
    pub fn now(&mut self) -> Stamp {
        let (boot_ns, wall_ns) = read();
        self.advance(boot_ns, wall_ns)
    }

    fn advance(&mut self, boot_ns: u64, wall_ns: u64) -> Stamp {
        let passed = boot_ns.saturating_sub(self.boot_ns);
        self.boot_ns += passed;
        let expected = self.time_ns.saturating_add(passed);
        self.time_ns = if wall_ns.saturating_sub(expected) > HOPELESS {
            wall_ns
        } else {
            wall_ns.clamp(expected - passed / PULL, expected.saturating_add(passed / PULL))
        };
        // One less than never.
        Stamp(u32::try_from(self.time_ns / SECOND).unwrap_or(u32::MAX).min(u32::MAX - 1))
    }
}

/// `CLOCK_BOOTTIME` and the wall clock, in nanoseconds.
fn read() -> (u64, u64) {
    let boot = clock_gettime(ClockId::Boottime);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let wall_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    (boot.tv_sec as u64 * SECOND + boot.tv_nsec as u64, wall_ns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;
    const NOON: u64 = 1_000_000_000;

    /// The clock after `seconds`, in turns of a second, while the wall clock is off by `off`.
    fn pass(clock: &mut SteadyClock, seconds: u64, off: i64) -> u64 {
        let mut now = Stamp::ZERO;
        for _ in 0..seconds {
            let boot = clock.boot_ns + SECOND;
            let wall = (NOON + boot / SECOND).checked_add_signed(off).unwrap();
            now = clock.advance(boot, wall * SECOND);
        }
        u64::from(now.0)
    }

    fn noon() -> SteadyClock {
        SteadyClock { boot_ns: 0, time_ns: NOON * SECOND }
    }

    #[test]
    fn the_wall_clock_set_forward_ends_no_lease_before_its_client_asks_again() {
        for off in [HOUR, DAY] {
            let mut clock = noon();
            let ends = NOON + HOUR;
            let t2 = HOUR * 7 / 8;
            assert!(pass(&mut clock, t2, off.cast_signed()) < ends, "set forward by {off} s");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_met_in_time_from_either_side() {
        let mut clock = noon();
        assert_eq!(pass(&mut clock, 9 * HOUR, HOUR.cast_signed()), NOON + 10 * HOUR);
        let mut clock = noon();
        assert_eq!(pass(&mut clock, 9 * HOUR, -HOUR.cast_signed()), NOON + 8 * HOUR);
    }

    #[test]
    fn a_clock_that_had_not_found_the_time_yet_jumps_to_it() {
        let mut clock = SteadyClock { boot_ns: 0, time_ns: 60 * SECOND };
        assert_eq!(clock.advance(SECOND, NOON * SECOND), Stamp(NOON as u32));
    }

    proptest! {
        #[test]
        fn time_never_goes_back_nor_reads_never(
            readings in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..50),
        ) {
            let mut clock = noon();
            let mut last = Stamp::ZERO;
            for (boot_ns, wall_ns) in readings {
                let now = clock.advance(boot_ns, wall_ns);
                prop_assert!(now >= last && now < Stamp::NEVER);
                last = now;
            }
        }
    }
}
