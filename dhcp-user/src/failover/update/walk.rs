//! A walk over the addresses of a relationship: everything the partner asked for (draft-12 §7.3, §7.4),
//! or everything it refused, once more.

use std::collections::VecDeque;

use crate::lease::{Binding, BindingStatus, Range, ResourceId, Table, Told};

/// Addresses looked at in one step: a chunk of the table.
const STEP: usize = 1 << 10;

/// A walk over the addresses of a relationship.
#[derive(Clone, Debug, Hash)]
pub(super) struct Walk {
    /// Of UPDREQs and UPDREQALLs, for an UPDDONE each; empty if nobody asked.
    pub(super) xids: Vec<u32>,
    /// Everything, and not only what is not acknowledged.
    pub(super) all: bool,
    /// What is still to be walked.
    ranges: VecDeque<Range>,
    /// Once all addresses were looked at: so many, the first that are ready, must be sent still.
    pub(super) unsent: usize,
    /// Everything found was sent: UPDDONE waits for answers.
    pub(super) is_closed: bool,
    /// Where to go on in the first of them.
    from: ResourceId,
}

impl Walk {
    pub(super) fn new(xids: Vec<u32>, all: bool, ranges: VecDeque<Range>) -> Self {
        Self { xids, all, ranges, unsent: 0, is_closed: false, from: ResourceId::FIRST }
    }

    /// Whether all addresses were looked at.
    pub(super) fn is_over(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Looks at some more addresses, and hands out those that are to be told.
    pub(super) fn step(&mut self, table: &Table, each: &mut impl FnMut(ResourceId)) {
        let Some(range) = self.ranges.front().copied() else { return };
        let from = self.from.max(range.first);
        let all = self.all;
        let next = table.visit(from, STEP, &mut |resource, binding| {
            if range.contains(resource) && is_wanted(binding, all) {
                each(resource);
            }
        });
        match next.filter(|next| *next <= range.last) {
            Some(next) => self.from = next,
            None => {
                self.ranges.pop_front();
            }
        }
    }
}

/// The same addresses in as few ranges as there can be: whoever goes round them asks the table once for
/// each, and a carrier has thousands of subnets side by side. They come ascending.
pub(in crate::failover) fn joined(ranges: impl Iterator<Item = Range>) -> VecDeque<Range> {
    let mut joined: VecDeque<Range> = VecDeque::new();
    for range in ranges {
        match joined.back_mut() {
            Some(before) if before.last.0.checked_add(1) == Some(range.first.0) => {
                before.last = range.last;
            }
            _ => joined.push_back(range),
        }
    }
    joined
}

/// What was never used may be left out (draft-12 §5.16).
fn is_wanted(binding: &Binding, all: bool) -> bool {
    let is_virgin = binding.status == BindingStatus::Free && binding.client.is_none();
    binding.told != Told::Acknowledged || all && !is_virgin
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn subnets_side_by_side_are_one_range_and_those_with_a_gap_are_not() {
        let net = |third: u8| Range {
            first: Ipv4Addr::new(10, 0, third, 0).into(),
            last: Ipv4Addr::new(10, 0, third, 255).into(),
        };
        let highest =
            Range { first: Ipv4Addr::new(255, 255, 255, 0).into(), last: ResourceId::LAST };
        let joined = joined([net(0), net(1), net(2), net(4), highest].into_iter());
        let first_three = Range { first: net(0).first, last: net(2).last };
        assert_eq!(joined, [first_three, net(4), highest]);
    }
}
