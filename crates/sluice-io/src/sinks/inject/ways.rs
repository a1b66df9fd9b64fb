//! Where packets go.

use sluice_capture::Sender;
use sluice_capture::rights::Use;
use sluice_core::{CaptureInfo, Error, Flags, Frame};
use sluice_wire::link::LinkType;

use crate::live::open::{explained, find};

/// An interface to send through.
pub(super) struct Way {
    pub name: String,
    pub sender: Sender,
    link: LinkType,
}

/// What the way of a packet is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// There is one.
    Only,
    /// The number of the interface that it was captured on.
    Interface,
    /// The side that sent it: the client's is the first.
    Side,
}

/// The interfaces to send through.
pub(super) struct Ways {
    by: By,
    ways: Vec<Way>,
}

/// Why a packet has no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// There is none for its side or its interface.
    None,
    /// The interface sends frames of another link type.
    LinkDiffers,
}

impl Way {
    /// Frames are sent straight to the driver unless they are `queued`.
    fn open(name: &str, queued: bool) -> Result<Self, Error> {
        let interface = find(name)?;
        let link = interface.link().ok_or_else(|| {
            Error::input(format!("the interface `{name}` sends frames of a kind that no capture has"))
        })?;
        let sender = Sender::open(&interface, queued)
            .map_err(Error::io(format!("send through `{name}`")))
            .map_err(|error| explained(error, Use::Capture))?;
        Ok(Self { name: name.to_owned(), sender, link })
    }

    /// Whether frames that begin so can be sent.
    fn takes(&self, link: LinkType) -> bool {
        link == self.link || link.is_raw_ip() && self.link.is_raw_ip()
    }
}

impl Ways {
    /// Opens the interfaces of these names.
    pub fn open(names: &[String], by: By, queued: bool) -> Result<Self, Error> {
        let ways = names.iter().map(|name| Way::open(name, queued)).collect::<Result<_, _>>()?;
        Ok(Self { by, ways })
    }

    pub fn all(&self) -> &[Way] {
        &self.ways
    }

    /// The number of the one that a packet takes.
    pub fn of(&self, frame: &Frame, info: &CaptureInfo) -> Result<usize, Astray> {
        let number = match self.by {
            By::Only => 0,
            By::Interface => usize::from(frame.interface),
            By::Side if frame.flags.contains(Flags::FROM_CLIENT) => 0,
            By::Side if frame.flags.contains(Flags::FROM_SERVER) => 1,
            By::Side => return Err(Astray::None),
        };
        let way = self.ways.get(number).ok_or(Astray::None)?;
        if way.takes(info.link(frame.interface)) { Ok(number) } else { Err(Astray::LinkDiffers) }
    }
}
