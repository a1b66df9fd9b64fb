//! Writing batches as blocks.

use std::ops::Range;
use std::sync::Arc;

use sluice_core::{CaptureInfo, Extra, Frame, Interface, NgSection, PacketBatch, Resolution, Role, Section};
use sluice_wire::link::LinkType;

use crate::order::Order;
use crate::writer::{Mend, Misfits};

use super::interface::describe;
use super::packet::{self, Lens, Raw};
use super::translate::{Lane, Translation};
use super::{MAGIC, kind};

/// How much is gathered before it is handed on.
const GATHER: usize = 256 << 10;

/// For how many sources it is kept where their interfaces are; more than that only cost time.
const REMEMBERED: usize = 16;

/// A file that is being written, section by section.
///
/// The first batch decides what the section is: that of the file it came from, repeated, or a new one in little-endian
/// byte order. When the same file goes on to another section, so does this one. What comes from elsewhere is fitted in: its
/// interfaces are added to the section unless they are there.
#[derive(Debug)]
pub(crate) struct Writer {
    resolution: Option<Resolution>,
    /// Whether what was written can be mended.
    mends: bool,
    /// How much was written of this file, and where in it the section begins behind its header.
    position: u64,
    start: u64,
    wrong: Option<Mend>,
    section: Option<Arc<NgSection>>,
    order: Order,
    /// What the section begins with.
    header: Vec<u8>,
    interfaces: Vec<Described>,
    /// How many of the interfaces are in the file already; nothing while the header is not.
    written: Option<usize>,
    /// How batches are fitted in, the present one last.
    fits: Vec<Fit>,
    out: Vec<u8>,
}

/// An interface of the section.
#[derive(Debug)]
struct Described {
    block: Vec<u8>,
    lens: Lens,
}

/// How the batches of one capture info are fitted into the section.
#[derive(Debug)]
struct Fit {
    info: Arc<CaptureInfo>,
    /// For each interface its number here.
    numbers: Vec<u32>,
    translation: Translation,
}

/// Where in a section header the length of the section stands, which may be told as unknown.
const LENGTH: Range<usize> = 16..24;
const UNKNOWN: [u8; 8] = [0xff; 8];

impl Writer {
    pub(crate) fn new(resolution: Option<Resolution>, mends: bool) -> Self {
        Self {
            resolution,
            mends,
            position: 0,
            start: 0,
            wrong: None,
            section: None,
            order: Order::LITTLE,
            header: new_section(),
            interfaces: Vec::new(),
            written: None,
            fits: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Takes out of a batch what cannot be written, and gets ready to write the rest.
    pub(crate) fn admit(&mut self, batch: &mut PacketBatch) -> Misfits {
        let info = batch.info();
        if let Some(Section::Ng(section)) = &info.section {
            self.follow(section);
        }
        match self.fits.iter().position(|fit| Arc::ptr_eq(&fit.info, info)) {
            Some(at) => {
                let fit = self.fits.remove(at);
                self.fits.push(fit);
            }
            None => {
                let fit = self.fit(Arc::clone(info));
                if self.fits.len() >= REMEMBERED {
                    self.fits.remove(0);
                }
                self.fits.push(fit);
            }
        }
        if batch.frames().iter().any(|frame| usize::from(frame.interface) >= self.numbers().len()) {
            self.complete(batch);
        }
        let Some(fit) = self.fits.last() else { return Misfits::default() };
        let tells = |frame: &Frame| {
            let number = fit.numbers.get(usize::from(frame.interface));
            let lens = number.and_then(|number| self.interfaces.get(*number as usize));
            lens.is_some_and(|described| described.lens.scale.tells(frame.time))
        };
        let mut misfits = Misfits::default();
        if !batch.frames().iter().all(tells) {
            misfits.out_of_range = batch.retain(|_, frame| tells(frame));
        }
        let stuck = |extra: &Extra| extra.role == Role::Block && !fit.translation.holds(batch.extra(extra));
        if batch.extras().iter().any(stuck) {
            misfits.left_out = Some("blocks whose content is not known cannot be told in another byte order");
        }
        misfits
    }

    /// Begins a section when this is the first one, or the next one of the same file.
    fn follow(&mut self, section: &Arc<NgSection>) {
        let next = match &self.section {
            // What was made here for want of a section goes on.
            None => self.interfaces.is_empty() && self.written.is_none(),
            Some(present) => present.origin == section.origin && present.number < section.number,
        };
        if next {
            self.end_section();
            self.section = Some(Arc::clone(section));
            self.order = Order { big_endian: section.header.big_endian };
            self.header = section.header.bytes.to_vec();
            if let Some(length) = self.header.get_mut(LENGTH).filter(|_| !self.mends) {
                length.copy_from_slice(&UNKNOWN);
            }
            self.interfaces.clear();
            self.fits.clear();
            self.written = None;
        }
    }

    /// Notes it when the section is not as long as its header says.
    fn end_section(&mut self) {
        let told = self.header.get(LENGTH).filter(|told| **told != UNKNOWN);
        if let (Some(told), Some(_)) = (told, self.written)
            && self.order.u64(told, 0) != self.position - self.start
        {
            let place = self.start + LENGTH.start as u64 - self.header.len() as u64;
            self.wrong = Some(Mend { place, bytes: UNKNOWN });
        }
    }

    /// See [`crate::Writer::mend`].
    pub(crate) fn mend(&mut self) -> Option<Mend> {
        self.wrong.take()
    }

    fn numbers(&self) -> &[u32] {
        self.fits.last().map(|fit| fit.numbers.as_slice()).unwrap_or_default()
    }

    /// Finds or makes a place for every interface.
    fn fit(&mut self, info: Arc<CaptureInfo>) -> Fit {
        let mut numbers: Vec<u32> = Vec::with_capacity(info.interfaces.len());
        for (at, interface) in info.interfaces.iter().enumerate() {
            let (block, clock) = describe(interface, self.order, self.resolution);
            let fits = |number: usize| {
                self.interfaces.get(number).is_some_and(|there| there.block == block)
                    && !numbers.contains(&(number as u32))
            };
            // Those of the section's own file stand where they stood.
            let number = if fits(at) { Some(at) } else { (0..self.interfaces.len()).find(|n| fits(*n)) };
            let number = number.unwrap_or_else(|| {
                let lens = Lens::of(&Interface { clock, ..interface.clone() });
                self.interfaces.push(Described { block, lens });
                self.interfaces.len() - 1
            });
            numbers.push(number as u32);
        }
        let lanes = info.interfaces.iter().zip(&numbers).map(|(interface, number)| {
            let to = self.interfaces.get(*number as usize).map(|there| there.lens.scale);
            let from = Lens::of(interface).scale;
            Lane { number: *number, from, to: to.unwrap_or(from) }
        });
        let from = match &info.section {
            Some(Section::Ng(section)) => Some(Order { big_endian: section.header.big_endian }),
            _ => None,
        };
        let translation = Translation::new(from, self.order, lanes.collect());
        Fit { info, numbers, translation }
    }

    /// Makes a place for interfaces that packets name and nobody described: Ethernet, as everywhere else.
    fn complete(&mut self, batch: &PacketBatch) {
        let known = self.numbers().len();
        let most =
            batch.frames().iter().map(|frame| usize::from(frame.interface) + 1).max().unwrap_or_default();
        let (block, clock) = describe(&Interface::of(LinkType::ETHERNET), self.order, self.resolution);
        let there = self.interfaces.iter().position(|there| there.block == block);
        let number = there.unwrap_or_else(|| {
            let lens = Lens::of(&Interface { clock, ..Interface::of(LinkType::ETHERNET) });
            self.interfaces.push(Described { block, lens });
            self.interfaces.len() - 1
        });
        if let Some(fit) = self.fits.last_mut() {
            fit.numbers.extend((known..most).map(|_| number as u32));
        }
    }

    /// See [`crate::Writer::size`].
    pub(crate) fn size(&self, batch: &PacketBatch, at: usize) -> usize {
        let Some(frame) = batch.frames().get(at) else { return 0 };
        let first = batch.extras().partition_point(|extra| (extra.before as usize) < at);
        let mine = batch.extras().get(first..).unwrap_or_default().iter();
        let (mut blocks, mut rest) = (0, None);
        for extra in mine.take_while(|extra| extra.before as usize == at) {
            match extra.role {
                Role::Block => blocks += extra.len as usize,
                _ => rest = Some(extra),
            }
        }
        blocks + self.raw(batch, frame).map_or(0, |packet| packet.size(rest))
    }

    /// See [`crate::Writer::head_size`].
    pub(crate) fn head_size(&self) -> usize {
        let header = if self.written.is_none() { self.header.len() } else { 0 };
        let untold = self.interfaces.get(self.written.unwrap_or_default()..).unwrap_or_default();
        header + untold.iter().map(|there| there.block.len()).sum::<usize>()
    }

    /// See [`crate::Writer::write`].
    pub(crate) fn write<E>(
        &mut self,
        batch: &PacketBatch,
        range: Range<usize>,
        mut emit: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.begin();
        let mut out = std::mem::take(&mut self.out);
        let mut position = self.position;
        let mut emit = |bytes: &[u8]| {
            position += bytes.len() as u64;
            emit(bytes)
        };
        let mut extras = batch.extras().iter().peekable();
        while extras.next_if(|extra| (extra.before as usize) < range.start).is_some() {}
        for at in range.clone() {
            let mut mine = None;
            while let Some(extra) = extras.next_if(|extra| extra.before as usize == at) {
                match extra.role {
                    Role::Block => self.block(&mut out, batch.extra(extra)),
                    _ => mine = Some(extra),
                }
            }
            if let Some(frame) = batch.frames().get(at) {
                self.packet(&mut out, batch, frame, mine);
            }
            if out.len() >= GATHER {
                emit(&out)?;
                out.clear();
            }
        }
        if range.end == batch.len() {
            extras
                .filter(|extra| extra.role == Role::Block)
                .for_each(|e| self.block(&mut out, batch.extra(e)));
        }
        let result = if out.is_empty() { Ok(()) } else { emit(&out) };
        out.clear();
        (self.out, self.position) = (out, position);
        result
    }

    /// Puts the section header and the descriptions of interfaces before what needs them.
    fn begin(&mut self) {
        let written = self.written.unwrap_or_else(|| {
            self.out.extend_from_slice(&self.header);
            self.start = self.position + self.header.len() as u64;
            0
        });
        for interface in self.interfaces.iter().skip(written) {
            self.out.extend_from_slice(&interface.block);
        }
        self.written = Some(self.interfaces.len());
    }

    fn block(&self, out: &mut Vec<u8>, block: &[u8]) {
        if let Some(fit) = self.fits.last() {
            fit.translation.block(out, block);
        }
    }

    /// A packet with what is needed to write it.
    fn raw<'a>(&'a self, batch: &'a PacketBatch, frame: &'a Frame) -> Option<Raw<'a>> {
        let fit = self.fits.last()?;
        let number = *fit.numbers.get(usize::from(frame.interface))?;
        Some(Raw {
            order: self.order,
            number,
            lens: &self.interfaces.get(number as usize)?.lens,
            frame,
            units: fit.translation.units(frame.interface, batch.headroom(frame)),
            data: batch.data(frame),
        })
    }

    fn packet(&self, out: &mut Vec<u8>, batch: &PacketBatch, frame: &Frame, extra: Option<&Extra>) {
        let (Some(fit), Some(packet)) = (self.fits.last(), self.raw(batch, frame)) else { return };
        let Some(extra) = extra else {
            return packet.write(out, Role::Enhanced { padding: 0 }, &[], |out| packet.put_flags(out));
        };
        let (padding, options) = packet::split(extra.role, batch.extra(extra));
        let block = packet.kind(extra.role);
        packet.write(out, extra.role, padding, |out| fit.translation.options(out, block, options));
    }

    /// See [`crate::Writer::restart`].
    pub(crate) fn restart(&mut self) {
        self.written = None;
        self.position = 0;
    }

    /// See [`crate::Writer::finish`].
    pub(crate) fn finish<E>(&mut self, emit: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let result = if self.written.is_none() {
            self.begin();
            let out = std::mem::take(&mut self.out);
            self.position += out.len() as u64;
            emit(&out)
        } else {
            Ok(())
        };
        self.end_section();
        result
    }
}

/// The header of a section that is made here.
fn new_section() -> Vec<u8> {
    const WHOLE: u32 = 28;
    let order = Order::LITTLE;
    let mut block = Vec::with_capacity(WHOLE as usize);
    for word in [kind::SECTION, WHOLE, MAGIC, 1, u32::MAX, u32::MAX, WHOLE] {
        block.extend_from_slice(&order.put32(word));
    }
    block
}
