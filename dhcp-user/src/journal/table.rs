//! The lease table as recovery fills it and snapshots read it.

use super::{Cursor, Source, Store};
use crate::lease::{Binding, Resource, ResourceId, Spread, Table};

impl Store for Table {
    fn restore(
        &self,
        bindings: &mut dyn Iterator<Item = (Resource, Binding)>,
    ) -> Result<(), Resource> {
        let _many = self.pin();
        for (resource, binding) in bindings {
            let id = self.place_leased(resource).ok_or(resource)?;
            Table::restore(self, id, binding);
        }
        Ok(())
    }

    fn finish(&self, spread: Spread<'_>) {
        self.finish_restore(spread);
    }
}

impl Source for Table {
    fn walk(
        &self,
        from: Cursor,
        limit: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor> {
        let from = ResourceId(u32::try_from(from.0).ok()?);
        self.visit(from, limit, &mut |id, binding| {
            // What is bound was given its number.
            self.resource(id).into_iter().for_each(|resource| each(resource, binding));
        })
        .map(|next| Cursor(next.0.into()))
    }
}
