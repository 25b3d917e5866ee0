//! Memory that is there when a server asks for it.
//!
//! A virtual machine whose host takes back what nobody uses (free page reporting) waits for it again, page by
//! page, whenever a process takes it next: 1.7 s for 1.5 GB. That says nothing of the server that is started.

use anyhow::{Context as _, Result};
use memmap2::MmapOptions;

/// As much as a Tandem takes for a lease of DHCPv4, and more; of what others take it is a part.
const OCTETS_A_LEASE: usize = 256;

/// Takes as much memory as so many leases need, and gives it back to the kernel at once.
pub(crate) fn fetch(leases: u32) -> Result<()> {
    let octets = (leases as usize).max(1) * OCTETS_A_LEASE;
    MmapOptions::new().len(octets).populate().map_anon().context("memory for a server")?;
    Ok(())
}
