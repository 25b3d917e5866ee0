//! The lease tables as recovery fills them and snapshots read them.

use super::{Cursor, Source, Store};
use crate::lease::{Binding, Resource, ResourceId, Spread, Table, Tables};

impl Store for Table {
    fn restore(
        &self,
        bindings: &mut dyn Iterator<Item = (Resource, Binding)>,
    ) -> Result<(), Resource> {
        let _many = self.pin();
        for (resource, binding) in bindings {
            put(self, resource, binding)?;
        }
        Ok(())
    }

    fn finish(&self, spread: Spread<'_>) {
        self.finish_restore(spread);
    }
}

/// Each binding goes to the table of its kind.
impl Store for Tables {
    fn restore(
        &self,
        bindings: &mut dyn Iterator<Item = (Resource, Binding)>,
    ) -> Result<(), Resource> {
        let _many = self.ipv4.pin();
        for (resource, binding) in bindings {
            put(self.of(resource), resource, binding)?;
        }
        Ok(())
    }

    fn finish(&self, spread: Spread<'_>) {
        self.both().into_iter().for_each(|table| table.finish_restore(spread));
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

/// One after the other: the upper half of the cursor says which.
impl Source for Tables {
    fn walk(
        &self,
        from: Cursor,
        limit: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor> {
        const TABLE: u32 = 32;
        let (table, within) = (from.0 >> TABLE, from.0 & u64::from(u32::MAX));
        let walked = self.both().get(table as usize)?.walk(Cursor(within), limit, each);
        let next_table = (table + 1 < self.both().len() as u64).then_some((table + 1) << TABLE);
        walked.map(|next| table << TABLE | next.0).or(next_table).map(Cursor)
    }
}

fn put(table: &Table, resource: Resource, binding: Binding) -> Result<(), Resource> {
    let id = table.place_leased(resource).ok_or(resource)?;
    table.restore(id, binding);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::lease::{BindingStatus, Layouts, in_turn};
    use crate::wire::{Ipv6Prefix, Stamp};

    const BOTH: &str = r#"
        [[subnet4]]
        subnet = "10.0.0.0/16"
        pools = ["10.0.0.10-10.0.200.0"]
        [[subnet6]]
        subnet = "2001:db8::/64"
        pools = ["2001:db8::/64"]
        prefix-pools = [{ prefix = "2001:db8:8000::/36", delegate = 56 }]
    "#;

    fn tables() -> Tables {
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let config = Config::parse(BOTH, Path::new("test.toml"), &read).unwrap();
        Tables::new(Layouts::of(&config).unwrap())
    }

    fn bound(number: u32) -> (Resource, Binding) {
        let host = number / 3;
        let resource = match number % 3 {
            0 => Ipv4Addr::from_bits(0x0a00_000a + host).into(),
            1 => Resource::Ipv6((0x2001_0db8_u128 << 96 | u128::from(host + 1) << 8).into()),
            _ => {
                let prefix = 0x2001_0db8_8000_u128 << 80 | u128::from(host) << 72;
                Ipv6Prefix::new(prefix.into(), 56).unwrap().into()
            }
        };
        (resource, Binding { version: number, ..Binding::new(BindingStatus::Active, Stamp(9)) })
    }

    /// As a snapshot reads it, `limit` at a time.
    fn walked(tables: &Tables, limit: usize) -> BTreeMap<Resource, u32> {
        let (mut found, mut from) = (BTreeMap::new(), Some(Cursor::default()));
        while let Some(next) = from {
            from = tables.walk(next, limit, &mut |resource, binding| {
                let before = found.insert(resource, binding.version);
                assert_eq!(before, None, "{resource} comes twice");
            });
            assert!(from.is_none_or(|from| from > next), "a walk gets on");
        }
        found
    }

    #[test]
    fn a_walk_goes_through_both_tables_and_a_restore_sorts_what_it_found() {
        const COUNT: u32 = 30_000;
        let full = tables();
        Store::restore(&full, &mut (0..COUNT).map(bound)).unwrap();
        full.finish(&in_turn);
        let expected: BTreeMap<_, _> =
            (0..COUNT).map(bound).map(|(resource, binding)| (resource, binding.version)).collect();
        for limit in [1, 4_096, 1 << 20] {
            assert_eq!(walked(&full, limit), expected, "{limit} at a time");
        }
        let held = |table: &Table| {
            let mut count = 0;
            table.for_each(|_, _| count += 1);
            count
        };
        assert_eq!(full.both().map(held), [COUNT / 3, COUNT / 3 * 2]);
        assert!(walked(&tables(), 4_096).is_empty());
    }
}
