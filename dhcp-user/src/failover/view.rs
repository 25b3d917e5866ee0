//! What a state lets the workers do (draft-12 §9; spec §4.2).

use super::settings::{Role, Settings};
use crate::config::model::Protocol;
use crate::lease::{Answers, Owner, Share, Takeover, View};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// What an endpoint's view is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standpoint<'a> {
    pub(super) settings: &'a Settings,
    /// Own state; STARTUP as such.
    pub(super) state: State,
    /// Since when.
    pub(super) since: Stamp,
    /// Up to when the partner may have been told anything; `NEVER` while it is linked.
    pub(super) told_until: Stamp,
    /// What may be granted beyond what the partner knows.
    pub(super) mclt: Seconds,
    /// What is waited for.
    pub(super) longest_mclt: Seconds,
    /// Bit h set: the primary serves clients with hash h.
    pub(super) buckets: [u64; 4],
    /// Whether the partner is heard.
    pub(super) is_heard: bool,
    /// Whether the partner has no address left to give in some pool.
    pub(super) is_partner_starved: bool,
    /// Whether the partner is about to serve again: nothing that is its own is taken any more.
    pub(super) hands_over: bool,
    /// Up to when it counts, if it lets anything be done.
    pub(super) until: Stamp,
}

impl Standpoint<'_> {
    pub(super) fn view(&self) -> View {
        use State::{
            CommunicationsInterrupted, ConflictDone, Normal, PartnerDown, ResolutionInterrupted,
        };
        let is_primary = self.settings.terms.role == Role::Primary;
        let state = self.state;
        let answers = self.answers();
        View {
            until: if answers == Answers::Nobody { Stamp::NEVER } else { self.until },
            answers,
            owner: if is_primary { Owner::Primary } else { Owner::Secondary },
            mclt: Some(self.mclt),
            ends_leases: match state {
                // A dhcpd primary refuses EXPIRED from its secondary (spec §6.2); in DHCPv6 the
                // later word of two that end a lease at once settles it (RFC 8156 §7.5.4).
                Normal => is_primary || self.settings.terms.protocol == Protocol::Dhcpv6,
                CommunicationsInterrupted | PartnerDown | ResolutionInterrupted | ConflictDone => {
                    true
                }
                _ => false,
            },
            takeover: (state == PartnerDown && !self.hands_over).then_some(Takeover {
                since: self.since,
                told_until: self.told_until.max(self.since),
                mclt: self.longest_mclt,
            }),
        }
    }

    fn answers(&self) -> Answers {
        match self.state {
            // RFC 8156 §8.8: the primary answers all, the secondary whoever names it.
            State::Normal if self.settings.terms.protocol == Protocol::Dhcpv6 => {
                match self.settings.terms.role {
                    Role::Primary => Answers::Everybody,
                    Role::Secondary => Answers::Named,
                }
            }
            State::Normal => match self.settings.terms.max_secs {
                // As dhcpd with `load balance max seconds 0` (spec §8.5).
                None => Answers::Everybody,
                max_secs => Answers::Shared(Share {
                    buckets: match self.settings.terms.role {
                        Role::Primary => self.buckets,
                        Role::Secondary => self.buckets.map(|word| !word),
                    },
                    max_secs,
                    is_partner_starved: self.is_partner_starved,
                }),
            },
            State::CommunicationsInterrupted
            | State::PartnerDown
            | State::ResolutionInterrupted
            | State::ConflictDone => Answers::Everybody,
            // RFC 8156 §8.7.2 has it stay here without the link, while the partner goes on in PARTNER-DOWN and
            // waits for no lease that it does not hear of.
            State::RecoverDone if self.is_heard => Answers::Extensions,
            State::RecoverDone => Answers::Nobody,
            State::Startup
            | State::PotentialConflict
            | State::Recover
            | State::RecoverWait
            | State::Paused
            | State::Shutdown => Answers::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::testing;

    fn view(role: Role, state: State) -> View {
        view_of(&testing::settings(role), state)
    }

    fn view_of(settings: &Settings, state: State) -> View {
        standpoint(settings, state).view()
    }

    fn standpoint(settings: &Settings, state: State) -> Standpoint<'_> {
        let [low, high] = [u64::MAX, 0];
        Standpoint {
            settings,
            state,
            since: Stamp(500),
            told_until: Stamp(400),
            mclt: Seconds(60),
            longest_mclt: Seconds(90),
            buckets: [low, low, high, high],
            is_heard: true,
            is_partner_starved: false,
            hands_over: false,
            until: Stamp(900),
        }
    }

    /// draft-12 §9, column "responsive" (spec §4.2), and RFC 8156 §8 (spec v6 §9.2).
    #[test]
    fn who_is_answered_follows_from_the_state() {
        let of_both = |role| [testing::settings(role), testing::settings6(role)];
        for settings in [Role::Primary, Role::Secondary].into_iter().flat_map(of_both) {
            for state in State::ALL {
                let view = view_of(&settings, state);
                let answers = match view.answers {
                    Answers::Nobody => "nobody",
                    Answers::Named => "named",
                    Answers::Extensions => "extensions",
                    Answers::Everybody => "everybody",
                    Answers::Shared(_) => "shared",
                };
                let expected = match state {
                    State::Normal => match (settings.terms.protocol, settings.terms.role) {
                        (Protocol::Dhcpv4, _) => "shared",
                        (Protocol::Dhcpv6, Role::Primary) => "everybody",
                        (Protocol::Dhcpv6, Role::Secondary) => "named",
                    },
                    State::CommunicationsInterrupted
                    | State::PartnerDown
                    | State::ResolutionInterrupted
                    | State::ConflictDone => "everybody",
                    State::RecoverDone => "extensions",
                    _ => "nobody",
                };
                assert_eq!(answers, expected, "{state}");
                assert_eq!(view.until == Stamp::NEVER, expected == "nobody", "{state}");
            }
        }
    }

    /// The partner counts on no lease that it does not hear of: after RECOVER-DONE it may be alone for long.
    #[test]
    fn nobody_is_answered_in_recover_done_without_the_partner() {
        for settings in [testing::settings(Role::Primary), testing::settings6(Role::Secondary)] {
            let of = |state| Standpoint { is_heard: false, ..standpoint(&settings, state) }.view();
            assert_eq!(of(State::RecoverDone).answers, Answers::Nobody);
            assert_eq!(of(State::CommunicationsInterrupted).answers, Answers::Everybody);
        }
    }

    #[test]
    fn each_client_is_of_one_partner_in_normal() {
        let shares = [Role::Primary, Role::Secondary].map(|role| {
            let Answers::Shared(share) = view(role, State::Normal).answers else { panic!() };
            share
        });
        for hash in 0..=u8::MAX {
            let ours = shares.iter().filter(|share| share.is_ours(hash, 0)).count();
            assert_eq!(ours, 1, "{hash}");
        }
        assert!(shares[0].is_ours(0, 0));
    }

    /// Spec §6.2; draft-12 §9.4.2.
    #[test]
    fn times_and_ends_follow_from_the_state() {
        for state in State::ALL {
            for role in [Role::Primary, Role::Secondary] {
                let view = view(role, state);
                let alone = matches!(
                    state,
                    State::CommunicationsInterrupted
                        | State::PartnerDown
                        | State::ResolutionInterrupted
                        | State::ConflictDone
                );
                let ends = alone || (state == State::Normal && role == Role::Primary);
                assert_eq!(view.ends_leases, ends, "{state}");
                let takeover =
                    Takeover { since: Stamp(500), told_until: Stamp(500), mclt: Seconds(90) };
                let takeover = (state == State::PartnerDown).then_some(takeover);
                assert_eq!(view.takeover, takeover, "{state}");
                assert_eq!(view.mclt, Some(Seconds(60)));
            }
        }
    }
}
