//! How long an actor lives.

use std::time::{Duration, Instant};

use proscenium_runtime::{Context, ExitReason};

use super::envelope::{Envelope, Opened};
use super::server::{Dispatcher, Pace};
use super::{Actor, ActorRef, Dispatch};
use crate::behaviour::Start;

impl<A: Actor> Start<ActorRef<A>> {
    /// The actor ends, with [`ExitReason::Normal`], so long after its first message; Thespian's `transient`. One that is never
    /// sent anything lives on.
    ///
    /// A supervisor that restarts it always would: give it [`Restart::Transient`](proscenium_runtime::Restart::Transient) there.
    /// What waits in its mailbox then is a dead letter, or its caller hears of the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let guest = Account::start(()).transient(Duration::from_secs(60)).link(&mut ctx).await.unwrap();
    ///     ctx.sleep(Duration::from_secs(3600)).await; // Nobody has used it.
    ///     assert_eq!(guest.call(Deposit(5)).await, Ok(Balance(5))); // Its minute begins.
    ///     ctx.sleep(Duration::from_secs(59)).await;
    ///     assert!(ctx.system().is_alive(&guest));
    ///     assert_eq!(guest.address().exited().await, ExitReason::Normal);
    /// });
    /// ```
    #[must_use]
    pub fn transient(mut self, after: Duration) -> Self {
        self.args.lifetime = Lifetime::After(after);
        self
    }

    /// The actor ends, as with [`transient`](Self::transient), when it has handled nothing for so long; Thespian's
    /// `transient_idle`. One that is never sent anything lives on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let session = Account::start(()).transient_idle(Duration::from_secs(60)).link(&mut ctx).await.unwrap();
    ///     for _ in 0..10 {
    ///         session.cast(Deposit(1));
    ///         ctx.sleep(Duration::from_secs(50)).await;
    ///     }
    ///     assert!(ctx.system().is_alive(&session), "it was never idle for a minute");
    ///     ctx.sleep(Duration::from_secs(61)).await;
    ///     assert!(!ctx.system().is_alive(&session));
    /// });
    /// ```
    #[must_use]
    pub fn transient_idle(mut self, after: Duration) -> Self {
        self.args.lifetime = Lifetime::Idle(after);
        self
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Lifetime {
    Forever,
    After(Duration),
    Idle(Duration),
}

/// The time that an actor has. Its timer is none of the actor's business.
pub(super) struct Remaining {
    lifetime: Lifetime,
    /// When it was last busy; `None` before its first message, or if that does not matter.
    busy: Option<Instant>,
}

impl Remaining {
    pub(super) fn new(lifetime: Lifetime) -> Self {
        Remaining { lifetime, busy: None }
    }

    /// A message has been handled.
    #[inline]
    pub(super) fn note<A: Actor>(&mut self, ctx: &mut Context<Dispatch<A>>) {
        let (Lifetime::After(limit) | Lifetime::Idle(limit)) = self.lifetime else { return };
        if self.busy.replace(ctx.system().now()).is_none() {
            ctx.send_after(limit, Dispatch(Box::new(Retire)));
        }
    }

    /// The timer has expired: the time is over, unless the actor has been busy meanwhile.
    ///
    /// # Errors
    /// The reason with which the actor ends.
    fn retire<A: Actor>(&self, ctx: &mut Context<Dispatch<A>>) -> Result<(), ExitReason> {
        if let (Lifetime::Idle(limit), Some(busy)) = (self.lifetime, self.busy) {
            let left = limit.saturating_sub(ctx.system().now().saturating_duration_since(busy));
            if !left.is_zero() {
                ctx.send_after(left, Dispatch(Box::new(Retire)));
                return Ok(());
            }
        }
        Err(ExitReason::Normal)
    }
}

/// The time of a transient actor is over, it seems.
struct Retire;

impl<A: Actor> Envelope<A> for Retire {
    fn message_type(&self) -> &'static str {
        "retire"
    }

    fn initializes(&self) -> bool {
        true
    }

    fn open<'a>(
        self: Box<Self>,
        dispatcher: &'a mut Dispatcher<A>,
        ctx: &'a mut Context<Dispatch<A>>,
        _pace: Pace,
    ) -> Opened<'a, A> {
        Box::pin(async { dispatcher.remaining.retire(ctx).map(|()| None) })
    }
}
