//! A machine's events in their order, and its timeouts: what OTP's manual says of a transition, without anything
//! that runs.
//!
//! Invariants:
//! - What was postponed is handled again only after the state has changed, the oldest first, and before what was queued behind it.
//! - Inserted events go before all of that; timeouts of no time behind it, and before anything that was not received.
//! - An event is in exactly one queue until it is given out.

use std::collections::VecDeque;
use std::time::Instant;

use super::event::{Event, EventTypes, Parts};
use super::timeouts::Timeouts;
use super::transition::{Action, Setting, Target, Timer};

pub(super) struct Engine<E: EventTypes> {
    timeouts: Timeouts<E::Name, E::Timeout>,
    /// To be handled, the next first.
    queue: VecDeque<Parts<E>>,
    /// Put aside until the state changes, the oldest first.
    postponed: VecDeque<Parts<E>>,
    /// What the transition under way asks for.
    inserted: Vec<Parts<E>>,
    settings: Settings<E>,
    has_changed: bool,
}

type Settings<E> = Vec<(Timer<<E as EventTypes>::Name>, Setting<<E as EventTypes>::Timeout>)>;

/// Whether a state is to be entered.
pub(super) enum Enter<State> {
    No,
    /// From the state itself.
    Again,
    From(State),
}

impl<E: EventTypes> Engine<E> {
    pub(super) fn new() -> Self {
        Engine {
            timeouts: Timeouts::new(),
            queue: VecDeque::new(),
            postponed: VecDeque::new(),
            inserted: Vec::new(),
            settings: Vec::new(),
            has_changed: false,
        }
    }

    /// Begins a transition from `state`.
    pub(super) fn go<State: PartialEq>(&mut self, state: &mut State, target: Target<State>) -> Enter<State> {
        let next = match target {
            Target::Keep => return Enter::No,
            Target::Repeat => return Enter::Again,
            Target::Next(next) => next,
        };
        self.has_changed = next != *state;
        let old = std::mem::replace(state, next);
        if self.has_changed { Enter::From(old) } else { Enter::No }
    }

    /// Carries out the actions of a callback: replies at once; the rest is for [`settle`](Self::settle).
    pub(super) fn act(&mut self, actions: Vec<Action<E>>) {
        for action in actions {
            match action {
                Action::Reply(send) => send(),
                Action::Postpone(event) => self.postponed.push_back(event),
                Action::NextEvent(event) => self.inserted.push(event),
                Action::Timeout(timer, setting) => {
                    // The last of a kind counts.
                    self.settings.retain(|(other, _)| *other != timer);
                    self.settings.push((timer, setting));
                }
            }
        }
    }

    /// Ends a transition: each event finds its place, and the timeouts are set.
    pub(super) fn settle(&mut self, now: impl Fn() -> Instant) {
        if std::mem::take(&mut self.has_changed) {
            prepend(&mut self.queue, self.postponed.drain(..));
            self.timeouts.cancel(&Timer::State);
        }
        self.timeouts.cancel(&Timer::Event);
        prepend(&mut self.queue, self.inserted.drain(..));
        for (timer, setting) in self.settings.drain(..) {
            self.timeouts.set(timer, setting, &now);
        }
    }

    /// Whether something is to be handled before anything is received.
    pub(super) fn has_next(&self) -> bool {
        !self.queue.is_empty() || self.timeouts.has_zero()
    }

    /// What is to be handled before anything is received.
    pub(super) fn next(&mut self) -> Option<Parts<E>> {
        self.queue.pop_front().or_else(|| self.timeouts.next_zero().map(Self::timed_out))
    }

    /// The next timeout whose turn has come at `now`, when so many events are `waiting` to be received.
    pub(super) fn next_timeout(&mut self, now: Instant, waiting: impl Fn() -> usize) -> Option<Parts<E>> {
        self.timeouts.expire(now, waiting);
        self.timeouts.next_due().map(Self::timed_out)
    }

    fn timed_out((timer, content): (Timer<E::Name>, E::Timeout)) -> Parts<E> {
        match timer {
            Timer::State => Event::StateTimeout(content),
            Timer::Event => Event::EventTimeout(content),
            Timer::Named(name) => Event::NamedTimeout(name, content),
        }
    }

    pub(super) fn has_timeouts(&self) -> bool {
        self.timeouts.len() > 0
    }

    /// Until when to wait for what comes, as there are timeouts.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        self.timeouts.deadline(now)
    }

    /// Something was received, or nothing was there.
    pub(super) fn received(&mut self, anything: bool) {
        if anything { self.timeouts.received() } else { self.timeouts.nothing_waits() }
    }

    /// How many events are queued, how many postponed, and how many timeouts have been set.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.queue.len(), self.postponed.len(), self.timeouts.len())
    }

    /// Takes all messages that were received and not handled, the newest first.
    pub(super) fn take_unhandled(&mut self) -> impl Iterator<Item = E::Message> {
        let inserted = std::mem::take(&mut self.inserted).into_iter();
        let events = self.postponed.drain(..).chain(inserted).chain(self.queue.drain(..)).rev();
        events.filter_map(|event| if let Event::Message(message) = event { Some(message) } else { None })
    }
}

/// Puts events before those of a queue, in their order.
fn prepend<T>(queue: &mut VecDeque<T>, events: impl DoubleEndedIterator<Item = T>) {
    events.rev().for_each(|event| queue.push_front(event));
}
