//! A machine of a text, played here in virtual time.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use proscenium_behaviours::gen_statem::{
    Entry, Event, Expiry, GenStatem, Initial, Timer, Transition, enter_again, entered, keep_state, next_state,
    repeat_state, start_in,
};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, ExitReason, Reply, Request};

use super::program::{Action, Change, Program, Rule};

/// What a machine did.
pub(crate) struct Played {
    pub(crate) trace: String,
    /// Whether a clock that goes a little differently leads to the same, and OTP does nothing odd.
    pub(crate) is_clear: bool,
}

/// At least so many milliseconds must lie between what happens by the clock.
const MARGIN: u64 = 15;

/// Plays the machine of a text.
pub(crate) fn play(text: &str, seed: u64) -> Played {
    let stage = Stage { program: Arc::new(Program::parse(text)), notes: Arc::default() };
    let played = stage.clone();
    TestSystem::new(seed).run(move |mut ctx: Context<()>| async move { drive(&mut ctx, played).await });
    let notes = stage.notes();
    Played { trace: notes.lines.concat(), is_clear: notes.is_clear(&stage.program) }
}

/// A machine's text, and what is noted of it.
#[derive(Clone)]
struct Stage {
    program: Arc<Program>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    /// When timers were to expire, in milliseconds.
    expiries: Vec<u64>,
    /// OTP 25 loses a timeout of no time that is set again to another time before it has come.
    loses_in_otp: bool,
}

impl Stage {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("nobody panicked with it")
    }

    fn note(&self, line: impl std::fmt::Display) {
        self.notes().lines.push(format!("{line}\n"));
    }
}

impl Notes {
    fn is_clear(&self, program: &Program) -> bool {
        let mut commands: Vec<u64> = program.commands.iter().map(|(millis, ..)| *millis).collect();
        commands.dedup();
        let mut times = [&[program.until], &*commands, &*self.expiries].concat();
        times.sort_unstable();
        !self.loses_in_otp && times.windows(2).all(|pair| pair[1] - pair[0] >= MARGIN)
    }
}

/// Sends what the text says, when it says it.
async fn drive(ctx: &mut Context<()>, stage: Stage) {
    let born = ctx.system().now();
    let sleep_until = |millis| ctx.sleep((born + Duration::from_millis(millis)) - ctx.system().now());
    let machine = Puppet::start((stage.clone(), born)).spawn(ctx.system()).await.expect("its init does not fail");
    let mut calls = Vec::new();
    for (number, (millis, kind, content)) in stage.program.commands.iter().enumerate() {
        sleep_until(*millis).await;
        match &**kind {
            "cast" => machine.cast(Say::Cast(*content)),
            _ => calls.push(Caller::call(&machine, number, *content, &stage)),
        }
    }
    sleep_until(stage.program.until).await;
    if ctx.system().is_alive(&machine) {
        stage.note("alive");
        ctx.exit(&machine, ExitReason::Kill);
        machine.exited().await;
    }
    for mut call in calls {
        call.look();
    }
}

/// Notes the answer to a call in the very moment in which it is sent.
struct Caller {
    number: usize,
    request: Request<u32>,
    answered: Arc<Answered>,
}

struct Answered {
    number: usize,
    stage: Stage,
}

impl Caller {
    fn call(machine: &Address<Say>, number: usize, content: u32, stage: &Stage) -> Self {
        let request = machine.send_request(|reply| Say::Call(content, reply));
        let mut caller = Caller { number, request, answered: Arc::new(Answered { number, stage: stage.clone() }) };
        caller.look();
        caller
    }

    /// Looks for an answer, or waits for it to be sent. If there is none, what was noted of it is no answer, but the machine's end.
    fn look(&mut self) {
        let waker = Waker::from(self.answered.clone());
        let answer = Pin::new(&mut self.request).poll(&mut TaskContext::from_waker(&waker));
        let placeholder = self.answered.line();
        let mut notes = self.answered.stage.notes();
        let place = notes.lines.iter().position(|line| *line == placeholder);
        match (answer, place) {
            (Poll::Ready(Ok(value)), Some(place)) => notes.lines[place] = format!("reply {} {value}\n", self.number),
            (Poll::Ready(Ok(_)), None) => panic!("call {} was answered before the machine ran", self.number),
            (Poll::Ready(Err(_)), Some(place)) => drop(notes.lines.remove(place)),
            _ => {}
        }
    }
}

impl Answered {
    fn line(&self) -> String {
        format!("reply {} (to come)\n", self.number)
    }
}

impl Wake for Answered {
    fn wake(self: Arc<Self>) {
        self.stage.notes().lines.push(self.line());
    }
}

enum Say {
    Cast(u32),
    Call(u32, Reply<u32>),
}

type Happening = Event<Say, u32, u32, String>;

/// A machine that does what its text says.
struct Puppet {
    stage: Stage,
    born: Instant,
    fuel: u32,
    /// The callers that wait, the longest first.
    saved: VecDeque<Reply<u32>>,
    /// The timeouts of no time that may not have come yet.
    zero: Vec<String>,
    /// Those that came otherwise, too, inserted or postponed: then nobody knows whether it was the timeout that came.
    muddled: Vec<String>,
}

impl GenStatem for Puppet {
    type Args = (Stage, Instant);
    type State = String;
    type Event = Happening;

    async fn init((stage, born): (Stage, Instant), ctx: &mut Context<Say>) -> Result<Initial<Self>, ExitReason> {
        let (program, fuel) = (stage.program.clone(), stage.program.fuel);
        let mut puppet = Puppet { stage, born, fuel, saved: VecDeque::new(), zero: Vec::new(), muddled: Vec::new() };
        puppet.look_at_timers(&program.init, ctx);
        Ok(add_timeouts(start_in(program.start.clone(), puppet), &program.init, born))
    }

    async fn enter(&mut self, old: &String, state: &String, ctx: &mut Context<Say>) -> Result<Entry<Self>, ExitReason> {
        let program = self.stage.program.clone();
        if !program.enters() {
            return Ok(entered());
        }
        self.stage.note(format_args!("enter {old} {state}"));
        let Some(rule) = program.enter_rule(state, self.burn()) else {
            return Ok(entered());
        };
        self.look_at_timers(&rule.actions, ctx);
        let entry = if rule.change == Change::Repeat { enter_again() } else { entered() };
        Ok(add_timeouts(entry, &rule.actions, self.born))
    }

    async fn handle_event(
        &mut self,
        state: &String,
        event: Happening,
        ctx: &mut Context<Say>,
    ) -> Result<Transition<Self>, ExitReason> {
        let (kind, content) = describe(&event);
        self.stage.note(format_args!("{kind} {content} in {state}"));
        if !self.muddled.contains(&kind) {
            self.zero.retain(|timer| *timer != kind);
        }
        let program = self.stage.program.clone();
        let Some(rule) = program.rule(state, &kind, content, self.burn()) else {
            self.save(event);
            return Ok(keep_state());
        };
        self.look_at_timers(&rule.actions, ctx);
        self.obey(rule, event)
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &String, _ctx: &mut Context<Say>) {
        self.stage.note(format_args!("terminate {reason} in {state}"));
    }
}

impl Puppet {
    /// The fuel that is left, of which it takes some.
    fn burn(&mut self) -> u32 {
        let fuel = self.fuel;
        self.fuel = fuel.saturating_sub(1);
        fuel
    }

    fn save(&mut self, event: Happening) {
        if let Event::Message(Say::Call(_, reply)) = event {
            self.saved.push_back(reply);
        }
    }

    /// A call is postponed, answered, or saved.
    fn obey(&mut self, rule: &Rule, event: Happening) -> Result<Transition<Self>, ExitReason> {
        let mut event = Some(event);
        let mut transition = match &rule.change {
            Change::Keep | Change::Stop(_) => keep_state(),
            Change::Repeat => repeat_state(),
            Change::Next(state) => next_state(state.clone()),
        };
        let mut replies = Vec::new();
        if rule.actions.contains(&Action::Postpone) {
            let event = event.take().expect("it was just put there");
            self.muddled.push(describe(&event).0);
            transition = transition.postpone(event);
        }
        for action in &rule.actions {
            match action {
                Action::Insert(kind, content) => {
                    self.muddled.push(kind.clone());
                    transition = transition.next_event(event_of(kind, *content));
                }
                Action::Reply(value) => {
                    if let Some(Event::Message(Say::Call(_, reply))) = event.take() {
                        replies.push((reply, *value));
                    }
                }
                Action::ReplySaved(value) => replies.extend(self.saved.pop_front().map(|reply| (reply, *value))),
                _ => {}
            }
        }
        event.into_iter().for_each(|event| self.save(event));
        if let Change::Stop(reason) = &rule.change {
            replies.into_iter().for_each(|(reply, value)| reply.send(value));
            return Err(if reason == "normal" { ExitReason::Normal } else { ExitReason::error(&**reason) });
        }
        let transition = replies.into_iter().fold(transition, |it, (reply, value)| it.reply(reply, value));
        Ok(add_timeouts(transition, &rule.actions, self.born))
    }

    /// Notes what makes a machine unfit for a comparison by the clock.
    fn look_at_timers(&mut self, actions: &[Action], ctx: &Context<Say>) {
        let millis = |instant: Instant| (instant - self.born).as_millis() as u64;
        let now = millis(ctx.system().now());
        let pending = self.zero.clone();
        let mut notes = self.stage.notes();
        for action in actions {
            match action {
                Action::Start(timer, 0, _) | Action::Update(timer, _) => self.zero.push(timer.clone()),
                Action::Start(timer, delay, _) => {
                    notes.loses_in_otp |= timer != "event" && pending.contains(timer);
                    notes.expiries.push(now + delay);
                }
                Action::StartAt(timer, at, _) => {
                    notes.loses_in_otp |= timer != "event" && pending.contains(timer);
                    notes.expiries.push((*at).max(now));
                }
                _ => {}
            }
        }
    }
}

/// Adds what an action list says of timeouts.
fn add_timeouts<C>(transition: Transition<Puppet, C>, actions: &[Action], born: Instant) -> Transition<Puppet, C> {
    actions.iter().fold(transition, |it, action| match action {
        Action::Start(timer, delay, content) => start(it, timer, Duration::from_millis(*delay).into(), *content),
        Action::StartAt(timer, at, content) => start(it, timer, (born + Duration::from_millis(*at)).into(), *content),
        Action::Cancel(timer) => it.cancel(timer_of(timer)),
        Action::Update(timer, content) => it.update(timer_of(timer), *content),
        _ => it,
    })
}

fn start<C>(it: Transition<Puppet, C>, timer: &str, expiry: Expiry, content: u32) -> Transition<Puppet, C> {
    match timer_of(timer) {
        Timer::State => it.state_timeout(expiry, content),
        Timer::Event => it.event_timeout(expiry, content),
        Timer::Named(name) => it.named_timeout(name, expiry, content),
    }
}

fn timer_of(timer: &str) -> Timer<String> {
    match timer {
        "state" => Timer::State,
        "event" => Timer::Event,
        name => Timer::Named(name.to_owned()),
    }
}

fn event_of(kind: &str, content: u32) -> Happening {
    match kind {
        "cast" => Event::Message(Say::Cast(content)),
        "internal" => Event::Internal(content),
        "state" => Event::StateTimeout(content),
        "event" => Event::EventTimeout(content),
        name => Event::NamedTimeout(name.to_owned(), content),
    }
}

fn describe(event: &Happening) -> (String, u32) {
    let (kind, content) = match event {
        Event::Message(Say::Cast(content)) => ("cast", content),
        Event::Message(Say::Call(content, _)) => ("call", content),
        Event::Internal(content) => ("internal", content),
        Event::StateTimeout(content) => ("state", content),
        Event::EventTimeout(content) => ("event", content),
        Event::NamedTimeout(name, content) => (&**name, content),
        Event::Exit(_) | Event::Down(_) => unreachable!("it traps no exits and monitors nobody"),
    };
    (kind.to_owned(), *content)
}
