//! Columns as Go's `text/tabwriter` aligns them ("elastic tabstops").
//!
//! A cell is text that ends with a tab; cells of consecutive lines at the same place are a column, which is as wide as
//! its widest cell. What follows a line's last tab belongs to no column.

/// How columns are laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The least width of a column, in characters.
    pub(crate) least: usize,
    /// Spaces after the widest cell.
    pub(crate) padding: usize,
}

/// `kubectl get`.
pub(crate) const TABLE: Layout = Layout { least: 6, padding: 3 };
/// `kubectl describe`.
pub(crate) const DESCRIPTION: Layout = Layout { least: 0, padding: 2 };

/// Aligns the lines of a text.
pub(crate) fn align(text: &str, layout: Layout) -> String {
    Aligner { layout, remembered: Vec::new(), remembers: false }.align(text)
}

/// Aligns texts one after the other.
#[derive(Debug)]
pub(crate) struct Aligner {
    layout: Layout,
    /// The widths of the columns of earlier texts, if they hold for later ones too.
    remembered: Vec<usize>,
    remembers: bool,
}

impl Aligner {
    /// Rows that come later are no narrower than earlier ones.
    pub(crate) fn remembering(layout: Layout) -> Self {
        Self { layout, remembered: Vec::new(), remembers: true }
    }

    /// The text with its columns aligned.
    pub(crate) fn align(&mut self, text: &str) -> String {
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len().saturating_sub(1)]).collect();
        self.columns(&lines, &mut widths, 0, 0..lines.len());
        let mut out = String::with_capacity(text.len() * 2);
        for (cells, widths) in lines.iter().zip(&widths) {
            for (index, cell) in cells.iter().enumerate() {
                out.push_str(cell);
                if let Some(width) = widths.get(index) {
                    out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
                }
            }
            out.push('\n');
        }
        out
    }

    /// Sets the widths of all columns from `column` on in a block of lines.
    fn columns(
        &mut self,
        lines: &[Vec<&str>],
        widths: &mut [Vec<usize>],
        column: usize,
        block: std::ops::Range<usize>,
    ) {
        let mut line = block.start;
        while line < block.end {
            let has = |line: &usize| lines[*line].len() > column + 1;
            if !has(&line) {
                line += 1;
                continue;
            }
            let end = (line..block.end).find(|line| !has(line)).unwrap_or(block.end);
            let widest = (line..end).map(|line| lines[line][column].chars().count()).max().unwrap_or(0);
            let mut width = (widest + self.layout.padding).max(self.layout.least);
            if self.remembers {
                if self.remembered.len() <= column {
                    self.remembered.resize(column + 1, 0);
                }
                width = width.max(self.remembered[column]);
                self.remembered[column] = width;
            }
            widths[line..end].iter_mut().for_each(|widths| widths[column] = width);
            self.columns(lines, widths, column + 1, line..end);
            line = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let aligned = align("NAME\tAGE\nhttpbin\t5s\n", TABLE);
        assert_eq!(aligned, "NAME      AGE\nhttpbin   5s\n");
    }

    #[test]
    fn a_line_without_cells_ends_a_column() {
        let aligned = align("Name:\tx\nNamespace:\ty\nSpec:\n  A:\t1\n", DESCRIPTION);
        assert_eq!(aligned, "Name:       x\nNamespace:  y\nSpec:\n  A:  1\n");
    }

    #[test]
    fn later_rows_keep_the_width() {
        let mut aligner = Aligner::remembering(TABLE);
        assert_eq!(aligner.align("long-name\tx\n"), "long-name   x\n");
        assert_eq!(aligner.align("a\tx\n"), "a           x\n");
    }
}
