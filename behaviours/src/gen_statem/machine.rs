//! The life of a machine: the loop that carries out what the engine decides.

use std::any::{Any, type_name};
use std::fmt;

use proscenium_runtime::{self as runtime, Context, ExitReason, catch_panic, consume_budget};

use super::engine::{Engine, Enter};
use super::event::Event;
use super::transition::{Action, Beginning, Change, Entering, Initial, Transition};
use super::{EventOf, GenStatem, MessageOf, StateAndData};
use crate::sys::{Received, Subject, SysEventKind, SysState};

/// A machine that has begun. When it ends, however it does, what it has received and not handled goes back to its mailbox.
struct Machine<'c, S: GenStatem> {
    live: Live<S>,
    sys: SysState,
    ctx: &'c mut Context<MessageOf<S>>,
}

/// What [`Sys`](crate::Sys) finds of a machine.
struct Live<S: GenStatem> {
    whole: StateAndData<S>,
    engine: Engine<S::Event>,
}

/// Runs a machine until it ends.
pub(super) async fn run<S: GenStatem>(initial: Initial<S>, ctx: &mut Context<MessageOf<S>>) -> Result<(), ExitReason> {
    let Transition { change: Beginning { state, data }, actions } = initial;
    let live = Live { whole: StateAndData { state, data }, engine: Engine::new() };
    let mut machine = Machine { live, sys: SysState::new(), ctx };
    let (Ok(reason) | Err(reason)) = catch_panic(machine.live(actions)).await;
    Err(Box::pin(machine.end(reason)).await)
}

impl<S: GenStatem> Machine<'_, S> {
    /// Enters the first state and handles what happens until something ends it, and returns what that was.
    async fn live(&mut self, actions: Vec<Action<S::Event>>) -> ExitReason {
        if let Err(reason) = Box::pin(self.carry_out(Enter::Again, actions)).await {
            return reason;
        }
        loop {
            if let Err(reason) = self.handle_next().await {
                return reason;
            }
        }
    }

    /// Calls the callback for what happens next, and does what that says.
    async fn handle_next(&mut self) -> Result<(), ExitReason> {
        let event = self.next().await?;
        self.tell_of(&event);
        let StateAndData { state, data } = &mut self.live.whole;
        let transition = data.handle_event(state, event, self.ctx).await?;
        self.follow(transition).await
    }

    /// Cleans up, reports, then sends the answer that waits for that, as a server does. Returns why the machine ends.
    async fn end(&mut self, reason: ExitReason) -> ExitReason {
        self.ctx.begin_exit();
        let answer = self.ctx.take_wishes().and_then(|wishes| wishes.answer_at_end);
        let StateAndData { state, data } = &mut self.live.whole;
        let terminated = catch_panic(data.terminate(&reason, state, self.ctx)).await;
        let reason = terminated.err().unwrap_or(reason);
        self.sys.report(self.ctx, &self.live, &reason);
        if let Some(answer) = answer {
            answer.send();
        }
        reason
    }

    /// Tells whoever watches what is about to be handled.
    fn tell_of(&mut self, event: &EventOf<S>) {
        self.sys.note(self.ctx, kind(event), |f| S::format_event(event, f));
        if S::KEEPS_LAST_EVENT {
            self.sys.keep_message(|f| S::format_event(event, f));
        }
    }

    /// Carries out what a callback has returned.
    async fn follow(&mut self, transition: Transition<S>) -> Result<(), ExitReason> {
        let Transition { change: Change(target), actions } = transition;
        if self.ctx.take_wishes().is_some() {
            let logger = self.ctx.logger();
            slog::warn!(logger, "only servers continue and idle: machines have next_event and event_timeout");
        }
        let enter = self.live.engine.go(&mut self.live.whole.state, target);
        self.carry_out(enter, actions).await
    }

    /// The rest of a transition.
    async fn carry_out(&mut self, enter: Enter<S::State>, actions: Vec<Action<S::Event>>) -> Result<(), ExitReason> {
        for action in &actions {
            if let Action::Postpone(event) = action {
                self.sys.note(self.ctx, SysEventKind::Postpone, |f| S::format_event(event, f));
            }
        }
        self.live.engine.act(actions);
        match enter {
            Enter::No => {}
            Enter::Again => self.enter(None).await?,
            Enter::From(old) => self.enter(Some(old)).await?,
        }
        self.live.engine.settle(|| self.ctx.system().now());
        Ok(())
    }

    /// Enters the state, from the `old` one or from itself, as often as the callback wants.
    async fn enter(&mut self, old: Option<S::State>) -> Result<(), ExitReason> {
        let StateAndData { state, data } = &mut self.live.whole;
        loop {
            let entered = data.enter(old.as_ref().unwrap_or(state), state, self.ctx);
            let Transition { change: Entering { again }, actions } = entered.await?;
            self.live.engine.act(actions);
            if !again {
                return Ok(());
            }
        }
    }

    /// What is to be handled next; or why the machine stops.
    async fn next(&mut self) -> Result<EventOf<S>, ExitReason> {
        if self.live.engine.has_next() {
            // A machine that has ever more to tell itself lets others run, and can be ended.
            consume_budget().await;
        }
        if let Some(event) = self.live.engine.next() {
            return Ok(event);
        }
        if !self.live.engine.has_timeouts()
            && let Some(message) = self.ctx.receive_if_message().await
        {
            self.live.engine.received(true);
            return Ok(Event::Message(message));
        }
        loop {
            let received = if self.live.engine.has_timeouts() {
                let now = self.ctx.system().now();
                if let Some(event) = self.live.engine.next_timeout(now, || self.ctx.queue_len()) {
                    return Ok(event);
                }
                let deadline = self.live.engine.deadline(now);
                // Boxed, as below: most of what comes is messages, and a machine that waits for one has no room for more.
                Box::pin(self.sys.receive_deadline(self.ctx, &mut self.live, deadline)).await
            } else {
                Some(Box::pin(self.sys.receive(self.ctx, &mut self.live)).await)
            };
            self.live.engine.received(received.is_some());
            match received {
                Some(Received::Event(runtime::Event::Message(message))) => return Ok(Event::Message(message)),
                Some(Received::Event(runtime::Event::Exit(exit))) => return Ok(Event::Exit(exit)),
                Some(Received::Event(runtime::Event::Down(down))) => return Ok(Event::Down(down)),
                Some(Received::Stop(reason)) => return Err(reason),
                None => {}
            }
        }
    }
}

impl<S: GenStatem> Drop for Machine<'_, S> {
    fn drop(&mut self) {
        for message in self.live.engine.take_unhandled() {
            self.ctx.put_back(message);
        }
    }
}

impl<S: GenStatem> Subject for Live<S> {
    fn behaviour(&self) -> &'static str {
        "gen_statem"
    }

    fn state(&mut self) -> &mut dyn Any {
        &mut self.whole
    }

    fn type_name(&self) -> &'static str {
        type_name::<StateAndData<S>>()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.data.format_status(&self.whole.state, f)?;
        let (queued, postponed, timeouts) = self.engine.counts();
        write!(f, " (queued: {queued}, postponed: {postponed}, timeouts: {timeouts})")
    }
}

/// As what kind of event it is told to who watches.
fn kind<M, T, I, N>(event: &Event<M, T, I, N>) -> SysEventKind {
    match event {
        Event::Message(_) => SysEventKind::In,
        Event::Exit(_) | Event::Down(_) => SysEventKind::Info,
        Event::Internal(_) => SysEventKind::Continue,
        Event::StateTimeout(_) | Event::EventTimeout(_) | Event::NamedTimeout(..) => SysEventKind::Timeout,
    }
}
