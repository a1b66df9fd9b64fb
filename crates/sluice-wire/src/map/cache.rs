//! What a [`Keyed`] map answered, remembered: the answers are the same, only sooner.

use std::sync::Arc;

use super::keyed::Keyed;
use crate::addr::Mac;

/// A keyed map with the addresses that it was asked about last. One for each thread.
#[derive(Debug, Clone)]
pub struct Remembered {
    keyed: Arc<Keyed>,
    v4: Slots<u32>,
    v6: Slots<u128>,
    macs: Slots<u64>,
}

/// Every address has one slot, in which the last one asked about is kept.
#[derive(Debug, Clone)]
struct Slots<T>(Box<[(T, T)]>);

impl<T: Copy + PartialEq> Slots<T> {
    /// `pair` is any right answer, with which the slots begin.
    fn new(count: usize, pair: (T, T)) -> Self {
        Self(vec![pair; count].into())
    }

    #[inline(always)]
    fn get(&mut self, key: T, hash: u64, answer: impl FnOnce() -> T) -> T {
        // The middle bits of a product depend on every bit of the factor.
        let at = (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.0.len() - 1);
        match self.0.get_mut(at) {
            Some((kept, value)) if *kept == key => *value,
            Some(slot) => {
                *slot = (key, answer());
                slot.1
            }
            None => answer(),
        }
    }
}

impl Remembered {
    /// The same map, remembered.
    pub fn new(keyed: Arc<Keyed>) -> Self {
        // Powers of two; 32 KiB for each family.
        let v4 = Slots::new(4096, (0, keyed.v4(0)));
        let v6 = Slots::new(1024, (0, keyed.v6(0)));
        let macs = Slots::new(1024, (0, 0));
        Self { keyed, v4, v6, macs }
    }

    /// What the IPv4 address of these bits becomes.
    #[inline(always)]
    pub fn v4(&mut self, address: u32) -> u32 {
        self.v4.get(address, u64::from(address), || self.keyed.v4(address))
    }

    /// What the IPv6 address of these bits becomes.
    #[inline(always)]
    pub fn v6(&mut self, address: u128) -> u128 {
        self.v6.get(address, (address >> 64) as u64 ^ (address as u64), || self.keyed.v6(address))
    }

    /// What a MAC address becomes; see [`Keyed::mac`]. `keep` has to be the same every time.
    #[inline(always)]
    pub fn mac(&mut self, mac: Mac, keep: u8) -> Mac {
        let [a, b, c, d, e, f] = mac.0;
        let bits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let new = self.macs.get(bits, bits, || {
            let [a, b, c, d, e, f] = self.keyed.mac(mac, keep).0;
            u64::from_be_bytes([0, 0, a, b, c, d, e, f])
        });
        let [_, _, a, b, c, d, e, f] = new.to_be_bytes();
        Mac([a, b, c, d, e, f])
    }

    /// See [`Keyed::number`].
    pub fn number(&self, of: u128) -> u64 {
        self.keyed.number(of)
    }
}
