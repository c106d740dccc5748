//! What a callback wants: where the machine goes, and what is to be done on the way.

use std::fmt;
use std::time::{Duration, Instant};

use proscenium_runtime::Reply;

use super::event::{EventTypes, Parts};
use super::{EventOf, GenStatem, NameOf, TimeoutOf};

/// What becomes of the state, and the actions on the way, in their order; what OTP's callbacks return.
///
/// It is made by [`next_state`], [`keep_state`] or [`repeat_state`]. Where OTP has `stop`, a callback returns `Err(reason)`; where it
/// has `stop_and_reply`, it sends the reply before it does.
///
/// Actions are carried out as OTP does it: replies at once and in their order, then the call of [`GenStatem::enter`] if there is
/// to be one, then postponed and inserted events find their places, and then the timeouts. Of several actions on one timeout the
/// last counts, those of `enter` included.
#[must_use = "it takes place when the callback returns it"]
pub struct Transition<S: GenStatem, C = Change<S>> {
    pub(super) change: C,
    pub(super) actions: Vec<Action<S::Event>>,
}

/// Where a machine begins; made by [`start_in`].
pub type Initial<S> = Transition<S, Beginning<S>>;

/// What is to be done when a state is entered; made by [`entered`] or [`enter_again`].
pub type Entry<S> = Transition<S, Entering>;

/// The machine goes to `state`. That is a state change if it is not equal to the one before: then the state timeout is cancelled, and
/// what was postponed is handled again.
pub fn next_state<S: GenStatem>(state: S::State) -> Transition<S> {
    Transition::new(Change(Target::Next(state)))
}

/// The state stays as it is.
pub fn keep_state<S: GenStatem>() -> Transition<S> {
    Transition::new(Change(Target::Keep))
}

/// The state stays as it is, and is entered once more. That is no state change.
pub fn repeat_state<S: GenStatem>() -> Transition<S> {
    Transition::new(Change(Target::Repeat))
}

/// The machine begins in `state`, with the data that it keeps from then on.
pub fn start_in<S: GenStatem>(state: S::State, data: S) -> Initial<S> {
    Transition::new(Beginning { state, data })
}

/// The state has been entered.
pub fn entered<S: GenStatem>() -> Entry<S> {
    Transition::new(Entering { again: false })
}

/// The state has been entered, and is to be entered once more.
pub fn enter_again<S: GenStatem>() -> Entry<S> {
    Transition::new(Entering { again: true })
}

/// What becomes of the state after an event.
pub struct Change<S: GenStatem>(pub(super) Target<S::State>);

#[derive(Debug)]
pub(super) enum Target<State> {
    Keep,
    Repeat,
    Next(State),
}

/// How a machine begins.
pub struct Beginning<S: GenStatem> {
    pub(super) state: S::State,
    pub(super) data: S,
}

/// How a state is entered.
#[derive(Debug)]
pub struct Entering {
    pub(super) again: bool,
}

pub(super) enum Action<E: EventTypes> {
    Reply(Box<dyn FnOnce() + Send>),
    Postpone(Parts<E>),
    NextEvent(Parts<E>),
    Timeout(Timer<E::Name>, Setting<E::Timeout>),
}

/// One of a machine's timeouts. There is one state timeout, one event timeout, and one for each name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer<N> {
    /// Cancelled when the state changes.
    State,
    /// Cancelled by whatever happens.
    Event,
    /// Cancelled by nothing but the machine itself.
    Named(N),
}

/// When a timeout expires: after a `Duration`, or at an `Instant` of the system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long from now. After no time at all it comes before anything that has not been received yet.
    After(Duration),
    /// Then; OTP's `{abs, true}`.
    At(Instant),
}

impl From<Duration> for Expiry {
    fn from(after: Duration) -> Self {
        Expiry::After(after)
    }
}

impl From<Instant> for Expiry {
    fn from(at: Instant) -> Self {
        Expiry::At(at)
    }
}

/// What is to be done with a timeout.
#[derive(Debug)]
pub(super) enum Setting<T> {
    Start(Expiry, T),
    Cancel,
    Update(T),
}

impl<S: GenStatem, C> Transition<S, C> {
    fn new(change: C) -> Self {
        Transition { change, actions: Vec::new() }
    }

    /// Sends `value` to the caller that waits for it.
    ///
    /// It is [`Reply::send`], but only once the callback has succeeded.
    pub fn reply<T: Send + 'static>(self, reply: Reply<T>, value: T) -> Self {
        self.with(Action::Reply(Box::new(move || reply.send(value))))
    }

    /// Starts the state timeout, also if it runs already: if the state has not changed by then, the machine is told
    /// [`Event::StateTimeout`](super::Event::StateTimeout).
    ///
    /// A state change cancels the one that ran before it; one that is started by the transition itself belongs to the new state.
    pub fn state_timeout(self, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::State, Setting::Start(expiry.into(), content)))
    }

    /// Starts the event timeout: if nothing happens until then, the machine is told
    /// [`Event::EventTimeout`](super::Event::EventTimeout). Whatever is handled before cancels it: messages and news, internal and
    /// postponed events, and other timeouts.
    pub fn event_timeout(self, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::Event, Setting::Start(expiry.into(), content)))
    }

    /// Starts the timeout of that name, also if it runs already. State changes do not touch it.
    pub fn named_timeout(self, name: NameOf<S>, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::Named(name), Setting::Start(expiry.into(), content)))
    }

    /// Cancels a timeout. If it does not run, nothing happens.
    pub fn cancel(self, timer: Timer<NameOf<S>>) -> Self {
        self.with(Action::Timeout(timer, Setting::Cancel))
    }

    /// Changes what a timeout carries, not when it expires. If it does not run, it expires at once, as in OTP.
    pub fn update(self, timer: Timer<NameOf<S>>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(timer, Setting::Update(content)))
    }

    fn with(mut self, action: Action<S::Event>) -> Self {
        self.actions.push(action);
        self
    }
}

impl<S: GenStatem> Transition<S> {
    /// Puts the event aside until the state has changed; then it is handled again, in its turn.
    ///
    /// It takes the event that the callback was given, with the [`Reply`] in it.
    pub fn postpone(self, event: EventOf<S>) -> Self {
        self.with(Action::Postpone(event))
    }

    /// Inserts an event that is handled next, before all that waits. Several are handled in the order in which they were inserted.
    pub fn next_event(self, event: EventOf<S>) -> Self {
        self.with(Action::NextEvent(event))
    }
}

impl<S: GenStatem> Initial<S> {
    /// Inserts an event that is handled first, before anything from the mailbox. Several are handled in the order in which they were
    /// inserted.
    pub fn next_event(self, event: EventOf<S>) -> Self {
        self.with(Action::NextEvent(event))
    }
}

impl<S: GenStatem<State: fmt::Debug>, C: fmt::Debug> fmt::Debug for Transition<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transition")
            .field("change", &self.change)
            .field("actions", &self.actions.len())
            .finish_non_exhaustive()
    }
}

impl<S: GenStatem<State: fmt::Debug>> fmt::Debug for Change<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: GenStatem<State: fmt::Debug>> fmt::Debug for Beginning<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginning").field("state", &self.state).finish_non_exhaustive()
    }
}
