//! A process that tells events to handlers, which come and go; OTP's `gen_event`.
//!
//! Invariants:
//! - The handlers run one after the other in the manager's process, the newest first; each hears all events, in one order.
//! - A handler that fails is removed and reported. The manager and the other handlers go on.
//! - Whatever removes a handler, it hears of that last, unless the manager is killed; and so does its owner, if it has one.

mod client;
mod context;
mod erased;
mod error;
mod handler_ref;
mod installed;
mod server;

use std::future::Future;

use proscenium_runtime::{ExitReason, Pid};

use crate::gen_server::Info;

pub use client::EventManager;
pub use context::HandlerContext;
pub use error::{HandlerError, HandlerId};
pub use handler_ref::{HandlerCall, HandlerRef};
pub use server::EventMessage;

/// A handler's callbacks.
///
/// A callback that returns `Err` removes the handler: with [`ExitReason::Normal`] in peace, with any other because it has
/// failed, as has one that panics. `?` on any error is all it takes.
///
/// While a callback waits, the manager and its other handlers wait, too.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// /// A door opens, for a person of that age.
/// struct Opened(u8);
///
/// /// Counts the visitors under age.
/// struct Children {
///     count: u32,
/// }
///
/// impl EventHandler for Children {
///     type Event = Opened;
///     type Request = Reply<u32>;
///
///     async fn handle_event(&mut self, event: &Opened, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
///         self.count += u32::from(event.0 < 18);
///         Ok(())
///     }
///
///     async fn handle_call(
///         &mut self,
///         reply: Reply<u32>,
///         _ctx: &mut HandlerContext<'_, Self>,
///     ) -> Result<(), ExitReason> {
///         reply.send(self.count);
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let door = EventManager::start().name("door").link(&mut ctx).await.unwrap();
///     let children = door.add(Children { count: 0 }).await.unwrap();
///     for age in [41, 12, 9] {
///         door.notify(Opened(age));
///     }
///     assert_eq!(children.call(|reply| reply).await, Ok(2));
///     let children = children.delete().await.unwrap();
///     assert_eq!(children.count, 2);
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an EventHandler",
    note = "a handler needs `type Event`, `type Request` and `async fn handle_event`"
)]
pub trait EventHandler: Sized + Send + 'static {
    /// What it is told.
    type Event: Send + Sync + 'static;

    /// What it can be asked with [`HandlerRef::call`]; `()` if nothing.
    type Request: Send + 'static;

    /// Prepares for events, in the manager. Whoever adds the handler waits meanwhile. By default there is nothing to prepare.
    ///
    /// # Errors
    /// The handler is not added, and who adds it gets the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext, HandlerError};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Audit {
    ///     file: &'static str,
    /// }
    ///
    /// impl EventHandler for Audit {
    ///     type Event = u64;
    ///     type Request = ();
    ///
    ///     async fn init(&mut self, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         if self.file.is_empty() { Err(ExitReason::error("which file?")) } else { Ok(()) }
    ///     }
    ///     # async fn handle_event(&mut self, _: &u64, _: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///     #     Ok(())
    ///     # }
    ///     // …
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let events = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let error = events.add(Audit { file: "" }).await.unwrap_err();
    ///     assert!(matches!(error, HandlerError::Init { reason, .. } if reason == ExitReason::error("which file?")));
    ///     assert!(events.add(Audit { file: "audit.log" }).await.is_ok()); // The manager takes no harm.
    /// });
    /// ```
    fn init(&mut self, ctx: &mut HandlerContext<'_, Self>) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Handles an event.
    ///
    /// # Errors
    /// The handler is removed, see [`EventHandler`].
    fn handle_event(
        &mut self,
        event: &Self::Event,
        ctx: &mut HandlerContext<'_, Self>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send;

    /// Handles a request to this handler. By default it goes unanswered, and a warning is logged.
    ///
    /// # Errors
    /// As [`handle_event`](Self::handle_event).
    fn handle_call(
        &mut self,
        request: Self::Request,
        ctx: &mut HandlerContext<'_, Self>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            slog::warn!(ctx.logger(), "unexpected request"; "handler" => %ctx.id());
            drop(request);
            Ok(())
        }
    }

    /// Hears of other processes' ends, as every handler of the manager does. By default it takes no notice.
    ///
    /// # Errors
    /// As [`handle_event`](Self::handle_event).
    fn handle_info(
        &mut self,
        info: &Info,
        ctx: &mut HandlerContext<'_, Self>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = (info, ctx);
        async { Ok(()) }
    }

    /// Cleans up. After a panic the handler may be half changed: `why` tells.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext, Removal};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Address, Context, ExitReason};
    ///
    /// struct Audit {
    ///     home: Address<Removal>,
    /// }
    ///
    /// impl EventHandler for Audit {
    ///     type Event = u64;
    ///     type Request = ();
    ///
    ///     async fn terminate(&mut self, why: &Removal, _ctx: &mut HandlerContext<'_, Self>) {
    ///         self.home.cast(why.clone()); // Here one would close the file.
    ///     }
    ///     # async fn handle_event(&mut self, _: &u64, _: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///     #     Ok(())
    ///     # }
    ///     // …
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<Removal>| async move {
    ///     let events = EventManager::start().link(&mut ctx).await.unwrap();
    ///     events.add(Audit { home: ctx.address() }).await.unwrap().delete().await.unwrap();
    ///     assert_eq!(ctx.receive_message().await, Removal::Deleted);
    ///     events.add(Audit { home: ctx.address() }).await.unwrap();
    ///     events.sys().stop(ExitReason::Normal).await.unwrap();
    ///     assert_eq!(ctx.receive_message().await, Removal::Stopped);
    /// });
    /// ```
    fn terminate(&mut self, why: &Removal, ctx: &mut HandlerContext<'_, Self>) -> impl Future<Output = ()> + Send {
        let _ = (why, ctx);
        async {}
    }
}

/// Why a handler is removed.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{EventManager, HandlerExit, Removal};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<HandlerExit>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     let sum = takings.add_supervised(&mut ctx, Sum(0), |exit| exit).await.unwrap();
///     let next = sum.swap(|_| Sum(7)).await.unwrap();
///     assert_eq!(ctx.receive_message().await.why, Removal::Swapped { to: next.id() });
///     next.delete().await.unwrap();
///     assert_eq!(ctx.receive_message().await.why, Removal::Deleted);
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Somebody deleted it. To its owner, OTP says `normal`.
    Deleted,
    /// A callback of its own returned [`ExitReason::Normal`]; OTP's `remove_handler`, and `normal` to its owner.
    Finished,
    /// Another handler takes its place.
    Swapped {
        /// That one.
        to: HandlerId,
    },
    /// The manager stops. To its owner, OTP says `shutdown`.
    Stopped,
    /// Its owner has ended, with this reason; OTP's `{stop, Reason}`.
    OwnerExited(ExitReason),
    /// A callback of its own panicked or returned this error; or, as its owner hears it, it was to take the place of another
    /// and did not begin.
    Failed(ExitReason),
}

/// Word to the owner of a handler that it has been removed; OTP's `gen_event_EXIT`.
///
/// Asked for with [`EventManager::add_supervised`].
///
/// # Examples
///
/// An owner that puts its handler back:
///
/// ```
/// use proscenium_behaviours::{EventManager, HandlerExit, Removal};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<HandlerExit>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     takings.add_supervised(&mut ctx, Sum(u64::MAX), |exit| exit).await.unwrap();
///     takings.notify(1); // It does not fit.
///     let exit = ctx.receive_message().await;
///     assert_eq!(Some(exit.manager), takings.pid());
///     if let Removal::Failed(_) = exit.why {
///         takings.add_supervised(&mut ctx, Sum(0), |exit| exit).await.unwrap();
///     }
///     takings.notify(1);
///     assert_eq!(takings.handlers::<Sum>().await.unwrap()[0].call(|reply| reply).await, Ok(1));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerExit {
    /// The manager.
    pub manager: Pid,
    /// The handler.
    pub handler: HandlerId,
    /// Why.
    pub why: Removal,
}
