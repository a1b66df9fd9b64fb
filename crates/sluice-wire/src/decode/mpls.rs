//! MPLS label stacks, RFC 3032, and the control word of pseudowires, RFC 4385.
//!
//! No field says what a stack carries. As every decoder does, this one takes a guess at the first four bits behind it:
//! 4 and 6 are versions of IP, 0 begins a control word, 1 an associated channel, and anything else an Ethernet frame.

use super::{Cursor, Next, Step, be16, be32, ethernet, llc, pppoe, vlan};
use crate::layers::{Proto, Stop};

/// The EtherType of unicast packets.
pub const UNICAST: u16 = 0x8847;
/// The EtherType of packets with an upstream-assigned label, formerly multicast.
pub const MULTICAST: u16 = 0x8848;
/// The IP protocol number.
pub const NUMBER: u8 = 137;
/// The length of one label stack entry, and of the control word.
pub const LEN: usize = 4;

/// One entry of a label stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The label, 20 bits.
    pub label: u32,
    /// The traffic class, three bits.
    pub class: u8,
    /// Whether it is the last one.
    pub is_bottom: bool,
    /// The time to live.
    pub ttl: u8,
}

/// The entry at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<Label> {
    let word = be32(frame, at)?;
    Some(Label {
        label: word >> 12,
        class: (word >> 9) as u8 & 7,
        is_bottom: word & 0x100 != 0,
        ttl: word as u8,
    })
}

/// The entries of the stack at `at`, from the top, as far as they are there.
pub fn stack(frame: &[u8], at: usize) -> impl Iterator<Item = Label> + Clone + '_ {
    let mut next = Some(at);
    std::iter::from_fn(move || {
        let label = view(frame, next?)?;
        next = next.filter(|_| !label.is_bottom).map(|at| at + LEN);
        Some(label)
    })
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    cursor.push(Proto::Mpls)?;
    loop {
        let Some(label) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
        cursor.at += LEN;
        if label.is_bottom {
            break;
        }
    }
    match cursor.rest().first().map(|byte| byte >> 4) {
        None => Err(Stop::Payload),
        Some(4) => Ok(Next::EtherType(ethernet::IPV4)),
        Some(6) => Ok(Next::EtherType(ethernet::IPV6)),
        Some(0) => control_word(cursor),
        Some(1) => Err(Stop::Unsupported),
        Some(_) => Ok(Next::Ethernet),
    }
}

/// Four zero bits: a control word, or the first four of a MAC address.
fn control_word(cursor: &mut Cursor<'_>) -> Step {
    let rest = cursor.rest();
    let (with, without) = (is_ethernet(rest.get(LEN..).unwrap_or_default()), is_ethernet(rest));
    if without && !with {
        return Ok(Next::Ethernet);
    }
    cursor.need(LEN)?;
    cursor.push(Proto::PwControl)?;
    cursor.at += LEN;
    if with { Ok(Next::Ethernet) } else { Err(Stop::Unsupported) }
}

/// Whether bytes look like an Ethernet frame, by the types that are met in pseudowires.
fn is_ethernet(bytes: &[u8]) -> bool {
    match be16(bytes, 12) {
        Some(length @ 0..ethernet::MIN_ETHERTYPE) => {
            (llc::LEN..=bytes.len().saturating_sub(ethernet::LEN)).contains(&usize::from(length))
        }
        Some(ethernet::IPV4 | ethernet::IPV6 | ethernet::ARP | UNICAST | MULTICAST) => true,
        Some(pppoe::DISCOVERY | pppoe::SESSION) => true,
        // Slow protocols, authentication, discovery, time, connectivity, loopback.
        Some(0x8809 | 0x888E | 0x88CC | 0x88F7 | 0x8902 | 0x9000) => true,
        Some(other) => vlan::is_tag(other),
        None => false,
    }
}
