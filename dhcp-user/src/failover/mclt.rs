//! Which MCLT counts while the two servers may not have the same one.
//!
//! The primary's configuration says it, and CONNECT tells the secondary. Until each has heard the
//! other on a link that was greeted with it, and so knows that it is on the other's disk, leases are
//! granted by the smaller one and waits last for the larger (draft-12 §5.2.1). The larger goes on to be
//! waited for until nothing that was granted by it can be unknown to the other.

use super::endpoint::Endpoint;
use super::settings::Role;
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// How long NORMAL lasts at the least before all that was granted ahead of it is known to the partner:
/// a link on which an update goes unanswered for so long is given up.
const TOLD: Seconds = Seconds(120);

impl Endpoint {
    /// By which leases may be granted beyond what the partner knows.
    pub(super) fn granting_mclt(&self) -> Seconds {
        let configured =
            (self.settings.terms.role == Role::Primary).then_some(self.settings.terms.mclt);
        let greeted = self.session.as_ref().map(|session| session.mclt);
        [configured, greeted].into_iter().flatten().fold(self.saved.mclt, Seconds::min)
    }

    /// When the larger one need not be waited for any more.
    pub(super) fn mclt_settles(&self) -> Option<Stamp> {
        let is_larger = self.saved.longest_mclt > self.saved.mclt;
        let longest = self.saved.longest_mclt.max(TOLD);
        (is_larger && self.state() == State::Normal).then(|| self.saved.since.after(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::Command;
    use crate::failover::testing::{MCLT, Pair};

    const LARGE: Seconds = Seconds(10 * MCLT.0);

    fn granted(pair: &Pair, side: usize) -> Option<Seconds> {
        pair.sides[side].view.mclt
    }

    fn waited(pair: &Pair, side: usize) -> Seconds {
        pair.sides[side].endpoint.saved.longest_mclt
    }

    /// A pair in NORMAL whose primary is started again with another MCLT.
    fn with_another(mclt: Seconds) -> Pair {
        let mut pair = Pair::in_normal();
        pair.pass(60);
        pair.sides[0].settings.terms.mclt = mclt;
        pair.restart(0, true);
        pair
    }

    #[test]
    fn an_mclt_that_the_partner_does_not_know_shortens_grants_and_lengthens_waits() {
        for (mclt, smaller, larger) in [(LARGE, MCLT, LARGE), (Seconds(30), Seconds(30), MCLT)] {
            let mut pair = with_another(mclt);
            pair.pass(15);
            assert_eq!(pair.states(), [State::CommunicationsInterrupted; 2]);
            assert_eq!(granted(&pair, 0), Some(smaller));
            pair.command(0, Command::PartnerDown);
            assert_eq!(pair.sides[0].view.takeover.map(|it| it.mclt), Some(larger));
            // Once more, without ever having met.
            pair.restart(0, true);
            pair.pass(15);
            assert_eq!(pair.sides[0].view.takeover.map(|it| it.mclt), Some(larger));
            assert_eq!(granted(&pair, 1), Some(MCLT), "it has heard of none");
        }
    }

    /// A greeting may have been read and forgotten by a crash.
    #[test]
    fn an_mclt_is_agreed_when_each_has_heard_the_other_and_not_by_a_greeting() {
        let mut pair = with_another(LARGE);
        pair.link();
        for side in [0, 1] {
            assert_eq!(granted(&pair, side), Some(MCLT));
            assert_eq!(waited(&pair, side), LARGE);
        }
        pair.settle();
        assert_eq!(pair.states(), [State::Normal; 2]);
        assert_eq!([0, 1].map(|side| granted(&pair, side)), [Some(LARGE); 2]);
        pair.restart(1, true);
        pair.pass(15);
        assert_eq!(granted(&pair, 1), Some(LARGE), "over a restart too");
    }

    /// A lease that was granted by it a moment ago lasts longer than the new one.
    #[test]
    fn a_larger_mclt_is_waited_for_until_what_was_granted_by_it_is_known() {
        let mut pair = with_another(Seconds(30));
        pair.link();
        pair.settle();
        assert_eq!([0, 1].map(|side| granted(&pair, side)), [Some(Seconds(30)); 2]);
        assert_eq!([0, 1].map(|side| waited(&pair, side)), [MCLT; 2]);
        pair.pass(MCLT.0 - 10);
        pair.cut();
        pair.restart(1, true);
        assert_eq!(waited(&pair, 1), MCLT);
        pair.link();
        pair.settle();
        pair.pass(MCLT.0 - 1);
        assert_eq!([0, 1].map(|side| waited(&pair, side)), [MCLT; 2], "the link was cut");
        pair.pass(1);
        assert_eq!([0, 1].map(|side| waited(&pair, side)), [Seconds(30); 2]);
        let saved = pair.sides.each_ref().map(|side| side.saved.map(|it| it.longest_mclt));
        assert_eq!(saved, [Some(Seconds(30)); 2]);
    }
}
