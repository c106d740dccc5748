//! What can go wrong that is not the server's own doing.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use proscenium_runtime::crossing::CrossingError;

/// Why an isolated server did not start, or has ended, if its code has not said so itself. It is the cause of an
/// [`ExitReason::Error`](proscenium_runtime::ExitReason::Error), where
/// [`downcast_ref`](proscenium_runtime::ExitReason::downcast_ref) finds it.
///
/// # Examples
///
/// A `main` that has forgotten [`init`](super::init()):
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::isolate::IsolateError;
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{StartError, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// let system = System::new("brackets");
/// let error = block_on(isolate::<Depth>(()).spawn(&system)).unwrap_err();
/// let StartError::Init(reason) = error else { unreachable!("it has no name that could be taken") };
/// assert_eq!(reason.downcast_ref(), Some(&IsolateError::NoInit));
/// assert_eq!(reason.to_string(), "isolate::init was not called: it must be first in main");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsolateError {
    /// The program's `main` has not called [`init`](super::init()): started again, it would not know what to do.
    #[error("isolate::init was not called: it must be first in main")]
    NoInit,
    /// The program has not named the server in [`init`](super::init()).
    #[error("isolate::init was not told of {server}: add isolate::server::<{server}>()")]
    UnknownServer {
        /// The type of the server.
        server: String,
    },
    /// A simulated system has no OS processes.
    #[error("a simulated system starts no OS processes")]
    Simulated,
    /// The OS process could not be started.
    #[error("the OS process of {server} did not start: {cause}")]
    NotStarted {
        /// The type of the server.
        server: String,
        /// Why.
        cause: String,
    },
    /// The program that was started has said nothing for that long: its `main` does not call [`init`](super::init()) first.
    #[error("the OS process of {server} has not called isolate::init within {after:?}")]
    Silent {
        /// The type of the server.
        server: String,
        /// How long it was given.
        after: Duration,
    },
    /// The arguments do not cross.
    #[error("its arguments do not cross: {0}")]
    Arguments(CrossingError),
    /// The OS process has exited before its server has ended: somebody called `exit`.
    #[error("its OS process exited with status {status}")]
    Exited {
        /// The exit status.
        status: i32,
    },
    /// A signal has ended the OS process.
    #[error("its OS process was ended by signal {signal}{}", name(*signal))]
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Whether it has left a core dump.
        core_dumped: bool,
    },
    /// The OS process has closed the connection, or sent what makes no sense, and was killed.
    #[error("its OS process does not keep to the protocol, and was killed: {cause}")]
    Protocol {
        /// What it did.
        cause: String,
    },
}

impl IsolateError {
    /// How an OS process has ended that has not said why.
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(status), _) => IsolateError::Exited { status },
            (None, Some(signal)) => IsolateError::Signalled { signal, core_dumped: status.core_dumped() },
            (None, None) => IsolateError::Protocol { cause: format!("it has stopped: {status}") },
        }
    }
}

/// What the common ones are called, in brackets.
fn name(signal: i32) -> &'static str {
    use rustix::process::Signal;
    let known = [
        (Signal::ABORT, " (SIGABRT)"),
        (Signal::BUS, " (SIGBUS)"),
        (Signal::FPE, " (SIGFPE)"),
        (Signal::ILL, " (SIGILL)"),
        (Signal::INT, " (SIGINT)"),
        (Signal::KILL, " (SIGKILL)"),
        (Signal::SEGV, " (SIGSEGV)"),
        (Signal::TERM, " (SIGTERM)"),
    ];
    known.iter().find(|(known, _)| known.as_raw() == signal).map_or("", |(_, name)| name)
}
