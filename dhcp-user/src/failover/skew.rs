//! How far the partner's clock is from ours (draft-12 §5.10, §7.8.2).

use crate::wire::{Seconds, Stamp};

/// By how much the partner's clock is ahead of ours: measured with every message, and used only where
/// it is more than the second that rounding can make.
///
/// A message that the network holds up makes the partner look behind by as much, and nothing makes it
/// look ahead. So the largest difference of the last minute or two counts, and not a mean: that one
/// would follow a stall, and times corrected by it would lie later than the partner meant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skew {
    /// The largest difference since `since`, in seconds; `None` until a message has come.
    largest: Option<i64>,
    since: Stamp,
    /// The largest in the time before that.
    before: Option<i64>,
    /// The difference that an operator was last told, in seconds.
    alarmed: Option<i64>,
    /// Whether times count as they come (RFC 8156 §7.1).
    takes_times_as_told: bool,
}

impl Skew {
    /// Greeted by a clock that is so many seconds ahead.
    pub(super) fn greeted(ahead: i64) -> Self {
        Self { largest: Some(ahead), ..Self::default() }
    }

    /// The same, where the two clocks are one by other means, or there is no link.
    pub(super) fn of_one_clock(ahead: i64) -> Self {
        Self { takes_times_as_told: true, ..Self::greeted(ahead) }
    }

    /// Whether a message with this header time, read at `now`, ends the link (RFC 8156 §7.5.1).
    pub(super) fn forbids(&self, now: Stamp, time: Stamp) -> bool {
        self.takes_times_as_told && ahead(now, time).unsigned_abs() > u64::from(MAX_SKEW_V6.0)
    }

    /// A message with this header time came at `now`. Gives the difference in seconds if an operator
    /// should hear of it: it is large, and not what was said last.
    pub(super) fn observe(&mut self, now: Stamp, time: Stamp) -> Option<i64> {
        let sample = ahead(now, time);
        if now.since(self.since) >= WINDOW {
            self.before = self.largest.take();
            self.since = now;
        }
        self.largest = self.largest.max(Some(sample));
        self.alarm()
    }

    /// As [`observe`](Self::observe), of what the greeting found.
    pub(super) fn alarm(&mut self) -> Option<i64> {
        let ahead = self.ahead();
        if ahead.unsigned_abs() <= u64::from(ALARM_ABOVE.0) {
            self.alarmed = None;
            return None;
        }
        let is_news = self.alarmed.is_none_or(|said| said.abs_diff(ahead) > ALARM_ABOVE.0.into());
        is_news.then(|| *self.alarmed.insert(ahead))
    }

    /// By how many seconds the partner's clock is ahead.
    pub(super) fn ahead(&self) -> i64 {
        self.largest.max(self.before).unwrap_or(0)
    }

    /// A time of the partner's as our clock has it. "Never" and "not set" are no times.
    pub(super) fn correct(&self, theirs: Stamp) -> Stamp {
        let ahead = self.ahead();
        if self.takes_times_as_told
            || ahead.abs() <= 1
            || theirs == Stamp::NEVER
            || theirs == Stamp::ZERO
        {
            return theirs;
        }
        let ours = i64::from(theirs.0) - ahead;
        Stamp(u32::try_from(ours.clamp(1, i64::from(u32::MAX - 1))).unwrap_or(u32::MAX - 1))
    }
}

/// How long a difference counts at the least: longer than TCP takes over a short stall.
const WINDOW: Seconds = Seconds(60);

/// How far apart clocks may be in DHCPv6, and two times that count as the same (RFC 8156 §7.1).
pub(super) const MAX_SKEW_V6: Seconds = Seconds(5);

/// Clocks further apart than this are reported (spec §1.5).
pub(super) const ALARM_ABOVE: Seconds = Seconds(10);

/// By how many seconds a clock that shows `theirs` at our `now` is ahead.
pub(super) fn ahead(now: Stamp, theirs: Stamp) -> i64 {
    i64::from(theirs.0) - i64::from(now.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_a_second_is_rounding_and_corrects_nothing() {
        assert_eq!(Skew::greeted(1).correct(Stamp(500)), Stamp(500));
        assert_eq!(Skew::greeted(-1).correct(Stamp(500)), Stamp(500));
        assert_eq!(Skew::greeted(2).correct(Stamp(500)), Stamp(498));
        assert_eq!(Skew::greeted(-2).correct(Stamp(500)), Stamp(502));
    }

    #[test]
    fn never_and_not_set_are_no_times() {
        let skew = Skew::greeted(30);
        assert_eq!(skew.correct(Stamp::NEVER), Stamp::NEVER);
        assert_eq!(skew.correct(Stamp::ZERO), Stamp::ZERO);
        assert_eq!(skew.correct(Stamp(10)), Stamp(1), "never before time began");
    }

    #[test]
    fn messages_that_were_held_up_change_nothing_and_a_clock_that_is_set_does() {
        let mut skew = Skew::greeted(0);
        for late in 1..60 {
            skew.observe(Stamp(1_000 + late), Stamp(1_000));
        }
        assert_eq!(skew.ahead(), 0);
        for second in 60..=180 {
            skew.observe(Stamp(1_000 + second), Stamp(990 + second));
        }
        assert_eq!(skew.ahead(), -10);
    }

    #[test]
    fn a_large_difference_is_said_once_and_again_when_it_has_grown() {
        let mut skew = Skew::greeted(20);
        assert_eq!(skew.alarm(), Some(20));
        assert_eq!(skew.observe(Stamp(1_000), Stamp(1_020)), None);
        let later = (0..40).filter_map(|_| skew.observe(Stamp(1_000), Stamp(1_050)));
        assert_eq!(later.collect::<Vec<_>>(), [50]);
    }
}
