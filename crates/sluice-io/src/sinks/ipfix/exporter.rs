//! Data records into messages, each behind its template.

use sluice_core::Error;

use super::message::Message;
use super::row::Row;
use super::template::{Refresh, Templates, number};

/// Why a record is in no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is longer than a message, or its template is.
    TooLong,
    /// There are too many templates.
    NoTemplate,
}

/// Puts records into messages and hands those over when they are full.
#[derive(Debug)]
pub(super) struct Exporter {
    message: Message,
    templates: Templates,
    refresh: Refresh,
    /// How many messages there were before this one.
    before: u64,
}

impl Exporter {
    pub fn new(message: Message, refresh: Refresh) -> Self {
        Self { message, templates: Templates::default(), refresh, before: 0 }
    }

    /// The template for a record, or why it cannot be sent.
    pub fn place(&mut self, row: &Row) -> Result<usize, Refused> {
        let place = self.templates.of(&row.fields).ok_or(Refused::NoTemplate)?;
        let fits =
            self.message.takes(row.bytes.len()) && self.message.takes(self.templates.bytes(place).len());
        if fits { Ok(place) } else { Err(Refused::TooLong) }
    }

    /// Appends a record, for which there is a [`place`](Self::place). Calls `send` with each message that is full.
    pub fn add(
        &mut self,
        row: &Row,
        place: usize,
        now: i64,
        mut send: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let id = number(place);
        if self.templates.is_due(place, self.refresh, now, self.before) {
            if !self.message.has_room_for_template(self.templates.bytes(place).len()) {
                self.flush(now, &mut send)?;
            }
            self.message.push_template(self.templates.bytes(place));
            self.templates.sent(place, now, self.before);
        }
        if !self.message.has_room_for_data(id, row.bytes.len()) {
            self.flush(now, &mut send)?;
        }
        self.message.push_data(id, &row.bytes);
        Ok(())
    }

    /// Sends what there is.
    pub fn flush(&mut self, now: i64, mut send: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        if self.message.is_empty() {
            return Ok(());
        }
        let sent = send(self.message.finish(now));
        self.message.clear();
        self.before += 1;
        sent
    }
}
