//! Tunnels over UDP: which ports announce one, and whether the payload looks like it.

use super::{Cursor, Step, geneve, gtpu, l2tp, teredo, udp, vxlan};

/// A tunnel over UDP that a port announces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tunnel {
    Vxlan,
    VxlanGpe,
    Geneve,
    GtpU,
    Teredo,
    L2tp,
}

/// The tunnel that a UDP header announces. A port proves nothing: whoever decodes it looks at the payload, too.
#[inline(always)]
pub(super) fn of_ports(source: u16, destination: u16) -> Option<Tunnel> {
    match destination {
        vxlan::PORT | vxlan::OLD_PORT => Some(Tunnel::Vxlan),
        vxlan::GPE_PORT => Some(Tunnel::VxlanGpe),
        geneve::PORT => Some(Tunnel::Geneve),
        gtpu::PORT => Some(Tunnel::GtpU),
        teredo::PORT => Some(Tunnel::Teredo),
        l2tp::PORT => Some(Tunnel::L2tp),
        // These answer from the port that they were asked on.
        _ => match source {
            gtpu::PORT => Some(Tunnel::GtpU),
            teredo::PORT => Some(Tunnel::Teredo),
            l2tp::PORT => Some(Tunnel::L2tp),
            _ => None,
        },
    }
}

impl Tunnel {
    /// Goes on behind the UDP header that begins here, with the length that it claims, if the payload looks like the tunnel.
    #[inline(never)]
    pub fn decode(self, cursor: &mut Cursor<'_>, claimed: usize) -> Step {
        let at = cursor.at + udp::LEN;
        // A length of zero stands for all that is there.
        let end = if claimed == 0 { cursor.end } else { cursor.end.min(cursor.at + claimed) };
        let payload = cursor.frame.get(at..end).unwrap_or_default();
        let length = claimed.saturating_sub(udp::LEN).max(payload.len());
        if !self.is_plausible(payload, length) {
            return cursor.payload(udp::LEN);
        }
        if claimed > 0 {
            cursor.carry(cursor.at + claimed);
        }
        cursor.at = at;
        match self {
            Self::Vxlan => vxlan::decode(cursor),
            Self::VxlanGpe => vxlan::decode_gpe(cursor),
            Self::Geneve => geneve::decode(cursor),
            Self::GtpU => gtpu::decode(cursor),
            Self::Teredo => teredo::decode(cursor),
            Self::L2tp => l2tp::decode(cursor),
        }
    }

    fn is_plausible(self, payload: &[u8], length: usize) -> bool {
        match self {
            Self::Vxlan => vxlan::is_plausible(payload),
            Self::VxlanGpe => vxlan::is_plausible_gpe(payload),
            Self::Geneve => geneve::is_plausible(payload),
            Self::GtpU => gtpu::is_plausible(payload, length),
            Self::Teredo => teredo::is_plausible(payload, length),
            Self::L2tp => l2tp::is_plausible(payload, length),
        }
    }
}
