use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::Remembered;
use super::*;

const KEY: [u8; 32] = [
    21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101,
    39, 98, 87, 76, 45, 42, 132, 34, 2,
];

fn v4(text: &str) -> u32 {
    text.parse::<Ipv4Addr>().unwrap().to_bits()
}

fn stay() -> Vec<Cidr> {
    let networks = [
        "224.0.0.0/4",
        "127.0.0.0/8",
        "0.0.0.0",
        "255.255.255.255",
        "169.254.0.0/16",
        "ff00::/8",
        "::1",
        "fe80::/10",
    ];
    networks.map(|text| text.parse().unwrap()).to_vec()
}

fn both(stay: &[Cidr]) -> [Keyed; 2] {
    [Method::Random, Method::PrefixPreserving].map(|method| Keyed::new(&Key::of_seed(7), method, stay))
}

#[test]
fn without_networks_that_stay_it_is_crypto_pan() {
    let keyed = Keyed::new(&KEY.into(), Method::PrefixPreserving, &[]);
    for (from, to) in [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
        ("141.233.145.108", "141.129.237.235"),
        ("152.163.225.39", "151.140.114.167"),
        ("156.29.3.236", "147.225.12.42"),
        ("165.247.96.84", "162.9.99.234"),
        ("166.107.77.190", "160.132.178.185"),
        ("192.102.249.13", "252.138.62.131"),
    ] {
        assert_eq!(Ipv4Addr::from_bits(keyed.v4(v4(from))).to_string(), to);
    }
}

#[test]
fn what_is_to_stay_stays_and_nothing_else_comes_there() {
    let inside = |address: u32| stay().iter().any(|network| network.contains(Ipv4Addr::from(address).into()));
    for keyed in both(&stay()) {
        for text in ["224.0.0.251", "127.0.0.1", "0.0.0.0", "255.255.255.255", "169.254.9.9"] {
            assert_eq!(keyed.v4(v4(text)), v4(text));
        }
        for text in ["ff02::1", "::1", "fe80::7"] {
            let bits = text.parse::<Ipv6Addr>().unwrap().to_bits();
            assert_eq!(keyed.v6(bits), bits);
        }
        for address in (0..u32::MAX).step_by(700_001).filter(|address| !inside(*address)) {
            assert!(!inside(keyed.v4(address)), "{:?} {:?}", keyed, Ipv4Addr::from(address));
        }
    }
}

#[test]
fn no_two_addresses_become_one() {
    for keyed in both(&stay()) {
        let found: HashSet<u32> = (0..20_000).map(|n| keyed.v4(v4("10.0.0.0") + n)).collect();
        assert_eq!(found.len(), 20_000);
    }
    // A space small enough to be looked at whole.
    let keyed = Keyed::new(&Key::of_seed(1), Method::Random, &[]);
    let macs: HashSet<Mac> = (0..=u16::MAX)
        .map(|n| {
            let [a, b] = n.to_be_bytes();
            keyed.mac(Mac([2, 3, 4, 5, a, b]), 4)
        })
        .collect();
    assert_eq!(macs.len(), 65_536);
    assert!(macs.iter().all(|mac| mac.0[..4] == [2, 3, 4, 5]));
}

#[test]
fn macs_keep_their_kind_and_as_many_bytes_as_wanted() {
    let keyed = Keyed::new(&Key::of_seed(1), Method::Random, &[]);
    for mac in [[0xFF; 6], [0x33, 0x33, 0, 0, 0, 1], [1, 0, 0x5E, 0, 0, 1], [0; 6]] {
        assert_eq!(keyed.mac(Mac(mac), 0), Mac(mac));
    }
    let seen: HashSet<Mac> = (0..=6).map(|keep| keyed.mac(Mac([0x52, 0x54, 0, 1, 2, 3]), keep)).collect();
    assert_eq!(seen.len(), 7);
    for keep in 0..=6u8 {
        let new = keyed.mac(Mac([0x52, 0x54, 0, 1, 2, 3]), keep);
        assert_eq!(new.0[..usize::from(keep)], [0x52, 0x54, 0, 1, 2, 3][..usize::from(keep)]);
        assert_eq!(new.0[0] & 3, 2);
    }
}

#[test]
fn a_key_is_written_in_hexadecimal_and_never_shown() {
    let text: String = KEY.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(text.parse(), Ok(Key::from(KEY)));
    for text in [&text[1..], &text[2..], "", &text.replace('0', "g"), &format!("{text}00")] {
        assert_eq!(text.parse::<Key>(), Err(NotKey), "{text}");
    }
    assert_eq!(format!("{:?}", Key::from(KEY)), "Key");
    assert_ne!(Key::of_seed(1), Key::of_seed(2));
}

proptest! {
    #[test]
    fn prefixes_are_preserved(a: u128, shared in 0u32..128, seed: u64) {
        let keyed = Keyed::new(&Key::of_seed(seed), Method::PrefixPreserving, &stay());
        // An address that differs in the bit after those shared, and anyhow after that.
        let b = a ^ (1 << (127 - shared)) ^ ((a.rotate_left(64)) & (u128::MAX >> shared >> 1));
        prop_assert_eq!((keyed.v6(a) ^ keyed.v6(b)).leading_zeros(), shared);
        let (a, b) = ((a >> 96) as u32, (b >> 96) as u32);
        prop_assert_eq!((keyed.v4(a) ^ keyed.v4(b)).leading_zeros(), shared.min(32));
    }

    #[test]
    fn remembering_changes_no_answer(seed: u64, addresses: Vec<u32>, wide: Vec<u128>, macs: Vec<[u8; 6]>) {
        for method in [Method::Random, Method::PrefixPreserving] {
            let keyed = Arc::new(Keyed::new(&Key::of_seed(seed), method, &stay()));
            let mut remembered = Remembered::new(Arc::clone(&keyed));
            for address in addresses.iter().chain(&addresses) {
                prop_assert_eq!(remembered.v4(*address), keyed.v4(*address));
            }
            for address in wide.iter().chain(&wide) {
                prop_assert_eq!(remembered.v6(*address), keyed.v6(*address));
            }
            for mac in macs.iter().chain(&macs) {
                prop_assert_eq!(remembered.mac(Mac(*mac), 3), keyed.mac(Mac(*mac), 3));
            }
        }
    }
}
