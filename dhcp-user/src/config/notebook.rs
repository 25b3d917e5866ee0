//! Where the readers write down what is wrong, while they read on.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::Display;
use std::path::Path;
use std::rc::Rc;

use super::mistake::{Excerpt, Mistake, Mistakes, Place};

/// Files being read and what is wrong with them. Readers share it by reference.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    sources: RefCell<Vec<Source>>,
    found: RefCell<Vec<Found>>,
    left_out: Cell<usize>,
}

/// A run of octets in one of the notebook's files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    file: u32,
    start: u32,
    end: u32,
}

/// The longest file that is read, in octets: ten million reservations fit, and spans fit 32 bits.
pub(super) const LONGEST_FILE: usize = 1 << 30;

#[derive(Debug)]
struct Source {
    name: String,
    text: Rc<str>,
}

#[derive(Debug)]
struct Found {
    span: Span,
    aim: Aim,
    message: String,
    help: String,
    /// Another place that has to do with it; named behind the help.
    other: Option<Span>,
}

/// What a mistake is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Aim {
    /// What stands at the span.
    Meaning,
    /// That it is no TOML: what else is wrong on that line may be the parser's guess.
    Syntax,
    /// The file as a whole, not the span in it.
    File,
}

impl Notebook {
    /// Takes in a file and gives back its text and a span for its whole; no more of a file than
    /// [`LONGEST_FILE`] is taken.
    pub(super) fn add_file(&self, path: &Path, mut text: String) -> (Rc<str>, Span) {
        let name = path.display().to_string();
        let too_long = text.len() > LONGEST_FILE;
        if too_long {
            text.clear();
        }
        let text: Rc<str> = text.into();
        let mut sources = self.sources.borrow_mut();
        let file = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        sources.push(Source { name, text: Rc::clone(&text) });
        drop(sources);
        let whole = Span { file, start: 0, end: text.len() as u32 };
        if too_long {
            let help = format!("the longest that is read has {LONGEST_FILE} octets");
            self.file_mistake(whole, "the file is too long", help);
        }
        (text, whole)
    }

    /// Writes down that what stands at `span` is wrong, and what would be right.
    pub(super) fn mistake(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.note(Found::new(span, Aim::Meaning, message, help));
    }

    /// The same, where another place has to do with it; `help` leads up to naming it.
    pub(super) fn clash(
        &self,
        span: Span,
        other: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Found { other: Some(other), ..Found::new(span, Aim::Meaning, message, help) });
    }

    /// Writes down that what stands at `span` cannot be parsed.
    pub(super) fn syntax_mistake(&self, span: Span, message: &str, help: &str) {
        self.note(Found::new(span, Aim::Syntax, message, help));
    }

    /// Writes down what is wrong with a file as a whole.
    pub(super) fn file_mistake(
        &self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Found::new(span, Aim::File, message, help));
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// What stands at `span`, shortened for a message.
    pub(super) fn quote(&self, span: Span) -> String {
        let sources = self.sources.borrow();
        let text = sources
            .get(span.file as usize)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .unwrap_or_default();
        quote(text)
    }

    /// All that was written down, in the order of the files; there must be something.
    pub(super) fn into_mistakes(self) -> Mistakes {
        let mut found = self.found.into_inner();
        found.sort_by_key(|found| (found.span.file, found.span.start));
        let sources = self.sources.into_inner();
        let lines: Vec<Lines<'_>> = sources.iter().map(Lines::of).collect();
        let line_of =
            |found: &Found| (found.span.file, lines[found.span.file as usize].line_of(found.span));
        let unparsed: HashSet<_> =
            found.iter().filter(|found| found.aim == Aim::Syntax).map(line_of).collect();
        found.retain(|found| found.aim != Aim::Meaning || !unparsed.contains(&line_of(found)));
        let list = found.into_iter().map(|found| found.into_mistake(&lines)).collect();
        Mistakes::new(list, self.left_out.get())
    }

    fn note(&self, new: Found) {
        let mut found = self.found.borrow_mut();
        if found.len() < Mistakes::KEPT {
            found.push(new);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
    }
}

impl Span {
    /// A run of octets in this span's file.
    pub(super) fn at(self, range: std::ops::Range<usize>) -> Self {
        let inside = |octet: usize| octet.min(LONGEST_FILE) as u32;
        Self { file: self.file, start: inside(range.start), end: inside(range.end) }
    }
}

/// A piece of text in backquotes and on one line, shortened for a message.
pub(super) fn quote(text: impl Display) -> String {
    const SHOWN: usize = 60;
    let text = text.to_string();
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

impl Found {
    fn new(span: Span, aim: Aim, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, aim, message: message.into(), help: help.into(), other: None }
    }

    fn into_mistake(self, lines: &[Lines<'_>]) -> Mistake {
        let source = &lines[self.span.file as usize];
        let mut help = self.help;
        if let Some(other) = self.other {
            let at = &lines[other.file as usize];
            let (place, _) = at.find(other);
            help = format!("{help} {}:{place}", at.name);
        }
        let file = source.name.to_owned();
        if self.aim == Aim::File {
            let excerpt = Excerpt::default();
            return Mistake { message: self.message, help, file, place: None, excerpt };
        }
        let (place, excerpt) = source.find(self.span);
        Mistake { message: self.message, help, file, place: Some(place), excerpt }
    }
}

/// A file's text and where its lines begin.
struct Lines<'t> {
    name: &'t str,
    text: &'t str,
    starts: Vec<u32>,
}

impl<'t> Lines<'t> {
    fn of(source: &'t Source) -> Self {
        let ends = source.text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect();
        Self { name: &source.name, text: &source.text, starts }
    }

    /// Counted from 0.
    fn line_of(&self, span: Span) -> usize {
        self.starts.partition_point(|start| *start <= span.start).saturating_sub(1)
    }

    fn find(&self, span: Span) -> (Place, Excerpt) {
        let line = self.line_of(span);
        let start = self.starts[line] as usize;
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| *next as usize - 1);
        let whole_line = self.text.get(start..end).unwrap_or_default();
        let offset = (span.start as usize).saturating_sub(start).min(whole_line.len());
        let column = whole_line.get(..offset).map_or(0, |head| head.chars().count()) + 1;
        let stop = (span.end as usize).saturating_sub(start).min(whole_line.len());
        let width = whole_line.get(offset..stop).map_or(1, |part| part.chars().count());
        (Place { line: line + 1, column }, Excerpt::new(whole_line, offset, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_come_out_in_the_order_of_the_file_with_their_places() {
        let notes = Notebook::default();
        let (_, whole) = notes.add_file(Path::new("a.toml"), "one\nzwei drei\n".into());
        notes.mistake(whole.at(9..13), "second", "h");
        notes.clash(whole.at(0..3), whole.at(4..8), "first", "the other is at");
        let mistakes = notes.into_mistakes();
        let all: Vec<_> = mistakes
            .iter()
            .map(|m| (m.message.as_str(), m.place.map(|place| (place.line, place.column))))
            .collect();
        assert_eq!(all, [("first", Some((1, 1))), ("second", Some((2, 6)))]);
        assert!(mistakes.to_string().contains("the other is at a.toml:2:1"), "{mistakes}");
    }

    #[test]
    fn a_million_mistakes_are_counted_and_the_first_thousand_kept() {
        let notes = Notebook::default();
        let (_, whole) = notes.add_file(Path::new("a.csv"), "x".into());
        for _ in 0..1_000_000 {
            notes.mistake(whole, "m", "h");
        }
        let mistakes = notes.into_mistakes();
        assert_eq!(mistakes.len(), 1_000_000);
        assert_eq!(mistakes.iter().count(), Mistakes::KEPT);
    }

    #[test]
    fn a_span_past_the_end_is_shown_at_the_end() {
        let notes = Notebook::default();
        let (_, whole) = notes.add_file(Path::new("a.toml"), "ä\nb".into());
        notes.mistake(whole.at(900..901), "m", "h");
        let mistakes = notes.into_mistakes();
        let place = mistakes.iter().next().and_then(|m| m.place);
        assert_eq!(place, Some(Place { line: 2, column: 2 }));
    }
}
