//! What goes into the pseudo header: addresses, which need not be those of the IP header, and the length claimed.

use crate::decode::{array, ipv4, ipv6, ipv6ext};
use crate::layers::{Layers, Proto};

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_RECORD_ROUTE: u8 = 7;
const OPTION_LOOSE_ROUTE: u8 = 131;
const OPTION_STRICT_ROUTE: u8 = 137;

/// The offsets of the two addresses of the pseudo header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pseudo {
    pub source: usize,
    pub destination: usize,
    /// The length of an address.
    pub length: usize,
}

impl Pseudo {
    /// The pseudo header of the outermost IP packet.
    ///
    /// With a routing header that has segments left (or an IPv4 source route) the destination is the last one; with a
    /// home address option the source is the home address.
    #[inline(always)]
    pub fn of(frame: &[u8], layers: &Layers) -> Option<Self> {
        match layers.network()? {
            (Proto::Ipv4, at) => {
                let mut pseudo = Self { source: at + 12, destination: at + 16, length: 4 };
                if frame.get(at).is_some_and(|byte| *byte & 0x0F > 5) {
                    let route = Routes::of(frame, at).filter_map(|route| route.last).last();
                    pseudo.destination = route.unwrap_or(pseudo.destination);
                }
                Some(pseudo)
            }
            (_, at) => {
                let mut pseudo = Self { source: at + 8, destination: at + 24, length: 16 };
                for (proto, at) in layers.headers().skip(usize::from(layers.network) + 1) {
                    match proto {
                        Proto::Ipv6Routing => {
                            let last = ipv6ext::route(frame, at).and_then(|route| route.last);
                            pseudo.destination = last.unwrap_or(pseudo.destination);
                        }
                        Proto::Ipv6DestOpts => {
                            pseudo.source = ipv6ext::home_address(frame, at).unwrap_or(pseudo.source);
                        }
                        Proto::Ipv4 | Proto::Ipv6 => break,
                        _ => {}
                    }
                }
                Some(pseudo)
            }
        }
    }

    /// The addresses themselves.
    pub fn addresses<'a>(&self, frame: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let address = |at: usize| frame.get(at..at + self.length);
        Some((address(self.source)?, address(self.destination)?))
    }
}

/// A list of addresses among the options of an IPv4 header.
pub(crate) struct Route {
    /// The offset of the first address.
    pub first: usize,
    pub count: usize,
    /// The offset of the final destination, if this is a source route that has not been used up.
    pub last: Option<usize>,
}

/// The routes among the options of an IPv4 header: recorded ones and source routes.
pub(crate) struct Routes<'a> {
    header: &'a [u8],
    /// The offset of the header in the frame, and of the next option in the header.
    base: usize,
    at: usize,
}

impl<'a> Routes<'a> {
    pub fn of(frame: &'a [u8], at: usize) -> Self {
        let length = frame.get(at).map_or(0, |byte| usize::from(*byte & 0x0F) * 4);
        let header = frame.get(at..at + length).unwrap_or_default();
        Self { header, base: at, at: ipv4::LEN }
    }
}

impl Iterator for Routes<'_> {
    type Item = Route;

    fn next(&mut self) -> Option<Route> {
        loop {
            let at = self.at;
            match *self.header.get(at)? {
                OPTION_END => return None,
                OPTION_NOP => self.at += 1,
                kind => {
                    let length = usize::from(*self.header.get(at + 1)?);
                    if length < 2 || at + length > self.header.len() {
                        return None;
                    }
                    self.at += length;
                    let is_source_route = matches!(kind, OPTION_LOOSE_ROUTE | OPTION_STRICT_ROUTE);
                    if length < 3 || !(is_source_route || kind == OPTION_RECORD_ROUTE) {
                        continue;
                    }
                    let [pointer] = *array(self.header, at + 2)?;
                    let used = usize::from(pointer).saturating_sub(4) / 4;
                    let room = (length - 3) / 4;
                    let first = self.base + at + 3;
                    // A recorded route holds only as many addresses as were recorded; the rest is room.
                    let count = if is_source_route { room } else { used.min(room) };
                    let last = (is_source_route && used < room).then(|| first + 4 * (room - 1));
                    return Some(Route { first, count, last });
                }
            }
        }
    }
}

/// Where the outermost IP packet ends by its own account, which may be past what was captured.
#[inline]
pub(crate) fn claimed_end(frame: &[u8], layers: &Layers) -> usize {
    let claimed = match layers.network() {
        Some((Proto::Ipv4, at)) => {
            ipv4::view(frame, at).map_or(0, |header| at + usize::from(header.get_total_length()))
        }
        Some((_, at)) => match ipv6::view(frame, at).map(|header| usize::from(header.get_payload_length())) {
            Some(0) => jumbo(frame, layers, at).unwrap_or(0),
            Some(length) => at + ipv6::LEN + length,
            None => 0,
        },
        None => 0,
    };
    // An offloaded packet claims nothing.
    claimed.max(layers.l3_end())
}

fn jumbo(frame: &[u8], layers: &Layers, at: usize) -> Option<usize> {
    let options = layers.find(Proto::Ipv6HopByHop)?;
    ipv6ext::jumbo_length(frame, options)?.checked_add(at + ipv6::LEN)
}
