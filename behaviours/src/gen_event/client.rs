//! What clients do with a manager.

use proscenium_runtime::{Call, CallError, Context};

use super::erased::Handler;
use super::error::HandlerKind;
use super::installed::Owner;
use super::server::Order;
use super::{EventHandler, EventMessage, HandlerError, HandlerExit, HandlerId, HandlerRef};
use crate::behaviour::Start;
use crate::handle::handle;

handle! {
    /// A process that tells events of type `E` to its handlers; cheap to clone. Whoever notifies it knows none of them.
    ///
    /// It traps exits. A supervisor that restarts it starts it without handlers: who needs one there
    /// [adds it supervised](Self::add_supervised), and adds it again when it hears that it is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     EventManager::<u64>::start().name("takings").link(&mut ctx).await.unwrap();
    ///     let takings = EventManager::<u64>::named(ctx.system(), "takings");
    ///     let sum = takings.add(Sum(0)).await.unwrap();
    ///     takings.notify(40); // Who notifies knows of no sum.
    ///     takings.notify(2);
    ///     assert_eq!(sum.call(|reply| reply).await, Ok(42));
    ///     assert!(ctx.is_linked(takings.pid().unwrap()));
    ///     assert_eq!(takings.address().pid(), takings.pid());
    ///     takings.sys().stop(ExitReason::Normal).await.unwrap();
    /// });
    /// ```
    pub struct EventManager<E: Send, Sync> = EventMessage<E>;
}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// A start of a manager, without handlers.
    pub fn start() -> Start<Self> {
        Start::new(())
    }

    /// Tells an event to all handlers, and waits for nothing. If there is no manager, the event is a dead letter.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let [old, new] = [takings.add(Sum(100)).await.unwrap(), takings.add(Sum(0)).await.unwrap()];
    ///     takings.notify(42);
    ///     assert_eq!(old.call(|reply| reply).await, Ok(142));
    ///     assert_eq!(new.call(|reply| reply).await, Ok(42)); // All hear of it.
    /// });
    /// ```
    pub fn notify(&self, event: E) {
        self.address().cast(EventMessage::notify(event));
    }

    /// Tells an event to all handlers, and waits until all have handled it; for as long as it takes, unless told otherwise.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the event with the manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     takings.add(Sum(0)).await.unwrap();
    ///     takings.sync_notify(42).await.unwrap();
    ///     let sums = takings.handlers::<Sum>().await.unwrap();
    ///     assert_eq!(sums[0].inspect(|sum| sum.0).await, Ok(42)); // It had been handled before.
    /// });
    /// ```
    pub fn sync_notify(&self, event: E) -> Call<'_, EventMessage<E>, ()> {
        self.address().call(|reply| EventMessage(Order::SyncNotify(event, reply))).without_timeout()
    }

    /// Adds a handler, the newest now, and waits until it has begun. The same type may be added several times.
    ///
    /// # Errors
    /// [`HandlerError::Init`] if it does not begin, and [`HandlerError::Call`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the handler with the manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     takings.notify(1); // Nobody is there to hear it.
    ///     let sum = takings.add(Sum(0)).await.unwrap();
    ///     takings.notify(2);
    ///     assert_eq!(sum.call(|reply| reply).await, Ok(2));
    /// });
    /// ```
    pub async fn add<H: EventHandler<Event = E>>(&self, handler: H) -> Result<HandlerRef<H>, HandlerError> {
        self.add_for(handler, None).await
    }

    /// As [`add`](Self::add), with this process as the handler's owner; OTP's `add_sup_handler`.
    ///
    /// When the handler is removed, for whatever reason, the owner receives what `make` makes of that. When the owner ends, so
    /// does the handler. For that the two processes are linked, even if the handler does not begin, and stay so after its end, as
    /// in OTP: a manager that is killed takes along the owners that do not trap exits.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext, HandlerExit, Removal};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Parser;
    ///
    /// impl EventHandler for Parser {
    ///     type Event = String;
    ///     type Request = ();
    ///
    ///     async fn handle_event(&mut self, event: &String, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         event.parse::<u32>()?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<HandlerExit>| async move {
    ///     let events = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let parser = events.add_supervised(&mut ctx, Parser, |exit| exit).await.unwrap();
    ///     events.notify("42".into());
    ///     events.notify("forty-two".into());
    ///     let exit = ctx.receive_message().await;
    ///     assert_eq!(exit.handler, parser.id());
    ///     let Removal::Failed(reason) = exit.why else { unreachable!() };
    ///     assert_eq!(reason.to_string(), "invalid digit found in string");
    /// });
    /// ```
    pub async fn add_supervised<H, M>(
        &self,
        owner: &mut Context<M>,
        handler: H,
        make: impl FnMut(HandlerExit) -> M + Send + 'static,
    ) -> Result<HandlerRef<H>, HandlerError>
    where
        H: EventHandler<Event = E>,
        M: Send + 'static,
    {
        self.add_for(handler, Some(Owner::new(owner, make))).await
    }

    async fn add_for<H: EventHandler<Event = E>>(
        &self,
        handler: H,
        owner: Option<Owner>,
    ) -> Result<HandlerRef<H>, HandlerError> {
        let (kind, handler) = (HandlerKind::of::<H>(), Box::new(handler) as Handler<E>);
        let added = self.address().call(|reply| EventMessage(Order::Add(kind, handler, owner, reply)));
        Ok(HandlerRef::new(self.address().clone(), added.without_timeout().await??))
    }

    /// The handlers, the newest first; OTP's `which_handlers`.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let [old, new] = [takings.add(Sum(0)).await.unwrap(), takings.add(Sum(0)).await.unwrap()];
    ///     assert_eq!(takings.which_handlers().await, Ok(vec![new.id(), old.id()]));
    /// });
    /// ```
    pub async fn which_handlers(&self) -> Result<Vec<HandlerId>, CallError> {
        self.address().call(|reply| EventMessage(Order::WhichHandlers(reply))).without_timeout().await
    }

    /// The handlers of one type, the newest first: for who did not add them.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::EventManager;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     takings.add(Sum(7)).await.unwrap();
    ///     // Elsewhere, where nobody has kept what `add` returned:
    ///     let [sum] = &takings.handlers::<Sum>().await.unwrap()[..] else { unreachable!("there is one") };
    ///     assert_eq!(sum.call(|reply| reply).await, Ok(7));
    /// });
    /// ```
    pub async fn handlers<H: EventHandler<Event = E>>(&self) -> Result<Vec<HandlerRef<H>>, CallError> {
        let of_that_type = self.which_handlers().await?.into_iter().filter(HandlerId::is_of::<H>);
        Ok(of_that_type.map(|id| HandlerRef::new(self.address().clone(), id)).collect())
    }
}
