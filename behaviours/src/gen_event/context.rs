//! What a handler's callbacks hold.

use std::fmt;
use std::ops::{Deref, DerefMut};

use proscenium_runtime::Context;

use super::erased::Successor;
use super::{EventHandler, EventMessage, HandlerId, HandlerRef};

/// The manager's context, lent to a handler while a callback of it runs: it dereferences to that.
///
/// The handlers share the manager's process. What one monitors or links to, all hear of; and a handler must not undo that the
/// process traps exits.
pub struct HandlerContext<'a, H: EventHandler> {
    pub(super) ctx: &'a mut Context<EventMessage<H::Event>>,
    pub(super) id: HandlerId,
    pub(super) successor: Option<Successor<H::Event>>,
}

impl<H: EventHandler> HandlerContext<'_, H> {
    /// Which handler this is.
    pub fn id(&self) -> HandlerId {
        self.id
    }

    /// Where others reach this handler.
    pub fn handler(&self) -> HandlerRef<H> {
        HandlerRef::new(self.ctx.address(), self.id)
    }

    /// Asks the manager to put another handler in the place of this one after this callback, made of this one, which has
    /// terminated by then; `None` if it panicked then. OTP's `swap_handler`. The last one asked for in a callback counts; in
    /// `init` and `terminate` it does not.
    ///
    /// Its owner, if it has one, is the other's owner, too.
    pub fn swap_with<N>(&mut self, make: impl FnOnce(Option<H>) -> N + Send + 'static)
    where
        N: EventHandler<Event = H::Event>,
    {
        self.successor = Some(Successor::new(make));
    }
}

impl<H: EventHandler> Deref for HandlerContext<'_, H> {
    type Target = Context<EventMessage<H::Event>>;

    fn deref(&self) -> &Self::Target {
        self.ctx
    }
}

impl<H: EventHandler> DerefMut for HandlerContext<'_, H> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.ctx
    }
}

impl<H: EventHandler> fmt::Debug for HandlerContext<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext").field("manager", &self.ctx.pid()).field("id", &self.id).finish()
    }
}
