//! One flow: its headers as templates, of which a packet changes only lengths, numbers and checksums.

use std::net::{Ipv4Addr, Ipv6Addr};

use sluice_wire::checksum;

use super::Traffic;
use super::payload::{Payloads, Role};
use crate::generator::random::Random;

/// The longest headers: Ethernet with a tag, IPv6, TCP.
pub(super) const HEAD: usize = 14 + 4 + 40 + 20;

const TCP: u8 = 6;
const UDP: u8 = 17;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// The length of all headers.
pub(super) fn head_len(vlan: bool, v6: bool, udp: bool) -> usize {
    let link = if vlan { 18 } else { 14 };
    link + if v6 { 40 } else { 20 } + if udp { 8 } else { 20 }
}

/// A TCP connection or a stream of datagrams between a client and a server.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// The headers of either side's packets, with zeros where packets differ.
    heads: [[u8; HEAD]; 2],
    /// Where the network header starts, where the transport header starts, where both have ended.
    l3: usize,
    l4: usize,
    len: usize,
    v6: bool,
    udp: bool,
    /// The sums of the IPv4 header, and of the pseudo header and transport header, as the templates stand; they are the
    /// same for both sides, as it does not matter to a sum which address comes first.
    l3_sum: u64,
    l4_sum: u64,
    /// The next sequence number and IP identification of either side.
    seq: [u32; 2],
    id: [u16; 2],
    /// Packets so far, and requests in the life of the connection.
    step: u32,
    rounds: u32,
}

impl Flow {
    pub(super) fn new(index: u32, traffic: &Traffic, random: &mut Random) -> Self {
        let v6 = random.below(100) < u64::from(traffic.ipv6);
        let udp = random.below(100) < u64::from(traffic.udp);
        // No number is drawn where there is nothing to choose, so that traffic without a choice stays what it was.
        let is_tagged =
            |random: &mut Random| traffic.tagged >= 100 || random.below(100) < u64::from(traffic.tagged);
        let vlan = traffic.vlan.filter(|_| is_tagged(random));
        let l3 = if vlan.is_some() { 18 } else { 14 };
        let mut flow = Self {
            heads: [[0; HEAD]; 2],
            l3,
            l4: l3 + if v6 { 40 } else { 20 },
            len: head_len(vlan.is_some(), v6, udp),
            v6,
            udp,
            l3_sum: 0,
            l4_sum: 0,
            seq: [0; 2],
            id: [random.next() as u16, random.next() as u16],
            step: 0,
            rounds: 0,
        };
        flow.link(index, vlan);
        flow.network(index, random);
        let ports: &[u16] = if udp { &[514, 1514, 6514] } else { &[80, 8000, 8080] };
        flow.transport(32_768 + random.below(28_232) as u16, random.pick(ports));
        flow.open(random);
        flow
    }

    /// Puts bytes at `at` of the client's and of the server's headers.
    fn set<const N: usize>(&mut self, at: usize, client: [u8; N], server: [u8; N]) {
        for (head, bytes) in self.heads.iter_mut().zip([client, server]) {
            put(head, at, bytes);
        }
    }

    fn link(&mut self, index: u32, vlan: Option<u16>) {
        let [a, b, c, d] = index.to_be_bytes();
        // Locally administered addresses.
        let (client, server) = ([2, 0, a, b, c, d], [2, 0, 0x5e, 0, 0, 1]);
        self.set(0, server, client);
        self.set(6, client, server);
        if let Some(id) = vlan {
            self.set(12, [0x81, 0], [0x81, 0]);
            self.set(14, id.to_be_bytes(), id.to_be_bytes());
        }
        let ether_type = if self.v6 { [0x86, 0xdd] } else { [8, 0] };
        self.set(self.l3 - 2, ether_type, ether_type);
    }

    /// Clients have private addresses, servers those for documentation.
    fn network(&mut self, index: u32, random: &mut Random) {
        let (l3, protocol) = (self.l3, if self.udp { UDP } else { TCP });
        let host = random.below(254) as u8 + 1;
        if self.v6 {
            let client = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, (index >> 16) as u16, index as u16);
            let server = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, host.into());
            self.set(l3, [0x60], [0x60]);
            self.set(l3 + 6, [protocol, 64], [protocol, 64]);
            self.set(l3 + 8, client.octets(), server.octets());
            self.set(l3 + 24, server.octets(), client.octets());
            self.l4_sum = checksum::pseudo_v6(client, server, protocol, 0);
        } else {
            let client = Ipv4Addr::from(0x0a00_0001_u32.wrapping_add(index));
            let server = Ipv4Addr::new(198, 51, 100, host);
            self.set(l3, [0x45], [0x45]);
            // Don't fragment, time to live, protocol.
            self.set(l3 + 6, [0x40, 0, 64, protocol], [0x40, 0, 64, protocol]);
            self.set(l3 + 12, client.octets(), server.octets());
            self.set(l3 + 16, server.octets(), client.octets());
            self.l3_sum = checksum::sum(&self.heads[CLIENT][l3..self.l4]);
            self.l4_sum = checksum::pseudo_v4(client, server, protocol, 0);
        }
    }

    fn transport(&mut self, client: u16, server: u16) {
        let l4 = self.l4;
        self.set(l4, client.to_be_bytes(), server.to_be_bytes());
        self.set(l4 + 2, server.to_be_bytes(), client.to_be_bytes());
        if !self.udp {
            // Five words of header, a window of 64,240 bytes.
            self.set(l4 + 12, [0x50, 0, 0xfa, 0xf0], [0x50, 0, 0xfa, 0xf0]);
        }
        self.l4_sum += checksum::sum(&self.heads[CLIENT][l4..self.len]);
    }

    /// Begins a new connection between the same hosts, from the client's next port.
    fn open(&mut self, random: &mut Random) {
        let old = u16::from_be_bytes([self.heads[CLIENT][self.l4], self.heads[CLIENT][self.l4 + 1]]);
        let new = if old < 60_999 { old + 1 } else { 32_768 };
        put(&mut self.heads[CLIENT], self.l4, new.to_be_bytes());
        put(&mut self.heads[SERVER], self.l4 + 2, new.to_be_bytes());
        // The complement takes the old port out of the sum.
        self.l4_sum = u64::from(checksum::fold(self.l4_sum + u64::from(!old) + u64::from(new)));
        self.seq = [random.next() as u32, random.next() as u32];
        self.rounds = 1 + random.below(8) as u32;
        self.step = 0;
    }

    /// Writes the next packet of the flow to the start of `room` and returns its length.
    pub(super) fn put(
        &mut self,
        size: usize,
        payloads: &Payloads,
        random: &mut Random,
        room: &mut [u8],
    ) -> usize {
        let (side, flags, role) = if self.udp { self.datagram() } else { self.segment() };
        let payload = role.and_then(|role| payloads.get(size, self.l3 > 14, self.v6, role));
        let (bytes, payload_sum) = payload.map_or((&[][..], 0), |p| (&p.bytes[..], p.sum));
        let whole = self.len + bytes.len();
        let Some((head, body)) = room.get_mut(..whole).map(|room| room.split_at_mut(self.len)) else {
            return 0;
        };
        head.copy_from_slice(&self.heads[side][..self.len]);
        body.copy_from_slice(bytes);
        let (lower, head) = head.split_at_mut(self.l4);
        self.finish_network(&mut lower[self.l3..], side, whole);
        let len = (whole - self.l4) as u32;
        // The length stands in the pseudo header.
        let sum = self.l4_sum + u64::from(len) + payload_sum;
        if self.udp {
            put(head, 4, (len as u16).to_be_bytes());
            put(head, 6, checksum::finish_udp(sum + u64::from(len)).to_be_bytes());
        } else {
            let (seq, ack) = (self.seq[side], if flags & ACK != 0 { self.seq[1 - side] } else { 0 });
            put(head, 4, seq.to_be_bytes());
            put(head, 8, ack.to_be_bytes());
            put(head, 13, [flags]);
            put(head, 16, checksum::finish(sum + words(seq) + words(ack) + u64::from(flags)).to_be_bytes());
            let taken = bytes.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
            self.seq[side] = seq.wrapping_add(taken);
        }
        self.step = self.step.wrapping_add(1);
        if !self.udp && self.step == self.life() {
            self.open(random);
        }
        whole
    }

    fn finish_network(&mut self, header: &mut [u8], side: usize, whole: usize) {
        if self.v6 {
            put(header, 4, ((whole - self.l4) as u16).to_be_bytes());
            return;
        }
        let (len, id) = ((whole - self.l3) as u16, self.id[side]);
        self.id[side] = id.wrapping_add(1);
        put(header, 2, len.to_be_bytes());
        put(header, 4, id.to_be_bytes());
        put(header, 10, checksum::finish(self.l3_sum + u64::from(len) + u64::from(id)).to_be_bytes());
    }

    fn datagram(&self) -> (usize, u8, Option<Role>) {
        (if self.step.is_multiple_of(2) { CLIENT } else { SERVER }, 0, Some(Role::Datagram))
    }

    /// Packets in the life of a connection: three to open it, two a round, three to close it.
    fn life(&self) -> u32 {
        6 + 2 * self.rounds
    }

    fn segment(&self) -> (usize, u8, Option<Role>) {
        match (self.step, self.life() - self.step) {
            (0, _) => (CLIENT, SYN, None),
            (1, _) => (SERVER, SYN | ACK, None),
            (2, _) => (CLIENT, ACK, None),
            (_, 3) => (CLIENT, FIN | ACK, None),
            (_, 2) => (SERVER, FIN | ACK, None),
            (_, 1) => (CLIENT, ACK, None),
            (step, _) if step % 2 == 1 => (CLIENT, PSH | ACK, Some(Role::Request)),
            _ => (SERVER, PSH | ACK, Some(Role::Response)),
        }
    }
}

/// The sum of the two 16-bit words of a number.
fn words(number: u32) -> u64 {
    u64::from(number >> 16) + u64::from(number & 0xffff)
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}
