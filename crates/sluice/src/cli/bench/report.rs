//! What was measured, as a table and as JSON.

use serde_json::{Value, json};
use sluice_config::Pipeline;

use super::super::args::Bench;
use super::super::text::{bytes, counted, seconds, short, table};
use super::{Run, Way};

/// All results of one comparison; `staged` is the first.
pub struct Report {
    pipeline: String,
    runs: u16,
    discard: bool,
    unit: &'static str,
    results: Vec<(Way, Run)>,
}

impl Report {
    pub fn new(pipeline: &Pipeline, args: &Bench, unit: &'static str, results: Vec<(Way, Run)>) -> Self {
        Self { pipeline: pipeline.name.clone(), runs: args.runs, discard: args.discard, unit, results }
    }

    /// The fastest.
    fn best(&self) -> Option<&(Way, Run)> {
        self.results.iter().min_by(|(_, a), (_, b)| a.seconds.total_cmp(&b.seconds))
    }

    pub fn text(&self) -> String {
        let Some((_, first)) = self.results.first() else { return String::new() };
        let outputs = if self.discard { "outputs discarded" } else { "outputs to a temporary directory" };
        let what = counted(first.items, self.unit);
        let runs = if self.runs == 1 { "one run" } else { "the middle one of" };
        let runs = if self.runs == 1 { runs.to_owned() } else { format!("{runs} {} runs", self.runs) };
        let mut text =
            format!("{}: {what}, {}; {runs}, {outputs}\n\n", self.pipeline, bytes(first.bytes as f64));
        let unit = format!("{}/s", self.unit);
        let head = [
            "mode", "workers", "time", "x staged", &unit, "bytes/s", "cpu/item", "memory", "p50", "p90",
            "p99", "max",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.results.iter().map(|(way, run)| row(way, run, first)));
        text.push_str(&table(&rows, &(1..head.len()).collect::<Vec<_>>()));
        if let Some((way, run)) = self.best() {
            let name = match way.workers {
                None => format!("`{}`", way.name()),
                Some(workers) => format!("`{}` with {workers}", way.name()),
            };
            let ratio = first.seconds / run.seconds.max(1e-9);
            text.push_str(&format!("\nbest        {name}, {ratio:.2} times as fast as `staged`\n"));
        }
        text.push_str("\np50 to max: how long batches took from their source until a sink had them\n");
        text
    }

    pub fn json(&self) -> anyhow::Result<String> {
        let result = |(way, run): &(Way, Run)| -> anyhow::Result<Value> {
            let mut value = json!({
                "mode": way.name(),
                "workers": way.workers,
                "items_per_second": per_second(run.items, run),
                "bytes_per_second": per_second(run.bytes, run),
                "cpu_ns_per_item": cpu(run),
            });
            if let (Some(object), Value::Object(measured)) =
                (value.as_object_mut(), serde_json::to_value(run)?)
            {
                object.extend(measured);
            }
            Ok(value)
        };
        let results = self.results.iter().map(result).collect::<anyhow::Result<Vec<_>>>()?;
        let best = self.best().map(|(way, _)| json!({"mode": way.name(), "workers": way.workers}));
        let report = json!({
            "pipeline": self.pipeline,
            "runs": self.runs,
            "discard": self.discard,
            "unit": self.unit,
            "results": results,
            "best": best,
        });
        Ok(format!("{}\n", serde_json::to_string_pretty(&report)?))
    }
}

fn per_second(number: u64, run: &Run) -> f64 {
    (number as f64 / run.seconds.max(1e-9)).round()
}

fn cpu(run: &Run) -> f64 {
    (run.measured.cpu * 1e10 / run.items.max(1) as f64).round() / 10.0
}

fn row(way: &Way, run: &Run, staged: &Run) -> Vec<String> {
    let latency = &run.measured.latency;
    let time = |microseconds: u64| match microseconds {
        us if us < 1000 => format!("{us} us"),
        us if us < 1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        us => seconds(us as f64 / 1e6),
    };
    let mut row = vec![
        way.name(),
        way.workers.map_or_else(|| "-".to_owned(), |workers| workers.to_string()),
        seconds(run.seconds),
        format!("{:.2}", staged.seconds / run.seconds.max(1e-9)),
        short(per_second(run.items, run)),
        bytes(per_second(run.bytes, run)),
        format!("{:.1} ns", cpu(run)),
        bytes(run.measured.peak_memory as f64),
    ];
    row.extend([latency.p50, latency.p90, latency.p99, latency.max].map(time));
    row
}

#[cfg(test)]
mod tests {
    use sluice_runtime::{Latencies, Measured};

    use super::super::super::args::Mode;
    use super::*;

    #[test]
    fn the_fastest_is_named_beside_the_others() {
        let run = |seconds| Run {
            seconds,
            items: 1_000_000,
            bytes: 64_000_000,
            measured: Measured {
                latency: Latencies { batches: 9, p50: 120, p90: 800, p99: 1500, max: 2100 },
                cpu: 0.2,
                peak_memory: 12 << 20,
            },
        };
        let results = vec![
            (Way { mode: Mode::Staged, workers: None }, run(0.4)),
            (Way { mode: Mode::Workers, workers: Some(2) }, run(0.2)),
        ];
        let report = Report { pipeline: "p".into(), runs: 3, discard: true, unit: "packets", results };
        assert_eq!(
            report.text(),
            "p: 1,000,000 packets, 61.0 MiB; the middle one of 3 runs, outputs discarded\n\n\
             mode     workers    time  x staged  packets/s    bytes/s  cpu/item    memory     p50     p90     p99     max\n\
             staged         -  0.40 s      1.00      2.5 M  152.6 MiB  200.0 ns  12.0 MiB  120 us  800 us  1.5 ms  2.1 ms\n\
             workers        2  0.20 s      2.00      5.0 M  305.2 MiB  200.0 ns  12.0 MiB  120 us  800 us  1.5 ms  2.1 ms\n\n\
             best        `workers` with 2, 2.00 times as fast as `staged`\n\n\
             p50 to max: how long batches took from their source until a sink had them\n"
        );
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["best"], json!({"mode": "workers", "workers": 2}));
        assert_eq!(json["results"][1]["items_per_second"], json!(5_000_000.0));
        assert_eq!(json["results"][0]["latency_us"]["p99"], json!(1500));
        assert_eq!(json["results"][0]["cpu_ns_per_item"], json!(200.0));
    }
}
