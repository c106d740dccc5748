//! What is brought to the machine, and what it wants done.

use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{ErrorContext, ExitReason, Offender, Pid, StartError};

use super::Flags;
use crate::child_spec::{ChildSpec, Shutdown};
use crate::children::Key;
use crate::error::ChildError;

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The supervisor itself starts.
    Boot,
    /// A linked process ended by itself.
    Exited { pid: Pid, reason: ExitReason },
    /// It is time for a restart that was put off.
    Retry(Retry),
    /// The supervisor shall stop.
    Stop,
    /// Somebody wants something of it.
    Request(Request),
    /// The start that was handed out is over.
    Started(Result<Pid, StartError>),
    /// The stop that was handed out is over.
    Stopped(Stopped),
}

/// A restart that was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(super) key: Key,
    /// Which time of the child's this is.
    pub(super) delay: u16,
    /// Whether it is a decision of its own, after an attempt that failed, or the rest of one that was counted.
    pub(super) counts: bool,
}

/// What a supervisor can be asked to change.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Start(ChildSpec),
    Terminate(Arc<str>),
    Restart(Arc<str>),
    Delete(Arc<str>),
    /// Stop it and forget it.
    Remove(Arc<str>),
    /// In place, as a code change would.
    Update(Flags, Vec<ChildSpec>),
}

/// How a stop went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The child has ended.
    Ended(ExitReason),
    /// The child was killed and has not ended: it never yields.
    Abandoned,
}

/// What is to be done, in order. Of [`Start`](Self::Start) and [`Stop`](Self::Stop) the outcome is an event, and they come
/// last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start(Key),
    Stop {
        key: Key,
        pid: Pid,
        shutdown: Shutdown,
    },
    /// Bring [`Event::Retry`] after the pause, or once what waits already is done.
    Retry {
        retry: Retry,
        pause: Option<Duration>,
    },
    Report {
        context: ErrorContext,
        reason: ExitReason,
        offender: Offender,
    },
    Progress {
        key: Key,
        pid: Pid,
        /// Whether somebody has asked for this start.
        requested: bool,
    },
    /// Answer the request.
    Answer(Result<Option<Pid>, ChildError>),
    /// End: all children have.
    Exit(ExitReason),
}
