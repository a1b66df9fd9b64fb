//! Sending through a packet socket: frames go to the driver from where they are, many with one call.

use std::array;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use crate::{Framing, Interface, PacketSocket};

/// How many frames go out with one call at most. More of them make no difference that can be measured.
pub const BATCH: usize = 64;

/// What a frame is padded with.
static ZEROES: [u8; 1 << 16] = [0; 1 << 16];

/// A frame to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a>([IoSlice<'a>; 2]);

impl<'a> Outgoing<'a> {
    /// These bytes.
    pub fn new(data: &'a [u8]) -> Self {
        Self([IoSlice::new(data), IoSlice::new(&[])])
    }

    /// These bytes and so many zeroes; nothing for more of them than any interface takes.
    pub fn padded(data: &'a [u8], zeroes: usize) -> Option<Self> {
        ZEROES.get(..zeroes).map(|zeroes| Self([IoSlice::new(data), IoSlice::new(zeroes)]))
    }

    /// How long it is, in bytes.
    pub fn size(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    fn parts(&self) -> &[IoSlice<'a>] {
        let [data, padding] = &self.0;
        if padding.is_empty() { std::slice::from_ref(data) } else { &self.0 }
    }
}

/// What became of frames that were to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// So many of them are on their way, at least one: the first ones.
    Some(usize),
    /// None is, for too many are under way. The descriptor can be written when there is room.
    Full,
    /// None is, for the driver or its queue takes no more now, and nothing tells when it will.
    Busy,
    /// The first one is longer than what the interface sends.
    TooLong,
    /// The first one is shorter than the header of its link.
    TooShort,
}

/// Sends through one interface.
#[derive(Debug)]
pub struct Sender(PacketSocket);

impl Sender {
    /// For an interface. This takes the capability `CAP_NET_RAW`.
    ///
    /// Frames go to the driver at once, unless they are `queued` as the traffic control of the interface says. There they may
    /// wait, and be dropped without a word, as when there is no carrier; without it, such a frame was not sent.
    pub fn open(interface: &Interface, queued: bool) -> io::Result<Self> {
        let socket = PacketSocket::open(Framing::Link)?;
        if !queued {
            socket.bypass_queues()?;
        }
        socket.bind_to_send(interface.index)?;
        Ok(Self(socket))
    }

    /// Sends the first of these, [`BATCH`] at most, without waiting. An error means that none was sent and none will be.
    pub fn send(&self, frames: &[Outgoing<'_>]) -> io::Result<Sent> {
        let mut none: [_; BATCH] = array::from_fn(|_| SendAncillaryBuffer::default());
        let mut parts = frames.iter().map(Outgoing::parts);
        let mut messages = none.each_mut().map(|none| MMsgHdr::new(parts.next().unwrap_or_default(), none));
        let messages = messages.get_mut(..frames.len().min(BATCH)).unwrap_or_default();
        loop {
            return match sendmmsg(&self.0, messages, SendFlags::DONTWAIT) {
                Ok(sent) => Ok(Sent::Some(sent)),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Ok(Sent::Full),
                Err(Errno::NOBUFS) => Ok(Sent::Busy),
                Err(Errno::MSGSIZE) => Ok(Sent::TooLong),
                Err(Errno::INVAL) => Ok(Sent::TooShort),
                Err(error) => Err(error.into()),
            };
        }
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
