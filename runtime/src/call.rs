//! A request and the wait for its answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::any_process::AnyProcess;
use crate::current;
#[cfg(debug_assertions)]
use crate::pid::Pid;
use crate::pid::Recipient;
use crate::process::{Process, Refused};
use crate::reply::{CallError, Reply};
use crate::sending::Sending;
use crate::slot;
use crate::timers::{Sleep, Timers};
#[cfg(debug_assertions)]
use crate::waits::Mark;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

impl<M: Send + 'static> Address<M> {
    /// Sends the request that `request` makes of a [`Reply`], and waits for the answer; 5 s unless
    /// [`timeout`](Call::timeout) says otherwise, as OTP does.
    ///
    /// The server's end ends the wait at once.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the request with the server; a late answer
    /// reaches nobody.
    pub fn call<T: Send + 'static>(&self, request: impl FnOnce(Reply<T>) -> M) -> Call<'_, M, T> {
        let (reply, answer) = Reply::channel();
        let limit = Limit::After(DEFAULT_TIMEOUT);
        Call {
            address: self,
            #[cfg(debug_assertions)]
            mark: reply.mark(),
            #[cfg(debug_assertions)]
            deadlock_at: None,
            request: Some(request(reply)),
            server: None,
            wait: Wait::new(answer, limit),
        }
    }
}

/// A call under way; made by [`Address::call`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Call<'a, M: Send + 'static, T: Send + 'static> {
    address: &'a Address<M>,
    /// The request, until it is on its way.
    request: Option<M>,
    server: Option<Sending<'a, M>>,
    wait: Wait<T>,
    #[cfg(debug_assertions)]
    mark: Mark,
    /// When to look whether the circle that this call has closed is there still.
    #[cfg(debug_assertions)]
    deadlock_at: Option<Sleep>,
}

// Nothing in it is pinned: what it waits for is boxed or pins nothing itself.
impl<M: Send + 'static, T: Send + 'static> Unpin for Call<'_, M, T> {}

impl<'a, M: Send + 'static, T: Send + 'static> Call<'a, M, T> {
    /// Waits at most this long, room in a bounded mailbox included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.limit(Limit::After(timeout));
        self
    }

    /// Waits until then, by the system's clock.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.wait.limit(Limit::At(deadline));
        self
    }

    /// Waits for as long as it takes.
    pub fn without_timeout(mut self) -> Self {
        self.wait.limit(Limit::Never);
        self
    }

    /// Brings the request to the server; pending while a bounded mailbox has no room for it.
    #[inline]
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if self.request.is_some() {
            ready!(current::poll_budget(cx));
            current::spend();
        }
        if let Some(request) = self.request.take() {
            self.server = Some(self.find_server(request)?);
        }
        let Call { address, server, wait, .. } = self;
        let sending = server.as_mut().expect("the request is on its way to it");
        let push = |server: &Process<M>, request, turn: &mut _, sender: &_| {
            server.push_request_in_turn(request, &wait.answer, turn, sender)
        };
        match sending.poll_with(cx, push) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(Refused::Gone(_))) => {
                Poll::Ready(Err(CallError::NoProcess { target: address.recipient() }))
            }
            Poll::Ready(Err(Refused::Full(_))) => {
                Poll::Ready(Err(CallError::MailboxFull { target: address.recipient() }))
            }
            Poll::Pending => wait.poll_limit(sending.process(), &|| address.recipient(), cx).map(Err),
        }
    }

    #[inline]
    fn find_server(&mut self, request: M) -> Result<Sending<'a, M>, CallError> {
        let Some(process) = self.address.find() else {
            return Err(CallError::NoProcess { target: self.address.recipient() });
        };
        if process.is_current() {
            return Err(CallError::CallingSelf { target: self.address.recipient() });
        }
        #[cfg(debug_assertions)]
        self.begin_wait(&process);
        Ok(Sending::new(process, request))
    }
}

/// A circle of processes that wait for each other is a deadlock once it has stood so long.
#[cfg(debug_assertions)]
const DEADLOCK_AFTER: Duration = Duration::from_secs(1);

#[cfg(debug_assertions)]
impl<M: Send + 'static, T: Send + 'static> Call<'_, M, T> {
    /// The process that runs here begins to wait for `server`.
    fn begin_wait(&mut self, server: &Process<M>) {
        let system = &server.system;
        let is_this = |process: &Arc<dyn AnyProcess>| Arc::as_ptr(process).addr() == current::address();
        // A process of another system may have the same pid.
        let Some(caller) = current::pid().filter(|pid| system.table.get(*pid).as_ref().is_some_and(is_this)) else {
            return;
        };
        self.mark.begin(&system.waits, caller, server.pid);
        if self.mark.circle().is_some() {
            self.deadlock_at = Some(system.timers.sleep_until(system.timers.after(DEADLOCK_AFTER)));
        }
    }

    /// Ready if the circle that was there when the wait began is there still, and nobody in it does anything else.
    fn poll_deadlock(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        let (Some(sleep), Some(server)) = (&mut self.deadlock_at, &self.server) else {
            return Poll::Pending;
        };
        ready!(Pin::new(sleep).poll(cx));
        self.deadlock_at = None;
        let table = &server.process().system.table;
        // Who also waits for messages, say with `future::or`, may yet answer.
        let only_waits = |pid: &Pid| table.get(*pid).is_some_and(|process| !process.is_receiving());
        match self.mark.circle() {
            Some(circle) if circle.iter().all(only_waits) => {
                Poll::Ready(CallError::Deadlock { target: self.address.recipient(), circle })
            }
            _ => Poll::Pending,
        }
    }
}

impl<M: Send + 'static, T: Send + 'static> Future for Call<'_, M, T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(this.poll_send(cx))?;
        let server = this.server.as_ref().expect("the request was sent to it");
        let answer = this.wait.poll(server.process(), &|| this.address.recipient(), cx);
        #[cfg(debug_assertions)]
        match answer.is_pending() {
            true => return this.poll_deadlock(cx).map(Err),
            false => this.mark.end(),
        }
        answer
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for Call<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("address", self.address).finish_non_exhaustive()
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Never,
    After(Duration),
    At(Instant),
}

/// The wait for an answer that a server owes.
pub(crate) struct Wait<T> {
    answer: slot::Receiver<T>,
    limit: Limit,
    /// Waits for the limit, and knows how long that is.
    sleep: Option<(Sleep, Duration)>,
}

/// Whom an error is about; asked for only when there is one.
pub(crate) type Target<'a> = &'a dyn Fn() -> Recipient;

impl<T> Wait<T> {
    pub(crate) fn new(answer: slot::Receiver<T>, limit: Limit) -> Self {
        Wait { answer, limit, sleep: None }
    }

    pub(crate) fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Ends the wait when `sleep` is over, which is after `timeout`, though it may be first polled later.
    pub(crate) fn end_after(&mut self, sleep: Sleep, timeout: Duration) {
        self.sleep = Some((sleep, timeout));
    }

    /// Ready with the answer, or with why there is none. An answer that is there counts, whatever else has happened.
    pub(crate) fn poll(
        &mut self,
        server: &dyn AnyProcess,
        target: Target<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        if let Poll::Ready(answer) = self.poll_answer(server, target, cx) {
            return Poll::Ready(answer);
        }
        let error = ready!(self.poll_limit(server, target, cx));
        // It may have come since it was looked for.
        match self.poll_answer(server, target, cx) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => Poll::Ready(Err(error)),
        }
    }

    fn poll_answer(
        &mut self,
        server: &dyn AnyProcess,
        target: Target<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.map_err(|_dropped| unanswered(server, target())))
    }

    fn poll_limit(&mut self, server: &dyn AnyProcess, target: Target<'_>, cx: &mut Context<'_>) -> Poll<CallError> {
        if self.sleep.is_none() {
            self.sleep = self.limit.sleep(server.timers());
            if let (Limit::After(timeout), Some((sleep, _))) = (self.limit, &mut self.sleep)
                && !timeout.is_zero()
            {
                // The clock was looked at just now.
                sleep.arm(cx.waker());
                return Poll::Pending;
            }
        }
        let Some((sleep, timeout)) = &mut self.sleep else {
            return Poll::Pending;
        };
        Pin::new(sleep).poll(cx).map(|()| CallError::Timeout { target: target(), timeout: *timeout })
    }
}

impl Limit {
    fn sleep(self, timers: &Arc<Timers>) -> Option<(Sleep, Duration)> {
        match self {
            Limit::Never => None,
            Limit::After(timeout) => Some((timers.sleep_until(timers.after(timeout)), timeout)),
            Limit::At(deadline) => {
                Some((timers.sleep_until(deadline), deadline.saturating_duration_since(timers.now())))
            }
        }
    }
}

/// Why there will be no answer.
fn unanswered(server: &dyn AnyProcess, target: Recipient) -> CallError {
    match server.exit_reason() {
        Some(reason) => CallError::Down { target, reason },
        None => CallError::Unanswered { target },
    }
}
