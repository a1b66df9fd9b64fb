//! `sluice view` and `sluice run --view`: what the stages of a run show of themselves.

use std::path::Path;
use std::thread;
use std::time::Duration;

use sluice_core::View;
use sluice_core::view::{Column, Table};
use sluice_runtime::{StageViews, ViewFn, Views};

use super::args::{self, ViewFormat};
use super::out::{self, Failed, said};
use super::progress::Bar as Board;
use super::text::{bytes, count, seconds, table};

/// How often a view is drawn anew.
const EVERY: Duration = Duration::from_secs(1);

/// The views of the run that answers at `args.control`: once, or until it ends.
pub fn view(args: &args::View) -> anyhow::Result<u8> {
    let show = |views: &Views| match args.json {
        true => json(views),
        false => Ok(text(views, args.per_shard)),
    };
    let shown = show(&ask(&args.control)?)?;
    if args.watch { watch(args, shown, show) } else { out::print(&shown) }
}

/// Shows a view again and again until the run has ended: drawn in its place on a terminal, else one below the other.
fn watch(
    args: &args::View,
    mut shown: String,
    show: impl Fn(&Views) -> anyhow::Result<String>,
) -> anyhow::Result<u8> {
    let board = Board::stdout();
    let is_drawn = !args.json && board.is_seen();
    loop {
        if is_drawn {
            board.draw(shown.clone())
        } else {
            out::print(&shown).map(drop)?
        }
        thread::sleep(EVERY);
        // It answered before, so it has ended.
        let Ok(views) = sluice_runtime::view(&args.control) else { break };
        shown = show(&views)?;
        if !is_drawn && !args.json {
            shown.insert(0, '\n');
        }
    }
    board.clear();
    if is_drawn { out::print(&shown) } else { Ok(super::DONE) }
}

fn ask(path: &Path) -> anyhow::Result<Views> {
    let views = sluice_runtime::view(path)
        .map_err(|error| Failed::new(format!("no run answers at `{}`: {}", path.display(), said(&error))))?;
    if views.stages.is_empty() {
        let failed = Failed::new(format!("no stage of `{}` has a view", views.pipeline));
        return Err(failed.into());
    }
    Ok(views)
}

/// Shows the views of a run that goes on in this process.
pub struct Screen {
    format: ViewFormat,
    per_shard: bool,
    /// Whether JSON goes to standard error, since the pipeline writes to standard output.
    aside: bool,
}

impl Screen {
    /// A screen on which nothing is shown yet.
    pub fn new(format: ViewFormat, per_shard: bool, aside: bool) -> Self {
        Self { format, per_shard, aside }
    }

    /// What the runtime is to call. As text, what nobody would see drawn anew is shown only when the run has ended.
    pub fn calls(&self, board: &Board) -> (Duration, ViewFn) {
        let (format, per_shard, aside) = (self.format, self.per_shard, self.aside);
        let board = board.clone();
        let show = move |views: &Views| match format {
            ViewFormat::Text => board.draw(text(views, per_shard)),
            // Where nobody reads any more there is nobody to tell; the run goes on.
            ViewFormat::Json => drop(line(views, aside)),
        };
        (EVERY, Box::new(show))
    }

    /// Shows what the stages showed last.
    pub fn end(&self, views: &Views) -> anyhow::Result<()> {
        match self.format {
            ViewFormat::Text => out::note(&format!("{}\n", text(views, self.per_shard))),
            ViewFormat::Json => line(views, self.aside)?,
        }
        Ok(())
    }
}

fn line(views: &Views, aside: bool) -> anyhow::Result<()> {
    let line = json(views)?;
    if aside {
        out::note(&line)
    } else {
        out::print(&line).map(drop)?
    }
    Ok(())
}

fn json(views: &Views) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string(views)?))
}

/// Views as tables for people.
fn text(views: &Views, per_shard: bool) -> String {
    let mut text = String::new();
    for stage in &views.stages {
        if !text.is_empty() {
            text.push('\n');
        }
        let title = format!("{}: {} after {}", views.pipeline, stage.id, seconds(views.seconds));
        text.push_str(&title);
        text.push_str("\n\n");
        text.push_str(&figures(stage, per_shard));
        for shown in &stage.merged.tables {
            text.push('\n');
            text.push_str(&rows(shown));
        }
        if per_shard && stage.shards.len() > 1 {
            for shard in &stage.shards {
                for shown in shard.view.tables.iter().filter(|table| !table.rows.is_empty()) {
                    text.push_str(&format!("\nshard {}, ", shard.shard));
                    text.push_str(&rows(shown));
                }
            }
        }
    }
    text
}

/// Figures and rates, a row each: those of all instances together, and beside them those of each.
fn figures(stage: &StageViews, per_shard: bool) -> String {
    let shards = if per_shard { stage.shards.as_slice() } else { &[] };
    let mut head = vec![String::new(), String::new(), "all".to_owned()];
    head.extend(shards.iter().map(|shard| format!("shard {}", shard.shard)));
    let mut lines = if per_shard { vec![head] } else { Vec::new() };
    let mut group = "";
    for figure in &stage.merged.figures {
        let of = |view: &View| {
            let same = view.figures.iter().find(|f| f.group == figure.group && f.name == figure.name);
            number(same.map_or(0, |figure| figure.value), &figure.unit)
        };
        let name = if figure.group == group { String::new() } else { words(&figure.group) };
        group = &figure.group;
        let mut line = vec![name, words(&figure.name), number(figure.value, &figure.unit)];
        line.extend(shards.iter().map(|shard| of(&shard.view)));
        lines.push(line);
    }
    for rate in &stage.merged.rates {
        let of = |view: &View| {
            let same = view.rates.iter().find(|other| other.name == rate.name);
            count(same.map_or(0, |rate| rate.per_second))
        };
        let name = if group == "per second" { String::new() } else { "per second".to_owned() };
        group = "per second";
        let mut line = vec![name, words(&rate.name), count(rate.per_second)];
        line.extend(shards.iter().map(|shard| of(&shard.view)));
        lines.push(line);
    }
    let right: Vec<usize> = (2..3 + shards.len()).collect();
    // Groups without anything in them would hide the others.
    table(&without_empty_groups(lines, per_shard), &right)
}

/// Leaves out the groups of rows in which every number is zero.
fn without_empty_groups(lines: Vec<Vec<String>>, has_head: bool) -> Vec<Vec<String>> {
    let mut kept: Vec<Vec<String>> = Vec::new();
    let mut lines = lines.into_iter().peekable();
    if has_head {
        kept.extend(lines.next());
    }
    while let Some(first) = lines.next() {
        let mut group = vec![first];
        while let Some(next) = lines.next_if(|line| line.first().is_some_and(String::is_empty)) {
            group.push(next);
        }
        if group.iter().any(|line| line.get(2).is_some_and(|all| all != "0" && all != "0 B")) {
            kept.append(&mut group);
        }
    }
    kept
}

/// A list with its head; of those that are empty only the name is told.
fn rows(shown: &Table) -> String {
    let name = words(&shown.name);
    if shown.rows.is_empty() {
        return format!("{name}: none\n");
    }
    // A column in which every number is zero, such as errors, says nothing.
    let wanted: Vec<usize> = (0..shown.columns.len())
        .filter(|at| *at == 0 || shown.rows.iter().any(|row| row.values.get(*at).is_some_and(|v| *v > 0)))
        .collect();
    let mut head: Vec<String> = shown.keys.iter().map(|key| words(key)).collect();
    let column = |at: &usize| shown.columns.get(*at).map(|column: &Column| words(&column.name));
    head.extend(wanted.iter().filter_map(column));
    let mut lines = vec![head];
    for row in &shown.rows {
        let mut line = row.key.clone();
        let value = |at: &usize| {
            let unit = shown.columns.get(*at).map_or("", |column| column.unit.as_str());
            row.values.get(*at).map(|value| number(*value, unit))
        };
        line.extend(wanted.iter().filter_map(value));
        lines.push(line);
    }
    let keys = shown.keys.len();
    let right: Vec<usize> = (keys..keys + wanted.len()).collect();
    format!("{name}\n{}", table(&lines, &right))
}

/// A number with its unit, where that is not plain from what it is called.
fn number(value: u64, unit: &str) -> String {
    match unit {
        "bytes" => bytes(value as f64),
        "us" => seconds(value as f64 / 1e6),
        _ => count(value),
    }
}

/// A name as people write it.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
