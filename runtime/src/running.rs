//! A process's body and its end, as the future that a scheduler runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::current;
use crate::exit::ExitReason;
use crate::observer::Moment;
use crate::panic::catch;
use crate::process::Process;
use crate::reply::Unanswered;

pin_project! {
    /// Drives the body; when it is over, or this is dropped, the process ends.
    pub(crate) struct Running<M, F>
    where
        M: Send,
        M: 'static,
    {
        process: Arc<Process<M>>,
        // Whether the process knows how to wake the task, which has one waker all its life.
        introduced: bool,
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
        Running { process, introduced: false, unanswered: Unanswered::default(), body: Some(body) }
    }
}

impl<M: Send + 'static, F: Future<Output = ExitReason>> Future for Running<M, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let process = this.process;
        let polled = within(process, this.unanswered, || {
            run(process, this.body.as_mut(), this.introduced, cx).map(|by_itself| finish(process, this.body, by_itself))
        });
        // Callers whose replies were dropped are told now: if the process has ended, they find out why.
        if polled.is_ready() || !process.is_leaving() {
            *this.unanswered = Unanswered::default();
        }
        polled
    }
}

/// Polls the body once. Ready if the process shall end, with the reason if that was the body's doing.
fn run<M: Send + 'static, F: Future<Output = ExitReason>>(
    process: &Process<M>,
    body: Pin<&mut Option<F>>,
    introduced: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    process.system.observe(|| Moment::Runs(process));
    if process.is_doomed() {
        return Poll::Ready(None);
    }
    let body = body.as_pin_mut().expect("a task that has ended is not polled");
    match catch(|| body.poll(cx)) {
        Ok(Poll::Ready(reason)) => Poll::Ready(Some(reason)),
        Err(panic) => Poll::Ready(Some(ExitReason::Panic(panic))),
        Ok(Poll::Pending) if std::mem::replace(introduced, true) || process.introduce(cx.waker()) => Poll::Pending,
        Ok(Poll::Pending) => Poll::Ready(None),
    }
}

/// Drops the body, then ends the process: whatever the body owned is free before anyone is told.
fn finish<M: Send + 'static, F>(process: &Process<M>, mut body: Pin<&mut Option<F>>, by_itself: Option<ExitReason>) {
    // A body that has ended by itself owns nothing any more: a panic here is of one that a signal ended.
    let fault = catch(|| body.set(None)).err();
    process.finish(by_itself, fault);
}

/// Runs `code` as the process.
pub(crate) fn within<M: Send + 'static, T>(
    process: &Process<M>,
    unanswered: &mut Unanswered,
    code: impl FnOnce() -> T,
) -> T {
    process.begin_poll();
    let began = process.system.measures_busy_time().then(|| process.system.timers.now());
    let result = current::within(process.address(), process.pid, began, unanswered, || {
        let result = code();
        process.settle();
        result
    });
    process.end_poll();
    result
}
