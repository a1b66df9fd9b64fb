//! From packet to packet through a block, as `tpacket3_hdr` and `sockaddr_ll` of if_packet.h describe each.

use sluice_core::{Flags, Frame};

use crate::{Settings, cooked};

/// What comes before the free room in front of a packet: its header and the address of where it was seen.
const HEADER: usize = 68;

const CHECKSUM_NOT_READY: u32 = libc::TP_STATUS_CSUMNOTREADY;
const CHECKSUM_VALID: u32 = libc::TP_STATUS_CSUM_VALID;
const VLAN_VALID: u32 = libc::TP_STATUS_VLAN_VALID;
const VLAN_TPID_VALID: u32 = libc::TP_STATUS_VLAN_TPID_VALID;

/// What the kernel leaves free before a packet, besides what it needs itself: for what goes in front of it again, a tag
/// or a cooked header with one.
pub(crate) const RESERVE: u32 = 32;

/// What becomes of the packets of one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The number of the interface in the capture.
    pub interface: u16,
    /// How many bytes of a packet are wanted.
    pub snaplen: u32,
    /// Whether packets get a cooked header in place of that of their link.
    pub cooked: bool,
}

impl Shape {
    /// As these settings want it.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { interface: settings.number, snaplen: settings.snaplen, cooked: settings.is_cooked() }
    }
}

/// What a ring told about one packet, whatever the version of the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub seconds: u32,
    pub nanoseconds: u32,
    /// Where the packet is, from where its header is.
    pub start: usize,
    /// Where its network header is.
    pub network: usize,
    pub captured: u32,
    pub wire: u32,
    pub status: u32,
    pub tci: u16,
    pub tpid: u16,
}

/// The packet whose header begins at this place, and how far from there the next one begins; 0 behind the last one. Nothing
/// if that is no packet.
#[inline]
pub(crate) fn packet(bytes: &mut [u8], at: usize, shape: &Shape) -> Option<(Frame, usize)> {
    let header: &[u8; HEADER] = bytes.get(at..)?.first_chunk()?;
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let about = About {
        seconds: word(4),
        nanoseconds: word(8),
        start: half(24).into(),
        network: half(26).into(),
        captured: word(12),
        wire: word(16),
        status: word(20),
        tci: word(32) as u16,
        tpid: half(36),
    };
    let next = word(0) as usize;
    let address = *header.last_chunk::<20>()?;
    Some((frame(bytes, at, HEADER, &about, &address, shape)?, next))
}

/// Makes a frame of a packet: what the kernel took off, or what belongs in front of it, is put into the room before it, which
/// begins `room` bytes behind its header.
#[inline]
pub(crate) fn frame(
    bytes: &mut [u8],
    at: usize,
    room: usize,
    about: &About,
    address: &[u8; 20],
    shape: &Shape,
) -> Option<Frame> {
    let mut start = about.start;
    let (mut captured, mut wire) = (about.captured, about.wire);
    let packet = bytes.get_mut(at + room..(at + start).checked_add(captured as usize)?)?;
    // What a tag says counts as well where the kernel is too old to say that there is one.
    let tag = (about.status & VLAN_VALID != 0 || about.tci != 0).then(|| {
        let tpid = if about.status & VLAN_TPID_VALID != 0 { about.tpid } else { libc::ETH_P_8021Q as u16 };
        (tpid, about.tci)
    });
    let grown = if shape.cooked {
        let (link, protocol) = cooked::link(packet.get(start.checked_sub(room)?..)?, address)
            .unwrap_or((about.network.saturating_sub(start), [address[2], address[3]]));
        let link = link.min(captured as usize);
        start += link;
        captured -= link as u32;
        wire = wire.saturating_sub(link as u32);
        cooked::put_header(packet, start.checked_sub(room)?, protocol, address, tag)?
    } else if let Some(tag) = tag {
        put_tag_back(packet, start.checked_sub(room)?, tag)?
    } else {
        0
    };
    start -= grown;
    captured = (captured + grown as u32).min(shape.snaplen);
    wire = wire.saturating_add(grown as u32);
    let mut frame = Frame::new(u32::try_from(at + start).ok()?, captured);
    frame.time = i64::from(about.seconds) * 1_000_000_000 + i64::from(about.nanoseconds);
    frame.wire = wire;
    frame.interface = shape.interface;
    let sent = address[10] == libc::PACKET_OUTGOING;
    frame.flags.set(if sent { Flags::OUTBOUND } else { Flags::INBOUND }, true);
    frame.flags.set(Flags::TRUNCATED, captured < wire);
    frame.flags.set(Flags::CHECKSUM_VALID, about.status & CHECKSUM_VALID != 0);
    frame.flags.set(Flags::CHECKSUM_NOT_READY, about.status & CHECKSUM_NOT_READY != 0);
    Some(frame)
}

/// Puts a tag between the addresses and the type of the packet that begins `start` bytes into `bytes`; by how many bytes it
/// begins earlier then.
fn put_tag_back(bytes: &mut [u8], start: usize, (tpid, tci): (u16, u16)) -> Option<usize> {
    const ADDRESSES: usize = 12;
    let new = start.checked_sub(4)?;
    if bytes.len() < start + ADDRESSES {
        // It is cut off before the place where the tag was.
        return Some(0);
    }
    bytes.copy_within(start..start + ADDRESSES, new);
    let [a, b] = tpid.to_be_bytes();
    let [c, d] = tci.to_be_bytes();
    bytes.get_mut(new + ADDRESSES..new + ADDRESSES + 4)?.copy_from_slice(&[a, b, c, d]);
    Some(4)
}

#[cfg(test)]
pub(crate) mod tests;
