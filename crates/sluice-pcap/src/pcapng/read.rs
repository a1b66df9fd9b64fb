//! Reading blocks into batches.

use std::sync::Arc;

use sluice_core::{CaptureInfo, Frame, Interface, NgSection, Origin, PacketBatch, RawBlock, Role, Section};

use crate::reader::{Flaw as AnyFlaw, Refusal, Stop};

use super::blocks::{Found, byte_order};
use super::packet::{self, Lens};
use super::{Block, Blocks, Flaw, interface, kind};

/// How far the reading of a pcapng file has come.
#[derive(Debug)]
pub struct Reader {
    blocks: Blocks,
    /// Blocks so far.
    count: u64,
    origin: Origin,
    /// Sections so far.
    sections: u32,
    /// The interfaces of this section.
    interfaces: Vec<Interface>,
    lenses: Vec<Lens>,
    /// Interfaces that the present batch does not know yet.
    untold: bool,
    /// The section is of a version that is not known, so that its blocks mean nothing here.
    unknown: bool,
}

impl Reader {
    /// Begins with the first bytes of a file that has been recognised.
    pub(crate) fn begin(head: &[u8]) -> Result<Self, Refusal> {
        match byte_order(head) {
            // A whole section header is longer.
            _ if head.len() < crate::Reader::HEAD => Err(Refusal::Short),
            None => Err(Refusal::Pcapng),
            Some(_) => Ok(Self {
                blocks: Blocks::new(),
                count: 0,
                origin: Origin::default(),
                sections: 0,
                interfaces: Vec::new(),
                lenses: Vec::new(),
                untold: false,
                unknown: false,
            }),
        }
    }

    /// How many blocks were read so far.
    pub(crate) fn blocks(&self) -> u64 {
        self.count
    }

    /// See [`crate::Reader::read`]; `number` completes a frame.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        info: &mut Arc<CaptureInfo>,
        batch: &mut PacketBatch,
        number: &mut impl FnMut(Frame) -> Frame,
    ) -> Stop {
        loop {
            let block = match self.blocks.next(bytes.get(*at..).unwrap_or_default()) {
                Found::Block(block) => block,
                Found::NeedMore(wanted) => {
                    // A batch without packets tells about the interfaces at once.
                    return if self.tell(info) { Stop::Changed } else { Stop::NeedMore(wanted) };
                }
                Found::Invalid(flaw) => return Stop::Invalid(AnyFlaw::Block(flaw)),
            };
            // Several descriptions in a row make one change.
            if block.kind != kind::INTERFACE && self.tell(info) {
                return Stop::Changed;
            }
            let end = *at + block.bytes.len();
            let taken = match block.kind {
                kind::SECTION => self.section(&block, info),
                _ if self.unknown => Ok(None),
                kind::INTERFACE => self.interface(&block).map(|()| None),
                kind::ENHANCED | kind::SIMPLE | kind::PACKET => {
                    packet::parse(&block, *at, &self.lenses).map(|found| {
                        if let Some((start, end, role)) = found.extra {
                            batch.push_extra((*at + start) as u32, (end - start) as u32, role);
                        }
                        batch.push(number(found.frame));
                        None
                    })
                }
                _ => {
                    batch.push_extra(*at as u32, block.bytes.len() as u32, Role::Block);
                    Ok(None)
                }
            };
            match taken {
                Err(flaw) => return Stop::Invalid(AnyFlaw::Block(flaw)),
                Ok(stop) => {
                    *at = end;
                    self.count += 1;
                    if let Some(stop) = stop {
                        return stop;
                    }
                }
            }
        }
    }

    /// Begins a section.
    fn section(&mut self, block: &Block<'_>, info: &mut Arc<CaptureInfo>) -> Result<Option<Stop>, Flaw> {
        let (order, body) = (block.order(), block.body());
        let (major, minor) = (order.u16(body, 4), order.u16(body, 6));
        self.interfaces.clear();
        self.lenses.clear();
        self.untold = false;
        // Minor versions differ in nothing that matters.
        self.unknown = major != 1;
        if self.unknown {
            return Ok(Some(Stop::Lost(format!(
                "has a section of version `{major}.{minor}`, which is not known; it was skipped"
            ))));
        }
        let header = RawBlock { big_endian: order.big_endian, bytes: block.bytes.into() };
        let section = NgSection { origin: self.origin.clone(), number: self.sections, header };
        self.sections += 1;
        let section = Some(Section::Ng(Arc::new(section)));
        *info = Arc::new(CaptureInfo { section, interfaces: Vec::new() });
        Ok(Some(Stop::Changed))
    }

    fn interface(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
        if self.interfaces.len() > usize::from(u16::MAX) {
            return Err(Flaw::Interfaces);
        }
        let interface = interface::parse(block)?;
        self.lenses.push(Lens::of(&interface));
        self.interfaces.push(interface);
        self.untold = true;
        Ok(())
    }

    /// Puts new interfaces into `info`; whether there were any.
    fn tell(&mut self, info: &mut Arc<CaptureInfo>) -> bool {
        let untold = std::mem::take(&mut self.untold);
        if untold {
            let section = info.section.clone();
            *info = Arc::new(CaptureInfo { section, interfaces: self.interfaces.clone() });
        }
        untold
    }
}
