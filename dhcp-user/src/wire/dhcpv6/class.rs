//! What a client or relay says it is: vendor and user classes, vendor options, and the options of an
//! enterprise.
//!
//! ```text
//!  Vendor class 16:   | enterprise-number (4) | length (2) | data ... | length (2) | data ...
//!  User class 15:     | length (2) | data ... | length (2) | data ...
//!  Vendor options 17: | enterprise-number (4) | code (2) | length (2) | data ...
//!  Remote-ID 37:      | enterprise-number (4) | remote-id ...
//! ```

use super::{Counted, Options};
use crate::wire::WireError;

/// Octets behind the number of the enterprise that says what they mean (IANA, "Private Enterprise
/// Numbers"): a remote-ID (RFC 4649 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Enterprise<'a> {
    /// enterprise-number.
    pub number: u32,
    /// What stands behind it.
    pub data: &'a [u8],
}

impl<'a> Enterprise<'a> {
    /// Reads the data of an option that begins with an enterprise-number.
    ///
    /// # Errors
    /// `Truncated` for one that does not.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        match octets.split_first_chunk() {
            Some((number, data)) => Ok(Self { number: u32::from_be_bytes(*number), data }),
            None => Err(WireError::Truncated {
                field: "enterprise-number",
                needed: 4,
                had: octets.len(),
            }),
        }
    }
}

/// What hardware a client runs on, by its vendor (RFC 8415 §21.16).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VendorClass<'a> {
    /// enterprise-number.
    pub enterprise: u32,
    /// vendor-class-data.
    pub classes: Counted<'a>,
}

impl<'a> VendorClass<'a> {
    /// Reads the data of a vendor class option.
    ///
    /// # Errors
    /// `Truncated` for one that is cut short.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        let Enterprise { number, data } = Enterprise::parse(octets)?;
        Ok(Self { enterprise: number, classes: Counted::parse(data)? })
    }
}

/// The classes that a client's user put it into (RFC 8415 §21.15).
pub type UserClass<'a> = Counted<'a>;

/// What a vendor has to say to its own (RFC 8415 §21.17).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VendorOptions<'a> {
    /// enterprise-number.
    pub enterprise: u32,
    /// vendor-option-data, its codes the vendor's own.
    pub options: Options<'a>,
}

impl<'a> VendorOptions<'a> {
    /// Reads the data of a vendor-specific information option.
    ///
    /// # Errors
    /// `Truncated` for one that is cut short.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        let Enterprise { number, data } = Enterprise::parse(octets)?;
        Ok(Self { enterprise: number, options: Options::parse(data)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_class_has_a_vendor_and_classes() {
        let class = VendorClass::parse(b"\0\0\x01\x37\0\x04MSFT\0\0").unwrap();
        assert_eq!(class.enterprise, 311);
        assert_eq!(class.classes.iter().collect::<Vec<_>>(), [&b"MSFT"[..], b""]);
        assert!(VendorClass::parse(b"\0\0\x01").is_err());
        assert!(VendorClass::parse(b"\0\0\x01\x37\0\x05MSFT").is_err());
    }

    #[test]
    fn vendor_options_have_a_vendor_and_options() {
        let vendor = VendorOptions::parse(b"\0\0\x11\x8b\0\x20\0\x01x").unwrap();
        assert_eq!((vendor.enterprise, vendor.options.get(32)), (4_491, Some(&b"x"[..])));
        assert!(VendorOptions::parse(b"\0\0\x11\x8b\0\x20\0\x02x").is_err());
    }
}
