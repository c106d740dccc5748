//! The loop of an actor: an ordinary server.

use std::fmt;

use proscenium_runtime::{Context, ExitReason, InitAck};

use super::lifetime::{Lifetime, Remaining};
use super::stash::{Replay, Stash};
use super::{Actor, ActorRef, Dispatch};
use crate::behaviour::Behaviour;
use crate::gen_server::{self, GenServer, Info, Source};

impl<A: Actor> Behaviour for ActorRef<A> {
    type Args = ActorArgs<A>;
    type Message = Dispatch<A>;
    type Handle = Self;

    fn run(
        args: ActorArgs<A>,
        ctx: Context<Dispatch<A>>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        gen_server::run::<Dispatcher<A>, _>(args, ctx, ack, Letters)
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
    pub(super) stash: Stash<A>,
    pub(super) remaining: Remaining,
}

/// How many letters are opened before others see what happens.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pace {
    One,
    Many,
}

/// An actor's letters, in its mailbox.
struct Letters;

impl<A: Actor> Source<Dispatcher<A>> for Letters {
    fn handle(
        dispatcher: &mut Dispatcher<A>,
        letter: Dispatch<A>,
        ctx: &mut Context<Dispatch<A>>,
        is_shown: bool,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        dispatcher.open(letter, ctx, if is_shown { Pace::One } else { Pace::Many })
    }
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

    fn handle(
        &mut self,
        letter: Dispatch<A>,
        ctx: &mut Context<Dispatch<A>>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.open(letter, ctx, Pace::One)
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
    /// Opens a letter or, if the actor is not ready for it, keeps it until then.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
    fn open(
        &mut self,
        mut letter: Dispatch<A>,
        ctx: &mut Context<Dispatch<A>>,
        pace: Pace,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            loop {
                if !self.is_ready && !letter.0.initializes() {
                    self.stash.push(letter);
                    self.remaining.note(ctx);
                    return Ok(());
                }
                match letter.0.open(self, ctx, pace).await? {
                    Some(next) => letter = next,
                    None => break,
                }
            }
            if !self.is_ready {
                // Boxed, for it is over once and for all.
                Box::pin(self.begin_if_ready(ctx)).await?;
            }
            if self.is_ready && !self.stash.is_empty() {
                self.replay(ctx);
            }
            Ok(())
        }
    }

    /// A letter was opened: what comes next, if it may be opened at once.
    pub(super) fn next(&mut self, ctx: &mut Context<Dispatch<A>>, pace: Pace) -> Option<Dispatch<A>> {
        self.remaining.note(ctx);
        let goes_on = pace == Pace::Many && self.is_ready && self.stash.is_empty();
        if goes_on { ctx.try_receive_if_message() } else { None }
    }

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
        if let Some(letter) = continuation {
            self.stash.push_front(letter);
        }
        ctx.continue_with(Dispatch(Box::new(Replay)));
    }
}
