//! A process of the soup: does what it is told, and notes what happens.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use proscenium_runtime::{Address, Context, Event, EventRef, ExitReason, MonitorRef, Pid, TimerRef};
use proscenium_runtime::{Down, Exit, SystemHandle};

use crate::words::{
    Answer, Happening, Item, Letter, Monitor, NOBODY, Operation, Reason, Source, Tie, Timer, To, Wanted, Who,
};

/// A message, as the processes send it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note(Letter, Source);

/// The processes of a run.
#[derive(Debug, Default)]
pub(crate) struct Soup(Mutex<Known>);

/// What they know in common, and what has happened to them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) happened: Vec<Happening>,
    pub(crate) processes: BTreeMap<Who, Actor>,
    monitors: BTreeMap<Monitor, MonitorRef>,
    timers: BTreeMap<Timer, TimerRef>,
}

/// A process from outside.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) address: Address<Note>,
    pub(crate) orders: Sender<Vec<Operation>>,
}

impl Soup {
    pub(crate) fn open(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("nobody panics with it")
    }

    fn happens(&self, happening: Happening) {
        self.open().happened.push(happening);
    }

    fn address(&self, who: Who) -> Address<Note> {
        self.open().processes[&who].address.clone()
    }

    pub(crate) fn pid(&self, who: Who) -> Pid {
        self.address(who).pid().expect("it is the address of a process")
    }

    /// What anyone can do, in a process or not.
    pub(crate) fn operate(&self, by: Who, operation: Operation, system: &SystemHandle) -> Answer {
        match operation {
            Operation::Cast(to, letter) => self.receiver(to, system).cast(Note(letter, Source::Process(by))),
            Operation::Register(name, who) => {
                return system.register(name, self.pid(who)).map_or(Answer::Refused, |()| Answer::Done);
            }
            Operation::Unregister(name) => return Answer::Process(self.who(system.unregister(name))),
            Operation::Whereis(name) => return Answer::Process(self.who(system.whereis(name))),
            Operation::Broadcast(group, letter) => {
                let sent = system.groups().broadcast(group, Note(letter, Source::Process(by)));
                return Answer::Count(sent.expect("all members take notes"));
            }
            other => unreachable!("{other:?} is done by a process"),
        }
        Answer::Done
    }

    fn receiver(&self, to: To, system: &SystemHandle) -> Address<Note> {
        match to {
            To::Process(who) => self.address(who),
            To::Name(name) => system.named(name),
        }
    }

    fn who(&self, pid: Option<Pid>) -> Option<Who> {
        pid.map(|pid| self.open().who(pid))
    }
}

impl Known {
    pub(crate) fn who(&self, pid: Pid) -> Who {
        let is_of = |actor: &Actor| actor.address.pid() == Some(pid);
        self.processes.iter().find(|(_, actor)| is_of(actor)).map_or(NOBODY, |(who, _)| *who)
    }

    fn item(&self, event: Event<Note>) -> Item {
        match event {
            Event::Message(Note(letter, source)) => Item::Message(letter, source),
            Event::Exit(Exit { pid, reason, linked }) => {
                Item::Exit { from: self.who(pid), reason: Reason::from(&reason), linked }
            }
            Event::Down(Down { monitor, pid, reason, .. }) => {
                let known = self.monitors.iter().find(|(_, known)| **known == monitor);
                let (monitor, _) = known.expect("nobody else monitors");
                Item::Down { monitor: *monitor, of: self.who(pid), reason: Reason::from(&reason) }
            }
        }
    }
}

/// Adds a process, which `spawn` starts with that body.
pub(crate) fn spawn(soup: &Arc<Soup>, who: Who, spawn: impl FnOnce(Body) -> Address<Note>) {
    let (orders, receiver) = async_channel::unbounded();
    let address = spawn(Body { who, soup: soup.clone(), orders: receiver });
    soup.open().processes.insert(who, Actor { address, orders });
}

/// What a process runs.
#[derive(Debug)]
pub(crate) struct Body {
    who: Who,
    soup: Arc<Soup>,
    orders: Receiver<Vec<Operation>>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.soup.happens(Happening::Stopped(self.who));
    }
}

impl Body {
    /// Boxed, since such processes spawn such processes.
    pub(crate) fn run(self, ctx: Context<Note>) -> Pin<Box<dyn Future<Output = Result<(), ExitReason>> + Send>> {
        Box::pin(self.live(ctx))
    }

    async fn live(self, mut ctx: Context<Note>) -> Result<(), ExitReason> {
        while let Ok(operations) = self.orders.recv().await {
            for operation in operations {
                self.obey(operation, &mut ctx).await?;
                // Whom an operation of its own has ended does nothing more, and others come between.
                future::yield_now().await;
            }
        }
        Ok(())
    }

    async fn obey(&self, operation: Operation, ctx: &mut Context<Note>) -> Result<(), ExitReason> {
        match operation {
            Operation::Receive(wanted, timeout) => {
                self.did(operation, Answer::Done);
                let timeout = timeout.map(|timeout| ctx.sleep(Duration::from_millis(timeout)));
                let receive = ctx.receive_matching(|event| wanted == Wanted::Anything || is_message(event));
                let event = match timeout {
                    Some(timeout) => timeout.limit(receive).await,
                    None => Some(receive.await),
                };
                self.received(event);
            }
            Operation::ReceiveAll => {
                let mut all = Vec::new();
                while let Some(event) = ctx.try_receive_matching(|_| true) {
                    all.push(event);
                }
                self.did(operation, Answer::Count(all.len()));
                all.into_iter().for_each(|event| self.received(Some(event)));
            }
            Operation::Return(reason) => {
                self.did(operation, Answer::Done);
                return Err(reason.into());
            }
            Operation::Panic(text) => {
                self.did(operation, Answer::Done);
                panic!("{text}");
            }
            _ => {
                let answer = self.operate(operation, ctx);
                self.did(operation, answer);
            }
        }
        Ok(())
    }

    fn operate(&self, operation: Operation, ctx: &mut Context<Note>) -> Answer {
        let soup = &*self.soup;
        let timer_ref = |timer| soup.open().timers.get(&timer).copied();
        let monitor_ref = |monitor| soup.open().monitors.get(&monitor).copied();
        match operation {
            Operation::Spawn(child, tie) => self.spawn(child, tie, ctx),
            Operation::Link(to) => {
                let to = soup.pid(to);
                ctx.link(to);
                return Answer::Is(ctx.is_linked(to));
            }
            Operation::Unlink(from) => ctx.unlink(soup.pid(from)),
            Operation::Monitor(monitor, of) => {
                let known = ctx.monitor(soup.pid(of));
                soup.open().monitors.insert(monitor, known);
            }
            Operation::Demonitor(monitor) => {
                if let Some(monitor) = monitor_ref(monitor) {
                    ctx.demonitor(monitor);
                }
            }
            Operation::TrapExit(trap) => return Answer::Is(ctx.trap_exit(trap)),
            Operation::Exit(to, reason) => {
                let to = soup.pid(to);
                ctx.exit(to, reason.into());
                return Answer::Is(ctx.system().is_alive(to));
            }
            Operation::Join(group) => {
                ctx.system().groups().join(ctx, group).expect("all members take notes");
            }
            Operation::Leave(group) => {
                return ctx.system().groups().leave(ctx, group).map_or(Answer::Refused, |()| Answer::Done);
            }
            Operation::SendAfter(timer, delay, to, letter) => {
                let note = Note(letter, Source::Timer(timer));
                let delay = Duration::from_millis(delay);
                let set = match to {
                    To::Process(who) if who == self.who => ctx.send_after(delay, note),
                    _ => ctx.send_after_to(delay, &soup.receiver(to, ctx.system()), note),
                };
                soup.open().timers.insert(timer, set);
            }
            Operation::StartTimer(timer, delay, letter) => {
                let soup = self.soup.clone();
                // The message tells which timer it was.
                let make = move |fired| {
                    let timer = soup.open().timers.iter().find(|(_, set)| **set == fired).map(|(timer, _)| *timer);
                    Note(letter, Source::Timer(timer.expect("it is told when it was set")))
                };
                let set = ctx.start_timer(Duration::from_millis(delay), make);
                self.soup.open().timers.insert(timer, set);
            }
            Operation::Cancel(timer) => {
                let left = timer_ref(timer).and_then(|timer| ctx.cancel_timer(timer));
                return Answer::TimeLeft(left.map(millis));
            }
            Operation::Read(timer) => {
                let left = timer_ref(timer).and_then(|timer| ctx.read_timer(timer));
                return Answer::TimeLeft(left.map(millis));
            }
            anyones => return soup.operate(self.who, anyones, ctx.system()),
        }
        Answer::Done
    }

    fn spawn(&self, child: Who, tie: Tie, ctx: &mut Context<Note>) {
        spawn(&self.soup, child, |body| match tie {
            Tie::None => ctx.spawn(|ctx| body.run(ctx)),
            Tie::Link => ctx.spawn_link(|ctx| body.run(ctx)),
            Tie::Monitor(monitor) => {
                let (address, known) = ctx.spawn_monitor(|ctx| body.run(ctx));
                self.soup.open().monitors.insert(monitor, known);
                address
            }
        });
    }

    fn did(&self, operation: Operation, answer: Answer) {
        self.soup.happens(Happening::Did(self.who, operation, answer));
    }

    fn received(&self, event: Option<Event<Note>>) {
        let item = event.map(|event| self.soup.open().item(event));
        self.soup.happens(Happening::Received(self.who, item));
    }
}

fn is_message(event: EventRef<'_, Note>) -> bool {
    matches!(event, EventRef::Message(_))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("it is a few milliseconds")
}

impl From<Reason> for ExitReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Normal => ExitReason::Normal,
            Reason::Shutdown => ExitReason::Shutdown,
            Reason::ShutdownWith(text) => ExitReason::shutdown_with(text.to_string()),
            Reason::Kill => ExitReason::Kill,
            Reason::Killed => ExitReason::Killed,
            Reason::NoProcess => ExitReason::NoProcess,
            Reason::Error(text) => ExitReason::error(text.to_string()),
            Reason::Panic(text) => unreachable!("a process panics with {text} by itself"),
        }
    }
}

impl From<&ExitReason> for Reason {
    fn from(reason: &ExitReason) -> Self {
        let number = |text: &str| text.parse().expect("every text is a number");
        match reason {
            ExitReason::Normal => Reason::Normal,
            ExitReason::Shutdown => Reason::Shutdown,
            ExitReason::ShutdownWith(cause) => Reason::ShutdownWith(number(&cause.to_string())),
            ExitReason::Kill => Reason::Kill,
            ExitReason::Killed => Reason::Killed,
            ExitReason::NoProcess => Reason::NoProcess,
            ExitReason::Error(cause) => Reason::Error(number(&cause.to_string())),
            ExitReason::Panic(panic) => Reason::Panic(number(panic.message())),
            other => unreachable!("nothing ends with {other:?}"),
        }
    }
}
