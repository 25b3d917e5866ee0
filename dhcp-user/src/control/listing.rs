//! A walk through the lease table that can stop anywhere: what `tandem leases` is sent, page by
//! page.

use std::sync::Arc;

use super::clock;
use super::filter::Filter;
use super::leases::{Subnets, write_line};
use crate::lease::{ResourceId, Tables};

/// Slots looked at for one page: a millisecond's work or so, after which the control thread does
/// something else and no epoch stays pinned.
const SLOTS_PER_PAGE: usize = 4_096;

/// The leases that a filter takes, in order of address. Leases that change while they are listed
/// are shown as they are when their page is made; none is shown twice.
pub struct Listing {
    tables: Arc<Tables>,
    subnets: Arc<Subnets>,
    filter: Filter,
    /// Where the next page begins; nothing after the last.
    next: Option<ResourceId>,
    /// The last address that the filter can take.
    last: ResourceId,
}

impl Listing {
    /// A listing that has not begun.
    #[must_use]
    pub fn new(tables: Arc<Tables>, subnets: Arc<Subnets>, filter: Filter) -> Self {
        let (first, last) = filter.range();
        let (first, last) = (first.into(), last.into());
        Self { tables, subnets, filter, next: (first <= last).then_some(first), last }
    }

    /// The next lines, whole; empty if nothing on this page was asked for. `None` at the end.
    pub fn next_page(&mut self) -> Option<Vec<u8>> {
        let from = self.next?;
        let now = clock::now();
        let mut page = Vec::new();
        let next = self.tables.ipv4.visit(from, SLOTS_PER_PAGE, &mut |resource, binding| {
            let address = resource.ipv4();
            if resource <= self.last && self.filter.takes(now, address, binding) {
                write_line(&mut page, now, &self.subnets, address, binding);
            }
        });
        self.next = next.filter(|&next| next <= self.last);
        Some(page)
    }
}
