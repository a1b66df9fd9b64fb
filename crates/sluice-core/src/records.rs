//! A batch of records: lines and the fields found in them.

use std::fmt;

use sluice_queue::{Lease, Recycle};

use crate::tape::{Key, Keys, Node, Text, Value};
use crate::{Pools, Slab};

mod split;

/// One event: a line of the main slab, and where its parsed fields are on the tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number in its source, from 0.
    pub ordinal: u64,
    /// Its event time in ns since the epoch: when it was read, until a filter finds a better one in it.
    pub time: i64,
    offset: u32,
    len: u32,
    /// The index of the file, socket or host that it came from, in its source.
    pub origin: u32,
    /// The place of its root value on the tape plus one; 0 when nothing was parsed.
    root: u32,
    ending: u8,
}

const _: () = assert!(size_of::<Record>() <= 40);

impl Record {
    /// The line at `offset` of the main slab: `len` bytes, of which the last `ending` are its line ending (`\n` or `\r\n`;
    /// 0 for a last line without one).
    pub fn new(offset: u32, len: u32, ending: u8) -> Self {
        Self { offset, len, ending: ending.min(2), ..Self::default() }
    }

    /// The length of the line with its ending.
    pub fn bytes(&self) -> u32 {
        self.len
    }
}

#[derive(Debug, Default)]
pub(crate) struct Body {
    records: Vec<Record>,
    tape: Vec<Node>,
    keys: Keys,
    /// Unescaped and computed strings.
    text: Vec<u8>,
    main: Slab,
}

impl Recycle for Body {
    fn recycle(&mut self) {
        self.records.clear();
        self.tape.clear();
        self.keys.clear();
        self.text.clear();
        self.main = Slab::EMPTY;
    }
}

/// Records in the order in which they came, with the bytes they point into.
pub struct RecordBatch {
    body: Lease<Body>,
}

impl RecordBatch {
    pub(crate) fn new(body: Lease<Body>) -> Self {
        Self { body }
    }

    /// Takes over `main` as the slab that [`push`](Self::push)ed records point into.
    pub fn fill(&mut self, main: Slab) {
        self.body.main = main;
    }

    /// Appends a record.
    ///
    /// # Panics
    /// When its range does not lie inside the main slab.
    #[inline]
    pub fn push(&mut self, record: Record) {
        let size = self.body.main.bytes().len();
        let end = record.offset as usize + record.len as usize;
        // Numbers alone are told, so that the record need not be in memory before it is in the batch.
        let start = record.offset;
        assert!(
            end <= size && u32::from(record.ending) <= record.len,
            "a record at {start}..{end} lies outside its slab of {size} bytes, its ending included"
        );
        self.body.records.push(record);
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.body.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.body.records.is_empty()
    }

    /// The bytes of all lines with their endings.
    pub fn bytes(&self) -> u64 {
        self.body.records.iter().map(|r| u64::from(r.len)).sum()
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.body.records
    }

    /// The records, to change their times.
    pub fn records_mut(&mut self) -> &mut [Record] {
        &mut self.body.records
    }

    /// The line of a record of this batch, without its ending.
    pub fn line(&self, record: &Record) -> &[u8] {
        let whole = self.whole(record);
        &whole[..whole.len() - usize::from(record.ending)]
    }

    /// The line of a record of this batch, with its ending.
    pub fn whole(&self, record: &Record) -> &[u8] {
        let start = record.offset as usize;
        self.body.main.bytes().get(start..start + record.len as usize).unwrap_or_default()
    }

    /// The records in order, each with its line without the ending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Record, &[u8])> {
        self.body.records.iter().map(|record| (record, self.line(record)))
    }

    /// The lines with their endings, neighbours joined: what a copy has to write.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.body.records.iter().peekable();
        let bytes = self.body.main.bytes();
        std::iter::from_fn(move || {
            let first = rest.next()?;
            let start = first.offset as usize;
            let mut end = start + first.len as usize;
            // Nothing is joined to a line without an ending, or the two would become one.
            let mut ended = first.ending > 0;
            while let Some(next) = rest.next_if(|next| ended && next.offset as usize == end) {
                end += next.len as usize;
                ended = next.ending > 0;
            }
            bytes.get(start..end)
        })
    }

    /// Begins to set the fields of records.
    pub fn parse(&mut self) -> Parse<'_> {
        let Body { records, tape, keys, text, main } = &mut *self.body;
        let fields = Fields { tape, keys, text };
        Parse { records, main: main.bytes(), fields }
    }

    /// The root value of a record's fields: its node and, for a container, the nodes of what it contains.
    pub fn fields(&self, record: &Record) -> Option<&[Node]> {
        let from = self.body.tape.get(record.root.checked_sub(1)? as usize..)?;
        from.get(..from.first()?.span())
    }

    /// The key of this name, if any record of the batch has it.
    pub fn key(&self, name: &str) -> Option<Key> {
        self.body.keys.find(name)
    }

    /// The name of a key.
    pub fn name(&self, key: Key) -> &str {
        self.body.keys.name(key)
    }

    /// The bytes of a string of the tape.
    pub fn text(&self, text: Text) -> &[u8] {
        let from = if text.computed { &self.body.text } else { self.body.main.bytes() };
        from.get(text.offset as usize..(text.offset + text.len) as usize).unwrap_or_default()
    }

    /// Keeps the records for which `keep` says so, in order; returns how many went.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &Record) -> bool) -> usize {
        let before = self.body.records.len();
        let mut at = 0;
        self.body.records.retain(|record| {
            at += 1;
            keep(at - 1, record)
        });
        before - self.body.records.len()
    }

    /// Moves the records for which `moves` says so into `other`, which gets copies of their lines without fields;
    /// returns how many went.
    pub fn move_to(
        &mut self,
        other: &mut RecordBatch,
        pools: &Pools,
        mut moves: impl FnMut(usize, &Record) -> bool,
    ) -> usize {
        let chosen: usize = self
            .records()
            .iter()
            .enumerate()
            .filter(|(i, r)| moves(*i, r))
            .map(|(_, r)| r.len as usize)
            .sum();
        let mut slab = pools.slab(chosen);
        let first = other.body.records.len();
        for (at, record) in self.body.records.iter().enumerate() {
            if moves(at, record)
                && let Some(place) = slab.append(self.whole(record))
            {
                other.body.records.push(Record { offset: place.start as u32, root: 0, ..*record });
            }
        }
        let moved = other.body.records.len() - first;
        if moved > 0 {
            other.fill(slab.into());
            self.retain(|at, record| !moves(at, record));
        }
        moved
    }

    /// Removes every record and lets go of the slab.
    pub fn clear(&mut self) {
        self.body.recycle();
    }

    /// A second batch with the same records. The bytes of the lines are shared.
    pub fn duplicate(&self, pools: &Pools) -> RecordBatch {
        let mut copy = pools.records();
        copy.body.records.extend_from_slice(&self.body.records);
        copy.body.tape.extend_from_slice(&self.body.tape);
        copy.body.keys.copy_from(&self.body.keys);
        copy.body.text.extend_from_slice(&self.body.text);
        copy.body.main = self.body.main.clone();
        copy
    }

    /// How much memory the slab keeps from being used again.
    pub fn weight(&self) -> usize {
        self.body.main.weight() + self.body.text.capacity()
    }
}

impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordBatch({} records)", self.len())
    }
}

/// Where new values go.
pub struct Fields<'a> {
    tape: &'a mut Vec<Node>,
    keys: &'a mut Keys,
    text: &'a mut Vec<u8>,
}

impl Fields<'_> {
    /// Interns a key.
    pub fn key(&mut self, name: &str) -> Key {
        self.keys.intern(name)
    }

    /// Appends a value that contains nothing, or a container whose content is put in after it and whose length
    /// [`close`](Self::close) then tells. Returns its place.
    pub fn push(&mut self, key: Key, value: Value) -> usize {
        self.tape.push(Node { key, value });
        self.tape.len() - 1
    }

    /// Ends the container at `place`: all that was pushed since belongs to it.
    pub fn close(&mut self, place: usize) {
        let inner = (self.tape.len() - place - 1) as u32;
        if let Some(Node { value: Value::Object(len) | Value::Array(len), .. }) = self.tape.get_mut(place) {
            *len = inner;
        }
    }

    /// The place where the next value goes; give it to [`rewind`](Self::rewind) to take back what came after.
    pub fn mark(&self) -> usize {
        self.tape.len()
    }

    /// Takes back every value since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.tape.truncate(mark);
    }

    /// Puts a string into the text buffer; `write` appends its bytes.
    pub fn compute<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> (Text, T) {
        let offset = self.text.len() as u32;
        let result = write(self.text);
        (Text { offset, len: self.text.len() as u32 - offset, computed: true }, result)
    }
}

/// One record whose fields are being set.
pub struct Line<'a, 'f> {
    record: &'a mut Record,
    main: &'a [u8],
    /// Where its values go.
    pub fields: &'a mut Fields<'f>,
}

impl<'a> Line<'a, '_> {
    /// The line without its ending.
    pub fn text(&self) -> &'a [u8] {
        let end = self.record.len - u32::from(self.record.ending);
        &self.main[self.record.offset as usize..][..end as usize]
    }

    /// The record, to change its time.
    pub fn record(&mut self) -> &mut Record {
        self.record
    }

    /// A string that is this range of the line.
    pub fn slice(&self, start: usize, end: usize) -> Text {
        let last = self.record.len as usize;
        let (start, end) = (start.min(last), end.min(last));
        Text {
            offset: self.record.offset + start as u32,
            len: end.saturating_sub(start) as u32,
            computed: false,
        }
    }

    /// Begins the record's fields anew: an object with all that they were but the values under the keys `without`. What
    /// is pushed next belongs to it, until it is closed. Returns its place. Fields that were no object are gone.
    pub fn renew(&mut self, without: &[Key]) -> usize {
        let place = self.fields.push(Key::NONE, Value::Object(0));
        let root = self.record.root.checked_sub(1).map(|root| root as usize);
        if let Some((root, Node { value: Value::Object(inner), .. })) =
            root.and_then(|root| Some((root, *self.fields.tape.get(root)?)))
        {
            let (mut at, end) = (root + 1, root + 1 + inner as usize);
            while let Some(node) = self.fields.tape.get(at).copied().filter(|_| at < end) {
                let next = at + node.span();
                if !without.contains(&node.key) {
                    self.fields.tape.extend_from_within(at..next.min(end));
                }
                at = next;
            }
        }
        self.set_root(place);
        place
    }

    /// Makes the value at `place` the root of the record's fields.
    pub fn set_root(&mut self, place: usize) {
        self.record.root = place as u32 + 1;
    }
}

/// A batch whose fields are being set.
pub struct Parse<'a> {
    records: &'a mut [Record],
    main: &'a [u8],
    fields: Fields<'a>,
}

impl Parse<'_> {
    /// Calls `each` for every record in order, with its index.
    pub fn for_each(&mut self, mut each: impl FnMut(usize, Line<'_, '_>)) {
        for (at, record) in self.records.iter_mut().enumerate() {
            each(at, Line { record, main: self.main, fields: &mut self.fields });
        }
    }
}

#[cfg(test)]
mod tests;
