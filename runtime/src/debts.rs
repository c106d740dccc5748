//! The answers that a process owes to its callers, and how long those wait.
//!
//! A caller whose reply the process drops is told by the reply itself. But the reply may be with somebody else when the process
//! ends: then it is from here that the caller hears of it. To remember an answer takes no lock of its own and, but for a
//! few, no allocation: those that are settled make room for it.
//!
//! Most answers come long before their time is over. So a limit is no timer at first: it becomes one, and its time begins, when
//! the worker that runs the caller has done its turn, and then only if there is no answer yet.

use std::time::Duration;

use crate::pid::TimerRef;
use crate::slot::Owed;
use crate::timers::Timers;

/// So much room stays for those to come.
const LASTING: usize = 8;

#[derive(Default)]
pub(crate) struct Debts {
    owed: Vec<Debt>,
    /// Whether there are limits that have not begun.
    has_new_limits: bool,
}

struct Debt {
    answer: Owed,
    limit: Limit,
}

/// How long the caller waits.
#[derive(Clone, Copy)]
enum Limit {
    /// The process need not know.
    None,
    /// So long from when it begins.
    New(Duration),
    Begun(TimerRef),
}

impl Debts {
    /// Remembers an answer whose caller waits `limit` long, if that is to be seen to here. Returns whether it is the first whose
    /// limit has to [begin](Self::begin_limits).
    #[inline]
    pub(crate) fn add(&mut self, answer: Owed, limit: Option<Duration>, timers: &Timers) -> bool {
        if self.owed.len() == self.owed.capacity() {
            self.settle(timers);
        }
        let limit = limit.map_or(Limit::None, Limit::New);
        let is_first = matches!(limit, Limit::New(_)) && !std::mem::replace(&mut self.has_new_limits, true);
        self.owed.push(Debt { answer, limit });
        is_first
    }

    /// From now on the time of those counts that were added since the last time.
    pub(crate) fn begin_limits(&mut self, timers: &Timers) {
        self.has_new_limits = false;
        self.settle(timers);
        for debt in &mut self.owed {
            if let Limit::New(timeout) = debt.limit {
                debt.limit = Limit::Begun(timers.expire_at(timers.after(timeout), debt.answer.clone()));
            }
        }
    }

    /// Forgets what is settled; what many callers at a time have needed is given back.
    fn settle(&mut self, timers: &Timers) {
        self.owed.retain(|debt| {
            let is_open = !debt.is_settled();
            if !is_open {
                debt.forget_limit(timers);
            }
            is_open
        });
        if self.owed.capacity() > LASTING.max(4 * self.owed.len()) {
            self.owed.shrink_to(LASTING);
        }
    }

    /// Ends the wait of everybody who has no answer yet.
    pub(crate) fn default_on_all(self, timers: &Timers) {
        for debt in self.owed {
            debt.forget_limit(timers);
            debt.answer.cancel();
        }
    }
}

impl Debt {
    fn is_settled(&self) -> bool {
        self.answer.others() <= usize::from(matches!(self.limit, Limit::Begun(_)))
    }

    fn forget_limit(&self, timers: &Timers) {
        if let Limit::Begun(timer) = self.limit {
            timers.forget(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::*;
    use crate::clock::{Clock, VirtualClock};
    use crate::slot::{NoValue, slot};

    const SECOND: Duration = Duration::from_secs(1);

    fn timers() -> (VirtualClock, Timers) {
        let clock = VirtualClock::new();
        (clock.clone(), Timers::new(Clock::Virtual(clock)))
    }

    #[test]
    fn what_is_settled_takes_no_room() {
        let (_, timers) = timers();
        let mut debts = Debts::default();
        let (_sender, open) = slot::<u32>();
        debts.add(open.owed().expect("it waits"), None, &timers);
        for n in 0..1_000 {
            let (_, settled) = slot::<u32>();
            debts.add(settled.owed().expect("it waits"), Some(SECOND), &timers);
            if n % 3 == 0 {
                debts.begin_limits(&timers);
            }
        }
        assert!(debts.owed.capacity() <= LASTING && timers.len() <= LASTING);
        assert!(debts.owed.iter().any(|debt| !debt.is_settled()), "the open one is still there");
        drop(open);
        debts.begin_limits(&timers);
        assert_eq!((debts.owed.len(), timers.len()), (1, 0), "the sender of that one is there still");
    }

    #[test]
    fn a_limit_counts_from_its_beginning() {
        let (clock, timers) = timers();
        let mut debts = Debts::default();
        let (_sender, mut answer) = slot::<u32>();
        assert!(debts.add(answer.owed().expect("it waits"), Some(SECOND), &timers));
        assert!(
            !debts.add(slot::<u32>().1.owed().expect("it waits"), Some(SECOND), &timers),
            "it begins with the first"
        );
        let begin = timers.after(SECOND);
        clock.move_to(begin);
        debts.begin_limits(&timers);
        assert_eq!(timers.next_expiry(), Some(begin + SECOND));
        assert!(future::block_on(future::poll_once(&mut answer)).is_none());
        clock.move_to(begin + SECOND);
        timers.fire_due();
        assert_eq!(future::block_on(answer), Err(NoValue::Late));
    }

    #[test]
    fn who_ends_owes_nothing_any_more_and_leaves_no_timer() {
        let (_, timers) = timers();
        let mut debts = Debts::default();
        let (_sender, answer) = slot::<u32>();
        debts.add(answer.owed().expect("it waits"), Some(SECOND), &timers);
        debts.begin_limits(&timers);
        debts.default_on_all(&timers);
        assert_eq!(timers.len(), 0);
        assert_eq!(future::block_on(answer), Err(NoValue::Dropped));
    }
}
