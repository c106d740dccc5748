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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Event, next_state};
/// use proscenium_runtime::Reply;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// let (reply, answer) = Reply::pair();
/// lamp.cast(go(|| {
///     next_state(Light::On)
///         .reply(reply, "it will be light")
///         .next_event(Event::Internal("it hums"))
///         .state_timeout(Duration::from_secs(60), "it is hot")
/// }));
/// assert_eq!(test.block_on(answer), Some("it will be light"));
/// test.advance(Duration::from_secs(60));
/// assert_eq!(told(&test, &lamp), ["Off", "On", "it hums", "it is hot"]);
/// ```
#[must_use = "it takes place when the callback returns it"]
pub struct Transition<S: GenStatem, C = Change<S>> {
    pub(super) change: C,
    pub(super) actions: Vec<Action<S::Event>>,
}

/// Where a machine begins; made by [`start_in`].
///
/// # Examples
///
/// What `init` returns, with what is to happen first:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Event, Initial, start_in};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// fn begin() -> Initial<Lamp> {
///     start_in(Light::On, Lamp { told: Vec::new() })
///         .next_event(Event::Internal("it warms up"))
///         .state_timeout(Duration::from_secs(1), "it is warm")
/// }
///
/// let test = TestSystem::new(1);
/// let lamp = test.spawn(|ctx: Context<Tell>| async move { Lamp::enter_loop(begin(), ctx).await });
/// test.advance(Duration::from_secs(1));
/// assert_eq!(told(&test, &lamp), ["On", "it warms up", "it is warm"]);
/// ```
pub type Initial<S> = Transition<S, Beginning<S>>;

/// What is to be done when a state is entered; made by [`entered`] or [`enter_again`].
///
/// # Examples
///
/// What [`GenStatem::enter`] returns: no new state, and nothing that would need an event; replies and timeouts only.
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Entry, Timer, entered};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// fn limit(light: &Light) -> Entry<Lamp> {
///     match light {
///         Light::On => entered().state_timeout(Duration::from_secs(60), "it is hot"),
///         Light::Off => entered().cancel(Timer::Named("flicker")),
///     }
/// }
///
/// assert!(format!("{:?}", limit(&Light::On)).contains("again: false"));
/// ```
pub type Entry<S> = Transition<S, Entering>;

/// The machine goes to `state`. That is a state change if it is not equal to the one before: then the state timeout is cancelled, and
/// what was postponed is handled again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::next_state;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// lamp.cast(go(|| next_state(Light::On).state_timeout(Duration::from_secs(60), "it burns still")));
/// lamp.cast(go(|| next_state(Light::On))); // No change: the timeout runs on.
/// lamp.cast(go(|| next_state(Light::Off))); // A change, which cancels it.
/// test.advance(Duration::from_secs(60));
/// assert_eq!(told(&test, &lamp), ["Off", "On", "Off"]);
/// ```
pub fn next_state<S: GenStatem>(state: S::State) -> Transition<S> {
    Transition::new(Change(Target::Next(state)))
}

/// The state stays as it is.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::keep_state;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// lamp.cast(go(|| keep_state().state_timeout(Duration::from_secs(60), "it is dark still")));
/// lamp.cast(go(keep_state)); // Nothing is to be done.
/// test.advance(Duration::from_secs(60));
/// assert_eq!(told(&test, &lamp), ["Off", "it is dark still"]);
/// ```
pub fn keep_state<S: GenStatem>() -> Transition<S> {
    Transition::new(Change(Target::Keep))
}

/// The state stays as it is, and is entered once more. That is no state change.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{keep_state, repeat_state};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// lamp.cast(go(|| keep_state().state_timeout(Duration::from_secs(60), "it is dark still")));
/// lamp.cast(go(repeat_state)); // It is entered anew, and the timeout runs on.
/// test.advance(Duration::from_secs(60));
/// assert_eq!(told(&test, &lamp), ["Off", "Off", "it is dark still"]);
/// ```
pub fn repeat_state<S: GenStatem>() -> Transition<S> {
    Transition::new(Change(Target::Repeat))
}

/// The machine begins in `state`, with the data that it keeps from then on.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::gen_statem::start_in;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = test.spawn(|ctx: Context<Tell>| async move {
///     Lamp::enter_loop(start_in(Light::On, Lamp { told: Vec::new() }), ctx).await
/// });
/// assert_eq!(told(&test, &lamp), ["On"]);
/// ```
pub fn start_in<S: GenStatem>(state: S::State, data: S) -> Initial<S> {
    Transition::new(Beginning { state, data })
}

/// The state has been entered.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Entry, entered};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let quiet: Entry<Lamp> = entered();
/// let hot: Entry<Lamp> = entered().state_timeout(Duration::from_secs(60), "it is hot");
/// assert!(format!("{quiet:?}").contains("again: false") && format!("{hot:?}").contains("again: false"));
/// ```
pub fn entered<S: GenStatem>() -> Entry<S> {
    Transition::new(Entering { again: false })
}

/// The state has been entered, and is to be entered once more.
///
/// # Examples
///
/// A machine that throws dice until it likes what it sees:
///
/// ```
/// use proscenium_behaviours::gen_statem::{
///     Entry, Event, GenStatem, Initial, Transition, enter_again, entered, keep_state, start_in,
/// };
/// use proscenium_runtime::{Context, ExitReason, Reply};
/// use proscenium_runtime::testing::TestSystem;
///
/// struct Dice(u8);
///
/// impl GenStatem for Dice {
///     type Args = ();
///     type State = ();
///     type Event = Event<Reply<u8>>;
///
///     async fn init(_args: (), _ctx: &mut Context<Reply<u8>>) -> Result<Initial<Self>, ExitReason> {
///         Ok(start_in((), Dice(0)))
///     }
///
///     async fn enter(&mut self, _: &(), _: &(), _ctx: &mut Context<Reply<u8>>) -> Result<Entry<Self>, ExitReason> {
///         self.0 += 1; // No great dice.
///         Ok(if self.0 < 6 { enter_again() } else { entered() })
///     }
///
///     async fn handle_event(
///         &mut self,
///         _state: &(),
///         event: Event<Reply<u8>>,
///         _ctx: &mut Context<Reply<u8>>,
///     ) -> Result<Transition<Self>, ExitReason> {
///         let Event::Message(reply) = event else { return Ok(keep_state()) };
///         Ok(keep_state().reply(reply, self.0))
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let dice = test.block_on(Dice::start(()).spawn(&test)).unwrap();
/// assert_eq!(test.block_on(dice.call(|reply| reply)), Ok(6));
/// ```
pub fn enter_again<S: GenStatem>() -> Entry<S> {
    Transition::new(Entering { again: true })
}

/// What becomes of the state after an event.
///
/// # Examples
///
/// Made by [`next_state`], [`keep_state`] and [`repeat_state`]; it is there to be named, and to be shown:
///
/// ```
/// use proscenium_behaviours::gen_statem::{Change, Transition, next_state};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let transition: Transition<Lamp, Change<Lamp>> = next_state(Light::On);
/// assert!(format!("{transition:?}").contains("On"));
/// ```
pub struct Change<S: GenStatem>(pub(super) Target<S::State>);

#[derive(Debug)]
pub(super) enum Target<State> {
    Keep,
    Repeat,
    Next(State),
}

/// How a machine begins.
///
/// # Examples
///
/// Made by [`start_in`]; it is there to be named, and to be shown:
///
/// ```
/// use proscenium_behaviours::gen_statem::{Beginning, Transition, start_in};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let initial: Transition<Lamp, Beginning<Lamp>> = start_in(Light::On, Lamp { told: Vec::new() });
/// assert!(format!("{initial:?}").contains("On"));
/// ```
pub struct Beginning<S: GenStatem> {
    pub(super) state: S::State,
    pub(super) data: S,
}

/// How a state is entered.
///
/// # Examples
///
/// Made by [`entered`] and [`enter_again`]; it is there to be named, and to be shown:
///
/// ```
/// use proscenium_behaviours::gen_statem::{Entering, Transition, enter_again};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let entry: Transition<Lamp, Entering> = enter_again();
/// assert!(format!("{entry:?}").contains("again: true"));
/// ```
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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Timer, keep_state};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// let minute = Duration::from_secs(60);
/// lamp.cast(go(move || {
///     keep_state()
///         .state_timeout(minute, "it is dark still")
///         .event_timeout(minute, "nobody comes")
///         .named_timeout("bulb", minute, "to be replaced")
/// }));
/// lamp.cast(go(|| keep_state().cancel(Timer::State))); // Which has cancelled the event timeout by happening.
/// test.advance(minute);
/// assert_eq!(told(&test, &lamp), ["Off", "bulb: to be replaced"]);
/// ```
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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{Expiry, keep_state};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// let dusk = test.now() + Duration::from_secs(3600);
/// assert_eq!(Expiry::from(dusk), Expiry::At(dusk));
/// lamp.cast(go(move || keep_state().named_timeout("dusk", dusk, "it gets dark")));
/// lamp.cast(go(|| keep_state().state_timeout(Duration::ZERO, "at once")));
/// test.advance(Duration::from_secs(3600));
/// assert_eq!(told(&test, &lamp), ["Off", "at once", "dusk: it gets dark"]);
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::gen_statem::keep_state;
    /// use proscenium_runtime::Reply;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// let (reply, answer) = Reply::pair();
    /// lamp.cast(go(|| keep_state().reply(reply, 60)));
    /// assert_eq!(test.block_on(answer), Some(60));
    /// ```
    pub fn reply<T: Send + 'static>(self, reply: Reply<T>, value: T) -> Self {
        self.with(Action::Reply(Box::new(move || reply.send(value))))
    }

    /// Starts the state timeout, also if it runs already: if the state has not changed by then, the machine is told
    /// [`Event::StateTimeout`](super::Event::StateTimeout).
    ///
    /// A state change cancels the one that ran before it; one that is started by the transition itself belongs to the new state.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::{keep_state, next_state};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| keep_state().state_timeout(Duration::from_secs(10), "off for long")));
    /// lamp.cast(go(|| next_state(Light::On).state_timeout(Duration::from_secs(60), "on for long")));
    /// test.advance(Duration::from_secs(60));
    /// assert_eq!(told(&test, &lamp), ["Off", "On", "on for long"]); // The first was of the state before.
    /// ```
    pub fn state_timeout(self, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::State, Setting::Start(expiry.into(), content)))
    }

    /// Starts the event timeout: if nothing happens until then, the machine is told
    /// [`Event::EventTimeout`](super::Event::EventTimeout). Whatever is handled before cancels it: messages and news, internal and
    /// postponed events, and other timeouts.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::keep_state;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| keep_state().event_timeout(Duration::from_secs(10), "nobody has come")));
    /// test.advance(Duration::from_secs(9));
    /// lamp.cast(go(keep_state)); // Somebody has.
    /// test.advance(Duration::from_secs(60));
    /// assert_eq!(told(&test, &lamp), ["Off"]);
    /// ```
    pub fn event_timeout(self, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::Event, Setting::Start(expiry.into(), content)))
    }

    /// Starts the timeout of that name, also if it runs already. State changes do not touch it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::{keep_state, next_state};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| {
    ///     keep_state()
    ///         .named_timeout("bulb", Duration::from_secs(30), "to be replaced")
    ///         .named_timeout("wire", Duration::from_secs(10), "to be looked at")
    /// }));
    /// lamp.cast(go(|| next_state(Light::On))); // It does not touch them.
    /// test.advance(Duration::from_secs(30));
    /// assert_eq!(told(&test, &lamp), ["Off", "On", "wire: to be looked at", "bulb: to be replaced"]);
    /// ```
    pub fn named_timeout(self, name: NameOf<S>, expiry: impl Into<Expiry>, content: TimeoutOf<S>) -> Self {
        self.with(Action::Timeout(Timer::Named(name), Setting::Start(expiry.into(), content)))
    }

    /// Cancels a timeout. If it does not run, nothing happens.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::{Timer, keep_state};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| keep_state().named_timeout("bulb", Duration::from_secs(30), "to be replaced")));
    /// lamp.cast(go(|| keep_state().cancel(Timer::Named("bulb")).cancel(Timer::State))); // That one does not run.
    /// test.advance(Duration::from_secs(60));
    /// assert_eq!(told(&test, &lamp), ["Off"]);
    /// ```
    pub fn cancel(self, timer: Timer<NameOf<S>>) -> Self {
        self.with(Action::Timeout(timer, Setting::Cancel))
    }

    /// Changes what a timeout carries, not when it expires. If it does not run, it expires at once, as in OTP.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::{Timer, keep_state};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| keep_state().state_timeout(Duration::from_secs(30), "to be replaced")));
    /// test.advance(Duration::from_secs(29));
    /// lamp.cast(go(|| keep_state().update(Timer::State, "it was replaced")));
    /// test.advance(Duration::from_secs(1));
    /// assert_eq!(told(&test, &lamp), ["Off", "it was replaced"]);
    /// ```
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
    ///
    /// # Examples
    ///
    /// What comes before the code is entered waits for that; the door of [`GenStatem`] does so, too:
    ///
    /// ```
    /// use proscenium_behaviours::gen_statem::{
    ///     Event, GenStatem, Initial, Transition, keep_state, next_state, start_in,
    /// };
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// struct Gate;
    ///
    /// impl GenStatem for Gate {
    ///     type Args = ();
    ///     type State = bool; // Whether it is open.
    ///     type Event = Event<Option<Reply<&'static str>>>;
    ///
    ///     # async fn init(_: (), _: &mut Context<Option<Reply<&'static str>>>) -> Result<Initial<Self>, ExitReason> {
    ///     #     Ok(start_in(false, Gate))
    ///     # }
    ///     // …
    ///     async fn handle_event(
    ///         &mut self,
    ///         is_open: &bool,
    ///         event: Event<Option<Reply<&'static str>>>,
    ///         _ctx: &mut Context<Option<Reply<&'static str>>>,
    ///     ) -> Result<Transition<Self>, ExitReason> {
    ///         Ok(match event {
    ///             Event::Message(None) => next_state(true),
    ///             Event::Message(Some(reply)) if *is_open => keep_state().reply(reply, "welcome"),
    ///             visitor => keep_state().postpone(visitor),
    ///         })
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let gate = test.block_on(Gate::start(()).spawn(&test)).unwrap();
    /// let early = gate.send_request(Some);
    /// gate.cast(None); // It opens.
    /// assert_eq!(test.block_on(early), Ok("welcome"));
    /// ```
    pub fn postpone(self, event: EventOf<S>) -> Self {
        self.with(Action::Postpone(event))
    }

    /// Inserts an event that is handled next, before all that waits. Several are handled in the order in which they were inserted.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::gen_statem::{Event, keep_state};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
    /// # use lamp::*;
    /// let test = TestSystem::new(1);
    /// let lamp = lamp(&test);
    /// lamp.cast(go(|| keep_state().next_event(Event::Internal("one")).next_event(Event::Internal("two"))));
    /// lamp.cast(go(|| keep_state().next_event(Event::Internal("three"))));
    /// assert_eq!(told(&test, &lamp), ["Off", "one", "two", "three"]); // Before what had waited.
    /// ```
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
