//! Has a driver leave VLAN tags in the frames that it receives.
//!
//! A driver that takes them off tells the kernel of them beside the frame, where no XDP program sees
//! them: a request from a VLAN would look like one from the untagged network, and be answered there.

use std::io;

use super::ethtool;

/// What `ethtool -k` calls rx-vlan-offload and rx-vlan-stag-hw-parse, by the kernel's names.
const FEATURES: [&str; 2] = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"];

/// An interface whose driver was told to leave tags alone; told otherwise again when dropped.
#[derive(Debug)]
pub(super) struct VlanStripping {
    interface: String,
    bits: Vec<usize>,
}

impl VlanStripping {
    /// Switches it off where it is on; `None` where it is not, or the driver knows no such thing.
    ///
    /// # Errors
    /// What the kernel says, or `Unsupported` where the driver goes on all the same.
    pub(super) fn off(interface: &str) -> io::Result<Option<Self>> {
        // A kernel or driver that tells of no features takes no tags off.
        let bits = ethtool::features_on(interface, &FEATURES).unwrap_or_default();
        if bits.is_empty() {
            return Ok(None);
        }
        ethtool::set_features(interface, &bits, false)?;
        let this = Self { interface: interface.to_owned(), bits };
        // Dropping it on the way out restores what did change.
        if ethtool::features_on(interface, &FEATURES)?.is_empty() {
            Ok(Some(this))
        } else {
            Err(io::Error::new(io::ErrorKind::Unsupported, "the driver does not let go of it"))
        }
    }
}

impl Drop for VlanStripping {
    fn drop(&mut self) {
        if let Err(error) = ethtool::set_features(&self.interface, &self.bits, true) {
            let interface = &self.interface;
            tracing::warn!(%interface, %error, "rx-vlan-offload cannot be switched on again");
        }
    }
}
