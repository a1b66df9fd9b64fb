//! What parse_json and parse_regex cost per line.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::Registry;
use sluice_filter_parse as _;
use sluice_testkit::{Harness, records};

const LINES: u64 = 500;
const JSON: &str = concat!(
    r#"{"timestamp":"2026-01-31T23:59:59.123456Z","level":"info","host":"web-17.example.net","pid":4711,"#,
    r#""message":"request served","http":{"method":"GET","path":"/api/v1/items/1234?page=2","status":200,"#,
    r#""bytes":18273,"seconds":0.0123,"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},"#,
    r#""user":{"id":90210,"name":"J\u00f6rg"},"tags":["a","b","c"],"ok":true}"#
);
const CLF: &str = r#"10.0.0.1 - jo [31/Jan/2026:23:59:59 +0000] "GET /api/v1/items HTTP/1.1" 200 18273"#;

fn parsers(c: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Elements(LINES));
    let pattern = concat!(
        "- filter: parse_regex\n  types: {status: int}\n  pattern: '",
        r#"^(?<host>\S+) \S+ (?<user>\S+) \[(?<time>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d+) (?<size>\d+|-)'"#
    );
    for (name, yaml, line) in [("json", "- filter: parse_json", JSON), ("regex", pattern, CLF)] {
        let Ok(mut stage) = Harness::from_yaml(&registry, yaml) else { continue };
        let pools = sluice_testkit::pools();
        let lines = records(vec![line; LINES as usize]);
        let mut run = |batch| {
            let mut kept = None;
            let result = stage.feed(batch, |_, batch| kept = Some(batch));
            (kept, result.is_ok())
        };
        group.bench_function(name, |b| {
            b.iter_batched(|| lines.duplicate(&pools), &mut run, BatchSize::PerIteration)
        });
    }
    group.finish();
}

criterion_group!(benches, parsers);
criterion_main!(benches);
