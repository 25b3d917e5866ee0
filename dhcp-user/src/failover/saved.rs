//! What an endpoint must remember over a restart (draft-12 §9.2; spec §4.1).

use super::settings::{Role, Settings};
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// What an endpoint must remember over a restart.
///
/// ```text
///  0 version     1 state      2 previous   3 partner (0: none)   4 flags
///  5 since       9 partner since          13 operational        17 contact      21 MCLT
/// 25 longest MCLT            29 forgotten 33 addresses          41 role (0: unknown)
/// ```
/// Times are whole seconds, integers big-endian. Flags: 1 owes all, 2 wants all, 4 compares. Version 1
/// ends with MCLT: what it lacks is unknown, and taken to be as it is configured.
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
    /// The MCLT that both servers are known to have; before they ever met, our own.
    pub mclt: Seconds,
    /// The largest MCLT by which either may have granted what the other does not know yet: what is
    /// waited for.
    pub longest_mclt: Seconds,
    /// Up to when leases may have been granted here that are not on this disk; `ZERO`: never.
    pub forgotten: Stamp,
    /// Which addresses are shared, as [`Settings::addresses`](super::Settings::addresses) puts it, and
    /// the partner has been told of; `None`: unknown.
    pub addresses: Option<u64>,
    /// Which of the two we were; `None`: unknown.
    pub role: Option<Role>,
    /// An UPDREQALL of the partner's is not yet answered in full: until it is, an UPDREQ is answered
    /// as one (draft-12 §5.17).
    pub owes_all: bool,
    /// Bindings may be missing here, so everything must be asked for, and not only what the partner
    /// has not told (draft-12 §5.16).
    pub wants_all: bool,
    /// In RECOVER or RECOVER-DONE only because other addresses are shared than before: nothing was
    /// forgotten here.
    pub compares: bool,
}

impl Saved {
    /// How many octets it takes.
    pub const LEN: usize = 42;
    /// The version of the picture above.
    const VERSION: u8 = 2;
    /// How many octets version 1 takes.
    const LEN_1: usize = 25;

    /// An endpoint that starts without a record of an earlier life: its disk may be another one.
    #[must_use]
    pub fn nothing(now: Stamp, settings: &Settings) -> Self {
        Self {
            state: State::Recover,
            since: now,
            previous: None,
            partner: None,
            partner_since: Stamp::ZERO,
            operational: now,
            contact: Stamp::ZERO,
            mclt: settings.terms.mclt,
            longest_mclt: settings.terms.mclt,
            forgotten: now,
            addresses: Some(Settings::NO_ADDRESSES),
            role: Some(settings.terms.role),
            owes_all: false,
            wants_all: true,
            compares: false,
        }
    }

    /// A server that has been in NORMAL with its partner from `since` until `now`, and knows
    /// everything.
    #[must_use]
    pub fn in_normal(since: Stamp, now: Stamp, mclt: Seconds) -> Self {
        Self {
            state: State::Normal,
            since,
            previous: None,
            partner: Some(State::Normal),
            partner_since: since,
            operational: now,
            contact: now,
            mclt,
            longest_mclt: mclt,
            forgotten: Stamp::ZERO,
            addresses: None,
            role: None,
            owes_all: false,
            wants_all: false,
            compares: false,
        }
    }

    /// As it is stored while the server serves without this partner: whatever becomes of the addresses
    /// meanwhile, the partner has not been told.
    #[must_use]
    pub fn left(self) -> Self {
        Self { addresses: Some(Settings::NO_ADDRESSES), ..self }
    }

    /// As it is stored.
    #[must_use]
    pub fn to_octets(self) -> [u8; Self::LEN] {
        let number = |state: Option<State>| state.map_or(0, |state| state as u8);
        let flags = [self.owes_all, self.wants_all, self.compares];
        let flags = (0..).zip(flags).map(|(bit, is_set)| u8::from(is_set) << bit).sum();
        let mut octets = [0; Self::LEN];
        octets[..5].copy_from_slice(&[
            Self::VERSION,
            self.state as u8,
            number(self.previous),
            number(self.partner),
            flags,
        ]);
        let times = [self.since, self.partner_since, self.operational, self.contact];
        let times = times.map(|time| time.0);
        let words = times.into_iter().chain([self.mclt.0, self.longest_mclt.0, self.forgotten.0]);
        for (place, word) in octets[5..33].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets[33..41].copy_from_slice(&self.addresses.unwrap_or(0).to_be_bytes());
        octets[41] = match self.role {
            None => 0,
            Some(Role::Primary) => 1,
            Some(Role::Secondary) => 2,
        };
        octets
    }

    /// What was stored.
    ///
    /// # Errors
    /// In words, for whoever starts the server: another version wrote it, or it is damaged.
    pub fn from_octets(octets: &[u8]) -> Result<Self, String> {
        let Some(&version) = octets.first() else {
            return Err("the state of a failover endpoint in no octets".to_owned());
        };
        let len = match version {
            1 => Self::LEN_1,
            Self::VERSION => Self::LEN,
            _ => {
                return Err(format!(
                    "the state of a failover endpoint in version {version}; this program knows 1 \
                     to {}",
                    Self::VERSION
                ));
            }
        };
        let mut whole = [0; Self::LEN];
        if octets.len() != len {
            return Err(format!("the state of a failover endpoint in {} octets", octets.len()));
        }
        whole[..len].copy_from_slice(octets);
        let [_, own, previous, partner, flags, ref rest @ ..] = whole;
        let (words, rest) = rest.as_chunks::<4>();
        let &[since, partner_since, operational, contact, mclt, longest, forgotten, high, low] =
            words
        else {
            return Err("the state of a failover endpoint cut short".to_owned());
        };
        let most = if version == 1 { 3 } else { 7 };
        let role = match rest {
            _ if flags & !most != 0 => {
                return Err("the state of a failover endpoint with more than there is".to_owned());
            }
            [0] => None,
            [1] => Some(Role::Primary),
            [2] => Some(Role::Secondary),
            _ => return Err("a failover endpoint in a role that is none".to_owned()),
        };
        let stamp = |octets| Stamp(u32::from_be_bytes(octets));
        let seconds = |octets| Seconds(u32::from_be_bytes(octets));
        let addresses =
            u64::from(u32::from_be_bytes(high)) << 32 | u64::from(u32::from_be_bytes(low));
        let mut saved = Self {
            state: state(own)?,
            since: stamp(since),
            previous: if previous == 0 { None } else { Some(state(previous)?) },
            partner: if partner == 0 { None } else { Some(state(partner)?) },
            partner_since: stamp(partner_since),
            operational: stamp(operational),
            contact: stamp(contact),
            mclt: seconds(mclt),
            longest_mclt: seconds(longest),
            forgotten: stamp(forgotten),
            addresses: Some(addresses).filter(|addresses| *addresses != 0),
            role,
            owes_all: flags & 1 != 0,
            wants_all: flags & 2 != 0,
            compares: flags & 4 != 0,
        };
        if version == 1 {
            saved.longest_mclt = saved.mclt;
            // A disk that was lost is in RECOVER from its first start on.
            let is_lost = saved.state == State::Recover && saved.wants_all;
            saved.forgotten = if is_lost { saved.operational } else { Stamp::ZERO };
        }
        Ok(saved)
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
        let more = (any::<Option<bool>>(), prop::option::of(1..=u64::MAX));
        (states, any::<[u32; 7]>(), any::<[bool; 3]>(), more).prop_map(
            |(states, words, flags, more)| Saved {
                state: states.0,
                since: Stamp(words[0]),
                previous: states.1,
                partner: states.2,
                partner_since: Stamp(words[1]),
                operational: Stamp(words[2]),
                contact: Stamp(words[3]),
                mclt: Seconds(words[4]),
                longest_mclt: Seconds(words[5]),
                forgotten: Stamp(words[6]),
                addresses: more.1,
                role: more.0.map(|first| if first { Role::Primary } else { Role::Secondary }),
                owes_all: flags[0],
                wants_all: flags[1],
                compares: flags[2],
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_stored_is_found_again(saved in saved()) {
            prop_assert_eq!(Saved::from_octets(&saved.to_octets()), Ok(saved));
        }

        #[test]
        fn octets_that_are_read_are_what_would_be_stored(octets in any::<Vec<u8>>()) {
            let saved = Saved::from_octets(&octets);
            if let Some(saved) = saved.ok().filter(|_| octets[0] == Saved::VERSION) {
                prop_assert_eq!(&saved.to_octets()[..], &octets[..]);
            }
        }

        #[test]
        fn a_cut_or_another_version_is_an_error(saved in saved(), cut in 0..Saved::LEN, version in 3u8..) {
            let mut octets = saved.to_octets();
            prop_assert!(Saved::from_octets(&octets[..cut]).is_err());
            octets[0] = version;
            let error = Saved::from_octets(&octets).unwrap_err();
            prop_assert!(error.contains(&version.to_string()), "{}", error);
        }
    }

    /// As it stands on disks: NORMAL with a partner in NORMAL, everything asked for.
    #[test]
    fn version_1_is_read_and_says_nothing_of_what_it_did_not_know() {
        let words = [11_u32, 12, 13, 14, 3_600].map(u32::to_be_bytes).concat();
        let saved = |state: State| {
            let octets = [[1, state as u8, 0, State::Normal as u8, 2].as_slice(), &words].concat();
            Saved::from_octets(&octets).unwrap()
        };
        let normal = saved(State::Normal);
        assert_eq!((normal.since, normal.contact, normal.wants_all), (Stamp(11), Stamp(14), true));
        assert_eq!((normal.mclt, normal.longest_mclt), (Seconds(3_600), Seconds(3_600)));
        assert_eq!((normal.addresses, normal.role, normal.compares), (None, None, false));
        assert_eq!(normal.forgotten, Stamp::ZERO);
        assert_eq!(saved(State::Recover).forgotten, Stamp(13), "a lost disk is waited for");
    }
}
