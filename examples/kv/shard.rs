//! The process that owns a part of the keys.
//!
//! Its table is kept outside of it, in a [`Keeper`] that each incarnation is lent: as in Erlang an ETS table whose heir
//! gives it to the successor. So a panic costs the operation that caused it, and nothing else.
//!
//! Invariants:
//! - One process at a time uses a table: a successor starts only after its predecessor has ended.
//! - An alarm is set for the next key that expires, also right after a restart: the timers of a process end with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use proscenium::TimerRef;
use proscenium::prelude::*;

use super::batch::Batch;
use super::table::Table;

/// What is left when a shard's process ends.
#[derive(Default)]
pub(crate) struct Keeper {
    table: Mutex<Table>,
    starts: AtomicU64,
}

impl Keeper {
    /// How often the shard was started again.
    pub(crate) fn restarts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed).saturating_sub(1)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic in an operation poisons the lock. The table is whole all the same: its methods decide before they write.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a shard is sent.
pub(crate) enum Ask {
    /// Carry out what has not begun of this batch, and say so.
    CarryOut(Arc<Batch>, Reply<()>),
    /// It is time to free the keys that have expired.
    Sweep,
}

pub(crate) struct Shard {
    keeper: Arc<Keeper>,
    alarm: Option<(Instant, TimerRef)>,
}

impl GenServer for Shard {
    type Args = Arc<Keeper>;
    type Message = Ask;

    async fn init(keeper: Arc<Keeper>, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        keeper.starts.fetch_add(1, Ordering::Relaxed);
        let next = keeper.table().next_expiry();
        let mut shard = Shard { keeper, alarm: None };
        shard.set_alarm(next, ctx);
        Ok(shard)
    }

    // Nothing in here awaits, so a signal that ends the process comes between two batches, never within one.
    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let now = ctx.system().now();
        let mut table = self.keeper.table();
        match message {
            Ask::CarryOut(batch, reply) => {
                batch.carry_out(&mut table, now);
                reply.send(());
            }
            Ask::Sweep => {
                table.remove_expired(now);
                self.alarm = None;
            }
        }
        let next = table.next_expiry();
        drop(table);
        self.set_alarm(next, ctx);
        Ok(())
    }
}

impl Shard {
    /// Sees to it that [`Ask::Sweep`] comes at `next`. An alarm that comes too early does no harm, and sets the next one.
    fn set_alarm(&mut self, next: Option<Instant>, ctx: &mut Context<Ask>) {
        let Some(next) = next.filter(|next| self.alarm.is_none_or(|(at, _)| *next < at)) else {
            return;
        };
        if let Some((_, too_late)) = self.alarm.take() {
            ctx.cancel_timer(too_late);
        }
        let delay = next.saturating_duration_since(ctx.system().now());
        self.alarm = Some((next, ctx.send_after(delay, Ask::Sweep)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proscenium::testing::TestSystem;

    use super::*;
    use crate::kv::command::Lifetime;
    use crate::kv::operation::{Action, Operation};
    use crate::kv::table::Condition;

    fn set(key: &str, millis: u64) -> Operation {
        let action = Action::Set {
            value: vec![],
            condition: Condition::Always,
            lifetime: Lifetime::For(Duration::from_millis(millis)),
        };
        Operation::At(key.into(), action)
    }

    async fn carry_out(shard: &Address<Ask>, operations: Vec<Operation>) {
        let batch = Arc::new(Batch::new(0, operations));
        shard.call(|reply| Ask::CarryOut(batch, reply)).await.unwrap();
    }

    /// How many milliseconds from now each table's next key expires.
    fn next_expiry(keeper: &Keeper, test: &TestSystem) -> Option<u128> {
        let next = keeper.table().next_expiry();
        next.map(|at| at.saturating_duration_since(test.now()).as_millis())
    }

    #[test]
    fn expired_keys_are_freed_though_nobody_asks_for_them() {
        let test = TestSystem::new(1);
        let keeper = Arc::new(Keeper::default());
        let shard = test.block_on(Shard::start(keeper.clone()).spawn(&test)).unwrap();
        test.block_on(carry_out(&shard, vec![set("b", 200), set("a", 100), set("c", 200)]));
        assert_eq!(test.timer_count(), 1, "one alarm, for the first of them");
        test.advance(Duration::from_millis(100));
        assert_eq!(next_expiry(&keeper, &test), Some(100));
        test.advance(Duration::from_millis(100));
        assert_eq!(next_expiry(&keeper, &test), None);
        assert_eq!(test.timer_count(), 0);
    }

    #[test]
    fn a_successor_frees_what_its_predecessor_would_have() {
        let test = TestSystem::new(1);
        let keeper = Arc::new(Keeper::default());
        let first = test.block_on(Shard::start(keeper.clone()).spawn(&test)).unwrap();
        test.block_on(carry_out(&first, vec![set("a", 100)]));
        test.exit(first.pid().unwrap(), ExitReason::Kill);
        assert_eq!(test.block_on(first.exited()), ExitReason::Killed);
        assert_eq!(test.timer_count(), 0);
        let _second = test.block_on(Shard::start(keeper.clone()).spawn(&test)).unwrap();
        test.advance(Duration::from_millis(100));
        assert_eq!((next_expiry(&keeper, &test), keeper.restarts()), (None, 1));
    }
}
