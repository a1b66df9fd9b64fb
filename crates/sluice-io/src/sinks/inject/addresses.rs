//! Other addresses for each loop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sluice_core::{PacketBatch, Pools};
use sluice_wire::edit::map_addresses;

/// The blocks of 2^24 IPv4 addresses in which hosts have theirs: not 0, loopback, groups, and what is reserved.
const FIRST: u32 = 1;
const LOOPBACK: u32 = 127;
const GROUPS: u32 = 224;

/// Gives every packet its next addresses, with the checksums right: in loop number k they are k further than in the capture.
pub(super) fn advance(batch: &mut PacketBatch, pools: &Pools) {
    let mut edit = batch.edit(pools);
    for at in 0..edit.len() {
        if let Some((_, bytes, layers)) = edit.packet(at) {
            map_addresses(bytes, layers, &mut |address, _| Some(next(address)));
            layers.rehash(bytes);
        }
    }
}

/// The address after this one among those that a host can have; one that no host has stays. No two have the same next.
fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => next_v4(address).into(),
        IpAddr::V6(address) => next_v6(address).into(),
    }
}

fn next_v4(address: Ipv4Addr) -> Ipv4Addr {
    let bits = address.to_bits();
    if !is_of_hosts(bits) {
        return address;
    }
    let after = bits.wrapping_add(1);
    let after = match after >> 24 {
        LOOPBACK => (LOOPBACK + 1) << 24,
        GROUPS => FIRST << 24,
        _ => after,
    };
    Ipv4Addr::from_bits(after)
}

fn is_of_hosts(bits: u32) -> bool {
    (FIRST..GROUPS).contains(&(bits >> 24)) && bits >> 24 != LOOPBACK
}

/// The next one in the same network of 2^64; the network of `::1` and groups are not of hosts.
fn next_v6(address: Ipv6Addr) -> Ipv6Addr {
    let bits = address.to_bits();
    let (network, host) = ((bits >> 64) as u64, bits as u64);
    if network == 0 || address.is_multicast() {
        return address;
    }
    Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_the_address_of_another_and_no_host_that_of_a_group() {
        for (address, expected) in [
            ("10.0.0.1", "10.0.0.2"),
            ("10.0.0.255", "10.0.1.0"),
            ("126.255.255.255", "128.0.0.0"),
            ("223.255.255.255", "1.0.0.0"),
            ("0.0.0.0", "0.0.0.0"),
            ("127.0.0.1", "127.0.0.1"),
            ("224.0.0.251", "224.0.0.251"),
            ("255.255.255.255", "255.255.255.255"),
            ("2001:db8::1", "2001:db8::2"),
            ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::"),
            ("fe80::1", "fe80::2"),
            ("ff02::1", "ff02::1"),
            ("::", "::"),
            ("::1", "::1"),
        ] {
            let parse = |text: &str| text.parse::<IpAddr>().unwrap();
            assert_eq!(next(parse(address)), parse(expected), "{address}");
        }
    }
}
