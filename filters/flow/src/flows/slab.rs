//! Where flows are: pages that never move, so that growing copies nothing.

use super::entry::Flow;
use super::wheel::{NONE, NOWHERE};

/// Flows in a page, as a power of two.
const PAGE: u32 = 12;

/// Numbered flows. Numbers of flows that were taken out are given again.
pub(super) struct Slab {
    pages: Vec<Vec<Flow>>,
    /// The number to give next; free ones are linked by their `next`.
    free: u32,
    len: usize,
}

impl Slab {
    pub fn new() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The flow of a number that was given.
    #[inline]
    pub fn get(&self, id: u32) -> &Flow {
        &self.pages[(id >> PAGE) as usize][(id & ((1 << PAGE) - 1)) as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, id: u32) -> &mut Flow {
        &mut self.pages[(id >> PAGE) as usize][(id & ((1 << PAGE) - 1)) as usize]
    }

    /// The numbers of all flows that are there.
    pub fn ids(&self) -> Vec<u32> {
        let all = (0..).zip(&self.pages).flat_map(|(page, flows)| (page << PAGE..).zip(flows));
        all.filter(|(_, flow)| flow.slot != NOWHERE).map(|(id, _)| id).collect()
    }

    /// Puts a flow in and gives its number.
    pub fn insert(&mut self, flow: Flow) -> u32 {
        self.len += 1;
        if self.free != NONE {
            let id = self.free;
            let place = self.get_mut(id);
            let next = place.next;
            *place = flow;
            self.free = next;
            return id;
        }
        if self.pages.last().is_none_or(|page| page.len() == 1 << PAGE) {
            self.pages.push(Vec::with_capacity(1 << PAGE));
        }
        let page = self.pages.len() - 1;
        self.pages[page].push(flow);
        ((page as u32) << PAGE) | (self.pages[page].len() as u32 - 1)
    }

    /// Lets go of a number. The flow is left as it was, but for its links.
    pub fn free(&mut self, id: u32) {
        let free = self.free;
        self.get_mut(id).next = free;
        self.free = id;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_again() {
        let mut slab = Slab::new();
        let flow = |first| Flow { first, ..Flow::default() };
        let ids: Vec<u32> = (0..9000).map(|at| slab.insert(flow(at))).collect();
        assert!(ids.iter().zip(0..).all(|(id, at)| slab.get(*id).first == at));
        slab.free(ids[7]);
        slab.free(ids[2000]);
        assert_eq!(slab.len(), 8998);
        assert_eq!(
            [slab.insert(flow(-1)), slab.insert(flow(-2)), slab.insert(flow(-3))],
            [ids[2000], ids[7], 9000]
        );
        assert_eq!(slab.get(7).first, -2);
    }
}
