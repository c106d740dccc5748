//! Why a system message was of no use.

use proscenium_runtime::{CallError, ExitReason, Recipient};

/// Why a process did not do what it was asked by [`Sys`](super::Sys).
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Sys, SysError};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// let test = TestSystem::new(1);
/// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
/// let sys = Sys::new(&test, &counter);
/// let error = test.block_on(sys.get_state(|text: &String| text.len())).unwrap_err();
/// assert!(matches!(error, SysError::OtherStateType { found, .. } if found.ends_with("Counter")));
/// let error = test.block_on(sys.get_state(|_: &Counter| panic!("a slip"))).map(|()| ()).unwrap_err();
/// assert!(matches!(error, SysError::Function { .. }));
/// let plain = test.spawn(|_ctx: Context<()>| std::future::pending::<()>());
/// let error = test.block_on(Sys::new(&test, &plain).suspend()).unwrap_err();
/// assert!(error.to_string().ends_with("it is not a behaviour"));
/// ```
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
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{StopError, Sys};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{CallError, ExitReason};
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// let test = TestSystem::new(1);
/// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
/// let sys = Sys::new(&test, &counter);
/// counter.cast(Count::Add(u64::MAX));
/// counter.cast(Count::Add(1)); // It does not fit: the counter fails before it comes to stop.
/// let error = test.block_on(sys.stop(ExitReason::Normal)).unwrap_err();
/// assert!(matches!(error, StopError::Ended { reason: ExitReason::Panic(_), .. }));
/// let again = test.block_on(sys.stop(ExitReason::Normal)).unwrap_err();
/// assert!(matches!(again, StopError::Call(CallError::NoProcess { .. })));
/// ```
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
