//! A handler that does as it is told and writes down what is done to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proscenium_behaviours::{
    EventHandler, EventManager, HandlerContext, HandlerExit, HandlerId, HandlerRef, Info, Removal,
};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason, Reply};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What those who add handlers hear.
#[derive(Debug, PartialEq)]
pub(crate) enum Word {
    Gone(HandlerExit),
}

/// Runs `play` as a process that traps exits, in many orders.
#[track_caller]
pub(crate) fn in_any_order<F>(play: impl Fn(Context<Word>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| {
        let play = play.clone();
        test.run(move |mut ctx: Context<Word>| {
            ctx.trap_exit(true);
            play(ctx)
        });
    });
}

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

    pub(crate) fn scribe(&self, name: &'static str) -> Scribe {
        Scribe { log: self.clone(), name, heard: 0, flaw: Flaw::None }
    }
}

/// What is odd about a scribe.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Flaw {
    None,
    InitFails,
    InitPanics,
    TerminatePanics,
    DropPanics,
}

/// Writes down what it hears.
pub(crate) struct Scribe {
    pub(crate) log: Log,
    pub(crate) name: &'static str,
    pub(crate) heard: u32,
    pub(crate) flaw: Flaw,
}

impl Scribe {
    pub(crate) fn with(mut self, flaw: Flaw) -> Self {
        self.flaw = flaw;
        self
    }

    pub(crate) fn heard(mut self, heard: u32) -> Self {
        self.heard = heard;
        self
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        assert!(self.flaw != Flaw::DropPanics, "dropped");
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Say(&'static str),
    /// The scribe of that name does so; the others write it down.
    Tell(&'static str, Deed),
    /// Takes a second to write down.
    Slowly,
}

/// What a scribe can be made to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Panic,
    Fail,
    Finish,
    /// Give its place to a scribe of that name.
    SwapWith(&'static str),
    /// Give its place to one that does not begin.
    SwapWithBad,
}

pub(crate) enum Request {
    Heard(Reply<u32>),
    Do(Deed, Reply<()>),
    /// Answer, and then do so.
    DoAfter(Deed, Reply<u32>),
    Forget(Reply<()>),
    Never(Reply<()>),
}

impl Scribe {
    fn act(&self, deed: Deed, ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        let log = self.log.clone();
        match deed {
            Deed::Panic => panic!("{} as told", self.name),
            Deed::Fail => return Err(boom()),
            Deed::Finish => return Err(ExitReason::Normal),
            Deed::SwapWith(name) => {
                ctx.swap_with(move |old| log.scribe(name).heard(old.map_or(0, |old: Scribe| old.heard)));
            }
            Deed::SwapWithBad => ctx.swap_with(move |_old: Option<Scribe>| log.scribe("bad").with(Flaw::InitFails)),
        }
        Ok(())
    }
}

impl EventHandler for Scribe {
    type Event = Event;
    type Request = Request;

    async fn init(&mut self, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.log.add(format!("{} begins", self.name));
        match self.flaw {
            Flaw::InitFails => Err(boom()),
            Flaw::InitPanics => panic!("no luck"),
            _ => Ok(()),
        }
    }

    async fn handle_event(&mut self, event: &Event, ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.heard += 1;
        match *event {
            Event::Say(text) => self.log.add(format!("{} {text}", self.name)),
            Event::Tell(name, deed) if name == self.name => return self.act(deed, ctx),
            Event::Tell(..) => self.log.add(format!("{} hears", self.name)),
            Event::Slowly => {
                ctx.sleep(SECOND).await;
                self.log.add(format!("{} slowly", self.name));
            }
        }
        Ok(())
    }

    async fn handle_call(&mut self, request: Request, ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        match request {
            Request::Heard(reply) => reply.send(self.heard),
            Request::Do(deed, _reply) => return self.act(deed, ctx),
            Request::DoAfter(deed, reply) => {
                reply.send(self.heard);
                return self.act(deed, ctx);
            }
            Request::Forget(reply) => drop(reply),
            Request::Never(reply) => {
                ctx.sleep(3600 * SECOND).await;
                reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: &Info, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.log.add(match info {
            Info::Exit(exit) => format!("{} exit {}", self.name, exit.reason),
            Info::Down(down) => format!("{} down {}", self.name, down.reason),
            other => format!("{} {other:?}", self.name),
        });
        Ok(())
    }

    async fn terminate(&mut self, why: &Removal, _ctx: &mut HandlerContext<'_, Self>) {
        let why = match why {
            Removal::Deleted => "deleted".to_owned(),
            Removal::Finished => "finished".to_owned(),
            Removal::Swapped { .. } => "swapped".to_owned(),
            Removal::Stopped => "stopped".to_owned(),
            Removal::OwnerExited(reason) => format!("owner {reason}"),
            Removal::Failed(ExitReason::Panic(panic)) => format!("panic: {}", panic.message()),
            Removal::Failed(reason) => format!("failed {reason}"),
            other => format!("{other:?}"),
        };
        self.log.add(format!("{} ends: {why}", self.name));
        assert!(self.flaw != Flaw::TerminatePanics, "to the last");
    }
}

pub(crate) type Events = EventManager<Event>;

/// A manager with a scribe for each name, the first being the oldest.
pub(crate) async fn manager<const N: usize>(
    ctx: &mut Context<Word>,
    log: &Log,
    names: [&'static str; N],
) -> (Events, [HandlerRef<Scribe>; N]) {
    let events = EventManager::start().name("events").link(ctx).await.unwrap();
    let mut scribes = Vec::new();
    for name in names {
        scribes.push(events.add(log.scribe(name)).await.unwrap());
    }
    log.take();
    let scribes = scribes.try_into().unwrap_or_else(|_| unreachable!("one for each name"));
    (events, scribes)
}

/// What the owner of a handler has heard next.
pub(crate) async fn word(ctx: &mut Context<Word>) -> (HandlerId, Removal) {
    let Word::Gone(exit) = ctx.receive_message().await;
    (exit.handler, exit.why)
}

pub(crate) fn boom() -> ExitReason {
    ExitReason::error("boom")
}

#[track_caller]
pub(crate) fn panicked(reason: &ExitReason) -> &str {
    match reason {
        ExitReason::Panic(panic) => panic.message(),
        other => panic!("{other}"),
    }
}

/// Waits until nobody has anything to do at this moment.
pub(crate) async fn settle(ctx: &Context<Word>) {
    // Time moves only then.
    ctx.sleep(Duration::from_nanos(1)).await;
}
