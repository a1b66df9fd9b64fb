//! What went wrong, in words where there are better ones than those of the system.

use std::io;

/// An error in the words for its number, where there are some.
pub(super) fn in_words(error: io::Error, words: fn(i32) -> Option<&'static str>) -> io::Error {
    match error.raw_os_error().and_then(words) {
        Some(words) => io::Error::new(error.kind(), words),
        None => error,
    }
}

/// For attaching a program.
pub(super) fn not_attached(number: i32) -> Option<&'static str> {
    match number {
        libc::EBUSY | libc::EEXIST => Some("another program is attached"),
        libc::EOPNOTSUPP => Some("its driver runs no programs"),
        libc::ERANGE => Some("its MTU, or that of its peer, is too large for programs in the driver"),
        _ => None,
    }
}

/// For opening a socket with its memory.
pub(super) fn not_opened(number: i32) -> Option<&'static str> {
    match number {
        libc::EAFNOSUPPORT => Some("this kernel has none"),
        libc::ENOBUFS => Some("it takes more memory than may be locked (`ulimit -l`)"),
        _ => None,
    }
}

/// For binding a socket to a queue.
pub(super) fn not_bound(number: i32) -> Option<&'static str> {
    match number {
        libc::EBUSY => Some("another socket has it"),
        libc::EOPNOTSUPP => Some("its driver cannot put packets there without a copy"),
        libc::EINVAL => Some("there is no such queue, or its driver cannot do what was asked for"),
        _ => None,
    }
}
