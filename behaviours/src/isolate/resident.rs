//! The server in its own OS process: itself, but that its messages come from the socket.

use std::collections::VecDeque;
use std::fmt;
use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{self, Poll, Waker};

use proscenium_runtime::crossing::Border;
use proscenium_runtime::{Address, Context, ExitReason, Pid};

use super::Isolatable;
use super::words::{FromServer, Progress};
use crate::feed::Feed;
use crate::gen_server::{GenServer, Info};

pub(super) struct Resident<S>(S);

/// What the server and the process that speaks for it share.
pub(super) struct Post<M> {
    border: Arc<Border>,
    pid: Arc<OnceLock<Pid>>,
    inbox: Mutex<Inbox<M>>,
}

/// Messages that have come for the server, and what has become of those before them.
struct Inbox<M> {
    waiting: VecDeque<M>,
    server: Option<Waker>,
    progress: Progress,
    told: Progress,
}

impl<M: Send> Post<M> {
    pub(super) fn new(border: Arc<Border>, pid: Arc<OnceLock<Pid>>) -> Self {
        let (progress, told) = (Progress::default(), Progress::default());
        Post { border, pid, inbox: Mutex::new(Inbox { waiting: VecDeque::new(), server: None, progress, told }) }
    }

    /// A message has come.
    pub(super) fn put(&self, message: M) {
        let mut inbox = self.inbox();
        inbox.waiting.push_back(message);
        let server = inbox.server.take();
        drop(inbox);
        if let Some(server) = server {
            server.wake();
        }
    }

    /// A message has come that is a dead letter already.
    pub(super) fn skip(&self) {
        let mut inbox = self.inbox();
        inbox.progress.received += 1;
        inbox.progress.handled += 1;
    }

    /// Tells the parent how far the server is, if that has changed.
    pub(super) fn tell_progress(&self) {
        let mut inbox = self.inbox();
        let progress = inbox.progress;
        let before = replace(&mut inbox.told, progress);
        drop(inbox);
        if progress != before {
            // It is a few bytes, always serialized.
            let _ = self.border.send_control(&FromServer::Progress(progress));
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox<M>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Feeds the server what has come.
pub(super) struct FromParent<M> {
    pub(super) post: Arc<Post<M>>,
    /// What the server handles came from here.
    is_handling: bool,
}

impl<M> FromParent<M> {
    pub(super) fn new(post: Arc<Post<M>>) -> Self {
        FromParent { post, is_handling: false }
    }
}

impl<M: Send + 'static> Feed<M> for FromParent<M> {
    fn started(&mut self, _server: &Address<M>) {}

    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<M> {
        let mut inbox = self.post.inbox();
        let Some(message) = inbox.waiting.pop_front() else {
            let before = inbox.server.replace(cx.waker().clone());
            drop(inbox);
            drop(before);
            return Poll::Pending;
        };
        inbox.progress.received += 1;
        drop(inbox);
        self.is_handling = true;
        self.post.border.nudge();
        Poll::Ready(message)
    }

    fn handled(&mut self) {
        if take(&mut self.is_handling) {
            self.post.inbox().progress.handled += 1;
            self.post.border.nudge();
        }
    }
}

impl<S: Isolatable> GenServer for Resident<S> {
    type Args = (S::Args, Arc<Post<S::Message>>);
    type Message = S::Message;

    const BEHAVIOUR: &'static str = S::BEHAVIOUR;
    const KEEPS_LAST_MESSAGE: bool = S::KEEPS_LAST_MESSAGE;

    async fn init((args, post): Self::Args, ctx: &mut Context<S::Message>) -> Result<Self, ExitReason> {
        post.border.set_main(ctx.address());
        post.pid.get_or_init(|| ctx.pid());
        drop(post);
        S::init(args, ctx).await.map(Resident)
    }

    fn handle(
        &mut self,
        message: S::Message,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.0.handle(message, ctx)
    }

    fn handle_info(
        &mut self,
        info: Info,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.0.handle_info(info, ctx)
    }

    fn handle_continue(
        &mut self,
        message: S::Message,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.0.handle_continue(message, ctx)
    }

    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<S::Message>) -> impl Future<Output = ()> + Send {
        self.0.terminate(reason, ctx)
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(f)
    }

    fn format_message(message: &S::Message, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        S::format_message(message, f)
    }
}
