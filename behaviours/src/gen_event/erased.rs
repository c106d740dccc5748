//! A handler as its manager knows it: whatever its type is.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use proscenium_runtime::{Context, ExitReason};

use super::error::HandlerKind;
use super::{EventHandler, EventMessage, HandlerContext, HandlerId, Removal};
use crate::gen_server::Info;

pub(super) type Handler<E> = Box<dyn AnyHandler<E>>;

/// What a handler shall do next.
pub(super) enum Step<'a, E> {
    Init,
    Event(&'a E),
    Call(Box<dyn Any + Send>),
    Info(&'a Info),
    Terminate(&'a Removal),
}

/// What came of a step: perhaps a successor that it asks for.
type Outcome<E> = Result<Option<Successor<E>>, ExitReason>;

pub(super) trait AnyHandler<E: Send + Sync + 'static>: Any + Send {
    fn step<'a>(
        &'a mut self,
        step: Step<'a, E>,
        id: HandlerId,
        ctx: &'a mut Context<EventMessage<E>>,
    ) -> Pin<Box<dyn Future<Output = Outcome<E>> + Send + 'a>>;

    fn as_any(&mut self) -> &mut (dyn Any + Send);

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<H: EventHandler> AnyHandler<H::Event> for H {
    fn step<'a>(
        &'a mut self,
        step: Step<'a, H::Event>,
        id: HandlerId,
        ctx: &'a mut Context<EventMessage<H::Event>>,
    ) -> Pin<Box<dyn Future<Output = Outcome<H::Event>> + Send + 'a>> {
        Box::pin(async move {
            let mut ctx = HandlerContext { ctx, id, successor: None };
            match step {
                Step::Init => self.init(&mut ctx).await?,
                Step::Event(event) => self.handle_event(event, &mut ctx).await?,
                Step::Call(request) => self.handle_call(own(request), &mut ctx).await?,
                Step::Info(info) => self.handle_info(info, &mut ctx).await?,
                Step::Terminate(why) => self.terminate(why, &mut ctx).await,
            }
            Ok(ctx.successor)
        })
    }

    fn as_any(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// What a [`HandlerRef`](super::HandlerRef) sends, or gets back.
pub(super) fn own<T: 'static>(any: Box<dyn Any + Send>) -> T {
    *any.downcast().expect("a reference to a handler is of the handler's type")
}

/// A handler that shall take the place of another, and is made of it.
pub(super) struct Successor<E> {
    pub(super) kind: HandlerKind,
    make: Box<Make<E>>,
}

type Make<E> = dyn FnOnce(Option<Box<dyn Any + Send>>) -> Handler<E> + Send;

impl<E: Send + Sync + 'static> Successor<E> {
    pub(super) fn new<H, N>(make: impl FnOnce(Option<H>) -> N + Send + 'static) -> Self
    where
        H: EventHandler<Event = E>,
        N: EventHandler<Event = E>,
    {
        let make = move |old: Option<Box<dyn Any + Send>>| Box::new(make(old.map(own))) as Handler<E>;
        Successor { kind: HandlerKind::of::<N>(), make: Box::new(make) }
    }

    /// Runs user code.
    pub(super) fn make(self, old: Option<Handler<E>>) -> Handler<E> {
        (self.make)(old.map(AnyHandler::into_any))
    }
}
