//! What one worker keeps from packet to packet so that none of them allocates.

use crate::lease::{Binding, ClientBuilder, Resource, WriterId};
use crate::wire::dhcpv4::Scratch;

/// One worker's scratch space, and what the last request changed.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Where the options of a message are found and joined.
    pub(super) scratch: Scratch,
    /// The classes of the client, by index.
    pub(super) members: Vec<usize>,
    /// The client as it is to be stored.
    pub(super) described: ClientBuilder,
    pub(super) changes: Vec<Change>,
    /// Changes that one request may make.
    pub(super) most_changes: usize,
    /// Who journals the changes.
    pub(super) writer: WriterId,
}

/// Changes that one request may make at the most: as many leases as any router has.
const MOST_CHANGES: usize = 16;

/// What is leased, and to whom it is bound from now on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The address or prefix.
    pub resource: Resource,
    /// As it stands in the table.
    pub binding: Binding,
}

impl Workspace {
    /// Space for one worker, which journals what its requests change as `writer`.
    #[must_use]
    pub fn new(writer: WriterId) -> Self {
        Self { writer, most_changes: MOST_CHANGES, ..Self::default() }
    }

    /// Lets the next requests make so many changes each, if that is not more than any may.
    pub fn allow(&mut self, changes: usize) {
        self.most_changes = changes.min(MOST_CHANGES);
    }

    /// Forgets what the last request changed: the caller turned the next one away by itself.
    pub fn forget(&mut self) {
        self.changes.clear();
    }

    /// What the last call of `answer` or `probed` changed and must be journalled, whatever the
    /// answer was.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}
