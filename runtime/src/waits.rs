//! Who waits for whose answer, so that a call which nobody will answer is an error and not a wait for ever.
//!
//! A circle of processes that wait for each other is no proof: one of them may have given the reply to somebody outside, or
//! may be about to receive. So it counts once it has stood for a while.
//!
//! Kept in debug builds: there a call costs a little more, and whoever runs the tests learns of the circle. In release
//! builds such a call times out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pid::Pid;
use crate::sync::Lock;

/// Which process of a system waits for which; each for one answer at a time, the first it called for.
#[derive(Debug, Default)]
pub(crate) struct Waits(Lock<BTreeMap<Pid, Pid>>);

impl Waits {
    /// From now on `caller` waits for `server`. Returns whether it did not wait for another already.
    fn begin(&self, caller: Pid, server: Pid) -> bool {
        let mut waits = self.0.lock();
        let is_first = !waits.contains_key(&caller);
        if is_first {
            waits.insert(caller, server);
        }
        is_first
    }

    fn end(&self, caller: Pid) {
        self.0.lock().remove(&caller);
    }

    /// Who waits for `server`.
    pub(crate) fn callers_of(&self, server: Pid) -> Vec<Pid> {
        self.0.lock().iter().filter(|(_, waited_for)| **waited_for == server).map(|(caller, _)| *caller).collect()
    }
}

fn circle(waits: &BTreeMap<Pid, Pid>, first: Pid) -> Option<Vec<Pid>> {
    let mut circle = vec![first];
    let mut next = *waits.get(&first)?;
    while next != first {
        // A circle that others are in already is theirs.
        if circle.contains(&next) {
            return None;
        }
        circle.push(next);
        next = *waits.get(&next)?;
    }
    Some(circle)
}

/// One call's wait, known to the call and to its reply: whichever goes first ends it.
#[derive(Clone, Debug)]
pub(crate) struct Mark(Arc<Lock<Call>>);

#[derive(Debug)]
enum Call {
    New,
    Waits(Arc<Waits>, Pid),
    Over,
}

impl Mark {
    pub(crate) fn new() -> Self {
        Mark(Arc::new(Lock::new(Call::New)))
    }

    /// The call begins to wait.
    pub(crate) fn begin(&self, waits: &Arc<Waits>, caller: Pid, server: Pid) {
        let mut call = self.0.lock();
        if matches!(*call, Call::New) && waits.begin(caller, server) {
            *call = Call::Waits(waits.clone(), caller);
        }
    }

    /// The processes that wait for each other now, in a circle that begins with the caller, if there is one.
    pub(crate) fn circle(&self) -> Option<Vec<Pid>> {
        match &*self.0.lock() {
            Call::Waits(waits, caller) => circle(&waits.0.lock(), *caller),
            Call::New | Call::Over => None,
        }
    }

    /// The reply will never be sent, and the caller has yet to hear that: the call's own mark ends the wait.
    pub(crate) fn leave_to_caller(&mut self) {
        self.0 = Arc::new(Lock::new(Call::Over));
    }

    pub(crate) fn end(&self) {
        if let Call::Waits(waits, caller) = std::mem::replace(&mut *self.0.lock(), Call::Over) {
            waits.end(caller);
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pid(slot: u32) -> Pid {
        Pid::new(slot, 1)
    }

    #[test]
    fn a_circle_is_found_by_whoever_is_in_it() {
        let waits = Arc::new(Waits::default());
        let marks = [Mark::new(), Mark::new(), Mark::new()];
        marks[0].begin(&waits, pid(1), pid(2));
        marks[1].begin(&waits, pid(2), pid(3));
        assert_eq!(marks[1].circle(), None);
        marks[2].begin(&waits, pid(3), pid(1));
        assert_eq!(marks[2].circle(), Some(vec![pid(3), pid(1), pid(2)]));
    }

    #[test]
    fn a_wait_that_is_over_closes_no_circle() {
        let waits = Arc::new(Waits::default());
        let (first, second) = (Mark::new(), Mark::new());
        first.begin(&waits, pid(1), pid(2));
        drop(first.clone());
        second.begin(&waits, pid(2), pid(1));
        first.begin(&waits, pid(1), pid(2));
        assert_eq!((first.circle(), second.circle()), (None, None));
    }

    #[test]
    fn who_runs_into_the_circle_of_others_is_not_in_it() {
        let waits = Arc::new(Waits::default());
        let marks = [Mark::new(), Mark::new()];
        marks[0].begin(&waits, pid(1), pid(2));
        marks[1].begin(&waits, pid(2), pid(1));
        let third = Mark::new();
        third.begin(&waits, pid(3), pid(1));
        assert_eq!(third.circle(), None);
    }
}
