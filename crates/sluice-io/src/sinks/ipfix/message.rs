//! Messages of IPFIX (RFC 7011, section 3) and export packets of NetFlow v9 (RFC 3954, section 5).

use super::Version;

/// A set that records are put into.
#[derive(Clone, Copy, Debug)]
struct Set {
    id: u16,
    start: usize,
    /// The length of its shortest record.
    shortest: usize,
}

/// The header of a set: its number and its length.
const SET_HEADER: usize = 4;

/// A message that is being put together.
#[derive(Debug)]
pub(super) struct Message {
    version: Version,
    domain: u32,
    limit: usize,
    bytes: Vec<u8>,
    set: Option<Set>,
    /// Records in it, of templates and of data.
    records: u16,
    data: u32,
    /// How many records of data, or for NetFlow v9 how many messages, were sent before, modulo 2^32.
    sequence: u32,
    /// When the first message was sent.
    began: Option<i64>,
}

impl Message {
    /// An empty one, of at most `limit` bytes.
    pub fn new(version: Version, domain: u32, limit: usize) -> Self {
        let bytes = Vec::with_capacity(limit);
        Self { version, domain, limit, bytes, set: None, records: 0, data: 0, sequence: 0, began: None }
    }

    fn header(&self) -> usize {
        match self.version {
            Version::Ipfix => 16,
            Version::NetflowV9 => 20,
        }
    }

    /// Which sets have templates.
    fn templates(&self) -> u16 {
        match self.version {
            Version::Ipfix => 2,
            Version::NetflowV9 => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether a record of this length fits into some message.
    pub fn takes(&self, length: usize) -> bool {
        self.header() + SET_HEADER + padded(length) <= self.limit
    }

    /// Whether a record fits behind what is there, in a set of this number.
    fn has_room(&self, id: u16, length: usize) -> bool {
        let before = self.bytes.len().max(self.header());
        let before = match self.set {
            Some(set) if set.id == id => before,
            _ => padded(before) + SET_HEADER,
        };
        padded(before + length) <= self.limit && self.records < u16::MAX
    }

    pub fn has_room_for_template(&self, length: usize) -> bool {
        self.has_room(self.templates(), length)
    }

    pub fn has_room_for_data(&self, id: u16, length: usize) -> bool {
        self.has_room(id, length)
    }

    pub fn push_template(&mut self, template: &[u8]) {
        self.push(self.templates(), template);
    }

    pub fn push_data(&mut self, id: u16, record: &[u8]) {
        self.push(id, record);
        self.data += 1;
    }

    fn push(&mut self, id: u16, record: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.resize(self.header(), 0);
        }
        match &mut self.set {
            Some(set) if set.id == id => set.shortest = set.shortest.min(record.len()),
            _ => {
                self.close();
                self.set = Some(Set { id, start: self.bytes.len(), shortest: record.len() });
                self.bytes.extend(id.to_be_bytes());
                self.bytes.extend([0; 2]);
            }
        }
        self.bytes.extend(record);
        self.records += 1;
    }

    /// Ends the set, and writes its length.
    fn close(&mut self) {
        let Some(set) = self.set.take() else { return };
        let padding = padded(self.bytes.len()) - self.bytes.len();
        // What is not shorter than a record would be taken for one.
        if self.version == Version::NetflowV9 && padding < set.shortest {
            self.bytes.resize(self.bytes.len() + padding, 0);
        }
        let length = (self.bytes.len() - set.start) as u16;
        put(&mut self.bytes, set.start + 2, &length.to_be_bytes());
    }

    /// The message as it is sent at this time, in ns since the epoch. [`clear`](Self::clear) then begins the next one.
    pub fn finish(&mut self, now: i64) -> &[u8] {
        self.close();
        let seconds = (now.div_euclid(1_000_000_000) as u32).to_be_bytes();
        let bytes = &mut self.bytes;
        match self.version {
            Version::Ipfix => {
                let length = bytes.len() as u16;
                put(bytes, 0, &10_u16.to_be_bytes());
                put(bytes, 2, &length.to_be_bytes());
                put(bytes, 4, &seconds);
                put(bytes, 8, &self.sequence.to_be_bytes());
                put(bytes, 12, &self.domain.to_be_bytes());
            }
            Version::NetflowV9 => {
                let up = now.saturating_sub(*self.began.get_or_insert(now)).max(0) / 1_000_000;
                put(bytes, 0, &9_u16.to_be_bytes());
                put(bytes, 2, &self.records.to_be_bytes());
                put(bytes, 4, &(up as u32).to_be_bytes());
                put(bytes, 8, &seconds);
                put(bytes, 12, &self.sequence.to_be_bytes());
                put(bytes, 16, &self.domain.to_be_bytes());
            }
        }
        &self.bytes
    }

    /// Begins the next message.
    pub fn clear(&mut self) {
        let sent = match self.version {
            Version::Ipfix => self.data,
            Version::NetflowV9 => 1,
        };
        self.sequence = self.sequence.wrapping_add(sent);
        self.bytes.clear();
        (self.set, self.records, self.data) = (None, 0, 0);
    }
}

/// A length with as much as there is up to the next multiple of four.
fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests;
