//! A server that does as it is told and writes down what is done to it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proscenium_behaviours::{GenServer, Info, ServerLoop, Start};
use proscenium_runtime::{Context, ExitReason, Reply};

pub(crate) use crate::any_order::in_any_order;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// What has happened since it was last asked, as a list.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }

    /// A server that writes here, traps exits, and has nothing odd about it.
    pub(crate) fn server(&self) -> Life {
        Life { log: self.clone(), traps: true, init: Init::Succeeds, stop_time: Duration::ZERO, panics_at_last: false }
    }
}

/// What a server is like.
#[derive(Clone)]
pub(crate) struct Life {
    log: Log,
    traps: bool,
    init: Init,
    stop_time: Duration,
    panics_at_last: bool,
}

/// How `init` goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Init {
    Succeeds,
    Takes(Duration),
    Fails,
    Panics,
    Ignores,
    IsKilled,
    FailsQuietly,
}

impl Life {
    pub(crate) fn deaf(mut self) -> Self {
        self.traps = false;
        self
    }

    pub(crate) fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    pub(crate) fn stops_in(mut self, time: Duration) -> Self {
        self.stop_time = time;
        self
    }

    pub(crate) fn panics_at_last(mut self) -> Self {
        self.panics_at_last = true;
        self
    }

    pub(crate) fn start(&self) -> Start<ServerLoop<Server>> {
        Server::start(self.clone())
    }
}

pub(crate) enum Order {
    Say(&'static str),
    Echo(u32, Reply<u32>),
    Stop(ExitReason),
    StopAsked(ExitReason, Reply<()>),
    Panic,
    PanicAsked(Reply<()>),
    /// Drop the reply and go on.
    Forget(Reply<()>),
    /// Do these, one after the other, before anything else.
    First(Vec<&'static str>),
    Idle(Duration),
    IdleUntil(Instant),
    /// Stop, clean up, and answer then.
    StopAndAnswer(ExitReason, Reply<String>),
}

pub(crate) struct Server {
    life: Life,
    handled: u32,
}

impl GenServer for Server {
    type Args = Life;
    type Message = Order;

    async fn init(life: Life, ctx: &mut Context<Order>) -> Result<Self, ExitReason> {
        ctx.trap_exit(life.traps);
        life.log.add("init");
        match life.init {
            Init::Succeeds => {}
            Init::Takes(time) => ctx.sleep(time).await,
            Init::Fails => return Err(ExitReason::error("no luck")),
            Init::Panics => panic!("no luck at all"),
            Init::FailsQuietly => return Err(ExitReason::init_error("no luck")),
            Init::Ignores => return Err(ExitReason::Ignore),
            Init::IsKilled => {
                ctx.exit(ctx.pid(), ExitReason::Kill);
                std::future::pending().await
            }
        }
        Ok(Server { life, handled: 0 })
    }

    async fn handle(&mut self, order: Order, ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        self.handled += 1;
        match order {
            Order::Say(text) => self.life.log.add(text),
            Order::Echo(number, reply) => reply.send(number),
            Order::Stop(reason) => return Err(reason),
            Order::StopAsked(reason, _reply) => return Err(reason),
            Order::Panic => panic!("as ordered"),
            Order::PanicAsked(_reply) => panic!("as ordered"),
            Order::Forget(reply) => drop(reply),
            Order::First(texts) => ctx.continue_with(Order::First(texts)),
            Order::Idle(time) => ctx.idle_timeout(time, Order::Say("timeout")),
            Order::IdleUntil(at) => ctx.idle_timeout_at(at, Order::Say("timeout")),
            Order::StopAndAnswer(reason, reply) => return ctx.stop_with_reply(reason, reply, self.life.log.take()),
        }
        Ok(())
    }

    async fn handle_continue(&mut self, order: Order, ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        let Order::First(texts) = order else { unreachable!("nothing else is continued with") };
        match &*texts {
            [] => {}
            ["stop", ..] => return Err(ExitReason::error("as continued")),
            [text, rest @ ..] => {
                self.life.log.add(*text);
                ctx.continue_with(Order::First(rest.to_vec()));
            }
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        self.life.log.add(match info {
            Info::Exit(exit) => format!("exit {}", exit.reason),
            Info::Down(down) => format!("down {}", down.reason),
            other => format!("{other:?}"),
        });
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Order>) {
        let reason = match reason {
            ExitReason::Panic(panic) => format!("panic: {}", panic.message()),
            other => other.to_string(),
        };
        self.life.log.add(format!("terminate {reason} after {}", self.handled));
        ctx.sleep(self.life.stop_time).await;
        assert!(!self.life.panics_at_last, "to the last");
        self.life.log.add("done");
    }
}

/// Waits until nobody has anything to do at this moment.
pub(crate) async fn settle(ctx: &Context<()>) {
    // Time moves only then.
    ctx.sleep(Duration::from_nanos(1)).await;
}

pub(crate) fn boom() -> ExitReason {
    ExitReason::error("boom")
}
