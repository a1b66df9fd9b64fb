//! Expressions ready to be evaluated over batches.

use sluice_core::tape::Key;
use sluice_core::{Batch, Layers, PacketBatch, RecordBatch};

use super::ast::Expr;
use super::block::{Block, Items};
use super::check::Checker;
use super::item::{Buffers, Item, Line, Subject};
use super::parse::parse;
use super::set::Set;
use super::tree::{Node, Test};
use crate::fields::Packet;
use crate::{Error, Type, Value};

/// What an expression has to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Anything: it asks about no item at all.
    Nothing,
    /// Packets, decoded or not.
    Packets,
    /// Packets with layers.
    Layers,
    /// Records.
    Records,
}

/// What belongs to an expression besides its tree.
#[derive(Debug)]
struct Context {
    needs: Needs,
    names: Vec<String>,
    /// The keys of the present batch for the names.
    keys: Vec<Option<Key>>,
    /// Buffers for computed texts, kept to be used again.
    buffers: Vec<Vec<u8>>,
}

impl Clone for Context {
    fn clone(&self) -> Self {
        Self::new(self.needs, self.names.clone())
    }
}

impl Context {
    fn new(needs: Needs, names: Vec<String>) -> Self {
        Self { needs, keys: vec![None; names.len()], names, buffers: Vec::new() }
    }

    fn look_up(&mut self, batch: &RecordBatch) {
        for (key, name) in self.keys.iter_mut().zip(&self.names) {
            *key = batch.key(name);
        }
    }

    /// Calls `with` for every item of the batch, with its index.
    fn each(&mut self, batch: &mut Batch, mut with: impl FnMut(usize, &Item<'_>)) {
        let batch = match batch {
            Batch::Packets(batch) => return self.each_packet(batch, with),
            Batch::Records(batch) => &*batch,
        };
        self.look_up(batch);
        let buffers = self.lend();
        for (at, record) in batch.records().iter().enumerate() {
            let subject = Subject::Record(Line { batch, record });
            with(at, &Item { subject, keys: &self.keys, buffers: &buffers });
        }
        self.buffers = buffers.0.into_inner();
    }

    fn each_packet(&mut self, batch: &mut PacketBatch, mut with: impl FnMut(usize, &Item<'_>)) {
        if self.needs == Needs::Layers {
            batch.decode();
        }
        let info = batch.info();
        let layers = batch.layers().iter().chain(std::iter::repeat(&Layers::EMPTY));
        let buffers = self.lend();
        for (at, ((frame, data), layers)) in batch.iter().zip(layers).enumerate() {
            let subject = Subject::Packet(Packet { frame, data, layers, info });
            with(at, &Item { subject, keys: &self.keys, buffers: &buffers });
        }
        self.buffers = buffers.0.into_inner();
    }

    fn lend(&mut self) -> Buffers {
        Buffers(std::mem::take(&mut self.buffers).into())
    }
}

/// A condition on items. A clone is for another thread: it shares nothing with this one.
#[derive(Debug, Clone)]
pub struct Predicate {
    test: Test,
    context: Context,
}

impl Predicate {
    /// Reads and checks an expression that is true or false.
    pub fn new(text: &str) -> Result<Self, Error> {
        Self::of(&parse(text)?)
    }

    /// Checks an expression that is true or false.
    pub fn of(expr: &Expr) -> Result<Self, Error> {
        let mut checker = Checker::default();
        let test = checker.test(expr)?;
        let (needs, names) = checker.finish()?;
        Ok(Self { test, context: Context::new(needs, names) })
    }

    /// What it has to be given.
    pub fn needs(&self) -> Needs {
        self.context.needs
    }

    /// Whether it holds for a packet.
    pub fn packet(&self, packet: &Packet<'_>) -> bool {
        let buffers = Buffers::default();
        self.test.holds(&Item { subject: Subject::Packet(*packet), keys: &[], buffers: &buffers })
    }

    /// Writes into `held`, which is emptied first, for each item of the batch whether it holds.
    pub fn batch(&mut self, batch: &mut Batch, held: &mut Vec<bool>) {
        match batch {
            Batch::Packets(batch) => self.packets(batch, held),
            Batch::Records(batch) => {
                self.context.look_up(batch);
                self.ask(Items::Records(batch), held);
            }
        }
    }

    /// The same for packets.
    pub fn packets(&mut self, batch: &mut PacketBatch, held: &mut Vec<bool>) {
        let layers = self.context.needs == Needs::Layers;
        if layers {
            batch.decode();
        }
        self.ask(Items::Packets(batch, if layers { batch.layers() } else { &[] }), held);
    }

    /// The same, asked of one item after the other.
    #[cfg(test)]
    pub(super) fn one_by_one(&mut self, batch: &mut Batch, held: &mut Vec<bool>) {
        held.clear();
        let test = &self.test;
        self.context.each(batch, |_, item| held.push(test.holds(item)));
    }

    fn ask(&mut self, items: Items<'_>, held: &mut Vec<bool>) {
        let Self { test, context } = self;
        let buffers = context.lend();
        held.clear();
        Block::each(items, &context.keys, &buffers, |block, count| {
            held.extend(test.select(block, Set::first(count)).members(count));
        });
        context.buffers = buffers.0.into_inner();
    }
}

/// Something computed from items. A clone is for another thread: it shares nothing with this one.
#[derive(Debug, Clone)]
pub struct Computation {
    node: Node,
    kind: Type,
    context: Context,
}

impl Computation {
    /// Reads and checks an expression that has a value.
    pub fn new(text: &str) -> Result<Self, Error> {
        Self::of(&parse(text)?)
    }

    /// Checks an expression that has a value.
    pub fn of(expr: &Expr) -> Result<Self, Error> {
        let mut checker = Checker::default();
        let (node, kind) = checker.value(expr, Type::Any)?;
        let (needs, names) = checker.finish()?;
        Ok(Self { node, kind, context: Context::new(needs, names) })
    }

    /// What kind of values it gives.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// What it has to be given.
    pub fn needs(&self) -> Needs {
        self.context.needs
    }

    /// Calls `each` with the values for every item of the batch, with the index of the item. An item may have none or
    /// several.
    pub fn batch(&mut self, batch: &mut Batch, mut each: impl FnMut(usize, Value<'_>)) {
        let node = &self.node;
        self.context.each(batch, |at, item| {
            node.each(item, &mut |value| {
                each(at, value);
                false
            });
        });
    }

    /// The same, with the first value of each item only.
    pub fn first(&mut self, batch: &mut Batch, mut each: impl FnMut(usize, Value<'_>)) {
        let node = &self.node;
        self.context.each(batch, |at, item| {
            node.each(item, &mut |value| {
                each(at, value);
                true
            });
        });
    }
}
