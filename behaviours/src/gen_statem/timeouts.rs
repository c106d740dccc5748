//! A machine's timeouts: a pure store.
//!
//! Invariants:
//! - Each timer is in exactly one place: among those that run, those of no time, or those that are due.
//! - One that has expired takes its place behind what waits in the mailbox when that is found out, as OTP's message of a timer does: what
//!   came in time is handled first, and a flood that comes later does not hold it up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::transition::{Expiry, Setting, Timer};

pub(super) struct Timeouts<N, T> {
    timers: BTreeMap<Timer<N>, (Place, T)>,
    /// Those that run, by when they expire and in which order they were set.
    by_time: BTreeMap<Expires, Timer<N>>,
    /// Those of no time, in the order in which they were set.
    zero: VecDeque<Timer<N>>,
    /// Those that have expired, each with the count of receipts after which its turn comes.
    due: VecDeque<(u64, Timer<N>)>,
    received: u64,
    last: u64,
}

type Expires = (Instant, u64);

#[derive(Clone, Copy)]
enum Place {
    Runs(Expires),
    Zero,
    Due,
}

impl<N: Ord + Clone, T> Timeouts<N, T> {
    pub(super) fn new() -> Self {
        Timeouts {
            timers: BTreeMap::new(),
            by_time: BTreeMap::new(),
            zero: VecDeque::new(),
            due: VecDeque::new(),
            received: 0,
            last: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.timers.len()
    }

    /// Does what was asked of one timer.
    pub(super) fn set(&mut self, timer: Timer<N>, setting: Setting<T>, now: impl FnOnce() -> Instant) {
        match setting {
            Setting::Cancel => self.cancel(&timer),
            Setting::Update(content) => match self.timers.get_mut(&timer) {
                Some((_, old)) => *old = content,
                None => self.add_zero(timer, content),
            },
            Setting::Start(expiry, content) => {
                self.cancel(&timer);
                match expiry {
                    Expiry::After(delay) if delay.is_zero() => self.add_zero(timer, content),
                    Expiry::After(delay) => {
                        // What the clock cannot tell never comes.
                        if let Some(at) = now().checked_add(delay) {
                            self.run(timer, at, content);
                        }
                    }
                    Expiry::At(at) => self.run(timer, at, content),
                }
            }
        }
    }

    fn add_zero(&mut self, timer: Timer<N>, content: T) {
        self.zero.push_back(timer.clone());
        self.timers.insert(timer, (Place::Zero, content));
    }

    fn run(&mut self, timer: Timer<N>, at: Instant, content: T) {
        self.last += 1;
        let expires = (at, self.last);
        self.by_time.insert(expires, timer.clone());
        self.timers.insert(timer, (Place::Runs(expires), content));
    }

    pub(super) fn cancel(&mut self, timer: &Timer<N>) {
        match self.timers.remove(timer) {
            Some((Place::Runs(expires), _)) => drop(self.by_time.remove(&expires)),
            Some((Place::Zero, _)) => self.zero.retain(|other| other != timer),
            Some((Place::Due, _)) => self.due.retain(|(_, other)| other != timer),
            None => {}
        }
    }

    pub(super) fn has_zero(&self) -> bool {
        !self.zero.is_empty()
    }

    /// Takes the next of those that take no time.
    pub(super) fn next_zero(&mut self) -> Option<(Timer<N>, T)> {
        let timer = self.zero.pop_front()?;
        Some(self.take(timer))
    }

    /// Takes the next that is due, if its turn has come.
    pub(super) fn next_due(&mut self) -> Option<(Timer<N>, T)> {
        let (turn, _) = self.due.front()?;
        if *turn > self.received {
            return None;
        }
        let (_, timer) = self.due.pop_front()?;
        Some(self.take(timer))
    }

    fn take(&mut self, timer: Timer<N>) -> (Timer<N>, T) {
        let (_, content) = self.timers.remove(&timer).expect("what is in a queue is among the timers");
        (timer, content)
    }

    /// What has expired by now gets its turn behind the `waiting` events of the mailbox.
    pub(super) fn expire(&mut self, now: Instant, waiting: impl Fn() -> usize) {
        while let Some(first) = self.by_time.first_entry() {
            if first.key().0 > now {
                return;
            }
            let timer = first.remove();
            let (place, _) = self.timers.get_mut(&timer).expect("what runs is among the timers");
            *place = Place::Due;
            self.due.push_back((self.received + waiting() as u64, timer));
        }
    }

    /// Something was received from the mailbox.
    pub(super) fn received(&mut self) {
        self.received += 1;
    }

    /// The mailbox is empty: all that are due have their turn.
    pub(super) fn nothing_waits(&mut self) {
        for (turn, _) in &mut self.due {
            *turn = 0;
        }
    }

    /// When the first expires that runs; `now` if there is one that has.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        match self.by_time.first_key_value() {
            Some(((at, _), _)) if self.due.is_empty() => *at,
            _ => now,
        }
    }
}
