//! What a hop from one stage to the next costs: pipelines of one and of nine filters that do nothing, in `staged` mode, by
//! the number of records a batch. A hop is an eighth of the difference between the two.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use sluice_config::{Document, Settings, check};
use sluice_core::{
    Batch, Error, Filter, Next, OptionError, Output, PortType, Ports, Prepared, Record, Registry, Silent,
    Sink, Source, prepared,
};
use sluice_runtime::{Options, run};

const RECORDS: u64 = 1 << 18;

macro_rules! component {
    ($kind:ident $name:ident($prepare:path)) => {
        sluice_core::register! {
            /// A component that does nothing but its duty.
            $kind $name($prepare), Serial, drops []
        }
    };
}

component!(source lines(lines));
component!(filter pass(pass));
component!(sink end(end));

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lines {
    batch: u32,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn lines(options: Lines) -> Result<Arc<dyn Prepared>, OptionError> {
    let Lines { batch } = options;
    Ok(prepared::source(Ports::source(PortType::Records), move |_| Ok(Giving { batch, left: RECORDS })))
}

fn pass(_: Nothing) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::filter(Ports::any(), |_| Ok(Passing)))
}

fn end(_: Nothing) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::sink(Ports::sink(PortType::Any), |_| Ok(Passing)))
}

struct Giving {
    batch: u32,
    left: u64,
}

impl Source for Giving {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        let mut slab = out.pools().slab(64);
        slab.append(b"a line of a log\n");
        let mut batch = out.records();
        batch.fill(slab.into());
        (0..self.batch).for_each(|_| batch.push(Record::new(0, 16, 1)));
        self.left = self.left.saturating_sub(u64::from(self.batch));
        out.emit(batch);
        Ok(if self.left == 0 { Next::End } else { Next::More })
    }
}

struct Passing;

impl Filter for Passing {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        out.emit(batch);
        Ok(())
    }
}

impl Sink for Passing {
    fn write(&mut self, _: Batch, _: &mut Output) -> Result<(), Error> {
        Ok(())
    }
}

fn hop(c: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let mut group = c.benchmark_group("hop between stages");
    group.sample_size(10).throughput(Throughput::Elements(RECORDS));
    for batch in [1, 64, 1024] {
        for filters in [1, 9] {
            let stages = "  - {filter: pass}\n".repeat(filters);
            let text = format!(
                "version: 1\nstages:\n  - {{source: lines, batch: {batch}}}\n{stages}  - {{sink: end}}\n"
            );
            let settings = Settings { params: Vec::new(), env: &|_| None };
            let Ok(pipeline) = check(&Document { name: "hop.yaml".into(), text }, &registry, &settings)
            else {
                continue;
            };
            group.bench_function(BenchmarkId::new(format!("{filters} filters"), batch), |b| {
                b.iter(|| run(&pipeline, Options::new(Arc::new(Silent))).is_ok());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, hop);
criterion_main!(benches);
