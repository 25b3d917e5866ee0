//! A TOML document read key by key: values by type, unknown keys at the end, all mistakes noted.
//!
//! A reader takes every key it knows off a [`Section`], then finishes it; what was not asked for is
//! unknown. Values answer `None` once they have written down what is wrong with them, so readers go
//! on and find the next mistake.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::Protocol;
use super::notebook::{Notebook, Span, quote};
use super::{dhcpd, duration};
use crate::wire::Seconds;

/// One table of the document, with the keys that were asked for.
pub(super) struct Section<'a> {
    /// As it is headed in KEYS.md.
    name: &'static str,
    table: &'a DeTable<'a>,
    /// What stands for the section as a whole: its header, or its braces.
    pub(super) span: Span,
    notes: &'a Notebook,
    /// The protocol that the section is for; `None` is both.
    pub(super) protocol: Option<Protocol>,
    asked: Vec<&'static str>,
    /// Keys that are known, but for which this is not the place; what is wrong is noted.
    refused: Vec<&'static str>,
}

/// A value with its key and place.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// The key that it, or the list it is in, belongs to.
    pub(super) key: &'a str,
    /// Where the key stands, or the value itself in a list.
    pub(super) key_span: Span,
    /// Where it stands.
    pub(super) span: Span,
    value: &'a DeValue<'a>,
    notes: &'a Notebook,
}

/// A value that has been read, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<'a> Section<'a> {
    fn new(name: &'static str, table: &'a DeTable<'a>, span: Span, notes: &'a Notebook) -> Self {
        let (asked, refused) = (Vec::new(), Vec::new());
        Self { name, table, span, notes, protocol: None, asked, refused }
    }

    /// The document as a whole; `span` is its file's.
    pub(super) fn document(table: &'a DeTable<'a>, span: Span, notes: &'a Notebook) -> Self {
        Self::new("document", table, span.at(0..0), notes)
    }

    /// The value of `key`, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let (name, value) = self.table.get_key_value(key)?;
        Some(Value::of_key(name, value, self.span, self.notes))
    }

    /// The same for a key that only one protocol has.
    pub(super) fn take_of(&mut self, protocol: Protocol, key: &'static str) -> Option<Value<'a>> {
        match self.protocol {
            Some(other) if other != protocol => {
                self.refuse(key, &format!("this is for {other}: take it out"));
                None
            }
            _ => self.take(key),
        }
    }

    /// Notes that `key`, if it is there, stands where it must not; `help` says why.
    pub(super) fn refuse(&mut self, key: &'static str, help: &str) {
        self.refused.push(key);
        if let Some((name, _)) = self.table.get_key_value(key) {
            let message = format!("`{key}` cannot stand here");
            self.notes.mistake(self.span.at(name.span()), message, help);
        }
    }

    /// The same as [`take`](Self::take) for a key that must be there.
    pub(super) fn require(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            self.notes.mistake(self.span, format!("`{key}` is missing"), format!("add {example}"));
        }
        value
    }

    /// Every key and value, where keys are not known beforehand.
    pub(super) fn entries(self) -> impl Iterator<Item = Value<'a>> {
        let Self { table, span, notes, .. } = self;
        table.iter().map(move |(name, value)| Value::of_key(name, value, span, notes))
    }

    /// Notes the keys that nobody asked for, each with the nearest one that is known.
    pub(super) fn finish(self) {
        /// More keys than this are no help.
        const LISTED: usize = 8;
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) && !self.refused.contains(&name) {
                let help = match nearest(name, self.asked.iter().copied()) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if let Some(help) = dhcpd::statement(self.name, name) => help.to_owned(),
                    None if self.asked.len() <= LISTED => {
                        format!("known here: {}", self.asked.join(", "))
                    }
                    None => "no key that may stand here is spelt like it".to_owned(),
                };
                let message = format!("unknown key {}", quote(name));
                self.notes.mistake(self.span.at(key.span()), message, help);
            }
        }
        #[cfg(test)]
        known::record(self.name, &self.asked);
    }
}

impl<'a> Value<'a> {
    fn of_key(
        key: &'a Spanned<toml::de::DeString<'a>>,
        value: &'a Spanned<DeValue<'a>>,
        file: Span,
        notes: &'a Notebook,
    ) -> Self {
        Self {
            key: key.get_ref(),
            key_span: file.at(key.span()),
            span: file.at(value.span()),
            value: value.get_ref(),
            notes,
        }
    }

    /// Notes that the value cannot be this one, and what would be right.
    pub(super) fn wrong<T>(self, expected: impl Into<String>) -> Option<T> {
        let message = format!("`{}` cannot be {}", self.key, self.quoted());
        self.notes.mistake(self.span, message, expected);
        None
    }

    /// Notes that the value cannot be this one for a reason that is not in the file.
    pub(super) fn wrong_because<T>(self, message: String, help: impl Into<String>) -> Option<T> {
        self.notes.mistake(self.span, message, help);
        None
    }

    /// The value for a message: as it stands in the file, a list or table by its kind.
    fn quoted(self) -> String {
        match self.value {
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
            DeValue::String(text) => quote(format!("\"{text}\"")),
            _ => self.notes.quote(self.span),
        }
    }

    /// A string.
    pub(super) fn text(self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong("write text in double quotes"))
    }

    /// A string with something in it and without control characters.
    pub(super) fn name(self) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() || text.contains(char::is_control) {
            return self.wrong("write some printable text");
        }
        Some(text)
    }

    /// The string, if it is one; no mistake if not.
    pub(super) fn as_text(self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A whole number, if it is one that 64 bits hold; no mistake if not.
    pub(super) fn as_integer(self) -> Option<i64> {
        let number = self.value.as_integer()?;
        i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
    }

    /// The Boolean, if it is one; no mistake if not.
    pub(super) fn as_flag(self) -> Option<bool> {
        self.value.as_bool()
    }

    /// Whether it is a table.
    pub(super) fn is_table(self) -> bool {
        self.value.is_table()
    }

    /// Whether it is a list.
    pub(super) fn is_list(self) -> bool {
        self.value.is_array()
    }

    /// `true` or `false`.
    pub(super) fn flag(self) -> Option<bool> {
        self.as_flag().or_else(|| self.wrong("write true or false"))
    }

    /// A whole number in `range`.
    pub(super) fn integer<N>(self, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let number = self.as_integer().and_then(|number| N::try_from(number).ok());
        number.filter(|number| range.contains(number)).or_else(|| {
            self.wrong(format!("write a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A length of time, whole seconds if it is a bare number.
    pub(super) fn duration(self) -> Option<Seconds> {
        let seconds = match self.as_integer() {
            Some(number) => u32::try_from(number).ok().filter(|n| *n != u32::MAX).map(Seconds),
            None => self.as_text().and_then(duration::parse),
        };
        seconds.or_else(|| self.wrong(duration::EXPECTED))
    }

    /// What `read` makes of the string; `expected` says what would be right.
    pub(super) fn parsed<T>(
        self,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.as_text().and_then(read).or_else(|| self.wrong(expected))
    }

    /// One of the words given.
    pub(super) fn choice<T: Copy>(self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.as_text().unwrap_or_default();
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meant);
        }
        let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>();
        let mut help = format!("write {}", all.join(" or "));
        if let Some(word) = nearest(text, words.iter().map(|(word, _)| *word)) {
            help = format!("did you mean \"{word}\"? ({help})");
        }
        self.wrong(help)
    }

    /// The values of a list; each keeps the list's key.
    pub(super) fn list(self, example: &str) -> Vec<Value<'a>> {
        let Some(list) = self.value.as_array() else {
            self.wrong::<()>(format!("write a list such as {example}"));
            return Vec::new();
        };
        list.iter()
            .map(|item| {
                let span = self.span.at(item.span());
                Self { span, key_span: span, value: item.get_ref(), ..self }
            })
            .collect()
    }

    /// A table as a section, headed `name` in KEYS.md.
    pub(super) fn section(self, name: &'static str) -> Option<Section<'a>> {
        let Some(table) = self.value.as_table() else {
            return self.wrong("write a table of keys and values");
        };
        let Self { span, notes, .. } = self;
        Some(Section::new(name, table, span, notes))
    }

    /// The sections of `[[key]]`, or of a list of tables.
    pub(super) fn sections(self, name: &'static str) -> Vec<Section<'a>> {
        if self.value.as_array().is_none() {
            self.wrong::<()>(format!("write [[{}]], with double brackets", self.key));
            return Vec::new();
        }
        self.list("").into_iter().filter_map(|item| item.section(name)).collect()
    }

    /// The value and its place, for a check later on.
    pub(super) fn placed<T>(self, value: T) -> Placed<T> {
        Placed { value, span: self.span }
    }
}

/// The word that `text` was probably meant to be.
pub(super) fn nearest<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    /// Nobody's typing error is longer; the comparison takes the product of both lengths.
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return None;
    }
    words
        .filter(|word| word.len() <= LONGEST)
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= 1.max(text.len().min(word.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Which keys the readers asked for, by section: what KEYS.md is held against.
#[cfg(test)]
pub(super) mod known {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    type Known = BTreeMap<&'static str, BTreeSet<&'static str>>;

    thread_local! {
        static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn record(section: &'static str, keys: &[&'static str]) {
        KNOWN.with_borrow_mut(|known| known.entry(section).or_default().extend(keys));
    }

    /// All that was recorded on this thread.
    pub(in crate::config) fn take() -> Known {
        KNOWN.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_one_or_a_third_of_its_letters_away() {
        let words = || ["lease-time", "max-lease-time", "pools"].into_iter();
        assert_eq!(nearest("lease-tme", words()), Some("lease-time"));
        assert_eq!(nearest("leese_time", words()), Some("lease-time"));
        assert_eq!(nearest("pool", words()), Some("pools"));
        assert_eq!(nearest("subnet", words()), None);
        assert_eq!(nearest(&"pools".repeat(1_000_000), words()), None);
    }
}
