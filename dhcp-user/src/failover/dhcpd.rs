//! What ISC dhcpd 4.4.3 does when it is told our state, and what must not be said to it (spec §4.5,
//! §4.6).

use crate::wire::failover::State;

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    Paused as P, PotentialConflict as PC, Recover as R, RecoverDone as RD, RecoverWait as RW,
    ResolutionInterrupted as RI, Shutdown as SD,
};

/// What dhcpd does about a STATE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reaction {
    /// Its state stays.
    Stays,
    /// It goes over to this state.
    Goes(State),
    /// It goes to SHUTDOWN, out of which only an operator brings it, or its process ends.
    Ends,
}

use Reaction::{Ends as X, Goes, Stays as O};

const TO_N: Reaction = Goes(N);
const TO_CI: Reaction = Goes(CI);
const TO_PD: Reaction = Goes(PD);
const TO_PC: Reaction = Goes(PC);
const TO_R: Reaction = Goes(R);

/// Our states, in the order of the columns.
const COLUMNS: [State; 11] = [N, CI, PD, PC, R, RW, RD, RI, CD, P, SD];

/// dhcpd's state, and what it does about each of ours (ISC dhcp_failover_peer_state_changed).
#[rustfmt::skip]
const REACTIONS: [(State, [Reaction; 11]); 11] = [
    //      N      CI     PD     PC     R      RW     RD     RI     CD     P      SD
    (N,  [  O,     O,     TO_PC, X,     TO_PD, O,     O,     X,     X,     TO_CI, TO_PD]),
    (CI, [  TO_N,  TO_N,  TO_PC, TO_PC, TO_PD, TO_N,  TO_N,  TO_PC, TO_PC, O,     TO_PD]),
    (PD, [  TO_PC, TO_PC, TO_PC, TO_PC, O,     O,     TO_N,  TO_PC, TO_PC, O,     O]),
    (R,  [  TO_PC, O,     O,     TO_PC, O,     O,     O,     TO_PC, TO_PC, O,     TO_PD]),
    (RW, [  O,     O,     O,     O,     O,     O,     O,     O,     O,     O,     O]),
    (RD, [  TO_N,  O,     O,     O,     O,     O,     TO_N,  O,     O,     O,     TO_PD]),
    (PC, [  X,     O,     O,     O,     TO_R,  O,     O,     O,     O,     O,     TO_PD]),
    (RI, [  TO_PC, TO_PC, TO_PC, TO_PC, TO_PC, TO_PC, TO_PC, TO_PC, TO_PC, O,     TO_PD]),
    (CD, [  TO_N,  X,     X,     O,     X,     X,     X,     O,     X,     X,     X]),
    (P,  [  O,     O,     O,     O,     O,     O,     O,     O,     O,     O,     O]),
    (SD, [  O,     O,     O,     O,     O,     O,     O,     O,     O,     O,     O]),
];

/// What a dhcpd in state `its` does about our STATE.
pub(super) fn reaction(its: State, is_startup: bool, ours: State) -> Reaction {
    if is_startup && its == N && ours == PD {
        return TO_R;
    }
    let row = REACTIONS.iter().find(|row| row.0 == its);
    let column = COLUMNS.iter().position(|column| *column == ours);
    // STARTUP is not on the wire, from neither side.
    row.zip(column).map_or(O, |(row, column)| row.1[column])
}

/// The states that a dhcpd may be in at the other end of one connection: the one it told, and what
/// has become of it by what we have said and it may not have read yet.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Guard {
    /// What it may be in, with its STARTUP flag; nothing is known before its first STATE.
    may_be: Vec<(State, bool)>,
    /// What it was told last, the latest first: as much as can be on its way to it.
    told: Vec<State>,
}

impl Guard {
    /// It told its state.
    pub(super) fn on_heard(&mut self, its: State, is_startup: bool) {
        self.may_be.clear();
        for unread in 0..=self.told.len() {
            let unread = self.told[..unread].iter().rev();
            let ends = unread.copied().try_fold((its, is_startup), after);
            self.may_be.extend(ends.filter(|end| !self.may_be.contains(end)));
        }
    }

    /// It is told our state.
    pub(super) fn on_told(&mut self, ours: State) {
        let reached = self.may_be.iter().filter_map(|at| after(*at, ours)).collect();
        self.may_be = reached;
        self.told.insert(0, ours);
        self.told.truncate(2);
    }

    /// Whether being told this state could end it.
    pub(super) fn forbids(&self, ours: State) -> bool {
        self.may_be.iter().any(|at| after(*at, ours).is_none())
    }
}

/// Where it is after it has read our state; `None`: it is no more.
fn after((its, is_startup): (State, bool), ours: State) -> Option<(State, bool)> {
    match reaction(its, is_startup, ours) {
        O => Some((its, false)),
        Goes(next) => Some((next, false)),
        X => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec §4.5, the cells in bold.
    #[test]
    fn what_would_end_a_dhcpd_is_known() {
        let deadly = |its: State| -> Vec<State> {
            COLUMNS.into_iter().filter(|ours| reaction(its, false, *ours) == X).collect()
        };
        assert_eq!(deadly(N), [PC, RI, CD]);
        assert_eq!(deadly(PC), [N]);
        assert_eq!(deadly(CD), [CI, PD, R, RW, RD, CD, P, SD]);
        for its in [CI, PD, R, RW, RD, RI, P, SD] {
            assert_eq!(deadly(its), [], "{its}");
        }
    }

    #[test]
    fn a_state_that_follows_another_is_judged_by_what_the_other_has_done() {
        let mut guard = Guard::default();
        guard.on_heard(N, false);
        assert!(guard.forbids(PC));
        guard.on_told(PD);
        assert!(!guard.forbids(PC), "it has gone to POTENTIAL-CONFLICT");
        assert!(guard.forbids(N));
    }

    #[test]
    fn a_state_that_crossed_ours_leaves_both_possible() {
        let mut guard = Guard::default();
        guard.on_told(PD);
        guard.on_heard(CI, false);
        assert!(guard.forbids(N), "it may be in POTENTIAL-CONFLICT by now");
        assert!(!guard.forbids(PC));
    }
}
