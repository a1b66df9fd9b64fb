//! Maps of all addresses that a key chooses: permutations, so that no two addresses become one.
//!
//! They are functions of key and address alone, so that every packet, every worker and every run agree.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use crate::addr::{Cidr, Mac, mask_v4, mask_v6};

/// The 32 bytes that choose a map; written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// The key that a number stands for.
    pub fn of_seed(seed: u64) -> Self {
        let cipher = Aes128::new(&Array::from(u128::from(seed).to_be_bytes()));
        let mut blocks = [Array::from([0; 16]), Array::from([1; 16])];
        cipher.encrypt_blocks(&mut blocks);
        let mut key = [0; 32];
        for (half, block) in key.as_chunks_mut::<16>().0.iter_mut().zip(blocks) {
            *half = block.into();
        }
        Self(key)
    }

    fn halves(&self) -> [[u8; 16]; 2] {
        let mut halves = [[0; 16]; 2];
        for (half, bytes) in halves.iter_mut().zip(self.0.as_chunks::<16>().0) {
            *half = *bytes;
        }
        halves
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A text that is no key. It is not repeated, as it may nearly be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKey;

impl fmt::Display for NotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key has 64 hexadecimal digits")
    }
}

impl std::error::Error for NotKey {}

impl FromStr for Key {
    type Err = NotKey;

    fn from_str(text: &str) -> Result<Self, NotKey> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(NotKey) };
        let mut key = [0; 32];
        if pairs.len() != key.len() {
            return Err(NotKey);
        }
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            let digit = |digit: &u8| char::from(*digit).to_digit(16).ok_or(NotKey);
            *byte = (digit(high)? * 16 + digit(low)?) as u8;
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// How addresses are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Every address becomes any other.
    #[default]
    Random,
    /// Addresses that share their first bits, however many, share as many afterwards.
    PrefixPreserving,
}

/// A permutation of the IPv4 addresses, one of the IPv6 addresses, and one of the MAC addresses.
///
/// With [`Method::PrefixPreserving`] and no network that stays this is Crypto-PAn, for IPv6 too.
#[derive(Clone)]
pub struct Keyed {
    /// Independent ciphers for the places in which they are used.
    ciphers: [Aes128; 2],
    /// What stands in for the bits of an address that do not count.
    pad: u128,
    method: Method,
    /// Mask and network of those that stay as they are.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// How often the halves are mixed. Seven suffice to be told from chance by nobody.
const ROUNDS: u8 = 8;

impl Keyed {
    /// The permutations of this key that leave the networks `stay` as they are.
    pub fn new(key: &Key, method: Method, stay: &[Cidr]) -> Self {
        let ciphers = key.halves().map(|half| Aes128::new(&Array::from(half)));
        let [first, _] = &ciphers;
        let [_, second] = key.halves();
        let pad = encrypt(first, u128::from_be_bytes(second));
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in stay {
            match network.address() {
                IpAddr::V4(address) => v4.push((mask_v4(network.prefix()), address.to_bits())),
                IpAddr::V6(address) => v6.push((mask_v6(network.prefix()), address.to_bits())),
            }
        }
        Self { ciphers, pad, method, v4, v6 }
    }

    /// What the IPv4 address of these bits becomes.
    pub fn v4(&self, address: u32) -> u32 {
        let stays = |address: u32| self.v4.iter().any(|(mask, network)| address & mask == *network);
        if stays(address) {
            return address;
        }
        match self.method {
            Method::Random => walk(address, stays, |address| self.mix(u64::from(address), 32, 0) as u32),
            Method::PrefixPreserving => {
                let shared = self.v4.iter().map(|(_, network)| (address ^ network).leading_zeros());
                let free = shared.max().map_or(u32::MAX, |bits| u32::MAX >> bits >> 1);
                let flips = (self.flips(u128::from(address) << 96, 32) >> 96) as u32;
                address ^ (flips & free)
            }
        }
    }

    /// What the IPv6 address of these bits becomes.
    pub fn v6(&self, address: u128) -> u128 {
        let stays = |address: u128| self.v6.iter().any(|(mask, network)| address & mask == *network);
        if stays(address) {
            return address;
        }
        match self.method {
            Method::Random => {
                let [_, second] = &self.ciphers;
                walk(address, stays, |address| encrypt(second, address))
            }
            Method::PrefixPreserving => {
                let shared = self.v6.iter().map(|(_, network)| (address ^ network).leading_zeros());
                let free = shared.max().map_or(u128::MAX, |bits| u128::MAX >> bits >> 1);
                address ^ (self.flips(address, 128) & free)
            }
        }
    }

    /// What a MAC address becomes, whose first `keep` bytes stay. Groups and the unknown address (all zero) stay too,
    /// and so does the bit that tells local addresses from assigned ones.
    pub fn mac(&self, mac: Mac, keep: u8) -> Mac {
        let [first, second, third, fourth, fifth, sixth] = mac.0;
        if mac.is_group() || mac.0 == [0; 6] {
            return mac;
        }
        // The two bits with a meaning of their own come first, so that what may change is the end.
        let rest = u64::from_be_bytes([0, 0, first >> 2, second, third, fourth, fifth, sixth]);
        let bits = match keep {
            0 => 46,
            _ => 48 - 8 * u32::from(keep.min(6)),
        };
        let tweak = (u64::from(first & 3) << 46 | rest) >> bits << 8 | u64::from(bits);
        let free = (1u64 << bits) - 1;
        let fixed = rest & !free;
        let is_zero = |value: u64| first & 3 == 0 && fixed | value == 0;
        let value =
            if bits == 0 { 0 } else { walk(rest & free, is_zero, |value| self.mix(value, bits, tweak)) };
        let [_, _, top, b, c, d, e, f] = (fixed | value).to_be_bytes();
        Mac([top << 2 | first & 3, b, c, d, e, f])
    }

    /// A number that belongs to the bytes given.
    pub fn number(&self, of: u128) -> u64 {
        let [_, second] = &self.ciphers;
        (encrypt(second, of ^ self.pad) >> 64) as u64
    }

    /// A permutation of the numbers of an even number of bits: a Feistel network over the first cipher.
    fn mix(&self, value: u64, bits: u32, tweak: u64) -> u64 {
        let [first, _] = &self.ciphers;
        let half = bits / 2;
        let mask = (1u64 << half) - 1;
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..ROUNDS {
            let block = u128::from(tweak) << 64 | u128::from(round) << 32 | u128::from(right);
            let noise = (encrypt(first, block ^ self.pad) >> 64) as u64;
            (left, right) = (right, left ^ (noise & mask));
        }
        left << half | right
    }

    /// Which of the first `bits` bits of an address change: for each the first bit of a cipher text of what is before it.
    fn flips(&self, address: u128, bits: u32) -> u128 {
        const AT_ONCE: u32 = 16;
        let [first, _] = &self.ciphers;
        let mut flips = 0;
        for start in (0..bits).step_by(AT_ONCE as usize) {
            let mut blocks = [Array::from([0; 16]); AT_ONCE as usize];
            for (at, block) in (start..).zip(&mut blocks) {
                let after = u128::MAX >> at;
                *block = Array::from(((address & !after) | (self.pad & after)).to_be_bytes());
            }
            first.encrypt_blocks(&mut blocks);
            for (at, block) in (start..).zip(blocks) {
                let [byte, ..] = <[u8; 16]>::from(block);
                flips |= u128::from(byte >> 7) << (127 - at);
            }
        }
        flips
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyed({:?})", self.method)
    }
}

fn encrypt(cipher: &Aes128, value: u128) -> u128 {
    let mut block = Array::from(value.to_be_bytes());
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

/// Applies a permutation until the result is none of those that stay, which makes it one of all the others.
fn walk<T: Copy>(value: T, stays: impl Fn(T) -> bool, permute: impl Fn(T) -> T) -> T {
    let mut value = permute(value);
    while stays(value) {
        value = permute(value);
    }
    value
}

#[cfg(test)]
mod tests;
