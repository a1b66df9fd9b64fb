//! What a running stage shows of itself: numbers for people, which those of its shards add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many seconds a rate remembers, the one that is under way included.
pub const SECONDS: usize = 8;

/// What a stage shows of itself at one moment.
///
/// Views of instances of one stage are [merged](View::merge) into one, in any order. Names are snake_case and stay as they
/// are: programs read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Numbers.
    pub figures: Vec<Figure>,
    /// Numbers per second.
    pub rates: Vec<Rate>,
    /// Lists of what there is most of.
    pub tables: Vec<Table>,
}

/// A number. Those of several instances are added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it belongs to; figures of one group are shown together.
    pub group: String,
    /// What it is, within its group.
    pub name: String,
    /// What it counts; `bytes` are shown as such.
    pub unit: String,
    /// How many.
    pub value: u64,
}

/// How many there are in a second, by the times of the items. Those of several instances are added second by second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// What is counted.
    pub name: String,
    /// What it counts.
    pub unit: String,
    /// How many there were in the last second that is over.
    pub per_second: u64,
    /// The second that is under way, since the epoch; `None` before the first item.
    pub second: Option<i64>,
    /// How many there were in that one, in the one before it, and so on.
    pub recent: Vec<u64>,
}

/// Rows with numbers; the first number says which row comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it is.
    pub name: String,
    /// What the texts are that a row is known by.
    pub keys: Vec<String>,
    /// What the numbers are.
    pub columns: Vec<Column>,
    /// How many rows are shown.
    pub limit: usize,
    /// The rows: all that there are until they are [cut](View::cut).
    pub rows: Vec<Row>,
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What it is.
    pub name: String,
    /// What it counts; `bytes` are shown as such.
    pub unit: String,
    /// What becomes of two numbers in one row.
    pub join: Join,
}

/// What becomes of the numbers of two rows with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// They are added.
    Sum,
    /// The larger one stays.
    Max,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    /// What it is known by.
    pub key: Vec<String>,
    /// Its numbers.
    pub values: Vec<u64>,
}

impl View {
    /// Adds a figure.
    pub fn figure(&mut self, group: &str, name: &str, unit: &str, value: u64) {
        let (group, name, unit) = (group.to_owned(), name.to_owned(), unit.to_owned());
        self.figures.push(Figure { group, name, unit, value });
    }

    /// Takes in the view of another instance.
    pub fn merge(&mut self, other: &View) {
        for one in &other.figures {
            match self.figures.iter_mut().find(|own| own.group == one.group && own.name == one.name) {
                Some(own) => own.value = own.value.saturating_add(one.value),
                None => self.figures.push(one.clone()),
            }
        }
        for one in &other.rates {
            match self.rates.iter_mut().find(|own| own.name == one.name) {
                Some(own) => own.merge(one),
                None => self.rates.push(one.clone()),
            }
        }
        for one in &other.tables {
            match self.tables.iter_mut().find(|own| own.name == one.name) {
                Some(own) => own.merge(one),
                None => self.tables.push(one.clone()),
            }
        }
    }

    /// Leaves the rows that are shown, the largest first. What was cut is not merged again.
    pub fn cut(&mut self) {
        for table in &mut self.tables {
            table.rows.sort_by(|a, b| b.values.cmp(&a.values).then_with(|| a.key.cmp(&b.key)));
            table.rows.truncate(table.limit);
        }
    }
}

impl Rate {
    /// A rate with what was counted in the `second` that is under way and in those before it.
    pub fn new(name: &str, unit: &str, second: Option<i64>, recent: Vec<u64>) -> Self {
        let per_second = recent.get(1).copied().unwrap_or_default();
        Self { name: name.to_owned(), unit: unit.to_owned(), per_second, second, recent }
    }

    fn merge(&mut self, other: &Self) {
        let Some(second) = self.second.max(other.second) else { return };
        let mut recent = vec![0u64; SECONDS];
        for rate in [&*self, other] {
            // One that is behind begins further back.
            let behind = rate.second.map_or(u64::MAX, |own| second.abs_diff(own));
            let places = recent.iter_mut().skip(usize::try_from(behind).unwrap_or(usize::MAX));
            places.zip(&rate.recent).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        }
        self.second = Some(second);
        self.per_second = recent.get(1).copied().unwrap_or_default();
        self.recent = recent;
    }
}

/// Counts how many there are in a second, for a [`Rate`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    total: u64,
    second: Option<i64>,
    recent: [u64; SECONDS],
}

impl Meter {
    /// So many more at this time, in ns since the epoch. What is late counts for the second in which it was.
    #[inline]
    pub fn count(&mut self, time: i64, more: u64) {
        self.total += more;
        let now = Self::second(time);
        self.advance(now);
        let back = usize::try_from(self.second.unwrap_or(now).saturating_sub(now)).unwrap_or(usize::MAX);
        if let Some(count) = self.recent.get_mut(back) {
            *count += more;
        }
    }

    /// How many there were in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The second since the epoch in which this time is.
    pub fn second(time: i64) -> i64 {
        time.div_euclid(1_000_000_000)
    }

    /// As a rate: in the second `now`, if that is later than the one counted last.
    pub fn rate(mut self, name: &str, unit: &str, now: Option<i64>) -> Rate {
        now.into_iter().for_each(|now| self.advance(now));
        Rate::new(name, unit, self.second, self.recent.to_vec())
    }

    fn advance(&mut self, now: i64) {
        let by = self.second.map_or(i64::MAX, |second| now.saturating_sub(second));
        if by <= 0 {
            return;
        }
        let by = usize::try_from(by).unwrap_or(SECONDS).min(SECONDS);
        self.recent.copy_within(..SECONDS - by, by);
        self.recent[..by].fill(0);
        self.second = Some(now);
    }
}

impl Table {
    fn merge(&mut self, other: &Self) {
        self.limit = self.limit.max(other.limit);
        let mut rows: BTreeMap<Vec<String>, Vec<u64>> = BTreeMap::new();
        for row in self.rows.drain(..).chain(other.rows.iter().cloned()) {
            let values = rows.entry(row.key).or_default();
            values.resize(values.len().max(row.values.len()), 0);
            for (at, (sum, value)) in values.iter_mut().zip(row.values).enumerate() {
                *sum = match self.columns.get(at).map(|column| column.join) {
                    Some(Join::Max) => value.max(*sum),
                    _ => sum.saturating_add(value),
                };
            }
        }
        self.rows = rows.into_iter().map(|(key, values)| Row { key, values }).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn views() -> impl Strategy<Value = View> {
        let rows = proptest::collection::btree_map(0..6u8, (0..50u64, 0..50u64), 0..6);
        let recent = proptest::collection::vec(0..9u64, SECONDS);
        (0..1000u64, proptest::option::of(0..30i64), recent, rows).prop_map(
            |(value, second, recent, rows)| {
                let recent = if second.is_some() { recent } else { vec![0; SECONDS] };
                let mut view = View::default();
                view.figure("flows", "live", "flows", value);
                view.rates.push(Rate::new("new", "flows", second, recent));
                let column = |name: &str, join| Column { name: name.into(), unit: "bytes".into(), join };
                let rows = rows
                    .into_iter()
                    .map(|(key, (a, b))| Row { key: vec![key.to_string()], values: vec![a, b] });
                view.tables.push(Table {
                    name: "hosts".into(),
                    keys: vec!["host".into()],
                    columns: vec![column("all", Join::Sum), column("most", Join::Max)],
                    limit: 3,
                    rows: rows.collect(),
                });
                view
            },
        )
    }

    fn merged<const N: usize>(views: [&View; N]) -> View {
        let mut all = View::default();
        views.iter().for_each(|view| all.merge(view));
        all
    }

    proptest! {
        #[test]
        fn the_order_of_merging_is_of_no_account(a in views(), b in views(), c in views()) {
            prop_assert_eq!(merged([&a, &b]), merged([&b, &a]));
            prop_assert_eq!(merged([&merged([&a, &b]), &c]), merged([&a, &merged([&b, &c])]));
        }

        #[test]
        fn nothing_changes_nothing_and_json_keeps_all(view in views()) {
            prop_assert_eq!(&merged([&view, &View::default()]), &view);
            let text = serde_json::to_string(&view).unwrap();
            prop_assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
        }
    }

    #[test]
    fn the_largest_rows_are_left() {
        let row = |key: &str, value| Row { key: vec![key.into()], values: vec![value] };
        let rows = vec![row("a", 1), row("b", 7), row("d", 3), row("c", 3)];
        let table = Table { name: "t".into(), keys: vec![], columns: vec![], limit: 3, rows };
        let mut view = View { tables: vec![table], ..View::default() };
        view.cut();
        assert_eq!(view.tables[0].rows, [row("b", 7), row("c", 3), row("d", 3)]);
    }
}
