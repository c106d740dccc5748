//! What lets timers fire: the machine's clock, or a test.

use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::future;

use super::wheel::{Due, Nanos};
use super::{Action, Firing, Timers};
use crate::panic::catch;

/// Between one round of timers and the next so long passes: to wake up for each would cost more than all they lead to.
const RESOLUTION: Duration = Duration::from_millis(1);
/// So many are taken out of the store at once.
const BATCH: usize = 256;

impl Timers {
    /// Fires timers for ever, by the machine's clock; many that expire one close upon the other together, up to a millisecond
    /// late, as OTP's are.
    pub(crate) async fn drive(&self) {
        loop {
            let sooner = self.sooner.listen();
            let now = self.now();
            let earliest = if self.fire_due() { now + RESOLUTION } else { now };
            match self.plan() {
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
    fn plan(&self) -> Option<Instant> {
        let mut store = self.store.lock();
        let next = store.wheel.next_expiry();
        store.soonest = next.unwrap_or(Nanos::MAX);
        drop(store);
        next.map(|at| self.instant(at))
    }

    /// Fires what has expired by now, in order. Returns whether there was anything.
    pub(crate) fn fire_due(&self) -> bool {
        let now = self.now();
        let mut batch = Vec::new();
        let mut any = false;
        loop {
            self.store.lock().wheel.take_due(self.nanos(now), BATCH, &mut batch);
            if batch.is_empty() {
                return any;
            }
            any = true;
            self.fire_all(&mut batch, now);
        }
    }

    fn fire_all(&self, batch: &mut Vec<Due<Action>>, now: Instant) {
        let mut rest = batch.drain(..);
        while let Some(due) = rest.next() {
            // What fires may drop what user code made, and a panic of that must not stop the other timers.
            let again = catch(|| self.fire(due, now)).unwrap_or(None);
            if again.is_some_and(|at| at <= now) {
                // It may come before those that were taken out with it.
                rest.for_each(|due| self.put_back(due));
                return;
            }
        }
    }

    /// Returns when the timer expires again, if it does.
    fn fire(&self, due: Due<Action>, now: Instant) -> Option<Instant> {
        match due.value {
            Action::Wake(waker) => {
                waker.wake();
                None
            }
            Action::Call(mut call) => {
                let at = call(Firing { timers: self, timer: due.timer, now })?;
                let cancelled = self.store.lock().wheel.set_again(due.timer, self.nanos(at), Action::Call(call));
                drop(cancelled);
                Some(at)
            }
        }
    }

    fn put_back(&self, due: Due<Action>) {
        let left = match due.value {
            // Nothing keeps track of it any more: it is due, and goes now.
            Action::Wake(waker) => return drop(catch(|| waker.wake())),
            call => self.store.lock().wheel.set_again(due.timer, due.at, call),
        };
        drop(catch(|| drop(left)));
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
