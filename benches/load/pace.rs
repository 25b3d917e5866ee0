//! When the next client comes.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::plan::Arrival;

/// The schedule of a run, in nanoseconds since its start.
#[derive(Debug)]
pub(super) struct Pace {
    arrival: Arrival,
    next_ns: f64,
    random: SmallRng,
}

impl Pace {
    /// The same clients come at the same times in every run with this arrival.
    pub(super) fn new(arrival: Arrival) -> Self {
        Self { arrival, next_ns: 0.0, random: SmallRng::seed_from_u64(1) }
    }

    /// If a client is due by `now_ns` with so many under way: the time at which it meant to come,
    /// which is `now_ns` where it waits for another one.
    pub(super) fn due(&mut self, now_ns: u64, under_way: usize) -> Option<u64> {
        let distance_ns = match self.arrival {
            Arrival::Window(most) => return (under_way < most).then_some(now_ns),
            Arrival::Even(rate) => 1e9 / rate,
            Arrival::Random(rate) => -(1.0 - self.random.random::<f64>()).ln() * 1e9 / rate,
        };
        let intended_ns = self.next_ns;
        if intended_ns > now_ns as f64 {
            return None;
        }
        self.next_ns += distance_ns;
        Some(intended_ns as u64)
    }

    /// How many more are due by `at_ns`, who then come no more.
    pub(super) fn overdue(mut self, at_ns: u64) -> u64 {
        // Who waits for another one to be done is not late.
        let due = std::iter::from_fn(|| self.due(at_ns, usize::MAX));
        due.count() as u64
    }

    /// When to look again; `None` where only an answer can make a client due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        (!matches!(self.arrival, Arrival::Window(_))).then_some(self.next_ns as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_kept_waiting_came_when_it_meant_to() {
        let mut pace = Pace::new(Arrival::Even(1_000.0));
        assert_eq!(pace.due(0, 0), Some(0));
        assert_eq!(pace.due(999_999, 0), None);
        // The generator, or the server in its way, stood still.
        let due: Vec<_> = std::iter::from_fn(|| pace.due(3_500_000, 0)).collect();
        assert_eq!(due, [1_000_000, 2_000_000, 3_000_000]);
        assert_eq!(pace.next_ns(), Some(4_000_000));
    }

    #[test]
    fn those_who_come_at_random_are_as_many_in_the_long_run() {
        let mut pace = Pace::new(Arrival::Random(1_000.0));
        let came = std::iter::from_fn(|| pace.due(100_000_000_000, 0)).count();
        assert!((98_000..102_000).contains(&came), "{came}");
    }

    #[test]
    fn who_has_not_come_although_it_was_time_is_overdue() {
        let mut pace = Pace::new(Arrival::Even(1_000.0));
        assert_eq!(pace.due(0, 0), Some(0));
        assert_eq!(pace.overdue(3_500_000), 3);
        assert_eq!(Pace::new(Arrival::Window(2)).overdue(3_500_000), 0);
    }

    #[test]
    fn a_window_has_room_for_so_many() {
        let mut pace = Pace::new(Arrival::Window(2));
        assert_eq!([0, 1, 2].map(|under_way| pace.due(7, under_way)), [Some(7), Some(7), None]);
        assert_eq!(pace.next_ns(), None);
    }
}
