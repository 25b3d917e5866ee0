//! Who holds a binding: everything about a client that must outlive the packet it came in.
//!
//! One immutable run of octets, shared by every later binding of the same client, so that a renewal
//! copies a pointer. The journal writes the run as it is.
//!
//! ```text
//!  octet 0      1       3             3+len
//!  | kind      | len   | data ...    | kind | len | data ...
//! ```
//! The first item is always the identity. `len` has two octets, most significant first: options
//! joined by RFC 3396 may be longer than 255.

use std::sync::Arc;

/// A client's identity and what it said of itself, as kept with its binding.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Client {
    items: Arc<[u8]>,
}

/// What one item of a [`Client`] is. The numbers are on disk: never change one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
#[non_exhaustive]
pub enum ItemKind {
    /// `htype` octet, then `chaddr` (RFC 2131 §2).
    Hardware = 1,
    /// Client identifier, option 61, whole (RFC 2132 §9.14).
    Identifier = 2,
    /// Agent circuit ID, sub-option 1 of option 82 (RFC 3046 §3.1).
    CircuitId = 3,
    /// Agent remote ID, sub-option 2 of option 82 (RFC 3046 §3.2).
    RemoteId = 4,
    /// The relay agent's address, `giaddr`.
    Relay = 5,
    /// Vendor class identifier, option 60.
    VendorClass = 6,
    /// User class, option 77 (RFC 3004).
    UserClass = 7,
    /// Host name, option 12.
    HostName = 8,
    /// Client FQDN, option 81: flags octet, then the name in DNS encoding (RFC 4702).
    Fqdn = 9,
    /// The whole relay agent information, option 82, for whoever asks for it later.
    RelayInformation = 10,
}

/// Which item names the client, and its octets: two packets with one key are one client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientKey<'a> {
    /// `Identifier`, `Hardware`, `CircuitId` or `RemoteId`.
    pub kind: ItemKind,
    /// The item's data, never cut short.
    pub octets: &'a [u8],
}
