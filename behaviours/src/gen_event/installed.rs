//! A handler that a manager has, is about to have, or loses.

use std::sync::Arc;

use proscenium_runtime::{Context, EventHandlerReport, ExitReason, Pid, Report, catch_panic};

use super::erased::{Handler, Step, Successor};
use super::{EventMessage, HandlerExit, HandlerId, Removal};

pub(super) struct Installed<E> {
    pub(super) id: HandlerId,
    pub(super) handler: Handler<E>,
    pub(super) owner: Option<Owner>,
}

impl<E: Send + Sync + 'static> Installed<E> {
    pub(super) async fn step(
        &mut self,
        step: Step<'_, E>,
        ctx: &mut Context<EventMessage<E>>,
    ) -> Result<Option<Successor<E>>, ExitReason> {
        run(&mut self.handler, step, self.id, ctx).await
    }

    /// The handler hears that it is removed, then the owner. Returns both; instead of the handler its panic, if it panics now.
    pub(super) async fn leave(
        mut self,
        why: Removal,
        ctx: &mut Context<EventMessage<E>>,
    ) -> (Result<Handler<E>, ExitReason>, Option<Owner>) {
        let ended = self.step(Step::Terminate(&why), ctx).await;
        let Installed { id, handler, mut owner } = self;
        tell_removal(id, owner.as_mut(), why, ctx).await;
        match ended {
            Ok(_) => (Ok(handler), owner),
            Err(reason) => {
                quietly(|| drop(handler)).await;
                (Err(reason), owner)
            }
        }
    }
}

/// Makes a handler, and lets it begin.
pub(super) async fn begin<E: Send + Sync + 'static>(
    id: HandlerId,
    make: impl FnOnce() -> Handler<E>,
    ctx: &mut Context<EventMessage<E>>,
) -> Result<Handler<E>, ExitReason> {
    let mut handler = catch_panic(async { make() }).await?;
    match run(&mut handler, Step::Init, id, ctx).await {
        Ok(_) => Ok(handler),
        Err(reason) => {
            quietly(|| drop(handler)).await;
            Err(reason)
        }
    }
}

/// Lets a handler do something. A panic is an error as others.
async fn run<E: Send + Sync + 'static>(
    handler: &mut Handler<E>,
    step: Step<'_, E>,
    id: HandlerId,
    ctx: &mut Context<EventMessage<E>>,
) -> Result<Option<Successor<E>>, ExitReason> {
    catch_panic(async { handler.step(step, id, ctx).await }).await.and_then(|outcome| outcome)
}

/// Reports a failure, and tells the owner.
pub(super) async fn tell_removal<E: Send + 'static>(
    id: HandlerId,
    owner: Option<&mut Owner>,
    why: Removal,
    ctx: &mut Context<EventMessage<E>>,
) {
    if let Removal::Failed(reason) = &why {
        ctx.system().report(|| {
            let report = EventHandlerReport::new(ctx.pid(), id.to_string(), reason.clone()).named(ctx.name());
            Report::EventHandler(Arc::new(report))
        });
    }
    if let Some(owner) = owner {
        let manager = ctx.pid();
        owner.tell(HandlerExit { manager, handler: id, why }, ctx).await;
    }
}

/// Who wants to hear when a handler is removed, and takes it along when it ends.
pub(super) struct Owner {
    pub(super) pid: Pid,
    tell: Box<dyn FnMut(HandlerExit) + Send>,
}

impl Owner {
    /// The owner gets what `make` makes of a removal.
    pub(super) fn new<M: Send + 'static>(
        owner: &Context<M>,
        mut make: impl FnMut(HandlerExit) -> M + Send + 'static,
    ) -> Self {
        let address = owner.address();
        Owner { pid: owner.pid(), tell: Box::new(move |exit| address.cast(make(exit))) }
    }

    /// What `make` does is the owner's doing: if it panics, that is the owner's failure.
    async fn tell<E: Send + 'static>(&mut self, exit: HandlerExit, ctx: &mut Context<EventMessage<E>>) {
        if let Err(panic) = catch_panic(async { (self.tell)(exit) }).await {
            ctx.exit(self.pid, panic);
        }
    }
}

/// Runs what may run a user's `Drop`; a panic ends here.
pub(super) async fn quietly(act: impl FnOnce()) {
    let _ = catch_panic(async { act() }).await;
}
