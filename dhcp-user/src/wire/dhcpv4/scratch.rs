//! Where a message's options are found: an index over its octets, and the joined ones.
//!
//! An option may come in parts, spread over `options`, `file` and `sname` (RFC 2131 §4.1, RFC 3396
//! §5). Parts are joined here; an option in one piece, as nearly all are, is left where it lies.
//! Both passes over the octets go forward only, so the work is linear in the message's length
//! however it was put together.

use super::field;
use crate::wire::WireError;
use crate::wire::option::code;

/// Options joined and indexed for one [`Message`](super::Message) at a time: kept by a worker and
/// used for packet after packet.
///
/// It allocates when made, and again only for a message whose split options are longer than any
/// before; never more than a message's 65,535 octets.
#[derive(Debug)]
pub struct Scratch {
    /// For each code the place in `found` of its option, plus one; zero is absent.
    places: [u8; 256],
    /// Options in the order of their first part; those past `count` are of an earlier message.
    found: [Found; Self::MAX_OPTIONS],
    count: u8,
    /// The data of options that came in parts.
    joined: Vec<u8>,
}

/// One option of the message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) code: u8,
    /// Whether it came in parts: `start` is then an offset into the joined octets, else into the
    /// message.
    pub(super) in_parts: bool,
    start: u16,
    len: u16,
}

impl Scratch {
    /// All codes but pad and end.
    const MAX_OPTIONS: usize = 254;

    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            places: [0; 256],
            found: [Found::default(); Self::MAX_OPTIONS],
            count: 0,
            joined: Vec::with_capacity(1024),
        }
    }

    /// Forgets the last message and finds the options of `message`, which is one with a cookie
    /// and of no more than 65,535 octets.
    pub(super) fn index(&mut self, message: &[u8]) -> Result<(), WireError> {
        self.clear();
        let mut in_parts = self.find_in(message, field::OPTIONS, message.len())?;
        let overload = self.overload(message)?;
        if overload.file {
            in_parts |= self.find_in(message, field::FILE.start, field::FILE.end)?;
        }
        if overload.sname {
            in_parts |= self.find_in(message, field::SNAME.start, field::SNAME.end)?;
        }
        if in_parts {
            self.overload(message)?;
            self.join(message, overload)?;
        }
        Ok(())
    }

    /// Forgets the last message.
    pub(super) fn clear(&mut self) {
        for found in &self.found[..usize::from(self.count)] {
            self.places[usize::from(found.code)] = 0;
        }
        self.count = 0;
        self.joined.clear();
    }

    /// The option's data, in `message` or here.
    pub(super) fn option<'a>(&'a self, message: &'a [u8], code: u8) -> Option<&'a [u8]> {
        let place = usize::from(self.places[usize::from(code)].checked_sub(1)?);
        Some(self.data(message, self.found[place]))
    }

    /// The options in the order of their first part.
    pub(super) fn found(&self) -> &[Found] {
        &self.found[..usize::from(self.count)]
    }

    /// The data of one of [`Self::found`].
    pub(super) fn data<'a>(&'a self, message: &'a [u8], found: Found) -> &'a [u8] {
        let octets = if found.in_parts { &self.joined } else { message };
        let start = usize::from(found.start);
        &octets[start..start + usize::from(found.len)]
    }

    /// Indexes the options of one field; says whether one of them had a part before.
    fn find_in(&mut self, message: &[u8], start: usize, end: usize) -> Result<bool, WireError> {
        let mut in_parts = false;
        for part in Parts::new(message, start, end) {
            let part = part?;
            let place = &mut self.places[usize::from(part.code)];
            if let Some(earlier) = place.checked_sub(1) {
                let found = &mut self.found[usize::from(earlier)];
                found.in_parts = true;
                // The parts of a message together are no longer than it is.
                found.len += part.len;
                in_parts = true;
            } else {
                let found =
                    Found { code: part.code, in_parts: false, start: part.start, len: part.len };
                self.found[usize::from(self.count)] = found;
                self.count += 1;
                *place = self.count;
            }
        }
        Ok(in_parts)
    }

    /// What option 52 says (RFC 2132 §9.3). It stands once, in the options field: a second one, be
    /// it in a field that the first one named, would send the reader round.
    fn overload(&self, message: &[u8]) -> Result<Overload, WireError> {
        let Some(place) = self.places[usize::from(code::OPTION_OVERLOAD)].checked_sub(1) else {
            return Ok(Overload { file: false, sname: false });
        };
        let found = self.found[usize::from(place)];
        if found.in_parts {
            return Err(WireError::Loop { field: "option overload" });
        }
        match *self.data(message, found) {
            [value @ 1..=3] => Ok(Overload { file: value & 1 != 0, sname: value & 2 != 0 }),
            [value] => Err(WireError::Value { field: "option overload", value: value.into() }),
            ref data => Err(WireError::Length { field: "option overload", value: data.len() }),
        }
    }

    /// Puts the parts of every option that has several behind each other (RFC 3396 §7).
    fn join(&mut self, message: &[u8], overload: Overload) -> Result<(), WireError> {
        let mut end = 0;
        for found in &mut self.found[..usize::from(self.count)] {
            if found.in_parts {
                found.start = end;
                end += found.len;
                // Counted up again as the parts are copied.
                found.len = 0;
            }
        }
        self.joined.resize(usize::from(end), 0);
        self.join_from(message, field::OPTIONS, message.len())?;
        if overload.file {
            self.join_from(message, field::FILE.start, field::FILE.end)?;
        }
        if overload.sname {
            self.join_from(message, field::SNAME.start, field::SNAME.end)?;
        }
        Ok(())
    }

    fn join_from(&mut self, message: &[u8], start: usize, end: usize) -> Result<(), WireError> {
        for part in Parts::new(message, start, end) {
            let part = part?;
            let place = usize::from(self.places[usize::from(part.code)] - 1);
            let found = &mut self.found[place];
            if found.in_parts {
                let from = usize::from(part.start)..usize::from(part.start + part.len);
                let to = usize::from(found.start + found.len);
                found.len += part.len;
                self.joined[to..to + from.len()].copy_from_slice(&message[from]);
            }
        }
        Ok(())
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Which fields hold options instead of what they are named for.
#[derive(Clone, Copy, Debug)]
struct Overload {
    file: bool,
    sname: bool,
}

/// One option as it stands in one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) code: u8,
    /// Offset of its data in the message.
    pub(super) start: u16,
    pub(super) len: u16,
}

/// The options in one field, up to its end option or its end.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    message: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Parts<'a> {
    /// Those from `at` to before `end`.
    pub(super) fn new(message: &'a [u8], at: usize, end: usize) -> Self {
        Self { message, at, end }
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<Part, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.message[self.at..self.end];
        let pads = rest.iter().take_while(|octet| **octet == code::PAD).count();
        let (code, rest) = rest[pads..].split_first()?;
        if *code == code::END {
            return None;
        }
        let Some((len, rest)) = rest.split_first() else {
            self.at = self.end;
            return Some(Err(WireError::Truncated { field: "option", needed: 2, had: 1 }));
        };
        if rest.len() < usize::from(*len) {
            self.at = self.end;
            let (needed, had) = (usize::from(*len), rest.len());
            return Some(Err(WireError::Truncated { field: "option", needed, had }));
        }
        let start = self.at + pads + 2;
        self.at = start + usize::from(*len);
        Some(Ok(Part { code: *code, start: start as u16, len: (*len).into() }))
    }
}
