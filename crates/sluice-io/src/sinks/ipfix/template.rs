//! Templates: which fields records have. There is one for each set of fields that occurs.

use std::collections::HashMap;

use super::row::Field;

/// The enterprise number of what is told of the other direction: RFC 5103, section 6.
const REVERSE: u32 = 29_305;
/// Numbers below are those of sets of templates.
const FIRST: u16 = 256;
/// How many templates there are at most.
pub(super) const MOST: usize = 1000;

/// When templates are sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refresh {
    /// After this time, in ns.
    pub every: i64,
    /// After this many messages.
    pub messages: u64,
}

#[derive(Debug)]
struct Template {
    /// As it stands in a message.
    bytes: Vec<u8>,
    /// When it was sent, and how many messages had been sent before.
    sent: Option<(i64, u64)>,
}

/// All templates there are.
#[derive(Debug, Default)]
pub(super) struct Templates {
    places: HashMap<Vec<Field>, usize>,
    templates: Vec<Template>,
}

impl Templates {
    /// The place of the template of these fields; `None` when there are too many.
    pub fn of(&mut self, fields: &[Field]) -> Option<usize> {
        if let Some(place) = self.places.get(fields) {
            return Some(*place);
        }
        let place = self.templates.len();
        if place >= MOST {
            return None;
        }
        self.templates.push(Template { bytes: encode(number(place), fields), sent: None });
        self.places.insert(fields.to_vec(), place);
        Some(place)
    }

    /// What stands in a message.
    pub fn bytes(&self, place: usize) -> &[u8] {
        self.templates.get(place).map_or(&[], |template| &template.bytes)
    }

    /// Whether it has to be sent before the next record in message number `message`.
    pub fn is_due(&self, place: usize, refresh: Refresh, now: i64, message: u64) -> bool {
        let sent = self.templates.get(place).and_then(|template| template.sent);
        sent.is_none_or(|(time, before)| {
            now.saturating_sub(time) >= refresh.every || message - before >= refresh.messages
        })
    }

    pub fn sent(&mut self, place: usize, now: i64, message: u64) {
        if let Some(template) = self.templates.get_mut(place) {
            template.sent = Some((now, message));
        }
    }
}

/// The number of the template at this place, which is that of the sets of its records, too.
pub(super) fn number(place: usize) -> u16 {
    FIRST.saturating_add(place.try_into().unwrap_or(u16::MAX))
}

fn encode(number: u16, fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(number.to_be_bytes());
    bytes.extend((fields.len() as u16).to_be_bytes());
    for field in fields {
        let enterprise = if field.reverse { 0x8000 } else { 0 };
        bytes.extend((field.id | enterprise).to_be_bytes());
        bytes.extend(field.length.to_be_bytes());
        if field.reverse {
            bytes.extend(REVERSE.to_be_bytes());
        }
    }
    bytes
}
