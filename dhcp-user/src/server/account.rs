//! A new binding in its slot, and the leases of its subscribers counted as it wants.

use super::DropReason;
use super::limit::{LimitSet, Subscriber};
use crate::lease::{
    Binding, BindingStatus, Client, ClientBuilder, Counting, Guard, Limits, Reserved, ResourceId,
    Seen, Table,
};

/// A service that says whom leases are counted for.
pub(super) trait Counts {
    /// The limits that it counts by.
    fn limit_set(&self) -> &LimitSet;

    /// Whom a lease of a client as it is stored is counted for, where anything is limited.
    fn subscribers_of(&self, client: &Client) -> Vec<Subscriber>;

    /// Whom a binding is counted for: nobody, unless it is a lease.
    fn counted(&self, binding: Option<&Binding>) -> Vec<Subscriber> {
        let client = leased_to(binding).filter(|_| !self.limit_set().is_empty());
        client.map_or_else(Vec::new, |client| self.subscribers_of(client))
    }

    /// Counts a lease that was granted earlier.
    fn count(&self, limits: &Limits, binding: &Binding) {
        self.counted(Some(binding)).iter().for_each(|subscriber| subscriber.count(limits));
    }

    /// Takes a lease that ended off the counts; `ended` still names the client that had it.
    fn uncount(&self, limits: &Limits, ended: &Binding) {
        let client = ended.client.as_ref().filter(|_| !self.limit_set().is_empty());
        let subscribers = client.map_or_else(Vec::new, |client| self.subscribers_of(client));
        subscribers.iter().for_each(|subscriber| subscriber.release(limits));
    }
}

/// Where bindings are swapped, and what they are counted by.
#[derive(Debug)]
pub(super) struct Account<'a, S> {
    pub(super) service: &'a S,
    pub(super) table: &'a Table,
    pub(super) limits: &'a Limits,
    pub(super) guard: &'a Guard,
}

/// Places under the limits for one lease.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    /// Counted for the lease that this one replaces.
    kept: Vec<Subscriber>,
    new: Vec<Reserved<'a>>,
}

/// Why a binding was not swapped in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotSwapped {
    /// Another worker changed it since it was looked at.
    Lost,
    /// All leases are being counted anew: nothing came of it.
    Recounting,
}

impl<'a, S: Counts> Account<'a, S> {
    /// The right to count more leases; `None` while all are counted anew, and where nothing is limited.
    pub(super) fn counting(&self) -> Option<Counting<'a>> {
        let is_limited = !self.service.limit_set().is_empty();
        is_limited.then(|| self.hold()).flatten()
    }

    /// Places for a lease to `wanted` in the place of `old`: those that it has already, and new ones, for
    /// which there must be `counting`.
    ///
    /// # Errors
    /// `LimitReached`, or `Contended` while all is counted anew.
    pub(super) fn places(
        &self,
        old: Option<&Binding>,
        wanted: Vec<Subscriber>,
        counting: Option<&Counting<'_>>,
    ) -> Result<Places<'a>, DropReason> {
        let mut places = Places::default();
        let counted = self.service.counted(old);
        for subscriber in wanted {
            if counted.contains(&subscriber) {
                places.kept.push(subscriber);
            } else {
                counting.ok_or(DropReason::Contended)?;
                let place = subscriber.reserve(self.limits).ok_or(DropReason::LimitReached)?;
                places.new.push(place);
            }
        }
        Ok(places)
    }

    /// Swaps the new binding in, which has `places`, and gives back what the old one was counted for
    /// beside them.
    pub(super) fn swap(
        &self,
        id: ResourceId,
        seen: Seen<'a>,
        new: Binding,
        places: Places<'_>,
    ) -> Result<Seen<'a>, NotSwapped> {
        let mut ended = self.service.counted(seen.binding());
        ended.retain(|old| !places.kept.contains(old));
        // Whoever counts all leases anew, by whatever limits, must not be overtaken: only what is the
        // same to it before and after, such as a renewal, goes on meanwhile.
        let is_counted = leased_to(seen.binding()) != leased_to(Some(&new));
        let counting = is_counted.then(|| self.hold()).flatten();
        if is_counted && counting.is_none() {
            return Err(NotSwapped::Recounting);
        }
        let now = self.table.replace(id, seen, new, self.guard).map_err(|_| NotSwapped::Lost)?;
        places.new.into_iter().for_each(Reserved::keep);
        ended.iter().for_each(|old| old.release(self.limits));
        Ok(now)
    }

    fn hold(&self) -> Option<Counting<'a>> {
        self.limits.hold(self.service.limit_set().generation())
    }
}

/// Makes a binding, which follows another one, the described client's: as that has it stored, if the client
/// says nothing new.
pub(super) fn name_client(new: &mut Binding, described: &ClientBuilder) {
    if new.client.as_ref().map(Client::as_octets) != Some(described.as_octets()) {
        new.client = Some(described.build());
    }
}

/// Whom a binding is counted for as a lease, if it is one.
fn leased_to(binding: Option<&Binding>) -> Option<&Client> {
    binding.filter(|binding| binding.status == BindingStatus::Active)?.client.as_ref()
}
