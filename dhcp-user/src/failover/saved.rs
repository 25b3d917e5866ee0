//! What an endpoint must remember over a restart (draft-12 §9.2; spec §4.1).

use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// What an endpoint must remember over a restart.
///
/// ```text
///  0 version     1 state      2 previous   3 partner (0: none)   4 flags
///  5 since       9 partner since          13 operational        17 contact      21 MCLT
/// ```
/// Times are whole seconds, integers big-endian. Flags: 1 owes all, 2 wants all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Saved {
    /// Own state; never STARTUP.
    pub state: State,
    /// Since when.
    pub since: Stamp,
    /// The state before PAUSED or SHUTDOWN.
    pub previous: Option<State>,
    /// The partner's state as last told; `None`: it was never heard.
    pub partner: Option<State>,
    /// Since when it has it, by its own word.
    pub partner_since: Stamp,
    /// Last time we were operational, a minute old at the most.
    pub operational: Stamp,
    /// Last time the link was up, a minute old at the most while it is.
    pub contact: Stamp,
    /// MCLT in force.
    pub mclt: Seconds,
    /// An UPDREQALL of the partner's is not yet answered in full: until it is, an UPDREQ is answered
    /// as one (draft-12 §5.17).
    pub owes_all: bool,
    /// Bindings may be missing here, so everything must be asked for, and not only what the partner
    /// has not told (draft-12 §5.16).
    pub wants_all: bool,
}

impl Saved {
    /// How many octets it takes.
    pub const LEN: usize = 25;
    /// The version of the picture above.
    const VERSION: u8 = 1;

    /// As it is stored.
    #[must_use]
    pub fn to_octets(self) -> [u8; Self::LEN] {
        let number = |state: Option<State>| state.map_or(0, |state| state as u8);
        let flags = u8::from(self.owes_all) | u8::from(self.wants_all) << 1;
        let mut octets = [0; Self::LEN];
        octets[..5].copy_from_slice(&[
            Self::VERSION,
            self.state as u8,
            number(self.previous),
            number(self.partner),
            flags,
        ]);
        let words =
            [self.since.0, self.partner_since.0, self.operational.0, self.contact.0, self.mclt.0];
        for (place, word) in octets[5..].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }

    /// What was stored.
    ///
    /// # Errors
    /// In words, for whoever starts the server: another version wrote it, or it is damaged.
    pub fn from_octets(octets: &[u8]) -> Result<Self, String> {
        let &[version, own, previous, partner, flags, ref times @ ..] = octets else {
            return Err(format!("the state of a failover endpoint in {} octets", octets.len()));
        };
        if version != Self::VERSION {
            return Err(format!(
                "the state of a failover endpoint in version {version}; this program knows {}",
                Self::VERSION
            ));
        }
        let (words, rest) = times.as_chunks::<4>();
        let &[since, partner_since, operational, contact, mclt] = words else {
            return Err(format!("the state of a failover endpoint in {} octets", octets.len()));
        };
        if !rest.is_empty() || flags & !3 != 0 {
            return Err("the state of a failover endpoint with more than there is".to_owned());
        }
        let stamp = |octets| Stamp(u32::from_be_bytes(octets));
        Ok(Self {
            state: state(own)?,
            since: stamp(since),
            previous: if previous == 0 { None } else { Some(state(previous)?) },
            partner: if partner == 0 { None } else { Some(state(partner)?) },
            partner_since: stamp(partner_since),
            operational: stamp(operational),
            contact: stamp(contact),
            mclt: Seconds(u32::from_be_bytes(mclt)),
            owes_all: flags & 1 != 0,
            wants_all: flags & 2 != 0,
        })
    }
}

fn state(octet: u8) -> Result<State, String> {
    State::from_octet(octet)
        .filter(|state| *state != State::Startup)
        .ok_or_else(|| format!("a failover endpoint in state {octet}, which is none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn a_state() -> impl Strategy<Value = State> {
        prop::sample::select(&State::ALL[1..])
    }

    fn saved() -> impl Strategy<Value = Saved> {
        let states = (a_state(), prop::option::of(a_state()), prop::option::of(a_state()));
        (states, any::<[u32; 5]>(), any::<[bool; 2]>()).prop_map(|(states, words, flags)| Saved {
            state: states.0,
            since: Stamp(words[0]),
            previous: states.1,
            partner: states.2,
            partner_since: Stamp(words[1]),
            operational: Stamp(words[2]),
            contact: Stamp(words[3]),
            mclt: Seconds(words[4]),
            owes_all: flags[0],
            wants_all: flags[1],
        })
    }

    proptest! {
        #[test]
        fn what_is_stored_is_found_again(saved in saved()) {
            prop_assert_eq!(Saved::from_octets(&saved.to_octets()), Ok(saved));
        }

        #[test]
        fn octets_that_are_read_are_what_would_be_stored(octets in any::<Vec<u8>>()) {
            if let Ok(saved) = Saved::from_octets(&octets) {
                prop_assert_eq!(&saved.to_octets()[..], &octets[..]);
            }
        }

        #[test]
        fn a_cut_or_another_version_is_an_error(saved in saved(), cut in 0..Saved::LEN, version in 2u8..) {
            let mut octets = saved.to_octets();
            prop_assert!(Saved::from_octets(&octets[..cut]).is_err());
            octets[0] = version;
            let error = Saved::from_octets(&octets).unwrap_err();
            prop_assert!(error.contains(&version.to_string()), "{}", error);
        }
    }
}
