//! Decoded blocks that were read last: narrowing a question, paging and reading around a hit come back to them.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::block::Block;
use crate::pack::BlockAt;

/// Most clear bytes that are kept. A question of a hundred hits reads a few MiB.
const MAX_BYTES: u64 = 64 << 20;
/// What a block is taken to weigh beside its text.
const BLOCK_BYTES: u64 = 2 << 10;
/// How many blocks are expected to fit; the cache grows from there by itself.
const EXPECTED_BLOCKS: usize = 4096;

/// A block of one of the partitions that share a cache.
type Key = (usize, BlockAt);

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Arc<Block>> for ByBytes {
    fn weight(&self, _: &Key, block: &Arc<Block>) -> u64 {
        block.text_bytes() as u64 + BLOCK_BYTES
    }
}

/// The blocks of one partition in a cache that all partitions share.
#[derive(Clone)]
pub struct BlockCache {
    shared: Arc<Cache<Key, Arc<Block>, ByBytes>>,
    partition: usize,
}

impl BlockCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::new(Cache::with_weighter(EXPECTED_BLOCKS, MAX_BYTES, ByBytes)), partition: 0 }
    }

    /// The part of another partition, which has a number of its own.
    #[must_use]
    pub fn of_partition(&self, partition: usize) -> Self {
        Self { shared: Arc::clone(&self.shared), partition }
    }

    /// A block that is kept.
    #[must_use]
    pub fn get(&self, at: BlockAt) -> Option<Arc<Block>> {
        self.shared.get(&(self.partition, at))
    }

    /// Keeps a block, perhaps instead of others. Blocks never change, so what is kept stays right.
    pub fn keep(&self, at: BlockAt, block: &Arc<Block>) {
        self.shared.insert((self.partition, at), Arc::clone(block));
    }
}
