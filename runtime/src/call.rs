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
#[cfg(debug_assertions)]
use crate::process::Process;
use crate::process::Refused;
use crate::reply::{CallError, Reply};
use crate::scheduler;
use crate::sending::{Resolved, Way};
use crate::slot::{self, NoValue};
#[cfg(debug_assertions)]
use crate::timers::Sleep;
use crate::timers::{Expiry, Timers};
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
            way: None,
            wait: Wait::new(answer, limit),
        }
    }
}

/// A call under way; made by [`Address::call`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Reply};
///
/// struct Ask(Reply<()>);
///
/// let test = TestSystem::new(1);
/// test.run(|mut ctx: Context<()>| async move {
///     let silent = ctx.spawn(|mut ctx: Context<Ask>| async move {
///         let _kept = ctx.receive_message().await;
///         ctx.receive_message().await;
///     });
///     let answer = silent.call(Ask).timeout(Duration::from_secs(60)).await;
///     assert!(answer.unwrap_err().to_string().ends_with("timed out after 60s"));
/// });
/// assert_eq!(test.elapsed(), Duration::from_secs(60));
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct Call<'a, M: Send + 'static, T: Send + 'static> {
    address: &'a Address<M>,
    /// The request, until it is on its way.
    request: Option<M>,
    way: Option<Way<'a, M>>,
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
    ///
    /// The time is never shorter, and a millisecond or two longer at times: it begins when the worker has done its turn, so that
    /// an answer that comes at once costs no timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let oven = ctx.spawn(|mut ctx: Context<Reply<&str>>| async move {
    ///         let reply = ctx.receive_message().await;
    ///         ctx.sleep(Duration::from_secs(12 * 60)).await;
    ///         reply.send("margherita");
    ///     });
    ///     let pizza = oven.call(|reply| reply).timeout(Duration::from_secs(15 * 60)).await; // Not the usual 5 s.
    ///     assert_eq!(pizza, Ok("margherita"));
    /// });
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.limit(Limit::After(timeout));
        self
    }

    /// Waits until then, by the system's clock.
    ///
    /// # Examples
    ///
    /// Several calls that share one limit:
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{CallError, Context, Reply};
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let silent = ctx.spawn(|_ctx: Context<Reply<u32>>| pending::<()>());
    ///     let deadline = ctx.system().now() + Duration::from_secs(3);
    ///     for waited in [3, 0] {
    ///         let error = silent.call(|reply| reply).deadline(deadline).await.unwrap_err();
    ///         assert!(matches!(error, CallError::Timeout { timeout, .. } if timeout.as_secs() == waited));
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.wait.limit(Limit::At(deadline));
        self
    }

    /// Waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// let test = TestSystem::new(1);
    /// let answer = test.run(|mut ctx: Context<()>| async move {
    ///     let thinker = ctx.spawn(|mut ctx: Context<Reply<u32>>| async move {
    ///         let reply = ctx.receive_message().await;
    ///         ctx.sleep(Duration::from_secs(7_500_000)).await;
    ///         reply.send(42);
    ///     });
    ///     thinker.call(|reply| reply).without_timeout().await // It ends with the thinker, if not with an answer.
    /// });
    /// assert_eq!(answer, Ok(42));
    /// ```
    pub fn without_timeout(mut self) -> Self {
        self.wait.limit(Limit::Never);
        self
    }

    /// Brings the request to the server; pending while a bounded mailbox has no room for it, or others shall run first.
    #[inline]
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if self.way.is_none() {
            ready!(current::poll_budget(cx));
            current::spend();
            let process = self.find_server()?;
            #[cfg(debug_assertions)]
            self.begin_wait(&process);
            self.way.get_or_insert_with(|| Way::new(process));
        }
        let way = self.way.as_mut().expect("it has just been found");
        way.poll_send(&mut self.request, cx).map_err(|refused| self.refused(refused))
    }

    #[inline]
    fn find_server(&self) -> Result<Resolved<'a, M>, CallError> {
        let Some(process) = self.address.find() else {
            return Err(CallError::NoProcess { target: self.address.recipient() });
        };
        if process.is_current() {
            return Err(CallError::CallingSelf { target: self.address.recipient() });
        }
        Ok(process)
    }

    #[inline(always)]
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        let Some(way) = &self.way else { return Poll::Pending };
        let answer = self.wait.poll(way.process(), &|| self.address.recipient(), cx);
        #[cfg(debug_assertions)]
        match answer.is_pending() {
            true => return self.poll_deadlock(cx).map(Err),
            false => self.mark.end(),
        }
        answer
    }

    /// While it waits for room its time runs, too.
    #[cold]
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        self.poll_answer(cx).map_err(CallError::of_unsent)
    }

    #[cold]
    fn refused(&self, refused: Refused<M>) -> CallError {
        let target = self.address.recipient();
        match refused {
            Refused::Gone(_) => CallError::NoProcess { target },
            Refused::Full(_) => CallError::MailboxFull { target },
        }
    }
}

/// A circle of processes that wait for each other is a deadlock once it has stood so long.
#[cfg(debug_assertions)]
const DEADLOCK_AFTER: Duration = Duration::from_secs(1);

#[cfg(debug_assertions)]
impl<M: Send + 'static, T: Send + 'static> Call<'_, M, T> {
    /// The process that runs here begins to wait for `server`.
    fn begin_wait(&mut self, server: &Process<M>) {
        let system = &server.system.shared;
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
        let (Some(sleep), Some(way)) = (&mut self.deadlock_at, &self.way) else {
            return Poll::Pending;
        };
        ready!(Pin::new(sleep).poll(cx));
        self.deadlock_at = None;
        let table = &way.process().system.shared.table;
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

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.poll_send(cx) {
            Poll::Ready(Ok(())) => self.poll_answer(cx),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_unsent(cx),
        }
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
    /// The time counts already; this is how long it is.
    Begun(Duration),
}

/// The wait for an answer that a server owes.
///
/// Most answers come long before anything else can end the wait. So a process that is run by a worker only waits, at first; it is
/// polled once more when the worker's turn ends, and then only, if there is no answer yet, its time begins and its server has to
/// see to it.
pub(crate) struct Wait<T> {
    answer: slot::Receiver<T>,
    limit: Limit,
    stage: Stage,
    /// Ends the wait at its time.
    expiry: Option<Expiry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// It has waited since some moment in this turn.
    Young,
    /// The server's end ends it, and its time.
    Lasting,
}

/// Whom an error is about; asked for only when there is one.
pub(crate) type Target<'a> = &'a dyn Fn() -> Recipient;

impl<T: Send + 'static> Wait<T> {
    #[inline]
    pub(crate) fn new(answer: slot::Receiver<T>, limit: Limit) -> Self {
        Wait { answer, limit, stage: Stage::New, expiry: None }
    }

    pub(crate) fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// The wait ends with `server` from now on.
    pub(crate) fn end_with(&mut self, server: &dyn AnyProcess) {
        self.stage = Stage::Lasting;
        if let Some(answer) = self.answer.owed()
            && !server.owe(answer.clone())
        {
            answer.cancel();
        }
    }

    /// Ends the wait at `deadline`, which is after `timeout`, though this may be first polled later.
    pub(crate) fn end_at(&mut self, deadline: Instant, timeout: Duration, timers: &Arc<Timers>) {
        self.limit = Limit::Begun(timeout);
        self.expiry = self.answer.owed().map(|answer| Expiry::new(timers, deadline, answer));
    }

    /// Ready with the answer, or with why there is none. An answer that is there counts, whatever else has happened.
    #[inline(always)]
    pub(crate) fn poll(
        &mut self,
        server: &dyn AnyProcess,
        target: Target<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        match Pin::new(&mut self.answer).poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
            Poll::Ready(Err(reason)) => Poll::Ready(Err(self.unanswered(reason, server, target))),
            Poll::Pending if self.stage == Stage::Lasting || self.stays_young(cx) => Poll::Pending,
            Poll::Pending => self.last(server, target, cx),
        }
    }

    /// There is no answer yet: whether it shall wait on as one that costs nothing.
    #[inline]
    fn stays_young(&mut self, cx: &mut Context<'_>) -> bool {
        let may_be = self.stage == Stage::New && self.may_be_young() && scheduler::is_worker();
        let is = may_be && current::wait_a_turn(cx.waker());
        if is {
            self.stage = Stage::Young;
        }
        is
    }

    /// Whether its time may begin some moments later.
    #[inline]
    fn may_be_young(&self) -> bool {
        match self.limit {
            Limit::After(timeout) => !timeout.is_zero(),
            Limit::Never => true,
            Limit::At(_) | Limit::Begun(_) => false,
        }
    }

    /// The wait will last: its time begins, and the server has to see to it.
    #[cold]
    fn last(
        &mut self,
        server: &dyn AnyProcess,
        target: Target<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        self.end_with(server);
        if self.is_late_at_once(server.timers()) {
            return Poll::Ready(Err(self.timed_out(target())));
        }
        Pin::new(&mut self.answer).poll(cx).map_err(|reason| self.unanswered(reason, server, target))
    }

    /// Begins the limit, if it has not begun; tells whether its time is over already.
    fn is_late_at_once(&mut self, timers: &Arc<Timers>) -> bool {
        match self.limit {
            Limit::Begun(_) | Limit::Never => false,
            Limit::After(timeout) => self.begin(timers.after(timeout), timeout, timers),
            Limit::At(deadline) => self.begin(deadline, deadline.saturating_duration_since(timers.now()), timers),
        }
    }

    fn begin(&mut self, deadline: Instant, timeout: Duration, timers: &Arc<Timers>) -> bool {
        let is_over = timeout.is_zero();
        if !is_over {
            self.end_at(deadline, timeout, timers);
        }
        is_over
    }

    /// Why there will be no answer.
    #[cold]
    fn unanswered(&self, reason: NoValue, server: &dyn AnyProcess, target: Target<'_>) -> CallError {
        let target = target();
        match reason {
            NoValue::Late => self.timed_out(target),
            NoValue::Dropped => match server.exit_reason() {
                Some(reason) => CallError::Down { target, reason },
                None => CallError::Unanswered { target },
            },
        }
    }

    fn timed_out(&self, target: Recipient) -> CallError {
        let timeout = match self.limit {
            Limit::Begun(timeout) => timeout,
            // It was over before it began.
            Limit::After(_) | Limit::At(_) | Limit::Never => Duration::ZERO,
        };
        CallError::Timeout { target, timeout }
    }
}
