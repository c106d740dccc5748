//! Supervisors: processes that start, watch, restart and stop other processes, as OTP's do.
//!
//! A [`Supervisor`] is built from [`ChildSpec`]s and started under a process or a system. Its decisions are made by a pure
//! state machine; the process around it only carries them out.

#![warn(clippy::print_stdout, clippy::unwrap_used)]

mod child_spec;
mod typed_start;

mod children;

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
