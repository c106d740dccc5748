//! The life of a process.
//!
//! Invariants:
//! - `finish` runs exactly once, whatever ends the body: return, panic, signal, or a dropped future.
//! - After it, no code of the process runs.
//! - Names are released before links are told, so a supervisor may restart under the same name at once.
//! - One lock guards the mailbox and the relations of a process. Nobody holds two of them, or runs user code under one.

use std::any::type_name;
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use event_listener::Event;
use pin_project_lite::pin_project;

use crate::any_process::{AnyProcess, Delivery};
use crate::dead_letters::{DeadLetter, DeadReason, Recipient};
use crate::exit::ExitReason;
use crate::links::{Control, Effect, Life, Ties};
use crate::mailbox::{Item, Mailbox, Queue};
use crate::panic::{catch, drop_quietly};
use crate::pid::{Pid, TimerRef};
use crate::reply::Unanswered;
use crate::report::{CrashReport, Report};
use crate::signal::{Down, Exit, Notice, Signal};
use crate::sync::Lock;
use crate::system::Shared;

/// A process as its senders and its own body know it.
pub(crate) struct Process<M> {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) system: Arc<Shared>,
    pub(crate) is_bounded: bool,
    started_at: Instant,
    inner: Lock<Inner<M>>,
    /// How much its body has taken out of the queue and not received yet.
    held: AtomicUsize,
    /// Set once a signal has ended it: what the lock knows, told without the lock.
    doomed: AtomicBool,
    /// Set once its body only cleans up: callers it left unanswered shall hear of its end.
    leaving: AtomicBool,
    exited: Event,
    /// Notified when a bounded mailbox has room again.
    pub(crate) room: Event,
}

struct Inner<M> {
    queue: Queue<M>,
    control: Control,
    /// Wakes the process whatever its body waits for.
    task: Option<Waker>,
}

/// The mailbox took no message; here it is again.
pub(crate) enum Refused<M> {
    Full(M),
    Gone(M),
}

impl<M: Send + 'static> Process<M> {
    pub(crate) fn new(pid: Pid, parent: Option<Pid>, system: Arc<Shared>, mailbox: Mailbox, control: Control) -> Self {
        Process {
            pid,
            parent,
            is_bounded: mailbox.is_bounded(),
            started_at: system.timers.now(),
            system,
            inner: Lock::new(Inner {
                queue: Queue::new(mailbox),
                control,
                task: None,
            }),
            held: AtomicUsize::new(0),
            doomed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            exited: Event::new(),
            room: Event::new(),
        }
    }

    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        let mut inner = self.inner.lock();
        if !inner.control.is_running() {
            return Err(Refused::Gone(message));
        }
        let waker = inner.queue.push(message).map_err(Refused::Full)?;
        drop(inner);
        wake(waker);
        Ok(())
    }

    /// Delivers the message of one of the process's own timers, unless the timer was cancelled. It finds room in a
    /// full mailbox. If `once`, the timer is over with this. Returns whether it was delivered.
    pub(crate) fn push_from_timer(&self, timer: TimerRef, once: bool, make: impl FnOnce() -> M) -> bool {
        if !self.inner.lock().control.timers.contains(&timer) {
            return false;
        }
        // Making the message may run user code: not under the lock.
        let message = make();
        let mut inner = self.inner.lock();
        let pending = if once {
            inner.control.timers.remove(&timer)
        } else {
            inner.control.timers.contains(&timer)
        };
        if !pending || !inner.control.is_running() {
            drop(inner);
            drop(message);
            return false;
        }
        let waker = inner.queue.push_past_bound(message);
        drop(inner);
        wake(waker);
        true
    }

    /// Moves what waits into `batch`; if there is nothing, `waker`, if given, is woken when something comes.
    pub(crate) fn take_into(&self, batch: &mut VecDeque<Item<M>>, waker: Option<&Waker>) -> bool {
        let mut inner = self.inner.lock();
        let taken = inner.queue.take_into(batch);
        if let Some(waker) = waker.filter(|_| !taken) {
            inner.queue.wait(waker);
        }
        taken
    }

    /// The body has received an item and holds `held` more.
    pub(crate) fn received(&self, was_message: bool, held: usize) {
        self.held.store(held, Ordering::Relaxed);
        if was_message && self.is_bounded {
            self.inner.lock().queue.received();
            self.room.notify_additional(1);
        }
    }

    /// Takes back what the body held when it was dropped.
    pub(crate) fn put_back(&self, batch: VecDeque<Item<M>>) {
        self.held.store(0, Ordering::Relaxed);
        self.inner.lock().queue.put_back(batch);
    }

    pub(crate) fn discard(&self, unwanted: impl Fn(&Notice) -> bool) {
        self.inner.lock().queue.discard(unwanted);
    }

    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        match &self.inner.lock().control.life {
            Life::Closed(reason) => Some(reason.clone()),
            Life::Running | Life::Doomed(_) => None,
        }
    }

    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the code that asks runs in this process.
    pub(crate) fn is_current(&self) -> bool {
        CURRENT.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Remembers how to wake the process, `known` being what was remembered last. Returns whether it may sleep, or a
    /// signal has ended it already.
    fn may_sleep(&self, known: &mut Option<Waker>, waker: &Waker) -> bool {
        if known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return true;
        }
        *known = Some(waker.clone());
        let mut inner = self.inner.lock();
        inner.task = Some(waker.clone());
        inner.control.is_running()
    }

    /// The one door out. `by_itself` is why the body ended, if it did; otherwise a signal's reason stands.
    pub(crate) fn finish(&self, by_itself: Option<ExitReason>) {
        let crashed = by_itself
            .as_ref()
            .is_some_and(|reason| !reason.is_normal() && *reason != ExitReason::Ignore);
        let (reason, ties, items) = self.close(by_itself);
        if let Some(name) = &ties.name {
            self.system.registry.release(name, self.pid);
        }
        let was_last = self.system.table.remove(self.pid);
        let unreceived = self.bury(items);
        self.exited.notify(usize::MAX);
        self.room.notify(usize::MAX);
        for timer in &ties.timers {
            self.system.timers.cancel(*timer);
        }
        if crashed {
            self.system
                .reports
                .publish(Report::Crash(Arc::new(self.crash_report(&reason, &ties, unreceived))));
        }
        self.tell(&reason, ties);
        if was_last {
            self.system.emptied.notify(usize::MAX);
        }
    }

    fn close(&self, by_itself: Option<ExitReason>) -> (ExitReason, Ties, VecDeque<Item<M>>) {
        let mut inner = self.inner.lock();
        let doom = match &inner.control.life {
            Life::Doomed(reason) => reason.clone(),
            // The executor went away, and the process with it.
            Life::Running | Life::Closed(_) => ExitReason::Killed,
        };
        let reason = by_itself.unwrap_or(doom);
        let ties = inner.control.close(reason.clone());
        let items = inner.queue.drain();
        let task = inner.task.take();
        drop(inner);
        drop(task);
        (reason, ties, items)
    }

    /// Drops what was not received, each message a dead letter; a panic in one's drop harms nobody.
    fn bury(&self, items: VecDeque<Item<M>>) -> usize {
        let mut messages = 0;
        for item in items {
            if item.is_message() {
                messages += 1;
                self.dead_letter(DeadReason::DroppedAtExit);
            }
            let _ = drop_quietly(item);
        }
        messages
    }

    pub(crate) fn dead_letter(&self, reason: DeadReason) {
        let target = Recipient::Process(self.pid);
        self.system.dead_letters.record(|| DeadLetter {
            target,
            message_type: type_name::<M>(),
            reason,
        });
    }

    fn crash_report(&self, reason: &ExitReason, ties: &Ties, unreceived: usize) -> CrashReport {
        CrashReport {
            pid: self.pid,
            name: ties.name.clone(),
            label: ties.label.clone(),
            parent: self.parent,
            reason: reason.clone(),
            message_type: type_name::<M>(),
            unreceived,
            links: ties.links.iter().copied().collect(),
        }
    }

    /// Tells links and monitors; last, so that who hears of it finds everything else done.
    fn tell(&self, reason: &ExitReason, ties: Ties) {
        // `Ignore` is a word between `init` and who started it; to everybody else the process ended normally.
        let reason = if *reason == ExitReason::Ignore {
            &ExitReason::Normal
        } else {
            reason
        };
        for (monitor, target) in ties.watching {
            self.system.signal(target, Signal::Demonitor(monitor));
        }
        for link in ties.links {
            let signal = if ties.starter == Some(link) {
                Signal::Unlink(self.pid)
            } else {
                Signal::Exit(Exit {
                    pid: self.pid,
                    reason: reason.clone(),
                    linked: true,
                })
            };
            self.system.signal(link, signal);
        }
        for (monitor, watcher) in ties.watchers {
            self.system.signal(
                watcher,
                Signal::Down(Down {
                    monitor,
                    pid: self.pid,
                    reason: reason.clone(),
                }),
            );
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<M: Send + 'static> AnyProcess for Process<M> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn parent(&self) -> Option<Pid> {
        self.parent
    }

    fn started_at(&self) -> Instant {
        self.started_at
    }

    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn queue_len(&self) -> usize {
        self.held.load(Ordering::Relaxed) + self.inner.lock().queue.len()
    }

    fn exited(&self) -> &Event {
        &self.exited
    }

    fn signal(&self, signal: Signal) -> Delivery {
        let mut inner = self.inner.lock();
        let waker = match inner.control.apply(signal) {
            Effect::Nothing => None,
            Effect::Queue(notice) => inner.queue.push_notice(notice),
            Effect::End => self.end(&mut inner),
            Effect::Gone => return Delivery::Gone,
        };
        drop(inner);
        wake(waker);
        Delivery::Done
    }

    fn doom(&self, reason: ExitReason) {
        let mut inner = self.inner.lock();
        let waker = match inner.control.doom(reason) {
            Effect::End => self.end(&mut inner),
            _ => None,
        };
        drop(inner);
        wake(waker);
    }

    fn with_control(&self, act: &mut dyn FnMut(&mut Control)) {
        act(&mut self.inner.lock().control);
    }
}

impl<M> Process<M> {
    /// A signal has ended the process: returns whom to wake, so that it notices.
    fn end(&self, inner: &mut Inner<M>) -> Option<Waker> {
        self.doomed.store(true, Ordering::Release);
        inner.task.clone()
    }
}

impl<M> fmt::Debug for Process<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// The process whose body runs on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// Marks this thread as running `process` while `code` runs; replies that are dropped meanwhile end in `unanswered`.
fn within<M: Send + 'static, T>(process: &Process<M>, unanswered: &mut Unanswered, code: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(process.address());
    let outer_unanswered = Unanswered::begin(std::mem::take(unanswered));
    let result = code();
    *unanswered = Unanswered::end(outer_unanswered);
    CURRENT.set(outer);
    result
}

pin_project! {
    /// A process's body and its end, as the future that a scheduler runs.
    pub(crate) struct Running<M, F>
    where
        M: Send,
        M: 'static,
    {
        process: Arc<Process<M>>,
        waker: Option<Waker>,
        unanswered: Unanswered,
        // Taken away when the process ends.
        #[pin]
        body: Option<F>,
    }

    impl<M, F> PinnedDrop for Running<M, F>
    where
        M: Send,
        M: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.body.is_some() {
                within(this.process, this.unanswered, || finish(this.process, this.body, None));
            }
        }
    }
}

impl<M: Send + 'static, F: Future<Output = ExitReason>> Running<M, F> {
    pub(crate) fn new(process: Arc<Process<M>>, body: F) -> Self {
        Running {
            process,
            waker: None,
            unanswered: Unanswered::default(),
            body: Some(body),
        }
    }
}

impl<M: Send + 'static, F: Future<Output = ExitReason>> Future for Running<M, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let process = this.process;
        let polled = within(process, this.unanswered, || {
            run(process, this.body.as_mut(), this.waker, cx).map(|by_itself| finish(process, this.body, by_itself))
        });
        // Callers whose replies were dropped are told now: if the process has ended, they find out why.
        if polled.is_ready() || !process.leaving.load(Ordering::Relaxed) {
            *this.unanswered = Unanswered::default();
        }
        polled
    }
}

/// Polls the body once. Ready if the process shall end, with the reason if that was the body's doing.
fn run<M: Send + 'static, F: Future<Output = ExitReason>>(
    process: &Process<M>,
    body: Pin<&mut Option<F>>,
    waker: &mut Option<Waker>,
    cx: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    if process.doomed.load(Ordering::Acquire) {
        return Poll::Ready(None);
    }
    let body = body.as_pin_mut().expect("a task that has ended is not polled");
    match catch(|| body.poll(cx)) {
        Ok(Poll::Ready(reason)) => Poll::Ready(Some(reason)),
        Err(panic) => Poll::Ready(Some(ExitReason::Panic(panic))),
        Ok(Poll::Pending) if process.may_sleep(waker, cx.waker()) => Poll::Pending,
        Ok(Poll::Pending) => Poll::Ready(None),
    }
}

/// Drops the body, then ends the process: whatever the body owned is free before anyone is told.
fn finish<M: Send + 'static, F>(process: &Process<M>, mut body: Pin<&mut Option<F>>, by_itself: Option<ExitReason>) {
    let by_itself = match (by_itself, catch(|| body.set(None))) {
        (Some(reason), Err(panic)) if reason.is_normal() => Some(ExitReason::Panic(panic)),
        (by_itself, _) => by_itself,
    };
    process.finish(by_itself);
}
