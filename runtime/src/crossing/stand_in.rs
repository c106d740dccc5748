//! Processes that stand for those beyond the border.

use std::any::Any;
use std::sync::{Arc, Weak};

use async_channel::Receiver;
use futures_lite::future;
use serde::Serialize;

use super::border::Border;
use super::frame::Kind;
use crate::address::{Address, Via};
use crate::context::Context;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::pid::Recipient;
use crate::process::Process;
use crate::signal::{Event, Exit};
use crate::system::Shared;

/// The address of a stand-in. The last to go tells it.
pub(super) struct Abroad<M> {
    pub(super) process: Arc<Process<M>>,
    pub(super) border: Weak<Border>,
    pub(super) number: u64,
}

impl<M: Send + 'static> Abroad<M> {
    /// The number that `address` has on the other side of `border`, if it came from there.
    pub(super) fn of(address: &Address<M>, border: &Arc<Border>) -> Option<u64> {
        let abroad = address.as_via()?.downcast_ref::<Self>()?;
        (abroad.border.as_ptr() == Arc::as_ptr(border)).then_some(abroad.number)
    }
}

impl<M: Send + 'static> Via<M> for Abroad<M> {
    fn resolve(&self) -> Option<Arc<Process<M>>> {
        Some(self.process.clone())
    }

    fn recipient(&self) -> Recipient {
        Recipient::Process(self.process.pid)
    }

    fn system(&self) -> &Arc<Shared> {
        &self.process.system.shared
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| Arc::ptr_eq(&self.process, &other.process))
    }
}

impl<M> Drop for Abroad<M> {
    fn drop(&mut self) {
        if let Some(border) = self.border.upgrade() {
            border.release_handle(self.number, self.process.pid);
        }
    }
}

/// The life of a stand-in: it hands on what it is sent, until the process for which it stands ends, which ends it, or nobody has
/// its address any more.
pub(super) async fn stand_in<M: Serialize + Send + 'static>(
    mut ctx: Context<M>,
    mut role: Role,
    released: Receiver<()>,
) {
    let (border, number) = (role.border.clone(), role.number);
    loop {
        let received = async { Some(ctx.receive().await) };
        let unused = async {
            match released.recv().await {
                Ok(()) => None,
                // It is forgotten, and about to be ended.
                Err(_) => future::pending().await,
            }
        };
        let event = future::or(received, unused).await;
        if let Some(event) = event {
            hand_on(&ctx, &border, number, event);
        } else if let Some(times) = border.let_go(number, ctx.pid()) {
            // Nothing more will come, but something may have.
            while let Some(event) = ctx.try_receive_matching(|_| true) {
                hand_on(&ctx, &border, number, event);
            }
            border.push(Kind::Released { address: number, times });
            role.is_over = true;
            return;
        }
    }
}

fn hand_on<M: Serialize + Send + 'static>(ctx: &Context<M>, border: &Arc<Border>, number: u64, event: Event<M>) {
    match event {
        Event::Message(message) => hand_on_message(ctx, border, number, &message),
        Event::Exit(exit) => border.push(Kind::Exit { address: number, reason: signalled(exit) }),
        Event::Down(_) => {}
    }
}

fn hand_on_message<M: Serialize + Send + 'static>(ctx: &Context<M>, border: &Arc<Border>, number: u64, message: &M) {
    if let Err(error) = border.send(Kind::Message { to: number }, message) {
        slog::warn!(ctx.logger(), "a message does not cross"; "reason" => %error);
        ctx.process().dead_letter(DeadReason::NotCarried, None);
    }
}

/// The reason of a signal that takes the place of `exit`. A link's `Kill` can be trapped, one that somebody sends cannot.
fn signalled(exit: Exit) -> ExitReason {
    match exit.reason {
        ExitReason::Kill => ExitReason::Killed,
        reason => reason,
    }
}

/// For whom a process stands. Whoever kills it means the other, also if it has not run yet.
pub(super) struct Role {
    border: Arc<Border>,
    number: u64,
    is_over: bool,
}

impl Role {
    pub(super) fn new(border: Arc<Border>, number: u64) -> Self {
        Role { border, number, is_over: false }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if !self.is_over && self.border.is_imported(self.number) {
            self.border.push(Kind::Exit { address: self.number, reason: ExitReason::Kill });
        }
    }
}
