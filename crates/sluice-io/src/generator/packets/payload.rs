//! What packets carry: made once per size, with its checksum, and copied from then on.

use sluice_wire::checksum;

use super::{Traffic, flow};

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A client, to a web server.
    Request,
    /// A web server.
    Response,
    /// Either side of a UDP flow: a syslog message.
    Datagram,
}

const ROLES: [Role; 3] = [Role::Request, Role::Response, Role::Datagram];

/// Bytes and the sum of their 16-bit words.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) sum: u64,
}

/// One payload for each size, with and without a tag, for each IP version and role.
#[derive(Clone, Debug)]
pub(super) struct Payloads(Vec<Payload>);

impl Payloads {
    pub(super) fn new(traffic: &Traffic) -> Self {
        let mut all = Vec::with_capacity(traffic.sizes.len() * 4 * ROLES.len());
        for size in &traffic.sizes {
            for (tagged, v6) in [(false, false), (false, true), (true, false), (true, true)] {
                for role in ROLES {
                    let head = flow::head_len(tagged, v6, role == Role::Datagram);
                    let bytes = write(role, usize::from(*size).saturating_sub(head));
                    all.push(Payload { sum: checksum::sum(&bytes), bytes });
                }
            }
        }
        Self(all)
    }

    pub(super) fn get(&self, size: usize, tagged: bool, v6: bool, role: Role) -> Option<&Payload> {
        self.0.get((size * 4 + usize::from(tagged) * 2 + usize::from(v6)) * ROLES.len() + role as usize)
    }
}

/// A message of exactly `len` bytes: a whole HTTP message where there is room for one.
fn write(role: Role, len: usize) -> Vec<u8> {
    let filler = b"the quick brown fox jumps over the lazy dog ".iter().copied().cycle();
    let (head, tail) = match role {
        Role::Request => ("GET /search?q=".to_owned(), " HTTP/1.1\r\nHost: www.example.com\r\n\r\n"),
        Role::Response => (response(len), ""),
        Role::Datagram => ("<134>1 - host.example.com app - - - ".to_owned(), ""),
    };
    let Some(middle) = len.checked_sub(head.len() + tail.len()) else { return filler.take(len).collect() };
    let blank = |byte| if role == Role::Request && byte == b' ' { b'+' } else { byte };
    let mut bytes = head.into_bytes();
    bytes.extend(filler.take(middle).map(blank));
    bytes.extend_from_slice(tail.as_bytes());
    bytes
}

/// The header of a response that is `len` bytes long together with its body.
fn response(len: usize) -> String {
    let header = |body: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body:>5}\r\n\r\n")
    };
    header(len.saturating_sub(header(0).len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_as_long_as_asked_for() {
        for role in ROLES {
            for len in 0..2000 {
                assert_eq!(write(role, len).len(), len, "{role:?}");
            }
        }
    }

    #[test]
    fn a_response_says_how_long_its_body_is() {
        for len in [100, 1000, 65_000] {
            let response = String::from_utf8(write(Role::Response, len)).unwrap();
            let (header, body) = response.split_once("\r\n\r\n").unwrap();
            let told = header.split("Content-Length:").nth(1).unwrap().trim();
            assert_eq!(told.parse(), Ok(body.len()));
        }
    }
}
