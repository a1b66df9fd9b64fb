//! Where a stream is divided among shards.

use sluice_core::{Batch, Key, Pools, Strategy};

/// Divides batches by key. Items that agree in it go to the same shard, whichever thread divides.
pub(crate) struct Exchange {
    key: Key,
    strategy: Strategy,
    /// The outlet to each shard.
    pub pipes: Vec<usize>,
    /// What each shard gets of the batch that was divided last.
    pub parts: Vec<Option<Batch>>,
    hashes: Vec<u64>,
    to: Vec<u32>,
}

impl Exchange {
    pub fn new(key: Key, strategy: Strategy, pipes: Vec<usize>) -> Self {
        let parts = pipes.iter().map(|_| None).collect();
        Self { key, strategy, pipes, parts, hashes: Vec::new(), to: Vec::new() }
    }

    /// Divides a batch of the number `sequence`. Packets have no fields: under such a key they go by flow. Records have no
    /// addresses: under such keys whole batches take turns, which is right for whoever keeps nothing by key, and whoever does
    /// has named a field.
    pub fn divide(&mut self, mut batch: Batch, sequence: u64, pools: &Pools) {
        let shards = self.parts.len() as u32;
        let has_key = self.key.hash(&mut batch, &mut self.hashes);
        if !has_key && !Key::Flow.hash(&mut batch, &mut self.hashes) {
            let turn = (sequence % u64::from(shards.max(1))) as usize;
            self.parts[turn] = Some(batch);
            return;
        }
        let shard = |hash: &u64| self.strategy.shard(*hash, shards);
        self.to.clear();
        self.to.extend(self.hashes.iter().map(shard));
        batch.split(&self.to, &mut self.parts, pools);
    }
}
