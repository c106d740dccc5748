//! The loop of a server.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;

use proscenium_runtime::{Address, Context, Event, ExitReason, IdleTimeout, InitAck, catch_panic};

use super::source::{MailboxOnly, Source};
use super::{GenServer, Info};
use crate::behaviour::Behaviour;
use crate::sys::{Received, Subject, SysEventKind, SysState};
use crate::then::then;

/// The behaviour that runs a [`GenServer`]; what [`Start`](crate::Start) starts.
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::{ServerLoop, Start};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// struct Shop {
///     visits: Start<ServerLoop<Counter>>,
/// }
///
/// let test = TestSystem::new(1);
/// let shop = Shop { visits: Counter::start(40).name("visits") };
/// let visits = test.block_on(shop.visits.clone().spawn(&test)).unwrap(); // And again, after its end.
/// assert_eq!(test.block_on(visits.call(Count::Get)), Ok(40));
/// ```
pub struct ServerLoop<S>(PhantomData<fn() -> S>);

impl<S: GenServer> Behaviour for ServerLoop<S> {
    type Args = S::Args;
    type Message = S::Message;
    type Handle = Address<S::Message>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    fn run(
        args: S::Args,
        ctx: Context<S::Message>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        run::<S, _>(args, ctx, ack, MailboxOnly)
    }
}

impl<S> fmt::Debug for ServerLoop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerLoop<{}>", type_name::<S>())
    }
}

/// Starts a server, and is its life then.
pub(crate) fn run<S: GenServer, Q: Source<S>>(
    args: S::Args,
    mut ctx: Context<S::Message>,
    ack: InitAck,
    source: Q,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    let init = async move {
        let live = Live(S::init(args, &mut ctx).await?);
        ack.ready();
        Ok((live, ctx))
    };
    then(init, |(live, ctx)| serve(live, ctx, source))
}

/// The life of a server. When it stops, the source goes first.
pub(crate) fn serve<S: GenServer, Q: Source<S>>(
    live: Live<S>,
    ctx: Context<S::Message>,
    source: Q,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    let mut server = Server { source, live, ctx, sys: SysState::new() };
    async move {
        let (Ok(reason) | Err(reason)) = catch_panic(server.live()).await;
        server.source.stopping(&reason);
        drop(server.source);
        server.ctx.begin_exit();
        Err(Box::pin(end(reason, &mut server.sys, &mut server.live, &mut server.ctx)).await)
    }
}

/// What [`Sys`](crate::Sys) finds of a server.
pub(crate) struct Live<S>(pub(crate) S);

impl<S: GenServer> Subject for Live<S> {
    fn behaviour(&self) -> &'static str {
        S::BEHAVIOUR
    }

    fn state(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<S>()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(f)
    }
}

/// What a server is made of, in the order in which it goes.
struct Server<S: GenServer, Q> {
    source: Q,
    live: Live<S>,
    ctx: Context<S::Message>,
    sys: SysState,
}

impl<S: GenServer, Q: Source<S>> Server<S, Q> {
    /// Handles what comes until something ends the server, and returns what that was.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
    fn live(&mut self) -> impl Future<Output = ExitReason> + Send {
        async move {
            loop {
                let Some(message) = self.source.receive_message(&mut self.ctx).await else {
                    // Boxed, so that a server has no room for it meanwhile.
                    if let Err(reason) = Box::pin(self.handle_next()).await {
                        return reason;
                    }
                    self.source.handled();
                    continue;
                };
                // At once: what is made for all that may come is larger by far.
                if let Err(reason) = self.handle(message).await {
                    return reason;
                }
                self.source.handled();
            }
        }
    }

    /// Calls the callback for a message.
    #[inline]
    fn handle(&mut self, message: S::Message) -> impl Future<Output = Result<(), ExitReason>> + Send {
        // Asked first: most of the time nobody looks, and to have a message shown is a call.
        let is_shown = self.shows_messages();
        if is_shown {
            self.show_message(&message, SysEventKind::In);
        }
        Q::handle(&mut self.live.0, message, &mut self.ctx, is_shown)
    }

    /// Waits for what comes next, and calls the callback for it. If that is to stop, it does so without one.
    async fn handle_next(&mut self) -> Result<(), ExitReason> {
        let next = self.next().await;
        let (server, ctx) = (&mut self.live.0, &mut self.ctx);
        match next {
            Next::Continue(message) => server.handle_continue(message, ctx).await,
            Next::Message(message) => server.handle(message, ctx).await,
            Next::Info(info) => server.handle_info(info, ctx).await,
            Next::Stop(reason) => Err(reason),
        }
    }

    /// What comes next, after what the last callback has wished for.
    async fn next(&mut self) -> Next<S::Message> {
        let wishes = self.ctx.take_wishes().map(|wishes| *wishes).unwrap_or_default();
        if let Some(message) = wishes.continue_with {
            self.show_message(&message, SysEventKind::Continue);
            return Next::Continue(message);
        }
        let Some(IdleTimeout { at, message }) = wishes.idle_timeout else {
            let received = self.source.receive(&mut self.sys, &mut self.ctx, &mut self.live).await;
            return self.show(received);
        };
        let received = match at {
            Some(at) => self.source.receive_deadline(&mut self.sys, &mut self.ctx, &mut self.live, at).await,
            None => None,
        };
        if let Some(received) = received {
            return self.show(received);
        }
        self.show_message(&message, SysEventKind::Timeout);
        Next::Message(message)
    }

    /// What is to be handled, and is told to whoever watches.
    fn show(&mut self, received: Received<S::Message>) -> Next<S::Message> {
        let info = match received {
            Received::Event(Event::Message(message)) => {
                self.show_message(&message, SysEventKind::In);
                return Next::Message(message);
            }
            Received::Event(Event::Exit(exit)) => Info::Exit(exit),
            Received::Event(Event::Down(down)) => Info::Down(down),
            Received::Stop(reason) => return Next::Stop(reason),
        };
        self.sys.note(&self.ctx, SysEventKind::Info, |f| write!(f, "{info:?}"));
        Next::Info(info)
    }

    /// Whether anybody sees what is handled.
    #[inline]
    fn shows_messages(&self) -> bool {
        S::KEEPS_LAST_MESSAGE || self.sys.is_watched()
    }

    fn show_message(&mut self, message: &S::Message, kind: SysEventKind) {
        self.sys.note(&self.ctx, kind, |f| S::format_message(message, f));
        if S::KEEPS_LAST_MESSAGE {
            self.sys.keep_message(|f| S::format_message(message, f));
        }
    }
}

/// What a server shall handle next.
enum Next<M> {
    Continue(M),
    Message(M),
    Info(Info),
    Stop(ExitReason),
}

/// Cleans up, reports, then sends the answer that waits for that; also after a panic, as in OTP. Returns why the server ends.
async fn end<S: GenServer>(
    reason: ExitReason,
    sys: &mut SysState,
    live: &mut Live<S>,
    ctx: &mut Context<S::Message>,
) -> ExitReason {
    let answer = ctx.take_wishes().and_then(|wishes| wishes.answer_at_end);
    let terminated = catch_panic(live.0.terminate(&reason, ctx)).await;
    let reason = terminated.err().unwrap_or(reason);
    sys.report(ctx, live, &reason);
    if let Some(answer) = answer {
        answer.send();
    }
    reason
}
