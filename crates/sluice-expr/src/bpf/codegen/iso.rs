//! Protocols by name, and those of ISO.

use super::super::ast::{Family, Llc, Proto};
use super::super::build::Cond;
use super::super::build::values::Size;
use super::link::{self, Link};
use super::{Gen, Place};
use crate::error::{Error, Span};

const CLNP: u32 = 0x81;
const ESIS: u32 = 0x82;
const ISIS: u32 = 0x83;

/// Kinds of IS-IS packets.
mod isis {
    pub const L1_HELLO: u32 = 15;
    pub const L2_HELLO: u32 = 16;
    pub const POINT_HELLO: u32 = 17;
    pub const L1_LSP: u32 = 18;
    pub const L2_LSP: u32 = 20;
    pub const L1_CSNP: u32 = 24;
    pub const L2_CSNP: u32 = 25;
    pub const L1_PSNP: u32 = 26;
    pub const L2_PSNP: u32 = 27;
}

impl Gen {
    /// A protocol that is named alone.
    pub(super) fn proto(&mut self, proto: Proto, span: Span) -> Result<Cond, Error> {
        use isis::*;
        match proto {
            Proto::Ip => self.linktype(link::IPV4, span),
            Proto::Ip6 => self.linktype(link::IPV6, span),
            Proto::Arp => self.linktype(link::ARP, span),
            Proto::Rarp => self.linktype(link::RARP, span),
            Proto::Atalk => self.linktype(link::ATALK, span),
            Proto::Aarp => self.linktype(link::AARP, span),
            Proto::Decnet => self.linktype(link::DECNET, span),
            Proto::Lat => self.linktype(0x6004, span),
            Proto::Sca => self.linktype(0x6007, span),
            Proto::Moprc => self.linktype(0x6002, span),
            Proto::Mopdl => self.linktype(0x6001, span),
            Proto::Iso => self.linktype(link::ISO, span),
            Proto::Stp => self.linktype(link::STP, span),
            Proto::Ipx => self.linktype(link::IPX, span),
            Proto::Netbeui => self.linktype(link::NETBEUI, span),
            Proto::Tcp => self.ip_proto(Family::Any, 6, span),
            Proto::Udp => self.ip_proto(Family::Any, 17, span),
            Proto::Sctp => self.ip_proto(Family::Any, 132, span),
            Proto::Ah => self.ip_proto(Family::Any, 51, span),
            Proto::Esp => self.ip_proto(Family::Any, 50, span),
            Proto::Pim => self.ip_proto(Family::Any, 103, span),
            Proto::Icmp => self.ip_proto(Family::V4, 1, span),
            Proto::Igmp => self.ip_proto(Family::V4, 2, span),
            Proto::Igrp => self.ip_proto(Family::V4, 9, span),
            Proto::Vrrp | Proto::Carp => self.ip_proto(Family::V4, 112, span),
            Proto::Icmp6 => self.ip_proto(Family::V6, 58, span),
            Proto::Clnp => self.iso_proto(CLNP, span),
            Proto::Esis => self.iso_proto(ESIS, span),
            Proto::Isis => self.iso_proto(ISIS, span),
            Proto::L1 => self.isis_any(&[L1_PSNP, L1_CSNP, L1_LSP, L1_HELLO, POINT_HELLO], span),
            Proto::L2 => self.isis_any(&[L2_PSNP, L2_CSNP, L2_LSP, L2_HELLO, POINT_HELLO], span),
            Proto::Iih => self.isis_any(&[POINT_HELLO, L1_HELLO, L2_HELLO], span),
            Proto::Lsp => self.isis_any(&[L1_LSP, L2_LSP], span),
            Proto::Snp => self.isis_any(&[L2_PSNP, L1_PSNP, L1_CSNP, L2_CSNP], span),
            Proto::Csnp => self.isis_any(&[L1_CSNP, L2_CSNP], span),
            Proto::Psnp => self.isis_any(&[L1_PSNP, L2_PSNP], span),
            Proto::Link | Proto::Radio => Err(Error::new(
                span,
                format!("`{}` says nothing alone: `host` or `[` should follow", proto.text()),
            )),
        }
    }

    pub(super) fn iso_proto(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        // Cisco HDLC pads before an ISO packet.
        let padding = u32::from(self.link == Link::Hdlc);
        let iso = self.linktype(link::ISO, span)?;
        Ok(Cond::all([iso, self.equal(self.iso_header().plus(padding), Size::Byte, number)]))
    }

    pub(super) fn isis_proto(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        self.isis_any(&[number], span)
    }

    fn isis_any(&mut self, kinds: &[u32], span: Span) -> Result<Cond, Error> {
        let isis = self.iso_proto(ISIS, span)?;
        let place = self.iso_header().plus(4);
        let kinds: Vec<_> = kinds.iter().map(|kind| self.equal(place, Size::Byte, *kind)).collect();
        Ok(Cond::all([isis, Cond::any(kinds)]))
    }

    const fn iso_header(&self) -> Place {
        self.payload.plus(self.inner_iso)
    }

    /// Frames with an 802.2 header, perhaps of one kind.
    pub(super) fn llc(&mut self, kind: Option<Llc>, span: Span) -> Result<Cond, Error> {
        let present = match self.link {
            Link::Ethernet => {
                let raw_ipx = self.equal(self.payload, Size::Half, 0xFFFF);
                Cond::all([self.is_8023(), raw_ipx.negated()])
            }
            Link::Wlan => self.wlan_data(),
            Link::Atm => self.atm_llc(),
            _ => return Err(self.refuse(span, "there are no LLC headers")),
        };
        let control = self.payload.plus(2);
        let mut is = |mask, number| self.masked(control, Size::Byte, mask, number);
        let kind = match kind {
            None => return Ok(present),
            Some(Llc::I) => self.any_bit(control, Size::Byte, 0x01).negated(),
            Some(Llc::S) => is(0x03, 0x01),
            Some(Llc::U) => is(0x03, 0x03),
            Some(Llc::Rr) => is(0x0F, 0x01),
            Some(Llc::Rnr) => is(0x0F, 0x05),
            Some(Llc::Rej) => is(0x0F, 0x09),
            // The bit 0x10 of the others polls or answers and does not count.
            Some(Llc::Ui) => is(0xEF, 0x03),
            Some(Llc::Ua) => is(0xEF, 0x63),
            Some(Llc::Disc) => is(0xEF, 0x43),
            Some(Llc::Dm) => is(0xEF, 0x0F),
            Some(Llc::Sabme) => is(0xEF, 0x6F),
            Some(Llc::Test) => is(0xEF, 0xE3),
            Some(Llc::Xid) => is(0xEF, 0xAF),
            Some(Llc::Frmr) => is(0xEF, 0x87),
        };
        Ok(Cond::all([present, kind]))
    }
}
