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
    /// Checked when made: whole items, known kinds, the first one an identity.
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
    /// Client FQDN, option 81, whole (RFC 4702 §2).
    Fqdn = 9,
    /// The whole relay agent information, option 82, if it says more than circuit ID and remote ID.
    RelayInformation = 10,
    /// IAID, then DUID: an identity association for addresses (RFC 8415 §12).
    IaAddresses = 11,
    /// IAID, then DUID: an identity association for delegated prefixes.
    IaPrefixes = 12,
    /// The link-address nearest to the client (RFC 8415 §13.1).
    LinkAddress = 13,
    /// Interface-Id of the relay nearest to the client (RFC 8415 §21.18).
    InterfaceId = 14,
    /// The client accepts Reconfigures, and was told a key for them (RFC 8415 §20.4); four octets tell of
    /// which secret.
    ReconfigureAccept = 15,
}

/// Which item names the client, and its octets: two packets with one key are one client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientKey<'a> {
    /// `Identifier`, `Hardware`, `CircuitId` or `RemoteId`; in DHCPv6 `IaAddresses` or `IaPrefixes`.
    pub kind: ItemKind,
    /// The item's data, never cut short.
    pub octets: &'a [u8],
}

/// Collects the items of a [`Client`], the identity first. One is used again and again where many
/// clients are described and few are new.
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    items: Vec<u8>,
}

/// Why octets are not a [`Client`]; on disk that is damage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadClient {
    /// There is not one item.
    Empty,
    /// An item reaches past the end of the octets.
    Truncated {
        /// Where the item begins.
        offset: usize,
    },
    /// A kind of item that this version does not know.
    Kind {
        /// The number found.
        kind: u8,
        /// Where the item begins.
        offset: usize,
    },
    /// The first item cannot name a client.
    Identity {
        /// What stands there.
        kind: ItemKind,
    },
}

impl Client {
    /// Most octets, as [`as_octets`](Self::as_octets) gives them, of one that can be granted anything:
    /// a record of the journal has no room for more.
    pub const MAX_LEN: usize = 8_144;

    /// Begins a client named by `identity`.
    #[must_use]
    pub fn builder(identity: ClientKey<'_>) -> ClientBuilder {
        let mut builder = ClientBuilder { items: Vec::with_capacity(64) };
        builder.begin(identity);
        builder
    }

    /// Reads back what [`as_octets`](Self::as_octets) gave.
    ///
    /// # Errors
    /// [`BadClient`] unless the octets are whole items of known kinds, the first one an identity.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadClient> {
        let mut offset = 0;
        while offset < octets.len() {
            let (kind, _, next) = item_at(octets, offset)?;
            if offset == 0 && !kind.is_identity() {
                return Err(BadClient::Identity { kind });
            }
            offset = next;
        }
        if offset == 0 {
            return Err(BadClient::Empty);
        }
        Ok(Self { items: octets.into() })
    }

    /// The items as they are stored.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        &self.items
    }

    /// What tells this client from others.
    #[must_use]
    pub fn key(&self) -> ClientKey<'_> {
        let (kind, octets) = self.items().next().expect("checked when made: there is an identity");
        ClientKey { kind, octets }
    }

    /// The data of the first item of this kind.
    #[must_use]
    pub fn item(&self, kind: ItemKind) -> Option<&[u8]> {
        self.items().find_map(|(found, data)| (found == kind).then_some(data))
    }

    /// All items in order, the identity first.
    pub fn items(&self) -> impl Iterator<Item = (ItemKind, &[u8])> {
        items(&self.items)
    }

    /// Whether both are named alike, whatever else they said of themselves.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items) || self.key() == other.key()
    }

    /// Octets on the heap, reference counts included; shared by all bindings of the client.
    #[must_use]
    pub fn heap_len(&self) -> usize {
        2 * size_of::<usize>() + self.items.len()
    }
}

impl ClientBuilder {
    /// Forgets the client before, and begins one named by `identity`.
    pub fn begin(&mut self, identity: ClientKey<'_>) {
        self.items.clear();
        self.add(identity.kind, identity.octets);
    }

    /// Adds an item. One longer than 65,535 octets is left out; no IPv4 datagram can carry it.
    pub fn add(&mut self, kind: ItemKind, data: &[u8]) {
        if let Ok(len) = u16::try_from(data.len()) {
            let [high, low] = len.to_be_bytes();
            self.items.extend_from_slice(&[kind as u8, high, low]);
            self.items.extend_from_slice(data);
        }
    }

    /// As [`add`](Self::add).
    #[must_use]
    pub fn with(mut self, kind: ItemKind, data: &[u8]) -> Self {
        self.add(kind, data);
        self
    }

    /// All items so far, as they would be stored.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        &self.items
    }

    /// All items so far.
    pub fn items(&self) -> impl Iterator<Item = (ItemKind, &[u8])> {
        items(&self.items)
    }

    /// The client with all items so far.
    #[must_use]
    pub fn build(&self) -> Client {
        Client { items: self.items.as_slice().into() }
    }
}

impl ItemKind {
    /// Whether an item of this kind may name a client.
    #[must_use]
    pub fn is_identity(self) -> bool {
        matches!(
            self,
            Self::Hardware
                | Self::Identifier
                | Self::CircuitId
                | Self::RemoteId
                | Self::IaAddresses
                | Self::IaPrefixes
        )
    }

    /// Whether an item of this kind is for people and other servers to read, and decides nothing.
    #[must_use]
    pub fn is_description(self) -> bool {
        matches!(self, Self::HostName | Self::Fqdn | Self::RelayInformation)
    }

    /// The kind with this number on disk.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Hardware,
            2 => Self::Identifier,
            3 => Self::CircuitId,
            4 => Self::RemoteId,
            5 => Self::Relay,
            6 => Self::VendorClass,
            7 => Self::UserClass,
            8 => Self::HostName,
            9 => Self::Fqdn,
            10 => Self::RelayInformation,
            11 => Self::IaAddresses,
            12 => Self::IaPrefixes,
            13 => Self::LinkAddress,
            14 => Self::InterfaceId,
            15 => Self::ReconfigureAccept,
            _ => return None,
        })
    }
}

impl std::fmt::Display for BadClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("a client without an identity"),
            Self::Truncated { offset } => write!(f, "the item at octet {offset} is cut short"),
            Self::Kind { kind, offset } => write!(f, "unknown item {kind} at octet {offset}"),
            Self::Identity { kind } => write!(f, "{kind:?} cannot name a client"),
        }
    }
}

impl std::error::Error for BadClient {}

/// The items that stand in `octets`, up to one that cannot be read.
fn items(octets: &[u8]) -> impl Iterator<Item = (ItemKind, &[u8])> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (kind, data, next) = item_at(octets, offset).ok()?;
        offset = next;
        Some((kind, data))
    })
}

/// The item that begins at `offset`, and where the next one does.
fn item_at(items: &[u8], offset: usize) -> Result<(ItemKind, &[u8], usize), BadClient> {
    let truncated = BadClient::Truncated { offset };
    let rest = items.get(offset..).ok_or(truncated)?;
    let (&[kind, high, low], data) = rest.split_first_chunk().ok_or(truncated)?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let data = data.get(..len).ok_or(truncated)?;
    let kind = ItemKind::from_octet(kind).ok_or(BadClient::Kind { kind, offset })?;
    Ok((kind, data, offset + 3 + len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(octets: &[u8]) -> ClientKey<'_> {
        ClientKey { kind: ItemKind::Identifier, octets }
    }

    #[test]
    fn the_first_item_names_the_client_and_the_others_are_found_by_kind() {
        let client = Client::builder(key(b"\x01abcdef"))
            .with(ItemKind::Hardware, b"\x01abcdef")
            .with(ItemKind::HostName, b"box")
            .build();
        assert_eq!(client.key(), key(b"\x01abcdef"));
        assert_eq!(client.item(ItemKind::HostName), Some(&b"box"[..]));
        assert_eq!(client.item(ItemKind::Fqdn), None);
        assert_eq!(&client.as_octets()[..4], b"\x02\x00\x07\x01");
    }

    #[test]
    fn an_identifier_longer_than_255_octets_is_kept_whole() {
        let long = vec![7; 300];
        assert_eq!(Client::builder(key(&long)).build().key().octets, long);
    }

    #[test]
    fn the_same_key_is_the_same_client_whatever_it_said_besides() {
        let one = Client::builder(key(b"x")).with(ItemKind::HostName, b"a").build();
        let two = Client::builder(key(b"x")).with(ItemKind::HostName, b"b").build();
        assert!(one.is_same(&two));
        assert!(!one.is_same(&Client::builder(key(b"y")).build()));
    }

    #[test]
    fn what_is_wrong_with_octets_from_disk_is_named() {
        assert_eq!(Client::from_octets(b""), Err(BadClient::Empty));
        assert_eq!(Client::from_octets(b"\x02\x00\x05ab"), Err(BadClient::Truncated { offset: 0 }));
        assert_eq!(
            Client::from_octets(b"\x02\x00\x01a\x63\x00\x00"),
            Err(BadClient::Kind { kind: 0x63, offset: 4 })
        );
        assert_eq!(
            Client::from_octets(b"\x08\x00\x01a"),
            Err(BadClient::Identity { kind: ItemKind::HostName })
        );
    }

    proptest! {
        #[test]
        fn a_client_read_back_is_the_client_written(
            identity in proptest::collection::vec(any::<u8>(), 0..600),
            others in proptest::collection::vec(
                (1..=14_u8, proptest::collection::vec(any::<u8>(), 0..300)), 0..8),
        ) {
            let mut builder = Client::builder(key(&identity));
            for (kind, data) in &others {
                builder = builder.with(ItemKind::from_octet(*kind).unwrap(), data);
            }
            let client = builder.build();
            prop_assert_eq!(client.items().count(), 1 + others.len());
            prop_assert_eq!(Client::from_octets(client.as_octets()), Ok(client.clone()));
        }

        #[test]
        fn no_octets_from_disk_panic(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(client) = Client::from_octets(&octets) {
                prop_assert_eq!(client.as_octets(), octets);
                prop_assert!(client.key().kind.is_identity());
            }
        }
    }
}
