//! What an operator may want of a relationship: its names, and when it makes no sense.

use serde::{Deserialize, Serialize};

use super::relationship::Relationship;
use crate::failover::Command;
use crate::lease::Resource;
use crate::wire::failover::State;

/// What an operator may want, as arguments and addresses have it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// The partner is down, and does not serve.
    PartnerDown,
    /// Stop serving for a while.
    Pause,
    /// Serve again.
    Resume,
    /// The server ends and comes back soon.
    Shutdown,
    /// Tell the partner everything again.
    Resync,
    /// Free an address whatever it is used for.
    Reset,
}

/// What goes with a [`Wish`]: the query string of its request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The address or prefix to free.
    #[serde(default, with = "as_text")]
    pub address: Option<Resource>,
}

/// A resource as people write it.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::lease::Resource;

    pub(super) fn serialize<S: Serializer>(
        resource: &Option<Resource>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match resource {
            Some(resource) => serializer.collect_str(resource),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Resource>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

impl Wish {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::PartnerDown, Self::Pause, Self::Resume, Self::Shutdown, Self::Resync, Self::Reset];

    /// As arguments and addresses have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PartnerDown => "partner-down",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Shutdown => "shutdown",
            Self::Resync => "resync",
            Self::Reset => "reset",
        }
    }

    /// The endpoint's command.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn command(self, details: Details) -> Result<Command, String> {
        Ok(match self {
            Self::PartnerDown => Command::PartnerDown,
            Self::Pause => Command::Pause,
            Self::Resume => Command::Resume,
            Self::Shutdown => Command::Shutdown,
            Self::Resync => Command::Resynchronise,
            Self::Reset => Command::Reset(details.address.ok_or("reset needs an address")?),
        })
    }

    /// Why this makes no sense as things are, with what would; `None` if it does.
    #[must_use]
    pub fn objection(self, now: &Relationship, details: Details) -> Option<String> {
        let state = now.known_state()?;
        let resting = matches!(state, State::Paused | State::Shutdown);
        match self {
            Self::PartnerDown => partner_down(now, state),
            Self::Pause | Self::Shutdown if resting => {
                Some(format!("this server is in {state} already: `resume` ends that"))
            }
            Self::Pause | Self::Shutdown if state == State::Startup => Some(starting(now)),
            Self::Resume if !resting => {
                Some(format!("there is nothing to resume: this server is in {state}"))
            }
            Self::Resync if !now.is_linked() => {
                Some(format!("{} is not heard: all it must know waits for it already", now.partner))
            }
            Self::Reset => not_shared(now, details.address?),
            _ => None,
        }
    }
}

/// draft-12 §4.4 lets an operator say so in NORMAL too; a partner that can be heard is not down.
fn partner_down(now: &Relationship, state: State) -> Option<String> {
    if state == State::PartnerDown {
        return Some("this server is in partner-down already".to_owned());
    }
    if now.is_linked() {
        let partner = now.partner_state.as_deref().unwrap_or("an unknown state");
        return Some(format!(
            "the partner {} is heard, and in {partner}: it is not down. If it must not serve, stop \
             it first; if it hangs, wait for `receive-timer`",
            now.partner
        ));
    }
    match state {
        State::Startup => Some(starting(now)),
        State::Paused | State::Shutdown => {
            Some(format!("this server is in {state}: `resume` first"))
        }
        State::Recover | State::RecoverWait => Some(format!(
            "this server is in {state}: it would give leases again that only the partner knows"
        )),
        _ => None,
    }
}

fn starting(now: &Relationship) -> String {
    format!("this server has just started and waits for {}: try again in a moment", now.partner)
}

fn not_shared(now: &Relationship, resource: Resource) -> Option<String> {
    let holds = |first: &str, last: &str| {
        let resource_of = |text: &str| text.parse::<Resource>().ok();
        resource_of(first)
            .zip(resource_of(last))
            .is_some_and(|(first, last)| (first..=last).contains(&resource))
    };
    let shared = now.pools.iter().any(|pool| holds(&pool.first, &pool.last));
    (!shared).then(|| format!("{resource} is in no pool of {:?}", now.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::relationship::Pool;

    fn in_state(state: State, communications: &str) -> Relationship {
        Relationship {
            name: "metro".into(),
            state: state.name().into(),
            partner: "192.0.2.2:647".into(),
            communications: communications.into(),
            pools: vec![Pool {
                first: "10.0.0.1".into(),
                last: "10.0.0.9".into(),
                ..Pool::default()
            }],
            ..Relationship::default()
        }
    }

    fn objects(wish: Wish, state: State, communications: &str) -> bool {
        wish.objection(&in_state(state, communications), Details::default()).is_some()
    }

    #[test]
    fn a_partner_that_is_heard_is_not_down() {
        for state in State::ALL {
            assert!(objects(Wish::PartnerDown, state, "ok"), "{state}");
        }
        for state in [State::CommunicationsInterrupted, State::ResolutionInterrupted] {
            assert!(!objects(Wish::PartnerDown, state, "interrupted"), "{state}");
        }
        use State::{PartnerDown, Paused, Recover, RecoverWait, Shutdown, Startup};
        for state in [PartnerDown, Startup, Paused, Shutdown, Recover, RecoverWait] {
            assert!(objects(Wish::PartnerDown, state, "interrupted"), "{state}");
        }
    }

    #[test]
    fn only_what_rests_resumes_and_only_what_does_not_rests() {
        for state in State::ALL.into_iter().filter(|&state| state != State::Startup) {
            let rests = matches!(state, State::Paused | State::Shutdown);
            assert_eq!(objects(Wish::Resume, state, "ok"), !rests, "{state}");
            assert_eq!(objects(Wish::Pause, state, "ok"), rests, "{state}");
            assert_eq!(objects(Wish::Shutdown, state, "ok"), rests, "{state}");
        }
    }

    #[test]
    fn an_address_that_is_not_shared_cannot_be_reset() {
        let now = in_state(State::Normal, "ok");
        let reset = |last| {
            let details = Details { address: Some(std::net::Ipv4Addr::new(10, 0, 0, last).into()) };
            Wish::Reset.objection(&now, details)
        };
        assert_eq!((reset(1), reset(9)), (None, None));
        assert!(reset(10).is_some_and(|text| text.contains("10.0.0.10")));
        assert!(Wish::Reset.command(Details::default()).is_err());
    }

    #[test]
    fn a_wish_is_called_the_same_everywhere() {
        for wish in Wish::ALL {
            let json = serde_json::to_string(&wish).unwrap();
            assert_eq!(json, format!("{:?}", wish.name()));
        }
    }
}
