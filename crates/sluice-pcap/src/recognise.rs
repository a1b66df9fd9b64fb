//! Which format a file has, told from its first bytes. Compressed files are unpacked before anybody asks here.

/// How many bytes [`recognise`] wants to see; it does its best with fewer.
pub const RECOGNISE: usize = 8;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// pcap, in any byte order and resolution: see [`pcap::Header`](crate::pcap::Header).
    Pcap,
    /// pcapng: see [`pcapng::Blocks`](crate::pcapng::Blocks).
    Pcapng,
    /// Sun's snoop (RFC 1761).
    Snoop,
    /// Not a capture file that is known here.
    Unknown,
}

/// Why a format is not read, and what its user can do about it.
const SNOOP: &str = "a snoop file, which is not read; convert it with `editcap -F pcap`";
const UNKNOWN: &str = "not a capture file";

impl Format {
    /// Why a file of this format cannot be read, as the rest of a sentence that begins "`x` is"; `None` where it can.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Format::Pcap | Format::Pcapng => None,
            Format::Snoop => Some(SNOOP),
            Format::Unknown => Some(UNKNOWN),
        }
    }
}

/// Tells the format of a file that begins with these bytes.
pub fn recognise(first: &[u8]) -> Format {
    const MAGICS: &[(&[u8], Format)] =
        &[(&[0x0a, 0x0d, 0x0d, 0x0a], Format::Pcapng), (b"snoop\0\0\0", Format::Snoop)];
    if first.first_chunk().is_some_and(|magic| crate::pcap::Layout::of_magic(*magic).is_some()) {
        return Format::Pcap;
    }
    let known = MAGICS.iter().find(|(magic, _)| first.starts_with(magic));
    known.map_or(Format::Unknown, |(_, format)| *format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_formats_apart_by_their_first_bytes() {
        let cases: &[(&[u8], Format)] = &[
            (&[0xa1, 0xb2, 0xc3, 0xd4], Format::Pcap),
            (&[0xd4, 0xc3, 0xb2, 0xa1], Format::Pcap),
            (&[0xa1, 0xb2, 0x3c, 0x4d], Format::Pcap),
            (&[0x4d, 0x3c, 0xb2, 0xa1], Format::Pcap),
            (&[0x34, 0xcd, 0xb2, 0xa1], Format::Pcap),
            (&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0], Format::Pcapng),
            (b"snoop\0\0\0\0\0\0\x02", Format::Snoop),
            (b"127.0.0.1 - -", Format::Unknown),
            (&[0xa1, 0xb2, 0xc3], Format::Unknown),
            (b"", Format::Unknown),
        ];
        for (bytes, format) in cases {
            assert_eq!(recognise(bytes), *format, "{bytes:x?}");
            assert_eq!(format.refusal().is_none(), matches!(format, Format::Pcap | Format::Pcapng));
        }
    }
}
