//! IEEE 802.2 logical link control (service access points, control) and its SNAP extension (OUI, EtherType).

use super::{Cursor, Next, Step, be16, ethernet};
use crate::layers::{Proto, Stop};

/// The length of the header with a one-byte control field.
pub const LEN: usize = 3;
/// The length of the SNAP extension.
pub const SNAP_LEN: usize = 5;
const SAP_IP: u8 = 0x06;
const SAP_SNAP: u8 = 0xAA;
const UNNUMBERED: u8 = 0x03;

/// The service access points (destination, source) and the first control byte of the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<[u8; LEN]> {
    super::array(frame, at).copied()
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    let header = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(Proto::Llc)?;
    // Behind a tag there was one, but it announced no more than the tag.
    cursor.layers.ethertype = 0;
    match header {
        [SAP_SNAP, SAP_SNAP, UNNUMBERED] => {
            cursor.at += LEN;
            snap(cursor)
        }
        [SAP_IP, SAP_IP, UNNUMBERED] => {
            cursor.at += LEN;
            Ok(Next::EtherType(ethernet::IPV4))
        }
        [_, _, control] => {
            // Information and supervisory frames have a second control byte.
            let length = if control & UNNUMBERED == UNNUMBERED { LEN } else { LEN + 1 };
            cursor.need(length)?;
            cursor.at += length;
            Err(Stop::Unsupported)
        }
    }
}

fn snap(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(SNAP_LEN)?;
    let oui = super::array::<3>(cursor.frame, cursor.at).copied();
    let ethertype = be16(cursor.frame, cursor.at + 3);
    cursor.push(Proto::Snap)?;
    cursor.at += SNAP_LEN;
    match (oui, ethertype) {
        // 00-00-F8 is the bridge-tunnel encapsulation of 802.1H, which numbers protocols the same way.
        (Some([0, 0, 0] | [0, 0, 0xF8]), Some(ethertype)) => Ok(Next::EtherType(ethertype)),
        _ => Err(Stop::Unsupported),
    }
}
