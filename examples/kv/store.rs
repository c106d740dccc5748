//! All shards as one store: which key is whose, and what to do while a shard is being restarted.
//!
//! Shards are addressed by name, so that whoever has the name answers. When none does, or the one that was asked ends
//! before it has replied, the same [`Batch`] is sent again after a pause, for at most [`PATIENCE`]: the batch knows what is
//! done, so nothing is done twice, and nothing that was replied to is undone. Clients notice only that a reply took longer.
//!
//! What this does not promise:
//! - The operation that panicked is answered with an error. What it had written by then stands; those of this store write
//!   in one step or not at all.
//! - What is not done after that time is called off and answered with an error, which means: not done.
//! - Operations for different shards run side by side. Who looks at two shards may see a later write and not yet an earlier
//!   one; the connection that wrote never does.
//! - The tables live as long as the program. They are not on a disk.

use std::array;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::vec;

use proscenium::Keeper;
use proscenium::prelude::*;

use super::batch::Batch;
use super::operation::Operation;
use super::shard::{Ask, Shard};
use super::table::Table;
use super::value::Value;

/// How many shards there are.
pub(crate) const SHARDS: usize = 4;

/// How long a batch is brought to a shard again and again.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before the second attempt; each later one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// What is to be done, shard by shard.
pub(crate) type Operations = [Vec<Operation>; SHARDS];
/// The replies to that, shard by shard, one for each operation.
pub(crate) type Replies = [vec::IntoIter<Value>; SHARDS];

/// The tables and the way to the processes that own them. Made once, with the tree; it outlives every process in it.
pub(crate) struct Store {
    system: SystemHandle,
    started_at: Instant,
    keepers: [Keeper<Table>; SHARDS],
    shards: [Address<Ask>; SHARDS],
}

impl Store {
    pub(crate) fn new(system: &SystemHandle) -> Self {
        Store {
            system: system.clone(),
            started_at: system.now(),
            keepers: array::from_fn(|_| Keeper::new()),
            shards: array::from_fn(|shard| system.named(&name(shard))),
        }
    }

    /// The shards' processes, to be supervised.
    pub(crate) fn children(&self) -> impl Iterator<Item = ChildSpec> {
        self.keepers.iter().enumerate().map(|(shard, keeper)| {
            let name = name(shard);
            ChildSpec::new(&name, Shard::start(keeper.clone()).name(&name))
        })
    }

    /// Which shard has the key: the same one in every run, so that a person can tell whom to watch.
    pub(crate) fn shard_of(key: &[u8]) -> usize {
        let fnv_1a = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325, fnv_1a);
        // Short keys differ in few of its bits; a multiplication spreads them to the upper ones.
        let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (spread % SHARDS as u64) as usize
    }

    /// Does what it is given, on all shards at once, in order on each.
    pub(crate) async fn carry_out(&self, operations: Operations) -> Replies {
        let mut replies = [const { Vec::new() }; SHARDS];
        let shards = operations.into_iter().zip(&mut replies).enumerate();
        let busy = shards.filter(|(_, (operations, _))| !operations.is_empty());
        all(busy.map(|(shard, (operations, replies))| async move {
            *replies = self.carry_out_on(shard, operations).await;
        }))
        .await;
        replies.map(Vec::into_iter)
    }

    async fn carry_out_on(&self, shard: usize, operations: Vec<Operation>) -> Vec<Value> {
        let batch = Arc::new(Batch::new(shard, operations));
        let deadline = self.system.now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(self.system.now());
            let request = |reply| Ask::CarryOut(batch.clone(), reply);
            let outcome = self.shards[shard].call(request).timeout(left).await;
            // Why a call failed makes no difference: it may have been done all the same, and the batch knows.
            if outcome.is_ok() || left.is_zero() {
                return batch.close();
            }
            self.system.sleep(pause.min(left)).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }

    /// How long there has been this store.
    pub(crate) fn uptime(&self) -> Duration {
        self.system.now().saturating_duration_since(self.started_at)
    }

    pub(crate) fn system(&self) -> &SystemHandle {
        &self.system
    }

    /// Each shard's name, its pid unless it is being restarted, and how often it was restarted.
    pub(crate) fn shards(&self) -> impl Iterator<Item = (String, Option<Pid>, u64)> {
        let shards = self.shards.iter().zip(&self.keepers).enumerate();
        shards.map(|(shard, (address, keeper))| (name(shard), address.pid(), keeper.claims().saturating_sub(1)))
    }
}

fn name(shard: usize) -> String {
    format!("shard-{shard}")
}

/// Waits for all of them.
async fn all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut pending: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|cx| {
        pending.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if pending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests;
