//! A machine that does what a test's closures say, and writes down what happens to it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proscenium_behaviours::Start;
use proscenium_behaviours::gen_statem::{
    Entry, Event, GenStatem, Initial, StatemLoop, Transition, entered, keep_state, start_in,
};
use proscenium_runtime::{Address, Context, ExitReason, Reply};

pub(crate) use crate::any_order::in_any_order;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl fmt::Display) {
        self.0.lock().unwrap().push(line.to_string());
    }

    /// What has happened since it was last asked, as a list.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

pub(crate) enum Say {
    Cast(&'static str),
    Call(&'static str, Reply<String>),
}

pub(crate) type State = &'static str;
pub(crate) type Happening = Event<Say, &'static str, &'static str, &'static str>;
pub(crate) type Step = Transition<Puppet>;

type OnInit = Box<dyn FnOnce(Puppet) -> Initial<Puppet> + Send>;
type OnEvent = Box<dyn FnMut(State, Happening) -> Result<Step, ExitReason> + Send>;
type OnEnter = Box<dyn FnMut(State, State) -> Entry<Puppet> + Send>;

/// What a machine does.
pub(crate) struct Script {
    log: Log,
    traps: bool,
    on_init: OnInit,
    on_event: OnEvent,
    on_enter: Option<OnEnter>,
}

impl Script {
    /// A machine that begins in `a`, traps exits, and does of itself nothing.
    pub(crate) fn new(log: &Log) -> Self {
        Script {
            log: log.clone(),
            traps: true,
            on_init: Box::new(|puppet| start_in("a", puppet)),
            on_event: Box::new(|_, _| Ok(keep_state())),
            on_enter: None,
        }
    }

    pub(crate) fn deaf(mut self) -> Self {
        self.traps = false;
        self
    }

    pub(crate) fn on_init(mut self, on_init: impl FnOnce(Puppet) -> Initial<Puppet> + Send + 'static) -> Self {
        self.on_init = Box::new(on_init);
        self
    }

    pub(crate) fn on_event(mut self, mut on_event: impl FnMut(State, Happening) -> Step + Send + 'static) -> Self {
        self.on_event = Box::new(move |state, event| Ok(on_event(state, event)));
        self
    }

    pub(crate) fn may_fail(
        mut self,
        on_event: impl FnMut(State, Happening) -> Result<Step, ExitReason> + Send + 'static,
    ) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// From then on it writes down what it enters, too.
    pub(crate) fn on_enter(mut self, on_enter: impl FnMut(State, State) -> Entry<Puppet> + Send + 'static) -> Self {
        self.on_enter = Some(Box::new(on_enter));
        self
    }

    pub(crate) fn start(self) -> Start<StatemLoop<Puppet>> {
        Puppet::start(self)
    }

    pub(crate) async fn link(self, ctx: &mut Context<()>) -> Address<Say> {
        self.start().link(ctx).await.expect("its init does not fail")
    }
}

pub(crate) struct Puppet {
    log: Log,
    on_event: OnEvent,
    on_enter: Option<OnEnter>,
}

impl GenStatem for Puppet {
    type Args = Script;
    type State = State;
    type Event = Happening;

    const KEEPS_LAST_EVENT: bool = true;

    async fn init(script: Script, ctx: &mut Context<Say>) -> Result<Initial<Self>, ExitReason> {
        ctx.trap_exit(script.traps);
        let Script { log, on_init, on_event, on_enter, .. } = script;
        Ok(on_init(Puppet { log, on_event, on_enter }))
    }

    async fn handle_event(
        &mut self,
        state: &State,
        event: Happening,
        ctx: &mut Context<Say>,
    ) -> Result<Transition<Self>, ExitReason> {
        self.log.add(format_args!("{state}: {}", describe(&event)));
        if said(&event) == "slow" {
            ctx.sleep(2 * SECOND).await;
        }
        (self.on_event)(state, event)
    }

    async fn enter(&mut self, old: &State, state: &State, _ctx: &mut Context<Say>) -> Result<Entry<Self>, ExitReason> {
        let Some(on_enter) = &mut self.on_enter else { return Ok(entered()) };
        self.log.add(format_args!("{old} enters {state}"));
        Ok(on_enter(old, state))
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &State, ctx: &mut Context<Say>) {
        let reason = match reason {
            ExitReason::Panic(panic) => format!("panic: {}", panic.message()),
            other => other.to_string(),
        };
        self.log.add(format_args!("{state}: terminate {reason}"));
        if *state == "ends slowly" {
            ctx.sleep(2 * SECOND).await;
        }
    }

    fn format_status(&self, state: &State, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(state)
    }

    fn format_event(event: &Happening, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(event))
    }
}

pub(crate) fn describe(event: &Happening) -> String {
    match event {
        Event::Message(Say::Cast(text)) => format!("cast {text}"),
        Event::Message(Say::Call(text, _)) => format!("call {text}"),
        Event::Exit(exit) => format!("exit {}", exit.reason),
        Event::Down(down) => format!("down {}", down.reason),
        Event::Internal(text) => format!("internal {text}"),
        Event::StateTimeout(text) => format!("state timeout {text}"),
        Event::EventTimeout(text) => format!("event timeout {text}"),
        Event::NamedTimeout(name, text) => format!("{name} timeout {text}"),
    }
}

/// What a cast says; nothing for any other event.
pub(crate) fn said(event: &Happening) -> &'static str {
    match event {
        Event::Message(Say::Cast(text)) => text,
        _ => "",
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
