//! A process's body and its end, as the task that a scheduler runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_task::waker_ref;
use pin_project_lite::pin_project;

use crate::current;
use crate::exit::{ExitReason, Outcome};
use crate::observer::Moment;
use crate::panic::catch;
use crate::process::{Lives, Process};
use crate::reply::Unanswered;
use crate::scheduler::Task;

pin_project! {
    /// Drives the body; when it is over, or this is dropped, the process ends.
    pub(crate) struct Running<M, B, F>
    where
        M: Send,
        M: 'static,
    {
        process: Arc<Process<M>>,
        unanswered: Unanswered,
        #[pin]
        body: Body<B, F>,
    }

    impl<M, B, F> PinnedDrop for Running<M, B, F>
    where
        M: Send,
        M: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !matches!(*this.body, Body::Over) {
                let outer = enter(this.process, this.unanswered);
                finish(this.process, this.body, None);
                leave(this.process, this.unanswered, outer);
            }
        }
    }
}

pin_project! {
    // What makes the future and the future itself need room one after the other, not both at a time.
    #[project = BodyProjection]
    enum Body<B, F> {
        Unborn { begin: Option<B> },
        Runs { #[pin] future: F },
        // The process has ended, or is about to.
        Over,
    }
}

impl<B: FnOnce() -> F, F: Future<Output: Outcome>> Body<B, F> {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ExitReason> {
        if let BodyProjection::Unborn { begin } = self.as_mut().project() {
            let begin = begin.take().expect("a body that did not begin is not polled again");
            self.set(Body::Runs { future: begin() });
        }
        match self.project() {
            BodyProjection::Runs { future } => future.poll(cx).map(Outcome::into_reason),
            BodyProjection::Unborn { .. } | BodyProjection::Over => unreachable!("it has begun, and is not over"),
        }
    }
}

impl<M: Send + 'static, B: FnOnce() -> F, F: Future<Output: Outcome>> Running<M, B, F> {
    /// The body is what `begin` returns, once it is polled.
    pub(crate) fn new(process: Arc<Process<M>>, begin: B) -> Self {
        let body = Body::Unborn { begin: Some(begin) };
        Running { process, unanswered: Unanswered::default(), body }
    }
}

impl<M, B, F> Task for Running<M, B, F>
where
    M: Send + 'static,
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    fn run(mut self: Pin<Box<Self>>) {
        self.process.rise();
        if !self.as_mut().poll() {
            Process::lay(self);
        }
    }
}

impl<M, B, F> Lives<M> for Running<M, B, F>
where
    M: Send + 'static,
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    fn process(&self) -> &Arc<Process<M>> {
        &self.process
    }
}

impl<M: Send + 'static, B: FnOnce() -> F, F: Future<Output: Outcome>> Running<M, B, F> {
    /// Whether it is over then.
    fn poll(self: Pin<&mut Self>) -> bool {
        let mut this = self.project();
        let process = this.process;
        // No share of its own: to make and to drop that costs more than all else about a waker.
        let waker = waker_ref(process);
        let cx = &mut Context::from_waker(&waker);
        let outer = enter(process, this.unanswered);
        let polled = run(process, this.body.as_mut(), cx);
        let is_over = polled.is_ready();
        if let Poll::Ready(by_itself) = polled {
            finish(process, this.body, by_itself);
        }
        if current::waits() {
            process.wait_a_turn();
        }
        leave(process, this.unanswered, outer);
        // Callers whose replies were dropped are told now: if the process has ended, they find out why.
        if !this.unanswered.is_empty() && (is_over || !process.is_leaving()) {
            *this.unanswered = Unanswered::default();
        }
        is_over
    }
}

/// Polls the body once. Ready if the process shall end, with the reason if that was the body's doing.
fn run<M: Send + 'static, B: FnOnce() -> F, F: Future<Output: Outcome>>(
    process: &Process<M>,
    body: Pin<&mut Body<B, F>>,
    cx: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    process.system.shared.observe(Moment::Runs(process));
    if process.is_doomed() {
        return Poll::Ready(None);
    }
    match catch(|| body.poll(cx)) {
        Ok(Poll::Ready(reason)) => Poll::Ready(Some(reason)),
        Err(panic) => Poll::Ready(Some(ExitReason::Panic(panic))),
        Ok(Poll::Pending) => Poll::Pending,
    }
}

/// Drops the body, then ends the process: whatever the body owned is free before anyone is told.
fn finish<M: Send + 'static, B, F>(
    process: &Process<M>,
    mut body: Pin<&mut Body<B, F>>,
    by_itself: Option<ExitReason>,
) {
    // A body that has ended by itself owns nothing any more: a panic here is of one that a signal ended.
    let fault = catch(|| body.set(Body::Over)).err();
    process.finish(by_itself, fault);
}

/// From here to [`leave`], what runs on this thread is the process. Replies that are dropped meanwhile end in `unanswered`.
// These two are apart from what is compiled for each body, as `bear` of `spawn.rs`.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn enter<M: Send + 'static>(process: &Process<M>, unanswered: &mut Unanswered) -> current::Outer {
    process.begin_poll();
    let shared = &process.system.shared;
    let began = if shared.measures_busy_time() { Some(shared.timers.now()) } else { None };
    current::enter(process.address(), process.pid, began, unanswered)
}

/// Counts what was done, before who ran here before is here again.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn leave<M: Send + 'static>(process: &Process<M>, unanswered: &mut Unanswered, outer: current::Outer) {
    process.settle();
    current::leave(outer, unanswered);
    process.end_poll();
}
