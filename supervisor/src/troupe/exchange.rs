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
    /// For a sender that waits for an answer, and the reply to it.
    pub(super) fn with_reply() -> (Arc<Self>, Reply<T>) {
        let (reply, answer) = Reply::pair();
        (Self::new(Some(answer)), reply)
    }

    /// For a sender that waits for the end of a job only.
    pub(super) fn without_reply() -> Arc<Self> {
        Self::new(None)
    }

    fn new(answer: Option<Answer<T>>) -> Arc<Self> {
        Arc::new(Exchange { state: Mutex::new(State { answer, end: None, sender: None }) })
    }

    /// Another reply to the sender, in the place of any before.
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
        let is_awaited = result.is_ok() && state.answer.is_some();
        state.end.get_or_insert(result);
        let sender = if is_awaited { None } else { state.sender.take() };
        drop(state);
        wake(sender);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A sender that waits.
    struct Sender {
        exchange: Arc<Exchange<u32>>,
        woken: Arc<Woken>,
    }

    impl Sender {
        fn new(exchange: &Arc<Exchange<u32>>) -> Self {
            let sender = Sender { exchange: exchange.clone(), woken: Arc::default() };
            assert_eq!(sender.poll(), Poll::Pending);
            sender
        }

        fn poll(&self) -> Poll<Result<Option<u32>, JobFault>> {
            self.exchange.poll(&mut Context::from_waker(&Waker::from(self.woken.clone())))
        }

        /// Whether it was woken since it was asked last.
        fn is_woken(&self) -> bool {
            self.woken.0.swap(0, Ordering::SeqCst) > 0
        }
    }

    #[test]
    fn a_job_that_is_done_leaves_its_sender_waiting_for_who_has_the_reply() {
        for is_sent in [true, false] {
            let (exchange, reply) = Exchange::with_reply();
            let sender = Sender::new(&exchange);
            exchange.hear(Ok(()));
            assert!(!sender.is_woken() && sender.poll().is_pending());
            if is_sent {
                reply.send(7)
            } else {
                drop(reply)
            }
            assert!(sender.is_woken());
            assert_eq!(sender.poll(), Poll::Ready(Ok(is_sent.then_some(7))));
        }
    }

    #[test]
    fn a_sender_that_waits_for_no_answer_is_woken_when_its_job_is_done() {
        let sender = Sender::new(&Exchange::without_reply());
        sender.exchange.hear(Ok(()));
        assert!(sender.is_woken());
        assert_eq!(sender.poll(), Poll::Ready(Ok(None)));
    }

    #[test]
    fn a_fault_ends_the_wait_for_an_answer() {
        let (exchange, _reply) = Exchange::with_reply();
        let sender = Sender::new(&exchange);
        exchange.hear(Err(JobFault::QueueFull));
        assert!(sender.is_woken());
        assert_eq!(sender.poll(), Poll::Ready(Err(JobFault::QueueFull)));
    }

    #[test]
    fn a_job_that_is_made_again_is_waited_for_with_its_new_reply() {
        let (exchange, first) = Exchange::with_reply();
        let sender = Sender::new(&exchange);
        drop(first);
        assert!(sender.is_woken() && sender.poll().is_pending(), "its worker has died: it may be made again");
        let second = exchange.reply();
        assert!(sender.is_woken() && sender.poll().is_pending());
        exchange.hear(Ok(()));
        assert!(!sender.is_woken());
        second.send(8);
        assert!(sender.is_woken());
        assert_eq!(sender.poll(), Poll::Ready(Ok(Some(8))));
    }
}
