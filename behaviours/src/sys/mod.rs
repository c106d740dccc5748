//! What can be asked of any behaviour's process, whatever its protocol; OTP's `sys`.
//!
//! Invariants:
//! - A system message is answered in its turn, between two callbacks, never within one.
//! - A suspended process answers system messages and heeds its parent, and leaves all else in the mailbox, in order.
//! - A process of which nothing of this is asked pays eight bytes for it.

mod client;
mod command;
mod error;
mod event;
mod state;
mod watch;

pub use client::{Sys, SysStatus};
pub use error::{StopError, SysError};
pub use event::{SysEvent, SysEventKind};
pub use state::{Received, Subject, SysState};
pub use watch::SysStatistics;
