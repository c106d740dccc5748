//! What happens to a machine.

use std::convert::Infallible;

use proscenium_runtime::{Down, Exit};

/// What a machine is told of: OTP's event types, each with its content.
///
/// The parameters say which of them a machine has: its messages `M`; what its timeouts carry, `T`, nothing by default; its internal
/// events `I` and the names `N` of its named timeouts, none by default. What it does not have need not be matched:
///
/// ```
/// use proscenium_behaviours::gen_statem::Event;
///
/// fn describe(event: Event<&str>) -> String {
///     match event {
///         Event::Message(text) => format!("somebody said {text}"),
///         Event::Exit(exit) => format!("{} ended", exit.pid),
///         Event::Down(down) => format!("{} is down", down.pid),
///         Event::StateTimeout(()) => "it has been so for long".to_owned(),
///         Event::EventTimeout(()) => "nothing has happened for long".to_owned(),
///         // There are no internal events and no named timeouts.
///     }
/// }
///
/// assert_eq!(describe(Event::Message("hello")), "somebody said hello");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<M, T = (), I = Infallible, N = Infallible> {
    /// Somebody cast this, or calls and waits for the [`Reply`](proscenium_runtime::Reply) in it; OTP's `cast` and `{call, From}`.
    Message(M),
    /// A linked process ended, or somebody else than the parent asked this one to exit; only if it traps exits.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
    /// The machine told itself, by [`Transition::next_event`](super::Transition::next_event); OTP's `internal`.
    Internal(I),
    /// The state has not changed for as long as [`Transition::state_timeout`](super::Transition::state_timeout) asked for.
    StateTimeout(T),
    /// Nothing has happened for as long as [`Transition::event_timeout`](super::Transition::event_timeout) asked for; OTP's `timeout`.
    EventTimeout(T),
    /// The time of [`Transition::named_timeout`](super::Transition::named_timeout) is over; OTP's `{timeout, Name}`.
    NamedTimeout(N, T),
}

/// The parameters of an [`Event`]; nothing else implements it.
///
/// # Examples
///
/// For what is written for machines of any kind:
///
/// ```
/// use std::any::type_name;
///
/// use proscenium_behaviours::gen_statem::{Event, EventTypes, GenStatem};
///
/// fn takes<S: GenStatem>() -> &'static str {
///     type_name::<<S::Event as EventTypes>::Message>()
/// }
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// assert!(takes::<Lamp>().ends_with("Tell"));
/// assert_eq!(type_name::<<Event<u8, u16> as EventTypes>::Timeout>(), "u16");
/// ```
#[diagnostic::on_unimplemented(
    message = "a machine's events are not `{Self}`",
    note = "they are a `gen_statem::Event`, with the type of the messages: `type Event = Event<Message>`"
)]
pub trait EventTypes: sealed::Sealed {
    /// What others send.
    type Message: Send + 'static;
    /// What timeouts carry.
    type Timeout: Send + 'static;
    /// What the machine tells itself.
    type Internal: Send + 'static;
    /// What names a named timeout.
    type Name: Ord + Clone + Send + 'static;
}

impl<M, T, I, N> EventTypes for Event<M, T, I, N>
where
    M: Send + 'static,
    T: Send + 'static,
    I: Send + 'static,
    N: Ord + Clone + Send + 'static,
{
    type Message = M;
    type Timeout = T;
    type Internal = I;
    type Name = N;
}

mod sealed {
    pub trait Sealed {}

    impl<M, T, I, N> Sealed for super::Event<M, T, I, N> {}
}

/// The event that has the parameters of `E`, which is `E`.
pub(super) type Parts<E> =
    Event<<E as EventTypes>::Message, <E as EventTypes>::Timeout, <E as EventTypes>::Internal, <E as EventTypes>::Name>;
