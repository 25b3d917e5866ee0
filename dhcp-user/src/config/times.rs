//! Lease times at one level of the configuration: read, inherited, and held against each other.

use super::model::Parameters;
use super::notebook::Notebook;
use super::reader::{Placed, Section, Value};
use crate::wire::Seconds;

/// The times that hold at one level, its own and those of the wider levels, with their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    lease: Option<Placed<Seconds>>,
    shortest: Option<Placed<Seconds>>,
    longest: Option<Placed<Seconds>>,
    renew: Option<Placed<u16>>,
    rebind: Option<Placed<u16>>,
}

impl Times {
    /// Reads a level's own times into `parameters`, notes what cannot be together with those of the
    /// wider level, and gives back what holds here.
    pub(super) fn read(
        section: &mut Section<'_>,
        wider: &Self,
        parameters: &mut Parameters,
        notes: &Notebook,
    ) -> Self {
        let own = Self {
            lease: section.take("lease-time").and_then(lease),
            shortest: section.take("min-lease-time").and_then(lease),
            longest: section.take("max-lease-time").and_then(lease),
            renew: section.take("renew-permille").and_then(share),
            rebind: section.take("rebind-permille").and_then(share),
        };
        parameters.lease_time = own.lease.map(|time| time.value);
        parameters.min_lease_time = own.shortest.map(|time| time.value);
        parameters.max_lease_time = own.longest.map(|time| time.value);
        parameters.renew_permille = own.renew.map(|share| share.value);
        parameters.rebind_permille = own.rebind.map(|share| share.value);
        let here = own.over(wider);
        own.check(&here, notes);
        here
    }

    fn over(&self, wider: &Self) -> Self {
        Self {
            lease: self.lease.or(wider.lease),
            shortest: self.shortest.or(wider.shortest),
            longest: self.longest.or(wider.longest),
            renew: self.renew.or(wider.renew),
            rebind: self.rebind.or(wider.rebind),
        }
    }

    /// `self` is what this level says, `here` what holds with the wider levels: a contradiction is
    /// noted where the narrower half of it stands, and not again further in.
    fn check(&self, here: &Self, notes: &Notebook) {
        self.check_lease(here, notes);
        let renew = here.renew.map_or(Parameters::RENEW_PERMILLE, |share| share.value);
        let rebind = here.rebind.map_or(Parameters::REBIND_PERMILLE, |share| share.value);
        if let Some(own) = self.renew.or(self.rebind)
            && renew >= rebind
        {
            let message =
                format!("T1 at {renew} permille of the lease is not before T2 at {rebind}");
            let help = "`renew-permille` must be less than `rebind-permille` (RFC 2131 §4.4.5)";
            notes.mistake(own.span, message, help);
        }
    }

    fn check_lease(&self, here: &Self, notes: &Notebook) {
        if let (Some(shortest), Some(longest)) = (here.shortest, here.longest)
            && let Some(own) = self.shortest.or(self.longest)
            && shortest.value > longest.value
        {
            let message = format!(
                "`min-lease-time` of {} is longer than `max-lease-time` of {}",
                shortest.value, longest.value
            );
            notes.mistake(own.span, message, "no lease can be both");
            return;
        }
        // A narrower level may lower the longest alone: leases there are cut to it.
        if let (Some(lease), Some(longest)) = (self.lease, here.longest)
            && lease.value > longest.value
        {
            let message =
                format!("`lease-time` is longer than `max-lease-time` of {}", longest.value);
            notes.mistake(lease.span, message, "lower it, or raise `max-lease-time`");
            return;
        }
        let usual = here.lease.map_or(Parameters::LEASE_TIME, |time| time.value);
        if let Some(shortest) = here.shortest
            && let Some(own) = self.lease.or(self.shortest).or(self.longest)
            && usual < shortest.value
        {
            let message = format!(
                "`lease-time` of {usual} is shorter than `min-lease-time` of {}",
                shortest.value
            );
            notes.mistake(own.span, message, "raise `lease-time`, or lower `min-lease-time`");
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

fn lease(value: Value<'_>) -> Option<Placed<Seconds>> {
    some_time(value).map(|time| value.placed(time))
}

fn share(value: Value<'_>) -> Option<Placed<u16>> {
    value.integer(1..=1000).map(|share| value.placed(share))
}
