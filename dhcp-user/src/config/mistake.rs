//! What is wrong with a configuration: all of it, each with its place and what would be right.

use std::fmt;

/// Every mistake of one configuration, in the order of the files; never empty.
///
/// Displayed as a compiler displays its errors: message, place, the source line with carets under
/// what is wrong, and what would be right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistakes {
    list: Vec<Mistake>,
    left_out: usize,
}

impl Mistakes {
    /// So many are kept; a reservation file with a million wrong rows has as many more to count.
    pub const KEPT: usize = 1_000;

    /// From a list in order, and how many more there were.
    pub(super) fn new(list: Vec<Mistake>, left_out: usize) -> Self {
        Self { list, left_out }
    }

    /// How many there are, those that were only counted included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// The first [`KEPT`](Self::KEPT) of them.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.list {
            writeln!(f, "{mistake}")?;
        }
        if self.left_out > 0 {
            writeln!(f, "and {} more mistakes, not shown", self.left_out)?;
        }
        match self.len() {
            1 => f.write_str("1 mistake in the configuration"),
            count => write!(f, "{count} mistakes in the configuration"),
        }
    }
}

impl std::error::Error for Mistakes {}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// What is wrong, with the offending value.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// The file, as it was named to us.
    pub file: String,
    /// Where in the file; `None` if the file as a whole is meant, as when it cannot be read.
    pub place: Option<Place>,
    /// The source line, to be shown under the message.
    pub(super) excerpt: Excerpt,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The part of a source line that is shown, with what is wrong in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Excerpt {
    /// The line, or its part around the mistake if it is very long; without control characters.
    pub(super) line: String,
    /// Characters before the mistake.
    pub(super) before: usize,
    /// Characters of the mistake.
    pub(super) width: usize,
}

impl Excerpt {
    /// Lines are cut to this many characters on both sides of where the mistake begins.
    const REACH: usize = 100;

    /// Of `line`, with a mistake `width` characters wide from octet `start` on.
    pub(super) fn new(line: &str, start: usize, width: usize) -> Self {
        let (head, tail) = line.split_at_checked(start).unwrap_or((line, ""));
        let before = head.chars().count();
        let clean = |c: char| match c {
            '\t' => ' ',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        let skipped = before.saturating_sub(Self::REACH);
        let shown_head = head.chars().skip(skipped);
        let shown_tail = tail.trim_end().chars().take(Self::REACH);
        let tail_len = shown_tail.clone().count();
        Self {
            line: shown_head.chain(shown_tail).map(clean).collect(),
            before: before - skipped,
            width: width.clamp(1, tail_len.max(1)),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let Some(place) = self.place else {
            writeln!(f, " --> {}", self.file)?;
            return writeln!(f, "  = {}", self.help);
        };
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        let Excerpt { line, before, width } = &self.excerpt;
        writeln!(f, "{margin}--> {}:{place}", self.file)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {line}")?;
        let carets = "^".repeat(*width);
        writeln!(f, "{margin} | {:before$}{carets} {}", "", self.help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_under_its_source_line() {
        let mistake = Mistake {
            message: "`lease-time` cannot be \"24x\"".into(),
            help: "a length of time is like \"24h\"".into(),
            file: "tandem.toml".into(),
            place: Some(Place { line: 12, column: 14 }),
            excerpt: Excerpt::new("lease-time = \"24x\" # day\r", 13, 5),
        };
        let expected = "\
error: `lease-time` cannot be \"24x\"
  --> tandem.toml:12:14
   |
12 | lease-time = \"24x\" # day
   |              ^^^^^ a length of time is like \"24h\"
";
        assert_eq!(mistake.to_string(), expected);
    }

    #[test]
    fn a_very_long_line_is_shown_in_part() {
        let line = format!("{}here{}", "a".repeat(5_000), "b".repeat(5_000));
        let excerpt = Excerpt::new(&line, 5_000, 4);
        assert_eq!(excerpt.before, Excerpt::REACH);
        assert!(excerpt.line.starts_with("aaa") && excerpt.line.ends_with("bbb"));
        assert_eq!(excerpt.line.chars().count(), 2 * Excerpt::REACH);
    }

    #[test]
    fn what_could_upset_a_terminal_is_not_shown() {
        let excerpt = Excerpt::new("\tname = \"\u{1b}[2J\"", 1, 4);
        assert!(!excerpt.line.contains(|c: char| c.is_control()), "{excerpt:?}");
    }
}
