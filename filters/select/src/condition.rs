//! What is asked of items: a typed expression, or a filter in tcpdump's syntax.

use sluice_core::{Batch, Error, OptionError, Output, PacketBatch, PortType};
use sluice_expr::bpf::{self, Machine};
use sluice_expr::expr::{Needs, Predicate};
use sluice_wire::link::LinkType;

/// A condition on items. A clone is for another thread.
#[derive(Clone)]
pub(crate) enum Condition {
    Expression(Box<Predicate>),
    Bpf(Bpf),
}

/// A filter with its programs for the link types met so far.
#[derive(Clone)]
pub(crate) struct Bpf {
    text: String,
    filter: bpf::Filter,
    /// Nothing where the filter cannot be asked of a link type.
    programs: Vec<(LinkType, Option<Machine>)>,
}

impl Condition {
    /// The condition of one of two options, of which one must be given.
    pub(crate) fn of(expression: Option<&str>, bpf: Option<&str>) -> Result<Self, OptionError> {
        match (expression, bpf) {
            (Some(text), None) => Self::expression("where", text),
            (None, Some(text)) => {
                let wrong =
                    |e: sluice_expr::Error| OptionError::at("bpf", e.message()).offset(e.span().start);
                let filter = text.parse().map_err(wrong)?;
                Ok(Self::Bpf(Bpf { text: text.to_owned(), filter, programs: Vec::new() }))
            }
            _ => Err(OptionError::new("expected one of `where` and `bpf`")),
        }
    }

    /// The expression under this key.
    pub(crate) fn expression(key: &str, text: &str) -> Result<Self, OptionError> {
        let predicate = Predicate::new(text).map_err(|error| refused(key, &error))?;
        Ok(Self::Expression(Box::new(predicate)))
    }

    /// What has to come in.
    pub(crate) fn takes(&self) -> PortType {
        match self {
            Self::Expression(predicate) => takes(predicate.needs()),
            Self::Bpf(_) => PortType::Packets,
        }
    }

    /// Writes into `held`, which is emptied first, for each item whether the condition holds.
    pub(crate) fn judge(
        &mut self,
        batch: &mut Batch,
        held: &mut Vec<bool>,
        out: &Output,
    ) -> Result<(), Error> {
        match (self, batch) {
            (Self::Expression(predicate), batch) => predicate.batch(batch, held),
            (Self::Bpf(bpf), Batch::Packets(batch)) => bpf.judge(batch, held, out),
            (Self::Bpf(_), Batch::Records(_)) => {
                return Err(Error::Contract("records came to a port that takes packets".into()));
            }
        }
        Ok(())
    }
}

impl Bpf {
    fn judge(&mut self, batch: &PacketBatch, held: &mut Vec<bool>, out: &Output) {
        held.clear();
        let mut before = None;
        for (frame, data) in batch.iter() {
            let at = match before {
                Some((interface, at)) if interface == frame.interface => at,
                _ => self.place(batch.info().link(frame.interface), out),
            };
            before = Some((frame.interface, at));
            let machine = self.programs.get(at).and_then(|(_, machine)| machine.as_ref());
            held.push(machine.is_some_and(|machine| machine.matches(data, frame.wire)));
        }
    }

    /// The place of the program for a link type.
    fn place(&mut self, link: LinkType, out: &Output) -> usize {
        let known = self.programs.iter().position(|(known, _)| *known == link);
        known.unwrap_or_else(|| self.compile(link, out))
    }

    /// Makes the program for a link type; returns its place.
    fn compile(&mut self, link: LinkType, out: &Output) -> usize {
        let program = self.filter.compile(bpf::Options::file(link));
        if let Err(error) = &program {
            let Self { text, .. } = self;
            out.notice(format!("`{text}` cannot be asked of {link} frames, so none is selected: {error}"));
        }
        self.programs.push((link, program.ok().map(|program| Machine::new(&program))));
        self.programs.len() - 1
    }
}

/// What has to come in for an expression.
pub(crate) fn takes(needs: Needs) -> PortType {
    match needs {
        Needs::Nothing => PortType::Any,
        Needs::Packets => PortType::Packets,
        Needs::Layers => PortType::Layers,
        Needs::Records => PortType::Records,
    }
}

/// An expression's error as that of an option.
pub(crate) fn refused(key: &str, error: &sluice_expr::Error) -> OptionError {
    OptionError::at(key, error.message()).offset(error.span().start)
}

/// The narrower of two types of input; nothing where no item is of both.
pub(crate) fn both(a: PortType, b: PortType) -> Option<PortType> {
    if a.accepts(b) {
        Some(b)
    } else if b.accepts(a) {
        Some(a)
    } else {
        None
    }
}

/// Takes the items for which `takes` says so out of the batch; nothing where there are none.
///
/// Packets are copied, so that neither batch shares a slab with the other; records, which nobody edits, are not.
pub(crate) fn take(batch: &mut Batch, out: &Output, takes: impl Fn(usize) -> bool) -> Option<Batch> {
    match batch {
        Batch::Packets(batch) => {
            let mut taken = out.packets();
            let decoded = batch.is_decoded();
            if batch.move_to(&mut taken, out.pools(), |at, _| takes(at)) == 0 {
                return None;
            }
            if decoded {
                taken.decode();
            }
            Some(taken.into())
        }
        Batch::Records(batch) => {
            if !(0..batch.len()).any(&takes) {
                return None;
            }
            let mut taken = batch.duplicate(out.pools());
            taken.retain(|at, _| takes(at));
            batch.retain(|at, _| !takes(at));
            Some(taken.into())
        }
    }
}
