//! Runs operations on a system and on the model, and compares.

use std::fmt::{Debug, Write};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_channel::Receiver;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{CrashReport, DeadLetter, DeadReason, Pid, ProcessInfo, Recipient, Report};

use crate::actor::{self, Actor, Known, Note, Soup};
use crate::model::{Difference, Model, Order};
use crate::operations::Chance;
use crate::words::{
    Answer, Crash, Dead, GROUPS, Happening, Millis, NAMES, NOBODY, Name, Operation, Reason, Sight, Tie, To, View, Who,
    Why,
};

pub(crate) struct Run<'a> {
    test: &'a TestSystem,
    soup: Arc<Soup>,
    model: Model,
    chance: Chance,
    dead_letters: Receiver<DeadLetter>,
    reports: Receiver<Report>,
    trace: Vec<String>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(test: &'a TestSystem, order: Order) -> Self {
        Run {
            test,
            soup: Arc::default(),
            model: Model::new(order),
            // What a timer for now leads to at once could not be told from what comes after it.
            chance: Chance::new(test.seed(), order == Order::Total),
            dead_letters: test.dead_letters(),
            reports: test.reports(),
            trace: Vec::new(),
        }
    }

    /// In each round as many processes as `most` do as many things as that, and then all is as it should be.
    pub(crate) fn rounds(mut self, count: usize, most: usize) {
        for _ in 0..2 {
            let spawn = self.chance.spawn();
            self.do_from_outside(spawn);
        }
        for _ in 0..count {
            self.give_orders(most);
            if let Some(pause) = self.chance.pause() {
                self.pass(pause);
            }
        }
        for who in self.model.idle().collect::<Vec<_>>() {
            self.order(who, vec![Operation::ReceiveAll]);
        }
        self.settle();
    }

    fn give_orders(&mut self, most: usize) {
        let mut idle: Vec<_> = self.model.idle().collect();
        for _ in 0..most {
            if idle.is_empty() || self.chance.number(12) == 0 {
                let operation = self.chance.by_nobody(&self.model);
                self.do_from_outside(operation);
            } else {
                let who = idle.swap_remove(self.chance.number(idle.len()));
                let count = 1 + self.chance.number(most);
                let operations = (0..count).map(|_| self.chance.by_process(&self.model)).collect();
                self.order(who, operations);
            }
        }
        self.settle();
    }

    fn order(&self, who: Who, operations: Vec<Operation>) {
        let orders = &self.soup.open().processes[&who].orders;
        // It may have ended since it was picked.
        let _ = orders.try_send(operations);
    }

    fn do_from_outside(&mut self, operation: Operation) {
        let answer = match operation {
            Operation::Spawn(child, Tie::None) => {
                actor::spawn(&self.soup, child, |body| self.test.spawn(|ctx| body.run(ctx)));
                Answer::Done
            }
            Operation::Exit(to, reason) => {
                let to = self.soup.pid(to);
                self.test.exit(to, reason.into());
                Answer::Is(self.test.is_alive(to))
            }
            other => self.soup.operate(NOBODY, other, self.test),
        };
        self.soup.open().happened.push(Happening::Did(NOBODY, operation, answer));
        self.follow();
    }

    /// Lets that much time pass, from one thing that is due to the next.
    fn pass(&mut self, pause: Millis) {
        let end = self.model.now() + pause;
        while let Some(next) = self.model.next_event().filter(|next| *next <= end) {
            self.advance_to(next);
        }
        self.advance_to(end);
    }

    fn advance_to(&mut self, now: Millis) {
        self.trace.push(format!("-- {now} ms"));
        self.test.advance(Duration::from_millis(now - self.model.now()));
        self.model.move_to(now);
        self.settle();
    }

    /// Lets everything happen that is to happen now, and looks at what there is then.
    fn settle(&mut self) {
        self.test.run_until_idle();
        self.follow();
        let expected = match self.model.view() {
            Ok(mut expected) => {
                expected.sort();
                expected
            }
            Err(difference) => self.fail(&difference),
        };
        let found = self.view();
        if found != expected {
            self.fail(&tell_apart(&found, &expected));
        }
    }

    fn follow(&mut self) {
        let happened = std::mem::take(&mut self.soup.open().happened);
        for happening in happened {
            self.trace.push(happening.to_string());
            if let Err(difference) = self.model.follow(happening) {
                self.fail(&difference);
            }
        }
    }

    fn fail(&self, difference: &Difference) -> ! {
        panic!("{}\n   ^ {difference}\n", self.trace.join("\n"));
    }

    fn view(&self) -> View {
        let soup = &*self.soup.open();
        let mut view = View {
            names: NAMES.iter().filter_map(|name| Some((*name, soup.who(self.test.whereis(name)?)))).collect(),
            pending_timers: self.test.timer_count(),
            ..View::default()
        };
        for (who, actor) in &soup.processes {
            let pid = actor.address.pid().expect("it is the address of a process");
            match self.test.process_info(pid) {
                Some(info) if self.test.is_alive(pid) => view.living.push((*who, sight(soup, &info))),
                _ => view.ended.extend(exit_reason(actor).map(|reason| (*who, reason))),
            }
        }
        for group in GROUPS {
            let members = self.test.groups().members::<Note>(group).expect("all members take notes");
            view.members.extend(members.iter().filter_map(|member| Some((group, soup.who(member.pid()?)))));
        }
        view.dead.extend(all(&self.dead_letters).map(|letter| dead(soup, &letter)));
        for report in all(&self.reports) {
            let Report::Crash(report) = report else { unreachable!("there is no supervisor") };
            view.crashes.push(crash(soup, &report));
        }
        view.sort();
        view
    }
}

/// What is different, of all that can be seen.
fn tell_apart(found: &View, expected: &View) -> Difference {
    let mut text = "what is there differs:".to_owned();
    let mut line = |found: &dyn Debug, expected: &dyn Debug| {
        let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
        if found != expected {
            write!(text, "\n     is        {found}\n     should be {expected}").expect("a string takes all");
        }
    };
    for place in 0..found.living.len().max(expected.living.len()) {
        line(&found.living.get(place), &expected.living.get(place));
    }
    line(&found.ended, &expected.ended);
    line(&found.names, &expected.names);
    line(&found.members, &expected.members);
    line(&found.pending_timers, &expected.pending_timers);
    line(&found.dead, &expected.dead);
    line(&found.crashes, &expected.crashes);
    text
}

fn all<T>(receiver: &Receiver<T>) -> impl Iterator<Item = T> {
    std::iter::from_fn(|| receiver.try_recv().ok())
}

fn exit_reason(actor: &Actor) -> Option<Reason> {
    let exited = pin!(actor.address.exited());
    match exited.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reason) => Some(Reason::from(&reason)),
        Poll::Pending => None,
    }
}

fn sight(soup: &Known, info: &ProcessInfo) -> Sight {
    Sight {
        parent: info.parent.map_or(NOBODY, |parent| soup.who(parent)),
        trap_exit: info.trap_exit,
        name: info.name.as_deref().map(known),
        links: whoever(soup, &info.links),
        monitors: whoever(soup, &info.monitors),
        monitored_by: whoever(soup, &info.monitored_by),
        queue_len: info.queue_len,
        timers: info.timers,
    }
}

fn crash(soup: &Known, report: &CrashReport) -> Crash {
    Crash {
        who: soup.who(report.pid),
        reason: Reason::from(&report.reason),
        name: report.name.as_deref().map(known),
        unreceived: report.unreceived,
        links: whoever(soup, &report.links),
    }
}

fn dead(soup: &Known, letter: &DeadLetter) -> Dead {
    Dead {
        to: match &letter.target {
            Recipient::Process(pid) => To::Process(soup.who(*pid)),
            Recipient::Name(name) => To::Name(known(name)),
            other => unreachable!("nobody has a key, yet: {other}"),
        },
        why: match letter.reason {
            DeadReason::NoProcess => Why::NoProcess,
            DeadReason::Exited => Why::Exited,
            DeadReason::DroppedAtExit => Why::Unreceived,
            other => unreachable!("no mailbox is bounded, yet: {other}"),
        },
        sender: letter.sender.map_or(NOBODY, |sender| soup.who(sender)),
    }
}

fn whoever(soup: &Known, pids: &[Pid]) -> Vec<Who> {
    pids.iter().map(|pid| soup.who(*pid)).collect()
}

fn known(name: &str) -> Name {
    NAMES.into_iter().find(|known| *known == name).expect("there is no other name")
}
