//! Programs that heal themselves: Erlang/OTP's processes, supervision trees and behaviours, with Rust's types, on smol.
//!
//! A program is a tree of processes. Each runs alone, shares nothing, and may fail; a supervisor above it starts it again.
//!
//! | you want | you use |
//! |---|---|
//! | something that runs by itself | a process: [`SystemHandle::spawn`], [`Context::spawn_link`] |
//! | state that others ask | a [`GenServer`] |
//! | a callback for each type of message, in place of one enum | an [`Actor`] that [`Handles`] it |
//! | something that does other things in other states | a [`GenStatem`](gen_statem::GenStatem) |
//! | to tell of something that many hear, and that none of them can harm | an [`EventManager`] and its [`EventHandler`]s |
//! | a value, and functions that are called with it | an [`Agent`] |
//! | to leave alone for a while what fails too often | a [`CircuitBreaker`](circuit_breaker::CircuitBreaker) |
//! | something that is there again after it failed | a [`Supervisor`] with a [`ChildSpec`] |
//! | a value that outlives who has it | a [`Keeper`] |
//! | to look after a server that runs | [`Sys`] |
//! | servers that come and go: sessions, rooms | a [`DynamicSupervisor`] |
//! | work on the side, and its result | a [`Task`] |
//! | no more such work than so much, which ends with its part of the program | a [`TaskSupervisor`] |
//! | several servers that are all alike, of which any may do a job | a [`Troupe`] |
//! | one server for each share of the keys | a [`PartitionSupervisor`] |
//! | a server that may abort, overflow its stack or never await, and harms nobody | `isolate`, with the feature of that name |
//! | a thread or a foreign task in the tree | a [`Bridge`] |
//! | a tree that is described in files, and changes while it runs | [`tree`]: a [`Catalog`](tree::Catalog) of what [files](tree::TreeFiles) may start |
//! | a program of parts that start and stop in order, with signals and an exit code | [`application`]: [`Application`](application::Application)s in a [`Release`](application::Release) |
//! | to know of another process's end | [`Context::link`], [`Context::monitor`] |
//! | processes by key: a room by its number, listeners by topic | a [`Registry`] |
//! | many processes under one name | groups: [`SystemHandle::groups`] |
//! | answers later, or from many | [`Address::send_request`], [`Requests`], [`multi_call`] |
//! | to hear when a file descriptor is ready | [`Context::watch`] |
//! | to look into a running system | [`SystemHandle::process_info`], [`SystemHandle::snapshot`], [`SystemHandle::top`] |
//! | to run other programs, once or as a part of the tree | [`subprocess`]: a [`Command`](subprocess::Command), a [`Subprocess`](subprocess::Subprocess) |
//! | to test it in every order, without waiting | [`testing`] |
//!
//! # The book
//!
//! This page is the map of the interface. The book tells what it is for: the ideas, each from a program that breaks without it; a
//! server that speaks Redis's protocol, grown from one process in steps that run; each behaviour by a program that somebody
//! would want; what may be relied on, with the test that holds each line; the same program in Erlang, Elixir, Thespian, ractor,
//! kameo, actix and plain tokio; and what is inside. Its chapters are in `book/src` of the repository, and
//! `cargo run -p proscenium-book --features render` makes pages of them.
//!
//! # The packages below
//!
//! This one has no logic. Processes are those of `proscenium-runtime`, what servers share is in `proscenium-behaviours`, and
//! supervisors, trees and applications are in `proscenium-supervisor`.
//!
//! # Examples
//!
//! ```
//! use proscenium::prelude::*;
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
//! fn main() -> Result<(), ExitReason> {
//!     System::new("counting").run(|mut ctx: Context<()>| async move {
//!         Supervisor::one_for_one()
//!             .child(ChildSpec::new("counter", Counter::start(0).name("counter")))
//!             .start_link(&mut ctx)
//!             .await?;
//!         let counter: Address<Count> = ctx.system().lookup("counter")?;
//!         counter.cast(Count::Add(2));
//!         assert_eq!(counter.call(Count::Get).await?, 2);
//!         Ok(())
//!     })
//! }
//! ```

#![warn(clippy::print_stdout, clippy::unwrap_used)]

#[cfg(all(unix, feature = "isolate"))]
pub use proscenium_behaviours::isolate;
#[cfg(unix)]
pub use proscenium_behaviours::subprocess;
pub use proscenium_behaviours::{
    Actor, ActorArgs, ActorRef, Agent, AgentLoop, AgentMessage, AgentState, Behaviour, Dispatch, EventHandler,
    EventManager, EventMessage, FedLoop, Feed, GenServer, HandlerCall, HandlerContext, HandlerError, HandlerExit,
    HandlerId, HandlerRef, Handles, Info, Keeper, Kept, Origin, Received, Removal, ServerLoop, Start, StillLent,
    StopError, StreamTasks, Subject, Sys, SysError, SysEvent, SysEventKind, SysState, SysStatistics, SysStatus, Task,
    TaskBody, TaskError, TaskOwner, TaskStream, await_many, protocol, yield_many,
};
pub use proscenium_behaviours::{circuit_breaker, gen_statem};
#[cfg(any(feature = "log", feature = "tracing"))]
pub use proscenium_runtime::bridges;
#[cfg(feature = "metrics")]
pub use proscenium_runtime::describe_metrics;
pub use proscenium_runtime::{
    Address, Alias, AliasOptions, Ancestor, Ancestors, Answer, AnswerAtEnd, Builder, BusyTime, By, Call, CallError,
    Cause, Changes, Context, CrashReport, DeadLetter, DeadReason, Down, Duplicate, ErrorContext, Event,
    EventHandlerReport, EventRef, Exit, ExitKind, ExitReason, Failure, GroupChange, GroupError, GroupName,
    GroupSnapshot, IdleTimeout, Incoming, InitAck, Interest, Interval, KeyError, LookupError, Mailbox, MailboxOverflow,
    Missed, MonitorOptions, MonitorRef, Monitored, Offender, Outcome, Overflow, Panic, Parent, ParsePidError, Pid,
    Priority, ProcessInfo, ProgressReport, Ranked, Ready, Recipient, RegisterError, Registry, RegistryChange,
    RegistryEntry, RegistryKey, Reply, Report, Request, Requests, Scope, ScopeChange, SendError, Sleep, SpawnOptions,
    StartError, StartOptions, Status, SupervisorReport, System, SystemCounts, SystemHandle, SystemMessage,
    SystemSnapshot, TerminateReport, TimerRef, TreeNode, TrySendError, Unique, WatchError, WatchRef, Watched, Wishes,
    catch_panic, consume_budget, logging, multi_call, start, start_link, start_monitor, testing,
};
pub use proscenium_supervisor::{
    AutoShutdown, Backoff, Bridge, BridgeStart, Candidate, ChildCount, ChildError, ChildInfo, ChildKind, ChildSpec,
    ChildState, DynamicChildInfo, DynamicCount, DynamicRef, DynamicSupervisor, FailedToStart, Hold, JobError, JobFault,
    Latency, Member, PartitionSupervisor, Partitions, Process, Restart, Routing, Seat, SettingsError, Shutdown,
    SpecError, StartChild, Starting, Supervisor, SupervisorRef, TaskSupervisor, TaskSupervisorRef, Troupe, TroupeCall,
    TroupeOptions, TroupeRef, TroupeSettings, TroupeStatus, TypedStart, TypedStarting, WhenFull, application, process,
    tree,
};

/// What most programs need: `use proscenium::prelude::*`.
pub mod prelude {
    pub use crate::{
        Address, CallError, ChildSpec, Context, Down, Event, Exit, ExitReason, GenServer, Info, Mailbox, Pid, Reply,
        Restart, Shutdown, Supervisor, SupervisorRef, System, SystemHandle, Troupe, TroupeRef, process,
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
