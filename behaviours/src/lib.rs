//! Generic behaviours: what every server shares is here, so that you write only what yours does.
//!
//! A behaviour is a loop over a process's mailbox that calls back into your code. [`GenServer`] is the one that most
//! programs need: state, requests, and a start that its starter can wait for. A [`GenStatem`](gen_statem::GenStatem) does
//! other things in other states; a [`CircuitBreaker`](circuit_breaker::CircuitBreaker) is one.
//!
//! Beside these there are event managers ([`EventManager`]), state machines, work on the side ([`Task`]), shared state
//! ([`Agent`]), actors with a callback for each type of message ([`Actor`]), and [`Sys`], which looks after all of them. Each has a
//! chapter in the book, `book/src` in the repository. Most programs use this package by way of `proscenium`.
//!
//! # Examples
//!
//! ```
//! use proscenium_behaviours::GenServer;
//! use proscenium_runtime::{Context, ExitReason, Reply, System};
//!
//! enum Count {
//!     Add(u64),
//!     Get(Reply<u64>),
//! }
//!
//! struct Counter {
//!     total: u64,
//! }
//!
//! impl GenServer for Counter {
//!     type Args = u64;
//!     type Message = Count;
//!
//!     async fn init(start: u64, _ctx: &mut Context<Count>) -> Result<Self, ExitReason> {
//!         Ok(Counter { total: start })
//!     }
//!
//!     async fn handle(&mut self, message: Count, _ctx: &mut Context<Count>) -> Result<(), ExitReason> {
//!         match message {
//!             Count::Add(n) => self.total += n,
//!             Count::Get(reply) => reply.send(self.total),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let outcome = System::new("counting").run(|mut ctx: Context<()>| async move {
//!     let counter = Counter::start(40).link(&mut ctx).await?;
//!     counter.cast(Count::Add(2));
//!     assert_eq!(counter.call(Count::Get).await?, 42);
//!     Ok(())
//! });
//! assert_eq!(outcome, Ok(()));
//! ```
//!
//! Where the examples of other items need a server, it is this one; where they need an actor, it is the account of [`Actor`]'s page;
//! and their event handler, `Sum`, adds up the numbers that it is told, and fails of one that does not fit.

#![warn(clippy::print_stdout, clippy::unwrap_used)]

mod agent;
mod behaviour;
pub mod circuit_breaker;
mod dispatcher;
#[cfg(unix)]
mod ended;
mod feed;
mod gen_event;
mod gen_server;
pub mod gen_statem;
mod handle;
#[cfg(all(unix, feature = "isolate"))]
pub mod isolate;
mod keeper;
mod protocol;
#[cfg(unix)]
pub mod subprocess;
mod sys;
mod task;
mod then;

pub use agent::{Agent, AgentLoop, AgentMessage, AgentState};
pub use behaviour::{Behaviour, Start};
pub use dispatcher::{Actor, ActorArgs, ActorRef, Dispatch, Handles};
pub use feed::{FedLoop, Feed};
pub use gen_event::{
    EventHandler, EventManager, EventMessage, HandlerCall, HandlerContext, HandlerError, HandlerExit, HandlerId,
    HandlerRef, Removal,
};
pub use gen_server::{GenServer, Info, ServerLoop};
#[cfg(all(unix, feature = "isolate"))]
pub use isolate::isolate;
pub use keeper::{Keeper, Kept, Origin, StillLent};
pub use sys::{
    Received, StopError, Subject, Sys, SysError, SysEvent, SysEventKind, SysState, SysStatistics, SysStatus,
};
pub use task::{StreamTasks, Task, TaskBody, TaskError, TaskOwner, TaskStream, await_many, yield_many};

/// What [`protocol!`] needs where it is used.
#[doc(hidden)]
pub mod __private {
    pub use proscenium_runtime::{Address, Call, Reply};
}
