//! What clients do with one handler.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use proscenium_runtime::{Address, Call, CallError, Context, Reply, Request};

use super::erased::{Successor, own};
use super::installed::Owner;
use super::server::{EventServer, Order, Verdict};
use super::{EventHandler, EventMessage, HandlerError, HandlerExit, HandlerId};
use crate::sys::{Sys, SysError};

/// One handler of a manager, for requests to it; cheap to clone. It stays that handler's: a successor has another.
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
///     let sum = takings.add(Sum(40)).await.unwrap();
///     sum.replace(|sum| Sum(sum.0 + 1)).await.unwrap();
///     assert_eq!(sum.inspect(|sum| sum.0).await, Ok(41));
///     assert_eq!(sum.call(|reply| reply).await, Ok(41));
///     assert_eq!(sum.delete().await.unwrap().0, 41); // Here it is, whole.
///     assert!(sum.delete().await.is_err());
/// });
/// ```
pub struct HandlerRef<H: EventHandler> {
    manager: Address<EventMessage<H::Event>>,
    id: HandlerId,
    handler: PhantomData<fn(H)>,
}

impl<H: EventHandler> HandlerRef<H> {
    pub(super) fn new(manager: Address<EventMessage<H::Event>>, id: HandlerId) -> Self {
        HandlerRef { manager, id, handler: PhantomData }
    }

    /// Which handler it is.
    pub fn id(&self) -> HandlerId {
        self.id
    }

    /// Sends the handler the request that `request` makes of a [`Reply`], and waits for the answer; 5 s unless
    /// [`timeout`](HandlerCall::timeout) says otherwise. OTP's `gen_event:call`.
    ///
    /// # Errors
    /// [`HandlerError::NotFound`] if the handler is not there, [`HandlerError::Failed`] if it fails of the request, and
    /// [`HandlerError::Call`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the request with the manager.
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
    ///     let sum = takings.add(Sum(0)).await.unwrap();
    ///     takings.notify(42);
    ///     assert_eq!(sum.call(|reply| reply).await, Ok(42)); // Requests and events come in their order.
    /// });
    /// ```
    pub fn call<T: Send + 'static>(
        &self,
        request: impl FnOnce(Reply<T>) -> H::Request,
    ) -> HandlerCall<'_, H::Event, T> {
        let verdict = Verdict::default();
        let order = |reply| Order::Call(self.id, Box::new(request(reply)), verdict.clone());
        HandlerCall { call: self.manager.call(|reply| EventMessage(order(reply))), verdict }
    }

    /// Sends the handler a request, at once, and returns its answer to be. A handler that is not there, or fails of the request,
    /// leaves it [unanswered](CallError::Unanswered).
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
    ///     let sum = takings.add(Sum(0)).await.unwrap();
    ///     let before = sum.send_request(|reply| reply);
    ///     takings.notify(42);
    ///     let after = sum.send_request(|reply| reply);
    ///     assert_eq!((before.await, after.await), (Ok(0), Ok(42)));
    /// });
    /// ```
    pub fn send_request<T: Send + 'static>(&self, request: impl FnOnce(Reply<T>) -> H::Request) -> Request<T> {
        self.manager
            .send_request(|reply| EventMessage(Order::Call(self.id, Box::new(request(reply)), Verdict::default())))
    }

    /// What `look` returns of the handler, which need know nothing of it; OTP's `sys:get_state`. It waits 5 s at most, and is
    /// answered also by a manager that is suspended.
    ///
    /// # Errors
    /// As [`call`](Self::call); [`HandlerError::Failed`] if `look` panics, but the handler stays.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the look with the manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{EventManager, HandlerError};
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
    /// # use sum::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let sum = takings.add(Sum(7)).await.unwrap();
    ///     takings.sys().suspend().await.unwrap();
    ///     assert_eq!(sum.inspect(|sum| sum.0).await, Ok(7));
    ///     assert!(matches!(sum.inspect(|_| panic!("a slip")).await, Err::<(), _>(HandlerError::Failed { .. })));
    ///     assert_eq!(sum.inspect(|sum| sum.0).await, Ok(7)); // The slip was not the handler's.
    /// });
    /// ```
    pub async fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&H) -> T + Send + 'static,
    ) -> Result<T, HandlerError> {
        self.visit(|handler| look(handler)).await
    }

    /// Puts what `replace` makes of the handler in its place; OTP's `sys:replace_state`. If `replace` panics, the handler stays
    /// as it is.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    ///
    /// # Cancel safety
    /// As [`inspect`](Self::inspect).
    pub async fn replace(&self, replace: impl FnOnce(&H) -> H + Send + 'static) -> Result<(), HandlerError> {
        self.visit(|handler| *handler = replace(handler)).await
    }

    /// Removes the handler, and returns it once it has terminated; OTP's `delete_handler`.
    ///
    /// # Errors
    /// [`HandlerError::NotFound`], [`HandlerError::Failed`] if it panics as it terminates, and [`HandlerError::Call`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. If the future is dropped later, so is the handler.
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
    ///     let sum = takings.add(Sum(0)).await.unwrap();
    ///     takings.notify(42);
    ///     let Sum(total) = sum.delete().await.unwrap(); // After what was sent before.
    ///     takings.notify(1);
    ///     assert_eq!(total, 42);
    /// });
    /// ```
    pub async fn delete(&self) -> Result<H, HandlerError> {
        let deleted = self.manager.call(|reply| EventMessage(Order::Delete(self.id, reply)));
        deleted.without_timeout().await?.map(own)
    }

    /// Removes the handler, and adds another, made of this one, which has terminated by then. OTP's `swap_handler`.
    ///
    /// If this one is not there, or panics as it terminates, `make` gets `None`, and the other is added all the same. This
    /// one's owner, if it has one, is told, and is the other's owner, too.
    ///
    /// # Errors
    /// [`HandlerError::Init`] if `make` panics or the other does not begin: then neither is there. And [`HandlerError::Call`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the exchange with the manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{EventHandler, EventManager, HandlerContext};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Sum(u64);
    /// struct Mean(u64, u32);
    ///
    /// impl EventHandler for Sum {
    ///     type Event = u64;
    ///     type Request = ();
    ///
    ///     async fn handle_event(&mut self, event: &u64, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         self.0 += event;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl EventHandler for Mean {
    ///     type Event = u64;
    ///     type Request = ();
    ///
    ///     async fn handle_event(&mut self, event: &u64, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
    ///         self.0 += event;
    ///         self.1 += 1;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let events = EventManager::start().link(&mut ctx).await.unwrap();
    ///     let sum = events.add(Sum(0)).await.unwrap();
    ///     events.notify(40);
    ///     let mean = sum.swap(|sum| Mean(sum.map_or(0, |sum| sum.0), 1)).await.unwrap();
    ///     events.notify(2);
    ///     assert_eq!(mean.inspect(|mean| (mean.0, mean.1)).await, Ok((42, 2)));
    /// });
    /// ```
    pub async fn swap<N>(
        &self,
        make: impl FnOnce(Option<H>) -> N + Send + 'static,
    ) -> Result<HandlerRef<N>, HandlerError>
    where
        N: EventHandler<Event = H::Event>,
    {
        self.swap_for(make, None).await
    }

    /// As [`swap`](Self::swap), with this process as the other's owner; OTP's `swap_sup_handler`. It hears by what `exit` makes
    /// also if the other does not begin.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    ///
    /// # Cancel safety
    /// As [`swap`](Self::swap).
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
    ///     let old = takings.add(Sum(u64::MAX - 10)).await.unwrap();
    ///     let new = old.swap_supervised(&mut ctx, |old| old.unwrap_or(Sum(0)), |exit| exit).await.unwrap();
    ///     takings.notify(11); // It does not fit.
    ///     let exit = ctx.receive_message().await;
    ///     assert_eq!(exit.handler, new.id()); // We are its owner.
    ///     assert!(matches!(exit.why, Removal::Failed(_)));
    /// });
    /// ```
    pub async fn swap_supervised<N, M>(
        &self,
        owner: &mut Context<M>,
        make: impl FnOnce(Option<H>) -> N + Send + 'static,
        exit: impl FnMut(HandlerExit) -> M + Send + 'static,
    ) -> Result<HandlerRef<N>, HandlerError>
    where
        N: EventHandler<Event = H::Event>,
        M: Send + 'static,
    {
        self.swap_for(make, Some(Owner::new(owner, exit))).await
    }

    async fn swap_for<N>(
        &self,
        make: impl FnOnce(Option<H>) -> N + Send + 'static,
        owner: Option<Owner>,
    ) -> Result<HandlerRef<N>, HandlerError>
    where
        N: EventHandler<Event = H::Event>,
    {
        let successor = Successor::new(make);
        let swapped = self.manager.call(|reply| EventMessage(Order::Swap(self.id, successor, owner, reply)));
        Ok(HandlerRef::new(self.manager.clone(), swapped.without_timeout().await??))
    }

    async fn visit<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&mut H) -> T + Send + 'static,
    ) -> Result<T, HandlerError> {
        let handler = self.id;
        let visit = move |manager: &mut EventServer<H::Event>| {
            let handler = manager.handler(handler)?;
            Some(visit(handler.downcast_mut().expect("the id is of a handler of this type")))
        };
        match Sys::new(&self.manager.system(), &self.manager).with_state(visit).await {
            Ok(Some(visited)) => Ok(visited),
            Ok(None) | Err(SysError::OtherStateType { .. }) => Err(HandlerError::NotFound { handler }),
            Err(SysError::Function { reason, .. }) => Err(HandlerError::Failed { handler, reason }),
            Err(SysError::Call(error)) => Err(error.into()),
        }
    }
}

/// A request to a handler under way; made by [`HandlerRef::call`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::EventManager;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod sum { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/sum.rs")); }
/// # use sum::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let takings = EventManager::start().link(&mut ctx).await.unwrap();
///     let sum = takings.add(Sum(42)).await.unwrap();
///     takings.sys().suspend().await.unwrap();
///     let error = sum.call(|reply| reply).timeout(Duration::from_secs(60)).await.unwrap_err(); // 5 s if not told.
///     assert!(error.to_string().ends_with("timed out after 60s"));
///     takings.sys().resume().await.unwrap();
///     assert_eq!(sum.call(|reply| reply).without_timeout().await, Ok(42));
/// });
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct HandlerCall<'a, E: Send + Sync + 'static, T: Send + 'static> {
    call: Call<'a, EventMessage<E>, T>,
    /// Why there is no reply, where the manager knows.
    verdict: Verdict,
}

impl<E: Send + Sync + 'static, T: Send + 'static> HandlerCall<'_, E, T> {
    /// Waits at most this long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call = self.call.timeout(timeout);
        self
    }

    /// Waits for as long as it takes.
    pub fn without_timeout(mut self) -> Self {
        self.call = self.call.without_timeout();
        self
    }
}

impl<E: Send + Sync + 'static, T: Send + 'static> Future for HandlerCall<'_, E, T> {
    type Output = Result<T, HandlerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut this.call).poll(cx).map_err(|error| match (error, this.verdict.get()) {
            (CallError::Unanswered { .. }, Some(verdict)) => verdict.clone(),
            (error, _) => error.into(),
        })
    }
}

impl<E: Send + Sync + 'static, T: Send + 'static> fmt::Debug for HandlerCall<'_, E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerCall").field("call", &self.call).finish_non_exhaustive()
    }
}

impl<H: EventHandler> Clone for HandlerRef<H> {
    fn clone(&self) -> Self {
        HandlerRef::new(self.manager.clone(), self.id)
    }
}

impl<H: EventHandler> fmt::Debug for HandlerRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerRef({} of {})", self.id, self.manager)
    }
}
