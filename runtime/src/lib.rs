//! Processes as Erlang has them, typed, on smol: the runtime below Proscenium's behaviours and supervisors.
//!
//! A [`System`] runs *processes*: async closures, each with a mailbox of its own that holds messages of one type, and
//! nothing shared. They are spawned ([`SystemHandle::spawn`], [`Context::spawn_link`]), send each other messages
//! ([`Address::cast`], [`Address::call`]), and learn of each other's end by links and monitors
//! ([`Context::link`], [`Context::monitor`]). A process that fails takes nothing with it but those that linked to it.
//!
//! # What holds
//!
//! - **Order**: between two processes, the order of sending is the order of receiving, for messages, trapped exits and downs
//!   alike.
//! - **Conservation**: a message is received, given back to its sender, or a dead letter.
//! - **The end comes once**: state dropped, name free, mailbox emptied, timers cancelled, then links and monitors told.
//! - **A bound counts messages**: exits and downs always find room.
//!
//! # Examples
//!
//! ```
//! use proscenium_runtime::{Context, System};
//!
//! let outcome = System::new("relay").run(|mut ctx: Context<u32>| async move {
//!     let home = ctx.address();
//!     ctx.spawn_link(move |mut ctx: Context<u32>| async move {
//!         let n = ctx.receive_message().await;
//!         home.cast(n * 2);
//!     })
//!     .cast(21);
//!     assert_eq!(ctx.receive_message().await, 42);
//! });
//! assert_eq!(outcome, Ok(()));
//! ```
//!
//! # Where to go on
//!
//! [`Context`] is what a process holds, [`Address`] what others hold of it, [`SystemHandle`] what all share, and [`testing`] runs
//! it all under a seed. The chapters *Ideas*, *Mailboxes*, *Timers*, *Names*, *Groups* and *Registries* of the book, `book/src` in
//! the repository, are about this package. Most programs use it by way of `proscenium`.
//!
//! # Panics
//!
//! A panic in a process is caught, becomes its exit reason, and is reported through the system's logger; nothing is
//! printed. This needs a program that unwinds: with `panic = "abort"` a panic ends the whole program.

#![warn(clippy::print_stdout, clippy::unwrap_used)]

mod sync;

mod clock;
mod end;
mod exit;
mod failure;
mod few;
mod panic;
mod pid;
mod sorted;

mod ancestors;
mod answer;
mod current;
mod rare;
mod reply;
mod room;
mod signal;
mod slot;
mod system_message;
mod vitals;
#[cfg(debug_assertions)]
mod waits;

mod held;
mod links;
mod mailbox;
mod timers;
mod waiters;

mod any_process;
mod changes;
mod child;
mod dead_letters;
mod debts;
mod groups;
mod info;
mod key;
mod names;
mod report;
mod stderr;
mod subscribers;
mod table;

mod observer;

mod scheduler;

mod system;

mod blocking;
mod busy;
#[cfg(feature = "serde")]
mod serialize;
mod snapshot;
mod top;

#[cfg(feature = "metrics")]
mod metrics;

mod process;
mod running;
mod sending;

mod address;
mod call;
mod monitored;
mod requests;
mod system_call;

mod alias;
mod context;
mod registry;
mod scope;
mod spawn;
mod start;
mod watch;

#[cfg(any(feature = "log", feature = "tracing"))]
pub mod bridges;
#[cfg(feature = "crossing")]
pub mod crossing;
pub mod logging;
pub mod testing;

#[cfg(all(test, proscenium_loom))]
mod loom_tests;

pub use address::{Address, SendError, TrySendError};
pub use alias::{Alias, AliasOptions};
pub use ancestors::{Ancestor, Ancestors};
pub use answer::Answer;
pub use busy::BusyTime;
pub use call::Call;
pub use changes::Changes;
pub use child::{ChildKind, Restart, Shutdown};
pub use context::{AnswerAtEnd, Context, IdleTimeout, Interval, Missed, MonitorOptions, Wishes};
pub use current::consume_budget;
pub use dead_letters::{DeadLetter, DeadReason};
pub use exit::{Cause, ExitKind, ExitReason, Outcome, Panic};
pub use failure::Failure;
pub use groups::{GroupChange, GroupError, ScopeChange};
pub use info::{ProcessInfo, Status};
pub use key::{KeyError, RegistryKey};
pub use mailbox::{Mailbox, MailboxOverflow, Overflow};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use monitored::Monitored;
pub use names::{LookupError, RegisterError};
pub use panic::catch_panic;
pub use pid::{GroupName, MonitorRef, ParsePidError, Pid, Recipient, TimerRef, WatchRef};
pub use registry::{Duplicate, Registry, RegistryChange, RegistryEntry, Unique};
pub use reply::{CallError, Reply};
pub use report::{
    CrashReport, ErrorContext, EventHandlerReport, Offender, ProgressReport, Report, SupervisorReport, TerminateReport,
};
pub use requests::{Request, Requests, multi_call};
pub use scheduler::Priority;
pub use scope::Scope;
pub use signal::{Down, Event, EventRef, Exit};
pub use snapshot::{GroupSnapshot, SystemCounts, SystemSnapshot, TreeNode};
pub use spawn::SpawnOptions;
pub use start::{InitAck, Parent, StartError, StartOptions, start, start_link, start_monitor};
pub use system::{Builder, System, SystemHandle};
pub use system_message::{Incoming, SystemMessage};
pub use timers::Sleep;
pub use top::{By, Ranked};
pub use watch::{Interest, Ready, WatchError, Watched};
