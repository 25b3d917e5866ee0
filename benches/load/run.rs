//! One run: what answers are worth, and what clients make of them.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::answer::{Answer, Kind};
use super::clients::{Clients, Lease};
use super::outcome::Outcome;
use super::plan::{Access, Act, Target};
use super::template::{Stage, Template};
use super::under_way::{Exchange, UnderWay};
use crate::state::Protocol;

/// A request without an answer for so long is lost: a client would ask again only after some four
/// seconds (RFC 2131 §4.1), but a server that needs a second has lost its race already.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// One run.
pub(super) struct Run<'c> {
    pub(super) clients: &'c mut Clients,
    pub(super) protocol: Protocol,
    access: Access,
    target: Target,
    /// For each server that clients know, by [`Stage`].
    pub(super) templates: Vec<[Template; 5]>,
    pub(super) outcome: Outcome,
    pub(super) done: u64,
}

impl<'c> Run<'c> {
    pub(super) fn new(access: Access, target: Target, clients: &'c mut Clients) -> Self {
        clients.begin_run();
        let mut run = Self {
            clients,
            protocol: target.protocol(),
            access,
            target,
            templates: Vec::new(),
            outcome: Outcome::new(),
            done: 0,
        };
        run.know_servers();
        run
    }

    /// Has templates made for servers that were not known before.
    fn know_servers(&mut self) {
        for server in &self.clients.servers()[self.templates.len()..] {
            let (access, target, wants) = (self.access, self.target, self.clients.wants());
            let naming = |stage| Template::naming(stage, access, target, wants, server);
            self.templates.push(Stage::ALL.map(naming));
        }
    }

    /// Takes what arrived; who asks on because of it.
    pub(super) fn take(
        &mut self,
        frame: &[u8],
        under_way: &mut UnderWay,
        now_ns: u64,
    ) -> Option<(u32, Exchange)> {
        let answer = Answer::read(self.protocol, frame)?;
        let exchange = under_way.find(answer.xid)?;
        let is_to_go_on =
            matches!(exchange.act, Act::Exchange | Act::Rapid) && answer.kind == Kind::Offer;
        if is_to_go_on && exchange.is_requested {
            // Of a second server, or told twice: the client has taken the first.
            return None;
        }
        let is_relayed = self.access != Access::Direct
            && (self.protocol == Protocol::Dhcpv6 || exchange.act != Act::Renew);
        if !answer.is_for(exchange.client) || answer.is_relayed() != is_relayed {
            self.outcome.wrong.client += 1;
            return None;
        }
        let times =
            if exchange.is_requested { &mut self.outcome.ack } else { &mut self.outcome.offer };
        record(times, now_ns, exchange.intended_ns);
        let lease = match answer.kind {
            Kind::Offer | Kind::Grant => self.clients.lease(answer.given, answer.server),
            _ => None,
        };
        self.know_servers();
        if is_to_go_on && lease.is_some() {
            exchange.is_requested = true;
            exchange.intended_ns = now_ns;
            exchange.lease = lease;
            return Some((answer.xid, *exchange));
        }
        let exchange = *exchange;
        under_way.end(answer.xid);
        match self.judge(&exchange, &answer, lease) {
            Verdict::Well => {
                self.done += 1;
                record(&mut self.outcome.latency, now_ns, exchange.begun_ns);
                match (exchange.act, lease) {
                    (Act::Exchange | Act::Rapid | Act::Renew, Some(_)) => {}
                    _ => self.is_over(&exchange),
                }
            }
            Verdict::Refused => {
                self.outcome.refused += 1;
                if let (Act::Renew, Some(lease)) = (exchange.act, exchange.lease) {
                    self.clients.give_back(lease);
                }
                self.clients.rest(exchange.client);
            }
            Verdict::Wrong => self.is_over(&exchange),
        }
        None
    }

    /// Whether the last answer to this exchange, with that lease in it, is what it must be. Then the
    /// client holds what it was granted.
    fn judge(&mut self, exchange: &Exchange, answer: &Answer<'_>, lease: Option<Lease>) -> Verdict {
        let Exchange { act, client, lease: before, is_requested, .. } = *exchange;
        let wrong = &mut self.outcome.wrong;
        let is_well = match (act, answer.kind) {
            (Act::Reflect, Kind::Reflection) | (Act::Release, Kind::Done) => return Verdict::Well,
            (Act::Discover | Act::Exchange | Act::Rapid, Kind::NoOffer) if !is_requested => {
                return Verdict::Refused;
            }
            (Act::Discover | Act::Exchange | Act::Rapid, Kind::Offer) if !is_requested => {
                match lease {
                    None => {
                        wrong.address += 1;
                        false
                    }
                    Some(_) if !answer.has_sane_times() => {
                        wrong.times += 1;
                        false
                    }
                    Some(lease) => {
                        let is_once = self.clients.offer(client, lease);
                        wrong.given_twice += u64::from(!is_once);
                        is_once
                    }
                }
            }
            (Act::Exchange | Act::Rapid | Act::Renew, Kind::Grant)
                if is_requested || act == Act::Rapid =>
            {
                let is_its = |lease: &Lease| {
                    !is_requested || before.is_some_and(|before| before.numbers == lease.numbers)
                };
                match lease.filter(is_its) {
                    _ if !answer.has_sane_times() => {
                        wrong.times += 1;
                        false
                    }
                    None => {
                        wrong.address += 1;
                        false
                    }
                    Some(lease) => {
                        let is_held = self.clients.hold(client, lease);
                        wrong.given_twice += u64::from(!is_held);
                        is_held
                    }
                }
            }
            (
                Act::Exchange | Act::Rapid | Act::Renew | Act::Release,
                Kind::Refusal | Kind::Done,
            ) if is_requested => return Verdict::Refused,
            _ => {
                wrong.kind += 1;
                false
            }
        };
        if is_well { Verdict::Well } else { Verdict::Wrong }
    }

    /// It was given up: it counts as one that has waited for as long as anybody is waited for, at
    /// the least.
    pub(super) fn is_lost(&mut self, exchange: &Exchange, now_ns: u64) {
        let Exchange { is_requested, begun_ns, intended_ns, .. } = *exchange;
        self.outcome.lost += 1;
        let until = |since_ns| now_ns.max(since_ns + PATIENCE.as_nanos() as u64);
        let outcome = &mut self.outcome;
        let times = if is_requested { &mut outcome.ack } else { &mut outcome.offer };
        record(times, until(intended_ns), intended_ns);
        record(&mut outcome.latency, until(begun_ns), begun_ns);
        self.is_over(exchange);
    }

    /// The client holds what it held before, but for what it gave back, and its turn comes again.
    pub(super) fn is_over(&mut self, exchange: &Exchange) {
        // Whoever holds a lease and only asks is behind all others again: a few who ask in turn would
        // find all that the server knows of them in its caches, and its guard against them.
        match (exchange.act, exchange.lease) {
            (Act::Reflect | Act::Discover | Act::Renew, Some(lease)) => {
                self.clients.keep(exchange.client, lease);
            }
            _ => self.clients.rest(exchange.client),
        }
    }
}

/// What is made of a last answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Well,
    /// The client is told that it has nothing.
    Refused,
    Wrong,
}

/// Notes how long it is since then.
pub(super) fn record(times: &mut Histogram<u64>, now_ns: u64, since_ns: u64) {
    times.saturating_record(now_ns.saturating_sub(since_ns).max(1));
}

#[cfg(test)]
mod tests {
    use dhcp_user::wire::Seconds;
    use dhcp_user::wire::dhcpv6::{IaKind, Iaid, MessageType, StatusCode, Writer};
    use dhcp_user::wire::option::v6::code;

    use super::*;
    use crate::load::template::HEADERS_LEN_V6;
    use crate::rig::target;
    use crate::state::v6::{DUID, IAID, address, duid};
    use MessageType::{Advertise, Reply};

    /// A run of these clients, and what they have under way.
    struct Scene<'c> {
        run: Run<'c>,
        under_way: UnderWay,
    }

    impl<'c> Scene<'c> {
        fn new(clients: &'c mut Clients) -> Self {
            let run = Run::new(Access::Direct, target(Protocol::Dhcpv6), clients);
            Self { run, under_way: UnderWay::new(24) }
        }

        /// The client whose turn it is begins this; its transaction.
        fn begin(&mut self, act: Act) -> (u32, u32) {
            let (client, lease) = self.run.clients.next(act).unwrap();
            let is_requested = matches!(act, Act::Renew | Act::Release);
            let exchange =
                Exchange { act, client, is_requested, lease, begun_ns: 0, intended_ns: 0 };
            (client, self.under_way.begin(0, exchange).unwrap())
        }

        /// A message about the pool's address with this number, or about none; whether its client goes
        /// on.
        fn hear(
            &mut self,
            (client, xid): (u32, u32),
            kind: MessageType,
            given: Result<u32, StatusCode>,
        ) -> bool {
            let mut frame = vec![0; 1514];
            frame[12..21].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 17]);
            let mut writer = Writer::message(&mut frame[HEADERS_LEN_V6..], kind, xid).unwrap();
            let options = writer.options();
            options.push(code::CLIENT_ID, &duid(client)).unwrap();
            options.push(code::SERVER_ID, &DUID).unwrap();
            let times = [Seconds(1_800), Seconds(2_880)];
            let association =
                options.ia(IaKind::Addresses, Iaid(IAID), times, |inside| match given {
                    Ok(number) => {
                        let lifetimes = [Seconds(3_600), Seconds(7_200)];
                        inside.address(address(number), lifetimes, |_| Ok(()))
                    }
                    Err(status) => inside.status(status, ""),
                });
            association.unwrap();
            let len = HEADERS_LEN_V6 + writer.finish();
            self.run.take(&frame[..len], &mut self.under_way, 1).is_some()
        }

        /// A client gets this address.
        fn lease(&mut self, number: u32) -> u32 {
            let one = self.begin(Act::Exchange);
            assert!(self.hear(one, Advertise, Ok(number)));
            assert!(!self.hear(one, Reply, Ok(number)));
            one.0
        }
    }

    #[test]
    fn a_client_holds_what_it_was_offered_and_granted() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..1);
        let mut scene = Scene::new(&mut clients);
        scene.lease(5);
        let one = scene.begin(Act::Renew);
        assert!(!scene.hear(one, Reply, Ok(5)));
        assert_eq!((scene.run.done, scene.run.outcome.is_clean()), (2, true));
        assert_eq!(clients.count_holding(), 1);
    }

    #[test]
    fn a_client_of_rapid_commit_goes_on_where_it_is_offered_something() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..2);
        let mut scene = Scene::new(&mut clients);
        let at_once = scene.begin(Act::Rapid);
        assert!(!scene.hear(at_once, Reply, Ok(1)));
        let slowly = scene.begin(Act::Rapid);
        assert!(scene.hear(slowly, Advertise, Ok(2)));
        assert!(!scene.hear(slowly, Reply, Ok(2)));
        assert_eq!((scene.run.done, scene.run.outcome.is_clean()), (2, true));
        assert_eq!(clients.count_holding(), 2);
    }

    #[test]
    fn another_address_than_was_offered_and_one_that_somebody_has_are_wrong() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..4);
        let mut scene = Scene::new(&mut clients);
        scene.lease(5);
        let other = scene.begin(Act::Exchange);
        scene.hear(other, Advertise, Ok(6));
        scene.hear(other, Reply, Ok(7));
        assert_eq!(scene.run.outcome.wrong.address, 1);
        let same = scene.begin(Act::Exchange);
        scene.hear(same, Advertise, Ok(5));
        scene.hear(same, Reply, Ok(5));
        assert_eq!(scene.run.outcome.wrong.given_twice, 1);
        let offered = scene.begin(Act::Discover);
        scene.hear(offered, Advertise, Ok(5));
        assert_eq!(scene.run.outcome.wrong.given_twice, 2);
        assert_eq!((scene.run.outcome.wrong.sum(), scene.run.done), (3, 1));
    }

    #[test]
    fn an_answer_for_another_client_and_one_of_another_kind_are_wrong() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..2);
        let mut scene = Scene::new(&mut clients);
        let (client, xid) = scene.begin(Act::Exchange);
        scene.hear((client + 1, xid), Advertise, Ok(5));
        assert_eq!(scene.run.outcome.wrong.client, 1);
        scene.hear((client, xid), Reply, Ok(5));
        assert_eq!(scene.run.outcome.wrong.kind, 1, "it did not ask for that");
    }

    #[test]
    fn who_is_told_that_there_is_nothing_for_it_is_refused() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..2);
        let mut scene = Scene::new(&mut clients);
        scene.lease(5);
        let one = scene.begin(Act::Exchange);
        scene.hear(one, Advertise, Err(StatusCode::NO_ADDRS_AVAIL));
        let renewing = scene.begin(Act::Renew);
        scene.hear(renewing, Reply, Err(StatusCode::NO_BINDING));
        let Outcome { refused, wrong, .. } = &scene.run.outcome;
        assert_eq!((*refused, wrong.sum(), scene.run.done), (2, 0, 1));
        assert!(clients.may_hold(1, Lease::of_address(5)), "it has given up what it had");
    }

    #[test]
    fn a_release_is_over_with_its_reply_and_its_client_begins_anew() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..1);
        let mut scene = Scene::new(&mut clients);
        scene.lease(5);
        let one = scene.begin(Act::Release);
        scene.hear(one, Reply, Err(StatusCode::SUCCESS));
        assert_eq!((scene.run.done, scene.run.outcome.is_clean()), (2, true));
        assert_eq!(scene.lease(6), 0);
    }
}
