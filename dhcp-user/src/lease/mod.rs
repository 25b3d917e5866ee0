//! Who has which address: bindings, the table that holds them, its indexes and pools.
//!
//! ```text
//! tables    the two of a server
//! table     all of one: look, swap, list         slot      one address, one atomic pointer
//!   allocate  choose a free address              page      address to slot
//!   available look at the free ones
//!   sparse    choose one of very many
//!   restore   recovery                           index     client to addresses
//!   adopt     a reload's layout                  queue     free addresses, oldest first
//!   expiry    what time ends                     pool      the queues of one pool
//!   counts    how full                           untold   what the partner must hear (bits)
//!   ending    what time makes of a binding       view     what may be done with a partner
//! foresight what a batch will look for
//! resource  what the table numbers               shared_views  the views as threads share them
//! plan      what numbers stand for in IPv6       run           the numbers of one pool
//! ```

mod adopt;
mod allocate;
mod available;
mod binding;
mod bits;
mod client;
mod counts;
mod ending;
mod epoch;
mod expiry;
#[cfg(test)]
#[cfg(not(loom))]
mod fixture;
mod foresight;
mod index;
mod layout;
mod limit;
#[cfg(test)]
#[cfg(not(loom))]
mod model_tests;
mod page;
mod plan;
mod pool;
mod queue;
mod resource;
mod restore;
mod run;
mod shared_views;
mod slot;
mod sparse;
mod strays;
#[cfg(test)]
#[cfg(not(loom))]
mod stress_tests;
mod sync;
mod table;
mod tables;
mod untold;
mod view;

pub use crate::wire::{BindingStatus, IpFlags};
pub use available::Which;
pub use binding::{Binding, Told, WriterId};
pub use client::{BadClient, Client, ClientBuilder, ClientKey, ItemKind};
pub use counts::PoolCounts;
pub use expiry::Sweep;
pub use foresight::{CACHE_LINE, Foresight};
pub use index::{Fold, Index};
pub use layout::{Layout, NetworkId, Owner, PoolId, Range};
pub use limit::{Counting, Limits, Reserved};
pub use plan::Unplaceable;
pub use resource::{NoResource, Resource, ResourceId};
pub use restore::{Restored, Spread, in_turn};
pub use shared_views::{Follower, SharedViews};
pub use slot::Seen;
pub use table::{Guard, Table};
pub use tables::{Layouts, Tables};
pub use view::{Answers, Share, Takeover, View, Views};
