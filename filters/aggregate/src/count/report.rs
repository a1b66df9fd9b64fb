//! Which rows of a window are shown, in which order, with which columns.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::Output;
use sluice_wire::render::Text;

use super::By;
use super::lines;
use super::page::{Cell, Page};
use super::table::Totals;
use super::window::Window;

/// How many rows go into a batch.
const ROWS: usize = 1024;

/// A number that is shown for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shown {
    /// How many packets or records; the column is called `packets` or `records`.
    Count,
    /// How many of a hundred packets or records, with two decimals.
    Percent,
    /// Bytes on the wire, or of lines with their endings.
    Bytes,
    /// Bytes for each packet or record, with two decimals.
    Mean,
    /// When the first one was captured.
    First,
    /// When the last one was captured.
    Last,
    /// The time from the first to the last.
    Seconds,
    /// Packets or records in each of these seconds, in the column `per_second`; none where there is no time between them.
    Rate,
    /// Bits in each of these seconds, in the column `bits_per_second`; none where there is no time between them.
    Bits,
}

/// What rows are sorted by. Equal ones are sorted by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    /// The most packets or records first.
    #[default]
    Count,
    /// The most bytes first.
    Bytes,
    /// The key, upwards: numbers as numbers, addresses as addresses, what is absent first.
    Key,
}

/// What rows look like.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub name: Option<String>,
    pub shown: Vec<Shown>,
    pub sort: Sort,
    pub top: Option<usize>,
    /// The length of a window in ns.
    pub every: Option<i64>,
}

/// A key with its totals.
#[derive(Clone, Copy)]
struct Row<'a> {
    wide: bool,
    key: &'a [u8],
    totals: &'a Totals,
}

/// Makes records of windows.
pub(super) struct Report {
    style: Style,
    page: Page,
    /// The number of the next record.
    ordinal: u64,
}

impl Report {
    pub fn new(style: Style) -> Self {
        Self { style, page: Page::default(), ordinal: 0 }
    }

    /// Emits the rows of a window as records of this time, in batches.
    pub fn emit(&mut self, window: &Window, by: &By, noun: &'static str, time: i64, out: &mut Output) {
        let mut rows = rows(window);
        let mut other = window.other;
        let compare = |a: &Row<'_>, b: &Row<'_>| self.style.compare(by, a, b);
        if let Some(top) = self.style.top.filter(|top| *top < rows.len()) {
            rows.select_nth_unstable_by(top, compare);
            rows.drain(top..).for_each(|row| other.join(row.totals));
        }
        rows.sort_unstable_by(compare);
        self.page.begin(self.style.columns(by, noun));
        for row in &rows {
            self.style.head(window, &mut self.page);
            match by {
                By::Packets(keys) => keys.show(row.wide, row.key, &mut self.page),
                By::Records(_) => lines::show(row.key, &mut self.page),
                By::Nothing => {}
            }
            self.style.numbers(row.totals, &window.total, &mut self.page);
            if self.page.rows() == ROWS {
                self.page.emit(time, &mut self.ordinal, out);
            }
        }
        if other.items > 0 {
            self.style.head(window, &mut self.page);
            let keys = by.columns().len();
            (0..keys).for_each(|at| match at {
                0 => self.page.show(format_args!("(other)")),
                _ => self.page.cell(Cell::Nothing),
            });
            self.style.numbers(&other, &window.total, &mut self.page);
        }
        self.page.emit(time, &mut self.ordinal, out);
    }
}

fn rows(window: &Window) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(window.len());
    for (table, wide) in window.tables.iter().zip([false, true]) {
        rows.extend(table.rows().map(|(key, totals)| Row { wide, key, totals }));
    }
    rows.extend(window.lines.rows().map(|(key, totals)| Row { wide: false, key, totals }));
    rows
}

impl Style {
    fn compare(&self, by: &By, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        let by_total = match self.sort {
            Sort::Count => b.totals.items.cmp(&a.totals.items),
            Sort::Bytes => b.totals.bytes.cmp(&a.totals.bytes),
            Sort::Key => Ordering::Equal,
        };
        by_total.then_with(|| match by {
            By::Packets(keys) => keys.compare((a.wide, a.key), (b.wide, b.key)),
            By::Records(_) | By::Nothing => a.key.cmp(b.key),
        })
    }

    pub fn columns(&self, by: &By, noun: &'static str) -> Vec<String> {
        let head = self.name.iter().map(|_| "report").chain(self.every.map(|_| "time"));
        let shown = self.shown.iter().map(|shown| match shown {
            Shown::Count => noun,
            Shown::Percent => "percent",
            Shown::Bytes => "bytes",
            Shown::Mean => "mean",
            Shown::First => "first",
            Shown::Last => "last",
            Shown::Seconds => "seconds",
            Shown::Rate => "per_second",
            Shown::Bits => "bits_per_second",
        });
        let mut columns: Vec<String> = head.map(str::to_owned).collect();
        columns.extend(by.columns());
        columns.extend(shown.map(str::to_owned));
        columns
    }

    fn head(&self, window: &Window, page: &mut Page) {
        if let Some(name) = &self.name {
            page.show(format_args!("{name}"));
        }
        if let Some(every) = self.every {
            moment(window.start, every % SECOND != 0, page);
        }
    }

    fn numbers(&self, totals: &Totals, all: &Totals, page: &mut Page) {
        let Totals { items, bytes, first, last } = *totals;
        let nanoseconds = last.saturating_sub(first).max(0);
        let seconds = nanoseconds as f64 / SECOND as f64;
        for shown in &self.shown {
            match shown {
                Shown::Count => page.cell(Cell::Number(items)),
                Shown::Percent => {
                    page.cell(Cell::Float(rounded(items as f64 * 100.0 / all.items.max(1) as f64)));
                }
                Shown::Bytes => page.cell(Cell::Number(bytes)),
                Shown::Mean => page.cell(Cell::Float(rounded(bytes as f64 / items.max(1) as f64))),
                Shown::First => moment(first, true, page),
                Shown::Last => moment(last, true, page),
                Shown::Seconds => page.cell(Cell::Float(seconds)),
                Shown::Rate | Shown::Bits if nanoseconds == 0 => page.cell(Cell::Nothing),
                Shown::Rate => page.cell(Cell::Float(rounded(items as f64 / seconds))),
                Shown::Bits => page.cell(Cell::Number((bytes as f64 * 8.0 / seconds).round() as u64)),
            }
        }
    }
}

const SECOND: i64 = 1_000_000_000;

/// To two decimals.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A time as RFC 3339 writes it.
fn moment(time: i64, fraction: bool, page: &mut Page) {
    page.text(|out| {
        let digits = if fraction { 9 } else { 0 };
        Text(out).moment(time, digits);
    });
}
