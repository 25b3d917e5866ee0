//! The clocks of the two servers: set differently, and not equally fast.

use dhcp_user::wire::Stamp;

/// True time in milliseconds since the scenario began.
pub type Millis = u64;

pub(super) const SECOND: Millis = 1_000;
pub(super) const MINUTE: Millis = 60 * SECOND;
pub(super) const HOUR: Millis = 60 * MINUTE;

/// When scenarios begin, in seconds since 1970.
const BEGIN: i64 = 1_800_000_000;

/// One server's clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clock {
    /// By how many milliseconds it is ahead when the scenario begins.
    pub ahead: i64,
    /// By how many millionths it is too fast.
    pub fast: i64,
    /// When an operator sets the machine's clock, and by how many milliseconds it is then ahead of
    /// where it was. The server follows by an eighth of the time that passes.
    pub step: Option<(Millis, i64)>,
    /// When it is set right again.
    pub righted: Option<Millis>,
}

/// By which part of the time that passes a server follows a clock that was set, as the product does.
const PULL: i64 = 8;

impl Clock {
    /// What it shows at a true time.
    #[must_use]
    pub fn at(self, time: Millis) -> Stamp {
        Stamp(u32::try_from(self.millis(time) / 1_000).unwrap_or(0))
    }

    /// When it first shows `stamp`, or now if it has.
    pub(super) fn when(self, stamp: Stamp, now: Millis) -> Millis {
        let wanted = i64::from(stamp.0) * 1_000;
        let mut time = now;
        loop {
            let missing = wanted - self.millis(time);
            if missing <= 0 {
                return time;
            }
            // While it follows, it goes faster by an eighth at most.
            time += (missing.unsigned_abs() * 8 / 9).max(1);
        }
    }

    pub(super) fn millis(self, time: Millis) -> i64 {
        let pulled = |from: Millis, to: Millis| (to.saturating_sub(from)).cast_signed() / PULL;
        let followed = self.step.map_or(0, |(at, by)| {
            let righted = self.righted.map_or(time, |righted| righted.min(time));
            let most = pulled(at, righted);
            let wrong = by.clamp(-most, most);
            let back = pulled(righted, time).min(wrong.abs());
            wrong - back * wrong.signum()
        });
        let time = time.cast_signed();
        BEGIN * 1_000 + self.ahead + time + time * self.fast / 1_000_000 + followed
    }
}
