//! A packet as fields are read from it.

use sluice_core::{CaptureInfo, Frame, Layers};
use sluice_wire::decode::{ipv4, ipv6};
use sluice_wire::layers::Proto;

/// One packet: what is known about it, its bytes, and where its headers are.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// What is known about it.
    pub frame: &'a Frame,
    /// Its bytes.
    pub data: &'a [u8],
    /// Where its headers are.
    pub layers: &'a Layers,
    /// The capture that it is from.
    pub info: &'a CaptureInfo,
}

impl<'a> Packet<'a> {
    /// Where the bytes end that may belong to a header.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.layers.l3_end().min(self.data.len())
    }

    /// The bytes of a header from `at` on.
    pub(crate) fn from(&self, at: usize) -> &'a [u8] {
        self.data.get(at..self.packet_end(at).min(self.data.len())).unwrap_or_default()
    }

    /// Where the packet ends that the header at `at` belongs to, as its IP header claims, captured or not.
    pub(crate) fn packet_end(&self, at: usize) -> usize {
        let network = self.layers.headers().take_while(|(_, start)| *start <= at);
        let claimed = match network.filter(|(proto, _)| proto.is_network()).last() {
            Some((Proto::Ipv4, start)) => {
                ipv4::view(self.data, start).map(|header| (start, usize::from(header.get_total_length())))
            }
            Some((_, start)) => ipv6::view(self.data, start)
                .map(|header| (start + ipv6::LEN, usize::from(header.get_payload_length()))),
            None => None,
        };
        match claimed {
            Some((start, length)) if length > 0 => start + length,
            // Larger than the field can say.
            Some(_) => self.frame.wire as usize,
            None => self.data.len(),
        }
    }
}
