//! The table against a plain map that does the same one step at a time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fixture::*;
use super::resource::ResourceId;
use super::{Binding, BindingStatus, Owner, Table, Views, WriterId, in_turn};
use crate::wire::Stamp;

const SWEEP: WriterId = WriterId::SWEEP;
const COUNT: u32 = 12;
const RESERVED: [u32; 2] = [3, 7];

#[derive(Clone, Debug)]
enum Step {
    Offer { client: u32 },
    Grant { client: u32 },
    Claim { resource: u32, client: u32 },
    Release { resource: u32 },
    Decline { resource: u32 },
    Wait { seconds: u32 },
    Reload { count: u32 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_u32).prop_map(|client| Step::Offer { client }),
        5 => (0..6_u32).prop_map(|client| Step::Grant { client }),
        2 => (0..COUNT, 0..6_u32).prop_map(|(resource, client)| Step::Claim { resource, client }),
        4 => (0..COUNT).prop_map(|resource| Step::Release { resource }),
        1 => (0..COUNT).prop_map(|resource| Step::Decline { resource }),
        3 => (1..40_u32).prop_map(|seconds| Step::Wait { seconds }),
        1 => (8..=COUNT).prop_map(|count| Step::Reload { count }),
        1 => Just(Step::Restart),
    ]
}

/// The map, the clock, and the table that is to agree.
struct Model {
    now: u32,
    count: u32,
    bindings: BTreeMap<ResourceId, Binding>,
    table: Table,
}

impl Model {
    fn set(&mut self, resource: ResourceId, mut new: Binding) {
        self.table.set(resource, new.clone());
        new.version = self.bindings.get(&resource).map_or(0, |old| old.version) + 1;
        self.bindings.insert(resource, new);
    }

    fn free(&self) -> BTreeSet<ResourceId> {
        let is_free = |resource: &ResourceId| {
            self.bindings.get(resource).is_none_or(|binding| {
                binding.is_available() && !binding.is_offered(Stamp(self.now))
            })
        };
        (0..self.count).filter(|n| !RESERVED.contains(n)).map(ip).filter(is_free).collect()
    }

    fn take(&mut self, new: Binding) {
        let guard = self.table.pin();
        let taken = self.table.take_free(POOL, Owner::Primary, Stamp(self.now), &guard);
        let free = self.free();
        assert_eq!(taken.is_none(), free.is_empty());
        let Some((resource, _)) = taken else { return };
        drop(guard);
        assert!(free.contains(&resource), "{resource:?} is not free");
        self.set(resource, new);
    }

    fn apply(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Offer { client } => self.take(offer(client, now + 20)),
            Step::Grant { client } => self.take(lease(client, now, now + 30)),
            Step::Claim { resource, client } if resource < self.count => {
                if self.free().contains(&ip(resource)) || RESERVED.contains(&resource) {
                    self.set(ip(resource), lease(client, now, now + 30));
                }
            }
            Step::Release { resource } => {
                let held = self.bindings.get(&ip(resource)).filter(|b| b.is_held(Stamp(now)));
                if let Some(held) = held.cloned() {
                    let starts = Stamp(now);
                    self.set(ip(resource), Binding { status: BindingStatus::Free, starts, ..held });
                }
            }
            Step::Decline { resource } => {
                if self.bindings.get(&ip(resource)).is_some_and(|b| b.is_held(Stamp(now))) {
                    let set_aside = BindingStatus::Abandoned;
                    self.set(
                        ip(resource),
                        Binding { status: set_aside, ..lease(0, now, now + 50) },
                    );
                }
            }
            Step::Wait { seconds } => self.wait(seconds),
            Step::Reload { count } => {
                self.count = count;
                self.table.adopt(layout(count, &RESERVED));
            }
            Step::Restart => {
                self.table = Table::new(layout(self.count, &RESERVED));
                for (resource, binding) in &mut self.bindings {
                    binding.offered_until = Stamp::ZERO;
                    binding.writer = None;
                    self.table.restore(*resource, binding.clone());
                }
                self.table.finish_restore(&in_turn);
            }
            Step::Claim { .. } => {}
        }
    }

    fn wait(&mut self, seconds: u32) {
        self.now += seconds;
        let now = Stamp(self.now);
        let mut ended = BTreeSet::new();
        let sweep =
            self.table.expire(now, 100, SWEEP, &Views::default(), &mut |resource, _, new| {
                assert_eq!(new.status, BindingStatus::Free);
                ended.insert(resource);
            });
        assert!(sweep.done);
        let due = |binding: &Binding| binding.ends().is_some_and(|ends| ends <= now);
        let expected = self.bindings.iter().filter(|(_, binding)| due(binding));
        assert_eq!(ended, expected.map(|(resource, _)| *resource).collect());
        for resource in ended {
            self.bindings.extend(self.table.get(resource).map(|binding| (resource, binding)));
        }
    }

    fn check(&self) {
        let mut listed = BTreeMap::new();
        self.table.for_each(|resource, binding| drop(listed.insert(resource, binding.clone())));
        assert_eq!(listed, self.bindings);
        for number in 0..6 {
            let key = client(number);
            let is_its = |binding: &Binding| binding.client.as_ref() == Some(&key);
            let its = self.bindings.iter().filter(|(_, binding)| is_its(binding));
            let its: Vec<_> = its.map(|(resource, _)| *resource).collect();
            assert_eq!(self.table.found(NETWORK, number), its);
        }
        let active = |(resource, binding): &(&ResourceId, &Binding)| {
            **resource < ip(self.count) && binding.status == BindingStatus::Active
        };
        let counts = self.table.counts(POOL);
        assert_eq!(counts.active, self.bindings.iter().filter(active).count() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_table_does_what_a_map_does(steps in proptest::collection::vec(step(), 1..120)) {
        let table = Table::new(layout(COUNT, &RESERVED));
        let mut model = Model { now: 1, count: COUNT, bindings: BTreeMap::new(), table };
        for step in steps {
            model.apply(step);
            model.check();
        }
    }
}
