//! Supervisors: processes that start, watch, restart and stop other processes, as OTP's do.
//!
//! A [`Supervisor`] is built from [`ChildSpec`]s and started under a process or a system. Its decisions are made by a pure
//! state machine; the process around it only carries them out.

#![warn(clippy::print_stdout, clippy::unwrap_used)]

mod child_spec;
mod children;

mod intensity;
mod strategy;

mod error;

mod auto_shutdown;

mod decide;

mod shutdown;

mod supervisor;

pub use auto_shutdown::AutoShutdown;
pub use child_spec::{ChildKind, ChildSpec, Process, Restart, Shutdown, StartChild, Starting, process};
pub use children::ChildState;
pub use error::{ChildError, FailedToStart, SpecError};
pub use supervisor::{ChildCount, ChildInfo, Supervisor, SupervisorRef};
