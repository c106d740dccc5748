//! A state machine: a state, data, and one callback on what happens in it; OTP's `gen_statem`.
//!
//! Invariants:
//! - Between two callbacks nothing else touches state and data.
//! - Events come in OTP's order: what was inserted, what was postponed until the state changed, timeouts of no time, and then what is
//!   received. The engine has it, without a runtime.
//! - A message that was received and postponed is handled later, or a dead letter at the machine's end, as one in the mailbox.
//! - `terminate` is the last callback, as a [`GenServer`](crate::GenServer)'s.
//!
//! # Examples
//!
//! The examples of transitions use a `Lamp`, which is `Off` at first. To `go` is to make the transition that it is told,
//! and `told` is what has happened to it: which states it has entered, and what timeouts and internal events have said.
//!
//! ```
//! use std::time::Duration;
//!
//! use proscenium_behaviours::gen_statem::next_state;
//! use proscenium_runtime::testing::TestSystem;
//!
//! # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
//! # use lamp::*;
//! let test = TestSystem::new(1);
//! let lamp = lamp(&test);
//! lamp.cast(go(|| next_state(Light::On).state_timeout(Duration::from_secs(60), "it burns still")));
//! test.advance(Duration::from_secs(60));
//! assert_eq!(told(&test, &lamp), ["Off", "On", "it burns still"]);
//! ```

mod engine;
mod event;
mod machine;
mod timeouts;
mod transition;

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use proscenium_runtime::{Address, Context, ExitReason, InitAck};

use crate::behaviour::{Behaviour, Start};

pub use event::{Event, EventTypes};
pub use transition::{
    Beginning, Change, Entering, Entry, Expiry, Initial, Timer, Transition, enter_again, entered, keep_state,
    next_state, repeat_state, start_in,
};

/// The callbacks of a state machine, and its data: what implements this is what they share.
///
/// The states are a type of their own, an enum most often. `handle_event` is told what happens, with the state in which it does, and
/// returns where the machine goes: a [`Transition`]. A callback that returns `Err` stops the machine with that reason, as a
/// [`GenServer`](crate::GenServer)'s does.
///
/// # Examples
///
/// A door that locks itself ten seconds after it was opened. Who wants to pass a locked door waits until it opens:
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::gen_statem::{Event, GenStatem, Initial, Transition, keep_state, next_state, start_in};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Door {
///     code: &'static str,
///     passed: u32,
/// }
///
/// #[derive(PartialEq)]
/// enum Lock {
///     Locked,
///     Open,
/// }
///
/// enum Ask {
///     Enter(&'static str),
///     Pass(Reply<u32>),
/// }
///
/// impl GenStatem for Door {
///     type Args = &'static str;
///     type State = Lock;
///     type Event = Event<Ask>;
///
///     async fn init(code: &'static str, _ctx: &mut Context<Ask>) -> Result<Initial<Self>, ExitReason> {
///         Ok(start_in(Lock::Locked, Door { code, passed: 0 }))
///     }
///
///     async fn handle_event(
///         &mut self,
///         state: &Lock,
///         event: Event<Ask>,
///         _ctx: &mut Context<Ask>,
///     ) -> Result<Transition<Self>, ExitReason> {
///         Ok(match (state, event) {
///             (Lock::Locked, Event::Message(Ask::Enter(code))) if code == self.code => {
///                 next_state(Lock::Open).state_timeout(Duration::from_secs(10), ())
///             }
///             (Lock::Locked, event @ Event::Message(Ask::Pass(_))) => keep_state().postpone(event),
///             (Lock::Open, Event::Message(Ask::Pass(reply))) => {
///                 self.passed += 1;
///                 keep_state().reply(reply, self.passed)
///             }
///             (Lock::Open, Event::StateTimeout(())) => next_state(Lock::Locked),
///             _ => keep_state(),
///         })
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let door = Door::start("1234").link(&mut ctx).await?;
///     let waits = door.send_request(Ask::Pass);
///     door.cast(Ask::Enter("4321"));
///     door.cast(Ask::Enter("1234"));
///     assert_eq!(waits.await, Ok(1));
///     ctx.sleep(Duration::from_secs(11)).await;
///     assert!(door.call(Ask::Pass).await.is_err(), "it is locked again, and the call times out");
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a GenStatem",
    note = "a machine needs `type Args`, `type State`, `type Event`, `async fn init` and `async fn handle_event`"
)]
pub trait GenStatem: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;

    /// What can be the case. The state has changed when it is not equal to the one before.
    type State: PartialEq + Send + Sync + 'static;

    /// What can happen: an [`Event`] with the type of the messages and, if there are any, those of what timeouts carry, of internal
    /// events and of the names of timeouts.
    type Event: EventTypes;

    /// Whether what [`format_event`](Self::format_event) writes of the event handled last is kept for the report of a failure. It
    /// is written before each event is handled, and takes as long as that takes; so not by default.
    const KEEPS_LAST_EVENT: bool = false;

    /// Makes the first state and the data, in the new process: [`start_in`]. Whoever starts the machine waits meanwhile; once this has
    /// returned, the state is entered.
    ///
    /// # Errors
    /// The machine does not run, and its starter gets the reason; [`ExitReason::Ignore`] if it need not run.
    fn init(
        args: Self::Args,
        ctx: &mut Context<MessageOf<Self>>,
    ) -> impl Future<Output = Result<Initial<Self>, ExitReason>> + Send;

    /// Handles what happens while the machine is in `state`: [`next_state`], [`keep_state`] or [`repeat_state`], with what is to be
    /// done on the way.
    ///
    /// [`Context::continue_with`] and [`Context::idle_timeout`] are of servers; a machine has [`Transition::next_event`] and
    /// [`Transition::event_timeout`]. It logs a warning if it is asked for the former.
    ///
    /// # Errors
    /// The machine stops with the reason; its crash is reported unless the reason is an orderly one.
    fn handle_event(
        &mut self,
        state: &Self::State,
        event: EventOf<Self>,
        ctx: &mut Context<MessageOf<Self>>,
    ) -> impl Future<Output = Result<Transition<Self>, ExitReason>> + Send;

    /// Is called when `state` is entered: at the start, after each state change, and when it is repeated; OTP's state enter calls. By
    /// default nothing is done.
    ///
    /// `old` is the state before; at the start, and when the state is repeated, it is `state` itself. What is done here cannot depend on
    /// an event, so nothing can be postponed or inserted, and the state is as it is.
    ///
    /// # Errors
    /// As [`handle_event`](Self::handle_event).
    ///
    /// # Examples
    ///
    /// A lamp that turns itself off, however it was turned on:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::gen_statem::{
    ///     Entry, Event, GenStatem, Initial, Transition, entered, keep_state, next_state, start_in,
    /// };
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// struct Lamp;
    ///
    /// #[derive(PartialEq)]
    /// enum Light {
    ///     Off,
    ///     On,
    /// }
    ///
    /// enum Press {
    ///     Button,
    ///     IsOn(Reply<bool>),
    /// }
    ///
    /// impl GenStatem for Lamp {
    ///     type Args = ();
    ///     type State = Light;
    ///     type Event = Event<Press>;
    ///
    ///     async fn init(_args: (), _ctx: &mut Context<Press>) -> Result<Initial<Self>, ExitReason> {
    ///         Ok(start_in(Light::On, Lamp))
    ///     }
    ///
    ///     async fn enter(
    ///         &mut self,
    ///         _old: &Light,
    ///         light: &Light,
    ///         _ctx: &mut Context<Press>,
    ///     ) -> Result<Entry<Self>, ExitReason> {
    ///         match light {
    ///             Light::Off => Ok(entered()),
    ///             Light::On => Ok(entered().state_timeout(Duration::from_secs(60), ())),
    ///         }
    ///     }
    ///
    ///     async fn handle_event(
    ///         &mut self,
    ///         light: &Light,
    ///         event: Event<Press>,
    ///         _ctx: &mut Context<Press>,
    ///     ) -> Result<Transition<Self>, ExitReason> {
    ///         Ok(match event {
    ///             Event::Message(Press::Button) => next_state(Light::On),
    ///             Event::Message(Press::IsOn(reply)) => keep_state().reply(reply, *light == Light::On),
    ///             _ => next_state(Light::Off),
    ///         })
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let lamp = Lamp::start(()).link(&mut ctx).await.unwrap();
    ///     assert_eq!(lamp.call(Press::IsOn).await, Ok(true)); // It is entered at the start, too.
    ///     ctx.sleep(Duration::from_secs(61)).await;
    ///     assert_eq!(lamp.call(Press::IsOn).await, Ok(false));
    /// });
    /// ```
    fn enter(
        &mut self,
        old: &Self::State,
        state: &Self::State,
        ctx: &mut Context<MessageOf<Self>>,
    ) -> impl Future<Output = Result<Entry<Self>, ExitReason>> + Send {
        let _ = (old, state, ctx);
        async { Ok(entered()) }
    }

    /// Cleans up. After a panic the data may be half changed: `reason` tells.
    ///
    /// Not called if a signal ends the machine: one that must clean up when its supervisor stops it traps exits in `init`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::gen_statem::{
    ///     Event, GenStatem, Initial, Transition, keep_state, next_state, start_in,
    /// };
    /// use proscenium_runtime::{Address, Context, ExitReason};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// struct Lift {
    ///     home: Address<String>,
    /// }
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct Floor(u8);
    ///
    /// impl GenStatem for Lift {
    ///     type Args = Address<String>;
    ///     type State = Floor;
    ///     type Event = Event<u8>;
    ///
    ///     async fn terminate(&mut self, reason: &ExitReason, floor: &Floor, _ctx: &mut Context<u8>) {
    ///         self.home.cast(format!("it stopped at {floor:?}: {reason}"));
    ///     }
    ///     # async fn init(home: Address<String>, _ctx: &mut Context<u8>) -> Result<Initial<Self>, ExitReason> {
    ///     #     Ok(start_in(Floor(0), Lift { home }))
    ///     # }
    ///     # async fn handle_event(
    ///     #     &mut self,
    ///     #     _: &Floor,
    ///     #     event: Event<u8>,
    ///     #     _: &mut Context<u8>,
    ///     # ) -> Result<Transition<Self>, ExitReason> {
    ///     #     let Event::Message(floor) = event else { return Ok(keep_state()) };
    ///     #     if floor == 13 { return Err(ExitReason::error("there is no such floor")) }
    ///     #     Ok(next_state(Floor(floor)))
    ///     # }
    ///     // …
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let mut house = test.probe();
    /// let lift = test.block_on(Lift::start(house.address()).spawn(&test)).unwrap();
    /// lift.cast(7);
    /// lift.cast(13);
    /// house.expect_message("it stopped at Floor(7): there is no such floor".to_owned());
    /// ```
    fn terminate(
        &mut self,
        reason: &ExitReason,
        state: &Self::State,
        ctx: &mut Context<MessageOf<Self>>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, state, ctx);
        async {}
    }

    /// A start of this machine with `args`, to be given options and then carried out, by you or by a supervisor.
    fn start(args: Self::Args) -> Start<StatemLoop<Self>> {
        Start::new(args)
    }

    /// Makes the process of `ctx` this machine, until it ends; OTP's `enter_loop`. What its body returns is the result of this.
    ///
    /// Whoever started the process is the machine's parent.
    ///
    /// # Errors
    /// The reason with which the process ends.
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
    /// let lamp = test.spawn(|mut ctx: Context<Tell>| async move {
    ///     ctx.set_label("not a machine yet");
    ///     Lamp::enter_loop(start_in(Light::On, Lamp { told: vec!["made by hand".into()] }), ctx).await
    /// });
    /// assert_eq!(told(&test, &lamp), ["made by hand", "On"]);
    /// ```
    fn enter_loop(
        initial: Initial<Self>,
        mut ctx: Context<MessageOf<Self>>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        ctx.become_behaviour();
        async move { machine::run(initial, &mut ctx).await }
    }

    /// Writes of state and data what reports and [`Sys`](crate::Sys) may show; OTP's `format_status`. By default the name of the
    /// data's type: what is not chosen to be shown stays secret. How much is queued and postponed is shown beside it.
    ///
    /// # Errors
    /// If `f` fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_behaviours::gen_statem::{Event, GenStatem, Initial, Transition, keep_state, start_in};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Door {
    ///     code: &'static str,
    /// }
    ///
    /// #[derive(Debug, PartialEq)]
    /// enum Lock {
    ///     Locked,
    /// }
    ///
    /// impl GenStatem for Door {
    ///     # type Args = &'static str;
    ///     # type State = Lock;
    ///     # type Event = Event<()>;
    ///     # async fn init(code: &'static str, _ctx: &mut Context<()>) -> Result<Initial<Self>, ExitReason> {
    ///     #     Ok(start_in(Lock::Locked, Door { code }))
    ///     # }
    ///     # async fn handle_event(
    ///     #     &mut self,
    ///     #     _: &Lock,
    ///     #     _: Event<()>,
    ///     #     _: &mut Context<()>,
    ///     # ) -> Result<Transition<Self>, ExitReason> {
    ///     #     Ok(keep_state())
    ///     # }
    ///     // …
    ///
    ///     fn format_status(&self, lock: &Lock, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "{lock:?}, with a code of {} digits", self.code.len()) // Not which.
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let door = test.block_on(Door::start("1234").spawn(&test)).unwrap();
    /// let status = test.block_on(Sys::new(&test, &door).get_status()).unwrap();
    /// assert!(status.state.starts_with("Locked, with a code of 4 digits"));
    /// ```
    fn format_status(&self, state: &Self::State, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = state;
        f.write_str(type_name::<Self>())
    }

    /// Writes of an event what reports and [`Sys`](crate::Sys) may show. By default what kind of event it is.
    ///
    /// # Errors
    /// If `f` fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_behaviours::gen_statem::{Event, GenStatem, Initial, Transition, keep_state, start_in};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Door;
    ///
    /// impl GenStatem for Door {
    ///     # type Args = ();
    ///     # type State = ();
    ///     type Event = Event<&'static str>;
    ///     # async fn init(_args: (), _ctx: &mut Context<&'static str>) -> Result<Initial<Self>, ExitReason> {
    ///     #     Ok(start_in((), Door))
    ///     # }
    ///     # async fn handle_event(
    ///     #     &mut self,
    ///     #     _: &(),
    ///     #     _: Event<&'static str>,
    ///     #     _: &mut Context<&'static str>,
    ///     # ) -> Result<Transition<Self>, ExitReason> {
    ///     #     Ok(keep_state())
    ///     # }
    ///     // …
    ///
    ///     fn format_event(event: &Event<&'static str>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         match event {
    ///             Event::Message(code) => write!(f, "a code of {} digits", code.len()),
    ///             _ => f.write_str("something else"),
    ///         }
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let door = test.block_on(Door::start(()).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &door);
    /// test.block_on(sys.log(10)).unwrap();
    /// door.cast("1234");
    /// let log = test.block_on(sys.get_log()).unwrap();
    /// assert_eq!(&*log[0].text, "a code of 4 digits");
    /// ```
    fn format_event(event: &EventOf<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match event {
            Event::Message(_) => "message",
            Event::Exit(_) => "exit",
            Event::Down(_) => "down",
            Event::Internal(_) => "internal",
            Event::StateTimeout(_) => "state timeout",
            Event::EventTimeout(_) => "event timeout",
            Event::NamedTimeout(..) => "named timeout",
        })
    }
}

/// What happens to the machine `S`: its `type Event`.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::gen_statem::{Event, EventOf, keep_state};
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// /// So the signature of a callback can be written without naming the machine's types.
/// fn is_message(event: &EventOf<Lamp>) -> bool {
///     matches!(event, Event::Message(_))
/// }
///
/// assert!(is_message(&Event::Message(go(keep_state))) && !is_message(&Event::StateTimeout("late")));
/// ```
pub type EventOf<S> = event::Parts<<S as GenStatem>::Event>;

/// What others send to the machine `S`.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::gen_statem::{Event, MessageOf, keep_state};
/// use proscenium_runtime::Address;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// fn send(lamp: &Address<MessageOf<Lamp>>) {
///     lamp.cast(go(|| keep_state().next_event(Event::Internal("flickers"))));
/// }
///
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// send(&lamp);
/// assert_eq!(told(&test, &lamp), ["Off", "flickers"]);
/// ```
pub type MessageOf<S> = <<S as GenStatem>::Event as EventTypes>::Message;

/// What the timeouts of the machine `S` carry.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{GenStatem, TimeoutOf, Transition, keep_state};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// fn at_dusk<S: GenStatem>(content: TimeoutOf<S>) -> Transition<S> {
///     keep_state().event_timeout(Duration::from_secs(3600), content)
/// }
///
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// lamp.cast(go(|| at_dusk("it gets dark")));
/// test.advance(Duration::from_secs(3600));
/// assert_eq!(told(&test, &lamp), ["Off", "it gets dark"]);
/// ```
pub type TimeoutOf<S> = <<S as GenStatem>::Event as EventTypes>::Timeout;

/// What names the named timeouts of the machine `S`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::{GenStatem, NameOf, TimeoutOf, Transition, keep_state};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// fn remind<S: GenStatem>(name: NameOf<S>, content: TimeoutOf<S>) -> Transition<S> {
///     keep_state().named_timeout(name, Duration::from_secs(1), content)
/// }
///
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// lamp.cast(go(|| remind("bulb", "to be replaced")));
/// test.advance(Duration::from_secs(1));
/// assert_eq!(told(&test, &lamp), ["Off", "bulb: to be replaced"]);
/// ```
pub type NameOf<S> = <<S as GenStatem>::Event as EventTypes>::Name;

/// A machine as [`Sys::get_state`](crate::Sys::get_state) and [`Sys::replace_state`](crate::Sys::replace_state) find it.
///
/// # Examples
///
/// What an operator who knows the machine sees, and can put right:
///
/// ```
/// use proscenium_behaviours::Sys;
/// use proscenium_behaviours::gen_statem::StateAndData;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// let sys = Sys::new(&test, &lamp);
/// let repaired = |_: &StateAndData<Lamp>| StateAndData { state: Light::On, data: Lamp { told: Vec::new() } };
/// test.block_on(sys.replace_state(repaired)).unwrap();
/// let is_on = |lamp: &StateAndData<Lamp>| lamp.state == Light::On && lamp.data.told.is_empty();
/// assert_eq!(test.block_on(sys.get_state(is_on)), Ok(true)); // It was not entered: nothing is written down.
/// ```
#[derive(Clone, Debug)]
pub struct StateAndData<S: GenStatem> {
    /// The state it is in. One that is put here is neither entered nor does it count as a state change.
    pub state: S::State,
    /// Its data.
    pub data: S,
}

/// The behaviour that runs a [`GenStatem`]; what [`Start`] starts.
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::gen_statem::StatemLoop;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// struct Room {
///     lamp: Start<StatemLoop<Lamp>>,
/// }
///
/// let test = TestSystem::new(1);
/// let room = Room { lamp: Lamp::start(()).name("lamp") };
/// let lamp = test.block_on(room.lamp.clone().spawn(&test)).unwrap(); // And again, after its end.
/// assert_eq!(told(&test, &lamp), ["Off"]);
/// ```
pub struct StatemLoop<S>(PhantomData<fn() -> S>);

impl<S: GenStatem> Behaviour for StatemLoop<S> {
    type Args = S::Args;
    type Message = MessageOf<S>;
    type Handle = Address<MessageOf<S>>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
    fn run(
        args: S::Args,
        mut ctx: Context<MessageOf<S>>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            let initial = S::init(args, &mut ctx).await?;
            ack.ready();
            machine::run(initial, &mut ctx).await
        }
    }
}

impl<S> fmt::Debug for StatemLoop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatemLoop<{}>", type_name::<S>())
    }
}
