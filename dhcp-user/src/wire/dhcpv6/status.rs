//! Status codes: how it went (RFC 8415 §21.13).

use std::fmt;

use crate::wire::WireError;

/// A number that says how it went. One that is not known here is kept as it came.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatusCode(pub u16);

#[rustfmt::skip]
impl StatusCode {
    /// All is well; what the absence of the option says, too.
    pub const SUCCESS: Self = Self(0);
    /// It failed, for no reason that has a number.
    pub const UNSPEC_FAIL: Self = Self(1);
    /// There is no address for the IA.
    pub const NO_ADDRS_AVAIL: Self = Self(2);
    /// The server knows no such IA.
    pub const NO_BINDING: Self = Self(3);
    /// The address is not of the client's link.
    pub const NOT_ON_LINK: Self = Self(4);
    /// Send it to the multicast address.
    pub const USE_MULTICAST: Self = Self(5);
    /// There is no prefix for the IA.
    pub const NO_PREFIX_AVAIL: Self = Self(6);
    /// A leasequery of a type that is not known (RFC 5007).
    pub const UNKNOWN_QUERY_TYPE: Self = Self(7);
    /// A leasequery that cannot be understood (RFC 5007).
    pub const MALFORMED_QUERY: Self = Self(8);
    /// Nothing is configured for what was asked (RFC 5007).
    pub const NOT_CONFIGURED: Self = Self(9);
    /// Who asked may not (RFC 5007).
    pub const NOT_ALLOWED: Self = Self(10);
    /// The server ends its answer early (RFC 5460).
    pub const QUERY_TERMINATED: Self = Self(11);
    /// Not all that was asked for is there any more (RFC 7653).
    pub const DATA_MISSING: Self = Self(12);
    /// All that was missed has been told (RFC 7653).
    pub const CATCH_UP_COMPLETE: Self = Self(13);
    /// Not of what this server can (RFC 7653).
    pub const NOT_SUPPORTED: Self = Self(14);
    /// No TLS here (RFC 7653).
    pub const TLS_CONNECTION_REFUSED: Self = Self(15);
    /// Active on both sides, for two clients (RFC 8156 §5.6).
    pub const ADDRESS_IN_USE: Self = Self(16);
    /// The partners are configured differently.
    pub const CONFIGURATION_CONFLICT: Self = Self(17);
    /// A binding update lacks what is needed.
    pub const MISSING_BINDING_INFORMATION: Self = Self(18);
    /// What is known here is newer.
    pub const OUTDATED_BINDING_INFORMATION: Self = Self(19);
    /// An orderly stop.
    pub const SERVER_SHUTTING_DOWN: Self = Self(20);
    /// No DNS updates here.
    pub const DNS_UPDATE_NOT_SUPPORTED: Self = Self(21);
    /// The clocks differ too much.
    pub const EXCESSIVE_TIME_SKEW: Self = Self(22);

    /// Every name that has a number, in the numbers' order.
    const NAMES: [&str; 23] = [
        "Success", "UnspecFail", "NoAddrsAvail", "NoBinding", "NotOnLink", "UseMulticast",
        "NoPrefixAvail", "UnknownQueryType", "MalformedQuery", "NotConfigured", "NotAllowed",
        "QueryTerminated", "DataMissing", "CatchUpComplete", "NotSupported",
        "TLSConnectionRefused", "AddressInUse", "ConfigurationConflict",
        "MissingBindingInformation", "OutdatedBindingInformation", "ServerShuttingDown",
        "DNSUpdateNotSupported", "ExcessiveTimeSkew",
    ];
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.get(usize::from(self.0)).copied().unwrap_or("unknown status");
        write!(f, "{name} ({})", self.0)
    }
}

/// A status with its words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status<'a> {
    /// status-code.
    pub code: StatusCode,
    /// status-message: UTF-8 for people, as it came.
    pub text: &'a [u8],
}

impl<'a> Status<'a> {
    /// Reads the data of a status code option.
    ///
    /// # Errors
    /// `Truncated` for one without its code.
    pub fn parse(data: &'a [u8]) -> Result<Self, WireError> {
        WireError::at_least("status code", 2, data)?;
        let (code, text) = data.split_at(2);
        Ok(Self { code: StatusCode(u16::from_be_bytes([code[0], code[1]])), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_name() {
        assert_eq!(StatusCode::SUCCESS.to_string(), "Success (0)");
        assert_eq!(StatusCode::NO_PREFIX_AVAIL.to_string(), "NoPrefixAvail (6)");
        assert_eq!(StatusCode::TLS_CONNECTION_REFUSED.to_string(), "TLSConnectionRefused (15)");
        assert_eq!(StatusCode::EXCESSIVE_TIME_SKEW.to_string(), "ExcessiveTimeSkew (22)");
        assert_eq!(StatusCode(23).to_string(), "unknown status (23)");
    }
}
