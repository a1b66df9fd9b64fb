//! Text for people: tables, numbers, names that were meant.

use std::fmt::Write as _;

/// How wide running text is set, in characters.
pub const WIDTH: usize = 100;

/// Rows of cells, set in columns with two spaces between. Columns in `right` (from 0) are aligned to the right.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            line.push_str(gap);
            if right.contains(&column) {
                // Writing to a string cannot fail.
                let _ = write!(line, "{cell:>width$}");
            } else {
                let _ = write!(line, "{cell:width$}");
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A table whose last column is running text, wrapped.
pub fn wrapped_table(rows: &[Vec<String>]) -> String {
    let last = rows.iter().map(Vec::len).max().unwrap_or_default().saturating_sub(1);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count() + 2).max();
    let taken: usize = (0..last).filter_map(width).sum();
    let mut lines = Vec::new();
    for row in rows {
        let text = row.get(last).map_or("", String::as_str);
        for (at, line) in wrap(text, WIDTH.saturating_sub(taken).max(30)).into_iter().enumerate() {
            let cells = row.iter().take(last).map(|cell| if at == 0 { cell.clone() } else { String::new() });
            lines.push(cells.chain([line]).collect());
        }
    }
    table(&lines, &[])
}

/// Cuts running text into lines of at most `width` characters, where words allow it; at least one line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

/// `1,204`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,204 packets`, `1 packet`.
pub fn counted(number: u64, unit: &str) -> String {
    let unit = if number == 1 { unit.strip_suffix('s').unwrap_or(unit) } else { unit };
    format!("{} {unit}", count(number))
}

/// `640.2 KiB`.
pub fn bytes(number: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1024.0 {
        return format!("{} B", number.round());
    }
    let mut value = number / 1024.0;
    let mut unit = 0;
    // A value that would be printed as 1024.0 belongs to the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `1.2 M`, `830 k`, `12`.
pub fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => count(n.round() as u64),
    }
}

/// `0.01 s`, `2 min 5 s`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.2} s"),
        s if s < 3600.0 => format!("{} min {:.0} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s => format!("{} h {} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |name: &str| name.to_lowercase().replace('_', "-");
    let alike = |known: &'a str| (strsim::normalized_damerau_levenshtein(&fold(name), &fold(known)), known);
    let best = known.into_iter().map(alike).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

/// "`a`, `b` and `c`".
pub fn join<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(count).join(" "), "0 12 999 1,000 1,234,567");
        assert_eq!(
            [0.0, 1023.0, 1024.0, 655_565.0, 1_048_575.0].map(bytes).join(" "),
            "0 B 1023 B 1.0 KiB 640.2 KiB 1.0 MiB"
        );
        assert_eq!([0.4, 999.0, 12_345.0, 2.5e6, 3e9].map(short).join(" "), "0 999 12 k 2.5 M 3.0 G");
        assert_eq!([0.0012, 0.5, 125.9, 7260.0].map(seconds).join(" "), "1.2 ms 0.50 s 2 min 5 s 2 h 1 min");
        assert_eq!(counted(1, "packets"), "1 packet");
    }

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("incomprehensible", 7), ["incomprehensible"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "1"], ["bcd", "22"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, &[1]), "a     1\nbcd  22\n");
    }
}
