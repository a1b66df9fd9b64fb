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
    programs: Vec<(LinkType, Machine)>,
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
    pub(crate) fn judge(&mut self, batch: &mut Batch, held: &mut Vec<bool>) -> Result<(), Error> {
        match (self, batch) {
            (Self::Expression(predicate), batch) => predicate.batch(batch, held),
            (Self::Bpf(bpf), Batch::Packets(batch)) => bpf.judge(batch, held)?,
            (Self::Bpf(_), Batch::Records(_)) => {
                return Err(Error::Contract("records came to a port that takes packets".into()));
            }
        }
        Ok(())
    }
}

impl Bpf {
    fn judge(&mut self, batch: &PacketBatch, held: &mut Vec<bool>) -> Result<(), Error> {
        held.clear();
        for (frame, data) in batch.iter() {
            let link = batch.info().link(frame.interface);
            let at = match self.programs.iter().position(|(known, _)| *known == link) {
                Some(at) => at,
                None => self.compile(link)?,
            };
            held.push(self.programs.get(at).is_some_and(|(_, machine)| machine.matches(data, frame.wire)));
        }
        Ok(())
    }

    /// Makes the program for a link type; returns its place.
    fn compile(&mut self, link: LinkType) -> Result<usize, Error> {
        let program = self.filter.compile(bpf::Options::file(link));
        let program = program.map_err(|error| {
            Error::input(format!("`{}` cannot be asked of {link} frames: {error}", self.text))
        })?;
        self.programs.push((link, Machine::new(&program)));
        Ok(self.programs.len() - 1)
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
