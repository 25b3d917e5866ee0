//! Leases of two servers of DHCPv6: what they tell each other of them, and what becomes of it (RFC 8156
//! §4, §7). A test for a place where the RFC is silent or contradicts itself has that place's number in
//! the register of the reference.

use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};

use super::testing::{MCLT, Pair, START};
use super::testing6::{DESIRED, SHORT, holder, ip6, pd};
use super::{Alarm, Command, Event, Role};
use crate::lease::{Binding, BindingStatus, Resource, Told};
use crate::wire::dhcpv6::{Duid, IaKind, Iaid, StatusCode};
use crate::wire::failover::State;
use crate::wire::failover6::{
    self, Answer, Answered, ClientBinding, Ia, Lease, Message, Packet, Refusal,
};
use crate::wire::{Seconds, Stamp};

/// Prefixes of the primary's, and of the secondary's, in [`in_normal`]: the first half is given.
const OWN: u16 = 8;
const ITS: u16 = 0;

/// Both in NORMAL, what there is to give shared out.
pub(super) fn in_normal() -> Pair {
    let mut pair = Pair::new6([None, None]);
    pair.link();
    pair.settle();
    pair.pass(10);
    assert_eq!(pair.states(), [State::Normal; 2]);
    for side in &mut pair.sides {
        side.sent6.clear();
    }
    pair
}

/// BNDUPDs that a side has sent.
pub(super) fn updates(pair: &Pair, side: usize) -> Vec<failover6::Binding> {
    let sent = pair.sides[side].sent6.iter();
    sent.filter_map(|(_, message)| match message {
        Message::BindingUpdate(binding) => Some((**binding).clone()),
        _ => None,
    })
    .collect()
}

/// The last BNDREPLY of a side.
fn answer(pair: &Pair, side: usize) -> Answer {
    let sent = pair.sides[side].sent6.iter().rev();
    let mut answers = sent.filter_map(|(_, message)| match message {
        Message::BindingReply(answer) => Some((**answer).clone()),
        _ => None,
    });
    answers.next().expect("a BNDREPLY")
}

/// What became of each lease in it.
pub(super) fn outcomes(answer: &Answer) -> Vec<Option<StatusCode>> {
    answer.outcomes().map(|(_, refusal)| refusal.map(|refusal| refusal.status)).collect()
}

fn wire(resource: Resource) -> failover6::Resource {
    match resource {
        Resource::Ipv6(address) => failover6::Resource::Address(address),
        Resource::Prefix(prefix) => failover6::Resource::Prefix(prefix),
        Resource::Ipv4(_) => panic!("none of DHCPv6"),
    }
}

/// A lease of now, as a partner would tell it.
pub(super) fn lease(pair: &Pair, resource: Resource, status: BindingStatus) -> Lease {
    Lease {
        status: Some(status),
        starts: Some(pair.now),
        state_expires: (status == Active).then(|| pair.now.after(Seconds(300))),
        last_heard: Some(Seconds(0)),
        partner_lifetime: (status == Active).then(|| pair.now.after(Seconds(900))),
        ..Lease::new(wire(resource), Seconds(300), Seconds(300))
    }
}

/// These leases of one client.
pub(super) fn of_client(pair: &Pair, who: u8, leases: Vec<Lease>) -> ClientBinding {
    let mut ias = Vec::new();
    for lease in leases {
        ias.push(Ia {
            kind: lease.resource.kind(),
            iaid: Iaid(1),
            t1: Seconds(1),
            t2: Seconds(2),
            refusal: None,
            leases: vec![lease],
        });
    }
    ClientBinding {
        client: Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0, who]),
        base: Some(pair.now),
        vpn: None,
        reconfigure: None,
        relay_data: None,
        temporary: Vec::new(),
        ias,
    }
}

/// A BNDUPD that the other endpoint did not send arrives.
pub(super) fn arrives(pair: &mut Pair, side: usize, binding: failover6::Binding) -> Answer {
    let message = Message::BindingUpdate(Box::new(binding));
    let packet = Packet { xid: 9_999, sent: Some(pair.now), message };
    let now = pair.now;
    pair.happens(side, Event::Received6(&packet, now));
    answer(pair, side)
}

fn told(pair: &Pair, side: usize, resource: Resource) -> Option<Told> {
    pair.sides[side].binding6(resource).map(|binding| binding.told)
}

/// RFC 8156 §4.4, its example: the MCLT at first, and then as long as is wanted.
#[test]
fn a_first_lease_lasts_the_mclt_and_the_renewal_as_long_as_is_wanted() {
    for (side, resource) in [(0, ip6(1)), (1, ip6(2)), (0, pd(OWN)), (1, pd(ITS))] {
        let mut pair = in_normal();
        assert_eq!(pair.lease6(side, resource, 1), Some(SHORT), "{resource}");
        pair.tell6();
        let [own, its] = [side, 1 - side].map(|side| pair.sides[side].binding6(resource).unwrap());
        assert_eq!((own.status, own.told), (Active, Told::Acknowledged));
        assert_eq!(own.acked_potential, own.sent_potential);
        assert_eq!((its.status, its.received_potential), (Active, own.sent_potential));
        assert_eq!((its.expires, its.cltt), (own.expires, own.cltt));
        assert!(its.client.unwrap().is_same(&holder(resource, 1)));
        pair.pass(SHORT.0 / 2);
        assert_eq!(pair.lease6(side, resource, 1), Some(DESIRED));
        pair.tell6();
        let ends = pair.sides.each_ref().map(|it| it.binding6(resource).unwrap().expires);
        assert_eq!(ends[0], ends[1]);
    }
}

/// RFC 8156 §7.4: what one client has is told together.
#[test]
fn addresses_and_prefixes_of_one_client_go_in_one_message() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.lease6(0, ip6(3), 2).unwrap();
    pair.lease6(0, pd(OWN), 1).unwrap();
    pair.lease6(0, ip6(5), 1).unwrap();
    pair.tell6();
    let mut told: Vec<_> = updates(&pair, 0)
        .iter()
        .map(|update| match update {
            failover6::Binding::Client(client) => client.ias.iter().map(|ia| ia.leases.len()).sum(),
            _ => 0_usize,
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [1, 3]);
}

/// RFC 8156 §7.2: the partner agrees, and the address is its owner's by its last bit; a prefix the
/// primary's.
#[test]
fn a01_what_is_over_goes_to_its_owner_by_parity_and_a_prefix_to_the_primary() {
    for ended in [Expired, Released] {
        for (resource, side, expected) in
            [(ip6(1), 0, Free), (ip6(2), 1, Backup), (pd(OWN), 0, Free)]
        {
            for by in [0, 1] {
                let mut pair = in_normal();
                pair.lease6(side, resource, 1).unwrap();
                pair.tell6();
                if ended == Expired {
                    pair.pass(SHORT.0);
                }
                pair.end6(by, resource, ended);
                pair.tell6();
                for of in [0, 1] {
                    assert_eq!(pair.status6(of, resource), Some(expected), "{resource} {ended:?}");
                    assert_eq!(told(&pair, of, resource), Some(Told::Acknowledged));
                }
            }
        }
    }
}

/// A3: an address of the partner's is never leased, not with the partner down for ever.
#[test]
fn a03_an_address_of_the_partners_is_never_ours() {
    let mut pair = in_normal();
    pair.cut();
    pair.command(0, Command::PartnerDown);
    pair.pass(10 * MCLT.0);
    assert_eq!(pair.lease6(0, ip6(2), 1), None);
    assert!(pair.lease6(0, ip6(1), 1).is_some());
    assert!(pair.lease6(0, pd(ITS), 1).is_some(), "a prefix is, once the MCLT is over");
}

/// A4: F_START_TIME_OF_STATE at the IA is that of its leases; the codec fills it in, and without it
/// anywhere the lease is refused.
#[test]
fn a04_a_lease_without_a_start_is_refused_alone() {
    let mut pair = in_normal();
    let good = lease(&pair, pd(1), Active);
    let bad = Lease { starts: None, ..lease(&pair, ip6(1), Active) };
    let client = of_client(&pair, 1, vec![bad, good]);
    let answer = arrives(&mut pair, 1, failover6::Binding::Client(client));
    assert_eq!(outcomes(&answer), [Some(StatusCode::MISSING_BINDING_INFORMATION), None]);
    assert_eq!(pair.status6(1, ip6(1)), None);
    assert_eq!(pair.status6(1, pd(1)), Some(Active));
}

/// A5: start-time-of-state is the partner's.
#[test]
fn a05_the_start_of_a_state_is_stored_as_it_is_told() {
    let mut pair = in_normal();
    let starts = Some(Stamp(pair.now.0 - 40));
    let lease = Lease { starts, ..lease(&pair, ip6(1), Active) };
    let client = of_client(&pair, 1, vec![lease]);
    arrives(&mut pair, 1, failover6::Binding::Client(client));
    assert_eq!(pair.sides[1].binding6(ip6(1)).map(|it| it.starts), starts);
}

/// A6: what a client may have is the lesser of what is wanted and what the partner knows and MCLT.
#[test]
fn a06_a_lease_is_bounded_by_what_the_partner_knows_and_the_mclt() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.cut();
    pair.pass(MCLT.0 / 2);
    assert_eq!(pair.lease6(0, ip6(1), 1), Some(MCLT), "nothing was told");
}

/// A8: with a status that ends come all of its times, and none with others.
#[test]
fn a08_an_active_lease_has_all_times_and_another_none() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.tell6();
    pair.end6(0, ip6(1), Released);
    pair.tell6();
    let leases = updates(&pair, 0).into_iter().map(|update| match update {
        failover6::Binding::Client(mut client) => client.ias.remove(0).leases.remove(0),
        _ => panic!("a client's"),
    });
    let times: Vec<_> = leases
        .map(|it| (it.status, it.state_expires.is_some(), it.partner_lifetime.is_some()))
        .collect();
    assert_eq!(times, [(Some(Active), true, true), (Some(Released), false, false)]);
}

/// A9: never a lesser F_PARTNER_LIFETIME than was acknowledged, and for another client a new one.
#[test]
fn a09_what_the_partner_agreed_to_is_never_taken_back_and_ends_with_the_client() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.tell6();
    let agreed = pair.sides[0].binding6(ip6(1)).unwrap().acked_potential;
    pair.sides[0].set6(ip6(1), |old| Binding {
        sent_potential: Stamp(agreed.0 - 100),
        told: Told::Unsent,
        ..old.unwrap()
    });
    pair.tell6();
    assert_eq!(pair.sides[1].binding6(ip6(1)).unwrap().received_potential, agreed);
    pair.end6(0, ip6(1), Released);
    pair.tell6();
    let free = pair.sides[0].binding6(ip6(1)).unwrap();
    assert_eq!((free.status, free.acked_potential), (Free, Stamp::ZERO));
    assert_eq!(pair.lease6(0, ip6(1), 2), Some(SHORT));
}

/// A11: whoever agrees that it is over has it free as well, and says in the answer what it was told.
#[test]
fn a11_who_agrees_that_a_lease_is_over_has_it_free() {
    for status in [Expired, Released, Reset] {
        let mut pair = in_normal();
        pair.lease6(1, ip6(2), 1).unwrap();
        pair.tell6();
        pair.pass(DESIRED.0);
        let lease = lease(&pair, ip6(2), status);
        let client = of_client(&pair, 1, vec![lease]);
        let answer = arrives(&mut pair, 0, failover6::Binding::Client(client));
        let Answered::Client { ias, .. } = &answer.of else { panic!() };
        let lease = &ias[0].leases[0];
        assert_eq!((lease.status, &lease.refusal), (Some(status), &None));
        assert_eq!(pair.status6(0, ip6(2)), Some(Backup));
    }
}

/// A16, A31: see the greeting's own tests. A19: the head of a lease comes back as it came.
#[test]
fn a19_an_answer_repeats_what_came() {
    let mut pair = in_normal();
    let prefix = lease(&pair, pd(2), Backup);
    let prefix = Lease { preferred: Seconds(7), valid: Seconds(9), last_heard: None, ..prefix };
    let base = Some(pair.now);
    let bare = failover6::Binding::Prefix { vpn: None, base, lease: prefix.clone() };
    let answer = arrives(&mut pair, 1, bare);
    assert_eq!(answer.of, Answered::Prefix(prefix.answer(None)));
    assert_eq!(pair.status6(1, pd(2)), Some(Backup));
}

/// A20: a refusal of the message, of an IA or of a lease is one of each lease in it.
#[test]
fn a20_a_refusal_is_understood_at_each_of_the_three_places() {
    let refusal = || {
        let status = StatusCode::OUTDATED_BINDING_INFORMATION;
        Some(Refusal { status, text: "so".to_owned() })
    };
    for place in 0..3 {
        let mut pair = in_normal();
        pair.lease6(0, ip6(1), 1).unwrap();
        pair.happens(0, Event::Tick);
        let (xid, update) = pair.sides[0]
            .sent6
            .iter()
            .rev()
            .find_map(|(xid, message)| match message {
                Message::BindingUpdate(binding) => Some((*xid, binding.clone())),
                _ => None,
            })
            .expect("a BNDUPD");
        let mut answer = update.accepted();
        let Answered::Client { ias, .. } = &mut answer.of else { panic!() };
        match place {
            0 => answer.refusal = refusal(),
            1 => ias[0].refusal = refusal(),
            _ => ias[0].leases[0].refusal = refusal(),
        }
        let message = Message::BindingReply(Box::new(answer));
        let packet = Packet { xid, sent: Some(pair.now), message };
        let now = pair.now;
        pair.happens(0, Event::Received6(&packet, now));
        assert_eq!(told(&pair, 0, ip6(1)), Some(Told::Unsent), "{place}");
        let is_said = |alarm: &Alarm| matches!(alarm, Alarm::Refused(_));
        assert!(pair.sides[0].alarms.iter().any(is_said), "{place}");
    }
}

/// A21: CLT_TIME counts back from LQ_BASE_TIME, and no further than to nothing.
#[test]
fn a21_the_last_contact_is_reckoned_back_from_the_base() {
    for (ago, expected) in [(30, START.0 + 10 - 30), (u32::MAX, 0)] {
        let mut pair = in_normal();
        let lease = Lease { last_heard: Some(Seconds(ago)), ..lease(&pair, ip6(1), Active) };
        let client = ClientBinding {
            base: Some(START.after(Seconds(10))),
            ..of_client(&pair, 1, vec![lease])
        };
        arrives(&mut pair, 1, failover6::Binding::Client(client));
        let stored = pair.sides[1].binding6(ip6(1)).map(|it| it.cltt);
        assert_eq!(stored, Some(Stamp(expected)));
    }
}

/// A29: a partner that recovers is told what happens meanwhile, and its answers count.
#[test]
fn a29_what_clients_do_is_told_a_partner_that_recovers() {
    let mut pair = in_normal();
    pair.restart(1, false);
    pair.link();
    pair.settle();
    assert_eq!(pair.states(), [State::CommunicationsInterrupted, State::RecoverWait]);
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.tell6();
    assert_eq!(told(&pair, 0, ip6(1)), Some(Told::Acknowledged));
    assert_eq!(pair.status6(1, ip6(1)), Some(Active));
}

/// A36: of two clients that have one address the primary's keeps it, and both servers say so.
#[test]
fn a36_the_loser_of_a_conflict_has_nothing_on_either_server() {
    let mut pair = in_normal();
    pair.cut();
    for (side, who) in [(0, 1), (1, 2)] {
        let now = pair.now;
        pair.sides[side].set6(ip6(1), |_| Binding {
            expires: now.after(MCLT),
            cltt: now,
            told: Told::Unsent,
            client: Some(holder(ip6(1), who)),
            ..Binding::new(Active, now)
        });
    }
    pair.link();
    pair.settle();
    pair.tell6();
    for side in [0, 1] {
        let client = pair.sides[side].binding6(ip6(1)).and_then(|it| it.client).unwrap();
        assert!(client.is_same(&holder(ip6(1), 1)), "{side}");
    }
    let is_said = |alarm: &Alarm| matches!(alarm, Alarm::Conflict { .. });
    assert!(pair.sides.iter().any(|side| side.alarms.iter().any(is_said)));
}

/// A39: an older word on the same client's lease is taken, and shortens nothing.
#[test]
fn a39_an_older_word_on_a_lease_shortens_nothing_that_is_known() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.tell6();
    pair.pass(30);
    let old = Lease {
        starts: Some(Stamp(pair.now.0 - 20)),
        last_heard: Some(Seconds(20)),
        state_expires: Some(pair.now.after(Seconds(1))),
        ..lease(&pair, ip6(1), Active)
    };
    pair.lease6(0, ip6(1), 1).unwrap();
    let before = pair.sides[0].binding6(ip6(1)).unwrap();
    let client = of_client(&pair, 1, vec![old]);
    let answer = arrives(&mut pair, 0, failover6::Binding::Client(client));
    assert_eq!(outcomes(&answer), [None]);
    let after = pair.sides[0].binding6(ip6(1)).unwrap();
    assert_eq!((after.expires, after.cltt), (before.expires, before.cltt));
    assert_ne!(after.told, Told::Acknowledged);
    assert_eq!(after.received_potential, pair.now.after(Seconds(900)));
}

/// RFC 8156 §7.5.2, spec v6 §17.13: what a BNDUPD lacks, and what is not of this relationship.
#[test]
fn what_cannot_be_taken_is_refused_with_the_status_that_says_why() {
    let pair = in_normal();
    let good = || of_client(&pair, 1, vec![lease(&pair, ip6(1), Active)]);
    let client = failover6::Binding::Client;
    let elsewhere = "2001:db8:2::10".parse::<std::net::Ipv6Addr>().unwrap();
    let stranger = Lease { status: None, ..lease(&pair, ip6(1), Active) };
    let endless = Lease { state_expires: None, ..lease(&pair, ip6(1), Active) };
    const LACKS: StatusCode = StatusCode::MISSING_BINDING_INFORMATION;
    const FOREIGN: StatusCode = StatusCode::CONFIGURATION_CONFLICT;
    let cases = [
        (client(ClientBinding { client: None, ..good() }), LACKS),
        (client(ClientBinding { base: None, ..good() }), LACKS),
        (failover6::Binding::Unsound(Box::new(client(good()))), LACKS),
        (client(ClientBinding { vpn: Some([0].into()), ..good() }), FOREIGN),
        (client(of_client(&pair, 1, vec![stranger])), LACKS),
        (client(of_client(&pair, 1, vec![endless])), LACKS),
        (client(of_client(&pair, 1, vec![lease(&pair, elsewhere.into(), Active)])), FOREIGN),
    ];
    for (update, status) in cases {
        let mut pair = in_normal();
        let answer = arrives(&mut pair, 1, update.clone());
        assert_eq!(outcomes(&answer), [Some(status)], "{update:?}");
        assert_eq!(pair.status6(1, ip6(1)), None);
        assert_eq!(pair.states(), [State::Normal; 2]);
    }
}

/// RFC 8156 §7.5.4: who is told something outdated tells what is so, once.
#[test]
fn an_outdated_update_is_answered_with_what_is_so() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    pair.tell6();
    pair.pass(20);
    pair.sides[0].sent6.clear();
    let lease = Lease { last_heard: Some(Seconds(40)), ..lease(&pair, ip6(1), Released) };
    let client = of_client(&pair, 1, vec![lease]);
    let answer = arrives(&mut pair, 0, failover6::Binding::Client(client));
    assert_eq!(outcomes(&answer), [Some(StatusCode::OUTDATED_BINDING_INFORMATION)]);
    assert_eq!(updates(&pair, 0).len(), 1, "told again at once");
    pair.settle();
    assert_eq!(told(&pair, 0, ip6(1)), Some(Told::Acknowledged));
}

/// RFC 8156 §5.3.7: one UPDDONE for each UPDREQ.
#[test]
fn each_request_has_an_answer_of_its_own() {
    let mut pair = in_normal();
    pair.lease6(0, ip6(1), 1).unwrap();
    for (xid, message) in [(70, Message::UpdateRequest), (71, Message::UpdateRequestAll)] {
        let packet = Packet { xid, sent: Some(pair.now), message };
        let now = pair.now;
        pair.happens(0, Event::Received6(&packet, now));
    }
    pair.settle();
    let done: Vec<_> = pair.sides[0]
        .sent6
        .iter()
        .filter_map(|(xid, message)| (*message == Message::UpdateDone).then_some(*xid))
        .collect();
    assert_eq!(done, [70, 71]);
}

/// RFC 8156 §6.1.1: never more BNDUPDs unanswered than the partner takes.
#[test]
fn no_more_updates_are_under_way_than_the_partner_takes() {
    let mut pair = in_normal();
    (0..8).for_each(|number| assert!(pair.lease6(0, ip6(2 * number + 1), number as u8).is_some()));
    (OWN..16).for_each(|number| assert!(pair.lease6(0, pd(number), number as u8 + 20).is_some()));
    pair.happens(0, Event::Tick);
    assert_eq!(updates(&pair, 0).len(), 10, "max-unacked of the test's settings");
    pair.settle();
    assert_eq!(updates(&pair, 0).len(), 16);
}

/// RFC 8156 §4.2.2: half of the prefixes are the secondary's, told one by one, and addresses never move.
#[test]
fn prefixes_are_shared_out_and_addresses_are_not() {
    let pair = in_normal();
    for side in [0, 1] {
        let of = |status| (0..16).filter(|n| pair.status6(side, pd(*n)) == Some(status)).count();
        assert_eq!((of(Backup), of(Active)), (8, 0), "{side}");
        assert!((0..16).all(|number| pair.status6(side, ip6(number)).is_none()));
    }
}

/// RFC 8156 §4.2.2, spec v6 §8.3: given and taken back so that each has its part.
#[test]
fn a38_prefixes_that_the_secondary_has_too_many_of_are_taken_back_if_nobody_has_them() {
    let mut pair = in_normal();
    let its: Vec<_> = (0..16).map(pd).filter(|it| pair.status6(1, *it) == Some(Backup)).collect();
    let own: Vec<_> = (0..16).map(pd).filter(|it| pair.status6(1, *it) != Some(Backup)).collect();
    for (number, resource) in own.iter().enumerate() {
        pair.lease6(0, *resource, number as u8).unwrap();
    }
    pair.lease6(1, its[0], 99).unwrap();
    pair.pass(60);
    let of = |side: usize, status| {
        (0..16).filter(|n| pair.status6(side, pd(*n)) == Some(status)).count()
    };
    // Seven are left to give: four and three.
    assert_eq!([of(0, Backup), of(1, Backup)], [3, 3]);
    assert_eq!([of(0, Free), of(1, Free)], [4, 4]);
    assert_eq!([0, 1].map(|side| pair.status6(side, its[0])), [Some(Active); 2]);
}

/// RFC 8156 §4.2.2: the secondary refuses to give up what it has leased, whatever it has told.
#[test]
fn what_the_secondary_has_leased_it_does_not_give_up() {
    let mut pair = in_normal();
    let its = (0..16).map(pd).find(|it| pair.status6(1, *it) == Some(Backup)).unwrap();
    pair.lease6(1, its, 9).unwrap();
    let lease = Lease { last_heard: None, ..lease(&pair, its, Free) };
    let bare = failover6::Binding::Prefix { vpn: None, base: Some(pair.now), lease };
    let answer = arrives(&mut pair, 1, bare);
    assert_eq!(outcomes(&answer), [Some(StatusCode::OUTDATED_BINDING_INFORMATION)]);
    assert_eq!(pair.status6(1, its), Some(Active));
}

/// A declined address is nobody's, and both servers know.
#[test]
fn an_address_that_is_set_aside_is_on_both_servers_and_comes_back_to_its_owner() {
    let mut pair = in_normal();
    let now = pair.now;
    pair.sides[1].set6(ip6(2), |_| Binding {
        expires: now.after(Seconds(60)),
        told: Told::Unsent,
        ..Binding::new(Abandoned, now)
    });
    pair.tell6();
    for side in [0, 1] {
        let stored = pair.sides[side].binding6(ip6(2)).unwrap();
        assert_eq!((stored.status, stored.client), (Abandoned, None));
        assert_eq!((stored.told, stored.expires), (Told::Acknowledged, now.after(Seconds(60))));
    }
    pair.command(1, Command::Reset(ip6(2)));
    pair.tell6();
    assert_eq!([0, 1].map(|side| pair.status6(side, ip6(2))), [Some(Backup); 2]);
    assert_eq!(pair.sides[1].settings.terms.role, Role::Secondary);
}

/// RFC 8156 §8.5: a server that lost its disk has from its partner all that there was.
#[test]
fn who_lost_its_disk_is_told_every_lease_and_every_prefix_that_is_its_own() {
    for side in [0, 1] {
        let mut pair = in_normal();
        pair.lease6(0, ip6(1), 1).unwrap();
        pair.lease6(1, ip6(2), 2).unwrap();
        pair.lease6(0, pd(OWN), 1).unwrap();
        pair.tell6();
        let all: Vec<_> = (0..16).map(ip6).chain((0..16).map(pd)).collect();
        let before: Vec<_> = all.iter().map(|it| pair.status6(side, *it)).collect();
        let agreed = pair.sides[side].binding6(ip6(1)).unwrap().acked_potential;
        pair.restart(side, false);
        pair.link();
        pair.settle();
        pair.pass(5);
        let after: Vec<_> = all.iter().map(|it| pair.status6(side, *it)).collect();
        let known = |status: &Option<BindingStatus>| status.filter(|status| *status != Free);
        assert_eq!(
            after.iter().map(known).collect::<Vec<_>>(),
            before.iter().map(known).collect::<Vec<_>>()
        );
        let stored = pair.sides[side].binding6(ip6(1)).unwrap();
        assert!(stored.sent_potential.max(stored.received_potential) >= agreed);
        assert_eq!(ip6(1).ipv4(), None);
        assert_eq!(wire(pd(1)).kind(), IaKind::Prefixes);
    }
}
