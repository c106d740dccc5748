//! What a process body holds: its mailbox, and all it can do as itself.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use futures_lite::future;
use slog::{Logger, o};

use crate::address::Address;
use crate::any_process::{AnyProcess, Delivery};
use crate::exit::ExitReason;
use crate::mailbox::{self, Item};
use crate::pid::{MonitorRef, Pid, TimerRef};
use crate::process::Process;
use crate::registry::RegisterError;
use crate::signal::{Down, Event, EventRef, Exit, Notice, Signal};
use crate::system::SystemHandle;
use crate::timers::{Action, Sleep};

/// After so many messages without a pause, a process lets others run.
const BUDGET: u32 = 256;

/// A process as its own body sees it.
///
/// `M` is the type of its messages. Exits it traps and downs of what it monitors come through the same mailbox, in the
/// order in which they were sent.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Event, ExitReason, System};
///
/// let outcome = System::new("family").run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("lost the key")) });
///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!(Some(exit.pid), child.pid());
///     assert_eq!(exit.reason, ExitReason::error("lost the key"));
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Context<M: Send + 'static> {
    process: Arc<Process<M>>,
    system: SystemHandle,
    /// Taken from the mailbox, not received yet.
    batch: VecDeque<Item<M>>,
    budget: u32,
    logger: OnceLock<Logger>,
    continuation: Option<M>,
    idle_timeout: Option<Duration>,
}

impl<M: Send + 'static> Context<M> {
    pub(crate) fn new(process: Arc<Process<M>>) -> Self {
        Context {
            system: SystemHandle {
                shared: process.system.clone(),
            },
            process,
            batch: VecDeque::new(),
            budget: BUDGET,
            logger: OnceLock::new(),
            continuation: None,
            idle_timeout: None,
        }
    }

    /// Who this process is.
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Where others send it messages.
    pub fn address(&self) -> Address<M> {
        Address::of(self.process.clone())
    }

    /// The system it lives in.
    pub fn system(&self) -> &SystemHandle {
        &self.system
    }

    /// Who started it; `None` if that was no process.
    pub fn parent(&self) -> Option<Pid> {
        self.process.parent
    }

    /// A logger whose records carry the pid and the name or label that the process has when it first asks.
    pub fn logger(&self) -> &Logger {
        self.logger.get_or_init(|| {
            let info = self.system.process_info(self.pid());
            let (name, label) = info.map(|info| (info.name, info.label)).unwrap_or_default();
            let name = name.or(label).map(|name| name.to_string());
            self.system
                .logger()
                .new(o!("pid" => self.pid().to_string(), "name" => name))
        })
    }

    /// Receives what comes next. A process that nobody sends anything waits for ever.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Event<M> {
        self.pause_if_spent().await;
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Receives the next message. Exits and downs before it keep their places, for [`receive`](Self::receive).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_message(&mut self) -> M {
        match self
            .receive_matching(|event| matches!(event, EventRef::Message(_)))
            .await
        {
            Event::Message(message) => message,
            Event::Exit(_) | Event::Down(_) => unreachable!("only messages match"),
        }
    }

    /// Receives the first that matches; what does not keeps its place. OTP's selective receive.
    ///
    /// In a bounded mailbox what is passed over still takes its room.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Event<M> {
        self.pause_if_spent().await;
        let mut seen = 0;
        poll_fn(|cx| self.poll_matching(cx, &mut seen, &mut wanted)).await
    }

    /// Takes the first that matches out of what is there already.
    pub fn try_receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Option<Event<M>> {
        self.process.take_into(&mut self.batch, None);
        let found = self.batch.iter().position(|item| wanted(item.peek()))?;
        Some(self.take(found))
    }

    /// Receives what comes next, or `None` if nothing comes within `timeout`. With a zero timeout it takes what is there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_timeout(&mut self, timeout: Duration) -> Option<Event<M>> {
        // Before the race: a process that pauses has not found its mailbox empty.
        self.pause_if_spent().await;
        let budget = self.budget;
        let late = self.sleep(timeout);
        let received = async { Some(self.receive().await) };
        let event = future::or(received, async {
            late.await;
            None
        })
        .await;
        if event.is_none() {
            // Who looks in again and again without waiting must let others run, too.
            self.budget = budget - 1;
        }
        event
    }

    /// From now on, exit signals are received as [`Event::Exit`] instead of ending the process; `false` undoes it.
    /// Returns what it was. What counts is the flag at the moment a signal arrives. [`ExitReason::Kill`] cannot be trapped.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        let mut before = false;
        self.process
            .with_control(&mut |control| before = std::mem::replace(&mut control.trap_exit, trap));
        before
    }

    /// Links this process to another: when one ends abnormally, so does the other, unless it traps exits.
    ///
    /// Linking twice is linking once. If there is no such process, this one gets an exit signal with
    /// [`ExitReason::NoProcess`].
    pub fn link(&mut self, pid: Pid) {
        self.system.shared.link(&*self.process, pid);
    }

    /// Whether a link to that process stands: false once its exit signal has arrived.
    pub fn is_linked(&self, pid: Pid) -> bool {
        let mut linked = false;
        self.process
            .with_control(&mut |control| linked = control.links.contains(&pid));
        linked
    }

    /// Removes the link. After it returns, no exit over that link will be received, not even one that waits.
    pub fn unlink(&mut self, pid: Pid) {
        self.system.shared.unlink(&*self.process, pid);
        self.discard(|notice| matches!(notice, Notice::Exit(exit) if exit.linked && exit.pid == pid));
    }

    /// Monitors a process: exactly one [`Event::Down`] will be received when it has ended, also if it has already.
    pub fn monitor(&mut self, pid: Pid) -> MonitorRef {
        let monitor = self.system.shared.next_monitor();
        self.process.with_control(&mut |control| {
            control.watching.insert(monitor, pid);
        });
        let signal = Signal::Monitor {
            monitor,
            watcher: self.pid(),
        };
        if self.system.shared.signal(pid, signal) == Delivery::Gone {
            self.process.signal(Signal::Down(Down {
                monitor,
                pid,
                reason: ExitReason::NoProcess,
            }));
        }
        monitor
    }

    /// Ends a monitor. After it returns, no down of it will be received, not even one that waits.
    pub fn demonitor(&mut self, monitor: MonitorRef) {
        let mut target = None;
        self.process
            .with_control(&mut |control| target = control.watching.remove(&monitor));
        match target {
            Some(pid) => drop(self.system.shared.signal(pid, Signal::Demonitor(monitor))),
            None => self.discard(|notice| matches!(notice, Notice::Down(down) if down.monitor == monitor)),
        }
    }

    /// Sends an exit signal; OTP's `exit(Pid, Reason)`. To itself, it ends the process at its next await.
    ///
    /// With [`ExitReason::Kill`] the receiver ends as killed, whatever it traps. With [`ExitReason::Normal`] nothing
    /// happens unless it traps exits.
    pub fn exit(&self, pid: Pid, reason: ExitReason) {
        self.system.shared.exit(self.pid(), pid, reason);
    }

    /// Takes a name; see [`SystemHandle::register`].
    ///
    /// # Errors
    /// If the name is taken, or this process has one already.
    pub fn register(&mut self, name: &str) -> Result<(), RegisterError> {
        self.system.register(name, self.pid())
    }

    /// Says what this process is, in a few words, for reports and whoever looks at it; OTP's `set_label`.
    pub fn set_label(&mut self, label: &str) {
        self.process
            .with_control(&mut |control| control.label = Some(label.into()));
    }

    /// Waits for `duration` of the system's time.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.system.sleep(duration)
    }

    /// Sends this process `message` after `delay`; never early. The timer ends with the process.
    ///
    /// Timers are received in the order in which they expire. A full mailbox takes the message all the same.
    pub fn send_after(&mut self, delay: Duration, message: M) -> TimerRef {
        let process = self.process.clone();
        let mut message = Some(message);
        self.set_timer(self.system.shared.timers.after(delay), move |timer, _now| {
            if let Some(message) = message.take() {
                process.push_from_timer(timer, true, || message);
            }
            None
        })
    }

    /// Sends `message` to another process after `delay`. The timer ends with this process, not with the receiver; an
    /// address by name is looked up when it expires.
    pub fn send_after_to<N: Send + 'static>(&mut self, delay: Duration, to: &Address<N>, message: N) -> TimerRef {
        let process = self.process.clone();
        let mut letter = Some((to.clone(), message));
        self.set_timer(self.system.shared.timers.after(delay), move |timer, _now| {
            let mut pending = false;
            process.with_control(&mut |control| pending = control.timers.remove(&timer));
            if let Some((to, message)) = letter.take().filter(|_| pending) {
                to.cast(message);
            }
            None
        })
    }

    /// Sends this process what `make` makes, every `period` from now on, until the timer is cancelled or the process
    /// ends. The rate is fixed; a tick that is a whole period late is left out.
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn send_interval(&mut self, period: Duration, mut make: impl FnMut() -> M + Send + 'static) -> TimerRef {
        assert!(!period.is_zero(), "an interval needs a period");
        let process = self.process.clone();
        let mut next = self.system.shared.timers.after(period);
        self.set_timer(next, move |timer, now| {
            next = after_missed(next, period, now);
            process.push_from_timer(timer, false, &mut make).then_some(next)
        })
    }

    /// Cancels one of this process's timers and returns the time that was left; `None` if it is over. Then its message
    /// may be in the mailbox.
    pub fn cancel_timer(&mut self, timer: TimerRef) -> Option<Duration> {
        let mut pending = false;
        self.process
            .with_control(&mut |control| pending = control.timers.remove(&timer));
        // Between its expiry and its delivery a timer is in no store; it is not delivered any more.
        pending.then(|| self.system.shared.timers.cancel(timer).unwrap_or_default())
    }

    /// The time until a timer expires; `None` if it is over.
    pub fn read_timer(&self, timer: TimerRef) -> Option<Duration> {
        self.system.shared.timers.time_left(timer)
    }

    /// Asks the behaviour that runs this process to handle `message` next, before anything that waits in the mailbox;
    /// OTP's `{continue, Term}`. The last one asked for in a callback counts.
    pub fn continue_with(&mut self, message: M) {
        self.continuation = Some(message);
    }

    /// Asks the behaviour that runs this process to tell it when nothing has come for `timeout` after this callback.
    /// Whatever comes before cancels it.
    pub fn idle_timeout(&mut self, timeout: Duration) {
        self.idle_timeout = Some(timeout);
    }

    /// For behaviours: what [`continue_with`](Self::continue_with) left.
    pub fn take_continuation(&mut self) -> Option<M> {
        self.continuation.take()
    }

    /// For behaviours: what [`idle_timeout`](Self::idle_timeout) left.
    pub fn take_idle_timeout(&mut self) -> Option<Duration> {
        self.idle_timeout.take()
    }

    /// For behaviours: from here on this process only cleans up. Calls that it leaves unanswered hear of its end, with the
    /// reason, instead of a reply that was dropped.
    pub fn begin_exit(&mut self) {
        self.process.leave();
    }

    /// Whether `exit` comes from whoever started this process: its parent or, if it has none, the system that shuts down.
    pub fn is_from_parent(&self, exit: &Exit) -> bool {
        exit.pid == self.parent().unwrap_or(Pid::SYSTEM)
    }

    pub(crate) fn process(&self) -> &Arc<Process<M>> {
        &self.process
    }

    fn set_timer(
        &mut self,
        at: Instant,
        mut fire: impl FnMut(TimerRef, Instant) -> Option<Instant> + Send + 'static,
    ) -> TimerRef {
        let timers = &self.system.shared.timers;
        let timer = timers.reserve();
        self.process.with_control(&mut |control| {
            control.timers.insert(timer);
        });
        timers.set(timer, at, Action::Call(Box::new(move |now| fire(timer, now))));
        timer
    }

    fn discard(&mut self, unwanted: impl Fn(&Notice) -> bool + Copy) {
        drop(mailbox::discard(&mut self.batch, unwanted));
        self.process.discard(unwanted);
    }

    fn poll_receive(&mut self, cx: &mut task::Context<'_>) -> Poll<Event<M>> {
        if self.batch.is_empty() && !self.refill(cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.take(0))
    }

    fn poll_matching(
        &mut self,
        cx: &mut task::Context<'_>,
        seen: &mut usize,
        wanted: &mut impl FnMut(EventRef<'_, M>) -> bool,
    ) -> Poll<Event<M>> {
        loop {
            if let Some(found) = self.batch.iter().skip(*seen).position(|item| wanted(item.peek())) {
                return Poll::Ready(self.take(*seen + found));
            }
            *seen = self.batch.len();
            if !self.refill(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Lets others run, if this process has received a budget of messages without a pause.
    async fn pause_if_spent(&mut self) {
        if self.budget == 0 {
            self.budget = BUDGET;
            future::yield_now().await;
        }
    }

    fn refill(&mut self, cx: &task::Context<'_>) -> bool {
        let refilled = self.process.take_into(&mut self.batch, Some(cx.waker()));
        if !refilled {
            self.budget = BUDGET;
        }
        refilled
    }

    fn take(&mut self, index: usize) -> Event<M> {
        let item = self.batch.remove(index).expect("the caller found it there");
        self.budget = self.budget.saturating_sub(1);
        self.process.received(item.is_message(), self.batch.len());
        item.into()
    }
}

/// The first instant of the rhythm that is still to come.
fn after_missed(last: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(last);
    let missed = u32::try_from(late.as_nanos() / period.as_nanos()).unwrap_or(u32::MAX);
    last + period * missed.saturating_add(1)
}

impl<M: Send + 'static> Drop for Context<M> {
    fn drop(&mut self) {
        self.process.put_back(std::mem::take(&mut self.batch));
    }
}

impl<M: Send + 'static> fmt::Debug for Context<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_keeps_its_rhythm_and_leaves_out_what_it_missed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let period = Duration::from_millis(10);
        assert_eq!(after_missed(at(10), period, at(10)), at(20));
        assert_eq!(after_missed(at(10), period, at(19)), at(20));
        assert_eq!(after_missed(at(10), period, at(47)), at(50));
    }
}
