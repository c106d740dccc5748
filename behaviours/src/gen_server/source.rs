//! Where a server's messages come from: its mailbox, or that and something else.

use std::time::Instant;

use proscenium_runtime::{Context, ExitReason};

use crate::sys::{Received, Subject, SysState};

/// Where a server's messages come from.
pub(crate) trait Source<M: Send + 'static>: Send {
    /// Receives what comes next if that is a message, as [`Context::receive_if_message`].
    fn receive_message(&mut self, ctx: &mut Context<M>) -> impl Future<Output = Option<M>> + Send;

    /// As [`SysState::receive`].
    fn receive(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
    ) -> impl Future<Output = Received<M>> + Send;

    /// As [`SysState::receive_deadline`].
    fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> impl Future<Output = Option<Received<M>>> + Send;

    /// A callback has returned, and the server goes on.
    fn handled(&mut self) {}

    /// The server stops, by itself or because it was told to.
    fn stopping(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}

/// Messages come from the mailbox, and from nowhere else.
pub(super) struct MailboxOnly;

impl<M: Send + 'static> Source<M> for MailboxOnly {
    fn receive_message(&mut self, ctx: &mut Context<M>) -> impl Future<Output = Option<M>> + Send {
        ctx.receive_if_message()
    }

    fn receive(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
    ) -> impl Future<Output = Received<M>> + Send {
        sys.receive(ctx, subject)
    }

    fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> impl Future<Output = Option<Received<M>>> + Send {
        sys.receive_deadline(ctx, subject, deadline)
    }
}
