//! The end of somebody's wait for a value.

use std::sync::Arc;
use std::time::Instant;

use super::Timers;
use crate::pid::TimerRef;
use crate::slot::Owed;

/// Ends the wait for a value at its time; dropped before, it does nothing.
#[derive(Debug)]
pub(crate) struct Expiry {
    timers: Arc<Timers>,
    timer: TimerRef,
}

impl Expiry {
    pub(crate) fn new(timers: &Arc<Timers>, at: Instant, value: Owed) -> Self {
        Expiry { timers: timers.clone(), timer: timers.expire_at(at, value) }
    }
}

impl Drop for Expiry {
    fn drop(&mut self) {
        self.timers.forget(self.timer);
    }
}
