//! Packets: TCP connections that open, talk and close, and UDP datagrams, with every length and checksum right.

mod flow;
mod payload;

use flow::Flow;
use payload::Payloads;

use super::random::Random;

/// What the packets look like.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) seed: u64,
    /// How many flows are alive at once; at least 1.
    pub(crate) flows: u32,
    /// Frame lengths in bytes to choose from, without frame check sequence; at least one.
    pub(crate) sizes: Vec<u16>,
    /// The id of an 802.1Q tag.
    pub(crate) vlan: Option<u16>,
    /// Of 100 flows, how many carry it.
    pub(crate) tagged: u8,
    /// Of 100 flows, how many are IPv6.
    pub(crate) ipv6: u8,
    /// Of 100 flows, how many are UDP.
    pub(crate) udp: u8,
}

/// Makes packets.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    random: Random,
    flows: Vec<Flow>,
    payloads: Payloads,
    sizes: usize,
    longest: usize,
}

impl Packets {
    pub(crate) fn new(traffic: &Traffic) -> Self {
        let mut random = Random::new(traffic.seed);
        let flows = (0..traffic.flows).map(|index| Flow::new(index, traffic, &mut random)).collect();
        let payloads = Payloads::new(traffic);
        let longest = traffic.sizes.iter().map(|size| usize::from(*size)).max().unwrap_or(0).max(flow::HEAD);
        Self { random, flows, payloads, sizes: traffic.sizes.len(), longest }
    }

    /// The room that [`put`](Self::put) needs, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Writes the next packet to the start of `room` and returns its length.
    pub(crate) fn put(&mut self, room: &mut [u8]) -> usize {
        let size = self.random.below(self.sizes as u64) as usize;
        let at = self.random.below(self.flows.len() as u64) as usize;
        match self.flows.get_mut(at) {
            Some(flow) => flow.put(size, &self.payloads, &mut self.random, room),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests;
