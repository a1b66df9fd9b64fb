//! What there is to say about a packet, header by header, for everything that writes packets out in full.
//!
//! The names of fields are stable: they are written down at [`json`](super::json()).

mod link;
mod network;
mod transport;
mod tunnel;

use std::net::IpAddr;

use crate::flow;
use crate::layers::{Layers, Proto};
use crate::verify::{self, Offload, Verdict, Verdicts};

/// Where the fields of a packet go.
pub(super) trait Fields {
    /// Whether to give also what tells more about the writing of a header than about the packet: lengths of headers,
    /// checksums with their verdicts.
    const ALL: bool;

    /// Begins an object: a header, or a packet in a packet.
    fn begin(&mut self, key: &str);

    /// Ends an object or an item of a list.
    fn end(&mut self);

    /// Begins a list, either of items or of values without a key.
    fn begin_list(&mut self, key: &str);

    /// Begins an item.
    fn begin_item(&mut self);

    /// Ends a list.
    fn end_list(&mut self);

    /// A number.
    fn num(&mut self, key: &str, number: impl Into<u64>);

    /// A number that people write with this many hexadecimal digits (or in decimal, for 0), and its name if it has one.
    fn named(&mut self, key: &str, number: impl Into<u64>, digits: u32, name: Option<&str>);

    /// The number and the name of an option.
    fn kind(&mut self, number: u8, name: Option<&str>);

    /// Yes or no.
    fn flag(&mut self, key: &str, value: bool);

    /// A hardware address.
    fn mac(&mut self, key: &str, bytes: &[u8]);

    /// An address; without a key, an element of a list.
    fn ip(&mut self, key: &str, address: IpAddr);

    /// A word of our own, of letters that need no escape.
    fn word(&mut self, key: &str, letters: impl Iterator<Item = u8>);

    /// Bytes of any meaning.
    fn bytes(&mut self, key: &str, bytes: &[u8]);

    /// A checksum, where all fields are wanted.
    fn checksum(&mut self, key: &str, stored: impl Into<u64>, digits: u32, verdict: Verdict);
}

/// A packet, or one inside of it, whose headers are being told.
struct Scope<'a> {
    frame: &'a [u8],
    layers: &'a Layers,
    verdicts: Option<Verdicts>,
}

impl Scope<'_> {
    fn verdict(&self, of: impl Fn(&Verdicts) -> Verdict) -> Verdict {
        self.verdicts.as_ref().map_or(Verdict::Unverifiable, of)
    }

    /// How many bytes there are from `at` to the end of the packet, captured or not.
    fn rest(&self, at: usize) -> usize {
        self.layers.claimed_end(self.frame).saturating_sub(at)
    }
}

/// Tells the headers of a packet; then, as an object `inner`, those of what its tunnel carries, or, as `quoted`, those of
/// the packet that an ICMP error quotes.
pub(super) fn packet<F: Fields>(out: &mut F, frame: &[u8], layers: &Layers, wire_len: u32, offload: Offload) {
    let opened = headers(out, frame, layers, wire_len, offload);
    if let Some(carried) = carried(frame, layers) {
        out.begin("inner");
        // What the kernel had found right may be the outside alone.
        let offload = if offload == Offload::Valid { Offload::None } else { offload };
        packet(out, frame, &carried, wire_len, offload);
        out.end();
    } else if let Some(quoted) = flow::quoted(frame, layers) {
        out.begin("quoted");
        self::quoted(out, frame, &quoted);
        out.end();
    }
    (0..opened).for_each(|_| out.end());
}

/// What a tunnel carries, unless none of its headers is known.
fn carried(frame: &[u8], layers: &Layers) -> Option<Layers> {
    layers.carried(frame).filter(|carried| carried.headers().next().is_some())
}

/// A quoted packet was sent, so that no checksum was left to do; what it quotes in turn is not told.
fn quoted<F: Fields>(out: &mut F, frame: &[u8], layers: &Layers) {
    let opened = headers(out, frame, layers, u32::MAX, Offload::None);
    if let Some(carried) = carried(frame, layers) {
        out.begin("inner");
        quoted(out, frame, &carried);
        out.end();
    }
    (0..opened).for_each(|_| out.end());
}

/// Tells the headers up to the next tunnel. Returns how many objects are still to be ended: one `inner` for each time
/// that a header came again, as behind the labels of a pseudowire.
fn headers<F: Fields>(out: &mut F, frame: &[u8], layers: &Layers, wire_len: u32, offload: Offload) -> usize {
    let verdicts = F::ALL.then(|| verify::check(frame, layers, wire_len, offload));
    // What comes behind the packet is padding, whatever a header says about its length.
    let frame = frame.get(..layers.l3_end()).unwrap_or(frame);
    let scope = Scope { frame, layers, verdicts };
    let (mut seen, mut opened, mut previous) = (0u64, 0, None);
    for (proto, at) in layers.own() {
        // Tags that follow each other are one list.
        let is_told = (proto == Proto::Vlan && previous == Some(proto)) || proto == Proto::Ipv6Fragment;
        previous = Some(proto);
        if is_told || (proto.is_extension() && seen & extensions() != 0) {
            continue;
        }
        let bit = 1 << proto as u64;
        if seen & bit != 0 {
            out.begin("inner");
            (seen, opened) = (0, opened + 1);
        }
        seen |= bit;
        header(out, &scope, proto, at);
    }
    opened
}

/// The extension headers, as a set: they are told as one list, too.
fn extensions() -> u64 {
    [Proto::Ipv6HopByHop, Proto::Ipv6Routing, Proto::Ipv6DestOpts, Proto::Ipv6Extension]
        .into_iter()
        .fold(0, |set, proto| set | 1 << proto as u64)
}

fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    if proto.is_link() {
        link::header(out, scope, proto, at);
    } else if proto.is_transport() {
        transport::header(out, scope, proto, at);
    } else if proto.is_tunnel() {
        tunnel::header(out, scope, proto, at);
    } else {
        network::header(out, scope, proto, at);
    }
}
