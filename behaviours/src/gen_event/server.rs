//! The manager itself: an ordinary server.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use proscenium_runtime::{Context, Exit, ExitReason, InitAck, Reply};

use super::erased::{Handler, Step, Successor};
use super::error::HandlerKind;
use super::installed::{Installed, Owner, begin, quietly, tell_removal};
use super::{EventManager, HandlerError, HandlerId, Removal};
use crate::behaviour::Behaviour;
use crate::gen_server::{GenServer, Info, ServerLoop};

/// What an event manager takes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::{EventManager, EventMessage};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     let sum = takings.add(Sum(0)).await.unwrap();
///     ctx.send_after_to(Duration::from_secs(60), takings.address(), EventMessage::notify(42)); // By a timer.
///     ctx.sleep(Duration::from_secs(61)).await;
///     assert_eq!(sum.call(|reply| reply).await, Ok(42));
/// });
/// ```
pub struct EventMessage<E>(pub(super) Order<E>);

/// What a manager is told to do.
pub(super) enum Order<E> {
    Notify(E),
    SyncNotify(E, Reply<()>),
    Add(HandlerKind, Handler<E>, Option<Owner>, Reply<Result<HandlerId, HandlerError>>),
    Delete(HandlerId, Reply<Result<Box<dyn Any + Send>, HandlerError>>),
    Swap(HandlerId, Successor<E>, Option<Owner>, Reply<Result<HandlerId, HandlerError>>),
    Call(HandlerId, Box<dyn Any + Send>, Verdict),
    WhichHandlers(Reply<Vec<HandlerId>>),
}

/// Where a caller finds why its request got no reply.
pub(super) type Verdict = Arc<OnceLock<HandlerError>>;

impl<E> EventMessage<E> {
    /// The message that tells this event to all handlers, as [`EventManager::notify`] does: for timers, monitors and groups
    /// that send it.
    pub fn notify(event: E) -> Self {
        EventMessage(Order::Notify(event))
    }
}

impl<E> fmt::Debug for EventMessage<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Order::Notify(_) => "Notify",
            Order::SyncNotify(..) => "SyncNotify",
            Order::Add(..) => "Add",
            Order::Delete(..) => "Delete",
            Order::Swap(..) => "Swap",
            Order::Call(..) => "Call",
            Order::WhichHandlers(_) => "WhichHandlers",
        })
    }
}

impl<E: Send + Sync + 'static> Behaviour for EventManager<E> {
    type Args = ();
    type Message = EventMessage<E>;
    type Handle = Self;

    fn run(
        args: (),
        ctx: Context<EventMessage<E>>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        ServerLoop::<EventServer<E>>::run(args, ctx, ack)
    }
}

/// The server behind an [`EventManager`].
pub(super) struct EventServer<E> {
    /// The oldest first.
    handlers: Vec<Installed<E>>,
    /// How many there have been.
    last: u64,
}

impl<E: Send + Sync + 'static> GenServer for EventServer<E> {
    type Args = ();
    type Message = EventMessage<E>;

    const BEHAVIOUR: &'static str = "gen_event";

    async fn init(_args: (), ctx: &mut Context<EventMessage<E>>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        Ok(EventServer { handlers: Vec::new(), last: 0 })
    }

    async fn handle(
        &mut self,
        EventMessage(order): EventMessage<E>,
        ctx: &mut Context<EventMessage<E>>,
    ) -> Result<(), ExitReason> {
        match order {
            Order::Notify(event) => self.tell_all(|| Step::Event(&event), ctx).await,
            Order::SyncNotify(event, reply) => {
                self.tell_all(|| Step::Event(&event), ctx).await;
                reply.send(());
            }
            Order::Add(kind, handler, owner, reply) => reply.send(self.add(kind, handler, owner, ctx).await),
            Order::Delete(id, reply) => {
                let deleted = self.delete(id, ctx).await;
                // A caller that has given up leaves the handler to be dropped here.
                quietly(|| reply.send(deleted)).await;
            }
            Order::Swap(old, successor, owner, reply) => reply.send(self.swap(old, successor, owner, ctx).await),
            Order::Call(id, request, verdict) => self.call(id, request, &verdict, ctx).await,
            Order::WhichHandlers(reply) => reply.send(self.handlers.iter().rev().map(|handler| handler.id).collect()),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<EventMessage<E>>) -> Result<(), ExitReason> {
        // One that no link brought is a request to exit, and its sender lives.
        if let Info::Exit(exit) = &info
            && exit.linked
        {
            self.owner_exited(exit, ctx).await;
        }
        self.tell_all(|| Step::Info(&info), ctx).await;
        Ok(())
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.handlers.iter().rev().map(|handler| handler.id)).finish()
    }

    fn format_message(message: &EventMessage<E>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{message:?}")
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<EventMessage<E>>) {
        while let Some(handler) = self.handlers.pop() {
            let (handler, owner) = handler.leave(Removal::Stopped, ctx).await;
            quietly(|| drop(handler)).await;
            // Its owner has been told, and need not hear of the manager's end. The parent does.
            if let Some(owner) = owner.filter(|owner| Some(owner.pid) != ctx.parent()) {
                ctx.unlink(owner.pid);
            }
        }
    }
}

impl<E: Send + Sync + 'static> EventServer<E> {
    /// The handler of that id, for who looks into the manager.
    pub(super) fn handler(&mut self, id: HandlerId) -> Option<&mut (dyn Any + Send)> {
        let index = self.position(id).ok()?;
        Some(self.handlers[index].handler.as_any())
    }

    async fn tell_all<'a>(&mut self, step: impl Fn() -> Step<'a, E>, ctx: &mut Context<EventMessage<E>>) {
        // The newest first. Whoever goes leaves the older ones in their places.
        for index in (0..self.handlers.len()).rev() {
            let outcome = self.handlers[index].step(step(), ctx).await;
            self.conclude(index, outcome, ctx).await;
        }
    }

    /// Does what a handler's callback asks for.
    async fn conclude(
        &mut self,
        index: usize,
        outcome: Result<Option<Successor<E>>, ExitReason>,
        ctx: &mut Context<EventMessage<E>>,
    ) {
        let why = match outcome {
            Ok(None) => return,
            Ok(Some(successor)) => return self.replace(index, successor, ctx).await,
            Err(ExitReason::Normal) => Removal::Finished,
            Err(reason) => Removal::Failed(reason),
        };
        let (handler, _) = self.handlers.remove(index).leave(why, ctx).await;
        quietly(|| drop(handler)).await;
    }

    /// Puts a successor in the place of a handler that asks for it.
    async fn replace(&mut self, index: usize, successor: Successor<E>, ctx: &mut Context<EventMessage<E>>) {
        let to = self.next_id(successor.kind);
        let (old, owner) = self.handlers.remove(index).leave(Removal::Swapped { to }, ctx).await;
        // Its caller is nobody; what goes wrong is reported, and its owner told.
        if let Ok(handler) = succeed(to, successor, old.ok(), owner, ctx).await {
            self.handlers.insert(index, handler);
        }
    }

    async fn add(
        &mut self,
        kind: HandlerKind,
        handler: Handler<E>,
        owner: Option<Owner>,
        ctx: &mut Context<EventMessage<E>>,
    ) -> Result<HandlerId, HandlerError> {
        let id = self.next_id(kind);
        link(owner.as_ref(), ctx);
        let begun = begin(id, || handler, ctx).await;
        let handler = begun.map_err(|reason| HandlerError::Init { handler: id, reason })?;
        self.handlers.push(Installed { id, handler, owner });
        Ok(id)
    }

    async fn delete(
        &mut self,
        id: HandlerId,
        ctx: &mut Context<EventMessage<E>>,
    ) -> Result<Box<dyn Any + Send>, HandlerError> {
        let index = self.position(id)?;
        let (handler, _) = self.handlers.remove(index).leave(Removal::Deleted, ctx).await;
        handler.map(|handler| handler.into_any()).map_err(|reason| HandlerError::Failed { handler: id, reason })
    }

    /// The successor begins even if there is nothing for it to succeed, and is the newest. It keeps the owner of the old one,
    /// unless there is a new one.
    async fn swap(
        &mut self,
        old: HandlerId,
        successor: Successor<E>,
        owner: Option<Owner>,
        ctx: &mut Context<EventMessage<E>>,
    ) -> Result<HandlerId, HandlerError> {
        let to = self.next_id(successor.kind);
        let (old, kept) = match self.position(old) {
            Ok(index) => {
                let (old, kept) = self.handlers.remove(index).leave(Removal::Swapped { to }, ctx).await;
                (old.ok(), kept)
            }
            Err(_) => (None, None),
        };
        link(owner.as_ref(), ctx);
        let handler = succeed(to, successor, old, owner.or(kept), ctx).await?;
        self.handlers.push(handler);
        Ok(to)
    }

    async fn call(
        &mut self,
        id: HandlerId,
        request: Box<dyn Any + Send>,
        verdict: &OnceLock<HandlerError>,
        ctx: &mut Context<EventMessage<E>>,
    ) {
        let index = match self.position(id) {
            Ok(index) => index,
            Err(error) => {
                // The caller looks for it as soon as the request is dropped.
                let _ = verdict.set(error);
                return quietly(|| drop(request)).await;
            }
        };
        let outcome = self.handlers[index].step(Step::Call(request), ctx).await;
        if let Err(reason) = &outcome {
            let _ = verdict.set(HandlerError::Failed { handler: id, reason: reason.clone() });
        }
        self.conclude(index, outcome, ctx).await;
    }

    async fn owner_exited(&mut self, exit: &Exit, ctx: &mut Context<EventMessage<E>>) {
        for index in (0..self.handlers.len()).rev() {
            if self.handlers[index].owner.as_ref().is_some_and(|owner| owner.pid == exit.pid) {
                let mut handler = self.handlers.remove(index);
                // There is nobody to tell.
                handler.owner = None;
                let (handler, _) = handler.leave(Removal::OwnerExited(exit.reason.clone()), ctx).await;
                quietly(|| drop(handler)).await;
            }
        }
    }

    fn next_id(&mut self, kind: HandlerKind) -> HandlerId {
        self.last += 1;
        HandlerId::new(self.last, kind)
    }

    fn position(&self, id: HandlerId) -> Result<usize, HandlerError> {
        let position = self.handlers.iter().position(|handler| handler.id == id);
        position.ok_or(HandlerError::NotFound { handler: id })
    }
}

/// Makes a handler of the one it succeeds, and lets it begin. If it fails its owner is told, as of any failure.
async fn succeed<E: Send + Sync + 'static>(
    id: HandlerId,
    successor: Successor<E>,
    old: Option<Handler<E>>,
    mut owner: Option<Owner>,
    ctx: &mut Context<EventMessage<E>>,
) -> Result<Installed<E>, HandlerError> {
    match begin(id, || successor.make(old), ctx).await {
        Ok(handler) => Ok(Installed { id, handler, owner }),
        Err(reason) => {
            tell_removal(id, owner.as_mut(), Removal::Failed(reason.clone()), ctx).await;
            Err(HandlerError::Init { handler: id, reason })
        }
    }
}

/// The owner's end shall be heard of. As in OTP, the link outlives the handler.
fn link<E: Send + 'static>(owner: Option<&Owner>, ctx: &mut Context<EventMessage<E>>) {
    if let Some(owner) = owner {
        ctx.link(owner.pid);
    }
}
