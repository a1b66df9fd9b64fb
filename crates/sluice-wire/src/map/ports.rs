//! Maps of ports.

use super::MapError;

/// Maps ports by ranges that do not overlap.
#[derive(Debug, Clone, Default)]
pub struct PortMap {
    /// First and last port and what they become, sorted.
    ranges: Vec<(u16, u16, u16)>,
}

impl PortMap {
    /// The map of entries like (`8000-8999`, 80) or (`80,443`, 8080).
    ///
    /// # Errors
    /// If a text is not a list of ports and ranges, or a port stands in two of them.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = (S, u16)>) -> Result<Self, MapError> {
        let mut ranges = Vec::new();
        for (ports, target) in entries {
            for part in ports.as_ref().split(',') {
                let (first, last) = range(part.trim())?;
                ranges.push((first, last, target));
            }
        }
        ranges.sort_unstable();
        match ranges.iter().zip(ranges.iter().skip(1)).find(|(a, b)| b.0 <= a.1) {
            Some((_, twice)) => Err(MapError::PortTwice(twice.0)),
            None => Ok(Self { ranges }),
        }
    }

    /// The same without the entries that change nothing: for a map behind which no other one comes.
    pub fn effective(mut self) -> Self {
        self.ranges.retain(|(first, last, target)| first != last || first != target);
        self
    }

    /// What the port becomes, or `None` if it is not mapped.
    #[inline]
    pub fn get(&self, port: u16) -> Option<u16> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= port);
        let (_, last, target) = *self.ranges.get(after.checked_sub(1)?)?;
        (port <= last).then_some(target)
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn range(text: &str) -> Result<(u16, u16), MapError> {
    let port = |digits: &str| {
        let digits = digits.trim();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number).ok_or_else(|| MapError::NotPorts(text.into()))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first <= last { Ok((first, last)) } else { Err(MapError::Backwards(text.into())) }
}
