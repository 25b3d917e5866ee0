//! Why a partner refuses.

use std::fmt;

/// reject-reason (draft-12 §12.21).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Reject {
    /// The address is in no pool of this endpoint.
    UnknownAddress = 1,
    /// The address is in use by another client.
    InUse = 2,
    /// An option that must be there is not.
    MissingInformation = 3,
    /// The clocks differ too much.
    TimeMismatch = 4,
    /// An MCLT that cannot be used.
    InvalidMclt = 5,
    /// Anything else about a connection; in a BNDACK dhcpd's catch-all.
    Unspecified = 6,
    /// There is a connection already.
    DuplicateConnection = 7,
    /// Not the configured partner, relationship or role.
    InvalidPartner = 8,
    /// TLS is not there.
    TlsNotSupported = 9,
    /// TLS is there and not configured.
    TlsNotConfigured = 10,
    /// TLS is required, and the partner has none.
    TlsRequired = 11,
    /// Digests are not there.
    DigestNotSupported = 12,
    /// A digest came, and no secret is configured.
    DigestNotConfigured = 13,
    /// Another protocol version.
    ProtocolVersion = 14,
    /// What is known here is newer.
    Outdated = 15,
    /// What is known here matters more.
    LessCritical = 16,
    /// Nothing was heard for too long.
    NoTraffic = 17,
    /// The hash buckets contradict.
    HashBuckets = 18,
    /// The address is not reserved here.
    NotReserved = 19,
    /// The digest is wrong.
    DigestMismatch = 20,
    /// There is no digest, and a secret is configured.
    MissingDigest = 21,
    /// Nobody knows.
    Unknown = 254,
}

/// A refusal: the reason, and words for whoever reads the other log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// reject-reason. One that we do not know is read as [`Reject::Unknown`].
    pub reason: Reject,
    /// message (draft-12 §12.16); may be empty.
    pub text: String,
}

impl Reject {
    /// All of them, by number.
    pub const ALL: [Self; 22] = [
        Self::UnknownAddress,
        Self::InUse,
        Self::MissingInformation,
        Self::TimeMismatch,
        Self::InvalidMclt,
        Self::Unspecified,
        Self::DuplicateConnection,
        Self::InvalidPartner,
        Self::TlsNotSupported,
        Self::TlsNotConfigured,
        Self::TlsRequired,
        Self::DigestNotSupported,
        Self::DigestNotConfigured,
        Self::ProtocolVersion,
        Self::Outdated,
        Self::LessCritical,
        Self::NoTraffic,
        Self::HashBuckets,
        Self::NotReserved,
        Self::DigestMismatch,
        Self::MissingDigest,
        Self::Unknown,
    ];

    /// The reason with this number; others are reserved.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == octet)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAddress => "the address is in no pool",
            Self::InUse => "the address is in use by another client",
            Self::MissingInformation => "information is missing",
            Self::TimeMismatch => "the clocks differ too much",
            Self::InvalidMclt => "the MCLT cannot be used",
            Self::Unspecified => "no reason given",
            Self::DuplicateConnection => "there is a connection already",
            Self::InvalidPartner => "not the configured partner",
            Self::TlsNotSupported => "TLS is not supported",
            Self::TlsNotConfigured => "TLS is not configured",
            Self::TlsRequired => "TLS is required",
            Self::DigestNotSupported => "digests are not supported",
            Self::DigestNotConfigured => "no secret is configured",
            Self::ProtocolVersion => "another protocol version",
            Self::Outdated => "what is known here is newer",
            Self::LessCritical => "what is known here matters more",
            Self::NoTraffic => "nothing was heard for too long",
            Self::HashBuckets => "the hash buckets contradict",
            Self::NotReserved => "the address is not reserved",
            Self::DigestMismatch => "the digest is wrong",
            Self::MissingDigest => "the digest is missing",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for Rejection {
    /// The reason with its number, and the partner's own words if it has any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.reason as u8)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_number_and_the_rest_are_reserved() {
        let known: Vec<_> =
            (0..=u8::MAX).filter(|octet| Reject::from_octet(*octet).is_some()).collect();
        assert!(known.iter().copied().eq((1..=21).chain([254])));
        assert!(Reject::ALL.into_iter().all(|all| Reject::from_octet(all as u8) == Some(all)));
    }

    #[test]
    fn a_refusal_is_told_with_its_number_and_the_partners_words() {
        let text = "dup".to_owned();
        let told = Rejection { reason: Reject::DuplicateConnection, text }.to_string();
        assert_eq!(told, "there is a connection already (7): dup");
        let told = Rejection { reason: Reject::Outdated, text: String::new() }.to_string();
        assert_eq!(told, "what is known here is newer (15)");
    }
}
