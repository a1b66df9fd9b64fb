//! Capture through pnet's datalink, which is there on other systems, too.
//!
//! It copies packets one by one, each with a system call. On Linux it is given a socket of ours, which is ready for use: so the
//! kernel filters, there is a descriptor to wait for, and what the kernel took off a packet or knows of it is asked for
//! before the packet is read. Elsewhere there is nothing to wait for but time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use pnet_datalink::{Channel, Config, DataLinkReceiver, NetworkInterface};
use sluice_core::{Error, HEADROOM, Pools};

use crate::intake::{Intake, now};
use crate::ring::walk::{self, About, RESERVE, Shape};
use crate::sys::peek::{Peeked, peek};
use crate::{PacketSocket, Receive, Received, Settings, Statistics, sys};

/// The longest packet that is read whole. Received packets of a connection may come joined to one this long.
const LONGEST: usize = 512 * 1024;

/// Receives the packets of one interface, on Linux also those of all.
pub struct Portable {
    receiver: Box<dyn DataLinkReceiver>,
    /// The socket that it reads, where that is ours.
    socket: Option<PacketSocket>,
    shape: Shape,
    /// A packet that was read when there was no room for it.
    held: Option<(Option<Peeked>, Vec<u8>)>,
    /// Packets given since the statistics were asked for.
    given: u64,
}

impl Portable {
    /// Opens it as Linux can.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let bytes = settings.block_size as usize * settings.blocks as usize;
        let opened = settings.open(|socket| {
            socket.set_option(libc::PACKET_AUXDATA, &1)?;
            sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)?;
            socket.make_room(bytes)?;
            socket.as_fd().try_clone_to_owned()
        })?;
        Self::new(settings, Some((opened.socket, opened.prepared)))
    }

    /// Opens it as other systems can: whole packets in both directions, as pnet gives them, with the time at which they were
    /// read, and nothing to wait for.
    pub fn open_plain(settings: &Settings) -> Result<Self, Error> {
        Self::new(settings, None)
    }

    fn new(settings: &Settings, socket: Option<(PacketSocket, OwnedFd)>) -> Result<Self, Error> {
        let (socket, copy) = socket.unzip();
        let name = settings.interface.as_ref().map_or("any", |interface| interface.name.as_str());
        let config = Config {
            // It is asked again and again; what waits is somebody else.
            read_timeout: Some(Duration::ZERO),
            read_buffer_size: LONGEST,
            promiscuous: settings.promiscuous && socket.is_none(),
            // From here on pnet closes it, whatever happens.
            socket_fd: copy.map(IntoRawFd::into_raw_fd),
            ..Config::default()
        };
        match pnet_datalink::channel(&described(settings), config) {
            Ok(Channel::Ethernet(_, receiver)) => {
                Ok(Self { receiver, socket, shape: Shape::of(settings), held: None, given: 0 })
            }
            Ok(_) => Err(Error::input(format!("`{name}` has packets of a kind that is not known"))),
            Err(e) => Err(Error::io(format!("capture on `{name}`"))(e)),
        }
    }
}

/// The interface as pnet describes it; of all interfaces, only that they have no number.
fn described(settings: &Settings) -> NetworkInterface {
    let index = settings.interface.as_ref().map_or(0, |interface| interface.index);
    let name = settings.interface.as_ref().map_or_else(String::new, |interface| interface.name.clone());
    let found = pnet_datalink::interfaces().into_iter().find(|found| found.index == index);
    found.unwrap_or(NetworkInterface {
        name,
        description: String::new(),
        index,
        mac: None,
        ips: Vec::new(),
        flags: 0,
    })
}

/// Takes in a packet; `false` where there is no room for it.
fn take(packet: &[u8], peeked: Option<Peeked>, shape: &Shape, intake: &mut Intake<'_>) -> io::Result<bool> {
    // Before the packet there is room for what belongs in front of it again.
    let start = HEADROOM + RESERVE as usize;
    let Some(space) = intake.space(start + packet.len()) else { return Ok(false) };
    space.get_mut(start..).unwrap_or_default().copy_from_slice(packet);
    let auxiliary = peeked.and_then(|peeked| peeked.auxiliary);
    let captured = packet.len() as u32;
    let (seconds, nanoseconds) = match peeked.and_then(|peeked| peeked.time) {
        Some(time) => (time.tv_sec as u32, time.tv_nsec as u32),
        None => {
            let now = now();
            ((now / 1_000_000_000) as u32, (now % 1_000_000_000) as u32)
        }
    };
    let about = About {
        seconds,
        nanoseconds,
        start,
        network: start + auxiliary.map_or(0, |told| usize::from(told.tp_net)),
        captured,
        wire: auxiliary.map_or(captured, |told| told.tp_len),
        status: auxiliary.map_or(0, |told| told.tp_status),
        tci: auxiliary.map_or(0, |told| told.tp_vlan_tci),
        tpid: auxiliary.map_or(0, |told| told.tp_vlan_tpid),
    };
    let address = peeked.map_or([0; 20], |peeked| peeked.address);
    let frame = walk::frame(space, 0, HEADROOM, &about, &address, shape);
    intake.push(frame.ok_or_else(|| io::Error::other("a packet has no room for its header"))?);
    Ok(true)
}

impl Receive for Portable {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        let mut intake = Intake::new(pools, into);
        if let Some((peeked, packet)) = self.held.take() {
            take(&packet, peeked, &self.shape, &mut intake)?;
        }
        loop {
            let peeked = match &self.socket {
                Some(socket) => match peek(socket.as_fd())? {
                    Some(peeked) => Some(peeked),
                    None => break,
                },
                None => None,
            };
            let packet = match self.receiver.next() {
                Ok(packet) => packet,
                Err(e) if is_nothing(&e) => break,
                Err(e) => return Err(e),
            };
            if !take(packet, peeked, &self.shape, &mut intake)? {
                self.held = Some((peeked, packet.to_vec()));
                break;
            }
        }
        self.given += intake.finish() as u64;
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.socket.as_ref().map_or(Ok(()), PacketSocket::reject_all)
    }

    fn statistics(&mut self) -> io::Result<Statistics> {
        match &self.socket {
            Some(socket) => socket.statistics(),
            // Nobody tells what was lost.
            None => Ok(Statistics { packets: std::mem::take(&mut self.given), ..Statistics::default() }),
        }
    }
}

/// Whether an error says that there is no packet now.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
