//! The most common packets by far, changed in one go: TCP and UDP over IPv4 without options, over Ethernet without tags.
//!
//! Everything else is left to the general visitors, with which this must agree.

use super::change::{Change, Checksums, Effect, Side, Wants};
use super::dhcp;
use super::visit::is_tunnel;
use crate::addr::Mac;
use crate::checksum::{Delta, nonzero};
use crate::decode::{ethernet, ipv4, tcp, udp};
use crate::flow;
use crate::layers::{Layers, Proto};

const TRANSPORT: usize = ethernet::LEN + ipv4::LEN;
const OFFSETS: [u16; 3] = [0, ethernet::LEN as u16, TRANSPORT as u16];
const TCP: usize = TRANSPORT + tcp::CHECKSUM;
const UDP: usize = TRANSPORT + udp::CHECKSUM;

/// Changes such a frame, if it is one.
#[inline(always)]
pub(super) fn apply<C: Change>(frame: &mut [u8], layers: &mut Layers, change: &mut C) -> Option<Effect> {
    let [Proto::Ethernet, Proto::Ipv4, transport, ..] = layers.protos else { return None };
    let wants = change.wants();
    if layers.count != 3
        || layers.offsets.first_chunk() != Some(&OFFSETS)
        || wants.sequence
        || wants.checksums != Checksums::Incremental
    {
        return None;
    }
    match transport {
        Proto::Tcp => ipv4::<_, { TCP + 2 }, false>(frame, layers, change, wants),
        Proto::Udp => ipv4::<_, { UDP + 2 }, true>(frame, layers, change, wants),
        _ => None,
    }
}

/// `END` is where the transport checksum ends.
#[inline(always)]
fn ipv4<C: Change, const END: usize, const IS_UDP: bool>(
    frame: &mut [u8],
    layers: &mut Layers,
    change: &mut C,
    wants: Wants,
) -> Option<Effect> {
    let head: &mut [u8; END] = frame.first_chunk_mut().filter(|_| END <= layers.l3_end())?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (source, destination, ports) = (word(26), word(30), word(TRANSPORT));
    let old_ports @ (from, to) = ((ports >> 16) as u16, ports as u16);
    if IS_UDP && dhcp::is_between((from, to)) {
        return None;
    }
    let (class, hops) = (half(14), half(22));
    let (header_sum, sum) = (half(24), half(END - 2));
    let mut effect = Effect::of(wants.macs && macs(head, change));

    let mut ends = (source, destination);
    let mut fields = (class, hops);
    let mut new_ports = ports;
    if wants.addresses {
        ends = (change.v4(source, Side::Source), change.v4(destination, Side::Destination));
    }
    if wants.header {
        fields.0 = (class & 0xFF00) | u16::from(change.class(class as u8, true));
        fields.1 = (hops & 0x00FF) | (u16::from(change.hops((hops >> 8) as u8)) << 8);
    }
    if wants.ports {
        let (from, to) = (change.port(from, Side::Source), change.port(to, Side::Destination));
        new_ports = (u32::from(from) << 16) | u32::from(to);
    }
    let addresses = Delta::word32(source, ends.0) + Delta::word32(destination, ends.1);
    let other_addresses = ends != (source, destination);
    if other_addresses || fields != (class, hops) {
        let delta = addresses + Delta::word(class, fields.0) + Delta::word(hops, fields.1);
        put(head, 14, fields.0.to_be_bytes());
        put(head, 22, fields.1.to_be_bytes());
        put(head, 24, delta.apply(header_sum).to_be_bytes());
        put(head, 26, ends.0.to_be_bytes());
        put(head, 30, ends.1.to_be_bytes());
        effect = Effect::Fields;
    }
    if other_addresses || new_ports != ports {
        put(head, TRANSPORT, new_ports.to_be_bytes());
        if !(IS_UDP && sum == 0) {
            let new = (addresses + Delta::word32(ports, new_ports)).apply(sum);
            let new = if IS_UDP { nonzero(new) } else { new };
            put(head, END - 2, new.to_be_bytes());
        }
        let (from, to) = ((new_ports >> 16) as u16, new_ports as u16);
        layers.flow_hash = flow::hash_v4((ends.0, from), (ends.1, to), layers.protocol, 0);
        let is_moved = IS_UDP && new_ports != ports && is_tunnel(old_ports, (from, to));
        effect = if is_moved { Effect::Structure } else { Effect::Fields };
    }
    Some(effect)
}

/// Copying from a slice would be a call for each of these few bytes.
#[inline(always)]
fn put<const N: usize>(head: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

#[inline(always)]
fn macs<C: Change>(head: &mut [u8], change: &mut C) -> bool {
    let mut changed = false;
    for (at, side) in [(6, Side::Source), (0, Side::Destination)] {
        let Some(place) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<6>()) else { continue };
        let new = change.mac(Mac(*place), side).0;
        changed |= new != *place;
        *place = new;
    }
    changed
}
