//! Text in columns, as wide as what stands in them.

use std::fmt;

/// Rows for people. Small: everything is kept until it is shown.
#[derive(Debug)]
pub(super) struct Columns {
    rows: Vec<Vec<String>>,
    /// Of the columns, at the least: as they were shown last.
    widths: Vec<usize>,
    /// Whether some lines were taken.
    is_begun: bool,
}

impl Columns {
    /// With a line of headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
        Self { rows: vec![headings], widths: Vec::new(), is_begun: false }
    }

    /// The same, with columns that are so wide at the least.
    pub(super) fn at_least(headings: &[&str], widths: &[usize]) -> Self {
        Self { widths: widths.to_vec(), ..Self::new(headings) }
    }

    /// One more line; cells beyond the headings stand as they are.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// How many lines there are below the headings.
    pub(super) fn len(&self) -> usize {
        self.rows.len() - 1
    }

    /// The lines so far, which are gone then: under those that were taken before, or under headings of
    /// their own where they need wider columns.
    pub(super) fn take(&mut self) -> String {
        let widths = self.widest();
        let mut text = String::new();
        // Nothing stands behind the last column.
        let inner = widths.len().saturating_sub(1);
        if !self.is_begun || self.widths.get(..inner) != Some(&widths[..inner]) {
            let gap = if self.is_begun { "\n" } else { "" };
            text = format!("{gap}{}", line(&self.rows[0], &widths));
        }
        (self.widths, self.is_begun) = (widths, true);
        let rows = self.rows.drain(1..);
        rows.for_each(|row| text.push_str(&line(&row, &self.widths)));
        text
    }

    fn widest(&self) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(self.widths.get(column).copied().unwrap_or(0))
        };
        (0..count).map(width).collect()
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widest();
        self.rows.iter().try_for_each(|row| f.write_str(&line(row, &widths)))
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
    let line: String = cells.collect();
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell_and_lines_do_not_trail() {
        let mut columns = Columns::new(&["name", "n"]);
        columns.row(["a-long-name".into(), "1".into()]);
        columns.row(["b".into(), String::new()]);
        assert_eq!(columns.to_string(), "name         n\na-long-name  1\nb\n");
    }

    #[test]
    fn what_is_shown_in_parts_has_one_width_until_that_is_too_small() {
        let mut columns = Columns::at_least(&["name", "n"], &[6]);
        let mut shown = String::new();
        for name in ["a", "bcdefg", "bcdefgh", "i"] {
            columns.row([name.into(), name.len().to_string()]);
            assert_eq!(columns.len(), 1);
            shown.push_str(&columns.take());
        }
        let expected = "name    n\na       1\nbcdefg  6\n\nname     n\nbcdefgh  7\ni        1\n";
        assert_eq!(shown, expected);
        assert_eq!(columns.take(), "", "nothing is left");
        assert_eq!(Columns::new(&["name"]).take(), "name\n");
    }
}
