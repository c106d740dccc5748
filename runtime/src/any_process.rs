//! A process as others see it that do not know its message type.

use std::any::Any;
use std::time::Instant;

use event_listener::Event;

use crate::exit::ExitReason;
use crate::links::Control;
use crate::pid::Pid;
use crate::signal::Signal;

/// Whether a signal found its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Done,
    /// The receiver has ended.
    Gone,
}

pub(crate) trait AnyProcess: Any + Send + Sync {
    fn pid(&self) -> Pid;
    fn parent(&self) -> Option<Pid>;
    fn started_at(&self) -> Instant;
    fn message_type(&self) -> &'static str;
    /// Messages that wait to be received.
    fn queue_len(&self) -> usize;
    /// Notified when the process has ended.
    fn exited(&self) -> &Event;
    fn signal(&self, signal: Signal) -> Delivery;
    /// Ends the process on the system's behalf, whether it traps exits or not.
    fn doom(&self, reason: ExitReason);
    /// Reads or changes what the process's lock guards.
    fn with_control(&self, act: &mut dyn FnMut(&mut Control));
}
