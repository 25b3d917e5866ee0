//! Lease times at one level of the configuration: read, inherited, and held against each other.

use super::model::{Parameters, Protocol};
use super::notebook::Notebook;
use super::reader::{Placed, Section, Value};
use crate::wire::Seconds;

/// The times that hold at one level, its own and those of the wider levels, with their places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// The only protocol that they are for.
    protocol: Option<Protocol>,
    lease: Bounded,
    preferred: Bounded,
    renew: Option<Placed<u16>>,
    rebind: Option<Placed<u16>>,
}

/// What a client gets that asks for nothing, and the least and most it gets whatever it asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Bounded {
    usual: Option<Placed<Seconds>>,
    shortest: Option<Placed<Seconds>>,
    longest: Option<Placed<Seconds>>,
}

/// The keys of the three.
type Keys = [&'static str; 3];
const LEASE: Keys = ["lease-time", "min-lease-time", "max-lease-time"];
const PREFERRED: Keys = ["preferred-time", "min-preferred-time", "max-preferred-time"];

impl Times {
    /// Before anything was said, for the only protocol of the file if it has one alone.
    pub(super) fn of(protocol: Option<Protocol>) -> Self {
        Self { protocol, ..Self::default() }
    }

    /// Reads a level's own times into `parameters`, notes what cannot be together with those of the
    /// wider level, and gives back what holds here.
    pub(super) fn read(
        section: &mut Section<'_>,
        wider: &Self,
        parameters: &mut Parameters,
        notes: &Notebook,
    ) -> Self {
        let own = Self {
            protocol: section.protocol,
            lease: Bounded::of(LEASE.map(|key| section.take(key))),
            preferred: Bounded::of(PREFERRED.map(|key| section.take_of(Protocol::Dhcpv6, key))),
            renew: section.take("renew-permille").and_then(share),
            rebind: section.take("rebind-permille").and_then(share),
        };
        let value = |time: Option<Placed<Seconds>>| time.map(|time| time.value);
        parameters.lease_time = value(own.lease.usual);
        parameters.min_lease_time = value(own.lease.shortest);
        parameters.max_lease_time = value(own.lease.longest);
        parameters.preferred_time = value(own.preferred.usual);
        parameters.min_preferred_time = value(own.preferred.shortest);
        parameters.max_preferred_time = value(own.preferred.longest);
        parameters.renew_permille = own.renew.map(|share| share.value);
        parameters.rebind_permille = own.rebind.map(|share| share.value);
        let here = own.over(wider);
        own.check(&here, notes);
        here
    }

    /// Where it is said that a lease may be shorter than `least`.
    pub(super) fn shorter_than(&self, least: Seconds) -> Option<Placed<Seconds>> {
        let said = [self.lease.usual, self.lease.shortest, self.lease.longest];
        said.into_iter().flatten().find(|time| time.value < least)
    }

    fn over(&self, wider: &Self) -> Self {
        Self {
            protocol: self.protocol.or(wider.protocol),
            lease: self.lease.over(wider.lease),
            preferred: self.preferred.over(wider.preferred),
            renew: self.renew.or(wider.renew),
            rebind: self.rebind.or(wider.rebind),
        }
    }

    /// `self` is what this level says, `here` what holds with the wider levels: a contradiction is
    /// noted where the narrower half of it stands, and not again further in.
    fn check(&self, here: &Self, notes: &Notebook) {
        self.lease.check(&here.lease, LEASE, Parameters::LEASE_TIME, notes);
        let lease = here.lease.usual.map_or(Parameters::LEASE_TIME, |time| time.value);
        let usual = Parameters::preferred_by_default(lease);
        self.preferred.check(&here.preferred, PREFERRED, usual, notes);
        // A narrower level may shorten the lease alone: what is preferred there is cut to it.
        if let Some(preferred) = self.preferred.usual
            && preferred.value > lease
        {
            let message = format!("`preferred-time` is longer than `lease-time` of {lease}");
            let help = "lower it: an address is preferred only while it is valid (RFC 8415 §21.6)";
            notes.mistake(preferred.span, message, help);
        }
        self.check_shares(here, notes);
    }

    fn check_shares(&self, here: &Self, notes: &Notebook) {
        let (rebind_by_default, rule) = match here.protocol {
            Some(Protocol::Dhcpv4) => (Parameters::REBIND_PERMILLE, "RFC 2131 §4.4.5"),
            _ => (Parameters::REBIND_PERMILLE_V6, "RFC 8415 §14.2"),
        };
        let renew = here.renew.map_or(Parameters::RENEW_PERMILLE, |share| share.value);
        let rebind = here.rebind.map_or(rebind_by_default, |share| share.value);
        if let Some(own) = self.renew.or(self.rebind)
            && renew >= rebind
        {
            let message =
                format!("T1 at {renew} permille of the lease is not before T2 at {rebind}");
            let help = format!("`renew-permille` must be less than `rebind-permille` ({rule})");
            notes.mistake(own.span, message, help);
        }
    }
}

impl Bounded {
    fn of(values: [Option<Value<'_>>; 3]) -> Self {
        let [usual, shortest, longest] = values
            .map(|value| value.and_then(|value| some_time(value).map(|time| value.placed(time))));
        Self { usual, shortest, longest }
    }

    fn over(self, wider: Self) -> Self {
        Self {
            usual: self.usual.or(wider.usual),
            shortest: self.shortest.or(wider.shortest),
            longest: self.longest.or(wider.longest),
        }
    }

    /// As [`Times::check`]; `keys` are what the three are called, and `usual` holds where nothing is
    /// said.
    fn check(&self, here: &Self, keys: Keys, usual: Seconds, notes: &Notebook) {
        let [usual_key, shortest_key, longest_key] = keys;
        if let (Some(shortest), Some(longest)) = (here.shortest, here.longest)
            && let Some(own) = self.shortest.or(self.longest)
            && shortest.value > longest.value
        {
            let message = format!(
                "`{shortest_key}` of {} is longer than `{longest_key}` of {}",
                shortest.value, longest.value
            );
            notes.mistake(own.span, message, "no lease can be both");
            return;
        }
        // A narrower level may lower the longest alone: leases there are cut to it.
        if let (Some(usual), Some(longest)) = (self.usual, here.longest)
            && usual.value > longest.value
        {
            let message =
                format!("`{usual_key}` is longer than `{longest_key}` of {}", longest.value);
            notes.mistake(usual.span, message, format!("lower it, or raise `{longest_key}`"));
            return;
        }
        let usual = here.usual.map_or(usual, |time| time.value);
        if let Some(shortest) = here.shortest
            && let Some(own) = self.usual.or(self.shortest).or(self.longest)
            && usual < shortest.value
        {
            let message = format!(
                "`{usual_key}` of {usual} is shorter than `{shortest_key}` of {}",
                shortest.value
            );
            notes.mistake(
                own.span,
                message,
                format!("raise `{usual_key}`, or lower `{shortest_key}`"),
            );
        }
    }
}

/// A length of time that is not nothing.
pub(super) fn some_time(value: Value<'_>) -> Option<Seconds> {
    let time = value.duration()?;
    if time == Seconds(0) {
        return value.wrong("it must be at least one second");
    }
    Some(time)
}

fn share(value: Value<'_>) -> Option<Placed<u16>> {
    value.integer(1..=1000).map(|share| value.placed(share))
}
