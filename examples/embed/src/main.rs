//! Runs a pipeline from code: checks its YAML, runs it on threads of its own, looks at what it did.

use std::error::Error;
use std::sync::Arc;

use sluice::config::{self, Document, Settings};
use sluice::runtime::{self, Options};
use sluice::{Registry, Silent};

const PIPELINE: &str = "
version: 1
stages:
  - source: generate
    kind: packets
    count: 10000
  - filter: decode
  - filter: where
    where: tcp.port == 80 or udp.port == 80
  - sink: 'null'
";

fn main() -> Result<(), Box<dyn Error>> {
    let document = Document { name: "embedded".to_owned(), text: PIPELINE.to_owned() };
    let settings = Settings { params: Vec::new(), env: &|name| std::env::var(name).ok() };
    let pipeline = config::check(&document, &Registry::collect()?, &settings)?;

    let summary =
        runtime::run(&pipeline, Options::new(Arc::new(Silent))).map_err(|failure| failure.message)?;
    report(&summary.snapshot.stages);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the program has nothing else to say it with")]
fn report(stages: &[runtime::StageSnapshot]) {
    for stage in stages {
        println!("{:9} took {:6} and passed {:6}", stage.id, stage.taken, stage.passed);
    }
}
