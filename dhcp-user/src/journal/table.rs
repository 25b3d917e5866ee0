//! The lease table as recovery fills it and snapshots read it.

use std::net::Ipv4Addr;

use super::{Source, Store};
use crate::lease::{Binding, ResourceId, Spread, Table};

impl Store for Table {
    fn restore(&self, bindings: &mut dyn Iterator<Item = (Ipv4Addr, Binding)>) {
        let _many = self.pin();
        for (address, binding) in bindings {
            Table::restore(self, address, binding);
        }
    }

    fn finish(&self, spread: Spread<'_>) {
        self.finish_restore(spread);
    }
}

impl Source for Table {
    fn walk(
        &self,
        from: Ipv4Addr,
        limit: usize,
        each: &mut dyn FnMut(Ipv4Addr, &Binding),
    ) -> Option<Ipv4Addr> {
        self.visit(from, limit, &mut |resource, binding| each(resource.ipv4(), binding))
            .map(ResourceId::ipv4)
    }
}
