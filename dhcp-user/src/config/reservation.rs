//! Reservations: `[[reservation4]]`, and what its keys and the columns of a reservation file hold.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::family::Family as _;
use super::model::{Protocol, Reservation, ReservedFor, Scope};
use super::notebook::{Notebook, Span};
use super::octets;
use super::option::Definitions;
use super::reader::{Placed, Section, Value};
use super::reservation_file::{FromFiles, Row};
use super::scope;
use super::times::Times;

/// Reservations, and where each stands.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    pub(super) list: Vec<Reservation>,
    /// As many as there are reservations.
    pub(super) spans: Vec<Span>,
}

impl Reservations {
    pub(super) fn push(&mut self, reservation: Reservation, span: Span) {
        self.list.push(reservation);
        self.spans.push(span);
    }

    /// Reads one `[[reservation4]]`.
    pub(super) fn read(
        &mut self,
        mut section: Section<'_>,
        wider: &Times,
        definitions: &Definitions,
        notes: &Notebook,
    ) {
        let whole = section.span;
        section.protocol = Some(Protocol::Dhcpv4);
        let identifiers = Column::IDENTIFIERS.map(|column| (column, section.take(column.name())));
        let address = section.take("address");
        let host_name = section.take("host-name").and_then(|value| {
            value.parsed(EXPECTED_HOST_NAME, |text| host_name(text).map(str::to_owned))
        });
        let (scope, _) = scope::read(&mut section, wider, definitions, notes);
        section.finish();

        let Some((client, span)) = client(identifiers, whole, EXPECTED_IDENTIFIER, notes) else {
            return;
        };
        let address = match address {
            Some(value) => match value.parsed(Ipv4Addr::EXPECTED_ADDRESS, |text| text.parse().ok())
            {
                Some(address) => Some(address),
                None => return,
            },
            None => None,
        };
        let reservation =
            Reservation { client, address, host_name, scope: if_it_says_something(scope) };
        self.push(reservation, span);
    }
}

impl FromFiles for Reservations {
    type Address = Ipv4Addr;
    const COLUMNS: &'static [Column] = &[
        Column::HwAddress,
        Column::ClientId,
        Column::CircuitId,
        Column::RemoteId,
        Column::Address,
        Column::HostName,
    ];
    const IDENTIFIERS: &'static [Column] = &Column::IDENTIFIERS;
    const EXPECTED_IDENTIFIER: &'static str = EXPECTED_IDENTIFIER;

    fn reserve(&mut self, rows: usize) {
        self.list.reserve(rows);
        self.spans.reserve(rows);
    }

    fn add(&mut self, row: Row<Ipv4Addr>) {
        let address = row.addresses.first().map(|address| address.value);
        let Row { client: Placed { value: client, span }, host_name, .. } = row;
        self.push(Reservation { client, address, host_name, scope: None }, span);
    }
}

/// The client that the one identifier there is names, and where that stands.
pub(super) fn client<const N: usize>(
    identifiers: [(Column, Option<Value<'_>>); N],
    whole: Span,
    expected: &str,
    notes: &Notebook,
) -> Option<(ReservedFor, Span)> {
    let mut given = identifiers.into_iter().filter_map(|(column, value)| Some((column, value?)));
    let (column, value) = match (given.next(), given.next()) {
        (Some(only), None) => only,
        (None, _) => {
            notes.mistake(whole, "a reservation without a client", expected);
            return None;
        }
        (_, Some((_, second))) => {
            notes.mistake(second.key_span, "a reservation with two clients", expected);
            return None;
        }
    };
    let client = value.parsed(column.expected(), |text| column.client(text))?;
    Some((client, value.span))
}

pub(super) fn if_it_says_something(scope: Scope) -> Option<Box<Scope>> {
    let is_silent = scope.options.is_empty()
        && scope.options6.is_empty()
        && scope.parameters == Default::default();
    (!is_silent).then(|| Box::new(scope))
}

const EXPECTED_IDENTIFIER: &str = "give one of hw-address, client-id, circuit-id and remote-id";
pub(super) const EXPECTED_HOST_NAME: &str =
    "a host name has up to 255 letters, digits, hyphens, underscores and dots";

/// What a column of a reservation file holds; the keys of `[[reservation4]]` and `[[reservation6]]`
/// are the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Column {
    HwAddress,
    ClientId,
    CircuitId,
    RemoteId,
    Address,
    HostName,
    /// Of DHCPv6 alone, like the next ones.
    Duid,
    InterfaceId,
    Addresses,
    Prefixes,
}

impl Column {
    pub(super) const IDENTIFIERS: [Self; 4] =
        [Self::HwAddress, Self::ClientId, Self::CircuitId, Self::RemoteId];
    pub(super) const IDENTIFIERS_V6: [Self; 4] =
        [Self::Duid, Self::HwAddress, Self::RemoteId, Self::InterfaceId];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HwAddress => "hw-address",
            Self::ClientId => "client-id",
            Self::CircuitId => "circuit-id",
            Self::RemoteId => "remote-id",
            Self::Address => "address",
            Self::HostName => "host-name",
            Self::Duid => "duid",
            Self::InterfaceId => "interface-id",
            Self::Addresses => "addresses",
            Self::Prefixes => "prefixes",
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::HwAddress => octets::EXPECTED_HARDWARE,
            Self::ClientId | Self::CircuitId | Self::RemoteId | Self::InterfaceId => {
                octets::EXPECTED
            }
            Self::Duid => octets::EXPECTED_DUID,
            Self::Address => Ipv4Addr::EXPECTED_ADDRESS,
            Self::Addresses => Ipv6Addr::EXPECTED_ADDRESS,
            Self::Prefixes => Ipv6Addr::EXPECTED_PREFIX,
            Self::HostName => EXPECTED_HOST_NAME,
        }
    }

    /// The client that a value of this column stands for; `None` for a wrong value, and for the
    /// columns that name no client.
    pub(super) fn client(self, text: &str) -> Option<ReservedFor> {
        let octets = || octets::parse(text).map(Vec::into_boxed_slice);
        match self {
            Self::HwAddress => octets::parse_hardware(text).map(ReservedFor::Hardware),
            Self::ClientId => octets().map(ReservedFor::Identifier),
            Self::Duid => octets::parse_duid(text).map(|duid| ReservedFor::Identifier(duid.into())),
            Self::CircuitId | Self::InterfaceId => octets().map(ReservedFor::CircuitId),
            Self::RemoteId => octets().map(ReservedFor::RemoteId),
            Self::Address | Self::Addresses | Self::Prefixes | Self::HostName => None,
        }
    }
}

/// RFC 1123 §2.1, and the underscores that people use all the same.
pub(super) fn host_name(text: &str) -> Option<&str> {
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    (!text.is_empty() && text.len() <= 255 && text.bytes().all(legal)).then_some(text)
}
