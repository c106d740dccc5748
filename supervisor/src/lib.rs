//! Supervisors: processes that start, watch, restart and stop other processes, as OTP's do.
//!
//! A [`Supervisor`] is built from [`ChildSpec`]s and started under a process or a system. Its decisions are made by a pure
//! state machine; the process around it only carries them out.
//!
//! | you want | you use |
//! |---|---|
//! | something that is there again after it failed | a [`Supervisor`] with a [`ChildSpec`] |
//! | children that come and go | a [`DynamicSupervisor`], or a [`TaskSupervisor`] for work that is done once |
//! | one server for each share of the keys | a [`PartitionSupervisor`] |
//! | a thread or a foreign task in the tree | a [`Bridge`] |
//! | a tree that is described in files | [`tree`] |
//! | a program of trees, with settings, signals and an exit code | [`application`] |
//!
//! The chapters *Supervision*, *Supervisors* and those behind it, *The restart table* and *The shutdown protocol* of the book,
//! `book/src` in the repository, are about this package. Most programs use it by way of `proscenium`.
//!
//! # Examples
//!
//! ```
//! use proscenium_runtime::testing::TestSystem;
//! use proscenium_runtime::{Context, ExitReason, Reply};
//! use proscenium_supervisor::{ChildSpec, Supervisor, process};
//!
//! enum Count {
//!     Add(u32),
//!     Get(Reply<u32>),
//! }
//!
//! async fn counter(mut ctx: Context<Count>) {
//!     let mut total: u32 = 0;
//!     loop {
//!         match ctx.receive_message().await {
//!             Count::Add(n) => total = total.checked_add(n).expect("too much"),
//!             Count::Get(reply) => reply.send(total),
//!         }
//!     }
//! }
//!
//! TestSystem::new(1).run(|mut ctx: Context<()>| async move {
//!     let spec = ChildSpec::new("counter", process(counter).name("counter"));
//!     Supervisor::one_for_one().child(spec).start_link(&mut ctx).await?;
//!     let counter = ctx.system().named("counter");
//!     counter.cast(Count::Add(2));
//!     assert_eq!(counter.call(Count::Get).await?, 2);
//!
//!     ctx.monitor(&counter);
//!     counter.cast(Count::Add(u32::MAX)); // It panics, and is started again.
//!     ctx.receive().await;
//!     ctx.system().when_registered("counter").await;
//!     assert_eq!(counter.call(Count::Get).await?, 0);
//!     Ok::<_, ExitReason>(())
//! })?;
//! # Ok::<(), ExitReason>(())
//! ```
//!
//! In the examples of other items a `worker` is a child that fails when it is told to ([`ChildSpec`]), `bakers` are a [`Troupe`] whose
//! jobs take as many seconds as they say, a `part` is an [application](application::Application) that does nothing but run, and
//! `plant` makes a [tree](tree::Tree) of a text.

#![warn(clippy::print_stdout, clippy::unwrap_used)]

mod child_id;
mod child_spec;
mod typed_start;

mod children;
mod index;
mod number_hasher;

mod backoff;
mod intensity;
mod strategy;

mod error;

mod auto_shutdown;

mod decide;

mod shutdown;

mod server;

mod supervisor_ref;

mod supervisor;

mod dynamic;
mod dynamic_server;
mod dynamic_supervisor;

mod partition_supervisor;

mod task_supervisor;

mod bridge;

pub mod tree;

mod troupe;

pub mod application;

pub use auto_shutdown::AutoShutdown;
pub use backoff::Backoff;
pub use bridge::{Bridge, BridgeStart};
pub use child_spec::{ChildKind, ChildSpec, Process, Restart, Shutdown, StartChild, Starting, process};
pub use children::{ChildCount, ChildInfo, ChildState};
pub use dynamic_server::{DynamicChildInfo, DynamicCount};
pub use dynamic_supervisor::{DynamicRef, DynamicSupervisor};
pub use error::{ChildError, FailedToStart, SpecError};
pub use partition_supervisor::{PartitionSupervisor, Partitions};
pub use supervisor::Supervisor;
pub use supervisor_ref::SupervisorRef;
pub use task_supervisor::{TaskSupervisor, TaskSupervisorRef};
pub use troupe::{
    Candidate, Hold, JobError, JobFault, Latency, Member, Routing, Seat, SettingsError, Troupe, TroupeCall,
    TroupeOptions, TroupeRef, TroupeSettings, TroupeStatus, WhenFull,
};
pub use typed_start::{TypedStart, TypedStarting};
