//! What a state means for clients, and what to do about it, for whoever is woken at 3 a.m.

use std::time::Duration;

use crate::cli::amount::amount;
use crate::control::Relationship;
use crate::wire::failover::State;

/// A length of time for people: its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// What the state means for clients, in one sentence and a line.
pub(super) fn meaning(now: &Relationship) -> String {
    let mclt = span(now.mclt_s);
    let own = now.own_available();
    let own_shown = amount(own);
    let text = match now.known_state() {
        Some(State::Startup) => {
            "Nobody is answered yet: the partner is waited for, some seconds at most.".to_owned()
        }
        Some(State::Normal) if now.protocol == "dhcpv6" => {
            "All clients are served: by the primary, and by the secondary those that name it."
                .to_owned()
        }
        Some(State::Normal) => {
            "All clients are served; each server answers its share of the new ones.".to_owned()
        }
        Some(State::CommunicationsInterrupted) if own == 0 => format!(
            "Clients with leases are served, at most {mclt} beyond what the partner knows. NEW CLIENTS \
             GET NOTHING: no free address is left that is this server's to give."
        ),
        Some(State::CommunicationsInterrupted) => format!(
            "All clients are served: leases reach at most {mclt} beyond what the partner knows, and \
             new clients get one of the {own_shown} addresses that are this server's to give."
        ),
        Some(State::PartnerDown) => match now.waits_s {
            Some(left) if left > 0 && own == 0 => format!(
                "Clients with leases are served by this server alone. NEW CLIENTS GET NOTHING: its own \
                 free addresses are gone, and the partner's may be given in {}.",
                span(left)
            ),
            Some(left) if left > 0 => format!(
                "All clients are served by this server alone, from its own {own_shown} free addresses; in \
                 {} also from the partner's.",
                span(left)
            ),
            _ => "All clients are served by this server alone, from all addresses.".to_owned(),
        },
        Some(State::PotentialConflict) => {
            "Nobody is answered until the two servers have compared their leases, which takes \
             seconds."
                .to_owned()
        }
        Some(State::ResolutionInterrupted) => {
            "All clients are served with what is known; the comparison of leases was interrupted."
                .to_owned()
        }
        Some(State::ConflictDone) => {
            "All clients are served; the partner still takes over what it did not know.".to_owned()
        }
        Some(State::Recover) => {
            "Nobody is answered here: this server asks the partner for the leases it lacks."
                .to_owned()
        }
        Some(State::RecoverWait) => format!(
            "Nobody is answered here {}: a lease that this server may have given and forgotten could \
             still be in use; the partner serves.",
            now.waits_s
                .map_or_else(|| format!("for up to {mclt}"), |left| format!("for {}", span(left)))
        ),
        Some(State::RecoverDone) => {
            "Renewals are answered; new clients are, once the partner agrees.".to_owned()
        }
        Some(State::Paused) => {
            "Nobody is answered here: an operator paused this server.".to_owned()
        }
        Some(State::Shutdown) => {
            "Nobody is answered here: this server is out of service, and the partner serves alone."
                .to_owned()
        }
        None => format!("This version does not know the state {:?}.", now.state),
    };
    text + "\n"
}

/// What to do; empty if nothing is. `server` are the arguments that find the server: commands are to be
/// pasted.
pub(super) fn what_to_do(now: &Relationship, server: &str) -> String {
    let name = &now.name;
    let linked = now.is_linked();
    let resume =
        format!("`tandem failover resume --name {name}{server}` when it shall serve again.");
    let partner_rests = now
        .partner_state
        .as_deref()
        .is_some_and(|state| [State::Paused, State::Shutdown].map(State::name).contains(&state));
    match now.known_state() {
        Some(State::CommunicationsInterrupted | State::ResolutionInterrupted) if !linked => {
            let mut text = format!(
                "Bring back the partner, or the link to {}. ONLY if the partner is off and stays off: \
                 `tandem failover partner-down --name {name}{server}`. {}",
                now.partner,
                if_partner_down(now)
            );
            if let Some(period) = now.safe_period_s {
                let by_itself = match now.waits_s {
                    Some(left) => format!(" That happens by itself in {}", span(left)),
                    None => format!(" That happens by itself after {}", span(period)),
                };
                text += &format!("{by_itself} (safe-period), whether or not it is off.");
            }
            text
        }
        Some(State::PartnerDown | State::CommunicationsInterrupted) if partner_rests => format!(
            "The partner is out of service by an operator's word: say `tandem failover resume` there when \
             it shall serve again. {}",
            if linked { String::new() } else { unheard(now) }
        ),
        Some(State::PartnerDown) if linked => {
            "Nothing: the partner is back and fetches what it missed.".to_owned()
        }
        Some(State::PartnerDown) => format!(
            "Repair the partner and start it: it fetches what it missed from here. Never say \
             partner-down there as well. {}",
            unheard(now)
        ),
        Some(State::Startup) if !linked && now.last_refusal.is_some() => {
            "See the refusal below: without a link this server goes on alone as it was before."
                .to_owned()
        }
        Some(State::Recover | State::RecoverDone) if !linked => format!(
            "Start the partner {}, or repair the link to it: this server cannot go on without.{}",
            now.partner,
            match now.partner_state {
                Some(_) => "",
                None => " If there never was a partner: `start-alone = true`, and start again.",
            }
        ),
        Some(State::ConflictDone) if !linked => format!("Repair the link to {}.", now.partner),
        Some(State::Paused | State::Shutdown) => resume,
        _ => String::new(),
    }
}

/// What stands before the question of `partner-down`.
pub(super) fn before_partner_down(now: &Relationship) -> String {
    format!(
        "{}: this server is in {}. {}\n{}\n\
         If the partner still serves, addresses will be given to two clients at once.\n",
        now.name,
        now.state,
        unheard(now),
        if_partner_down(now)
    )
}

/// What happens then.
fn if_partner_down(now: &Relationship) -> String {
    format!(
        "Then leases still reach at most {mclt} (MCLT) beyond what it acknowledged, its free \
         addresses are given away from {mclt} later on, and addresses of ended leases too. {}",
        unheard(now),
        mclt = span(now.mclt_s)
    )
}

fn unheard(now: &Relationship) -> String {
    let state = now.partner_state.as_deref().unwrap_or("no state known");
    match now.last_contact_age_s {
        Some(age) => format!("The partner has not been heard for {} (then {state}).", span(age)),
        None => "The partner has not been heard since this server started.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::relationship::Pool;

    fn interrupted() -> Relationship {
        Relationship {
            name: "metro".into(),
            role: "secondary".into(),
            state: State::CommunicationsInterrupted.name().into(),
            communications: "interrupted".into(),
            partner: "192.0.2.1:647".into(),
            partner_state: Some("normal".into()),
            last_contact_age_s: Some(755),
            mclt_s: 3_600,
            pools: vec![Pool { free: 90, backup: 41, ..Pool::default() }],
            ..Relationship::default()
        }
    }

    #[test]
    fn every_state_has_a_meaning_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for state in State::ALL {
            let now = Relationship { state: state.name().into(), ..interrupted() };
            let text = meaning(&now);
            assert!(!text.contains("does not know"), "{state}");
            assert!(seen.insert(text), "{state} reads like another");
        }
    }

    #[test]
    fn an_interruption_tells_what_is_left_and_when_partner_down_is_right() {
        let now = interrupted();
        assert!(meaning(&now).contains("one of the 41 addresses"), "{}", meaning(&now));
        let advice = what_to_do(&now, " --config t.toml");
        for part in
            ["partner-down --name metro --config t.toml`", "ONLY if", "12m 35s", "1h (MCLT)"]
        {
            assert!(advice.contains(part), "no {part:?} in: {advice}");
        }
        assert!(!advice.contains("safe-period"), "{advice}");
    }

    #[test]
    fn new_clients_that_get_nothing_are_not_all_clients() {
        let own_gone =
            Relationship { pools: vec![Pool { free: 90, ..Pool::default() }], ..interrupted() };
        assert!(meaning(&own_gone).contains("NEW CLIENTS GET NOTHING"), "{}", meaning(&own_gone));
        let alone =
            Relationship { state: State::PartnerDown.name().into(), waits_s: Some(69), ..own_gone };
        for part in ["NEW CLIENTS GET NOTHING", "1m 9s"] {
            assert!(meaning(&alone).contains(part), "{}", meaning(&alone));
        }
    }

    #[test]
    fn a_partner_that_an_operator_put_out_of_service_is_not_waited_for() {
        for communications in ["ok", "interrupted"] {
            let now = Relationship {
                state: State::PartnerDown.name().into(),
                communications: communications.into(),
                partner_state: Some(State::Shutdown.name().into()),
                ..interrupted()
            };
            let advice = what_to_do(&now, "");
            assert!(advice.contains("resume` there"), "{advice}");
        }
    }

    #[test]
    fn nothing_is_to_do_while_all_is_well() {
        let normal = Relationship {
            state: State::Normal.name().into(),
            communications: "ok".into(),
            ..interrupted()
        };
        assert_eq!(what_to_do(&normal, ""), "");
    }
}
