//! The lease table as recovery fills it and snapshots read it.

use std::net::Ipv4Addr;

use super::{Source, Store};
use crate::lease::{Binding, Table};

impl Store for Table {
    fn restore(&self, address: Ipv4Addr, binding: Binding) {
        Table::restore(self, address, binding);
    }

    fn finish(&self) {
        self.finish_restore();
    }
}

impl Source for Table {
    fn walk(
        &self,
        from: Ipv4Addr,
        limit: usize,
        mut each: &mut dyn FnMut(Ipv4Addr, &Binding),
    ) -> Option<Ipv4Addr> {
        self.visit(from, limit, &mut each)
    }
}
