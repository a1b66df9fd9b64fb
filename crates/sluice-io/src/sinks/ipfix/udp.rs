//! Datagrams to a collector.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use rustix::io::Errno;
use sluice_core::{Error, Output};

/// How often a datagram is sent when the socket tells of others that were refused.
const TRIES: u32 = 3;

/// A collector. UDP tells nobody what arrives; what is known to be lost is counted.
#[derive(Debug)]
pub(super) struct Collector {
    socket: UdpSocket,
    to: String,
    sent: u64,
    lost: u64,
}

impl Collector {
    /// Resolves `to`, a host with a port, and binds a socket: to `from`, or else to whatever address and port the system chooses.
    pub fn connect(to: &str, from: Option<SocketAddr>) -> Result<Self, Error> {
        let found = to.to_socket_addrs().map_err(Error::io(format!("find the collector `{to}`")))?;
        let usable = |address: &SocketAddr| from.is_none_or(|from| from.is_ipv4() == address.is_ipv4());
        let address = found.into_iter().find(usable).ok_or_else(|| {
            Error::input(format!("the collector `{to}` has no address of the kind of `from`"))
        })?;
        let any = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let from = from.unwrap_or(any);
        let socket = UdpSocket::bind(from).map_err(Error::io(format!("send from `{from}`")))?;
        socket.connect(address).map_err(Error::io(format!("send to `{to}`")))?;
        Ok(Self { socket, to: to.to_owned(), sent: 0, lost: 0 })
    }

    /// Sends a datagram. One that the system does not take is lost; it ends the run only where no other would fare better.
    pub fn send(&mut self, datagram: &[u8], out: &Output) -> Result<(), Error> {
        self.sent += 1;
        for _ in 0..TRIES {
            match self.socket.send(datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // That is about one that was sent before, and this one was not sent.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.lose(&error, out),
                Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                    let message = format!(
                        "a message of {} bytes is too long for the way to `{}`: lower `message_size`",
                        datagram.len(),
                        self.to
                    );
                    return Err(Error::Input(message));
                }
                Err(error) => {
                    self.lose(&error, out);
                    return Ok(());
                }
            }
        }
        // The socket told of others each time, so this one did not leave.
        self.lost += 1;
        Ok(())
    }

    /// Looks whether one that was sent has been refused meanwhile.
    pub fn check(&mut self, out: &Output) {
        if let Ok(Some(error)) = self.socket.take_error() {
            self.lose(&error, out);
        }
    }

    /// Tells how many are lost.
    pub fn finish(&mut self, out: &mut Output) {
        self.check(out);
        if self.lost > 0 {
            out.lost(format!("at least {} of {} messages to `{}` are lost", self.lost, self.sent, self.to));
        }
    }

    fn lose(&mut self, error: &io::Error, out: &Output) {
        self.lost += 1;
        if self.lost > 1 {
            return;
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                out.notice(format!("nobody takes messages at `{}`; they are sent all the same", self.to));
            }
            _ => out.notice(format!("messages to `{}` are lost: {error}", self.to)),
        }
    }
}
