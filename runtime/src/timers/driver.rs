//! What lets timers fire: the machine's clock, or a test.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::future;

use super::wheel::{Due, Nanos};
use super::{Action, Firing, Store, Timers};
use crate::panic::catch;
use crate::sync::{Apart, SpinLock};

/// Between one round of timers and the next so long passes: to wake up for each would cost more than all they lead to. With what a
/// round takes it is less than a millisecond.
const RESOLUTION: Duration = Duration::from_micros(700);

impl Timers {
    /// Fires timers for ever, by the machine's clock; many that expire one close upon the other together, up to a millisecond
    /// late, as OTP's are.
    pub(crate) async fn drive(&self) {
        loop {
            let sooner = self.sooner.listen();
            let now = self.now();
            let earliest = if self.fire_due() { now + RESOLUTION } else { now };
            match self.plan(now) {
                None => sooner.await,
                Some(at) => {
                    let expiry = async {
                        Timer::at(at.max(earliest)).await;
                    };
                    future::or(sooner, expiry).await;
                }
            }
        }
    }

    /// When to fire timers again, unless it is told that there is one before.
    ///
    /// That a timer was cancelled does not put it off: otherwise whoever sets timers and cancels them would each time have
    /// to tell that his is the next.
    fn plan(&self, now: Instant) -> Option<Instant> {
        let now = self.nanos(now);
        let look = |store: &Apart<SpinLock<Store>>| {
            let mut store = store.lock();
            if store.soonest <= now {
                store.soonest = store.wheel.next_expiry().unwrap_or(Nanos::MAX);
            }
            store.soonest
        };
        let soonest = self.stores.iter().map(look).min()?;
        (soonest < Nanos::MAX).then(|| self.instant(soonest))
    }

    /// Fires what has expired by now, in order. Returns whether there was anything.
    pub(crate) fn fire_due(&self) -> bool {
        let now = self.now();
        let mut due = self.take_due(now);
        let any = !due.is_empty();
        while let Some(next) = due.pop_front() {
            // What fires may drop what user code made, and a panic of that must not stop the other timers.
            if let Ok(Some(again)) = catch(|| self.fire(next, now)) {
                let place = due.partition_point(|other| other.order() < again.order());
                due.insert(place, again);
            }
        }
        any
    }

    /// Takes out what has expired by `now`, in order.
    fn take_due(&self, now: Instant) -> VecDeque<Due<Action>> {
        const AT_ONCE: usize = 256;
        let now = self.nanos(now);
        let mut due = Vec::new();
        for store in &self.stores {
            let mut before = usize::MAX;
            // The lock is free now and then.
            while before != due.len() {
                before = due.len();
                store.lock().wheel.take_due(now, AT_ONCE, &mut due);
            }
        }
        due.sort_by_key(Due::order);
        due.into()
    }

    /// Returns the timer if it expires again before `now`, and so has to fire again in its turn.
    fn fire(&self, mut due: Due<Action>, now: Instant) -> Option<Due<Action>> {
        let again = match &mut due.value {
            Action::Wake(waker) => {
                waker.wake_by_ref();
                None
            }
            Action::Expire(value) => {
                value.expire();
                None
            }
            Action::Call(call) => call(Firing { timers: self, timer: due.timer, now }),
        };
        let at = again?;
        due.at = self.nanos(at);
        if at <= now {
            return Some(due);
        }
        let cancelled = self.store(due.timer.store).wheel.set_again(due.timer, due.at, due.value);
        drop(cancelled);
        None
    }
}

impl<T> Due<T> {
    fn order(&self) -> (Nanos, u64) {
        (self.at, self.timer.number)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
