//! Community ID, version 1: a name for a flow that many programs agree on, whichever way its packets go.
//!
//! VLAN ids and tunnels do not go into it. See <https://github.com/corelight/community-id-spec>.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::Endpoint;
use crate::decode::{icmpv4, icmpv6, sctp, tcp, udp};

/// How many bytes an id has, with the version before it.
pub const LEN: usize = 30;

/// The id of a flow that had a packet from `source` to `destination`.
///
/// For ICMP and ICMPv6, the port of the source is the type of the message and that of the destination is its code. Ports
/// count for TCP, UDP and SCTP. Ids with another `seed` than 0 are for those who want them not to be compared with others.
pub fn id(source: Endpoint, destination: Endpoint, protocol: u8, seed: u16) -> [u8; LEN] {
    let (mut from, mut to) = (source, destination);
    let mut is_one_way = false;
    let mut has_ports = matches!(protocol, tcp::NUMBER | udp::NUMBER | sctp::NUMBER);
    if let icmpv4::NUMBER | icmpv6::NUMBER = protocol {
        has_ports = true;
        match counterpart(protocol, source.port as u8) {
            Some(answer) => to.port = answer.into(),
            None => is_one_way = true,
        }
    }
    if !is_one_way && (to.address, to.port) < (from.address, from.port) {
        std::mem::swap(&mut from, &mut to);
    }
    let mut sha = Sha1::new();
    sha.update(seed.to_be_bytes());
    for address in [from.address, to.address] {
        match address {
            IpAddr::V4(address) => sha.update(address.octets()),
            IpAddr::V6(address) => sha.update(address.octets()),
        }
    }
    sha.update([protocol, 0]);
    if has_ports {
        sha.update(from.port.to_be_bytes());
        sha.update(to.port.to_be_bytes());
    }
    let mut id = [b'='; LEN];
    let (version, hash) = id.split_at_mut(2);
    version.copy_from_slice(b"1:");
    // Twenty bytes are 28 letters, for which there is room.
    let _ = STANDARD.encode_slice(sha.finalize(), hash);
    id
}

/// The type of the ICMP or ICMPv6 message that answers one of type `kind`, or that it answers; `None` where there is none.
pub fn counterpart(protocol: u8, kind: u8) -> Option<u8> {
    let pairs: &[(u8, u8)] = match protocol {
        icmpv4::NUMBER => &[(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)],
        icmpv6::NUMBER => &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)],
        _ => &[],
    };
    pairs.iter().find_map(|(asks, answers)| match kind {
        _ if kind == *asks => Some(*answers),
        _ if kind == *answers => Some(*asks),
        _ => None,
    })
}

/// Whether ICMP or ICMPv6 messages of type `kind` ask for an answer of another type.
pub fn is_question(protocol: u8, kind: u8) -> bool {
    match protocol {
        icmpv4::NUMBER => matches!(kind, 8 | 10 | 13 | 15 | 17),
        icmpv6::NUMBER => matches!(kind, 128 | 130 | 133 | 135 | 139 | 144),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(source: (&str, u16), destination: (&str, u16), protocol: u8, seed: u16) -> String {
        let end = |(address, port): (&str, u16)| Endpoint { address: address.parse().unwrap(), port };
        String::from_utf8(id(end(source), end(destination), protocol, seed).to_vec()).unwrap()
    }

    /// The published test vectors: protocol, source, destination, ports (type and code for ICMP), ids with the seeds 0 and 1.
    const VECTORS: [(u8, &str, &str, u16, u16, &str, &str); 23] = [
        (
            58,
            "fe80::200:86ff:fe05:80da",
            "fe80::260:97ff:fe07:69ea",
            135,
            0,
            "dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            "kHa1FhMYIT6Ym2Vm2AOtoOARDzY=",
        ),
        (
            58,
            "fe80::260:97ff:fe07:69ea",
            "fe80::200:86ff:fe05:80da",
            136,
            0,
            "dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            "kHa1FhMYIT6Ym2Vm2AOtoOARDzY=",
        ),
        (
            58,
            "fe80::260:97ff:fe07:69ea",
            "fe80::200:86ff:fe05:80da",
            135,
            0,
            "zavyT/cezQr1fmImYCwYnMXbgck=",
            "2hSqmsDZ2kdcY9kbiUzOEBic0iM=",
        ),
        (
            58,
            "fe80::200:86ff:fe05:80da",
            "fe80::260:97ff:fe07:69ea",
            136,
            0,
            "zavyT/cezQr1fmImYCwYnMXbgck=",
            "2hSqmsDZ2kdcY9kbiUzOEBic0iM=",
        ),
        (
            58,
            "3ffe:501:1800:2345::2",
            "3ffe:507:0:1:200:86ff:fe05:80da",
            3,
            0,
            "2ObVBgIn28oZvibYZhZMBgh7WdQ=",
            "lVEtCZpYu84Xqaa++3lXFyuu2n4=",
        ),
        (
            58,
            "3ffe:501:410:0:2c0:dfff:fe47:33e",
            "3ffe:507:0:1:200:86ff:fe05:80da",
            1,
            4,
            "hLZd0XGWojozrvxqE0dWB1iM6R0=",
            "W8MHwXpWzpoSTD+cGcaJr4u0ys8=",
        ),
        (
            58,
            "3ffe:507:0:1:200:86ff:fe05:80da",
            "3ffe:501:0:1001::2",
            128,
            0,
            "+TW+HtLHvV1xnGhV1lv7XoJrqQg=",
            "GfZxjAkDk2MkegpBYHV6tadtFXQ=",
        ),
        (
            58,
            "3ffe:501:0:1001::2",
            "3ffe:507:0:1:200:86ff:fe05:80da",
            129,
            0,
            "+TW+HtLHvV1xnGhV1lv7XoJrqQg=",
            "GfZxjAkDk2MkegpBYHV6tadtFXQ=",
        ),
        (
            58,
            "fe80::200:86ff:fe05:80da",
            "ff02::2",
            133,
            0,
            "hO+sN4H+MG5MY/8hIrXPqc4ZQz0=",
            "L7Ka0ZMYu+J3bL4ulW2PrqyXNo8=",
        ),
        (
            58,
            "fe80::260:97ff:fe07:69ea",
            "ff02::1",
            134,
            0,
            "pkvHqCL88/tg1k4cPigmZXUtL00=",
            "K/ee5UCqAMAQXDorP5nSa2CGLjc=",
        ),
        (
            1,
            "192.168.0.89",
            "192.168.0.1",
            8,
            0,
            "X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            "03g6IloqVBdcZlPyX8r0hgoE7kA=",
        ),
        (
            1,
            "192.168.0.1",
            "192.168.0.89",
            0,
            0,
            "X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            "03g6IloqVBdcZlPyX8r0hgoE7kA=",
        ),
        (1, "10.0.0.1", "10.0.0.2", 11, 0, "YHxtAirCG//0OzkcVAukqKQN9xM=", "XjUibYHaafLQ3pxQeiMI8g25q20="),
        (
            6,
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            "2607:f8b0:400c:c03::1a",
            63943,
            25,
            "/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "eJYTW6AOzFLlSUoESovMjnu7rMw=",
        ),
        (
            6,
            "2607:f8b0:400c:c03::1a",
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            25,
            63943,
            "/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "eJYTW6AOzFLlSUoESovMjnu7rMw=",
        ),
        (
            132,
            "192.168.170.8",
            "192.168.170.56",
            7,
            7,
            "MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
            "5w3ZRjeKBzqT3zsaEECDGjUbYeg=",
        ),
        (
            132,
            "192.168.170.56",
            "192.168.170.8",
            7,
            7,
            "MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
            "5w3ZRjeKBzqT3zsaEECDGjUbYeg=",
        ),
        (
            6,
            "128.232.110.120",
            "66.35.250.204",
            34855,
            80,
            "LQU9qZlK+B5F3KDmev6m5PMibrg=",
            "3V71V58M3Ksw/yuFALMcW0LAHvc=",
        ),
        (
            6,
            "66.35.250.204",
            "128.232.110.120",
            80,
            34855,
            "LQU9qZlK+B5F3KDmev6m5PMibrg=",
            "3V71V58M3Ksw/yuFALMcW0LAHvc=",
        ),
        (
            17,
            "192.168.1.52",
            "8.8.8.8",
            54585,
            53,
            "d/FP5EW3wiY1vCndhwleRRKHowQ=",
            "Q9We8WO3piVF8yEQBNJF4uiSVrI=",
        ),
        (
            17,
            "8.8.8.8",
            "192.168.1.52",
            53,
            54585,
            "d/FP5EW3wiY1vCndhwleRRKHowQ=",
            "Q9We8WO3piVF8yEQBNJF4uiSVrI=",
        ),
        (46, "10.1.12.1", "10.1.12.2", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "rYir8gphR31noO9iDRQmF/BteEI="),
        (46, "10.1.12.2", "10.1.12.1", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "rYir8gphR31noO9iDRQmF/BteEI="),
    ];

    #[test]
    fn ids_are_those_that_were_published() {
        for (protocol, source, destination, from, to, plain, seeded) in VECTORS {
            for (seed, expected) in [(0, plain), (1, seeded)] {
                let id = both((source, from), (destination, to), protocol, seed);
                assert_eq!(id, format!("1:{expected}"), "{protocol} {source} {destination} {from} {to}");
            }
        }
    }

    #[test]
    fn counterparts_are_mutual_and_one_of_them_asks() {
        for protocol in [1, 58] {
            for kind in 0..=255 {
                if let Some(other) = counterpart(protocol, kind) {
                    assert_eq!(counterpart(protocol, other), Some(kind));
                    assert_ne!(is_question(protocol, kind), is_question(protocol, other));
                }
            }
        }
    }
}
