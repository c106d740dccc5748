//! A request and the wait for its answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use event_listener::EventListener;

use crate::address::Address;
use crate::any_process::AnyProcess;
use crate::process::{Process, Refused};
use crate::reply::{CallError, Reply};
use crate::sending::Sending;
use crate::timers::Sleep;

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
        Call::new(self, request)
    }
}

/// A call under way; made by [`Address::call`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Call<'a, M: Send + 'static, T: Send + 'static> {
    address: &'a Address<M>,
    /// The request, until it is on its way.
    request: Option<M>,
    answer: oneshot::AsyncReceiver<T>,
    timeout: Option<Duration>,
    server: Option<Server<M>>,
    sleep: Option<Sleep>,
}

/// Who is to answer, and what tells that it cannot.
struct Server<M: Send + 'static> {
    sending: Sending<M>,
    ended: Option<EventListener>,
}

impl<M: Send + 'static> Server<M> {
    fn process(&self) -> &Arc<Process<M>> {
        self.sending.process()
    }
}

// Nothing in it is pinned: what it waits for is boxed or pins nothing itself.
impl<M: Send + 'static, T: Send + 'static> Unpin for Call<'_, M, T> {}

impl<'a, M: Send + 'static, T: Send + 'static> Call<'a, M, T> {
    pub(crate) fn new(address: &'a Address<M>, request: impl FnOnce(Reply<T>) -> M) -> Self {
        let (reply, answer) = Reply::channel();
        let request = Some(request(reply));
        Call {
            address,
            request,
            answer,
            timeout: Some(DEFAULT_TIMEOUT),
            server: None,
            sleep: None,
        }
    }

    /// Waits at most this long, room in a bounded mailbox included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits for as long as it takes.
    pub fn without_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// Brings the request to the server; pending while a bounded mailbox has no room for it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if let Some(request) = self.request.take() {
            let Some(process) = self.address.resolve() else {
                return Poll::Ready(Err(self.no_process()));
            };
            if process.is_current() {
                return Poll::Ready(Err(CallError::CallingSelf { target: self.target() }));
            }
            self.server = Some(Server {
                sending: Sending::new(process, request),
                ended: None,
            });
        }
        let server = self.server.as_mut().expect("the request is on its way to it");
        match Pin::new(&mut server.sending).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(Refused::Gone(_))) => Poll::Ready(Err(self.no_process())),
            Poll::Ready(Err(Refused::Full(_))) => Poll::Ready(Err(CallError::MailboxFull { target: self.target() })),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        match Pin::new(&mut self.answer).poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(Ok(value)),
            Poll::Ready(Err(_dropped)) => Poll::Ready(Err(self.unanswered())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The reply may be with another process: the server's end ends the wait all the same.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Server { sending, ended } = self.server.as_mut().expect("the request was sent to it");
        loop {
            let listener = ended.get_or_insert_with(|| sending.process().exited().listen());
            if sending.process().has_ended() {
                return Poll::Ready(());
            }
            if Pin::new(listener).poll(cx).is_pending() {
                return Poll::Pending;
            }
            *ended = None;
        }
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        let Some(timeout) = self.timeout else {
            return Poll::Pending;
        };
        let sleep = match (&mut self.sleep, &self.server) {
            (Some(sleep), _) => sleep,
            (none, Some(server)) => {
                let timers = &server.process().system.timers;
                none.insert(timers.sleep_until(timers.after(timeout)))
            }
            (None, None) => return Poll::Pending,
        };
        Pin::new(sleep).poll(cx).map(|()| CallError::Timeout {
            target: self.target(),
            timeout,
        })
    }

    fn unanswered(&self) -> CallError {
        let reason = self.server.as_ref().and_then(|server| server.process().exit_reason());
        match reason {
            Some(reason) => CallError::Down {
                target: self.target(),
                reason,
            },
            None => CallError::Unanswered { target: self.target() },
        }
    }

    fn no_process(&self) -> CallError {
        CallError::NoProcess { target: self.target() }
    }

    fn target(&self) -> String {
        self.address.to_string()
    }
}

impl<M: Send + 'static, T: Send + 'static> Future for Call<'_, M, T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.poll_send(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return this.poll_timeout(cx).map(Err),
        }
        if let Poll::Ready(answer) = this.poll_answer(cx) {
            return Poll::Ready(answer);
        }
        if this.poll_end(cx).is_ready() {
            // It may have answered and ended since the answer was looked for.
            let last_look = this.poll_answer(cx);
            return Poll::Ready(if let Poll::Ready(answer) = last_look {
                answer
            } else {
                Err(this.unanswered())
            });
        }
        let Poll::Ready(timeout) = this.poll_timeout(cx) else {
            return Poll::Pending;
        };
        let last_look = this.poll_answer(cx);
        Poll::Ready(if let Poll::Ready(answer) = last_look {
            answer
        } else {
            Err(timeout)
        })
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for Call<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("address", self.address)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
