//! Two servers of DHCPv6 through whatever may happen to them: what holds always, and what they come to
//! once they are left alone (RFC 8156 §4; spec v6 §1.3).

use proptest::prelude::*;

use super::Command;
use super::testing::Pair;
use super::testing6::{ip6, pd};
use crate::lease::{Binding, BindingStatus, Owner, Resource};
use crate::wire::Stamp;
use crate::wire::failover::State;

/// Addresses, and as many prefixes, that clients are about.
const MANY: u16 = 6;
const CLIENTS: u8 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A client asks one of the servers for a resource, new or again.
    Lease {
        side: usize,
        what: u16,
        who: u8,
    },
    Release {
        side: usize,
        what: u16,
        who: u8,
    },
    /// The sweep of one server ends what is over.
    Sweep {
        side: usize,
    },
    SetAside {
        side: usize,
        what: u16,
    },
    Reset {
        side: usize,
        what: u16,
    },
    Pass(u8),
    Cut,
    /// After so many messages.
    CutSoon(u8),
    Link,
    Crash {
        side: usize,
    },
    Resynchronise {
        side: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (side, what, who) = (0..2_usize, 0..2 * MANY, 1..=CLIENTS);
    prop_oneof![
        8 => (side.clone(), what.clone(), who.clone())
            .prop_map(|(side, what, who)| Step::Lease { side, what, who }),
        3 => (side.clone(), what.clone(), who)
            .prop_map(|(side, what, who)| Step::Release { side, what, who }),
        3 => side.clone().prop_map(|side| Step::Sweep { side }),
        1 => (side.clone(), what.clone()).prop_map(|(side, what)| Step::SetAside { side, what }),
        1 => (side.clone(), what).prop_map(|(side, what)| Step::Reset { side, what }),
        6 => (1..=120_u8).prop_map(Step::Pass),
        2 => Just(Step::Cut),
        2 => (1..12_u8).prop_map(Step::CutSoon),
        4 => Just(Step::Link),
        1 => side.clone().prop_map(|side| Step::Crash { side }),
        1 => side.prop_map(|side| Step::Resynchronise { side }),
    ]
}

fn resource(what: u16) -> Resource {
    // Prefixes of both shares.
    if what < MANY { ip6(what) } else { pd(3 * (what - MANY)) }
}

fn all() -> impl Iterator<Item = Resource> {
    (0..16).map(ip6).chain((0..16).map(pd))
}

/// What a client was told, by the server that it asked last.
#[derive(Default)]
struct Clients {
    /// Of each resource: who has it, and until when.
    told: Vec<(Resource, u8, Stamp)>,
}

impl Clients {
    fn holder(&self, resource: Resource, now: Stamp) -> Option<u8> {
        let held = self.told.iter().find(|(it, _, until)| *it == resource && *until > now);
        held.map(|(_, who, _)| *who)
    }

    fn note(&mut self, resource: Resource, who: u8, until: Stamp) {
        self.told.retain(|(it, ..)| *it != resource);
        self.told.push((resource, who, until));
    }

    fn forget(&mut self, resource: Resource) {
        self.told.retain(|(it, ..)| *it != resource);
    }
}

fn take(pair: &mut Pair, clients: &mut Clients, step: Step) {
    let now = pair.now;
    match step {
        Step::Lease { side, what, who } => {
            let resource = resource(what);
            if let Some(lasts) = pair.lease6(side, resource, who) {
                let holder = clients.holder(resource, now);
                assert!(
                    holder.is_none_or(|holder| holder == who),
                    "{resource} is {holder:?}'s and given to {who}"
                );
                clients.note(resource, who, now.after(lasts));
                pair.happens(side, super::Event::Tick);
            }
        }
        Step::Release { side, what, who } => {
            let resource = resource(what);
            let is_its = |it: &Binding| {
                it.status == BindingStatus::Active
                    && it.client == Some(super::testing6::holder(resource, who))
            };
            let serves = pair.serves6(side);
            if serves && pair.sides[side].binding6(resource).as_ref().is_some_and(is_its) {
                pair.end6(side, resource, BindingStatus::Released);
                if clients.holder(resource, now) == Some(who) {
                    clients.forget(resource);
                }
            }
        }
        Step::Sweep { side } => {
            let is_over = |it: Binding| it.status == BindingStatus::Active && it.expires <= now;
            let ends = pair.sides[side].view.ends_leases;
            for resource in all().filter(|_| ends) {
                if pair.sides[side].binding6(resource).is_some_and(is_over) {
                    pair.end6(side, resource, BindingStatus::Expired);
                }
            }
        }
        Step::SetAside { side, what } => {
            let resource = resource(what);
            if matches!(resource, Resource::Ipv6(_)) && pair.serves6(side) {
                let old = pair.sides[side].binding6(resource);
                let is_ours = old.as_ref().is_some_and(|it| it.status == BindingStatus::Active);
                if is_ours {
                    pair.set_aside6(side, resource);
                    clients.forget(resource);
                }
            }
        }
        Step::Reset { side, what } => {
            // An operator answers for it that nobody has it.
            let resource = resource(what);
            if clients.holder(resource, now).is_none() {
                pair.command(side, Command::Reset(resource));
            }
        }
        Step::Pass(seconds) => pair.pass(u32::from(seconds)),
        Step::Cut => pair.cut(),
        Step::CutSoon(messages) => pair.cut_after = Some(usize::from(messages)),
        Step::Link => {
            pair.cut();
            pair.link();
            pair.settle();
        }
        Step::Crash { side } => pair.restart(side, true),
        Step::Resynchronise { side } => pair.command(side, Command::Resynchronise),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_ever_two_clients_and_both_come_to_agree(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::new6([None, None]);
        pair.link();
        pair.settle();
        pair.pass(10);
        let mut clients = Clients::default();
        for step in steps {
            take(&mut pair, &mut clients, step);
        }
        // Left alone with a link.
        pair.cut_after = None;
        pair.cut();
        pair.pass(30);
        pair.link();
        pair.settle();
        pair.pass(700);
        for side in [0, 1] {
            take(&mut pair, &mut clients, Step::Sweep { side });
            pair.pass(1);
        }
        pair.pass(700);
        prop_assert_eq!(pair.states(), [State::Normal; 2]);
        for resource in all() {
            let [one, other] = [0, 1].map(|side| pair.sides[side].binding6(resource));
            let status = |it: &Option<Binding>| it.as_ref().map(|it| it.status);
            let available = [None, Some(BindingStatus::Free)];
            let is_alike = status(&one) == status(&other)
                || available.contains(&status(&one)) && available.contains(&status(&other));
            prop_assert!(is_alike, "{}: {:?} and {:?}", resource, one, other);
            // What is free is its owner's, by its last bit.
            if let (Resource::Ipv6(address), Some(binding)) = (resource, one)
                && binding.is_available()
            {
                let is_odd = address.to_bits() & 1 == 1;
                prop_assert_eq!(binding.owner() == Owner::Primary, is_odd, "{}", resource);
            }
        }
    }
}
