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
///
/// # Examples
///
/// A handler that knows itself, and sets timers as its manager:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::{EventHandler, EventManager, EventMessage, HandlerContext, HandlerId};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Clock;
/// struct Passed(Duration);
///
/// impl EventHandler for Clock {
///     type Event = Passed;
///     type Request = Reply<HandlerId>;
///
///     async fn init(&mut self, ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
///         ctx.send_after(Duration::from_secs(60), EventMessage::notify(Passed(Duration::from_secs(60))));
///         assert_eq!(ctx.handler().id(), ctx.id());
///         Ok(())
///     }
///
///     async fn handle_event(&mut self, passed: &Passed, _: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
///         assert_eq!(passed.0.as_secs(), 60);
///         Err(ExitReason::Normal) // It has done its work.
///     }
///
///     async fn handle_call(
///         &mut self,
///         reply: Reply<HandlerId>,
///         ctx: &mut HandlerContext<'_, Self>,
///     ) -> Result<(), ExitReason> {
///         reply.send(ctx.id());
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let events = EventManager::start().link(&mut ctx).await.unwrap();
///     let clock = events.add(Clock).await.unwrap();
///     assert_eq!(clock.call(|reply| reply).await, Ok(clock.id()));
///     ctx.sleep(Duration::from_secs(61)).await;
///     assert_eq!(events.which_handlers().await, Ok(vec![]));
/// });
/// ```
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
    ///
    /// # Examples
    ///
    /// A handler that is followed by another when it has seen enough:
    ///
    /// ```
    /// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Warming(u32);
    /// struct Warm;
    ///
    /// impl EventHandler for Warming {
    ///     type Event = u32;
    ///     type Request = ();
    ///
    ///     async fn handle_event(&mut self, now: &u32, ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         self.0 = *now;
    ///         if *now >= 20 {
    ///             ctx.swap_with(|_warming: Option<Self>| Warm);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl EventHandler for Warm {
    ///     type Event = u32;
    ///     type Request = ();
    ///
    ///     async fn handle_event(&mut self, _: &u32, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let room = EventManager::start().link(&mut ctx).await.unwrap();
    ///     room.add(Warming(0)).await.unwrap();
    ///     room.sync_notify(18).await.unwrap();
    ///     assert!(room.handlers::<Warm>().await.unwrap().is_empty());
    ///     room.sync_notify(21).await.unwrap();
    ///     assert_eq!(room.handlers::<Warm>().await.unwrap().len(), 1);
    ///     assert!(room.handlers::<Warming>().await.unwrap().is_empty());
    /// });
    /// ```
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
