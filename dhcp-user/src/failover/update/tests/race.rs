//! Whatever happens in whatever order, no address is two clients', and in the end both know the same.

use proptest::prelude::*;

use super::pair::{MCLT, Pair, Side, ip};
use crate::lease::{Binding, BindingStatus};
use crate::wire::Stamp;

const COUNT: u32 = 6;

#[derive(Clone, Copy, Debug)]
enum Step {
    Grant { side: usize, address: u32, client: u8 },
    Release { side: usize, address: u32 },
    Sweep { side: usize },
    Pump { side: usize, room: usize },
    Deliver { side: usize },
    Pass { seconds: u32 },
    Ask { side: usize, all: bool },
    Reset { side: usize, address: u32 },
    Cut,
    Connect,
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    let address = 0..COUNT;
    prop_oneof![
        6 => (side.clone(), address.clone(), 0..4_u8)
            .prop_map(|(side, address, client)| Step::Grant { side, address, client }),
        2 => (side.clone(), address.clone())
            .prop_map(|(side, address)| Step::Release { side, address }),
        2 => side.clone().prop_map(|side| Step::Sweep { side }),
        6 => (side.clone(), 2..20_usize).prop_map(|(side, room)| Step::Pump { side, room }),
        10 => side.clone().prop_map(|side| Step::Deliver { side }),
        3 => prop_oneof![Just(0), Just(1), Just(60), Just(200), Just(700)]
            .prop_map(|seconds| Step::Pass { seconds }),
        1 => (side.clone(), any::<bool>()).prop_map(|(side, all)| Step::Ask { side, all }),
        1 => (side, address).prop_map(|(side, address)| Step::Reset { side, address }),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
    ]
}

fn act(pair: &mut Pair, step: Step) {
    match step {
        Step::Grant { side, address, client } => {
            pair.sides[side].grant(ip(address), client);
        }
        Step::Release { side, address } => pair.sides[side].release(ip(address)),
        Step::Sweep { side } => pair.sides[side].sweep(COUNT),
        Step::Pump { side, room } => {
            pair.pump(side, room);
        }
        Step::Deliver { side } => {
            pair.deliver(side);
        }
        Step::Pass { seconds } => pair.pass(seconds),
        Step::Ask { side, all } if pair.sides[side].is_up => {
            use crate::wire::failover::Message::{UpdateRequest, UpdateRequestAll};
            let request = if all { UpdateRequestAll } else { UpdateRequest };
            pair.wire[side].push_back((77, request));
        }
        Step::Reset { side, address } => {
            pair.sides[side]
                .with(|updates, at, _, actions| updates.reset(at, ip(address).into(), actions));
            pair.flush(side);
        }
        Step::Ask { .. } => {}
        Step::Cut => pair.cut(),
        Step::Connect => pair.connect(),
    }
}

/// Whether the server may give the address to anybody.
fn owns(side: &Side, binding: Option<&Binding>) -> bool {
    binding.is_none_or(Binding::is_available) && side.view().may_give(side.now, binding)
}

/// Until when a server waits before it gives the address to another, if it takes the partner to be
/// down now (draft-12 §9.4.2).
fn waits(side: &Side, binding: Option<&Binding>) -> Stamp {
    let known = binding.filter(|binding| !binding.is_available()).map_or(Stamp::ZERO, |binding| {
        let agreed = binding.acked_potential.max(binding.received_potential);
        agreed.max(binding.sent_potential).max(binding.expires)
    });
    known.max(side.now).after(MCLT)
}

fn check(pair: &Pair) -> Result<(), TestCaseError> {
    for address in (0..COUNT).map(ip) {
        let [one, other] = [0, 1].map(|side| pair.sides[side].get(address));
        let (one, other) = (one.as_ref(), other.as_ref());
        let [primary, secondary] = &pair.sides;
        let owners = (owns(primary, one), owns(secondary, other));
        prop_assert_ne!(owners, (true, true), "{} is both's: {:?} {:?}", address, one, other);
        for (owner, side, mine, theirs) in
            [(owners.0, secondary, one, other), (owners.1, primary, other, one)]
        {
            let leased = theirs.filter(|theirs| theirs.is_held(side.now));
            prop_assert!(
                !owner || leased.is_none(),
                "{} is leased by one and free to the other: {:?} {:?}",
                address,
                mine,
                theirs
            );
            let covered = leased.is_none_or(|leased| leased.expires <= waits(side, mine));
            prop_assert!(covered, "{} outlasts the wait: {:?} {:?}", address, mine, theirs);
        }
        if let (Some(one), Some(other)) = (one, other)
            && one.is_held(primary.now)
            && other.is_held(secondary.now)
        {
            prop_assert_eq!(one.client.as_ref(), other.client.as_ref(), "{}", address);
        }
    }
    Ok(())
}

/// Both have heard all: they say the same.
fn check_agreed(pair: &Pair) -> Result<(), TestCaseError> {
    for address in (0..COUNT).map(ip) {
        let [one, other] = [0, 1].map(|side| {
            let never = Binding::new(BindingStatus::Free, Stamp::ZERO);
            pair.sides[side].get(address).unwrap_or(never)
        });
        prop_assert_eq!(one.status, other.status, "{} {:?} {:?}", address, one, other);
        prop_assert_eq!(one.told, crate::lease::Told::Acknowledged, "{}: {:?}", address, one);
        prop_assert_eq!(other.told, crate::lease::Told::Acknowledged, "{}: {:?}", address, other);
        if one.status == BindingStatus::Active {
            prop_assert_eq!(&one.client, &other.client);
            prop_assert_eq!(one.expires, other.expires);
            prop_assert_eq!(one.cltt, other.cltt);
            prop_assert!(one.acked_potential <= other.received_potential);
            prop_assert!(other.acked_potential <= one.received_potential);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn no_address_is_two_clients_and_in_the_end_both_know_the_same(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut pair = Pair::new(COUNT);
        for step in steps {
            act(&mut pair, step);
            check(&pair)?;
        }
        pair.connect();
        pair.settle();
        check(&pair)?;
        // What crossed on the wire is told again later, and what is over is ended.
        for _ in 0..4 {
            for _ in 0..7 {
                pair.pass(100);
                pair.settle();
                check(&pair)?;
            }
            pair.sides[0].sweep(COUNT);
            pair.settle();
            check(&pair)?;
        }
        check_agreed(&pair)?;
    }
}

/// The primary's client leaves it while the secondary tells the lease back, as it was asked for all: each
/// took the other's word for the later one.
#[test]
fn a_release_that_crosses_the_lease_told_back_in_its_second_leaves_both_the_lease() {
    let (primary, secondary) = (0, 1);
    let mut pair = Pair::new(COUNT);
    pair.connect();
    pair.sides[primary].grant(ip(3), 1);
    pair.settle();
    act(&mut pair, Step::Ask { side: secondary, all: true });
    pair.deliver(secondary);
    pair.pump(secondary, 64);
    pair.sides[primary].release(ip(3));
    pair.pump(primary, 64);
    assert!(!pair.wire[primary].is_empty() && !pair.wire[secondary].is_empty(), "they cross");
    pair.settle();
    let held = [primary, secondary].map(|side| pair.sides[side].get(ip(3)).unwrap());
    assert!(held.iter().all(|held| held.is_held(pair.sides[0].now)), "{held:?}");
}

/// It need not wait until what was refused is told again.
#[test]
fn a_client_that_leaves_one_server_for_the_other_within_a_second_has_its_lease_at_both() {
    for (left, taken) in [(0, 1), (1, 0)] {
        let mut pair = Pair::new(COUNT);
        pair.connect();
        pair.sides[0].grant(ip(3), 1);
        pair.settle();
        pair.sides[left].release(ip(3));
        pair.sides[taken].grant(ip(3), 1);
        for side in [left, taken] {
            pair.pump(side, 64);
        }
        pair.settle();
        let held = [0, 1].map(|side| pair.sides[side].get(ip(3)).unwrap());
        assert!(held.iter().all(|held| held.is_held(pair.sides[0].now)), "{held:?}");
    }
}
