//! The measurements with an allocator that counts: for `allocations`, not for speed.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> anyhow::Result<()> {
    tandem_benches::run(Some(|| {
        let counted = ALLOCATOR.stats();
        // What grows where it is asks the allocator as well.
        counted.allocations + counted.reallocations
    }))
}
