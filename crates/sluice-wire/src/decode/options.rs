//! The options of IPv4 and TCP headers, and those of IPv6 hop-by-hop and destination headers: kind, length, data.

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderOption<'a> {
    /// What it is.
    pub kind: u8,
    /// What it says, without kind and length.
    pub data: &'a [u8],
}

/// The options of a header, in order, up to the first that does not fit.
#[derive(Debug, Clone)]
pub struct HeaderOptions<'a> {
    rest: &'a [u8],
    is_v6: bool,
}

impl<'a> HeaderOptions<'a> {
    /// The options in the bytes that follow the fixed part of an IPv4 or TCP header.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, is_v6: false }
    }

    /// The options in the bytes that follow the first two of an IPv6 hop-by-hop or destination header.
    pub fn v6(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, is_v6: true }
    }

    /// Whether a kind stands alone, without length and data; which ones do differs.
    fn is_single(&self, kind: u8) -> bool {
        kind == 0 || (kind == 1 && !self.is_v6)
    }
}

impl<'a> Iterator for HeaderOptions<'a> {
    type Item = HeaderOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.rest.split_first()?;
        if self.is_single(*kind) {
            // The end of the list, except in IPv6, where a zero is padding.
            self.rest = if *kind == 0 && !self.is_v6 { &[] } else { rest };
            return Some(HeaderOption { kind: *kind, data: &[] });
        }
        let (length, rest) = rest.split_first()?;
        let length = usize::from(*length).checked_sub(if self.is_v6 { 0 } else { 2 })?;
        let (data, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(HeaderOption { kind: *kind, data })
    }
}
