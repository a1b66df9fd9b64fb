//! The program on an interface that leads packets to our sockets, see bpf(2).
//!
//! It is attached by a link, which the kernel takes away when its descriptor is closed: so it goes with the process,
//! however that ends.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Commands of bpf(2).
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE: libc::c_int = 2;
const MAP_DELETE: libc::c_int = 3;
const PROGRAM_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

/// `BPF_MAP_TYPE_XSKMAP`.
const MAP_OF_SOCKETS: u32 = 17;
/// `BPF_PROG_TYPE_XDP`.
const PROGRAM_OF_XDP: u32 = 6;
/// `BPF_XDP`: where a link attaches it.
const ATTACH_TO_XDP: u32 = 37;
/// `BPF_F_XDP_HAS_FRAGS`: it takes packets that lie in several pieces.
const IN_PIECES: u32 = 1 << 5;

/// One instruction.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Insn {
    code: u8,
    registers: u8,
    offset: i16,
    value: i32,
}

impl Insn {
    const fn new(code: u8, to: u8, from: u8, offset: i16, value: i32) -> Self {
        let registers = if cfg!(target_endian = "little") { to | from << 4 } else { to << 4 | from };
        Self { code, registers, offset, value }
    }
}

/// Gives each packet to the socket that the map has for its queue. Where it has none, the packet goes on to the host.
fn program(map: RawFd) -> [Insn; 6] {
    const PASS: i32 = 2;
    const REDIRECT_MAP: i32 = 51;
    const QUEUE: i16 = 16;
    [
        // The queue, from what the program is called with.
        Insn::new(0x61, 2, 1, QUEUE, 0),
        // The map, which takes two instructions.
        Insn::new(0x18, 1, 1, 0, map),
        Insn::new(0, 0, 0, 0, 0),
        // What to do where the map has nothing.
        Insn::new(0xB7, 3, 0, 0, PASS),
        Insn::new(0x85, 0, 0, 0, REDIRECT_MAP),
        Insn::new(0x95, 0, 0, 0, 0),
    ]
}

/// What a command of bpf(2) is given.
///
/// # Safety
/// Its layout is the beginning of `union bpf_attr`, without padding, and every address in it is valid for the call.
unsafe trait Attributes {}

/// Makes a call that gives a descriptor, or 0 where it gives none.
fn call<T: Attributes>(command: libc::c_int, attributes: &T) -> io::Result<RawFd> {
    let pointer = std::ptr::from_ref(attributes);
    // SAFETY: pointer and length are those of `attributes`, which says of itself that what it points to is valid.
    let returned = unsafe { libc::syscall(libc::SYS_bpf, command, pointer, size_of::<T>()) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned as RawFd) }
}

fn open<T: Attributes>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    let descriptor = call(command, attributes)?;
    // SAFETY: these commands give a new descriptor, which nobody else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Sockets by the number of their queue.
pub(super) struct Sockets(OwnedFd);

impl Sockets {
    /// Room for the sockets of this many queues.
    pub(super) fn new(queues: u32) -> io::Result<Self> {
        #[repr(C)]
        struct New {
            kind: u32,
            key_size: u32,
            value_size: u32,
            entries: u32,
        }
        // SAFETY: `BPF_MAP_CREATE` begins so, and there is no address in it.
        unsafe impl Attributes for New {}
        let new = New { kind: MAP_OF_SOCKETS, key_size: 4, value_size: 4, entries: queues };
        open(MAP_CREATE, &new).map(Self)
    }

    /// Gives the packets of a queue to a socket, which is bound to it.
    pub(super) fn set(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let socket = socket.as_raw_fd() as u32;
        self.change(MAP_UPDATE, &queue, Some(&socket))
    }

    /// Gives the packets of a queue to nobody any more.
    pub(super) fn remove(&self, queue: u32) -> io::Result<()> {
        self.change(MAP_DELETE, &queue, None)
    }

    fn change(&self, command: libc::c_int, key: &u32, value: Option<&u32>) -> io::Result<()> {
        #[repr(C)]
        struct Element {
            map: u32,
            padding: u32,
            key: u64,
            value: u64,
            flags: u64,
        }
        // SAFETY: `BPF_MAP_*_ELEM` begin so; below its addresses are those of numbers that outlive the call.
        unsafe impl Attributes for Element {}
        let element = Element {
            map: self.0.as_raw_fd() as u32,
            padding: 0,
            key: address(key),
            value: value.map_or(0, |value| address(value)),
            flags: 0,
        };
        call(command, &element).map(drop)
    }
}

/// A program of the kernel.
pub(super) struct Program(OwnedFd);

impl Program {
    /// The one that leads packets to these sockets. Kernels before Linux 5.18 take it only without `in_pieces`.
    pub(super) fn load(sockets: &Sockets, in_pieces: bool) -> io::Result<Self> {
        const LICENSE: &CStr = c"MIT";
        const NAME: [u8; 16] = *b"sluice_capture\0\0";
        #[repr(C)]
        struct Load {
            kind: u32,
            insns: u32,
            program: u64,
            license: u64,
            log_level: u32,
            log_size: u32,
            log: u64,
            kernel: u32,
            flags: u32,
            name: [u8; 16],
        }
        // SAFETY: `BPF_PROG_LOAD` begins so; below its addresses are those of a program and a text that outlive the call.
        unsafe impl Attributes for Load {}
        let program = program(sockets.0.as_raw_fd());
        let load = Load {
            kind: PROGRAM_OF_XDP,
            insns: program.len() as u32,
            program: address(program.as_ptr()),
            license: address(LICENSE.as_ptr()),
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel: 0,
            flags: if in_pieces { IN_PIECES } else { 0 },
            name: NAME,
        };
        open(PROGRAM_LOAD, &load).map(Self)
    }

    /// Attaches it to an interface, with the flags of if_link.h that say where; it stays until the link is dropped.
    pub(super) fn attach(&self, interface: u32, flags: u32) -> io::Result<Link> {
        #[repr(C)]
        struct Attach {
            program: u32,
            interface: u32,
            kind: u32,
            flags: u32,
        }
        // SAFETY: `BPF_LINK_CREATE` begins so, and there is no address in it.
        unsafe impl Attributes for Attach {}
        let program = self.0.as_raw_fd() as u32;
        open(LINK_CREATE, &Attach { program, interface, kind: ATTACH_TO_XDP, flags }).map(Link)
    }
}

/// Keeps a program attached.
pub(super) struct Link(#[expect(dead_code, reason = "it is there to be dropped")] OwnedFd);

fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}
