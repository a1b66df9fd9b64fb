//! What can be chosen about receiving.

use sluice_core::Error;
use sluice_expr::bpf::program::code;
use sluice_expr::bpf::{Insn, Program};

use crate::{Framing, Interface, PacketSocket, fanout};

/// Which way packets go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// Those that the interface receives.
    In,
    /// Those that it sends.
    Out,
}

/// What to receive, and how. Not everything means something to every way to receive.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The interface; all of them, without the headers of their links, where there is none.
    pub interface: Option<Interface>,
    /// Its number in the capture.
    pub number: u16,
    /// How many bytes of a packet are wanted.
    pub snaplen: u32,
    /// Whether packets for others are received, too.
    pub promiscuous: bool,
    /// Which way packets go.
    pub direction: Direction,
    /// What passes; compiled for a packet socket, to pass `snaplen` bytes.
    pub filter: Program,
    /// Whether times come from the interface's own clock.
    pub hardware_time: bool,
    /// The sockets that packets are divided with.
    pub fanout: Option<fanout::Join>,
    /// Bytes of a block: whole pages.
    pub block_size: u32,
    /// How many blocks there are.
    pub blocks: u32,
    /// After how many ms the kernel hands over a block that is not full.
    pub retire: u32,
}

impl Settings {
    /// Whether packets come without the header of their link, with a cooked one in its place.
    pub fn is_cooked(&self) -> bool {
        self.interface.as_ref().is_none_or(|interface| interface.link().is_none())
    }

    /// The program that the kernel runs: the filter, behind what the direction says. On a loopback interface every packet is
    /// seen on its way out and on its way in; the first is left out, as tcpdump does.
    fn program(&self) -> Result<Program, Error> {
        // Places that the kernel answers for, see filter.txt: SKF_AD_OFF with SKF_AD_PKTTYPE and SKF_AD_IFINDEX.
        const KIND: u32 = 0xFFFF_F004;
        const INTERFACE: u32 = 0xFFFF_F008;
        const LOOPBACK: u32 = 1;
        let load = |place| Insn::new(code::LD | code::W | code::ABS, place);
        let equals = |k, jt, jf| Insn { code: code::JMP | code::JEQ | code::K, jt, jf, k };
        let sent = u32::from(libc::PACKET_OUTGOING);
        let mut insns = match (self.direction, &self.interface) {
            (Direction::Out, _) => vec![load(KIND), equals(sent, 1, 0), Insn::new(code::RET, 0)],
            (_, None) => vec![
                load(INTERFACE),
                equals(LOOPBACK, 0, 3),
                load(KIND),
                equals(sent, 0, 1),
                Insn::new(code::RET, 0),
            ],
            _ => Vec::new(),
        };
        insns.extend(self.filter.insns());
        Program::new(insns).map_err(|e| Error::input(format!("the filter cannot be used: {e}")))
    }

    /// Opens a socket, lets `prepare` set up how packets are received, and lets them in: nothing comes in before that is not
    /// wanted.
    pub(crate) fn open<T>(
        &self,
        prepare: impl FnOnce(&PacketSocket) -> std::io::Result<T>,
    ) -> Result<Opened<T>, Error> {
        let name = match &self.interface {
            Some(interface) => format!("`{}`", interface.name),
            None => "all interfaces".to_owned(),
        };
        let doing = |what: &str| Error::io(format!("{what} {name}"));
        // Cooked headers, too, are made from those of the links: without these, the kernel tells less about tags.
        let socket = PacketSocket::open(Framing::Link).map_err(doing("open a socket to capture on"))?;
        let program = self.program()?;
        let filtered = match self.fanout {
            // Packets wait until all members are there, so that none is given to two of them.
            Some(_) => socket.reject_all(),
            None => socket.filter(&program),
        };
        filtered.map_err(doing("put the filter on"))?;
        let prepared = prepare(&socket).map_err(doing("make a ring to capture on"))?;
        let loopback = self.interface.as_ref().is_some_and(Interface::is_loopback);
        if self.direction == Direction::In || (loopback && self.direction == Direction::Both) {
            socket.ignore_outgoing().map_err(doing("leave out what is sent by"))?;
        }
        if let Some(interface) = &self.interface {
            if self.promiscuous {
                socket.promiscuous(interface.index).map_err(doing("receive everything on"))?;
            }
            if self.hardware_time {
                socket.stamp_in_hardware(&interface.name).map_err(doing("have packets stamped by"))?;
            }
        }
        let index = self.interface.as_ref().map_or(0, |interface| interface.index);
        socket.bind(index).map_err(doing("capture on"))?;
        if let Some(fanout) = &self.fanout {
            fanout.join(&socket).map_err(doing("share the packets of"))?;
        }
        Ok(Opened { socket, program, prepared })
    }
}

/// A socket that packets come in by.
pub(crate) struct Opened<T> {
    pub socket: PacketSocket,
    /// What the kernel runs once packets are let in.
    pub program: Program,
    /// What was made of it.
    pub prepared: T,
}
