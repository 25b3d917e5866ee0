//! Who has which address: bindings, the table that holds them, its indexes and pools.

mod binding;
mod client;

pub use binding::{Binding, BindingStatus, IpFlags};
pub use client::{Client, ClientKey, ItemKind};
