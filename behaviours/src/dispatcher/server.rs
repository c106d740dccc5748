//! The loop of an actor: an ordinary server.

use std::fmt;
use std::future::Future;

use proscenium_runtime::{Context, ExitReason, InitAck};

use super::envelope::Content;
use super::lifetime::{Lifetime, Remaining};
use super::stash::Stash;
use super::{Actor, ActorRef, Dispatch};
use crate::behaviour::Behaviour;
use crate::gen_server::{GenServer, Info, ServerLoop};

impl<A: Actor> Behaviour for ActorRef<A> {
    type Args = ActorArgs<A>;
    type Message = Dispatch<A>;
    type Handle = Self;

    fn run(
        args: ActorArgs<A>,
        ctx: Context<Dispatch<A>>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        ServerLoop::<Dispatcher<A>>::run(args, ctx, ack)
    }
}

/// What an actor is started with: its arguments and options.
///
/// # Examples
///
/// To keep a start, and start from it again and again, the arguments need be `Clone`:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::{ActorArgs, Behaviour, Start};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
/// # use account::*;
/// fn is_kept<B: Behaviour<Args = ActorArgs<Account>>>(start: &Start<B>) -> Start<B> {
///     start.clone()
/// }
///
/// let test = TestSystem::new(1);
/// let start = Account::start(()).transient(Duration::from_secs(60));
/// for _ in 0..2 {
///     let account = test.block_on(is_kept(&start).spawn(&test)).unwrap();
///     assert_eq!(test.block_on(account.call(Deposit(1))), Ok(Balance(1))); // Each begins anew.
/// }
/// ```
pub struct ActorArgs<A: Actor> {
    args: A::Args,
    pub(super) lifetime: Lifetime,
}

impl<A: Actor> ActorArgs<A> {
    pub(super) fn new(args: A::Args) -> Self {
        ActorArgs { args, lifetime: Lifetime::Forever }
    }
}

impl<A: Actor<Args: Clone>> Clone for ActorArgs<A> {
    fn clone(&self) -> Self {
        ActorArgs { args: self.args.clone(), lifetime: self.lifetime }
    }
}

impl<A: Actor> fmt::Debug for ActorArgs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorArgs").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// An actor that runs.
pub(super) struct Dispatcher<A: Actor> {
    pub(super) actor: A,
    is_ready: bool,
    stash: Stash<A>,
    remaining: Remaining,
}

impl<A: Actor> GenServer for Dispatcher<A> {
    type Args = ActorArgs<A>;
    type Message = Dispatch<A>;

    async fn init(args: ActorArgs<A>, ctx: &mut Context<Dispatch<A>>) -> Result<Self, ExitReason> {
        let actor = A::init(args.args, ctx).await?;
        let (stash, remaining) = (Stash::new(ctx.address()), Remaining::new(args.lifetime));
        let mut dispatcher = Dispatcher { actor, is_ready: false, stash, remaining };
        dispatcher.begin_if_ready(ctx).await?;
        Ok(dispatcher)
    }

    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
    fn handle(
        &mut self,
        Dispatch(content): Dispatch<A>,
        ctx: &mut Context<Dispatch<A>>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            let letter = match content {
                Content::Message(letter) if self.is_ready || letter.initializes() => Some(letter),
                Content::Message(letter) => {
                    self.stash.push(letter);
                    None
                }
                Content::Retire => return self.remaining.retire(ctx),
                Content::Replay => self.stash.pop(),
            };
            if let Some(letter) = letter {
                letter.open(&mut self.actor, ctx).await?;
                if !self.is_ready {
                    // Boxed, for it is over once and for all.
                    Box::pin(self.begin_if_ready(ctx)).await?;
                }
            }
            self.remaining.note(ctx);
            if self.is_ready && !self.stash.is_empty() {
                self.replay(ctx);
            }
            Ok(())
        }
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Dispatch<A>>) -> Result<(), ExitReason> {
        self.actor.handle_info(info, ctx).await
    }

    async fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Dispatch<A>>) {
        self.actor.terminate(reason, ctx).await;
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor.format_status(f)
    }

    fn format_message(message: &Dispatch<A>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{message:?}")
    }
}

impl<A: Actor> Dispatcher<A> {
    async fn begin_if_ready(&mut self, ctx: &mut Context<Dispatch<A>>) -> Result<(), ExitReason> {
        if self.actor.is_ready() {
            self.is_ready = true;
            self.actor.ready(ctx).await?;
        }
        Ok(())
    }

    /// What has waited is next, after what the callback has asked to continue with.
    fn replay(&mut self, ctx: &mut Context<Dispatch<A>>) {
        let continuation = ctx.take_wishes().and_then(|wishes| wishes.continue_with);
        if let Some(Dispatch(Content::Message(letter))) = continuation {
            self.stash.push_front(letter);
        }
        ctx.continue_with(Dispatch(Content::Replay));
    }
}
