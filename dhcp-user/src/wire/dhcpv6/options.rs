//! The options of a message, or of an option that holds options, read where they lie.

use crate::wire::WireError;

/// Octets of code and length.
pub(super) const HEADER_LEN: usize = 4;

/// Options laid over their octets, every one in bounds. What is in them is for whoever takes one.
///
/// Options of one code are never joined (RFC 8415 §21): where one alone may stand, the first counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Options<'a> {
    octets: &'a [u8],
    /// The [`bit`] of every code that is there: most that are asked for are not, and need no search.
    codes: u64,
}

impl<'a> Options<'a> {
    /// Checks that every option ends where the octets do, or before.
    ///
    /// # Errors
    /// `Truncated` for one that does not.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        Self::parse_each(octets, |_, _| Ok(()))
    }

    /// The same, and has `check` look at each option on the way.
    ///
    /// # Errors
    /// As [`Self::parse`], and what `check` has to say, whichever comes first.
    pub(super) fn parse_each(
        octets: &'a [u8],
        mut check: impl FnMut(u16, &'a [u8]) -> Result<(), WireError>,
    ) -> Result<Self, WireError> {
        let (mut rest, mut codes) = (octets, 0);
        while !rest.is_empty() {
            let Some((code, data, after)) = split(rest) else { return Err(cut(rest)) };
            check(code, data)?;
            codes |= bit(code);
            rest = after;
        }
        Ok(Self { octets, codes })
    }

    /// Options of which every length has been seen.
    pub(super) fn sound(octets: &'a [u8]) -> Self {
        let codes = each(octets).fold(0, |codes, (code, _)| codes | bit(code));
        Self { octets, codes }
    }

    /// Every option in order: its code and its data.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + Clone + use<'a> {
        // `parse` has seen every length.
        each(self.octets)
    }

    /// The data of the first option of this code.
    #[must_use]
    pub fn get(&self, code: u16) -> Option<&'a [u8]> {
        self.all(code).next()
    }

    /// The data of every option of this code.
    pub fn all(&self, code: u16) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let octets = if self.codes & bit(code) == 0 { &[] } else { self.octets };
        each(octets).filter_map(move |(found, data)| (found == code).then_some(data))
    }

    /// Whether there is an option of this code.
    #[must_use]
    pub fn has(&self, code: u16) -> bool {
        self.get(code).is_some()
    }

    /// The data of an option that is one octet; `None` also for any other length.
    #[must_use]
    pub fn get_u8(&self, code: u16) -> Option<u8> {
        self.get(code)?.try_into().ok().map(u8::from_be_bytes)
    }

    /// The data of an option that is one 16-bit number; `None` also for any other length.
    #[must_use]
    pub fn get_u16(&self, code: u16) -> Option<u16> {
        self.get(code)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// The data of an option that is one 32-bit number; `None` also for any other length.
    #[must_use]
    pub fn get_u32(&self, code: u16) -> Option<u32> {
        self.get(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The options as they stand, codes and lengths included.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// Every option up to the first that is cut short.
pub(super) fn each(octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> + Clone {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (code, data, after) = split(rest)?;
        rest = after;
        Some((code, data))
    })
}

/// Codes that share one are searched for one in place of the other, and not found.
fn bit(code: u16) -> u64 {
    1 << (code % 64)
}

/// The first option's code and data, and what follows it; `None` if it is cut short.
fn split(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([a, b, c, d], rest) = octets.split_first_chunk::<HEADER_LEN>()?;
    let (data, after) = rest.split_at_checked(u16::from_be_bytes([*c, *d]).into())?;
    Some((u16::from_be_bytes([*a, *b]), data, after))
}

/// What is wrong with options of which the first is cut short.
#[cold]
fn cut(octets: &[u8]) -> WireError {
    let len = |head: &[u8; HEADER_LEN]| usize::from(u16::from_be_bytes([head[2], head[3]]));
    let needed = HEADER_LEN + octets.first_chunk().map_or(0, len);
    WireError::Truncated { field: "option", needed, had: octets.len() }
}

/// Pieces of data, each behind its length of two octets, as several options have them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counted<'a> {
    octets: &'a [u8],
}

impl<'a> Counted<'a> {
    /// Checks that the last piece ends where the octets do.
    ///
    /// # Errors
    /// `Truncated` if it does not.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        let mut rest = octets;
        while !rest.is_empty() {
            WireError::at_least("length", 2, rest)?;
            let end = 2 + usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            WireError::at_least("data", end, rest)?;
            rest = &rest[end..];
        }
        Ok(Self { octets })
    }

    /// Every piece in order, without its length.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk()?;
            // `parse` has seen every length.
            let (piece, after) = after.split_at_checked(u16::from_be_bytes(*len).into())?;
            rest = after;
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCTETS: [u8; 15] = [0, 7, 0, 1, 255, 0, 14, 0, 0, 0, 7, 0, 2, 1, 2];

    #[test]
    fn every_option_is_found_and_those_of_one_code_stay_apart() {
        let options = Options::parse(&OCTETS).unwrap();
        let all: Vec<_> = options.iter().collect();
        assert_eq!(all, [(7, &[255][..]), (14, &[]), (7, &[1, 2])]);
        assert_eq!((options.get_u8(7), options.get_u16(7)), (Some(255), None));
        assert_eq!(options.all(7).count(), 2);
        assert!(options.has(14) && !options.has(8));
        assert!(!options.has(7 + 64) && !options.has(14 + 256), "codes that share a bit are two");
    }

    #[test]
    fn an_option_cut_anywhere_is_refused() {
        for end in 0..OCTETS.len() {
            let is_whole = [0, 5, 9].contains(&end);
            assert_eq!(Options::parse(&OCTETS[..end]).is_ok(), is_whole, "{end} octets");
        }
        for (had, needed) in [(1, 4), (4, 5)] {
            let cut = Err(WireError::Truncated { field: "option", needed, had });
            assert_eq!(Options::parse(&OCTETS[..had]), cut);
        }
    }

    #[test]
    fn what_is_read_without_checks_is_the_same() {
        assert_eq!(Options::sound(&OCTETS), Options::parse(&OCTETS).unwrap());
    }

    #[test]
    fn each_option_is_looked_at_and_what_is_wrong_with_one_is_said() {
        let refused = WireError::Value { field: "code", value: 14 };
        let mut seen = Vec::new();
        let read = Options::parse_each(&OCTETS, |code, data| {
            seen.push((code, data.len()));
            if code == 14 { Err(refused) } else { Ok(()) }
        });
        assert_eq!((read, seen), (Err(refused), vec![(7, 1), (14, 0)]));
    }

    #[test]
    fn pieces_are_told_apart_and_a_length_that_lies_is_refused() {
        let pieces: Vec<_> = Counted::parse(b"\0\x01a\0\0\0\x02bc").unwrap().iter().collect();
        assert_eq!(pieces, [&b"a"[..], b"", b"bc"]);
        for lies in [&[0][..], &[0, 1], &[0, 0, 0, 2, 1]] {
            assert!(matches!(Counted::parse(lies), Err(WireError::Truncated { .. })), "{lies:?}");
        }
    }
}
