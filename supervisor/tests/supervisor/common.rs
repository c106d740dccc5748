//! Actors that do as they are told and write down what becomes of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proscenium_behaviours::{GenServer, ServerLoop, Start};
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, ExitReason, SystemHandle};
use proscenium_supervisor::ChildSpec;

pub(crate) use crate::log::Log;

/// Runs `play` as a process that traps exits, in many orders.
#[track_caller]
pub(crate) fn in_any_order<F>(play: impl Fn(Context<()>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| run(test, play.clone()));
}

/// Runs `play` as a process that traps exits.
#[track_caller]
pub(crate) fn run<T, F>(test: &TestSystem, play: impl FnOnce(Context<()>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    test.run(|mut ctx: Context<()>| {
        ctx.trap_exit(true);
        play(ctx)
    })
}

impl Log {
    /// An actor that writes here.
    pub(crate) fn actor(&self, id: &str) -> Role {
        Role {
            id: id.to_owned(),
            log: self.clone(),
            traps: true,
            stop_time: Duration::ZERO,
            last_word: None,
            begins: Arc::default(),
        }
    }
}

/// What an actor is like. Its name is its id.
#[derive(Clone)]
pub(crate) struct Role {
    id: String,
    log: Log,
    traps: bool,
    stop_time: Duration,
    last_word: Option<ExitReason>,
    begins: Arc<Mutex<VecDeque<Begin>>>,
}

/// How a start goes.
#[derive(Clone, Debug)]
pub(crate) enum Begin {
    Fails,
    Panics,
    Ignores,
    Takes(Duration),
    /// It forgets the supervisor at once.
    Unlinks,
}

impl Role {
    /// It does not trap exits: a signal ends it without a word.
    pub(crate) fn deaf(mut self) -> Self {
        self.traps = false;
        self
    }

    /// It takes this long to stop.
    pub(crate) fn stops_in(mut self, time: Duration) -> Self {
        self.stop_time = time;
        self
    }

    /// Told to stop, it panics with `word`.
    pub(crate) fn panics_when_stopped(mut self, word: &str) -> Self {
        self.last_word = Some(ExitReason::error(word));
        self
    }

    /// Its next starts go so; those after succeed.
    pub(crate) fn next_starts(&self, begins: impl IntoIterator<Item = Begin>) -> Self {
        self.begins.lock().unwrap().extend(begins);
        self.clone()
    }

    pub(crate) fn start(&self) -> Start<ServerLoop<Actor>> {
        Actor::start(self.clone()).name(&self.id)
    }

    pub(crate) fn spec(&self) -> ChildSpec {
        ChildSpec::new(&self.id, self.start())
    }
}

pub(crate) enum Order {
    End(ExitReason),
    Panic,
    /// Forget the supervisor.
    Unlink,
}

pub(crate) struct Actor {
    role: Role,
}

impl GenServer for Actor {
    type Args = Role;
    type Message = Order;

    async fn init(role: Role, ctx: &mut Context<Order>) -> Result<Self, ExitReason> {
        ctx.trap_exit(role.traps);
        let begin = role.begins.lock().unwrap().pop_front();
        match begin {
            None => {}
            Some(Begin::Takes(time)) => {
                role.log.add(format!("begin {}", role.id));
                ctx.sleep(time).await;
            }
            Some(Begin::Fails) => {
                role.log.add(format!("start {} fails", role.id));
                return Err(ExitReason::error("no luck"));
            }
            Some(Begin::Panics) => {
                role.log.add(format!("start {} panics", role.id));
                panic!("no luck at all");
            }
            Some(Begin::Unlinks) => ctx.unlink(ctx.parent().expect("a supervisor started it")),
            Some(Begin::Ignores) => {
                role.log.add(format!("start {} ignored", role.id));
                return Err(ExitReason::Ignore);
            }
        }
        role.log.add(format!("start {}", role.id));
        Ok(Actor { role })
    }

    async fn handle(&mut self, order: Order, ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        match order {
            Order::End(reason) => return Err(reason),
            Order::Panic => panic!("as ordered"),
            Order::Unlink => {
                let parent = ctx.parent().expect("a supervisor started it");
                ctx.unlink(parent);
            }
        }
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Order>) {
        self.role.log.add(format!("stop {} {reason}", self.role.id));
        if *reason == ExitReason::Shutdown {
            ctx.sleep(self.role.stop_time).await;
            if let Some(word) = &self.role.last_word {
                panic!("{word}");
            }
        }
    }
}

/// Who has the name `id` now.
pub(crate) fn address(system: &SystemHandle, id: &str) -> Address<Order> {
    system.lookup(id).unwrap()
}

/// Tells the actor `id` to end itself with `reason`, and waits until everything that follows is done.
pub(crate) async fn end(ctx: &Context<()>, id: &str, reason: ExitReason) {
    let actor = address(ctx.system(), id);
    actor.cast(Order::End(reason));
    actor.exited().await;
    settle(ctx).await;
}

pub(crate) async fn crash(ctx: &Context<()>, id: &str) {
    end(ctx, id, boom()).await;
}

/// Waits until nobody has anything to do at this moment.
pub(crate) async fn settle(ctx: &Context<()>) {
    // Time moves only then.
    ctx.sleep(Duration::from_nanos(1)).await;
}

pub(crate) fn boom() -> ExitReason {
    ExitReason::error("boom")
}
