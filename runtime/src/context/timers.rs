//! A process's own timers.

use std::time::{Duration, Instant};

use super::Context;
use crate::address::Address;
use crate::pid::TimerRef;
use crate::timers::Firing;

impl<M: Send + 'static> Context<M> {
    /// Sends this process `message` after `delay`; never early. The timer ends with the process.
    ///
    /// Timers are received in the order in which they expire. A full mailbox takes the message all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<&str>| async move {
    ///     ctx.send_after(Duration::from_secs(3), "the eggs");
    ///     ctx.send_after(Duration::from_secs(1), "the toast");
    ///     assert_eq!(ctx.receive_message().await, "the toast");
    ///     assert_eq!(ctx.receive_message().await, "the eggs");
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    pub fn send_after(&mut self, delay: Duration, message: M) -> TimerRef {
        self.start_timer(delay, |_timer| message)
    }

    /// Sends `message` to another process after `delay`. The timer ends with this process, not with the receiver; an
    /// address by name is looked up when it expires.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut kitchen = test.probe::<&str>();
    /// let to = kitchen.address();
    /// let waiter = test.spawn(move |mut ctx: Context<()>| async move {
    ///     ctx.send_after_to(Duration::from_secs(2), &to, "the soup");
    ///     ctx.send_after_to(Duration::from_secs(9), &to, "the bill");
    ///     ctx.sleep(Duration::from_secs(5)).await;
    /// });
    /// kitchen.expect_message("the soup");
    /// kitchen.expect_no_message_for(Duration::from_secs(60)); // The second timer has ended with its waiter.
    /// # assert!(!test.is_alive(&waiter));
    /// ```
    pub fn send_after_to<N: Send + 'static>(&mut self, delay: Duration, to: &Address<N>, message: N) -> TimerRef {
        let mut letter = Some((to.clone(), message));
        self.set_timer(self.process.system.shared.timers.after(delay), move |firing| {
            if let Some((to, message)) = letter.take().filter(|_| firing.finish()) {
                to.cast(message);
            }
            None
        })
    }

    /// Sends this process what `make` makes of its own timer, after `delay`; OTP's `start_timer`. So a late message of a
    /// timer that was cancelled can be told from that of the one set after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, TimerRef};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<TimerRef>| async move {
    ///     let first = ctx.start_timer(Duration::from_secs(1), |timer| timer);
    ///     ctx.sleep(Duration::from_secs(2)).await; // It has expired, and its message waits.
    ///     assert_eq!(ctx.cancel_timer(first), None);
    ///     let second = ctx.start_timer(Duration::from_secs(1), |timer| timer);
    ///     assert_ne!(ctx.receive_message().await, second, "that was of the first one: we pass over it");
    ///     assert_eq!(ctx.receive_message().await, second);
    /// });
    /// ```
    pub fn start_timer(&mut self, delay: Duration, make: impl FnOnce(TimerRef) -> M + Send + 'static) -> TimerRef {
        let at = self.process.system.shared.timers.after(delay);
        self.start_timer_at(at, make)
    }

    /// Sends this process `message` at that instant of the system's clock; at once if it has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<&str>| async move {
    ///     let noon = ctx.system().now() + Duration::from_secs(3600);
    ///     ctx.send_at(noon, "lunch");
    ///     assert_eq!(ctx.receive_message().await, "lunch");
    ///     assert_eq!(ctx.system().now(), noon);
    ///     ctx.send_at(noon - Duration::from_secs(1), "at once");
    ///     assert_eq!(ctx.receive_message().await, "at once");
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3600));
    /// ```
    pub fn send_at(&mut self, at: Instant, message: M) -> TimerRef {
        self.start_timer_at(at, |_timer| message)
    }

    /// Sends this process what `make` makes, again and again, until the timer is cancelled or the process ends.
    ///
    /// An [`Interval`] says when; a `Duration` is one at a fixed rate that leaves out what it misses.
    ///
    /// # Panics
    /// If given a `Duration` of zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::Context;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<&str>| async move {
    ///     let timer = ctx.send_interval(Duration::from_secs(1), || "tick");
    ///     for _ in 0..3 {
    ///         assert_eq!(ctx.receive_message().await, "tick");
    ///     }
    ///     assert_eq!(ctx.cancel_timer(timer), Some(Duration::from_secs(1)));
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    pub fn send_interval(
        &mut self,
        interval: impl Into<Interval>,
        mut make: impl FnMut() -> M + Send + 'static,
    ) -> TimerRef {
        let interval = interval.into();
        let process = self.process.clone();
        let mut next = self.process.system.shared.timers.after(interval.period);
        self.set_timer(next, move |firing| {
            next = interval.after(next, firing.now);
            process.push_from_timer(firing, false, &mut make).then_some(next)
        })
    }

    /// Cancels one of this process's timers and returns the time that was left; `None` if it is over. Then its message
    /// may be in the mailbox.
    pub fn cancel_timer(&mut self, timer: TimerRef) -> Option<Duration> {
        let timers = &self.process.system.shared.timers;
        timers.cancel(&self.process.timers, timer).map(|at| timers.until(at))
    }

    /// Cancels one of this process's timers as [`cancel_timer`](Self::cancel_timer) does, for who does not care what time was left:
    /// it looks at no clock. OTP's `cancel_timer` with `{info, false}`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<&str>| async move {
    ///     let too_late = ctx.send_after(Duration::from_secs(1), "too late");
    ///     ctx.forget_timer(too_late);
    ///     assert!(ctx.receive_timeout(Duration::from_secs(2)).await.is_none());
    /// });
    /// ```
    pub fn forget_timer(&mut self, timer: TimerRef) {
        self.process.system.shared.timers.cancel(&self.process.timers, timer);
    }

    /// The time until a timer expires; `None` if it is over.
    pub fn read_timer(&self, timer: TimerRef) -> Option<Duration> {
        self.process.system.shared.timers.time_left(timer)
    }

    fn start_timer_at(&mut self, at: Instant, make: impl FnOnce(TimerRef) -> M + Send + 'static) -> TimerRef {
        let process = self.process.clone();
        let mut make = Some(make);
        self.set_timer(at, move |firing| {
            if let Some(make) = make.take() {
                process.push_from_timer(firing, true, || make(firing.timer));
            }
            None
        })
    }

    fn set_timer(&mut self, at: Instant, fire: impl FnMut(Firing<'_>) -> Option<Instant> + Send + 'static) -> TimerRef {
        self.process.system.shared.timers.set(&self.process.timers, at, fire)
    }
}

/// When a repeated timer expires.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Interval, Missed};
///
/// let test = TestSystem::new(1);
/// test.run(|mut ctx: Context<&str>| async move {
///     ctx.send_interval(Interval::every(Duration::from_secs(10)).missed(Missed::Delay), || "tick");
///     for _ in 0..3 {
///         assert_eq!(ctx.receive_message().await, "tick");
///     }
/// });
/// assert_eq!(test.elapsed(), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    period: Duration,
    missed: Missed,
}

/// What an interval does about ticks for which it came too late.
///
/// # Examples
///
/// On a machine where timers are up to 25 s late:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Interval, Missed};
///
/// let ticks_in_an_hour = |missed| {
///     let test = TestSystem::new(7);
///     test.delay_timers(Duration::from_secs(25));
///     test.run(move |mut ctx: Context<()>| async move {
///         ctx.send_interval(Interval::every(Duration::from_secs(10)).missed(missed), || ());
///         ctx.sleep(Duration::from_secs(3600)).await;
///         ctx.queue_len()
///     })
/// };
/// let [skip, burst, delay] = [Missed::Skip, Missed::Burst, Missed::Delay].map(ticks_in_an_hour);
/// assert!(burst >= 360, "none is missing");
/// assert!(delay < skip && skip < burst);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// It leaves them out and keeps its rhythm. The default.
    #[default]
    Skip,
    /// It makes up for them, at once.
    Burst,
    /// It starts its rhythm anew: a full period lies between any two ticks. A fixed delay rather than a fixed rate.
    Delay,
}

impl Interval {
    /// A tick every `period`, the first after one.
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn every(period: Duration) -> Self {
        assert!(!period.is_zero(), "an interval needs a period");
        Interval { period, missed: Missed::Skip }
    }

    /// Sets what becomes of missed ticks.
    #[must_use]
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// When the tick after the one that was due at `last` and fires `now` is due.
    fn after(self, last: Instant, now: Instant) -> Instant {
        match self.missed {
            Missed::Burst => last + self.period,
            Missed::Delay => now + self.period,
            Missed::Skip => {
                let late = now.saturating_duration_since(last);
                let missed = u32::try_from(late.as_nanos() / self.period.as_nanos()).unwrap_or(u32::MAX);
                last + self.period * missed.saturating_add(1)
            }
        }
    }
}

impl From<Duration> for Interval {
    fn from(period: Duration) -> Self {
        Interval::every(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_comes_late_does_as_its_policy_says() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let next = |missed, now| Interval::every(Duration::from_millis(10)).missed(missed).after(at(10), at(now));
        let table = [
            // fired at: 10, in time; 19, late; 47, three ticks missed
            (Missed::Skip, [20, 20, 50]),
            (Missed::Burst, [20, 20, 20]),
            (Missed::Delay, [20, 29, 57]),
        ];
        for (missed, expected) in table {
            assert_eq!([10, 19, 47].map(|now| next(missed, now)), expected.map(at), "{missed:?}");
        }
    }
}
