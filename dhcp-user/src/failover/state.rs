//! The states of an endpoint and what joins them (draft-12 §9, figure 9.2-1; spec §4.4).

use super::settings::{Dialect, Role};
use crate::config::model::Protocol;
use crate::wire::failover::State;

use State::{
    CommunicationsInterrupted as CI, ConflictDone as CD, Normal as N, PartnerDown as PD,
    Paused as P, PotentialConflict as PC, Recover as R, RecoverDone as RD, RecoverWait as RW,
    ResolutionInterrupted as RI, Shutdown as SD,
};

/// By whose rules two endpoints go over from state to state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Rules {
    /// draft-12, with a partner of our kind.
    Draft,
    /// draft-12, with an ISC dhcpd.
    Dhcpd,
    /// RFC 8156.
    Rfc8156,
}

impl Rules {
    /// With a partner that takes `dialect`.
    pub(super) fn of(protocol: Protocol, dialect: Dialect) -> Self {
        match (protocol, dialect) {
            (Protocol::Dhcpv6, _) => Self::Rfc8156,
            (Protocol::Dhcpv4, Dialect::Dhcpd) => Self::Dhcpd,
            (Protocol::Dhcpv4, Dialect::Tandem) => Self::Draft,
        }
    }
}

/// What a STATE of the partner's makes of us.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Turn {
    /// Nothing changes.
    Stay,
    /// Nothing changes, but the partner has not understood, and is told our state once more.
    Repeat,
    /// On to this state.
    To(State),
}

use Turn::{Repeat, Stay, To};

/// Own state, the partner's as its STATE gives it, what follows. Every pair stands here once.
#[rustfmt::skip]
const ON_PARTNER_STATE: &[(State, &[State], Turn)] = &[
    // draft-12 §9.8.4
    (N, &[N], Stay),
    // Departs from draft-12 §9.8.4, which passes through CI and back: two servers that both did so
    // could answer each other for ever. The partner needs to see NORMAL, no more.
    (N, &[CI, RD], Repeat),
    (N, &[PD, PC, RI, CD], To(PC)),
    (N, &[R, RW, P], To(CI)),
    (N, &[SD], To(PD)),
    // draft-12 §9.9.3
    (CI, &[N, CI, RD], To(N)),
    (CI, &[PD, PC, RI, CD], To(PC)),
    (CI, &[R, RW, P], Stay),
    (CI, &[SD], To(PD)),
    // draft-12 §9.4.3: a STATE with the STARTUP flag is not looked up
    (PD, &[N, CI, PD, PC, RI, CD], To(PC)),
    (PD, &[RD], To(N)),
    (PD, &[R, RW, P, SD], Stay),
    // draft-12 §9.5.2: staying here asks for updates
    (R, &[PC, RI, CD], To(PC)),
    (R, &[N, CI, PD, R, RW, RD, P, SD], Stay),
    // draft-12 §9.6
    (RW, &[N, CI, PD, PC, R, RW, RD, RI, CD, P, SD], Stay),
    // draft-12 §9.7.2, and figure 9.2-1 for PC
    (RD, &[N, RD], To(N)),
    (RD, &[PC], To(PC)),
    // In no table: neither side of this pair would move.
    (RD, &[CD], To(PC)),
    (RD, &[CI, PD, R, RW, RI, P, SD], Stay),
    // draft-12 §9.10: a secondary asks for updates at CD
    (PC, &[N, CI, PD, PC, R, RW, RD, RI, CD, P, SD], Stay),
    // draft-12 §9.11.3
    (RI, &[N, CI, PD, PC, R, RW, RD, RI, CD, P, SD], To(PC)),
    // draft-12 §9.12
    (CD, &[N], To(N)),
    (CD, &[CI, PD, PC, R, RW, RD, RI, CD, P, SD], Stay),
    // draft-12 §9.13, §9.14: an operator's word or a restart ends these.
    (P, &[N, CI, PD, PC, R, RW, RD, RI, CD, P, SD], Stay),
    (SD, &[N, CI, PD, PC, R, RW, RD, RI, CD, P, SD], Stay),
];

/// Where dhcpd would stay in RECOVER-DONE for ever: it leaves that for NORMAL and nothing else (spec
/// §4.5). It has all that we know by then, as it has when we are in PARTNER-DOWN.
#[rustfmt::skip]
const ON_DHCPD_STATE: &[(State, &[State], Turn)] = &[
    (RI, &[RW], Stay),
    (RI, &[RD], To(N)),
    (PC, &[RD], To(N)),
    (CD, &[RD], To(N)),
];

/// Where RFC 8156 §8 has it otherwise than draft-12, or is silent where that speaks.
#[rustfmt::skip]
const ON_RFC8156_STATE: &[(State, &[State], Turn)] = &[
    // RFC 8156 §8.8.2: one that resolved a conflict has all of ours.
    (N, &[CI, RD, CD], Stay),
    // RFC 8156 §8.7.2; of the others it is silent, and neither would move.
    (RD, &[R, RW], To(CI)),
    (RD, &[RI], To(PC)),
    // Silent: one that serves alone knows nothing of what was resolved.
    (CD, &[PD], To(PC)),
];

/// What a STATE of the partner's makes of us.
pub(super) fn on_partner_state(own: State, partner: State, by: Rules) -> Turn {
    let look_up = |rows: &[(State, &[State], Turn)]| {
        let mut rows = rows.iter();
        rows.find(|row| row.0 == own && row.1.contains(&partner)).map(|row| row.2)
    };
    let special = match by {
        Rules::Draft => None,
        Rules::Dhcpd => look_up(ON_DHCPD_STATE),
        Rules::Rfc8156 => look_up(ON_RFC8156_STATE),
    };
    // STARTUP alone has no row: own, it is left before this; the partner's is not on the wire.
    special.or_else(|| look_up(ON_PARTNER_STATE)).unwrap_or(Stay)
}

/// What we should be when a link comes up, before our first STATE on it. A dhcpd whose recovery was
/// cut short asks again only if it sees a state that could answer it (spec §4.5); one that was
/// refreshed by it may well be asked once more.
pub(super) fn on_meeting(own: State, partner: State, by: Rules) -> State {
    match (own, partner, by) {
        (RW | RD, R, Rules::Dhcpd) => R,
        (own, ..) => own,
    }
}

/// What the loss of the link makes of us (draft-12 §9.8.4, §9.10.3); a restart does the same to the
/// state that was stored (draft-12 §9.3.2). Departs from draft-12 §9.6 and §9.7: what a partner that
/// serves alone has told us is out of date from then on, so that all the recovery begins anew; its
/// wait does not. RFC 8156 §8.6.2 and §8.7.2 have both go on.
pub(super) fn on_link_lost(own: State, protocol: Protocol) -> State {
    match (own, protocol) {
        (N, _) => CI,
        (PC, _) => RI,
        (RW | RD, Protocol::Dhcpv4) => R,
        (other, _) => other,
    }
}

/// What the partner's UPDDONE makes of us; in RECOVER, whether a wait is left decides.
pub(super) fn on_updates_done(own: State, role: Role, must_wait: bool) -> Option<State> {
    match (own, role) {
        // draft-12 §9.5.2
        (R, _) => Some(if must_wait { RW } else { RD }),
        // draft-12 §9.10.2
        (PC, Role::Primary) => Some(CD),
        (PC, Role::Secondary) => Some(N),
        _ => None,
    }
}

/// What an operator's word that the partner is down makes of us, or why it cannot be.
pub(super) fn on_partner_down(own: State, is_linked: bool) -> Result<State, &'static str> {
    match own {
        // draft-12 §9.8.4, §9.9.3, §9.11.3
        N | CI | RI => Ok(PD),
        // The draft leaves this to a partner that comes back; if it never does, only an operator
        // can tell.
        CD if !is_linked => Ok(PD),
        RD | CD => Err("the partner is on the line"),
        PD => Err("the partner is taken to be down already"),
        R | RW => Err("leases that only the partner knows of would be given again"),
        PC => Err("a conflict is being resolved with the partner"),
        P | SD => Err("this server is out of service; resume it first"),
        State::Startup => Err("this server is still starting"),
    }
}

/// Whether clients may be granted anything in this state: then, in RECOVER-WAIT, it counts from here
/// (draft-12 §9.6.2). Not what is extended in RECOVER-DONE: the partner knows of it.
pub(super) fn is_operational(own: State) -> bool {
    matches!(own, N | CI | PD | RI | CD)
}

/// Whether what the partner does not know is told unasked. In the other states ours is not to be
/// trusted yet, or the partner asks for it.
pub(super) fn tells(own: State) -> bool {
    matches!(own, N | CI | PD)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of spec §4.4.
    const COLUMNS: [State; 11] = [N, CI, PD, PC, R, RW, RD, RI, CD, P, SD];

    /// What follows, as spec §4.4 prints it.
    fn picture(by: Rules) -> String {
        let short = |state: State| {
            let names = ["N", "CI", "PD", "PC", "R", "RW", "RD", "RI", "CD", "P", "SD"];
            COLUMNS.iter().position(|column| *column == state).map_or("?", |index| names[index])
        };
        let mut picture = String::new();
        for own in [N, CI, PD, R, RW, RD, PC, RI, CD, P, SD] {
            picture += &format!("{:<2}:", short(own));
            for partner in COLUMNS {
                let cell = match on_partner_state(own, partner, by) {
                    Stay => "-",
                    Repeat => "!",
                    To(next) => short(next),
                };
                picture += &format!(" {cell:<2}");
            }
            picture.truncate(picture.trim_end().len());
            picture.push('\n');
        }
        picture
    }

    /// draft-12 figure 9.2-1, §9.4.3, §9.5.2, §9.7.2, §9.8.4, §9.9.3, §9.10-9.12.
    #[test]
    fn every_pair_of_states_leads_where_the_draft_says() {
        //   N  CI PD PC R  RW RD RI CD P  SD
        let table = "\
N : -  !  PC PC CI CI !  PC PC CI PD
CI: N  N  PC PC -  -  N  PC PC -  PD
PD: PC PC PC PC -  -  N  PC PC -  -
R : -  -  -  PC -  -  -  PC PC -  -
RW: -  -  -  -  -  -  -  -  -  -  -
RD: N  -  -  PC -  -  N  -  PC -  -
PC: -  -  -  -  -  -  -  -  -  -  -
RI: PC PC PC PC PC PC PC PC PC PC PC
CD: N  -  -  -  -  -  -  -  -  -  -
P : -  -  -  -  -  -  -  -  -  -  -
SD: -  -  -  -  -  -  -  -  -  -  -
";
        assert_eq!(picture(Rules::Draft), table);
    }

    /// Spec §4.5.
    #[test]
    fn a_dhcpd_in_recover_done_is_shown_normal_wherever_we_are() {
        //   N  CI PD PC R  RW RD RI CD P  SD
        let table = "\
N : -  !  PC PC CI CI !  PC PC CI PD
CI: N  N  PC PC -  -  N  PC PC -  PD
PD: PC PC PC PC -  -  N  PC PC -  -
R : -  -  -  PC -  -  -  PC PC -  -
RW: -  -  -  -  -  -  -  -  -  -  -
RD: N  -  -  PC -  -  N  -  PC -  -
PC: -  -  -  -  -  -  N  -  -  -  -
RI: PC PC PC PC PC -  N  PC PC PC PC
CD: N  -  -  -  -  -  N  -  -  -  -
P : -  -  -  -  -  -  -  -  -  -  -
SD: -  -  -  -  -  -  -  -  -  -  -
";
        assert_eq!(picture(Rules::Dhcpd), table);
    }

    /// RFC 8156 §8.3-8.11 (spec v6 §9.3), which has neither PAUSED nor SHUTDOWN.
    #[test]
    fn every_pair_of_states_leads_where_rfc_8156_says() {
        //   N  CI PD PC R  RW RD RI CD
        let table = "\
N : -  -  PC PC CI CI -  PC -
CI: N  N  PC PC -  -  N  PC PC
PD: PC PC PC PC -  -  N  PC PC
R : -  -  -  PC -  -  -  PC PC
RW: -  -  -  -  -  -  -  -  -
RD: N  -  -  PC CI CI N  PC PC
PC: -  -  -  -  -  -  -  -  -
RI: PC PC PC PC PC PC PC PC PC
CD: N  -  PC -  -  -  -  -  -
";
        let rows = picture(Rules::Rfc8156);
        let of_both = |row: &str| row.chars().take(30).collect::<String>().trim_end().to_owned();
        let rows: Vec<_> = rows.lines().take(9).map(of_both).collect();
        assert_eq!(rows.join("\n") + "\n", table);
    }

    #[test]
    fn every_pair_of_states_stands_in_the_table_once() {
        for own in COLUMNS {
            for partner in COLUMNS {
                let rows = ON_PARTNER_STATE.iter();
                let count = rows.filter(|row| row.0 == own && row.1.contains(&partner)).count();
                assert_eq!(count, 1, "{own} {partner}");
            }
        }
    }

    /// Spec §4.4, column "link lost", and what we add to it.
    #[test]
    fn the_loss_of_the_link_ends_the_states_that_need_it() {
        for state in COLUMNS {
            let next = match state {
                N => CI,
                PC => RI,
                RW | RD => R,
                same => same,
            };
            assert_eq!(on_link_lost(state, Protocol::Dhcpv4), next);
            let recovers = matches!(state, RW | RD);
            let next = if recovers { state } else { next };
            assert_eq!(on_link_lost(state, Protocol::Dhcpv6), next, "RFC 8156 §8.6.2, §8.7.2");
        }
    }

    /// Spec §4.4, column "UPDDONE".
    #[test]
    fn updates_done_ends_recover_and_each_half_of_a_conflict() {
        for state in COLUMNS {
            for role in [Role::Primary, Role::Secondary] {
                let next = match (state, role) {
                    (R, _) => Some(RW),
                    (PC, Role::Primary) => Some(CD),
                    (PC, Role::Secondary) => Some(N),
                    _ => None,
                };
                assert_eq!(on_updates_done(state, role, true), next);
            }
        }
        assert_eq!(on_updates_done(R, Role::Primary, false), Some(RD));
    }

    /// Spec §4.4, column "operator", and what we add to it.
    #[test]
    fn an_operator_may_say_that_the_partner_is_down_where_nothing_is_lost_by_it() {
        for state in COLUMNS {
            let linked = on_partner_down(state, true).is_ok();
            assert_eq!(linked, matches!(state, N | CI | RI), "{state}");
            let cut = on_partner_down(state, false).is_ok();
            assert_eq!(cut, matches!(state, N | CI | RI | CD), "{state}");
        }
    }
}
