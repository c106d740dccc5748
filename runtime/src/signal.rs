//! What one process can do to another.

use std::any::Any;
use std::time::Instant;

use crate::exit::ExitReason;
use crate::links::Control;
use crate::pid::{MonitorRef, Pid};

/// What a process receives: a message of its own type, or news of another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<M> {
    /// Somebody sent this.
    Message(M),
    /// A linked process ended, or somebody asked this one to exit. Only a process that traps exits receives it.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
}

/// A trapped exit signal; OTP's `{'EXIT', Pid, Reason}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Who ended, or who asked.
    pub pid: Pid,
    /// Why it ended, or why this process shall.
    pub reason: ExitReason,
    /// Whether a link brought it; otherwise somebody called `exit`.
    pub linked: bool,
}

/// A monitored process ended; OTP's `{'DOWN', Ref, process, Pid, Reason}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The monitor, which is gone with this.
    pub monitor: MonitorRef,
    /// Who ended.
    pub pid: Pid,
    /// Why; [`ExitReason::NoProcess`] if it was not there to be monitored.
    pub reason: ExitReason,
}

/// An [`Event`] that is looked at and left where it is.
#[derive(Clone, Copy, Debug)]
pub enum EventRef<'a, M> {
    /// A message.
    Message(&'a M),
    /// A trapped exit signal.
    Exit(&'a Exit),
    /// A monitored process ended.
    Down(&'a Down),
}

/// News of another process, on its way to who asked for it.
#[derive(Debug)]
pub(crate) enum Notice {
    Exit(Exit),
    Down(Down),
}

impl<M> From<Notice> for Event<M> {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Exit(exit) => Event::Exit(exit),
            Notice::Down(down) => Event::Down(down),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Signal {
    /// Asks the receiver to exit, or tells it that a linked process did.
    Exit(Exit),
    Down(Down),
    Link(Pid),
    Unlink(Pid),
    Monitor {
        monitor: MonitorRef,
        watcher: Pid,
    },
    Demonitor(MonitorRef),
}

/// Whether a signal found its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Done,
    /// The receiver has ended.
    Gone,
}

/// A process as others see it that do not know its message type.
pub(crate) trait AnyProcess: Any + Send + Sync {
    fn pid(&self) -> Pid;
    fn parent(&self) -> Option<Pid>;
    fn started_at(&self) -> Instant;
    fn message_type(&self) -> &'static str;
    /// Messages that wait to be received.
    fn queue_len(&self) -> usize;
    /// Notified when the process has ended.
    fn exited(&self) -> &event_listener::Event;
    fn signal(&self, signal: Signal) -> Delivery;
    /// Ends the process on the system's behalf, whether it traps exits or not.
    fn doom(&self, reason: ExitReason);
    /// Reads or changes what the process's lock guards.
    fn with_control(&self, act: &mut dyn FnMut(&mut Control));
}
