//! Tables in the form of Go's `text/tabwriter`, which `istioctl` prints: every column but the last is as wide as its
//! longest cell and the padding.

use std::fmt;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Spaces between columns.
    padding: usize,
    rows: Vec<Vec<String>>,
    /// Printed instead of a table that has no rows.
    when_empty: Option<&'static str>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(padding: usize, headings: [&str; N]) -> Self {
        Self { padding, rows: vec![headings.map(str::to_owned).into()], when_empty: None }
    }

    /// The same table, but `text` where it has no rows.
    pub(crate) fn or(self, text: &'static str) -> Self {
        Self { when_empty: Some(text), ..self }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (1, Some(text)) = (self.rows.len(), self.when_empty) {
            return writeln!(f, "{text}");
        }
        let mut widths = vec![0; self.rows[0].len()];
        for row in &self.rows {
            for (width, cell) in std::iter::zip(&mut widths, row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let last = row.len() - 1;
            for (cell, width) in std::iter::zip(&row[..last], &widths) {
                write!(f, "{cell:<width$}", width = width + self.padding)?;
            }
            writeln!(f, "{}", row[last])?;
        }
        Ok(())
    }
}
