//! Link headers, and what each says of the header behind it.

use sluice_wire::link::LinkType;

use super::super::build::Cond;
use super::super::build::values::{Size, Values};
use super::super::build::{Cmp, values::Value};
use super::super::program::code;
use super::{Gen, Options, Place};
use crate::error::{Error, Span};

pub(super) const IPV4: u32 = 0x0800;
pub(super) const IPV6: u32 = 0x86DD;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const AARP: u32 = 0x80F3;
pub(super) const ATALK: u32 = 0x809B;
pub(super) const DECNET: u32 = 0x6003;
pub(super) const MPLS: u32 = 0x8847;
pub(super) const PPPOE_DISCOVERY: u32 = 0x8863;
pub(super) const PPPOE_SESSION: u32 = 0x8864;
pub(super) const PPP_MPLS: u32 = 0x0281;
const IPX_TYPE: u32 = 0x8137;
/// SAPs of 802.2, which stand for protocols below 256.
pub(super) const ISO: u32 = 0xFE;
pub(super) const IPX: u32 = 0xE0;
pub(super) const NETBEUI: u32 = 0xF0;
pub(super) const STP: u32 = 0x42;
/// The largest length of an 802.3 frame; larger numbers are EtherTypes.
const MAX_8023: u32 = 1500;

/// How a link header is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    Ethernet,
    Sll,
    Sll2,
    Null,
    Loop,
    Raw,
    Ipv4,
    Ipv6,
    Ppp,
    Hdlc,
    Pflog,
    Wlan,
    Atm,
    /// Nothing is known but where the frame begins.
    Other,
}

impl Link {
    fn of(link: LinkType) -> Self {
        match link.0 {
            0 => Link::Null,
            1 => Link::Ethernet,
            9 | 50 | 51 => Link::Ppp,
            12 | 14 | 101 => Link::Raw,
            104 => Link::Hdlc,
            105 | 127 | 163 => Link::Wlan,
            108 => Link::Loop,
            113 => Link::Sll,
            117 => Link::Pflog,
            123 => Link::Atm,
            228 => Link::Ipv4,
            229 => Link::Ipv6,
            276 => Link::Sll2,
            _ => Link::Other,
        }
    }

    /// What an error calls it: the name of the file's link type, unless a tunnel lies between.
    pub fn name(self, outermost: LinkType) -> String {
        if self == Link::of(outermost) { outermost.to_string() } else { format!("{self:?}").to_uppercase() }
    }

    /// Whether it has Ethernet addresses in the places where Ethernet has them.
    pub const fn is_ethernet(self) -> bool {
        matches!(self, Link::Ethernet)
    }
}

impl Gen {
    pub(super) fn new(options: Options) -> Self {
        let link = Link::of(options.link);
        let (kind, payload, inner, inner_iso) = match link {
            Link::Ethernet => (12, 14, 0, 3),
            Link::Sll => (14, 16, 0, 0),
            Link::Sll2 => (0, 20, 0, 0),
            Link::Null | Link::Loop => (0, 4, 0, 0),
            // PPP over Ethernet in a file has the PPPoE header before it.
            Link::Ppp if options.link.0 == 51 => (6, 8, 0, 0),
            Link::Ppp | Link::Hdlc => (2, 4, 0, 0),
            Link::Pflog => (1, 0, 0, 0),
            Link::Wlan => (0, 0, 8, 3),
            Link::Atm => (0, 4, 8, 3),
            Link::Raw | Link::Ipv4 | Link::Ipv6 | Link::Other => (0, 0, 0, 0),
        };
        let mut made = Gen {
            values: Values::default(),
            options,
            link,
            header: Place::fixed(0),
            kind: Place::fixed(kind),
            payload: Place::fixed(payload),
            inner,
            inner_iso,
            labels: 0,
            tags: 0,
            optional_link: None,
            lane_control: None,
            kept: 0,
            prologue: Vec::new(),
        };
        match link {
            Link::Pflog => made.pf_payload(),
            Link::Wlan => made.wlan_payload(),
            _ => {}
        }
        made
    }

    /// Whether the header behind the link header is of this kind: an EtherType, or a SAP below 256.
    pub(super) fn linktype(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        if self.labels > 0 {
            return self.behind_labels(number, span);
        }
        Ok(match self.link {
            Link::Ethernet => {
                let test = self.ethernet_type(number);
                self.lane_data(test)
            }
            Link::Sll => self.sll_type(number),
            Link::Sll2 => self.equal(self.kind, Size::Half, number),
            Link::Hdlc => {
                let number = if number == ISO { ISO << 8 | ISO } else { number };
                self.equal(self.kind, Size::Half, number)
            }
            Link::Ppp => self.equal(self.kind, Size::Half, ppp_type(number)),
            Link::Null => {
                let families = families(number);
                // The host that captured wrote the number in its own byte order, which a frame does not tell.
                let both = families.iter().flat_map(|family| [family.swap_bytes(), *family]);
                let conds: Vec<_> = both.map(|family| self.equal(self.kind, Size::Word, family)).collect();
                any_or_never(conds)
            }
            Link::Loop => {
                let conds = families(number)
                    .iter()
                    .map(|family| self.equal(self.kind, Size::Word, *family))
                    .collect();
                any_or_never(conds)
            }
            Link::Pflog => {
                let conds = families(number)
                    .iter()
                    .map(|family| self.equal(self.kind, Size::Byte, *family))
                    .collect();
                any_or_never(conds)
            }
            Link::Raw => match number {
                IPV4 => self.masked(self.payload, Size::Byte, 0xF0, 0x40),
                IPV6 => self.masked(self.payload, Size::Byte, 0xF0, 0x60),
                _ => Cond::Is(false),
            },
            Link::Ipv4 => Cond::Is(number == IPV4),
            Link::Ipv6 => Cond::Is(number == IPV6),
            Link::Wlan => {
                let data = self.wlan_data();
                Cond::all([data, self.llc_type(number)])
            }
            Link::Atm => {
                let llc = self.atm_llc();
                Cond::all([llc, self.llc_type(number)])
            }
            Link::Other => return Err(self.refuse(span, "headers behind the link header cannot be found")),
        })
    }

    /// Whether a frame has a length where an EtherType could be.
    pub(super) fn is_8023(&mut self) -> Cond {
        let kind = self.load(self.kind, Size::Half);
        self.is(kind, Cmp::Gt, MAX_8023).negated()
    }

    fn ethernet_type(&mut self, number: u32) -> Cond {
        let payload = self.payload;
        match number {
            ISO | NETBEUI => {
                let both = self.equal(payload, Size::Half, number << 8 | number);
                Cond::all([self.is_8023(), both])
            }
            IPX => {
                let snap = self.snap(0, IPX_TYPE);
                let sap = self.equal(payload, Size::Byte, IPX);
                let raw = self.equal(payload, Size::Half, 0xFFFF);
                let in_8023 = Cond::all([self.is_8023(), Cond::any([snap, sap, raw])]);
                Cond::any([self.equal(self.kind, Size::Half, IPX_TYPE), in_8023])
            }
            ATALK | AARP => {
                let snap = self.snap(if number == ATALK { APPLE } else { 0 }, number);
                let in_8023 = Cond::all([self.is_8023(), snap]);
                Cond::any([self.equal(self.kind, Size::Half, number), in_8023])
            }
            0..=MAX_8023 => {
                let sap = self.equal(payload, Size::Byte, number);
                Cond::all([self.is_8023(), sap])
            }
            _ => self.equal(self.kind, Size::Half, number),
        }
    }

    fn sll_type(&mut self, number: u32) -> Cond {
        const LLC: u32 = 4;
        const RAW_IPX: u32 = 1;
        let (kind, payload) = (self.kind, self.payload);
        let llc = self.equal(kind, Size::Half, LLC);
        match number {
            ISO | NETBEUI => Cond::all([llc, self.equal(payload, Size::Half, number << 8 | number)]),
            IPX => {
                let snap = self.snap(0, IPX_TYPE);
                let sap = self.equal(payload, Size::Byte, IPX);
                let direct = self.equal(kind, Size::Half, IPX_TYPE);
                let raw = self.equal(kind, Size::Half, RAW_IPX);
                Cond::any([direct, raw, Cond::all([llc, Cond::any([sap, snap])])])
            }
            ATALK | AARP => {
                let snap = self.snap(if number == ATALK { APPLE } else { 0 }, number);
                Cond::any([self.equal(kind, Size::Half, number), Cond::all([llc, snap])])
            }
            0..=MAX_8023 => Cond::all([llc, self.equal(payload, Size::Byte, number)]),
            _ => self.equal(kind, Size::Half, number),
        }
    }

    /// What an 802.2 header says, where there always is one.
    fn llc_type(&mut self, number: u32) -> Cond {
        let payload = self.payload;
        match number {
            ISO | NETBEUI => self.equal(payload, Size::Half, number << 8 | number),
            ATALK => self.snap(APPLE, ATALK),
            0..=MAX_8023 => self.equal(payload, Size::Byte, number),
            _ => self.equal(payload.plus(6), Size::Half, number),
        }
    }

    /// Whether a SNAP header follows with this organisation and type.
    fn snap(&mut self, organisation: u32, number: u32) -> Cond {
        let kind = self.equal(self.payload.plus(4), Size::Word, organisation << 16 | number);
        let head = self.equal(self.payload, Size::Word, 0xAAAA_0300 | organisation >> 16);
        Cond::all([kind, head])
    }

    /// What a stack of labels does not tell, but the version nibble behind it does.
    fn behind_labels(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        let version = match number {
            IPV4 => 0x40,
            IPV6 => 0x60,
            _ => return Err(Error::new(span, "behind MPLS labels only IPv4 and IPv6 can be told apart")),
        };
        let last = self.last_label(true);
        Ok(Cond::all([last, self.masked(self.network(), Size::Byte, 0xF0, version)]))
    }

    /// Whether the label before the network header is the last one of its stack.
    pub(super) fn last_label(&mut self, last: bool) -> Cond {
        self.masked(self.payload.plus(self.inner.wrapping_sub(2)), Size::Byte, 1, last.into())
    }

    /// The length of the IPv4 header, counted from where its base is.
    pub(super) fn transport(&mut self) -> Place {
        let network = self.network();
        let length = match network.base {
            None => self.values.id(Value::HeaderLen(network.at)),
            Some(base) => {
                let first = self.load(network, Size::Byte);
                let words = self.values.alu_k(code::AND, first, 0xF);
                let length = self.values.alu_k(code::LSH, words, 2);
                self.values.alu(code::ADD, length, base)
            }
        };
        Place { base: Some(length), at: network.at }
    }
}

/// The organisation of AppleTalk in SNAP headers.
const APPLE: u32 = 0x08_0007;

fn any_or_never(conds: Vec<Cond>) -> Cond {
    if conds.is_empty() { Cond::Is(false) } else { Cond::any(conds) }
}

/// The address families that stand for a protocol: nobody agreed on one for IPv6.
const fn families(number: u32) -> &'static [u32] {
    match number {
        IPV4 => &[2],
        IPV6 => &[30, 24, 28, 10],
        _ => &[],
    }
}

/// What PPP calls a protocol.
const fn ppp_type(number: u32) -> u32 {
    match number {
        IPV4 => 0x0021,
        IPV6 => 0x0057,
        DECNET => 0x0027,
        ATALK => 0x0029,
        ISO => 0x0023,
        STP => 0x0031,
        IPX => 0x002B,
        other => other,
    }
}
