//! Reservation files: a row for each client.
//!
//! Comma-separated text: the first line names the columns, of `hw-address`, `client-id`,
//! `circuit-id`, `remote-id`, `address` and `host-name`; each row has exactly one of the first four.
//! Blank lines and lines that begin with `#` say nothing. There are no quotes: an identifier with a
//! comma in it is written in hex.

use std::net::Ipv4Addr;
use std::path::Path;

use super::model::Reservation;
use super::notebook::{Notebook, Span, quote};
use super::reader::nearest;
use super::reservation::{Column, EXPECTED_IDENTIFIER, Reservations, host_name};

impl Reservations {
    /// Reads the rows of a file.
    pub(super) fn read_rows(&mut self, path: &Path, text: String, notes: &Notebook) {
        let (text, file) = notes.add_file(path, text);
        let mut rows = Rows { text: &text, next: 0 };
        let Some(header) = rows.next() else {
            let help = "the first line names the columns, such as hw-address,address";
            notes.file_mistake(file, "the reservation file is empty", help);
            return;
        };
        let Some(columns) = columns(header, file, notes) else { return };
        // A guess that a short row would exceed, and a wrong one costs a little memory only.
        self.list.reserve(text.len() / 32);
        self.spans.reserve(text.len() / 32);
        for row in rows {
            if let Some((reservation, span)) = read_row(row, &columns, file, notes) {
                self.push(reservation, span);
            }
        }
    }
}

/// A line that says something, and where it begins.
#[derive(Clone, Copy)]
struct Row<'t> {
    start: usize,
    text: &'t str,
}

struct Rows<'t> {
    text: &'t str,
    next: usize,
}

impl<'t> Iterator for Rows<'t> {
    type Item = Row<'t>;

    fn next(&mut self) -> Option<Row<'t>> {
        loop {
            let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
            let start = self.next;
            let end = rest.find('\n').unwrap_or(rest.len());
            self.next = start + end + 1;
            let text = rest[..end].trim_end();
            if !text.is_empty() && !text.starts_with('#') {
                return Some(Row { start, text });
            }
        }
    }
}

impl<'t> Row<'t> {
    /// The fields without the blanks around them, and where each stands in the file.
    fn fields(self) -> impl Iterator<Item = (&'t str, std::ops::Range<usize>)> {
        let mut next = self.start;
        self.text.split(',').map(move |field| {
            let start = next + (field.len() - field.trim_start().len());
            next += field.len() + 1;
            let field = field.trim();
            (field, start..start + field.len())
        })
    }
}

/// The columns that the first line names; `None` after a mistake, as no row can be read then.
fn columns(header: Row<'_>, file: Span, notes: &Notebook) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    let mut good = true;
    for (field, range) in header.fields() {
        let known = Column::ALL.into_iter().find(|column| column.name() == field);
        let names = || Column::ALL.into_iter().map(Column::name);
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
    if good && !columns.iter().any(|column| Column::IDENTIFIERS.contains(column)) {
        let message = "no column says whom the reservations are for";
        notes.mistake(
            file.at(header.start..header.start + header.text.len()),
            message,
            EXPECTED_IDENTIFIER,
        );
        good = false;
    }
    good.then_some(columns)
}

fn read_row(
    row: Row<'_>,
    columns: &[Column],
    file: Span,
    notes: &Notebook,
) -> Option<(Reservation, Span)> {
    let line = file.at(row.start..row.start + row.text.len());
    let mut client = None;
    let mut address = None;
    let mut name = None;
    let mut fields = row.fields();
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
            Column::Address => match field.parse::<Ipv4Addr>() {
                Ok(parsed) => address = Some(parsed),
                Err(_) => wrong(range, *column, field),
            },
            Column::HostName => match host_name(field) {
                Some(parsed) => name = Some(parsed.to_owned()),
                None => wrong(range, *column, field),
            },
            // A quote would be part of the identifier, which nobody means.
            _ if field.starts_with('"') => wrong(range, *column, field),
            _ => match (column.client(field), &client) {
                (None, _) => wrong(range, *column, field),
                (Some(parsed), None) => client = Some((parsed, place)),
                (Some(_), Some(_)) => {
                    notes.mistake(place, "a reservation with two clients", EXPECTED_IDENTIFIER);
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
    let Some((client, span)) = client else {
        notes.mistake(line, "a reservation without a client", EXPECTED_IDENTIFIER);
        return None;
    };
    Some((Reservation { client, address, host_name: name, scope: None }, span))
}
