//! Domain names as DNS carries them (RFC 1035 §3.1), lists of them compressed (§4.1.4), as DHCPv4
//! options use them (RFC 3397, RFC 4702).

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::WireError;

/// A whole domain name: labels of 1 to 63 octets, each behind its length, closed by the root's zero.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Name {
    /// Octets in use, the root's included; those behind are zero, so that equality can be derived.
    len: u8,
    octets: [u8; Self::MAX_LEN],
}

impl Name {
    /// The longest name, in octets, the root's zero included (RFC 1035 §2.3.4).
    pub const MAX_LEN: usize = 255;
    /// The longest label, in octets, without its length (RFC 1035 §2.3.4).
    pub const MAX_LABEL_LEN: usize = 63;
    /// The name without labels.
    pub const ROOT: Self = Self { len: 1, octets: [0; Self::MAX_LEN] };

    /// A name has no more than 127 labels, and whatever a pointer leads to begins with one.
    const MAX_POINTERS: usize = 127;

    /// Reads the name at `at`, following pointers within `octets`, and says what follows it there.
    ///
    /// # Errors
    /// `Truncated` for a name cut short, `Length` for one that is too long, `Value` for a label
    /// type other than label and pointer, `Loop` for a pointer that does not lead backwards.
    pub fn read(octets: &[u8], at: usize) -> Result<(Self, usize), WireError> {
        let mut name = Self::ROOT;
        let mut position = at;
        let mut segment = at;
        let mut next = None;
        let mut pointers = 0;
        loop {
            WireError::at_least("domain name", position + 1, octets)?;
            let len = usize::from(octets[position]);
            match len >> 6 {
                0 if len == 0 => return Ok((name, next.unwrap_or(position + 1))),
                0 => {
                    let end = position + 1 + len;
                    WireError::at_least("domain name", end, octets)?;
                    name.push(&octets[position + 1..end]).ok_or(WireError::Length {
                        field: "domain name",
                        value: usize::from(name.len) + 1 + len,
                    })?;
                    position = end;
                }
                3 => {
                    WireError::at_least("domain name", position + 2, octets)?;
                    let target = (len & 0x3f) << 8 | usize::from(octets[position + 1]);
                    pointers += 1;
                    // Before where this segment began: so the segments go down, and end.
                    if target >= segment || pointers > Self::MAX_POINTERS {
                        return Err(WireError::Loop { field: "domain name" });
                    }
                    next.get_or_insert(position + 2);
                    segment = target;
                    position = target;
                }
                _ => return Err(WireError::Value { field: "label type", value: len as u32 >> 6 }),
            }
        }
    }

    /// The name as DNS carries it, uncompressed, the root's zero included.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// The labels, the root's left out.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.octets();
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            (!label.is_empty()).then_some(label)
        })
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.len == 1
    }

    /// This name's labels, then those of `domain`; `None` if that is too long.
    #[must_use]
    pub fn within(&self, domain: &Self) -> Option<Self> {
        let mut name = *self;
        domain.labels().try_for_each(|label| name.push(label))?;
        Some(name)
    }

    /// Adds a label behind the others; `None`, with nothing done, if it is empty or too long.
    pub(super) fn push(&mut self, label: &[u8]) -> Option<()> {
        let at = usize::from(self.len) - 1;
        let end = at + 1 + label.len();
        if label.is_empty() || label.len() > Self::MAX_LABEL_LEN || end >= Self::MAX_LEN {
            return None;
        }
        self.octets[at] = label.len() as u8;
        self.octets[at + 1..end].copy_from_slice(label);
        self.len = end as u8 + 1;
        Some(())
    }
}

/// Reads names that follow each other, compressed within all of them (RFC 3397 §2).
#[derive(Clone, Debug)]
pub struct Names<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Names<'a> {
    /// The names in the data of an option, its parts joined.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }
}

impl Iterator for Names<'_> {
    type Item = Result<Name, WireError>;

    /// The next name; an error is the last there is.
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.octets.len() {
            return None;
        }
        let read = Name::read(self.octets, self.at);
        self.at = read.as_ref().map_or(self.octets.len(), |(_, next)| *next);
        Some(read.map(|(name, _)| name))
    }
}

/// Writes names behind each other, the end of one that was written before being a pointer to it.
#[must_use]
pub fn compressed(names: &[Name]) -> Vec<u8> {
    let mut out = Vec::new();
    // Every name's end that begins where a pointer can reach: its octets, and where it stands.
    let mut written: Vec<(&[u8], u16)> = Vec::new();
    for name in names {
        let mut rest = name.octets();
        loop {
            if rest.len() <= 1 {
                out.push(0);
                break;
            }
            if let Some((_, at)) = written.iter().find(|(end, _)| *end == rest) {
                out.extend_from_slice(&(0xc000 | at).to_be_bytes());
                break;
            }
            if let Some(at) = u16::try_from(out.len()).ok().filter(|at| *at < 0x4000) {
                written.push((rest, at));
            }
            let (label, after) = rest.split_at(1 + usize::from(rest[0]));
            out.extend_from_slice(label);
            rest = after;
        }
    }
    out
}

/// Why text is not a domain name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParseNameError {
    /// There is nothing.
    Empty,
    /// Two dots with nothing between them, or one at the very start.
    EmptyLabel,
    /// A label longer than 63 octets.
    LabelLength(usize),
    /// More than 255 octets in all.
    Length,
    /// A character outside ASCII, or a space or control character.
    Character(char),
    /// A backslash before neither three digits up to 255 nor another character (RFC 1035 §5.1).
    Escape,
}

impl FromStr for Name {
    type Err = ParseNameError;

    /// Labels between dots, with or without one at the end; `.` alone is the root; `\.` and `\046`
    /// are a dot inside a label (RFC 1035 §5.1).
    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        if text.is_empty() {
            return Err(ParseNameError::Empty);
        }
        if text == "." {
            return Ok(Self::ROOT);
        }
        let mut name = Self::ROOT;
        let mut label = Vec::new();
        let mut rest = text.chars();
        loop {
            let octet = match rest.next() {
                None if label.is_empty() => return Ok(name),
                None | Some('.') => {
                    if label.is_empty() {
                        return Err(ParseNameError::EmptyLabel);
                    }
                    if label.len() > Self::MAX_LABEL_LEN {
                        return Err(ParseNameError::LabelLength(label.len()));
                    }
                    name.push(&label).ok_or(ParseNameError::Length)?;
                    label.clear();
                    continue;
                }
                Some('\\') => unescape(&mut rest)?,
                Some(character) if character.is_ascii_graphic() => character as u8,
                Some(character) => return Err(ParseNameError::Character(character)),
            };
            label.push(octet);
        }
    }
}

/// What stands behind a backslash.
fn unescape(rest: &mut std::str::Chars<'_>) -> Result<u8, ParseNameError> {
    let text = rest.as_str();
    if let Some(digits) = text.get(..3).filter(|text| text.bytes().all(|c| c.is_ascii_digit())) {
        *rest = text[3..].chars();
        return digits.parse().map_err(|_| ParseNameError::Escape);
    }
    match rest.next() {
        Some(character) if character.is_ascii_graphic() && !character.is_ascii_digit() => {
            Ok(character as u8)
        }
        _ => Err(ParseNameError::Escape),
    }
}

impl fmt::Display for Name {
    /// As [`FromStr`] reads it, without a dot at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*octet))?,
                    octet if octet.is_ascii_graphic() => write!(f, "{}", char::from(*octet))?,
                    octet => write!(f, "\\{octet:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl fmt::Display for ParseNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a domain name has at least one label"),
            Self::EmptyLabel => f.write_str("there is nothing between two dots"),
            Self::LabelLength(len) => {
                write!(f, "a label has at most {} octets, not {len}", Name::MAX_LABEL_LEN)
            }
            Self::Length => write!(f, "a domain name has at most {} octets", Name::MAX_LEN),
            Self::Character(character) if character.is_ascii() => {
                write!(f, "{character:?} does not belong into a domain name")
            }
            Self::Character(character) => {
                write!(f, "{character:?} is not ASCII: write the label in its xn-- form")
            }
            Self::Escape => f.write_str("a backslash takes three digits up to 255, or a character"),
        }
    }
}

impl Error for ParseNameError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// RFC 3397 §2, the example: the second name points into the first one.
    #[test]
    fn the_example_of_rfc_3397_reads_and_writes() {
        let octets = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
        let names = [name("eng.apple.com"), name("marketing.apple.com")];
        assert_eq!(Names::new(octets).collect::<Result<Vec<_>, _>>(), Ok(names.to_vec()));
        assert_eq!(compressed(&names), octets);
    }

    #[test]
    fn pointers_that_do_not_lead_backwards_are_refused() {
        let refused = Err(WireError::Loop { field: "domain name" });
        assert_eq!(Name::read(b"\xc0\x00", 0), refused);
        assert_eq!(Name::read(b"\x01a\xc0\x00", 0), refused);
        assert_eq!(Name::read(b"\xc0\x02\0", 0), refused);
        assert_eq!(Name::read(b"\x01a\xc0\x04\x01b\xc0\x00", 4), refused);
    }

    #[test]
    fn a_long_chain_of_pointers_is_refused() {
        let mut octets = vec![0, 0];
        for target in (0_u16..600).step_by(2) {
            octets.extend((0xc000 | target).to_be_bytes());
        }
        assert_eq!(Name::read(&octets, 2 * 127), Ok((Name::ROOT, 2 * 128)));
        assert_eq!(Name::read(&octets, 2 * 128), Err(WireError::Loop { field: "domain name" }));
    }

    #[test]
    fn a_name_that_is_cut_or_too_long_or_no_label_is_refused() {
        let whole = b"\x03eng\x05apple\0";
        for end in 0..whole.len() {
            let cut = Name::read(&whole[..end], 0);
            assert!(matches!(cut, Err(WireError::Truncated { .. })), "{end} octets");
        }
        assert_eq!(
            Name::read(b"\x41a", 0),
            Err(WireError::Value { field: "label type", value: 1 })
        );
        let long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
        assert!(matches!(Name::read(&long, 0), Err(WireError::Length { value: 257, .. })));
    }

    #[test]
    fn text_that_is_no_name_says_why() {
        use ParseNameError::{Character, Empty, EmptyLabel, Escape, LabelLength, Length};
        let long_label = "a".repeat(64);
        let long_name = "abc.".repeat(64);
        for (text, error) in [
            ("", Empty),
            ("a..b", EmptyLabel),
            (".a", EmptyLabel),
            (&long_label, LabelLength(64)),
            (&long_name, Length),
            ("a b", Character(' ')),
            ("bücher.de", Character('ü')),
            ("a\\256", Escape),
            ("a\\", Escape),
            ("a\\1", Escape),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_final_dot_changes_nothing_and_the_root_is_one() {
        assert_eq!(name("example.net."), name("example.net"));
        assert_eq!(name("."), Name::ROOT);
        assert_eq!(name("lab").within(&name("example.net")), Some(name("lab.example.net")));
    }

    fn any_name() -> impl Strategy<Value = Name> {
        // Few different labels, so that ends are shared.
        let label = prop_oneof![
            prop::sample::select(vec![b"net".to_vec(), b"lab".to_vec(), b"a.b".to_vec()]),
            prop::collection::vec(any::<u8>(), 1..=63),
        ];
        prop::collection::vec(label, 0..6).prop_map(|labels| {
            let mut name = Name::ROOT;
            for label in labels {
                // One that does not fit is left out.
                let _ = name.push(&label);
            }
            name
        })
    }

    proptest! {
        #[test]
        fn a_name_reads_back_from_text_and_from_octets(name in any_name()) {
            prop_assert_eq!(name.to_string().parse(), Ok(name));
            prop_assert_eq!(Name::read(name.octets(), 0), Ok((name, name.octets().len())));
        }

        #[test]
        fn names_read_back_from_their_compressed_form(
            names in prop::collection::vec(any_name(), 0..12),
        ) {
            let octets = compressed(&names);
            prop_assert_eq!(Names::new(&octets).collect::<Result<Vec<_>, _>>(), Ok(names));
        }

        #[test]
        fn any_octets_are_read_to_an_end(octets: Vec<u8>) {
            prop_assert!(Names::new(&octets).count() <= octets.len());
        }
    }
}
