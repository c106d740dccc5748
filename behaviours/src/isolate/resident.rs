//! The server in its own OS process: itself, but for a word at each message.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use proscenium_runtime::crossing::Border;
use proscenium_runtime::{Context, ExitReason, Pid, Status};

use super::Isolatable;
use super::words::FromServer;
use crate::gen_server::{GenServer, Info};

pub(super) struct Resident<S> {
    server: S,
    post: Arc<Post>,
}

/// What the server and the process that speaks for it share.
pub(super) struct Post {
    border: Arc<Border>,
    pid: OnceLock<Pid>,
    /// How many messages have come for it.
    delivered: AtomicU64,
    /// How many of them the parent knows that it has received.
    told: AtomicU64,
}

impl Post {
    pub(super) fn new(border: Arc<Border>) -> Self {
        Post { border, pid: OnceLock::new(), delivered: AtomicU64::new(0), told: AtomicU64::new(0) }
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.pid.get().copied()
    }

    /// A message has come for it.
    pub(super) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the parent how many messages it has received, as long as it lives.
    pub(super) fn tell_received(&self) {
        // In this order: what comes in between is not counted as received.
        let delivered = self.delivered.load(Ordering::Relaxed);
        let info = self.pid().and_then(|pid| self.border.system().process_info(pid));
        // The mailbox of one that ends is empty, and yet it has not received what was in it.
        if let Some(info) = info.filter(|info| info.status != Status::Exiting) {
            // Messages of its own may be among those that wait. So it has received no less than that.
            self.tell(delivered.saturating_sub(info.queue_len as u64));
        }
    }

    /// Tells the parent how many it has received, now that it has ended and left so many.
    pub(super) fn tell_left(&self, left: u64) {
        self.tell(self.delivered.load(Ordering::Relaxed).saturating_sub(left));
    }

    fn tell(&self, received: u64) {
        if self.told.fetch_max(received, Ordering::Relaxed) < received {
            // It is a few bytes, always serialized.
            let _ = self.border.send_control(&FromServer::Received(received));
        }
    }
}

impl<S: Isolatable> GenServer for Resident<S> {
    type Args = (S::Args, Arc<Post>);
    type Message = S::Message;

    const KEEPS_LAST_MESSAGE: bool = S::KEEPS_LAST_MESSAGE;

    async fn init((args, post): (S::Args, Arc<Post>), ctx: &mut Context<S::Message>) -> Result<Self, ExitReason> {
        post.border.set_main(ctx.address());
        post.pid.get_or_init(|| ctx.pid());
        Ok(Resident { server: S::init(args, ctx).await?, post })
    }

    fn handle(
        &mut self,
        message: S::Message,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        // Room for one more.
        self.post.border.nudge();
        self.server.handle(message, ctx)
    }

    fn handle_info(
        &mut self,
        info: Info,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.server.handle_info(info, ctx)
    }

    fn handle_continue(
        &mut self,
        message: S::Message,
        ctx: &mut Context<S::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.server.handle_continue(message, ctx)
    }

    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<S::Message>) -> impl Future<Output = ()> + Send {
        self.server.terminate(reason, ctx)
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.format_status(f)
    }

    fn format_message(message: &S::Message, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        S::format_message(message, f)
    }
}
