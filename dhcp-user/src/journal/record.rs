//! One binding, or one note, as octets: what segments and snapshots are filled with.
//!
//! ```text
//!   0        4        8     9      10     11     12       16       20
//!   | length | crc32c | ver | stat | flag | kind | address| version| starts  ->
//!  20        24       28       32       36       40       44       48
//!   | starts | expires| cltt   | sent   | acked  | received| clilen | client ... | zeros to 8
//! ```
//!
//! An IPv6 binding has its prefix's length where an IPv4 one has its address, 128 for an address, and
//! the 16 octets of the address between `clilen` and the client:
//!
//! ```text
//!  12        13     16                 44       48        64
//!   | length | zero | as above ...      | clilen | address | client ... | zeros to 8
//! ```
//!
//! Numbers are little-endian but addresses, which are in network order. `length` counts all octets
//! of the record, its zeros included, and is a multiple of 8. The CRC32C covers `length` and
//! everything after the CRC. `flag` is R (1), B (2), and what the partner knows: unsent (4), sent (8);
//! `clilen` is `0xffff_ffff` for no client.
//!
//! A note is shorter:
//!
//! ```text
//!   0        4        8     9       10     11     12       20       24
//!   | length | crc32c | ver | namlen| zero | kind | number | octlen | name ... | octets ... | zeros
//! ```
//!
//! Versions (`ver`): 1, as above. Kinds: 1, an IPv4 binding; 2, a note; 3, of an IPv6 address; 4, of a
//! delegated prefix. A reader refuses what it does not know: an older server must not start on what a newer
//! one wrote and forget half of it.
//! [`Binding::offered_until`] is not written (RFC 2131 §3.1 lets a promise be forgotten), nor is
//! [`Binding::writer`], which means nothing to the next run.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::notes::Note;
use crate::lease::{Binding, BindingStatus, Client, IpFlags, Resource, Told};
use crate::wire::{Ipv6Prefix, Stamp};

/// Longest record in octets. Every ring and batch has room for it.
pub const MAX_RECORD_LEN: usize = 8 * 1024;

/// Most octets of a [`Client`] that a record of an IPv4 address holds, which is 16 more than one of
/// IPv6; one with more cannot be granted anything.
pub const MAX_CLIENT_LEN: usize = MAX_RECORD_LEN - FIXED_LEN;

const FIXED_LEN: usize = 48;
/// Octets of an IPv6 address.
const IPV6_LEN: usize = 16;
const _: () = assert!(Client::MAX_LEN == MAX_CLIENT_LEN, "whoever makes a client goes by the one");
/// Longest name of a note, in octets.
pub const MAX_NAME_LEN: usize = u8::MAX as usize;

/// Most octets of a note.
pub const MAX_NOTE_LEN: usize = MAX_RECORD_LEN - NOTE_FIXED_LEN - MAX_NAME_LEN.next_multiple_of(8);

const NOTE_FIXED_LEN: usize = 24;
/// What every kind begins with.
const HEAD_LEN: usize = 12;
const FORMAT: u8 = 1;
const KIND_IPV4: u8 = 1;
const KIND_NOTE: u8 = 2;
const KIND_IPV6: u8 = 3;
const KIND_PREFIX: u8 = 4;
const NO_CLIENT: u32 = u32::MAX;
const RESERVED: u8 = 1;
const BOOTP: u8 = 2;
const UNSENT: u8 = 4;
const SENT: u8 = 8;

/// What a record holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Record {
    Binding(Resource, Binding),
    Note(Note),
}

/// The client's octets exceed what a record of its kind holds, or a note's what a record holds of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

/// Appends the record of `binding` to `into`; `into` is as it was if the client is too long.
pub(super) fn encode(
    resource: Resource,
    binding: &Binding,
    into: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let client = binding.client.as_ref().map(Client::as_octets);
    let client_len = client.map_or(0, <[u8]>::len);
    let (kind, short, address) = match resource {
        Resource::Ipv4(address) => (KIND_IPV4, address.octets(), None),
        Resource::Ipv6(address) => {
            (KIND_IPV6, [Ipv6Prefix::MAX_LEN, 0, 0, 0], Some(address.octets()))
        }
        Resource::Prefix(prefix) => {
            (KIND_PREFIX, [prefix.len(), 0, 0, 0], Some(prefix.address().octets()))
        }
    };
    let address = address.as_ref().map_or(&[][..], |octets| octets);
    let len = (FIXED_LEN + address.len() + client_len).next_multiple_of(8);
    if len > MAX_RECORD_LEN {
        return Err(TooLong);
    }
    let mut fixed = [0; FIXED_LEN];
    let mut put = |at: usize, octets: &[u8]| fixed[at..at + octets.len()].copy_from_slice(octets);
    put(0, &(len as u32).to_le_bytes());
    put(8, &[FORMAT, binding.status as u8, flags(binding.flags) | told(binding.told), kind]);
    put(12, &short);
    put(16, &binding.version.to_le_bytes());
    let stamps = [
        binding.starts,
        binding.expires,
        binding.cltt,
        binding.sent_potential,
        binding.acked_potential,
        binding.received_potential,
    ];
    for (index, stamp) in stamps.into_iter().enumerate() {
        put(20 + 4 * index, &stamp.0.to_le_bytes());
    }
    put(44, &client.map_or(NO_CLIENT, |octets| octets.len() as u32).to_le_bytes());

    seal(len, &[&fixed, address, client.unwrap_or_default()], into);
    Ok(())
}

/// Appends the record of a note to `into`; `into` is as it was if the note is too long.
pub(super) fn encode_note(note: &Note, into: &mut Vec<u8>) -> Result<(), TooLong> {
    let name_len = u8::try_from(note.name.len()).map_err(|_| TooLong)?;
    if note.octets.len() > MAX_NOTE_LEN {
        return Err(TooLong);
    }
    let len = NOTE_FIXED_LEN + note.name.len() + note.octets.len();
    let len = len.next_multiple_of(8);
    let mut fixed = [0; NOTE_FIXED_LEN];
    fixed[..4].copy_from_slice(&(len as u32).to_le_bytes());
    fixed[8..HEAD_LEN].copy_from_slice(&[FORMAT, name_len, 0, KIND_NOTE]);
    fixed[12..20].copy_from_slice(&note.number.to_le_bytes());
    fixed[20..].copy_from_slice(&(note.octets.len() as u32).to_le_bytes());
    seal(len, &[&fixed, note.name.as_bytes(), &note.octets], into);
    Ok(())
}

/// Appends the parts of a record, zeros up to `len`, and fills the checksum in.
fn seal(len: usize, parts: &[&[u8]], into: &mut Vec<u8>) {
    let start = into.len();
    parts.iter().for_each(|part| into.extend_from_slice(part));
    into.resize(start + len, 0);
    let crc = checksum(&into[start..]);
    into[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The records that follow one another in `octets`; ends after the first that cannot be read.
pub(super) fn records(octets: &[u8]) -> Records<'_> {
    Records { octets, at: 0 }
}

/// See [`records`].
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.octets[self.at..];
        if rest.is_empty() {
            return None;
        }
        match decode(rest) {
            Ok((record, len)) => {
                self.at += len;
                Some(Ok(record))
            }
            Err(flaw) => {
                let at = self.at;
                self.at = self.octets.len();
                Some(Err(BadRecord { at, flaw }))
            }
        }
    }
}

/// A record that cannot be read, `at` octets into what [`records`] was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BadRecord {
    pub(super) at: usize,
    pub(super) flaw: Flaw,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// Its length is impossible, or there are not that many octets.
    Length(usize),
    /// Its octets are not the ones that were written.
    Checksum,
    /// Whole, but of a later format: written by a newer server.
    Format { version: u8, kind: u8 },
    /// Whole, but with a value that no server writes.
    Value(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(len) => write!(f, "a record claims the impossible length {len}"),
            Self::Checksum => f.write_str("a record's checksum is wrong"),
            Self::Format { version, kind } => write!(
                f,
                "a record has format {version} and kind {kind}, which a newer version wrote"
            ),
            Self::Value(field) => write!(f, "a record's {field} is none that is known"),
        }
    }
}

/// The length that the record at the start of a ring's word claims.
pub(super) fn len_in_first_word(word: u64) -> usize {
    (word & 0xffff_ffff) as usize
}

fn decode(octets: &[u8]) -> Result<(Record, usize), Flaw> {
    let Some(head) = octets.first_chunk::<HEAD_LEN>() else {
        return Err(Flaw::Length(octets.len()));
    };
    let len = number(head, 0) as usize;
    if !(NOTE_FIXED_LEN..=MAX_RECORD_LEN).contains(&len) || !len.is_multiple_of(8) {
        return Err(Flaw::Length(len));
    }
    let record = octets.get(..len).ok_or(Flaw::Length(len))?;
    if checksum(record) != number(head, 4) {
        return Err(Flaw::Checksum);
    }
    match (head[8], head[11]) {
        (FORMAT, KIND_IPV4 | KIND_IPV6 | KIND_PREFIX) => {
            decode_binding(record).map(|(resource, binding)| Record::Binding(resource, binding))
        }
        (FORMAT, KIND_NOTE) => decode_note(record).map(Record::Note),
        (version, kind) => Err(Flaw::Format { version, kind }),
    }
    .map(|record| (record, len))
}

/// The number that begins there, where whoever asks knows that there are as many octets.
fn number(octets: &[u8], at: usize) -> u32 {
    octets[at..].first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets))
}

fn decode_note(record: &[u8]) -> Result<Note, Flaw> {
    let (fixed, rest) =
        record.split_at_checked(NOTE_FIXED_LEN).ok_or(Flaw::Length(record.len()))?;
    if fixed[10] != 0 {
        return Err(Flaw::Value("note"));
    }
    let (name_len, len) = (usize::from(fixed[9]), number(fixed, 20) as usize);
    let (name, rest) = rest.split_at_checked(name_len).ok_or(Flaw::Value("name"))?;
    let octets = rest.get(..len).ok_or(Flaw::Value("note"))?;
    Ok(Note {
        number: u64::from(number(fixed, 12)) | u64::from(number(fixed, 16)) << 32,
        name: str::from_utf8(name).map_err(|_| Flaw::Value("name"))?.to_owned(),
        octets: octets.to_vec(),
    })
}

fn decode_binding(record: &[u8]) -> Result<(Resource, Binding), Flaw> {
    let (fixed, rest) =
        record.split_first_chunk::<FIXED_LEN>().ok_or(Flaw::Length(record.len()))?;
    let (resource, rest) = decode_resource(fixed, rest)?;
    let number = |at: usize| number(fixed, at);
    let [status, flags] = [fixed[9], fixed[10]];
    let told = match flags & (UNSENT | SENT) {
        0 => Told::Acknowledged,
        UNSENT => Told::Unsent,
        SENT => Told::Sent,
        _ => return Err(Flaw::Value("flags")),
    };
    if flags & !(RESERVED | BOOTP | UNSENT | SENT) != 0 {
        return Err(Flaw::Value("flags"));
    }
    let client = match number(44) {
        NO_CLIENT => None,
        client_len => {
            let items = rest.get(..client_len as usize).ok_or(Flaw::Value("client"))?;
            Some(Client::from_octets(items).map_err(|_| Flaw::Value("client"))?)
        }
    };
    let binding = Binding {
        version: number(16),
        status: BindingStatus::from_octet(status).ok_or(Flaw::Value("binding-status"))?,
        flags: IpFlags { reserved: flags & RESERVED != 0, bootp: flags & BOOTP != 0 },
        told,
        starts: Stamp(number(20)),
        expires: Stamp(number(24)),
        cltt: Stamp(number(28)),
        sent_potential: Stamp(number(32)),
        acked_potential: Stamp(number(36)),
        received_potential: Stamp(number(40)),
        offered_until: Stamp::ZERO,
        writer: None,
        client,
    };
    Ok((resource, binding))
}

/// What a record is of, and what stands behind that.
fn decode_resource<'a>(
    fixed: &[u8; FIXED_LEN],
    rest: &'a [u8],
) -> Result<(Resource, &'a [u8]), Flaw> {
    let short = [fixed[12], fixed[13], fixed[14], fixed[15]];
    if fixed[11] == KIND_IPV4 {
        return Ok((Ipv4Addr::from_octets(short).into(), rest));
    }
    let (octets, rest) = rest.split_first_chunk::<IPV6_LEN>().ok_or(Flaw::Value("address"))?;
    let address = Ipv6Addr::from_octets(*octets);
    let resource = match (fixed[11], short) {
        (KIND_IPV6, [Ipv6Prefix::MAX_LEN, 0, 0, 0]) => Some(address.into()),
        (KIND_PREFIX, [len, 0, 0, 0]) => Ipv6Prefix::new(address, len).map(Resource::from),
        _ => None,
    };
    Ok((resource.ok_or(Flaw::Value("address"))?, rest))
}

/// CRC32C of a whole record but the checksum itself.
fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..])
}

fn told(told: Told) -> u8 {
    match told {
        Told::Acknowledged => 0,
        Told::Unsent => UNSENT,
        Told::Sent => SENT,
    }
}

fn flags(flags: IpFlags) -> u8 {
    u8::from(flags.reserved) * RESERVED + u8::from(flags.bootp) * BOOTP
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lease::{ClientKey, ItemKind};

    /// A client made of whole items, as the lease floor makes them.
    fn client() -> impl Strategy<Value = Client> {
        let item = (1..=15_u8, prop::collection::vec(any::<u8>(), 1..300));
        prop::collection::vec(item, 1..6).prop_map(|items| {
            let mut octets = Vec::new();
            for (index, (kind, data)) in items.into_iter().enumerate() {
                let kind = if index == 0 { ItemKind::Hardware as u8 } else { kind };
                octets.push(kind);
                octets.extend_from_slice(&(data.len() as u16).to_be_bytes());
                octets.extend_from_slice(&data);
            }
            Client::from_octets(&octets).expect("whole items")
        })
    }

    /// A thing of any kind.
    pub(in crate::journal) fn resource() -> impl Strategy<Value = Resource> {
        prop_oneof![
            any::<Ipv4Addr>().prop_map(Resource::from),
            any::<Ipv6Addr>().prop_map(Resource::from),
            (any::<Ipv6Addr>(), 0..=Ipv6Prefix::MAX_LEN)
                .prop_map(|(address, len)| Ipv6Prefix::containing(address, len).into()),
        ]
    }

    pub(in crate::journal) fn binding() -> impl Strategy<Value = Binding> {
        let stamps = any::<[u32; 6]>();
        let told = prop::sample::select(vec![Told::Acknowledged, Told::Unsent, Told::Sent]);
        (any::<u32>(), 1..=7_u8, any::<[bool; 2]>(), told, stamps, prop::option::of(client()))
            .prop_map(|(version, status, [reserved, bootp], told, stamps, client)| Binding {
                told,
                version,
                status: BindingStatus::from_octet(status).expect("1 to 7 are all known"),
                flags: IpFlags { reserved, bootp },
                starts: Stamp(stamps[0]),
                expires: Stamp(stamps[1]),
                cltt: Stamp(stamps[2]),
                sent_potential: Stamp(stamps[3]),
                acked_potential: Stamp(stamps[4]),
                received_potential: Stamp(stamps[5]),
                offered_until: Stamp::ZERO,
                writer: None,
                client,
            })
    }

    fn note() -> impl Strategy<Value = Note> {
        let octets = prop::collection::vec(any::<u8>(), 0..300);
        (any::<u64>(), "\\PC{0,60}", octets).prop_map(|(number, name, octets)| Note {
            number,
            name,
            octets,
        })
    }

    #[test]
    fn the_longest_note_fits_a_record_and_a_longer_one_leaves_nothing_behind() {
        let name = "n".repeat(MAX_NAME_LEN);
        let note = |name: &str, len: usize| Note {
            number: u64::MAX,
            name: name.to_owned(),
            octets: vec![7; len],
        };
        let mut octets = Vec::new();
        assert_eq!(encode_note(&note(&name, MAX_NOTE_LEN), &mut octets), Ok(()));
        assert!(octets.len() <= MAX_RECORD_LEN);
        let read = records(&octets).next().unwrap().unwrap();
        assert_eq!(read, Record::Note(note(&name, MAX_NOTE_LEN)));
        octets.clear();
        assert_eq!(encode_note(&note(&name, MAX_NOTE_LEN + 1), &mut octets), Err(TooLong));
        assert_eq!(encode_note(&note(&format!("{name}n"), 0), &mut octets), Err(TooLong));
        assert!(octets.is_empty());
    }

    proptest! {
        #[test]
        fn bindings_come_back_as_they_were_written(
            written in prop::collection::vec((resource(), binding()), 0..8)
        ) {
            let mut octets = Vec::new();
            for (resource, binding) in &written {
                encode(*resource, binding, &mut octets).unwrap();
                prop_assert_eq!(octets.len() % 8, 0);
            }
            let read: Vec<_> = records(&octets).collect::<Result<_, _>>().unwrap();
            let written = written.into_iter();
            let written: Vec<_> =
                written.map(|(resource, binding)| Record::Binding(resource, binding)).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn notes_come_back_as_they_were_written_among_bindings(
            notes in prop::collection::vec(note(), 0..5), binding in binding(), of in resource()
        ) {
            let mut octets = Vec::new();
            for note in &notes {
                encode_note(note, &mut octets).unwrap();
                encode(of, &binding, &mut octets).unwrap();
                prop_assert_eq!(octets.len() % 8, 0);
            }
            let read: Vec<_> = records(&octets).collect::<Result<_, _>>().unwrap();
            let binding = Record::Binding(of, binding);
            let written: Vec<_> =
                notes.into_iter().flat_map(|note| [Record::Note(note), binding.clone()]).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn a_flipped_bit_anywhere_in_a_note_is_noticed(
            note in note(), place in any::<prop::sample::Index>(), bit in 0..8_u8
        ) {
            let mut octets = Vec::new();
            encode_note(&note, &mut octets).unwrap();
            let place = place.index(octets.len());
            octets[place] ^= 1 << bit;
            prop_assert!(records(&octets).any(|record| record.is_err()));
        }

        #[test]
        fn a_flipped_bit_anywhere_in_a_record_is_noticed(
            of in resource(), binding in binding(), place in any::<prop::sample::Index>(), bit in 0..8_u8
        ) {
            let mut octets = Vec::new();
            encode(of, &binding, &mut octets).unwrap();
            let place = place.index(octets.len());
            octets[place] ^= 1 << bit;
            prop_assert!(records(&octets).any(|record| record.is_err()));
        }

        #[test]
        fn arbitrary_octets_are_refused_without_a_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            for _ in records(&octets) {}
        }

        #[test]
        fn a_whole_record_of_arbitrary_content_never_panics(
            mut octets in prop::collection::vec(any::<u8>(), NOTE_FIXED_LEN..200),
            format in any::<bool>(),
            is_note in any::<bool>(),
            kind in prop::sample::select(vec![KIND_IPV4, KIND_IPV6, KIND_PREFIX]),
        ) {
            octets.resize(octets.len().next_multiple_of(8), 0);
            let len = octets.len() as u32;
            octets[..4].copy_from_slice(&len.to_le_bytes());
            if is_note {
                octets[10..12].copy_from_slice(&[0, KIND_NOTE]);
                octets[20..24].copy_from_slice(&9_u32.to_le_bytes());
            }
            if format {
                octets[8] = FORMAT;
            }
            if format && !is_note && octets.len() >= FIXED_LEN {
                octets[9..12].copy_from_slice(&[2, 0, kind]);
                octets[44..48].copy_from_slice(&40_u32.to_le_bytes());
            }
            let crc = checksum(&octets);
            octets[4..8].copy_from_slice(&crc.to_le_bytes());
            prop_assert!(records(&octets).count() == 1);
        }
    }

    #[test]
    fn a_client_beyond_the_longest_record_is_refused_and_leaves_nothing_behind() {
        let mut items = vec![ItemKind::Identifier as u8];
        items.extend_from_slice(&(MAX_CLIENT_LEN as u16).to_be_bytes());
        items.resize(3 + MAX_CLIENT_LEN, 7);
        let mut long = Binding::new(BindingStatus::Active, Stamp::ZERO);
        long.client = Client::from_octets(&items).ok();
        assert!(long.client.is_some());
        let mut octets = vec![1, 2, 3];
        for of in [Ipv4Addr::LOCALHOST.into(), Resource::from(Ipv6Addr::LOCALHOST)] {
            assert_eq!(encode(of, &long, &mut octets), Err(TooLong));
            assert_eq!(octets, [1, 2, 3]);
        }
    }

    /// Of a server that knew no IPv6: nothing that is on a disk may change its meaning.
    #[test]
    fn an_ipv4_record_is_the_octets_that_it_always_was() {
        let mut octets = Vec::new();
        let key = ClientKey { kind: ItemKind::Hardware, octets: b"\x01abcdef" };
        let binding = Binding {
            version: 7,
            expires: Stamp(9),
            client: Some(Client::builder(key).build()),
            ..Binding::new(BindingStatus::Active, Stamp(1))
        };
        encode(Ipv4Addr::new(10, 0, 0, 9).into(), &binding, &mut octets).unwrap();
        let expected = b"\x40\0\0\0\x52\x82\x49\xdd\x01\x02\0\x01\x0a\0\0\x09\x07\0\0\0\x01\0\0\0\
            \x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\0\x01\0\x07\x01abcdef\0\0\0\0\0\0";
        assert_eq!(octets, expected);
        assert_eq!(
            records(expected).next(),
            Some(Ok(Record::Binding(Ipv4Addr::new(10, 0, 0, 9).into(), binding)))
        );
    }

    #[test]
    fn a_prefix_with_bits_past_its_length_is_none_that_was_written() {
        let mut octets = Vec::new();
        let prefix = Ipv6Prefix::containing("2001:db8::".parse().unwrap(), 56);
        encode(prefix.into(), &Binding::new(BindingStatus::Free, Stamp(1)), &mut octets).unwrap();
        octets[FIXED_LEN + 15] = 1;
        let crc = checksum(&octets);
        octets[4..8].copy_from_slice(&crc.to_le_bytes());
        let read = records(&octets).next();
        assert_eq!(read, Some(Err(BadRecord { at: 0, flaw: Flaw::Value("address") })));
    }
}
