//! `sluice eval`.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use sluice_core::{
    Batch, Emitted, Kind, Next, Notice, Output, Pools, Registry, Reporter, Shard, Source, Stage,
};
use sluice_expr::expr::{self, Computation, Needs, Predicate, parse};
use sluice_expr::{Type, fields};
use sluice_wire::render::{self, LineOptions};

use super::out::{self, Failed};
use super::text::count;
use super::{DONE, args};

/// The exit code for input that was lost.
const LOST: u8 = 65;
/// How much is read at once, and how much is kept for reuse, in bytes.
const SLAB: usize = 1 << 20;
const KEPT: usize = 16 << 20;

/// Prints what an expression finds in a capture.
pub fn eval(registry: &Registry, args: &args::Eval) -> anyhow::Result<u8> {
    let mut question = Question::of(&args.expression)?;
    let mut reading = Reading::begin(registry, args)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut seen, mut found) = (0, 0);
    while let Some(mut batch) = reading.next()? {
        seen += batch.len() as u64;
        let told = if args.count { &mut io::sink() as &mut dyn Write } else { &mut out };
        found += question.ask(&mut batch, told).map_err(|error| Failed::stdout(&error))?;
    }
    if args.count {
        writeln!(out, "{found}").map_err(|error| Failed::stdout(&error))?;
    }
    out.flush().map_err(|error| Failed::stdout(&error))?;
    if !args.count {
        out::note(&format!("{} of {} packets\n", count(found), count(seen)));
    }
    Ok(if reading.out.tally().lost > 0 { LOST } else { DONE })
}

/// What is asked of each packet.
enum Question {
    Condition { predicate: Box<Predicate>, held: Vec<bool>, line: Vec<u8> },
    Value { computation: Box<Computation>, values: String, of: Option<usize> },
}

impl Question {
    /// A bare field asks for its values, whatever else can be a condition is one.
    fn of(text: &str) -> Result<Self, Failed> {
        let wrong = |error: sluice_expr::Error| Failed::usage(error.render(text));
        let expr = parse(text).map_err(wrong)?;
        let computation = Computation::of(&expr);
        let is_field = match &expr.kind {
            expr::Kind::Field(name, _) => fields::find(name).is_some_and(|field| field.kind != Type::Header),
            _ => false,
        };
        let (needs, question) = match (Predicate::of(&expr), computation) {
            (Ok(predicate), _) if !is_field => (
                predicate.needs(),
                Self::Condition { predicate: Box::new(predicate), held: Vec::new(), line: Vec::new() },
            ),
            (_, Ok(computation)) => (
                computation.needs(),
                Self::Value { computation: Box::new(computation), values: String::new(), of: None },
            ),
            (Err(error), Err(_)) | (Ok(_), Err(error)) => return Err(wrong(error)),
        };
        if needs == Needs::Records {
            return Err(Failed::usage("this asks about records, and a capture has packets"));
        }
        Ok(question)
    }

    /// Writes what one batch has to say; returns for how many packets there was something.
    fn ask(&mut self, batch: &mut Batch, out: &mut dyn Write) -> io::Result<u64> {
        match self {
            Self::Condition { predicate, held, line } => {
                predicate.batch(batch, held);
                let Batch::Packets(batch) = batch else { return Ok(0) };
                let mut found = 0;
                for ((frame, data, layers), _) in batch.decoded().zip(held.iter()).filter(|(_, held)| **held)
                {
                    line.clear();
                    render::line(line, frame.time, data, layers, frame.wire, LineOptions::default());
                    write!(out, "{}\t", frame.ordinal.saturating_add(1))?;
                    out.write_all(line)?;
                    found += 1;
                }
                Ok(found)
            }
            Self::Value { computation, values, of } => {
                let numbers: Vec<u64> = match &batch {
                    Batch::Packets(batch) => batch.frames().iter().map(|frame| frame.ordinal + 1).collect(),
                    Batch::Records(_) => return Ok(0),
                };
                let mut found = 0;
                let (mut result, number) = (Ok(()), |at: usize| numbers.get(at).copied().unwrap_or_default());
                computation.batch(batch, |at, value| {
                    if let Some(before) = of.filter(|before| *before != at)
                        && result.is_ok()
                    {
                        result = writeln!(out, "{}\t{values}", number(before));
                    }
                    if *of == Some(at) {
                        values.push(',');
                    } else {
                        found += 1;
                        values.clear();
                    }
                    *of = Some(at);
                    values.push_str(&value.to_string());
                });
                result?;
                if let Some(last) = of.take() {
                    writeln!(out, "{}\t{values}", number(last))?;
                }
                Ok(found)
            }
        }
    }
}

/// Tells warnings.
struct Warnings;

impl Reporter for Warnings {
    fn notice(&self, notice: Notice) {
        out::warning(notice.message);
    }
}

/// A capture that is being read.
struct Reading {
    source: Box<dyn Source>,
    out: Output,
    emitted: Vec<Emitted>,
    ready: std::collections::VecDeque<Batch>,
    ended: bool,
}

impl Reading {
    fn begin(registry: &Registry, args: &args::Eval) -> anyhow::Result<Self> {
        let missing = || Failed::new("this program has no source `pcap_file`");
        let component = registry.get(Kind::Source, "pcap_file").ok_or_else(missing)?;
        let prepared = (component.prepare)(serde_json::json!({"path": args.capture}))?;
        let Stage::Source(source) = prepared.instance(Shard::ONLY)? else { return Err(missing().into()) };
        let pools = Pools::new(SLAB, KEPT);
        let out = Output::new(component.name.into(), component.drops, None, pools, Arc::new(Warnings));
        Ok(Self { source, out, emitted: Vec::new(), ready: Default::default(), ended: false })
    }

    /// The next batch; nothing at the end.
    fn next(&mut self) -> anyhow::Result<Option<Batch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.next(&mut self.out)? {
                Next::More => {}
                Next::Idle(_) => std::thread::sleep(Duration::from_millis(1)),
                Next::End => self.ended = true,
            }
            self.out.take(&mut self.emitted)?;
            self.ready.extend(self.emitted.drain(..).filter_map(|emitted| match emitted {
                Emitted::Batch(_, batch) => Some(batch),
                Emitted::Marker(_) => None,
            }));
        }
    }
}
