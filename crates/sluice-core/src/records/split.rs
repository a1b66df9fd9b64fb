//! Dividing a batch among shards, and bringing the parts together again.

use super::{Body, Record, RecordBatch};
use crate::tape::{Key, Text, Value};
use crate::{Batch, PoolBuf, Pools, merge};

impl RecordBatch {
    /// See [`Batch::split`].
    pub(crate) fn split(self, to: &[u32], parts: &mut [Option<Batch>], pools: &Pools) {
        let only = to.first().copied().unwrap_or(0);
        if to.iter().all(|part| *part == only) {
            if let Some(part) = parts.get_mut(only as usize) {
                *part = Some(self.into());
            }
            return;
        }
        for (record, part) in self.body.records.iter().zip(to) {
            let Some(part) = parts.get_mut(*part as usize) else { continue };
            let part = part.get_or_insert_with(|| {
                let mut part = pools.records();
                part.body.main = self.body.main.clone();
                part.into()
            });
            if let Batch::Records(part) = part {
                part.body.push_from(&self.body, *record, None);
            }
        }
    }

    /// See [`Batch::interleave`].
    pub(crate) fn interleave(parts: &[&RecordBatch], pools: &Pools) -> RecordBatch {
        let mut joined = pools.records();
        let Some(first) = parts.first() else { return joined };
        let main = &first.body.main;
        let mut copied = None;
        if parts.iter().all(|part| part.body.main.is(main)) {
            joined.body.main = main.clone();
        } else {
            let lines = parts.iter().flat_map(|part| part.records());
            copied = Some(pools.slab(lines.map(|record| record.len as usize).sum()));
        }
        merge::by_ordinal(
            parts.len(),
            |part| parts[part].len(),
            |part, at| parts[part].body.records[at].ordinal,
            |part, at| {
                let from = &parts[part].body;
                joined.body.push_from(from, from.records[at], copied.as_mut());
            },
        );
        if let Some(copied) = copied {
            joined.fill(copied.into());
        }
        joined
    }
}

impl Body {
    /// Appends a record of another batch with its fields. Its line stays where it is, or is copied to `slab`.
    fn push_from(&mut self, from: &Body, record: Record, slab: Option<&mut PoolBuf>) {
        let line = record.offset as usize..record.offset as usize + record.len as usize;
        let moved = slab.map(|slab| {
            let bytes = from.main.bytes().get(line.clone()).unwrap_or_default();
            slab.append(bytes).map_or(0, |place| place.start)
        });
        let root = self.tape.len() as u32 + 1;
        let fields = record.root.checked_sub(1).and_then(|at| from.tape.get(at as usize..));
        let fields = fields.and_then(|rest| rest.get(..rest.first()?.span()));
        for node in fields.unwrap_or_default() {
            let mut node = *node;
            if node.key != Key::NONE {
                node.key = self.keys.intern(from.keys.name(node.key));
            }
            if let Value::Str(text) = &mut node.value {
                *text = self.text_from(from, *text, &line, moved);
            }
            self.tape.push(node);
        }
        self.records.push(Record {
            offset: moved.map_or(record.offset, |start| start as u32),
            root: if fields.is_some() { root } else { 0 },
            ..record
        });
    }

    /// A string of another batch: a range of the line where it is one, and a copy otherwise.
    fn text_from(
        &mut self,
        from: &Body,
        text: Text,
        line: &std::ops::Range<usize>,
        moved: Option<usize>,
    ) -> Text {
        let range = text.offset as usize..text.offset as usize + text.len as usize;
        let inside = !text.computed && line.start <= range.start && range.end <= line.end;
        match moved {
            None if !text.computed => text,
            Some(start) if inside => Text { offset: (start + range.start - line.start) as u32, ..text },
            _ => {
                let bytes = if text.computed { &from.text } else { from.main.bytes() };
                let offset = self.text.len() as u32;
                self.text.extend_from_slice(bytes.get(range).unwrap_or_default());
                Text { offset, len: text.len, computed: true }
            }
        }
    }
}

#[cfg(test)]
mod tests;
