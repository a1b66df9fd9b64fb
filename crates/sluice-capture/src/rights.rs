//! What this process may do with interfaces.

use rustix::thread::{CapabilitySet, capabilities};

use crate::socket::{Framing, PacketSocket};

/// What takes rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Receiving and sending packets.
    Capture,
    /// Receiving what is addressed to others.
    Promiscuous,
    /// Loading an XDP program.
    Xdp,
}

/// The capabilities that matter, with the names that setcap(8) knows them by.
const NAMES: [(&str, CapabilitySet); 3] = [
    ("cap_net_raw", CapabilitySet::NET_RAW),
    ("cap_net_admin", CapabilitySet::NET_ADMIN),
    ("cap_bpf", CapabilitySet::BPF),
];

impl Use {
    /// The capabilities that it takes, as setcap(8) writes them.
    pub fn capabilities(self) -> Vec<&'static str> {
        NAMES.into_iter().filter(|(_, one)| self.needs().contains(*one)).map(|(name, _)| name).collect()
    }

    /// Those of them that this process lacks.
    pub fn missing(self) -> Vec<&'static str> {
        let effective = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
        // Before Linux 5.8 this one was part of the other.
        let bpf = effective.contains(CapabilitySet::SYS_ADMIN).then_some(CapabilitySet::BPF);
        let missing = self.needs() - effective - bpf.unwrap_or(CapabilitySet::empty());
        NAMES.into_iter().filter(|(_, one)| missing.contains(*one)).map(|(name, _)| name).collect()
    }

    fn needs(self) -> CapabilitySet {
        match self {
            Self::Capture => CapabilitySet::NET_RAW,
            Self::Promiscuous => CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN,
            Self::Xdp => CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN | CapabilitySet::BPF,
        }
    }
}

/// Whether packets can be captured, which is tried: a capability may be there and not count in this network namespace.
pub fn try_to_capture() -> std::io::Result<()> {
    PacketSocket::open(Framing::Link).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_part_of_what_is_needed() {
        for what in [Use::Capture, Use::Promiscuous, Use::Xdp] {
            let needed = what.capabilities();
            assert_eq!(needed.first(), Some(&"cap_net_raw"));
            assert!(what.missing().iter().all(|name| needed.contains(name)));
        }
        if try_to_capture().is_ok() {
            assert!(Use::Capture.missing().is_empty());
        }
    }
}
