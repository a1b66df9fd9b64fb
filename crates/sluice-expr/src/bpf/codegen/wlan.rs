//! IEEE 802.11, perhaps behind a radio header.

use super::super::ast::MacDir;
use super::super::build::Cond;
use super::super::build::values::{Size, Value};
use super::super::program::code;
use super::link::Link;
use super::{Gen, Place};
use crate::error::{Error, Span};

const RADIOTAP: u16 = 127;
const AVS: u16 = 163;
/// Bits of the first byte: the type is 0 for management, 4 for control, 8 for data.
const CONTROL: u32 = 0x04;
const DATA: u32 = 0x08;
const QOS: u32 = 0x80;
/// Bits of the second byte.
const TO_DS: u32 = 0x01;
const FROM_DS: u32 = 0x02;
/// Where the addresses are.
const ADDRESSES: [u32; 4] = [4, 10, 16, 24];

impl Gen {
    pub(super) const fn has_radio_header(&self) -> bool {
        self.options.link.0 != 105
    }

    /// Finds the frame behind the radio header and the payload behind the frame's header.
    pub(super) fn wlan_payload(&mut self) {
        let radio = match self.options.link.0 {
            RADIOTAP => {
                // The length is little-endian.
                let high = self.load(Place::fixed(3), Size::Byte);
                let high = self.values.alu_k(code::LSH, high, 8);
                let low = self.load(Place::fixed(2), Size::Byte);
                Some(self.values.alu(code::OR, high, low))
            }
            AVS => Some(self.load(Place::fixed(4), Size::Word)),
            _ => None,
        };
        if let Some(length) = radio {
            let slot = self.prologue_slot();
            self.prologue.push((slot, Cond::Keep(slot, length)));
            self.header = self.slot_place(slot);
        }
        // The header has 24 bytes, and two more in data frames with a QoS field.
        let slot = self.prologue_slot();
        let qos = self.any_bit(self.header, Size::Byte, QOS);
        let long = self.value(self.header.plus(26));
        let long = Cond::all([self.wlan_data(), qos, Cond::Keep(slot, long)]);
        let short = self.value(self.header.plus(24));
        self.prologue.push((slot, Cond::any([long, Cond::Keep(slot, short)])));
        self.payload = self.slot_place(slot);
        if self.options.link.0 == RADIOTAP {
            self.radiotap_padding();
        }
    }

    /// A radiotap header may say that the headers of data frames are padded to four bytes.
    fn radiotap_padding(&mut self) {
        const PRESENT: Place = Place::fixed(4);
        const FLAGS: u32 = 0x0200_0000;
        const TIME: u32 = 0x0100_0000;
        const MORE: u32 = 0x80;
        const PADDED: u32 = 0x20;
        let slot = self.prologue_slot();
        let end = self.value(self.payload);
        let padded = self.values.alu_k(code::ADD, end, 3);
        let padded = self.values.alu_k(code::AND, padded, !3);
        let has_flags = self.any_bit(PRESENT, Size::Word, FLAGS);
        let has_more = self.any_bit(PRESENT, Size::Word, MORE);
        let has_time = self.any_bit(PRESENT, Size::Word, TIME);
        let behind_time = self.any_bit(Place::fixed(16), Size::Byte, PADDED);
        let at_once = self.any_bit(Place::fixed(8), Size::Byte, PADDED);
        let says_so =
            Cond::any([Cond::all([has_time.clone(), behind_time]), Cond::all([has_time.negated(), at_once])]);
        let data = self.wlan_data();
        let moved = Cond::all([data, has_flags, has_more.negated(), says_so, Cond::Keep(slot, padded)]);
        self.prologue.push((slot, Cond::any([moved, Cond::Keep(slot, end)])));
        self.payload = self.slot_place(slot);
    }

    /// A word of memory; there is room at the beginning.
    fn prologue_slot(&mut self) -> u8 {
        self.kept += 1;
        self.kept - 1
    }

    fn slot_place(&mut self, slot: u8) -> Place {
        Place { base: Some(self.values.id(Value::Slot(slot))), at: 0 }
    }

    pub(super) fn wlan_data(&mut self) -> Cond {
        let control = self.any_bit(self.header, Size::Byte, CONTROL);
        Cond::all([control.negated(), self.any_bit(self.header, Size::Byte, DATA)])
    }

    fn need_wlan(&self, span: Span) -> Result<(), Error> {
        if self.link == Link::Wlan { Ok(()) } else { Err(self.refuse(span, "there are no 802.11 frames")) }
    }

    pub(super) fn wlan_frame(&mut self, value: u8, mask: u8, span: Span) -> Result<Cond, Error> {
        self.need_wlan(span)?;
        Ok(self.masked(self.header, Size::Byte, mask.into(), value.into()))
    }

    pub(super) fn wlan_dir(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        self.need_wlan(span)?;
        Ok(self.masked(self.header.plus(1), Size::Byte, TO_DS | FROM_DS, number))
    }

    /// The two bits of the direction.
    fn ds(&mut self, bit: u32) -> Cond {
        self.any_bit(self.header.plus(1), Size::Byte, bit)
    }

    pub(super) fn wlan_mac(&mut self, dir: MacDir, address: [u8; 6]) -> Cond {
        match dir {
            MacDir::Src => self.source(address),
            MacDir::Dst => {
                let header = self.header;
                self.destination(|state, at| state.mac_at(header.plus(at), address))
            }
            MacDir::Both => {
                let source = self.source(address);
                Cond::all([source, self.wlan_mac(MacDir::Dst, address)])
            }
            MacDir::Either => {
                let source = self.source(address);
                Cond::any([source, self.wlan_mac(MacDir::Dst, address)])
            }
            MacDir::Addr1 => self.numbered(0, address),
            MacDir::Addr2 => Cond::all([self.has_second(), self.numbered(1, address)]),
            MacDir::Addr3 => {
                let control = self.masked(self.header, Size::Byte, 0x0C, CONTROL);
                Cond::all([control.negated(), self.numbered(2, address)])
            }
            MacDir::Addr4 => {
                let both = self.masked(self.header.plus(1), Size::Byte, TO_DS | FROM_DS, TO_DS | FROM_DS);
                Cond::all([both, self.numbered(3, address)])
            }
            // Like libpcap, these look at data frames alone.
            MacDir::Ra => Cond::all([self.any_bit(self.header, Size::Byte, DATA), self.numbered(0, address)]),
            MacDir::Ta => {
                let data = self.any_bit(self.header, Size::Byte, DATA);
                Cond::all([data, self.has_second(), self.numbered(1, address)])
            }
        }
    }

    fn numbered(&mut self, index: usize, address: [u8; 6]) -> Cond {
        let at = ADDRESSES.get(index).copied().unwrap_or_default();
        self.mac_at(self.header.plus(at), address)
    }

    /// Whether there is a second address: not in CTS and ACK frames.
    fn has_second(&mut self) -> Cond {
        let control = self.masked(self.header, Size::Byte, 0x0C, CONTROL);
        let cts = self.masked(self.header, Size::Byte, 0xF0, 0xC0);
        let ack = self.masked(self.header, Size::Byte, 0xF0, 0xD0);
        Cond::all([control, Cond::any([cts, ack])]).negated()
    }

    /// The source: the second address, and in data frames from a distribution system the third or the fourth.
    fn source(&mut self, address: [u8; 6]) -> Cond {
        let control = self.any_bit(self.header, Size::Byte, CONTROL);
        let data = self.any_bit(self.header, Size::Byte, DATA);
        let management = Cond::all([data.clone().negated(), self.numbered(1, address)]);
        let own = Cond::all([self.ds(FROM_DS).negated(), self.numbered(1, address)]);
        let third = Cond::all([self.ds(TO_DS).negated(), self.numbered(2, address)]);
        let fourth = Cond::all([self.ds(TO_DS), self.numbered(3, address)]);
        let relayed = Cond::all([self.ds(FROM_DS), Cond::any([third, fourth])]);
        let data = Cond::all([data, Cond::any([own, relayed])]);
        Cond::all([control.negated(), Cond::any([management, data])])
    }

    /// The destination: the first address, and in data frames to a distribution system the third.
    fn destination(&mut self, test: impl Fn(&mut Gen, u32) -> Cond) -> Cond {
        let [first, _, third, _] = ADDRESSES;
        let control = self.any_bit(self.header, Size::Byte, CONTROL);
        let data = self.any_bit(self.header, Size::Byte, DATA);
        let management = Cond::all([data.clone().negated(), test(self, first)]);
        let own = Cond::all([self.ds(TO_DS).negated(), test(self, first)]);
        let relayed = Cond::all([self.ds(TO_DS), test(self, third)]);
        let data = Cond::all([data, Cond::any([own, relayed])]);
        Cond::all([control.negated(), Cond::any([management, data])])
    }

    pub(super) fn wlan_multicast(&mut self) -> Cond {
        let header = self.header;
        self.destination(|state, at| state.any_bit(header.plus(at), Size::Byte, 1))
    }
}
