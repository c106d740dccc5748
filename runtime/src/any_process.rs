//! A process as others see it that do not know its message type.

use std::any::Any;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::ancestors::Ancestors;
use crate::current;
use crate::exit::ExitReason;
use crate::info::ProcessInfo;
use crate::links::{Control, Watcher};
use crate::pid::{MonitorRef, Pid};
use crate::signal::Signal;
use crate::slot::Owed;
use crate::system_message::{NotTaken, SystemMessage};
use crate::timers::Timers;
use crate::vitals::Vitals;
use crate::waiters::Place;

/// Whether a signal found its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Done,
    /// The receiver has ended.
    Gone,
}

pub(crate) trait AnyProcess: Any + Watcher {
    fn ancestors(&self) -> &Ancestors;
    /// The ancestors of a child that it spawns now.
    fn ancestors_of_child(&self) -> Ancestors;
    fn message_type(&self) -> &'static str;
    /// All that can be told of it; `None` if it has ended.
    fn info(&self) -> Option<ProcessInfo>;
    /// What its counters show.
    fn vitals(&self) -> Vitals;
    /// Whether its body waits for whatever comes next.
    #[cfg(debug_assertions)]
    fn is_receiving(&self) -> bool;
    /// Whether all is released and all are told.
    fn has_ended(&self) -> bool;
    /// Why it has ended, once all is released and all are told.
    fn exit_reason(&self) -> Option<ExitReason>;
    /// Why it has ended, once all is released and all are told; until then, `waker` is woken by that.
    fn poll_end(&self, place: &mut Option<Place>, waker: &Waker) -> Poll<ExitReason>;
    /// Who waited in that place for the end gives up.
    fn leave_waiters(&self, place: Place);
    /// The timers of its system.
    fn timers(&self) -> &Arc<Timers>;
    /// Remembers an answer that it owes, whose wait ends with it. False if it has ended, and would not see to that.
    fn owe(&self, answer: Owed) -> bool;
    fn signal(&self, signal: Signal) -> Delivery;
    /// From now on `watcher`, of the system with those `timers`, monitors it. In another system it is out of reach.
    fn watch(&self, monitor: MonitorRef, watcher: Arc<dyn Watcher>, timers: &Arc<Timers>) -> Delivery;
    /// Queues a message for the loop that runs the process.
    fn push_system(&self, message: SystemMessage) -> Result<(), NotTaken>;
    /// Ends the process on the system's behalf, whether it traps exits or not.
    fn doom(&self, reason: ExitReason);
    fn parent(&self) -> Option<Pid> {
        self.ancestors().parent()
    }

    /// Ends the process for a fault of its own that happened outside its body.
    fn crash(&self, reason: ExitReason);
    /// Reads or changes what the process's lock guards; see [`WithControl`] for what callers use.
    fn with_control(&self, act: &mut dyn FnMut(&mut Control));
}

/// [`AnyProcess::with_control`] for any process and any result.
pub(crate) trait WithControl {
    /// Reads or changes what the process's lock guards, and returns what `act` does.
    fn control<R>(&self, act: impl FnOnce(&mut Control) -> R) -> R;
}

impl<P: AnyProcess + ?Sized> WithControl for P {
    fn control<R>(&self, act: impl FnOnce(&mut Control) -> R) -> R {
        let (mut act, mut result) = (Some(act), None);
        self.with_control(&mut |control| result = act.take().map(|act| act(control)));
        result.expect("it is called once")
    }
}

/// Waits until all that `process` had is released and all are told, and tells why it has ended.
pub(crate) async fn wait_for_end<P: AnyProcess + ?Sized>(process: &P) -> ExitReason {
    // It may have ended: who waits for one after another lets others run all the same.
    current::consume_budget().await;
    let mut waiting = Waiting { process, place: None };
    poll_fn(|cx| waiting.process.poll_end(&mut waiting.place, cx.waker())).await
}

struct Waiting<'a, P: AnyProcess + ?Sized> {
    process: &'a P,
    place: Option<Place>,
}

impl<P: AnyProcess + ?Sized> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        if let Some(place) = self.place
            && !self.process.has_ended()
        {
            self.process.leave_waiters(place);
        }
    }
}
