//! Reservation files: a row for each client.
//!
//! Comma-separated text: the first line names the columns, which are keys of `[[reservation4]]` or
//! `[[reservation6]]`; each row has exactly one of those that name a client. Blank lines and lines
//! that begin with `#` say nothing. There are no quotes: an identifier with a comma in it is written
//! in hex. What is a list as a key has blanks between its elements.

use std::ops::Range;
use std::path::Path;

use super::family::Family;
use super::load::Surroundings;
use super::model::{Prefix, ReservedFor};
use super::notebook::{Notebook, Span, quote};
use super::prefix;
use super::reader::{Placed, Value, nearest};
use super::reservation::{Column, host_name};

/// Reservations of one protocol, which may stand in files.
pub(super) trait FromFiles {
    /// What they keep.
    type Address: Family;
    /// What a file's columns may be.
    const COLUMNS: &'static [Column];
    /// Those that name a client.
    const IDENTIFIERS: &'static [Column];
    /// What to say where there is none of them, or more than one.
    const EXPECTED_IDENTIFIER: &'static str;

    /// Makes room for as many more, or less if that is unknown.
    fn reserve(&mut self, rows: usize);

    /// Adds what a row says.
    fn add(&mut self, row: Row<Self::Address>);

    /// Reads the files that a key names, relative to the configuration's folder.
    fn read_files(
        &mut self,
        value: Value<'_>,
        folder: &Path,
        around: &Surroundings<'_>,
        notes: &Notebook,
    ) {
        let names = if value.is_list() { value.list("") } else { vec![value] };
        for name in names {
            let Some(text) = name.name() else { continue };
            let path = folder.join(text);
            match (around.read)(&path) {
                Ok(text) => self.read_rows(&path, text, notes),
                Err(error) => {
                    name.wrong::<()>(format!("{} cannot be read: {error}", path.display()));
                }
            }
        }
    }

    /// Reads the rows of a file.
    fn read_rows(&mut self, path: &Path, text: String, notes: &Notebook) {
        let (text, file) = notes.add_file(path, text);
        let mut lines = Lines { text: &text, next: 0 };
        let Some(header) = lines.next() else {
            let help = "the first line names the columns, such as hw-address,host-name";
            notes.file_mistake(file, "the reservation file is empty", help);
            return;
        };
        let Some(columns) = columns::<Self>(header, file, notes) else { return };
        // A guess that a short row would exceed, and a wrong one costs a little memory only.
        self.reserve(text.len() / 32);
        for line in lines {
            if let Some(row) = read_row::<Self>(line, &columns, file, notes) {
                self.add(row);
            }
        }
    }
}

/// What one row says, and where the parts of it stand.
#[derive(Debug)]
pub(super) struct Row<A> {
    pub(super) client: Placed<ReservedFor>,
    pub(super) addresses: Vec<Placed<A>>,
    pub(super) prefixes: Vec<Placed<Prefix<A>>>,
    pub(super) host_name: Option<String>,
}

/// A line that says something, and where it begins.
#[derive(Clone, Copy)]
struct Line<'t> {
    start: usize,
    text: &'t str,
}

struct Lines<'t> {
    text: &'t str,
    next: usize,
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        loop {
            let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
            let start = self.next;
            let end = rest.find('\n').unwrap_or(rest.len());
            self.next = start + end + 1;
            let text = rest[..end].trim_end();
            if !text.is_empty() && !text.starts_with('#') {
                return Some(Line { start, text });
            }
        }
    }
}

impl<'t> Line<'t> {
    /// The fields without the blanks around them, and where each stands in the file.
    fn fields(self) -> impl Iterator<Item = (&'t str, Range<usize>)> {
        let mut next = self.start;
        self.text.split(',').map(move |field| {
            let start = next + (field.len() - field.trim_start().len());
            next += field.len() + 1;
            let field = field.trim();
            (field, start..start + field.len())
        })
    }

    fn place(self, file: Span) -> Span {
        file.at(self.start..self.start + self.text.len())
    }
}

/// The columns that the first line names; `None` after a mistake, as no row can be read then.
fn columns<R: FromFiles + ?Sized>(
    header: Line<'_>,
    file: Span,
    notes: &Notebook,
) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    let mut good = true;
    for (field, range) in header.fields() {
        let known = R::COLUMNS.iter().copied().find(|column| column.name() == field);
        let names = || R::COLUMNS.iter().copied().map(Column::name);
        match known {
            Some(column) if columns.contains(&column) => {
                notes.mistake(
                    file.at(range),
                    format!("column {} twice", quote(field)),
                    "once is enough",
                );
                good = false;
            }
            Some(column) => columns.push(column),
            None => {
                let help = match nearest(field, names()) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("the columns are: {}", names().collect::<Vec<_>>().join(", ")),
                };
                notes.mistake(file.at(range), format!("unknown column {}", quote(field)), help);
                good = false;
            }
        }
    }
    if good && !columns.iter().any(|column| R::IDENTIFIERS.contains(column)) {
        let message = "no column says whom the reservations are for";
        notes.mistake(header.place(file), message, R::EXPECTED_IDENTIFIER);
        good = false;
    }
    good.then_some(columns)
}

fn read_row<R: FromFiles + ?Sized>(
    line: Line<'_>,
    columns: &[Column],
    file: Span,
    notes: &Notebook,
) -> Option<Row<R::Address>> {
    let mut client = None;
    let mut addresses = Vec::new();
    let mut prefixes = Vec::new();
    let mut name = None;
    let mut fields = line.fields();
    let mut good = true;
    let mut wrong = |range, column: Column, field: &str| {
        let message = format!("`{}` cannot be {}", column.name(), quote(field));
        notes.mistake(file.at(range), message, column.expected());
        good = false;
    };
    for (column, (field, range)) in columns.iter().zip(&mut fields) {
        if field.is_empty() {
            continue;
        }
        let place = file.at(range.clone());
        match column {
            Column::Address => match field.parse::<R::Address>() {
                Ok(value) => addresses.push(Placed { value, span: place }),
                Err(_) => wrong(range, *column, field),
            },
            Column::Addresses => {
                for (item, range) in items(field, range.start) {
                    match item.parse::<R::Address>() {
                        Ok(value) => addresses.push(Placed { value, span: file.at(range) }),
                        Err(_) => wrong(range, *column, item),
                    }
                }
            }
            Column::Prefixes => {
                for (item, range) in items(field, range.start) {
                    match prefix::parse(item) {
                        Some(value) => prefixes.push(Placed { value, span: file.at(range) }),
                        None => wrong(range, *column, item),
                    }
                }
            }
            Column::HostName => match host_name(field) {
                Some(parsed) => name = Some(parsed.to_owned()),
                None => wrong(range, *column, field),
            },
            // A quote would be part of the identifier, which nobody means.
            _ if field.starts_with('"') => wrong(range, *column, field),
            _ => match (column.client(field), &client) {
                (None, _) => wrong(range, *column, field),
                (Some(value), None) => client = Some(Placed { value, span: place }),
                (Some(_), Some(_)) => {
                    let message = "a reservation with two clients";
                    notes.mistake(place, message, R::EXPECTED_IDENTIFIER);
                    return None;
                }
            },
        }
    }
    if let Some((field, range)) = fields.next() {
        let message = format!("{} is one field too many", quote(field));
        notes.mistake(file.at(range), message, format!("there are {} columns", columns.len()));
        return None;
    }
    if !good {
        return None;
    }
    let Some(client) = client else {
        let message = "a reservation without a client";
        notes.mistake(line.place(file), message, R::EXPECTED_IDENTIFIER);
        return None;
    };
    Some(Row { client, addresses, prefixes, host_name: name })
}

/// The elements of a list, and where each stands; the field begins at `start`.
fn items(field: &str, start: usize) -> impl Iterator<Item = (&str, Range<usize>)> {
    field
        .split(' ')
        .scan(start, |next, item| {
            let place = *next..*next + item.len();
            *next = place.end + 1;
            Some((item, place))
        })
        .filter(|(item, _)| !item.is_empty())
}
