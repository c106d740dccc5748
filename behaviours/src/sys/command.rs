//! What a system message says.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;

use async_channel::Sender;
use proscenium_runtime::{ExitReason, Reply};

use super::client::SysStatus;
use super::event::SysEvent;
use super::watch::{Function, SysStatistics};

pub(super) enum Command {
    Suspend(Reply<()>),
    Resume(Reply<()>),
    GetStatus(Reply<SysStatus>),
    /// Reads or replaces the state, and answers.
    WithState(Box<dyn FnOnce(StateRef<'_>) + Send>),
    Log(usize, Reply<()>),
    GetLog(Reply<Vec<SysEvent>>),
    Statistics(bool, Reply<()>),
    GetStatistics(Reply<Option<SysStatistics>>),
    Trace(Sender<SysEvent>, Reply<()>),
    Install(Arc<str>, Function, Reply<bool>),
    Remove(Arc<str>, Reply<bool>),
    NoDebug(Reply<()>),
    /// Nobody answers that: the caller hears of the end.
    Terminate(ExitReason, Reply<Infallible>),
}

/// The state of a process, for whoever knows its type.
pub(super) struct StateRef<'a> {
    pub(super) state: &'a mut dyn Any,
    pub(super) type_name: &'static str,
}
