//! Addresses in DHCP messages for IPv4 (RFC 2131): fixed fields, then options.

use super::change::{Change, Side};
use super::visit::Pass;
use crate::checksum::Delta;
use crate::decode::{array, udp};

const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// Client, assigned, next server and relay.
const FIELDS: [(usize, Side); 4] =
    [(12, Side::Source), (16, Side::Source), (20, Side::Destination), (24, Side::Destination)];
const HARDWARE: usize = 28;
const COOKIE: usize = 236;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
const ETHERNET: [u8; 2] = [1, 6];
const OPTION_PAD: u8 = 0;
const OPTION_ROUTERS: u8 = 3;
const OPTION_DNS_SERVERS: u8 = 6;
const OPTION_BROADCAST: u8 = 28;
const OPTION_REQUESTED: u8 = 50;
const OPTION_SERVER: u8 = 54;
const OPTION_CLIENT: u8 = 61;
const OPTION_END: u8 = 255;

/// Whether a datagram between these ports is a DHCP message.
#[inline]
pub(super) fn is_between((source, destination): (u16, u16)) -> bool {
    matches!(source, SERVER | CLIENT) && matches!(destination, SERVER | CLIENT)
}

impl<C: Change> Pass<'_, C> {
    /// Changes the message in the UDP datagram at `datagram`, counting from there.
    pub(super) fn dhcp(&mut self, datagram: usize, end: usize) -> Delta {
        let (at, end) = (datagram + udp::LEN, end.min(self.frame.len()));
        let mut delta = Delta::NONE;
        if at + COOKIE > end {
            return delta;
        }
        let from_client = self.frame.get(at) == Some(&1);
        for (offset, side) in FIELDS {
            delta += self.configured(at + offset, side.turned(!from_client));
        }
        let has_mac = array(self.frame, at + 1) == Some(&ETHERNET);
        if self.wants.macs && has_mac {
            delta += self.station(at + HARDWARE);
        }
        if array(self.frame, at + COOKIE) == Some(&MAGIC) {
            delta += self.options(datagram, at + COOKIE + MAGIC.len(), end, from_client);
        }
        delta
    }

    fn options(&mut self, datagram: usize, mut at: usize, end: usize, from_client: bool) -> Delta {
        let mut delta = Delta::NONE;
        loop {
            match self.frame.get(..end).and_then(|frame| array(frame, at)).copied() {
                Some([OPTION_PAD, _]) => at += 1,
                None | Some([OPTION_END, _]) => return delta,
                Some([kind, length]) => {
                    let (data, next) = (at + 2, at + 2 + usize::from(length));
                    if next > end {
                        return delta;
                    }
                    let client = Side::Source.turned(!from_client);
                    let server = Side::Destination.turned(!from_client);
                    let side = match kind {
                        OPTION_REQUESTED => Some(client),
                        OPTION_ROUTERS | OPTION_DNS_SERVERS | OPTION_BROADCAST | OPTION_SERVER => {
                            Some(server)
                        }
                        _ => None,
                    };
                    if let Some(side) = side {
                        for place in (data..next).step_by(4).filter(|place| place + 4 <= next) {
                            delta += self.configured(place, side).shifted(place - datagram);
                        }
                    } else if kind == OPTION_CLIENT
                        && length == 7
                        && self.frame.get(data) == Some(&1)
                        && self.wants.macs
                    {
                        delta += self.station(data + 1).shifted(data + 1 - datagram);
                    }
                    at = next;
                }
            }
        }
    }

    /// Changes an address, unless it stands for none.
    fn configured(&mut self, at: usize, side: Side) -> Delta {
        let is_some = array(self.frame, at).is_some_and(|address| *address != [0; 4]);
        if self.wants.addresses && is_some { self.v4(at, side) } else { Delta::NONE }
    }
}
