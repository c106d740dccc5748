//! Why a system message was of no use.

use proscenium_runtime::{CallError, ExitReason, Recipient};

/// Why a process did not do what it was asked by [`Sys`](super::Sys).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SysError {
    /// It did not answer; [`CallError::NotABehaviour`] if it is a plain process.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its state is of another type.
    #[error("the state of {target} is a {found}, not a {wanted}")]
    OtherStateType {
        /// Who was asked.
        target: Recipient,
        /// The type that was asked for.
        wanted: &'static str,
        /// The type that it is of.
        found: &'static str,
    },
    /// The function that was to read or replace its state panicked; the state is what it was.
    #[error("the function that was given to {target} failed: {reason}")]
    Function {
        /// Who was asked.
        target: Recipient,
        /// The panic.
        reason: ExitReason,
    },
}

/// Why a process was not stopped, or not as it was asked to.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// It has ended, with another reason than it was given: its `terminate` failed, or somebody was faster.
    #[error("{target} ended with another reason: {reason}")]
    Ended {
        /// Who was to stop.
        target: Recipient,
        /// Why it ended.
        reason: ExitReason,
    },
    /// It was not there, is a plain process, or takes longer than it was given. Then it still stops when it comes to that.
    #[error(transparent)]
    Call(#[from] CallError),
}
