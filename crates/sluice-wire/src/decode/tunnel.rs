//! Tunnels over UDP: which ports announce one, and whether the payload looks like it.

use super::{Cursor, Step, udp, vxlan};

/// A tunnel over UDP that a port announces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tunnel {
    Vxlan,
    VxlanGpe,
}

/// The tunnel that a UDP header announces. A port proves nothing: whoever decodes it looks at the payload, too.
#[inline(always)]
pub(super) fn of_ports(_source: u16, destination: u16) -> Option<Tunnel> {
    match destination {
        vxlan::PORT | vxlan::OLD_PORT => Some(Tunnel::Vxlan),
        vxlan::GPE_PORT => Some(Tunnel::VxlanGpe),
        _ => None,
    }
}

impl Tunnel {
    /// Goes on behind the UDP header that begins here, with this `length` field, if the payload looks like the tunnel.
    #[inline(never)]
    pub fn decode(self, cursor: &mut Cursor<'_>, length: usize) -> Step {
        let at = cursor.at + udp::LEN;
        let end = if length == 0 { cursor.end } else { cursor.end.min(cursor.at + length) };
        let payload = cursor.frame.get(at..end).unwrap_or_default();
        let is_plausible = match self {
            Self::Vxlan => vxlan::is_plausible(payload),
            Self::VxlanGpe => vxlan::is_plausible_gpe(payload),
        };
        if !is_plausible {
            return cursor.payload(udp::LEN);
        }
        cursor.at = at;
        match self {
            Self::Vxlan => vxlan::decode(cursor, end),
            Self::VxlanGpe => vxlan::decode_gpe(cursor, end),
        }
    }
}
