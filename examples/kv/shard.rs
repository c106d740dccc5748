//! The process that owns a part of the keys.
//!
//! Its table outlives it: a [`Keeper`] hands it over to the successor. So a panic costs the operation that caused it, and
//! nothing else.
//!
//! Invariants:
//! - An alarm is set for the next key that expires, also right after a restart: the timers of a process end with it.

use std::sync::Arc;
use std::time::Instant;

use proscenium::prelude::*;
use proscenium::{Keeper, Kept, TimerRef};

use super::batch::Batch;
use super::table::Table;

/// What a shard is sent.
pub(crate) enum Ask {
    /// Carry out what has not begun of this batch, and say so.
    CarryOut(Arc<Batch>, Reply<()>),
    /// It is time to free the keys that have expired.
    Sweep,
}

pub(crate) struct Shard {
    table: Kept<Table>,
    alarm: Option<(Instant, TimerRef)>,
}

impl GenServer for Shard {
    type Args = Keeper<Table>;
    type Message = Ask;

    async fn init(keeper: Keeper<Table>, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        // A panic in an operation leaves the table whole: its methods decide before they write.
        let table = keeper.claim(|_| true, Table::default)?;
        let mut shard = Shard { table, alarm: None };
        shard.set_alarm(ctx);
        Ok(shard)
    }

    // Nothing in here awaits, so a signal that ends the process comes between two batches, never within one.
    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let now = ctx.system().now();
        match message {
            Ask::CarryOut(batch, reply) => {
                batch.carry_out(&mut self.table, now);
                reply.send(());
            }
            Ask::Sweep => {
                self.table.remove_expired(now);
                self.alarm = None;
            }
        }
        self.set_alarm(ctx);
        Ok(())
    }
}

impl Shard {
    /// Sees to it that [`Ask::Sweep`] comes for the next key that expires. An alarm that comes too early does no harm, and
    /// sets the next one.
    fn set_alarm(&mut self, ctx: &mut Context<Ask>) {
        let Some(next) = self.table.next_expiry().filter(|next| self.alarm.is_none_or(|(at, _)| *next < at)) else {
            return;
        };
        if let Some((_, too_late)) = self.alarm.take() {
            ctx.forget_timer(too_late);
        }
        let delay = next.saturating_duration_since(ctx.system().now());
        self.alarm = Some((next, ctx.send_after(delay, Ask::Sweep)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proscenium::Sys;
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

    /// In how many milliseconds the shard's next key expires.
    fn next_expiry(shard: &Address<Ask>, test: &TestSystem) -> Option<u128> {
        let sys = Sys::new(test, shard);
        let next = test.block_on(sys.get_state(|shard: &Shard| shard.table.next_expiry())).unwrap();
        next.map(|at| at.saturating_duration_since(test.now()).as_millis())
    }

    // ANCHOR: expiry
    #[test]
    fn expired_keys_are_freed_though_nobody_asks_for_them() {
        let test = TestSystem::new(1);
        let shard = test.block_on(Shard::start(Keeper::new()).spawn(&test)).unwrap();
        test.block_on(carry_out(&shard, vec![set("b", 200), set("a", 100), set("c", 200)]));
        assert_eq!(test.timer_count(), 1, "one alarm, for the first of them");
        test.advance(Duration::from_millis(100));
        assert_eq!(next_expiry(&shard, &test), Some(100));
        test.advance(Duration::from_millis(100));
        assert_eq!(next_expiry(&shard, &test), None);
        assert_eq!(test.timer_count(), 0);
    }

    #[test]
    fn a_successor_frees_what_its_predecessor_would_have() {
        let test = TestSystem::new(1);
        let keeper = Keeper::new();
        let first = test.block_on(Shard::start(keeper.clone()).spawn(&test)).unwrap();
        test.block_on(carry_out(&first, vec![set("a", 100)]));
        test.exit(first.pid().unwrap(), ExitReason::Kill);
        assert_eq!(test.block_on(first.exited()), ExitReason::Killed);
        assert_eq!(test.timer_count(), 0);
        let second = test.block_on(Shard::start(keeper.clone()).spawn(&test)).unwrap();
        test.advance(Duration::from_millis(100));
        assert_eq!((next_expiry(&second, &test), keeper.claims()), (None, 2));
    }
    // ANCHOR_END: expiry
}
