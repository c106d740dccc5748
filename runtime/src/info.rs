//! What can be told of a process from outside.

use std::sync::Arc;

use crate::ancestors::Ancestors;
use crate::any_process::{AnyProcess, WithControl};
use crate::links::{Control, Life};
use crate::pid::Pid;

/// A process as it was when asked; OTP's `process_info`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Who.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// What it calls itself.
    pub label: Option<Arc<str>>,
    /// Who started it.
    pub parent: Option<Pid>,
    /// Who started it, and who started that one, and so on.
    pub ancestors: Ancestors,
    /// Whether a signal has ended it, and it has only to notice.
    pub exiting: bool,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// The Rust type of its messages.
    pub message_type: &'static str,
    /// How many messages and news wait in its mailbox.
    pub queue_len: usize,
    /// The most messages and news that have waited at a time, as far as the process or whoever asked has seen.
    pub queue_high_water: usize,
    /// Who is linked to it.
    pub links: Vec<Pid>,
    /// Whom it monitors.
    pub monitors: Vec<Pid>,
    /// Who monitors it.
    pub monitored_by: Vec<Pid>,
    /// How many timers of its are pending.
    pub timers: usize,
}

/// Looks at `process`; `None` if it has ended.
pub(crate) fn of(process: &dyn AnyProcess) -> Option<ProcessInfo> {
    let queue = (process.queue_len(), process.queue_high_water());
    process.control(|control| match control.life {
        Life::Closed(_) => None,
        Life::Running | Life::Doomed(_) => Some(describe(process, queue, control)),
    })
}

fn describe(process: &dyn AnyProcess, (queue_len, queue_high_water): (usize, usize), control: &Control) -> ProcessInfo {
    ProcessInfo {
        pid: process.pid(),
        name: control.name.clone(),
        label: control.label.clone(),
        parent: process.parent(),
        ancestors: process.ancestors().clone(),
        exiting: !control.is_running(),
        trap_exit: control.trap_exit,
        message_type: process.message_type(),
        queue_len,
        queue_high_water,
        links: control.links.iter().copied().collect(),
        monitors: control.watching.values().copied().collect(),
        monitored_by: control.watchers.values().copied().collect(),
        timers: control.timers.len(),
    }
}
