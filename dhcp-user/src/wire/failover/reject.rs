//! Why a partner refuses.

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
