//! Operations that remember how far they got.
//!
//! A connection and a shard share a batch: the shard writes each reply into it as it carries the operation out. When the
//! shard's process panics, what is written stands, and the next incarnation, given the same batch, goes on where the last
//! one stopped. So a connection may send a batch again as often as it likes.
//!
//! Invariants:
//! - Each operation begins at most once, whatever happens to the processes.
//! - The one that a panic interrupted is answered with an error, and not tried again: it would panic again.
//! - Nothing of a batch begins after [`close`](Batch::close) has returned.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::vec;

use super::operation::Operation;
use super::table::Table;
use super::value::Value;

/// Operations for one shard, in order, and the replies there are so far.
pub(crate) struct Batch {
    shard: usize,
    progress: Mutex<Progress>,
}

struct Progress {
    waiting: vec::IntoIter<Operation>,
    /// An operation has begun and not replied.
    underway: bool,
    replies: Vec<Value>,
}

impl Batch {
    pub(crate) fn new(shard: usize, operations: Vec<Operation>) -> Self {
        let progress = Progress {
            replies: Vec::with_capacity(operations.len()),
            waiting: operations.into_iter(),
            underway: false,
        };
        Batch { shard, progress: Mutex::new(progress) }
    }

    /// Carries out what has not begun yet.
    ///
    /// # Panics
    /// If an operation does. Then those before it are done, and those behind it may be carried out by another call.
    pub(crate) fn carry_out(&self, table: &mut Table, now: Instant) {
        let mut progress = self.progress();
        progress.own_up(self.shard);
        while let Some(operation) = progress.waiting.next() {
            progress.underway = true;
            let reply = operation.apply(table, now);
            progress.replies.push(reply);
            progress.underway = false;
        }
    }

    /// Calls off what has not begun, and gives a reply for each operation.
    pub(crate) fn close(&self) -> Vec<Value> {
        let mut progress = self.progress();
        progress.own_up(self.shard);
        let called_off = mem::take(&mut progress.waiting);
        let mut replies = mem::take(&mut progress.replies);
        replies.extend(called_off.map(|_| Value::Error(format!("ERR shard {} is not available", self.shard))));
        replies
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Poison says that an operation panicked; `underway` says which.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Answers for the operation that a panic interrupted, if there was one.
    fn own_up(&mut self, shard: usize) {
        if mem::take(&mut self.underway) {
            self.replies.push(Value::Error(format!("ERR shard {shard} panicked")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::kv::operation::Action;

    fn increment() -> Operation {
        Operation::At(b"n".to_vec(), Action::Increment(1))
    }

    fn carry_out(batch: &Batch, table: &mut Table) -> bool {
        catch_unwind(AssertUnwindSafe(|| batch.carry_out(table, Instant::now()))).is_ok()
    }

    #[test]
    fn a_batch_goes_on_behind_the_operation_that_panicked() {
        let mut table = Table::default();
        let batch = Batch::new(3, vec![increment(), Operation::Panic, increment(), Operation::Panic]);
        assert!(!carry_out(&batch, &mut table));
        assert!(!carry_out(&batch, &mut table));
        assert!(carry_out(&batch, &mut table));
        let panicked = || Value::Error("ERR shard 3 panicked".to_owned());
        let expected = [Value::Integer(1), panicked(), Value::Integer(2), panicked()];
        assert_eq!(batch.close(), expected);
    }

    #[test]
    fn carrying_out_a_batch_again_changes_nothing() {
        let mut table = Table::default();
        let batch = Batch::new(0, vec![increment(), increment()]);
        assert!(carry_out(&batch, &mut table) && carry_out(&batch, &mut table));
        assert_eq!(batch.close(), [Value::Integer(1), Value::Integer(2)]);
    }

    #[test]
    fn what_was_called_off_is_never_done() {
        let mut table = Table::default();
        let batch = Batch::new(1, vec![increment(), Operation::Panic, increment()]);
        assert!(!carry_out(&batch, &mut table));
        let texts = ["ERR shard 1 panicked", "ERR shard 1 is not available"];
        let errors = texts.map(|text| Value::Error(text.to_owned()));
        let [panicked, unavailable] = errors;
        assert_eq!(batch.close(), [Value::Integer(1), panicked, unavailable]);
        assert!(carry_out(&batch, &mut table));
        assert_eq!(table.get(b"n", Instant::now()), Some(&b"1"[..]));
    }
}
