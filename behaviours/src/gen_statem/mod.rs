//! A state machine: a state, data, and one callback on what happens in it; OTP's `gen_statem`.
//!
//! Invariants:
//! - Between two callbacks nothing else touches state and data.
//! - Events come in OTP's order: what was inserted, what was postponed until the state changed, timeouts of no time, and then what is
//!   received. The engine has it, without a runtime.
//! - A message that was received and postponed is handled later, or a dead letter at the machine's end, as one in the mailbox.
//! - `terminate` is the last callback, as a [`GenServer`](crate::GenServer)'s.

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
    fn format_status(&self, state: &Self::State, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = state;
        f.write_str(type_name::<Self>())
    }

    /// Writes of an event what reports and [`Sys`](crate::Sys) may show. By default what kind of event it is.
    ///
    /// # Errors
    /// If `f` fails.
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
pub type EventOf<S> = event::Parts<<S as GenStatem>::Event>;

/// What others send to the machine `S`.
pub type MessageOf<S> = <<S as GenStatem>::Event as EventTypes>::Message;

/// What the timeouts of the machine `S` carry.
pub type TimeoutOf<S> = <<S as GenStatem>::Event as EventTypes>::Timeout;

/// What names the named timeouts of the machine `S`.
pub type NameOf<S> = <<S as GenStatem>::Event as EventTypes>::Name;

/// A machine as [`Sys::get_state`](crate::Sys::get_state) and [`Sys::replace_state`](crate::Sys::replace_state) find it.
#[derive(Clone, Debug)]
pub struct StateAndData<S: GenStatem> {
    /// The state it is in. One that is put here is neither entered nor does it count as a state change.
    pub state: S::State,
    /// Its data.
    pub data: S,
}

/// The behaviour that runs a [`GenStatem`]; what [`Start`] starts.
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
