//! The swap that offers, leases or ends: one new binding in an address's slot.
//!
//! Whoever loses a swap learns so by [`Lost`] and decides anew on what is there now.

use std::net::Ipv4Addr;

use super::allocate::Candidate;
use super::exchange::{ATTEMPTS, Exchange, Output};
use crate::lease::{Binding, BindingStatus, ClientBuilder, ItemKind};
use crate::server::account::{self, Account, NotSwapped, Places};
use crate::server::limit::Subscriber;
use crate::server::options::Layers;
use crate::server::standing::Standing;
use crate::server::term::Term;
use crate::server::times::{self, Times};
use crate::server::{Answer, Change, DropReason, Service};
use crate::wire::Stamp;

/// Another worker changed the address since it was looked at: decide anew.
pub(super) struct Lost;

impl<'a> Exchange<'a> {
    /// Keeps the address for the client for a while. Never journalled: an offer may be forgotten.
    pub(super) fn offer(
        &self,
        candidate: &Candidate<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let time = times::offer_time(&self.layers(candidate.site.base()));
        let view = self.view(candidate.site);
        match (candidate.standing, candidate.seen.binding()) {
            (Standing::Held, _) => return Ok(()),
            // With a partner a lease that is over stays one until it agrees, and its client's alone:
            // nobody else can be offered it.
            (_, Some(old)) if !old.is_available() && view.mclt.is_some() => return Ok(()),
            // A client that repeats itself costs nothing while the offer has time to be taken.
            (Standing::Offered, Some(old)) if old.offered_until.since(self.now).0 > time.0 / 2 => {
                return Ok(());
            }
            _ => {}
        }
        let mut new =
            candidate.standing.next(candidate.seen.binding(), self.now, |status| match status {
                BindingStatus::Backup => BindingStatus::Backup,
                _ => BindingStatus::Free,
            });
        new.offered_until = self.now.after(time);
        self.name_client(&mut new, output.described);
        self.swap(candidate, new, Places::default(), output, Journalled::No)
    }

    /// Leases the address to the client for a time.
    ///
    /// # Errors
    /// `Ok(Err(Lost))` if another worker was faster, `LimitReached` if the client's subscriber has
    /// as many leases as it may.
    pub(super) fn grant(
        &self,
        candidate: &Candidate<'a>,
        term: &Term,
        output: &mut Output<'_>,
    ) -> Result<Result<(), Lost>, DropReason> {
        let mut new =
            candidate.standing.next(candidate.seen.binding(), self.now, |_| BindingStatus::Active);
        new.expires = self.now.after(term.times.lease);
        let continued = candidate.continued();
        term.announce(self.now, self.view(candidate.site), continued, &mut new);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.flags.bootp = self.is_bootp();
        new.flags.reserved = self.is_reserved(candidate.address);
        self.name_client(&mut new, output.described);
        let account = self.account();
        let counting = account.counting();
        let old = candidate.seen.binding();
        let places = account.places(old, self.subscribers(), counting.as_ref())?;
        Ok(self.swap(candidate, new, places, output, Journalled::Yes))
    }

    /// The lease is told again, unchanged. Its record may still be on its way to disk in another
    /// writer's ring, or not even there: then it is journalled once more, from here. Twice is once,
    /// as of two records the higher version holds.
    pub(super) fn confirm(&self, candidate: &Candidate<'a>, output: &mut Output<'_>) {
        let elsewhere = |binding: &&Binding| binding.writer.is_some_and(|it| it != self.writer);
        if let Some(binding) = candidate.seen.binding().filter(elsewhere) {
            output
                .changes
                .push(Change { resource: candidate.address.into(), binding: binding.clone() });
        }
    }

    /// Ends the client's lease; the address stays its client's as history. With a partner it is
    /// available again once that one has agreed (draft-12 §5.2.2).
    pub(super) fn end(
        &self,
        candidate: &Candidate<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let view = self.view(candidate.site);
        let is_alone = view.mclt.is_none();
        let ended = if is_alone { BindingStatus::Free } else { BindingStatus::Released };
        let mut new = candidate.standing.next(candidate.seen.binding(), self.now, |_| ended);
        new.cltt = self.now;
        new.told = view.told();
        new.expires = self.now;
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        self.swap(candidate, new, Places::default(), output, Journalled::Yes)
    }

    /// Sets the address aside: somebody uses it who should not (RFC 2131 §4.3.3).
    pub(super) fn abandon(
        &self,
        candidate: &Candidate<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), Lost> {
        let time = times::decline_time(&self.layers(candidate.site.base()));
        let mut new = candidate
            .standing
            .next(candidate.seen.binding(), self.now, |_| BindingStatus::Abandoned);
        new.told = self.view(candidate.site).told();
        new.expires = self.now.after(time);
        new.offered_until = Stamp::ZERO;
        new.writer = Some(self.writer);
        new.client = None;
        self.swap(candidate, new, Places::default(), output, Journalled::Yes)
    }

    /// Has `change` done to the lease that the client holds at `address`: what DHCPRELEASE and
    /// DHCPDECLINE have in common.
    ///
    /// # Errors
    /// Why the client is not answered there, or `NotHeld`.
    pub(super) fn give_up(
        &self,
        address: Ipv4Addr,
        mut change: impl FnMut(&Candidate<'a>) -> Result<(), Lost>,
    ) -> Result<Answer, DropReason> {
        if let Some(site) = self.site(address) {
            self.admit(site)?;
        }
        for _ in 0..ATTEMPTS {
            let held = self
                .held(address)
                .filter(|candidate| candidate.standing == Standing::Held)
                .ok_or(DropReason::NotHeld)?;
            if change(&held).is_ok() {
                return Ok(Answer::Done);
            }
        }
        Err(DropReason::Contended)
    }

    /// Whether the client's subscriber already has as many leases as it may: a hint before an
    /// offer, the grant counts exactly.
    pub(super) fn is_over_limit(&self) -> bool {
        !self.service.limit_set.is_empty()
            && self.subscribers().iter().any(|subscriber| subscriber.is_full(self.limits))
    }

    /// What is left of the client's lease, if it comes back so early that nothing is written.
    pub(super) fn reused(
        &self,
        candidate: &Candidate<'a>,
        layers: &Layers<'_>,
        term: &Term,
        described: &mut ClientBuilder,
    ) -> Option<Times> {
        let held = candidate.seen.binding().filter(|_| candidate.standing == Standing::Held)?;
        let times = Times::reused(self.now, layers, held, term.times.lease)?;
        // What relays say changes from packet to packet where they sign it (RFC 4030).
        let is_relays = |(kind, _): &(ItemKind, &[u8])| *kind == ItemKind::RelayInformation;
        self.speaker.describe(self.key, described);
        let stored = held.client.as_ref()?.items().filter(|item| !is_relays(item));
        stored.eq(described.items().filter(|item| !is_relays(item))).then_some(times)
    }

    fn name_client(&self, new: &mut Binding, described: &mut ClientBuilder) {
        self.speaker.describe(self.key, described);
        account::name_client(new, described);
    }

    fn subscribers(&self) -> Vec<Subscriber> {
        self.service.limit_set.subscribers(self.speaker, self.members)
    }

    fn account(&self) -> Account<'a, Service> {
        let Self { service, table, limits, guard, .. } = *self;
        Account { service, table, limits, guard }
    }

    fn swap(
        &self,
        candidate: &Candidate<'a>,
        new: Binding,
        places: Places<'_>,
        output: &mut Output<'_>,
        journalled: Journalled,
    ) -> Result<(), Lost> {
        let Candidate { address, seen, .. } = *candidate;
        let swapped = self.account().swap(address.into(), seen, new, places);
        let now = swapped.map_err(|why| {
            if why == NotSwapped::Recounting {
                self.pass_over(candidate);
            }
            Lost
        })?;
        if let (Journalled::Yes, Some(binding)) = (journalled, now.binding()) {
            output.changes.push(Change { resource: address.into(), binding: binding.clone() });
        }
        Ok(())
    }
}

/// Whether a crash may forget the change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Journalled {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::testing::{Packet, SERVER, Server, client};
    use super::*;
    use crate::lease::WriterId;
    use crate::server::{Answer, Arrival, InterfaceIndex, Workspace};

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    const LIMIT: &str = "[[limit]]\nname = \"port\"\nper = \"circuit-id\"\nleases = 2\n";

    fn on_port(n: u16, port: &[u8]) -> Packet {
        client(n).through([10, 0, 0, 254]).relayed(&[(1, port)])
    }

    #[test]
    fn a_subscriber_has_no_more_leases_than_its_limit() {
        let mut server = Server::small("", LIMIT);
        let first = server.lease(&on_port(1, b"a"));
        let second = server.lease(&on_port(2, b"a"));
        let over = on_port(3, b"a");
        assert_eq!(server.hear(&over.clone().discover()).dropped(), Some(DropReason::LimitReached));
        let forced = server.hear(&over.clone().selecting(ip(19)));
        assert_eq!(forced.dropped(), Some(DropReason::LimitReached));
        assert_eq!(server.lease(&on_port(1, b"a")), first, "its own lease is no further one");
        server.lease(&on_port(4, b"b"));
        assert_eq!(server.hear(&client(2).releasing(second)).answer, Answer::Done);
        server.lease(&over);
        server.pass(4000);
        let mut ended = Vec::new();
        server.sweep(|_, binding| ended.push(binding.clone()));
        assert_eq!(ended.len(), 3);
        ended.iter().for_each(|binding| server.service.uncount_lease(&server.limits, binding));
        server.lease(&on_port(5, b"a"));
        server.lease(&on_port(6, b"a"));
        let over = server.hear(&on_port(7, b"a").discover());
        assert_eq!(over.dropped(), Some(DropReason::LimitReached));
    }

    #[test]
    fn a_client_that_moves_is_counted_where_it_is() {
        let mut server = Server::small("", LIMIT);
        server.lease(&on_port(1, b"a"));
        server.lease(&on_port(2, b"a"));
        server.lease(&on_port(1, b"b"));
        server.lease(&on_port(3, b"a"));
        let over = server.hear(&on_port(4, b"a").discover());
        assert_eq!(over.dropped(), Some(DropReason::LimitReached));
        server.lease(&on_port(5, b"b"));
    }

    #[test]
    fn two_workers_together_grant_no_more_than_the_limit_and_no_address_twice() {
        let server = Server::small("", LIMIT);
        let arrival = Arrival {
            interface: InterfaceIndex(0),
            source_ip: ip(254),
            source_port: 67,
            destination_ip: SERVER,
        };
        let work = |worker: u16| {
            let mut work = Workspace::new(WriterId(worker));
            let mut reply = [0; 1472];
            let mut granted = Vec::new();
            for n in 0..200 {
                let asked = ip(10 + ((n * 7 + worker) % 10) as u8);
                let octets = on_port(worker * 1000 + n, b"a").selecting(asked).octets();
                server.world().answer(&arrival, &octets, &mut work, &mut reply);
                granted.extend(work.changes().iter().map(|change| change.resource));
            }
            granted
        };
        let granted = std::thread::scope(|scope| {
            let workers = [1, 2].map(|worker| scope.spawn(move || work(worker)));
            workers.map(|worker| worker.join().unwrap()).concat()
        });
        assert_eq!(granted.len(), 2, "{granted:?}");
        assert_ne!(granted[0], granted[1]);
    }

    /// A lease that began or ended just before the count came by, or just after, would be counted
    /// twice or not at all for as long as the server runs.
    #[test]
    fn while_leases_are_counted_anew_none_begins_or_ends_and_renewals_go_on() {
        let mut server = Server::small("", LIMIT);
        let address = server.lease(&on_port(1, b"a"));
        let limits = std::mem::take(&mut server.limits);
        server.limits.recount(7, |_| {}); // a reload is in force that this service knows nothing of
        server.pass(1_800);
        let renewed = server.hear(&on_port(1, b"a").renewing(address));
        assert_eq!(renewed.changes.len(), 1, "{:?}", renewed.answer);
        let released = server.hear(&on_port(1, b"a").releasing(address));
        assert_eq!(released.dropped(), Some(DropReason::Contended));
        let begun = server.hear(&on_port(2, b"b").selecting(ip(15)));
        assert_eq!(begun.dropped(), Some(DropReason::Contended));

        server.limits = limits;
        assert_eq!(server.hear(&on_port(2, b"b").selecting(ip(15))).changes.len(), 1);
        assert_eq!(server.hear(&on_port(1, b"a").releasing(address)).changes.len(), 1);
    }
}
