//! What this process may do with interfaces, and how it gives that up.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs,
};

use crate::socket::{Framing, PacketSocket};

/// What takes rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Receiving and sending packets, in promiscuous mode too.
    Capture,
    /// Setting a device up to tell the time of packets.
    HardwareTimes,
    /// Loading an XDP program.
    Xdp,
}

/// The capabilities that matter, with the names that setcap(8) knows them by.
const NAMES: [(&str, CapabilitySet); 3] = [
    ("cap_net_raw", CapabilitySet::NET_RAW),
    ("cap_net_admin", CapabilitySet::NET_ADMIN),
    ("cap_bpf", CapabilitySet::BPF),
];

/// What sinks may need of a user who may write everywhere.
const OF_FILES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID);

impl Use {
    /// The capabilities that it takes, as setcap(8) writes them.
    pub fn capabilities(self) -> Vec<&'static str> {
        names(self.needs())
    }

    /// Those of them that this process lacks.
    pub fn missing(self) -> Vec<&'static str> {
        let mut effective = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
        // Before Linux 5.8 the one was part of the other, and still is.
        if effective.contains(CapabilitySet::SYS_ADMIN) {
            effective |= CapabilitySet::BPF;
        }
        names(self.needs() - effective)
    }

    fn needs(self) -> CapabilitySet {
        match self {
            Self::Capture => CapabilitySet::NET_RAW,
            Self::HardwareTimes => CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN,
            Self::Xdp => CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN | CapabilitySet::BPF,
        }
    }
}

fn names(of: CapabilitySet) -> Vec<&'static str> {
    NAMES.into_iter().filter(|(_, one)| of.contains(*one)).map(|(name, _)| name).collect()
}

/// Whether packets can be captured, which is tried: a capability may be there and not count in this network namespace.
pub fn try_to_capture() -> io::Result<()> {
    PacketSocket::open(Framing::Link).map(drop)
}

/// Gives up every capability of the calling thread but those for files, for good: programs that it starts get no more either.
/// Threads that it starts afterwards have what it has.
pub fn give_up() -> io::Result<()> {
    set_no_new_privs(true)?;
    // Not every kernel has ambient capabilities; without others there are none anyway.
    let _ = clear_ambient_capability_set();
    let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
    let kept = CapabilitySets {
        effective: effective & OF_FILES,
        permitted: permitted & OF_FILES,
        inheritable: inheritable & OF_FILES,
    };
    Ok(set_capabilities(None, kept)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_part_of_what_is_needed() {
        for what in [Use::Capture, Use::HardwareTimes, Use::Xdp] {
            let needed = what.capabilities();
            assert_eq!(needed.first(), Some(&"cap_net_raw"));
            assert!(what.missing().iter().all(|name| needed.contains(name)));
        }
        if try_to_capture().is_ok() {
            assert!(Use::Capture.missing().is_empty());
        }
    }

    #[test]
    fn what_was_given_up_is_gone_for_this_thread() {
        let before = capabilities(None).expect("they are told");
        // On a thread of its own, since the other tests may need them.
        #[expect(clippy::disallowed_methods, reason = "the runtime has no part in this test")]
        let gone = std::thread::spawn(|| {
            give_up().expect("nobody keeps a thread from that");
            give_up().expect("nor from doing so again");
            assert_eq!(Use::Capture.missing(), ["cap_net_raw"]);
            assert!(try_to_capture().is_err());
            capabilities(None).expect("they are told")
        });
        let after = gone.join().expect("the thread ended well");
        assert_eq!(after.permitted, before.permitted & OF_FILES);
        assert_eq!(capabilities(None).expect("they are told"), before);
    }
}
