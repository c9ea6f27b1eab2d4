//! Helpers that turn a structure into a text picture, at most 72 columns wide.
//!
//! [`cells`] draws an array as a row of boxes with marks under it, [`table`] aligns columns,
//! [`hex`] shows raw bytes. A `dump.rs` in each lab uses them, and a failing test prints the result.

use std::fmt::Write as _;

/// Widest picture, in columns.
pub const WIDTH: usize = 72;

/// Draws `values` as a row of boxes. `marks` are pairs of (index, text): the text is put under that
/// box, for instance "head". Rows wrap so that no line is wider than [`WIDTH`].
pub fn cells(values: &[String], marks: &[(usize, &str)]) -> String {
    if values.is_empty() {
        return "(no cells)\n".to_string();
    }
    let label = |index: usize| -> String {
        let texts: Vec<&str> = marks.iter().filter(|(at, _)| *at == index).map(|(_, text)| *text).collect();
        texts.join(",")
    };
    let width = |index: usize| -> usize {
        let content = values[index].chars().count().max(label(index).chars().count());
        content.max(index.to_string().len()).clamp(1, WIDTH - 4) + 2
    };
    let mut out = String::new();
    let mut start = 0;
    while start < values.len() {
        let mut end = start;
        let mut used = 1;
        while end < values.len() && (end == start || used + width(end) < WIDTH) {
            used += width(end) + 1;
            end += 1;
        }
        let mut lines = [String::new(), String::from("|"), String::new()];
        for (index, value) in values.iter().enumerate().take(end).skip(start) {
            let inner = width(index);
            let value: String = value.chars().take(inner).collect();
            let _ = write!(lines[0], " {index:^inner$}");
            let _ = write!(lines[1], "{value:^inner$}|");
            let _ = write!(lines[2], " {:^inner$}", label(index));
        }
        for line in &lines {
            if !line.trim().is_empty() {
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        start = end;
    }
    out
}

/// Aligns `rows` under `header`: two spaces between columns, numbers to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = header.len();
    let mut widths: Vec<usize> = header.iter().map(|text| text.chars().count()).collect();
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let is_number = |text: &str| text.chars().next().is_some_and(|c| c.is_ascii_digit() || c == '-');
    let mut out = String::new();
    let mut line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate().take(columns) {
            let width = widths[column];
            if is_number(cell) {
                let _ = write!(text, "{cell:>width$}  ");
            } else {
                let _ = write!(text, "{cell:<width$}  ");
            }
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(header.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
    out
}

/// Sixteen bytes a line: offset, hexadecimal, printable characters. Repeated lines are shown once
/// and then as `*`. `base` is the offset of the first byte.
pub fn hex(bytes: &[u8], base: usize) -> String {
    let mut out = String::new();
    let mut previous: Option<&[u8]> = None;
    let mut is_skipping = false;
    for (index, chunk) in bytes.chunks(16).enumerate() {
        let is_last = (index + 1) * 16 >= bytes.len();
        if previous == Some(chunk) && !is_last {
            if !is_skipping {
                out.push_str("*\n");
            }
            is_skipping = true;
            continue;
        }
        is_skipping = false;
        previous = Some(chunk);
        let mut digits = String::new();
        for (column, byte) in chunk.iter().enumerate() {
            let gap = if column == 8 { " " } else { "" };
            let _ = write!(digits, "{gap}{byte:02x} ");
        }
        let text: String = chunk
            .iter()
            .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '.' })
            .collect();
        let _ = writeln!(out, "{:5}  {digits:<49} {text}", base + index * 16);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_show_marks_under_their_box_and_stay_narrow() {
        let values: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let picture = cells(&values, &[(2, "head"), (29, "tail")]);
        assert!(picture.contains("head") && picture.contains("tail"));
        assert!(picture.lines().all(|line| line.chars().count() <= WIDTH), "{picture}");
    }

    #[test]
    fn hex_shows_offsets_and_folds_repeats() {
        let mut bytes = vec![0; 64];
        bytes.extend(b"end");
        let text = hex(&bytes, 0);
        assert!(text.contains("*\n") && text.contains("end"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 8));
    }

    #[test]
    fn table_aligns_columns() {
        let text =
            table(&["slot", "len"], &[vec!["0".into(), "12".into()], vec!["10".into(), "free".into()]]);
        assert_eq!(text, "slot  len\n   0    12\n  10  free\n");
    }
}
