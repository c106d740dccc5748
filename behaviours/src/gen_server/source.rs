//! Where a server's messages come from, its mailbox or that and something else, and how they are handled.

use std::time::Instant;

use proscenium_runtime::{Context, ExitReason};

use super::GenServer;
use crate::sys::{Received, Subject, SysState};

/// Where a server's messages come from: from its mailbox, and from nowhere else, unless it says otherwise.
pub(crate) trait Source<S: GenServer>: Send {
    /// Receives what comes next if that is a message, as [`Context::receive_if_message`].
    fn receive_message(&mut self, ctx: &mut Context<S::Message>) -> impl Future<Output = Option<S::Message>> + Send {
        ctx.receive_if_message()
    }

    /// As [`SysState::receive`].
    fn receive(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<S::Message>,
        subject: &mut impl Subject,
    ) -> impl Future<Output = Received<S::Message>> + Send {
        sys.receive(ctx, subject)
    }

    /// As [`SysState::receive_deadline`].
    fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<S::Message>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> impl Future<Output = Option<Received<S::Message>>> + Send {
        sys.receive_deadline(ctx, subject, deadline)
    }

    /// Calls the callback for a message; for some that follow, too, if it likes, unless each `is_shown`.
    fn handle(
        server: &mut S,
        message: S::Message,
        ctx: &mut Context<S::Message>,
        is_shown: bool,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = is_shown;
        server.handle(message, ctx)
    }

    /// A callback has returned, and the server goes on.
    fn handled(&mut self) {}

    /// The server stops, by itself or because it was told to.
    fn stopping(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}

/// Messages come from the mailbox, and from nowhere else.
pub(super) struct MailboxOnly;

impl<S: GenServer> Source<S> for MailboxOnly {}
