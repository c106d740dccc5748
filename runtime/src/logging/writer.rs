//! A thread that writes what others log, with a queue before it that cannot grow without bound.
//!
//! Invariants:
//! - Every item that is submitted is written or counted as lost, and each sender's in its order.
//! - Nobody waits for the writer without a time limit.
//! - Whatever the sink does, the thread goes on.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use slog::{FlushError, Level};

use super::overload::{Door, Entry, Lost, Overload, Timeouts};
use crate::panic::catch;
use crate::sync::{Condvar, Lock, MutexGuard};

/// What becomes of the items; only the writer's thread uses it. One that panics has not written.
pub(crate) trait Sink<T>: Send + 'static {
    fn write(&mut self, item: &T) -> Result<(), Unwritten>;

    /// Writes that so many were lost.
    fn tell(&mut self, lost: &Lost) -> Result<(), Unwritten>;

    fn flush(&mut self) -> Result<(), FlushError>;
}

/// The sink has not written it.
#[derive(Debug)]
pub(crate) struct Unwritten;

pub(crate) struct Writer<T> {
    shared: Arc<Shared<T>>,
    thread: ThreadId,
    timeouts: Timeouts,
    /// Closed when the thread has written all and dropped the sink.
    ended: Lock<Receiver<()>>,
}

struct Shared<T> {
    state: Lock<State<T>>,
    wake: Condvar,
}

struct State<T> {
    jobs: VecDeque<Job<T>>,
    /// How many of the jobs are items to write.
    waiting: usize,
    door: Door,
    asleep: bool,
    closed: bool,
}

enum Job<T> {
    /// Who waits until it is written or lost waits for the sender to be dropped.
    Write(T, Option<Sender<()>>),
    Flush(Sender<Result<(), FlushError>>),
}

enum Next<T> {
    Job(Job<T>),
    Tell(Lost),
    End,
}

impl<T: Send + 'static> Writer<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(name: &str, overload: Overload, sink: impl Sink<T>) -> io::Result<Self> {
        let timeouts = overload.timeouts();
        let shared = Arc::new(Shared::new(overload));
        let (ending, ended) = mpsc::channel();
        let write = shared.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            write.run(sink);
            drop::<Sender<()>>(ending);
        })?;
        Ok(Writer { shared, thread: thread.thread().id(), timeouts, ended: Lock::new(ended) })
    }

    /// Queues the item that `make` makes, unless there are too many. If there are many, waits until it is written.
    pub(crate) fn submit(&self, level: Level, make: impl FnOnce() -> T) {
        // What the sink itself logs here is lost: it would never come to an end.
        if self.is_own_thread() || !self.shared.lock().admits(level) {
            return;
        }
        // It may run user code: not under the lock. Others may come in meanwhile.
        let item = make();
        let Some(written) = self.shared.push(level, item) else { return };
        if let Err(RecvTimeoutError::Timeout) = written.recv_timeout(self.timeouts.sync) {
            self.shared.lock().door.waited_in_vain();
        }
    }

    /// Waits until all that was submitted before is written and flushed, and told what was lost of it; no longer than the timeout.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Ok(());
        }
        let (sender, flushed) = mpsc::channel();
        let mut state = self.shared.lock();
        state.jobs.push_back(Job::Flush(sender));
        self.shared.wake(state);
        let timeout = self.timeouts.flush;
        let late = || FlushError::Custom(format!("the log was not written within {timeout:?}").into());
        flushed.recv_timeout(timeout).unwrap_or_else(|_| Err(late()))
    }

    fn is_own_thread(&self) -> bool {
        thread::current().id() == self.thread
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.wake(state);
        if thread::current().id() != self.thread {
            let _ = self.ended.get_mut().recv_timeout(self.timeouts.flush);
        }
    }
}

impl<T> Shared<T> {
    fn new(overload: Overload) -> Self {
        let door = Door::new(overload);
        let state = State { jobs: VecDeque::new(), waiting: 0, door, asleep: false, closed: false };
        Shared { state: Lock::new(state), wake: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.wake.notify_one();
        }
    }

    /// Queues the item if it may still come in; returns what its sender has to wait for, if it has.
    fn push(&self, level: Level, item: T) -> Option<Receiver<()>> {
        let mut state = self.lock();
        if !state.admits(level) {
            return None;
        }
        let waiting = state.waiting;
        let (sender, written) = match state.door.enter(waiting, Instant::now()) {
            Entry::Async => None,
            Entry::Sync => Some(mpsc::channel()),
            Entry::Flush => {
                state.discard();
                None
            }
        }
        .unzip();
        state.jobs.push_back(Job::Write(item, sender));
        state.waiting += 1;
        self.wake(state);
        written
    }

    fn run(&self, mut sink: impl Sink<T>) {
        loop {
            match self.next() {
                Next::Job(Job::Write(item, _sender)) => {
                    let written = catch(|| sink.write(&item)).is_ok_and(|outcome| outcome.is_ok());
                    self.lock().door.done(written, Instant::now());
                }
                Next::Job(Job::Flush(sender)) => {
                    let _ = sender.send(self.flush(&mut sink));
                }
                Next::Tell(lost) => self.tell(&mut sink, lost),
                Next::End => break,
            }
        }
        let _ = self.flush(&mut sink);
        let _ = catch(|| drop(sink));
    }

    /// What to do next; sleeps until there is something.
    fn next(&self) -> Next<T> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let until_told = state.door.tell_at().map(|at| at.saturating_duration_since(now));
            if until_told == Some(Duration::ZERO)
                && let Some(lost) = state.door.take_lost()
            {
                return Next::Tell(lost);
            }
            if let Some(job) = state.jobs.pop_front() {
                state.waiting -= usize::from(matches!(job, Job::Write(..)));
                return Next::Job(job);
            }
            if state.closed {
                return Next::End;
            }
            state.asleep = true;
            state = match until_told {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => self.wake.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn flush(&self, sink: &mut impl Sink<T>) -> Result<(), FlushError> {
        let lost = self.lock().door.take_lost();
        if let Some(lost) = lost {
            self.tell(sink, lost);
        }
        catch(|| sink.flush()).unwrap_or_else(|panic| Err(FlushError::Custom(panic.to_string().into())))
    }

    fn tell(&self, sink: &mut impl Sink<T>, lost: Lost) {
        if !catch(|| sink.tell(&lost)).is_ok_and(|outcome| outcome.is_ok()) {
            self.lock().door.put_back(lost);
        }
    }
}

impl<T> State<T> {
    fn admits(&mut self, level: Level) -> bool {
        self.door.admits(level, self.waiting, Instant::now())
    }

    /// Drops the items that wait. Who waits for one of them need not wait any longer.
    fn discard(&mut self) {
        self.jobs.retain(|job| matches!(job, Job::Flush(_)));
        self.waiting = 0;
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.shared.lock().waiting).finish_non_exhaustive()
    }
}
