//! What the driver of an interface tells, by the requests of ethtool.h.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{Plain, check, request};

/// How many bytes a name has, its trailing zeros among them.
const NAME: usize = 32;
/// How many features there is room for. The kernel has 64 of them.
const FEATURES: usize = 256;
/// The set of names that are those of features.
const FEATURE_NAMES: u32 = 4;

/// A structure that begins with the number of a request.
///
/// # Safety
/// The kernel writes nothing behind its end, with the number that the functions of this module put there.
unsafe trait Request: Plain {}

macro_rules! request {
    ($(#[doc = $doc:literal] $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        #[doc = $doc]
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            command: u32,
            $(pub(crate) $field: $kind,)*
        }
        // SAFETY: integers and arrays of them.
        unsafe impl Plain for $name {}
        // SAFETY: it has the fields of the structure that the kernel fills in, or more.
        unsafe impl Request for $name {}
    )*};
}

request! {
    /// `ethtool_drvinfo`.
    Driver {
        name: [u8; NAME],
        version: [u8; NAME],
        firmware: [u8; NAME],
        bus: [u8; NAME],
        expansion: [u8; NAME],
        reserved: [u8; 12],
        counts: [u32; 5],
    }
    /// `ethtool_channels`: how many queues there may be and are.
    Channels {
        most: [u32; 4],
        rx: u32,
        tx: u32,
        other: u32,
        combined: u32,
    }
    /// `ethtool_ringparam`: how many packets there may be and is room for.
    Rings {
        most_rx: u32,
        most_mini: u32,
        most_jumbo: u32,
        most_tx: u32,
        rx: u32,
        mini: u32,
        jumbo: u32,
        tx: u32,
    }
    /// `ethtool_ts_info`.
    Timestamps {
        flags: u32,
        clock: i32,
        tx_types: u32,
        tx_reserved: [u32; 3],
        rx_filters: u32,
        rx_reserved: [u32; 3],
    }
    /// `ethtool_sset_info` with room for one number.
    Count {
        reserved: u32,
        sets: u64,
        count: u32,
    }
    /// `ethtool_gstrings` with room for the names of all features.
    Names {
        set: u32,
        length: u32,
        names: [[u8; NAME]; FEATURES],
    }
    /// `ethtool_gfeatures` with room for all features, 32 a block.
    Blocks {
        size: u32,
        blocks: [Block; FEATURES / 32],
    }
}

/// `ethtool_get_features_block`, a bit for each feature.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Block {
    available: u32,
    requested: u32,
    active: u32,
    never_changed: u32,
}

/// Asks about the interface of this name, which is cut to what fits.
fn ask<T: Request>(
    socket: BorrowedFd<'_>,
    name: &[u8],
    command: u32,
    fill: impl FnOnce(&mut T),
) -> io::Result<T> {
    // SAFETY: any pattern of bits is a `T`, which `Plain` says of it.
    let mut question: T = unsafe { std::mem::zeroed() };
    fill(&mut question);
    let pointer: *mut T = &raw mut question;
    // SAFETY: every request begins with the number of its command, which is an integer at its very start.
    unsafe { pointer.cast::<u32>().write(command) };
    let mut request = request(name);
    request.ifr_ifru.ifru_data = pointer.cast();
    // SAFETY: the kernel reads and writes the `ifreq`, and through its pointer `question`, no further than to its end, as
    // `Request` says; both outlive the call.
    let returned = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    check(returned)?;
    Ok(question)
}

/// Its driver.
pub(crate) fn driver(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<Driver> {
    ask(socket, name, 0x03, |_| {})
}

/// Its queues.
pub(crate) fn channels(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<Channels> {
    ask(socket, name, 0x3C, |_| {})
}

/// The rings of the device.
pub(crate) fn rings(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<Rings> {
    ask(socket, name, 0x10, |_| {})
}

/// Which times the device and its driver tell.
pub(crate) fn timestamps(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<Timestamps> {
    ask(socket, name, 0x41, |_| {})
}

/// Every feature by its name, and whether it is on.
pub(crate) fn features(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<(String, bool)>> {
    let told: Count = ask(socket, name, 0x37, |count: &mut Count| count.sets = 1 << FEATURE_NAMES)?;
    // What there is no room for must not be asked for: the kernel writes all names there are.
    let count = Some(told.count as usize).filter(|count| (1..=FEATURES).contains(count));
    let count = count.ok_or(io::ErrorKind::Unsupported)?;
    let names: Names = ask(socket, name, 0x1B, |names: &mut Names| names.set = FEATURE_NAMES)?;
    let blocks: Blocks = ask(socket, name, 0x3A, |blocks: &mut Blocks| blocks.size = (FEATURES / 32) as u32)?;
    let is_on =
        |at: usize| blocks.blocks.get(at / 32).is_some_and(|block| block.active >> (at % 32) & 1 == 1);
    let named = names.names.iter().take(count).enumerate();
    Ok(named.map(|(at, name)| (text(name), is_on(at))).filter(|(name, _)| !name.is_empty()).collect())
}

/// A text that ends at its first zero.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
