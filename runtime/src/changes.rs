//! Changes to something shared, as they come to each who monitors it.
//!
//! Invariants:
//! - All hear of them in the order in which they happened: each is written down under the lock of what has changed.
//! - Whoever waits for one is woken when that lock is free.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_lite::Stream;

use crate::sync::Lock;

/// Changes from the moment on at which they were asked for, the oldest first; made by
/// [`Scope::monitor`](crate::Scope::monitor), [`Scope::monitor_all`](crate::Scope::monitor_all) and
/// [`Registry::monitor`](crate::Registry::monitor).
///
/// Any number of them may wait to be received. Dropping this ends the monitoring. It is a [`Stream`], too.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, GroupChange, System};
///
/// let outcome = System::new("choir").run(|ctx: Context<()>| async move {
///     let groups = ctx.system().groups();
///     let (members, mut changes) = groups.monitor("tenors");
///     assert_eq!((members, changes.try_recv()), (vec![], None));
///     groups.join(&ctx, "tenors").unwrap();
///     assert_eq!(changes.recv().await, Some(GroupChange::Joined(ctx.pid())));
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Changes<T> {
    line: Arc<Line<T>>,
    forget: Box<Forget<T>>,
}

/// Takes a line off the list of those that are told.
type Forget<T> = dyn Fn(&Arc<Line<T>>) + Send + Sync;

impl<T> Changes<T> {
    /// What comes into `line`, until `forget` is called with it.
    pub(crate) fn new(line: Arc<Line<T>>, forget: impl Fn(&Arc<Line<T>>) + Send + Sync + 'static) -> Self {
        Changes { line, forget: Box::new(forget) }
    }

    /// Waits for the next change; `None` if there will be none, because what was monitored is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next change, if there is one already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.line.0.lock().waiting.pop_front()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waker = cx.waker().clone();
        let mut state = self.line.0.lock();
        if let Some(change) = state.waiting.pop_front() {
            return Poll::Ready(Some(change));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let before = state.receiver.replace(waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> Stream for Changes<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> Drop for Changes<T> {
    fn drop(&mut self) {
        (self.forget)(&self.line);
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("waiting", &self.line.0.lock().waiting.len()).finish_non_exhaustive()
    }
}

/// What one who monitors has yet to hear.
pub(crate) struct Line<T>(Lock<State<T>>);

struct State<T> {
    waiting: VecDeque<T>,
    receiver: Option<Waker>,
    closed: bool,
}

impl<T> Line<T> {
    fn push(&self, change: T) -> Option<Waker> {
        let mut state = self.0.lock();
        state.waiting.push_back(change);
        state.receiver.take()
    }

    fn close(&self) -> Option<Waker> {
        let mut state = self.0.lock();
        state.closed = true;
        state.receiver.take()
    }
}

/// All who monitor something; guarded by its lock.
pub(crate) struct Listeners<T>(Vec<Arc<Line<T>>>);

/// Whom to wake when the lock is free.
#[derive(Default)]
#[must_use]
pub(crate) struct Woken(Vec<Waker>);

impl<T: Clone> Listeners<T> {
    pub(crate) fn add(&mut self) -> Arc<Line<T>> {
        let state = State { waiting: VecDeque::new(), receiver: None, closed: false };
        let line = Arc::new(Line(Lock::new(state)));
        self.0.push(line.clone());
        line
    }

    pub(crate) fn remove(&mut self, line: &Arc<Line<T>>) {
        self.0.retain(|known| !Arc::ptr_eq(known, line));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn tell(&self, change: &T, woken: &mut Woken) {
        woken.0.extend(self.0.iter().filter_map(|line| line.push(change.clone())));
    }
}

impl Woken {
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

impl<T> Default for Listeners<T> {
    fn default() -> Self {
        Listeners(Vec::new())
    }
}

impl<T> Drop for Listeners<T> {
    fn drop(&mut self) {
        let receivers: Vec<Waker> = self.0.iter().filter_map(|line| line.close()).collect();
        Woken(receivers).wake();
    }
}
