//! Where a job's sender waits for what comes of it: an answer, or word that there will be none.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use proscenium_runtime::{Answer, Reply};

use super::error::JobFault;
use super::job::Waiter;

pub(super) struct Exchange<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    /// `None` once its reply was dropped, and if none is waited for.
    answer: Option<Answer<T>>,
    end: Option<Result<(), JobFault>>,
    sender: Option<Waker>,
}

impl<T: Send + 'static> Exchange<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Exchange { state: Mutex::new(State { answer: None, end: None, sender: None }) })
    }

    /// A reply to the sender, in the place of any before.
    pub(super) fn reply(&self) -> Reply<T> {
        let (reply, answer) = Reply::pair();
        let mut state = self.lock();
        let before = state.answer.replace(answer);
        let sender = state.sender.take();
        drop(state);
        drop(before);
        wake(sender);
        reply
    }

    /// Ready with the answer; with `None` if the job is done and has none; or with why it is not done. An answer that is there
    /// counts, whatever else has happened.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, JobFault>> {
        let mut state = self.lock();
        let is_awaited = match &mut state.answer {
            Some(answer) => match Pin::new(answer).poll(cx) {
                Poll::Ready(Some(value)) => return Poll::Ready(Ok(Some(value))),
                Poll::Ready(None) => false,
                Poll::Pending => true,
            },
            None => false,
        };
        if !is_awaited {
            state.answer = None;
        }
        match &state.end {
            Some(Err(fault)) => Poll::Ready(Err(fault.clone())),
            // Somebody else may have the reply.
            Some(Ok(())) if !is_awaited => Poll::Ready(Ok(None)),
            _ => {
                state.sender = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Waiter for Exchange<T> {
    fn hear(&self, result: Result<(), JobFault>) {
        let mut state = self.lock();
        // Who still waits for an answer is woken by that, or by its reply's being dropped.
        let goes_on = result.is_ok() && state.answer.is_some();
        state.end.get_or_insert(result);
        let sender = if goes_on { None } else { state.sender.take() };
        drop(state);
        wake(sender);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
