//! Leave for `aya` to copy the maps' keys and values as octets.
#![allow(unsafe_code, reason = "aya::Pod promises that octets are all there is to a type")]

use crate::guard::{Bucket, PortKey};
use crate::settings::Settings;

// SAFETY: `repr(C)`, whole numbers only, no padding.
unsafe impl aya::Pod for Settings {}
// SAFETY: `repr(C)`, whole numbers only, no padding.
unsafe impl aya::Pod for Bucket {}
// SAFETY: `repr(C)`, arrays of whole numbers only, no padding.
unsafe impl aya::Pod for PortKey {}
