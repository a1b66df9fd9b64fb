//! Interface descriptions.

use std::sync::Arc;

use sluice_core::{Clock, Interface, RawBlock, Resolution};
use sluice_wire::link::LinkType;

use super::options::{self, Options, interface};
use super::translate::swapped;
use super::{Block, Flaw, close, kind};
use crate::order::Order;

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

/// The description to write in this byte order, with times of this resolution if one is asked for, and the clock that it
/// tells.
pub(super) fn describe(about: &Interface, order: Order, resolution: Option<Resolution>) -> (Vec<u8>, Clock) {
    let mut clock = about.clock;
    match resolution {
        Some(Resolution::Micro) => clock.resolution = Clock::MICRO.resolution,
        Some(Resolution::Nano) => clock.resolution = Clock::NANO.resolution,
        None => {}
    }
    let old = about.block.as_deref();
    let (old_order, old_bytes) =
        old.map_or((order, &[][..]), |old| (Order { big_endian: old.big_endian }, &*old.bytes));
    let options = old_bytes.get(8 + FIXED..old_bytes.len().saturating_sub(4)).unwrap_or_default();
    let told = Options::new(old_order, options).filter_map(|option| match option {
        (interface::FCS_LEN, [length]) => Some(fcs_len(*length)),
        _ => None,
    });
    let told = told.last();
    let as_it_was = old_order == order
        && clock == about.clock
        && old_order.u16(old_bytes, 8) == about.link.0
        && old_order.u32(old_bytes, 12) == about.snaplen
        && told == about.fcs_len;
    if as_it_was && !old_bytes.is_empty() {
        return (old_bytes.to_vec(), clock);
    }
    let mut block = Vec::with_capacity(old_bytes.len().max(48));
    block.extend_from_slice(&order.put32(kind::INTERFACE));
    block.extend_from_slice(&[0; 4]);
    block.extend_from_slice(&order.put16(about.link.0));
    block.extend_from_slice(&[0; 2]);
    block.extend_from_slice(&order.put32(about.snaplen));
    let start = block.len();
    let mut put = |code, value: &[u8]| options::put(&mut block, order, code, value);
    match old {
        Some(_) => {
            let kept = Options::new(old_order, options).filter(|(code, _)| match *code {
                interface::FCS_LEN => told == about.fcs_len,
                code => code != interface::RESOLUTION,
            });
            kept.for_each(|(code, value)| {
                put(code, &swapped(kind::INTERFACE, code, value, old_order, order));
            });
        }
        None => {
            if let Some(name) = &about.name {
                put(interface::NAME, name.as_bytes());
            }
            if let Some(fcs_len) = about.fcs_len {
                put(interface::FCS_LEN, &[fcs_len]);
            }
        }
    }
    // Microseconds are what is meant where nothing is said.
    if clock.resolution != Clock::MICRO.resolution {
        put(interface::RESOLUTION, &[clock.resolution]);
    }
    if block.len() > start {
        options::end(&mut block);
    }
    close(&mut block, 0, order);
    (block, clock)
}
