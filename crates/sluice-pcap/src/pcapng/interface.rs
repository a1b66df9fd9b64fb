//! Interface descriptions.

use std::sync::Arc;

use sluice_core::{Clock, Interface, RawBlock};
use sluice_wire::link::LinkType;

use super::options::{Options, interface};
use super::{Block, Flaw};

/// Where the options start in the body.
const FIXED: usize = 8;

/// Reads a description.
pub(super) fn parse(block: &Block<'_>) -> Result<Interface, Flaw> {
    let (order, body) = (block.order(), block.body());
    let Some(options) = body.get(FIXED..) else { return Err(Flaw::Length(block.bytes.len() as u32)) };
    let mut about = Interface {
        link: LinkType(order.u16(body, 0)),
        snaplen: order.u32(body, 4),
        clock: Clock::MICRO,
        fcs_len: None,
        name: None,
        block: Some(Arc::new(RawBlock { big_endian: order.big_endian, bytes: block.bytes.into() })),
    };
    for (code, value) in Options::new(order, options) {
        match (code, value) {
            (interface::NAME, name) => about.name = Some(String::from_utf8_lossy(name).into_owned()),
            (interface::RESOLUTION, [resolution]) => about.clock.resolution = *resolution,
            (interface::OFFSET, value) if value.len() == 8 => {
                about.clock.offset = order.u64(value, 0).cast_signed();
            }
            (interface::FCS_LEN, [length]) => about.fcs_len = Some(fcs_len(*length)),
            _ => {}
        }
    }
    Ok(about)
}

/// The draft says bits, its example and the programs that write it say bytes; what makes no sense as bytes is bits.
fn fcs_len(told: u8) -> u8 {
    if told < 16 { told } else { told / 8 }
}
