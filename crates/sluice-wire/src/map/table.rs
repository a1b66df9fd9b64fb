//! Networks of one family and what they become.

use std::ops::{BitAnd, BitOr, Range};

/// How many networks are tried one by one; more are searched by prefix length.
const FEW: usize = 8;

/// A network, and what becomes of its addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<B> {
    pub mask: B,
    pub network: B,
    pub target: B,
    /// The bits of the address that stay.
    pub kept: B,
}

impl<B: Copy + Ord + BitAnd<Output = B> + BitOr<Output = B>> Network<B> {
    #[inline(always)]
    fn holds(&self, address: B) -> bool {
        address & self.mask == self.network
    }

    #[inline(always)]
    fn target(&self, address: B) -> B {
        self.target | (address & self.kept)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Table<B> {
    /// In the order in which they count.
    networks: Vec<Network<B>>,
    /// The same, as runs of one prefix length, each in the order of its networks.
    runs: Vec<(B, Range<usize>)>,
}

impl<B: Copy + Ord + BitAnd<Output = B> + BitOr<Output = B>> Table<B> {
    /// Adds a network; they must come longest prefix first, then in order.
    pub fn push(&mut self, network: Network<B>) {
        let at = self.networks.len();
        match self.runs.last_mut() {
            Some((mask, run)) if *mask == network.mask => run.end = at + 1,
            _ => self.runs.push((network.mask, at..at + 1)),
        }
        self.networks.push(network);
    }

    /// Adds the networks of another table, which count after those here.
    pub fn extend(&mut self, other: &Self) {
        let base = self.networks.len();
        self.networks.extend_from_slice(&other.networks);
        self.runs.extend(other.runs.iter().map(|(mask, run)| (*mask, base + run.start..base + run.end)));
    }

    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    #[inline(always)]
    pub fn get(&self, address: B) -> Option<B> {
        if self.networks.len() > FEW {
            return self.search(address);
        }
        self.networks.iter().find(|network| network.holds(address)).map(|network| network.target(address))
    }

    #[inline(never)]
    fn search(&self, address: B) -> Option<B> {
        self.runs.iter().find_map(|(mask, run)| {
            let run = self.networks.get(run.clone())?;
            let at = run.binary_search_by_key(&(address & *mask), |network| network.network).ok()?;
            Some(run.get(at)?.target(address))
        })
    }
}
