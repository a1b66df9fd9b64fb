//! What a run did, as text.

use sluice_config::Pipeline;
use sluice_core::PortType;
use sluice_runtime::{Snapshot, StageSnapshot, Summary};

use super::text::{bytes, count, counted, seconds, short, table};

/// Where the data of a run came from and went to, as far as stages name a path.
#[derive(Debug, Default)]
pub struct Ends {
    /// Paths of sources.
    pub from: Vec<String>,
    /// Paths of sinks.
    pub to: Vec<String>,
}

/// What the items of a pipeline are called: what its sources give.
pub fn unit(pipeline: &Pipeline) -> &'static str {
    let gives = pipeline.stages.iter().filter(|s| s.inputs.is_empty()).flat_map(|s| s.gives.first());
    let mut records = gives.map(|gives| *gives == PortType::Records);
    match records.next() {
        Some(first) if records.all(|other| other == first) => {
            if first {
                "records"
            } else {
                "packets"
            }
        }
        _ => "items",
    }
}

/// The whole summary.
pub fn text(summary: &Summary, unit: &str, ends: &Ends) -> String {
    let snapshot = &summary.snapshot;
    let of = |kind: &str, items: fn(&StageSnapshot) -> (u64, u64)| {
        let stages = snapshot.stages.iter().filter(|stage| stage.kind == kind).map(items);
        stages.fold((0, 0), |(a, b), (items, bytes)| (a + items, b + bytes))
    };
    let (items, volume) = of("source", |stage| (stage.passed, stage.passed_bytes));
    let mut text = format!("{}: {}, {}", snapshot.pipeline, counted(items, unit), bytes(volume as f64));
    for (word, paths) in [("from", &ends.from), ("to", &ends.to)] {
        if !paths.is_empty() {
            text.push_str(&format!(" {word} {}", paths.join(", ")));
        }
    }
    text.push_str(&format!(" in {}\n\n", seconds(snapshot.seconds)));
    text.push_str(&tables(snapshot, unit));
    let wrong = unaccounted(snapshot);
    if wrong.is_empty() {
        text.push_str("accounts    every item is accounted for\n");
    }
    for (id, had, told) in wrong {
        text.push_str(&format!(
            "accounts    stage `{id}` had {} and accounts for {}: a defect of the component\n",
            counted(had, unit),
            count(told)
        ));
    }
    text
}

/// The stages whose accounts are not even: id, items that they had, items that they can account for.
pub fn unaccounted(snapshot: &Snapshot) -> Vec<(&str, u64, u64)> {
    let uneven = |stage: &'_ StageSnapshot| Some(stage.account()).filter(|(had, told)| had != told);
    snapshot.stages.iter().filter_map(|s| uneven(s).map(|(had, told)| (s.id.as_str(), had, told))).collect()
}

/// The table of stages, drops by reason, the rate and the bottleneck.
pub fn tables(snapshot: &Snapshot, unit: &str) -> String {
    let head = [
        "stage",
        "component",
        "in",
        "out",
        "dropped",
        "errors",
        "held",
        "busy",
        "blocked",
        "idle",
        "threads",
        "cpu",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(snapshot.stages.iter().map(row));
    let right: Vec<usize> = (2..head.len()).collect();
    let mut text = table(&rows, &right);
    text.push('\n');
    let mut facts = drops(snapshot);
    let rate = |per: fn(&StageSnapshot) -> u64| {
        let sources = snapshot.stages.iter().filter(|stage| stage.kind == "source");
        sources.map(per).sum::<u64>() as f64 / snapshot.seconds.max(1e-9)
    };
    let (items, volume) = (rate(|stage| stage.passed), rate(|stage| stage.passed_bytes));
    facts.push(vec!["rate".to_owned(), format!("{} {unit}/s, {}/s", short(items), bytes(volume))]);
    if let Some(id) = &snapshot.bottleneck {
        let busy = snapshot.stages.iter().find(|stage| stage.id == *id).map_or(0.0, |stage| stage.busy);
        facts.push(vec!["bottleneck".to_owned(), format!("{id}, busy {busy:.0} % of the time")]);
    }
    for fact in &mut facts {
        // As wide as the longest name of a fact, so that what follows stands in the same column.
        fact[0] = format!("{:10}", fact[0]);
    }
    text.push_str(&table(&facts, &[]));
    text
}

fn row(stage: &StageSnapshot) -> Vec<String> {
    let dropped: u64 = stage.dropped.values().sum();
    let percent = |value: f64| format!("{value:.0} %");
    let source = stage.kind == "source";
    vec![
        stage.id.clone(),
        format!("{} {}", stage.kind, stage.component),
        if source { "-".to_owned() } else { count(stage.taken) },
        count(stage.passed),
        count(dropped),
        count(stage.errors),
        count(stage.held),
        percent(stage.busy),
        percent(stage.blocked),
        percent(stage.idle),
        stage.threads.to_string(),
        format!("{:.2} s", stage.cpu),
    ]
}

fn drops(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let mut told = Vec::new();
    for stage in &snapshot.stages {
        for (reason, items) in stage.dropped.iter().filter(|(_, items)| **items > 0) {
            told.push(format!("{} by {}: {reason}", count(*items), stage.id));
        }
        if stage.lost > 0 {
            told.push(format!("{} lost by {}", count(stage.lost), stage.id));
        }
    }
    for pipe in snapshot.pipes.iter().filter(|pipe| pipe.dropped > 0) {
        told.push(format!(
            "{} between {} and {}: the pipe was full",
            count(pipe.dropped),
            pipe.from,
            pipe.to
        ));
    }
    let title = |at: usize| if at == 0 { "dropped" } else { "" };
    told.into_iter().enumerate().map(|(at, told)| vec![title(at).to_owned(), told]).collect()
}
