//! Components for testing the runtime, and a short way to run YAML with them.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use sluice_config::{Document, Pipeline, Settings, check};
use sluice_core::{
    Batch, Error, Filter, Key, Next, Notice, OptionError, Output, PortType, Ports, Prepared, Reason, Record,
    RecordBatch, Registry, Reporter, Shard, Sink, Slab, Source, Stage, prepared, tape::Value,
};
use sluice_runtime::{Options, Summary, run};

macro_rules! component {
    ($kind:ident $name:ident($prepare:path), $parallelism:ident, $($drops:tt)*) => {
        sluice_core::register! {
            /// A test component.
            $kind $name($prepare), $parallelism, drops $($drops)*
        }
    };
}

/// What sinks of a name collected: ordinals of batches, and whether they were finished.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    pub lines: Vec<String>,
    pub finished: bool,
}

fn collected() -> &'static Mutex<HashMap<String, Collected>> {
    static ALL: OnceLock<Mutex<HashMap<String, Collected>>> = OnceLock::new();
    ALL.get_or_init(Mutex::default)
}

/// Keeps what a sink of this name has collected so far.
pub fn keep(name: &str, lines: &[String]) {
    let kept = Collected { lines: lines.to_vec(), finished: false };
    collected().lock().unwrap().insert(name.to_owned(), kept);
}

/// Takes what the sinks of this name collected.
pub fn take(name: &str) -> Collected {
    collected().lock().unwrap().remove(name).unwrap_or_default()
}

#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Notice>>);

impl Reporter for Heard {
    fn notice(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

pub fn pipeline(yaml: &str) -> Pipeline {
    let registry = Registry::collect().unwrap();
    let document = Document { name: "test.yaml".into(), text: format!("version: 1\nname: test\n{yaml}") };
    let settings = Settings { params: Vec::new(), env: &|_| None };
    check(&document, &registry, &settings).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs and gives up after ten seconds, so that a hang is a failure.
pub fn run_yaml(yaml: &str) -> Summary {
    let yaml = yaml.to_owned();
    let (tell, told) = std::sync::mpsc::channel();
    let body =
        move || tell.send(run(&pipeline(&yaml), Options::new(Arc::new(Heard::default()))).unwrap()).unwrap();
    std::thread::Builder::new().spawn(body).unwrap();
    told.recv_timeout(Duration::from_secs(8)).expect("the run hangs, or did not start")
}

/// Every stage accounts for all of its items, and every pipe delivers what came in.
pub fn assert_accounts(summary: &Summary) {
    for stage in &summary.snapshot.stages {
        let (had, told) = stage.account();
        assert_eq!(had, told, "{stage:#?}");
    }
}

pub fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

// ------------------------------------------------------------------ source: numbers as lines

component!(source count(count), Serial, []);

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Count {
    to: u64,
    #[serde(default)]
    from: u64,
    #[serde(default = "seven")]
    batch: u64,
    /// Sleep this long, as an idle source, after each batch.
    pause_us: Option<i64>,
    /// Fail at this number.
    fail_at: Option<u64>,
    /// Bytes that each line is padded to.
    #[serde(default)]
    pad: usize,
}

fn seven() -> u64 {
    7
}

fn count(options: Count) -> Result<Arc<dyn Prepared>, OptionError> {
    let options = Arc::new(options);
    let make =
        move |_: Shard| Ok(Counting { next: options.from, options: Arc::clone(&options), paused: false });
    Ok(prepared::source(Ports::source(PortType::Records), make))
}

struct Counting {
    options: Arc<Count>,
    next: u64,
    paused: bool,
}

impl Source for Counting {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        if let (Some(pause), false) = (self.options.pause_us, self.paused) {
            self.paused = true;
            return Ok(Next::Idle(Some(out.now() + pause * 1000)));
        }
        self.paused = false;
        let end = (self.next + self.options.batch).min(self.options.to);
        if self.next >= self.options.to {
            return Ok(Next::End);
        }
        if self.options.fail_at.is_some_and(|at| at < end) {
            return Err(Error::input("the source was told to fail"));
        }
        let batch = lines(out, self.next..end, self.options.pad);
        self.next = end;
        out.emit(batch);
        out.watermark(end as i64 - 1);
        Ok(Next::More)
    }
}

fn lines(out: &Output, range: std::ops::Range<u64>, pad: usize) -> RecordBatch {
    let text: Vec<String> = range.clone().map(|n| format!("{n:<pad$}\n")).collect();
    let mut slab = out.pools().slab(text.iter().map(String::len).sum());
    let places: Vec<_> = text.iter().map(|line| slab.append(line.as_bytes()).unwrap()).collect();
    let mut batch = out.records();
    batch.fill(Slab::from(slab));
    for (place, n) in places.into_iter().zip(range) {
        let mut record = Record::new(place.start as u32, place.len() as u32, 1);
        (record.ordinal, record.time) = (n, n as i64);
        batch.push(record);
    }
    batch
}

fn number(line: &[u8]) -> u64 {
    std::str::from_utf8(line).unwrap().trim().parse().unwrap()
}

// ------------------------------------------------------------------ filters

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct None_ {}

// Passes on, some batches much later than others.
component!(filter jitter(jitter), Stateless, []);

fn jitter(_: None_) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Jitter(u64);
    impl Filter for Jitter {
        fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
            let batch = batch.into_records()?;
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(batch.len() as u64 + 1);
            if self.0 >> 62 == 0 {
                std::thread::sleep(Duration::from_micros(self.0 >> 54));
            }
            out.emit(batch);
            Ok(())
        }
    }
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), |shard| {
        Ok(Jitter(shard.index.into()))
    }))
}

pub static ODD: Reason = Reason::new("odd", "the number is odd");

// Even numbers leave by the main port, multiples of three by `threes`, others by `errors` or are dropped.
component!(filter sieve(sieve), Stateless, [ODD]);

fn sieve(_: None_) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Sieve;
    impl Filter for Sieve {
        fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
            let mut batch = batch.into_records()?;
            let values: Vec<u64> = batch.iter().map(|(_, line)| number(line)).collect();
            let mut at = values.iter();
            let mut rest = out.records();
            let pools = out.pools().clone();
            batch.move_to(&mut rest, &pools, |i, _| values[i].is_multiple_of(3));
            let values: Vec<u64> = at.by_ref().copied().filter(|v| v % 3 != 0).collect();
            let mut bad = out.records();
            batch.move_to(&mut bad, &pools, |i, _| values[i].is_multiple_of(5));
            let values: Vec<u64> = values.into_iter().filter(|v| v % 5 != 0).collect();
            let gone = batch.retain(|i, _| values[i].is_multiple_of(2));
            out.dropped(&ODD, gone);
            out.emit(batch);
            out.emit_to(1, rest);
            out.fail(bad);
            Ok(())
        }
    }
    let ports =
        Ports::filter(PortType::Records, PortType::Records).with("threes", PortType::Records).with_errors();
    Ok(prepared::filter(ports, |_| Ok(Sieve)))
}

// Emits each record in a batch of its own.
component!(filter shatter(shatter), Serial, []);

fn shatter(_: None_) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Shatter;
    impl Filter for Shatter {
        fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
            let batch = batch.into_records()?;
            for (_, line) in batch.iter() {
                let n = number(line);
                out.emit(lines(out, n..n + 1, 0));
            }
            Ok(())
        }
    }
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), |_| Ok(Shatter)))
}

// Holds everything back until the watermark passes a multiple of `window`, or the end.
component!(filter hold(hold), Serial, []);

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hold {
    window: i64,
}

fn hold(options: Hold) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Holding {
        window: i64,
        deadline: i64,
        held: Vec<u64>,
    }
    impl Holding {
        fn give(&mut self, before: i64, out: &mut Output) {
            self.held.sort_unstable();
            let (now, later): (Vec<u64>, Vec<u64>) = self.held.iter().partition(|n| (**n as i64) < before);
            self.held = later;
            for n in now {
                out.emit(lines(out, n..n + 1, 0));
            }
        }
    }
    impl Filter for Holding {
        fn process(&mut self, batch: Batch, _: &mut Output) -> Result<(), Error> {
            self.held.extend(batch.into_records()?.iter().map(|(_, line)| number(line)));
            Ok(())
        }
        fn deadline(&self) -> Option<i64> {
            Some(self.deadline)
        }
        fn tick(&mut self, watermark: i64, out: &mut Output) -> Result<(), Error> {
            self.deadline = (watermark / self.window + 1) * self.window;
            self.give(watermark / self.window * self.window, out);
            Ok(())
        }
        fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
            self.give(i64::MAX, out);
            Ok(())
        }
        fn held(&self) -> u64 {
            self.held.len() as u64
        }
    }
    let window = options.window;
    let make = move |_: Shard| Ok(Holding { window, deadline: window, held: Vec::new() });
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), make))
}

// Fails at a number, in a way.
component!(filter fail(fail), Serial, []);
component!(filter fragile(fail), Stateless, []);

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fail {
    at: u64,
    how: String,
}

fn fail(options: Fail) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Failing(Arc<Fail>);
    impl Filter for Failing {
        fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
            let batch = batch.into_records()?;
            if batch.iter().any(|(_, line)| number(line) == self.0.at) {
                match self.0.how.as_str() {
                    "panic" => panic!("told to panic at {}", self.0.at),
                    "port" => out.emit_to(9, out.records()),
                    "reason" => out.dropped(&ODD, 1),
                    _ => return Err(Error::input("told to fail")),
                }
            }
            out.emit(batch);
            Ok(())
        }
    }
    let options = Arc::new(options);
    let make = move |_: Shard| Ok(Failing(Arc::clone(&options)));
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), make))
}

// Sets the field `class` to the number modulo 11.
component!(filter classify(classify), Stateless, []);

fn classify(_: None_) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Classify;
    impl Filter for Classify {
        fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
            let mut batch = batch.into_records()?;
            batch.parse().for_each(|_, mut line| {
                let class = number(line.text()) % 11;
                let root = line.renew(&[]);
                let key = line.fields.key("class");
                line.fields.push(key, Value::Int(class as i64));
                line.fields.close(root);
                line.set_root(root);
            });
            out.emit(batch);
            Ok(())
        }
    }
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), |_| Ok(Classify)))
}

// Passes every second number of a class on, for which it has to see all of them in order.
component!(filter second(second), Keyed, [ODD]);

fn second(_: None_) -> Result<Arc<dyn Prepared>, OptionError> {
    let key = ".class".parse().map_err(OptionError::new)?;
    let ports = Ports::filter(PortType::Records, PortType::Records).with("first", PortType::Records);
    Ok(prepared::keyed(key, ports, |_| Ok(Second::default())))
}

/// How many of each class there were, by the hash of the class.
#[derive(Default)]
pub struct Second(BTreeMap<u64, u64>, Vec<u64>);

impl Filter for Second {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let key: Key = ".class".parse().map_err(Error::Contract)?;
        let mut batch = batch;
        key.hash(&mut batch, &mut self.1);
        let mut seen = Vec::new();
        for hash in &self.1 {
            let count = self.0.entry(*hash).or_default();
            *count += 1;
            seen.push(*count);
        }
        let mut batch = batch.into_records()?;
        // The first of a class leaves elsewhere; a batch that has none says nothing there.
        let mut first = out.records();
        let pools = out.pools().clone();
        batch.move_to(&mut first, &pools, |at, _| seen[at] == 1);
        if !first.is_empty() {
            out.emit_to(1, first);
        }
        seen.retain(|count| *count > 1);
        let gone = batch.retain(|at, _| seen[at].is_multiple_of(2));
        out.dropped(&ODD, gone);
        out.emit(batch);
        Ok(())
    }

    fn export(&mut self, group: &RangeInclusive<u64>, state: &mut Vec<u8>) -> Result<(), Error> {
        self.0.retain(|hash, count| {
            if group.contains(hash) {
                state.extend([*hash, *count].map(u64::to_le_bytes).as_flattened());
            }
            !group.contains(hash)
        });
        Ok(())
    }

    fn import(&mut self, state: &[u8]) -> Result<(), Error> {
        let (pairs, rest) = state.as_chunks::<16>();
        assert!(rest.is_empty());
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        self.0.extend(pairs.iter().map(|pair| (word(&pair[..8]), word(&pair[8..]))));
        Ok(())
    }
}

// Numbers, of which each shard brings those that are its own modulo the number of shards.
component!(source fan(fan), Serial, []);

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fan {
    to: u64,
}

fn fan(options: Fan) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Fanning(u64);
    struct Own {
        to: u64,
        next: u64,
        step: u64,
    }
    impl Prepared for Fanning {
        fn ports(&self) -> Ports {
            Ports::source(PortType::Records)
        }
        fn instance(&self, shard: Shard) -> Result<Stage, Error> {
            let (next, step) = (shard.index.into(), shard.of.into());
            Ok(Stage::Source(Box::new(Own { to: self.0, next, step })))
        }
        fn split(&self, _: &Key, _: u32) -> bool {
            true
        }
    }
    impl Source for Own {
        fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
            if self.next >= self.to {
                return Ok(Next::End);
            }
            out.emit(lines(out, self.next..self.next + 1, 0));
            self.next += self.step;
            Ok(Next::More)
        }
    }
    Ok(Arc::new(Fanning(options.to)))
}

// ------------------------------------------------------------------ sink

component!(sink collect(collect), Serial, []);

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Collect {
    into: String,
    /// Sleep this long for each batch.
    #[serde(default)]
    slow_us: u64,
}

fn collect(options: Collect) -> Result<Arc<dyn Prepared>, OptionError> {
    struct Collecting(Arc<Collect>, Collected);
    impl Sink for Collecting {
        fn write(&mut self, batch: Batch, _: &mut Output) -> Result<(), Error> {
            if self.0.slow_us > 0 {
                std::thread::sleep(Duration::from_micros(self.0.slow_us));
            }
            let batch = batch.into_records()?;
            self.1.lines.extend(batch.iter().map(|(_, line)| number(line).to_string()));
            Ok(())
        }
        fn finish(&mut self, _: &mut Output) -> Result<(), Error> {
            self.1.finished = true;
            Ok(())
        }
    }
    impl Drop for Collecting {
        fn drop(&mut self) {
            collected().lock().unwrap().insert(self.0.into.clone(), std::mem::take(&mut self.1));
        }
    }
    let options = Arc::new(options);
    let make = move |_: Shard| Ok(Collecting(Arc::clone(&options), Collected::default()));
    Ok(prepared::sink(Ports::sink(PortType::Records), make))
}
