//! A server that stood still: stopped, its machine asleep, or its disk taking nothing for long.
//!
//! The partner misses it after the receive-timer, and may then be told that it is down. Whoever
//! stood still for longer knows no more than after a restart, and goes on as after one: the partner
//! is listened for before anybody is served (draft-12 §9.3). Until the endpoint has noticed, workers
//! are held by [`View::until`](crate::lease::View::until).

use super::endpoint::Endpoint;
use super::event::{Action, Event};
use crate::lease::{Table, View};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

impl Endpoint {
    /// Whether it is long ago that something happened here, though something should have.
    pub(super) fn has_stood_still(&self, now: Stamp) -> bool {
        self.is_watched() && now > self.awake.after(self.settings.patience())
    }

    /// Whether somebody goes by what we said last: workers, the partner, or who waits for it.
    pub(super) fn is_watched(&self) -> bool {
        let is_in_service = !matches!(self.saved.state, State::Paused | State::Shutdown);
        let lets_something = |view: &View| view.until != Stamp::NEVER;
        is_in_service
            && (self.startup.is_some()
                || self.session.is_some()
                || self.published.as_ref().is_some_and(lets_something))
    }

    /// How often something must happen here.
    pub(super) fn sign_of_life(&self) -> Seconds {
        Seconds(self.settings.patience().0 / 3)
    }

    /// As after a restart: what `event` says comes next, and of a link that was up nothing counts.
    pub(super) fn wake(
        &mut self,
        now: Stamp,
        event: &Event<'_>,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        self.touch(now);
        if let Some(session) = self.session.take() {
            self.note_cut(now, &session);
            self.updates.link_lost(table);
            if !matches!(event, Event::LinkUp(_) | Event::LinkLost(_)) {
                actions.push(Action::Close(None));
            }
        }
        let behind = self.saved.without_link(self.saved.state, self.protocol());
        self.start_again(now, behind, "this server stood still", actions);
    }
}

#[cfg(test)]
mod tests {
    use crate::failover::testing::{MCLT, Pair, settings};
    use crate::failover::{Command, Event, Lost, Role};
    use crate::lease::{Answers, View, Views};
    use crate::wire::failover::State;
    use crate::wire::{Seconds, Stamp};

    /// Long enough for the partner to be told that we are down, and to take over.
    const LONG: Seconds = Seconds(3_600);

    fn patience() -> Seconds {
        settings(Role::Primary).patience()
    }

    /// Time passes for one side alone: the other stands still.
    fn pass_without(pair: &mut Pair, asleep: usize, seconds: Seconds) {
        for _ in 0..seconds.0 {
            pair.now = Stamp(pair.now.0 + 1);
            let due = pair.sides[1 - asleep].endpoint.next_timeout();
            if due.is_some_and(|due| due <= pair.now) {
                pair.happens(1 - asleep, Event::Tick);
            }
        }
    }

    /// What a worker of that side may do now.
    fn at_work(pair: &Pair, side: usize) -> View {
        Views(vec![pair.sides[side].view.clone()]).at(pair.now).of(Some(0)).clone()
    }

    #[test]
    fn a_server_that_stood_still_serves_nobody_before_it_has_listened() {
        for side in [0, 1] {
            for heard in [false, true] {
                let mut pair = Pair::in_normal();
                pass_without(&mut pair, side, LONG);
                assert_eq!(pair.states()[1 - side], State::CommunicationsInterrupted);
                assert_eq!(at_work(&pair, side), View::SILENT, "before it has noticed");
                pair.happens(side, Event::Tick);
                assert_eq!(pair.states()[side], State::Startup);
                assert_eq!(at_work(&pair, side).answers, Answers::Nobody);
                pair.cut();
                if heard {
                    pair.link();
                    pair.settle();
                    assert_eq!(pair.states(), [State::Normal; 2]);
                } else {
                    pair.pass(10);
                    assert_eq!(pair.states()[side], State::CommunicationsInterrupted);
                }
            }
        }
    }

    /// Neither has served meanwhile, and neither takes the other's word for a newer memory.
    #[test]
    fn two_servers_that_stood_still_together_serve_as_soon_as_they_meet() {
        let mut pair = Pair::in_normal();
        pair.now = pair.now.after(LONG);
        for side in [0, 1] {
            pair.happens(side, Event::Tick);
            assert_eq!(pair.states()[side], State::Startup);
        }
        pair.cut();
        pair.link();
        pair.settle();
        assert_eq!(pair.states(), [State::Normal; 2]);
    }

    #[test]
    fn who_stood_still_in_partner_down_does_not_wait_for_the_partners_addresses_again() {
        let mut pair = Pair::in_normal();
        pair.cut();
        pair.command(0, Command::PartnerDown);
        pair.pass(MCLT.0 + 1);
        assert!(at_work(&pair, 0).is_taken_over(pair.now));
        pair.now = pair.now.after(patience()).after(Seconds(1));
        pair.happens(0, Event::Tick);
        assert_eq!(pair.states()[0], State::Startup);
        pair.pass(20);
        assert_eq!(pair.states()[0], State::PartnerDown);
        assert!(at_work(&pair, 0).is_taken_over(pair.now));
    }

    /// draft-12 §9.3.2: as after a restart.
    #[test]
    fn a_server_that_was_declared_down_while_it_stood_still_recovers() {
        for events in [vec![Event::Tick], vec![Event::LinkLost(Lost::Closed), Event::Tick]] {
            let mut pair = Pair::in_normal();
            pair.pass(60);
            pass_without(&mut pair, 1, Seconds(60));
            pair.happens(0, Event::Command(Command::PartnerDown));
            pass_without(&mut pair, 1, LONG);
            let theirs = (0..8).find(|number| pair.grants(0, *number, 1));
            let taken = theirs.expect("an address, whosever it was");
            for event in events {
                pair.happens(1, event);
            }
            pair.cut();
            pair.link();
            assert!(!pair.grants(1, taken, 2));
            pair.settle();
            assert_eq!(pair.states(), [State::Normal; 2], "the wait is over by then");
            assert!(!pair.grants(1, taken, 2));
            let moved = |state| {
                pair.sides[1].alarms.iter().any(
                    |alarm| matches!(alarm, crate::failover::Alarm::Moved { to, .. } if *to == state),
                )
            };
            assert!(moved(State::Startup) && moved(State::Recover));
        }
    }

    /// Workers went by the last view up to its end, and the wait counts from there.
    #[test]
    fn the_wait_counts_from_the_end_of_the_last_view() {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        let began = pair.now;
        pass_without(&mut pair, 1, Seconds(45));
        pair.happens(0, Event::Command(Command::PartnerDown));
        pass_without(&mut pair, 1, Seconds(60));
        let until = pair.sides[1].view.until;
        assert!(until > began && until <= began.after(patience()));
        pair.happens(1, Event::Tick);
        pair.cut();
        pair.link();
        pair.settle();
        let granted = pair.sides[1].endpoint.wait_ends();
        assert_eq!(granted, until.after(MCLT));
    }

    #[test]
    fn a_short_stop_costs_no_silence_and_a_server_that_runs_never_runs_out() {
        let mut pair = Pair::in_normal();
        for _ in 0..20 {
            pass_without(&mut pair, 0, Seconds(20));
            pair.happens(0, Event::Tick);
            pair.settle();
            assert_eq!(pair.states(), [State::Normal; 2]);
        }
        pair.cut();
        for _ in 0..2_000 {
            pair.pass(1);
            for side in [0, 1] {
                assert_eq!(at_work(&pair, side).answers, Answers::Everybody);
            }
        }
    }

    #[test]
    fn what_an_operator_put_out_of_service_stays_so_however_long_it_stood_still() {
        let mut pair = Pair::in_normal();
        pair.command(0, Command::Pause);
        pass_without(&mut pair, 0, LONG);
        pair.happens(0, Event::Tick);
        assert_eq!(pair.states()[0], State::Paused);
    }
}
