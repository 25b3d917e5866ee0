//! A walk through the lease tables that can stop anywhere: what `tandem leases` is sent, page by
//! page.

use std::collections::VecDeque;
use std::sync::Arc;

use super::clock;
use super::filter::{Filter, Stretch};
use super::leases::{Subnets, write_line};
use crate::lease::{Binding, Resource, ResourceId, Tables};
use crate::wire::Stamp;

/// Slots looked at for one page: a millisecond's work or so, after which the control thread does
/// something else and no epoch stays pinned.
const SLOTS_PER_PAGE: usize = 4_096;

/// The leases that a filter takes: those of IPv4 in order of address, and then those of IPv6. Leases that
/// change meanwhile are as they are when their page is made; none comes twice.
pub(super) struct Walk {
    tables: Arc<Tables>,
    filter: Filter,
    /// What is to be walked through still.
    stretches: VecDeque<Stretch>,
}

/// A walk that puts down what it finds.
pub struct Listing {
    walk: Walk,
    subnets: Arc<Subnets>,
}

impl Walk {
    /// One that has not begun.
    pub(super) fn new(tables: Arc<Tables>, filter: Filter) -> Self {
        let stretches = filter.stretches(&tables).into();
        Self { tables, filter, stretches }
    }

    /// Shows the leases of one more page, which may be none; false at the end.
    pub(super) fn next_page(
        &mut self,
        show: &mut dyn FnMut(Stamp, ResourceId, Resource, &Binding),
    ) -> bool {
        let Some(stretch) = self.stretches.front_mut() else { return false };
        let table = self.tables.both()[stretch.table];
        let now = clock::now();
        let next = table.visit(stretch.first, SLOTS_PER_PAGE, &mut |id, binding| {
            // What is bound was given its number.
            let Some(resource) = table.resource(id).filter(|_| id <= stretch.last) else { return };
            if self.filter.takes(now, resource, binding) {
                show(now, id, resource, binding);
            }
        });
        match next.filter(|next| *next <= stretch.last) {
            Some(next) => stretch.first = next,
            None => _ = self.stretches.pop_front(),
        }
        true
    }
}

impl Listing {
    /// A listing that has not begun.
    #[must_use]
    pub fn new(tables: Arc<Tables>, subnets: Arc<Subnets>, filter: Filter) -> Self {
        Self { walk: Walk::new(tables, filter), subnets }
    }

    /// The next lines, whole; empty if nothing on this page was asked for. `None` at the end.
    pub fn next_page(&mut self) -> Option<Vec<u8>> {
        let mut page = Vec::new();
        let Self { walk, subnets } = self;
        let has_more = walk.next_page(&mut |now, _, resource, binding| {
            write_line(&mut page, now, subnets, resource, binding);
        });
        has_more.then_some(page)
    }
}
