use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::slow_checksum;

#[test]
fn the_example_of_rfc_1071_comes_out() {
    assert_eq!(fold(sum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])), 0xDDF2);
}

#[test]
fn the_example_of_rfc_1624_does_not_become_minus_zero() {
    // Equation 2 would give 0xFFFF here.
    assert_eq!(update(0xDD2F, 0x5555, 0x3285), 0x0000);
}

#[test]
fn a_computed_zero_is_stored_as_ones_by_udp_alone() {
    assert_eq!((finish(0xFFFF), finish_udp(0xFFFF)), (0, 0xFFFF));
    assert_eq!(finish_udp(0x1234), finish(0x1234));
}

#[test]
fn no_change_changes_nothing() {
    for checksum in [0, 1, 0x8000, 0xFFFF] {
        assert_eq!(Delta::NONE.apply(checksum), checksum);
    }
}

#[test]
fn the_check_value_of_crc32c_comes_out() {
    assert_eq!(crc32c(&[b"123456789"]), 0xE306_9283);
    assert_eq!(crc32c(&[b"1234", b"", b"56789"]), 0xE306_9283);
}

#[test]
fn the_check_value_of_crc32_is_the_known_one() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

proptest! {
    #[test]
    fn sums_agree_with_the_slow_way(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(finish(sum(&bytes)), slow_checksum(&bytes));
    }

    #[test]
    fn pieces_add_up(bytes in vec(any::<u8>(), 1..200), cut: prop::sample::Index) {
        let (head, tail) = bytes.split_at(cut.index(bytes.len()));
        let tail = if head.len() % 2 == 0 { sum(tail) } else { swap(sum(tail)) };
        prop_assert_eq!(finish(sum(head) + tail), slow_checksum(&bytes));
    }

    #[test]
    fn an_update_equals_a_computation(
        mut bytes in vec(any::<u8>(), 2..120), new in vec(any::<u8>(), 1..40), at: prop::sample::Index,
    ) {
        bytes[0] |= 1; // Of nothing but zeros there are two representations.
        let at = 1 + at.index(bytes.len() - 1);
        let new = &new[..new.len().min(bytes.len() - at)];
        let before = slow_checksum(&bytes);
        let old = bytes[at..at + new.len()].to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        prop_assert_eq!(update_bytes(before, at, &old, new), slow_checksum(&bytes));
    }

    #[test]
    fn a_wrong_checksum_stays_wrong_by_the_same_difference(checksum: u16, old: u16, new: u16) {
        let back = update(update(checksum, old, new), new, old);
        prop_assert_eq!(back % 0xFFFF, checksum % 0xFFFF);
    }

    #[test]
    fn a_crc_update_equals_a_computation(mut bytes in vec(any::<u8>(), 4..99), new: [u8; 4], at: prop::sample::Index) {
        let at = at.index(bytes.len() - 3);
        let before = crc32c(&[&bytes]);
        let old = *bytes[at..].first_chunk().unwrap();
        bytes[at..at + 4].copy_from_slice(&new);
        prop_assert_eq!(crc32c_update(before, old, new, bytes.len() - at - 4), crc32c(&[&bytes]));
    }
}
