//! The whole supervisor as a pure state machine: what happens goes in, what to do comes out.
//!
//! Starting and stopping take time, and the machine learns how they went as further events. Between two of them it is
//! *idle*, or *at work* on a plan: a list of stops and starts that it hands out one by one. While it is at work nothing else
//! is brought to it, as nothing else is handled by OTP's supervisor.
//!
//! Invariants:
//! - A child is stopped only while it runs, and started only while it does not.
//! - Children start in order and stop in reverse.
//! - A restart is decided once per child's end and once per retry; each counts one, however many children it takes along.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proscenium_runtime::{ErrorContext, ExitReason, Offender, Pid, StartError};

use crate::auto_shutdown::AutoShutdown;
use crate::child_spec::{ChildSpec, Restart, Shutdown};
use crate::children::{ChildState, Children, Key};
use crate::error::{ChildError, FailedToStart};
use crate::intensity::{Intensity, Verdict};
use crate::strategy::Strategy;

/// How a supervisor behaves; OTP's `sup_flags`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) auto_shutdown: AutoShutdown,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The supervisor itself starts.
    Boot,
    /// A linked process ended by itself.
    Exited { pid: Pid, reason: ExitReason },
    /// It is time to try a failed restart again.
    Retry(Key),
    /// The supervisor shall stop.
    Stop,
    /// Somebody wants something of it.
    Request(Request),
    /// The start that was handed out is over.
    Started(Result<Pid, StartError>),
    /// The stop that was handed out is over.
    Stopped(Stopped),
}

/// What a supervisor can be asked to change.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Start(ChildSpec),
    Terminate(Arc<str>),
    Restart(Arc<str>),
    Delete(Arc<str>),
}

/// How a stop went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The child has ended.
    Ended(ExitReason),
    /// The child was killed and has not ended: it never yields.
    Abandoned,
}

/// What is to be done, in order. Of [`Start`](Self::Start) and [`Stop`](Self::Stop) the outcome is an event, and they come
/// last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start(Key),
    Stop {
        key: Key,
        pid: Pid,
        shutdown: Shutdown,
    },
    /// Bring [`Event::Retry`] once what waits already is done.
    Retry(Key),
    Report {
        context: ErrorContext,
        reason: ExitReason,
        offender: Offender,
    },
    Progress {
        key: Key,
        pid: Pid,
        /// Whether somebody has asked for this start.
        requested: bool,
    },
    /// Answer the request.
    Answer(Result<Option<Pid>, ChildError>),
    /// End: all children have.
    Exit(ExitReason),
}

/// Why the machine is at work, which tells what a failure means and what comes at the end.
#[derive(Clone, Debug)]
enum Purpose {
    Idle,
    Boot,
    Restart,
    /// A request that needs a step; if it adds a child, that child is forgotten should it not start.
    Request {
        adds: bool,
    },
    Exit(ExitReason),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stop(Key),
    Start(Key),
}

#[derive(Debug)]
pub(crate) struct Decide {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    intensity: Intensity,
    children: Children,
    purpose: Purpose,
    plan: VecDeque<Step>,
    /// The step that was handed out.
    current: Option<Step>,
}

impl Decide {
    pub(crate) fn new(flags: Flags, children: Children) -> Self {
        Decide {
            strategy: flags.strategy,
            auto_shutdown: flags.auto_shutdown,
            intensity: Intensity::new(flags.intensity, flags.period),
            children,
            purpose: Purpose::Idle,
            plan: VecDeque::new(),
            current: None,
        }
    }

    pub(crate) fn children(&self) -> &Children {
        &self.children
    }

    pub(crate) fn decide(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Boot => self.begin(Purpose::Boot, self.children.keys().map(Step::Start).collect()),
            Event::Exited { pid, reason } => self.exited(pid, reason, now, &mut actions),
            Event::Retry(key) => self.retry(key, now, &mut actions),
            Event::Stop => self.give_up(ExitReason::Shutdown),
            Event::Request(request) => self.request(request, &mut actions),
            Event::Started(outcome) => self.started(outcome, &mut actions),
            Event::Stopped(outcome) => self.stopped(outcome, &mut actions),
        }
        self.advance(&mut actions);
        actions
    }

    fn begin(&mut self, purpose: Purpose, plan: VecDeque<Step>) {
        self.purpose = purpose;
        self.plan = plan;
    }

    /// Hands out the next step, or what comes after the last.
    fn advance(&mut self, actions: &mut Vec<Action>) {
        while let Some(step) = self.plan.pop_front() {
            if let Some(action) = self.action(step) {
                self.current = Some(step);
                actions.push(action);
                return;
            }
        }
        match std::mem::replace(&mut self.purpose, Purpose::Idle) {
            Purpose::Exit(reason) => actions.push(Action::Exit(reason)),
            Purpose::Request { .. } => actions.push(Action::Answer(Ok(None))),
            Purpose::Idle | Purpose::Boot | Purpose::Restart => {}
        }
    }

    /// What a step asks for; nothing if the child is in that state already.
    fn action(&mut self, step: Step) -> Option<Action> {
        match step {
            Step::Start(key) => match self.children.get(key)?.state {
                ChildState::Running(_) => None,
                ChildState::Restarting | ChildState::Stopped => Some(Action::Start(key)),
            },
            Step::Stop(key) => {
                let child = self.children.get(key)?;
                let shutdown = child.spec.shutdown;
                match child.state {
                    ChildState::Running(pid) => Some(Action::Stop { key, pid, shutdown }),
                    ChildState::Restarting | ChildState::Stopped => {
                        self.children.ended(key);
                        None
                    }
                }
            }
        }
    }

    fn exited(&mut self, pid: Pid, reason: ExitReason, now: Instant, actions: &mut Vec<Action>) {
        let Some((key, child)) = self.children.by_pid(pid) else {
            return;
        };
        let spec = child.spec.clone();
        let in_peace = reason.is_normal() && spec.restart != Restart::Permanent;
        if !in_peace {
            let offender = self.children.offender(key, Some(pid));
            actions.push(Action::Report { context: ErrorContext::ChildTerminated, reason, offender });
        }
        if !in_peace && spec.restart != Restart::Temporary {
            return self.restart(key, Some(pid), now, actions);
        }
        self.children.ended(key);
        if self.auto_shutdown.is_due(&spec, &self.children) {
            self.give_up(ExitReason::Shutdown);
        }
    }

    fn retry(&mut self, key: Key, now: Instant, actions: &mut Vec<Action>) {
        if self.children.get(key).is_some_and(|child| child.state == ChildState::Restarting) {
            self.restart(key, None, now, actions);
        }
    }

    fn restart(&mut self, failed: Key, pid: Option<Pid>, now: Instant, actions: &mut Vec<Action>) {
        self.children.set_state(failed, ChildState::Stopped);
        match self.intensity.record(now) {
            Verdict::Within => {
                let group = self.strategy.group(&self.children, failed);
                let stops = group.iter().rev().copied().map(Step::Stop);
                let starts = group.iter().copied().map(Step::Start);
                self.begin(Purpose::Restart, stops.chain(starts).collect());
            }
            Verdict::Exceeded => {
                let reason = self.intensity.reason();
                let offender = self.children.offender(failed, pid);
                actions.push(Action::Report { context: ErrorContext::Shutdown, reason, offender });
                self.give_up(ExitReason::Shutdown);
            }
        }
    }

    /// Stops every child, the youngest first, and ends.
    fn give_up(&mut self, reason: ExitReason) {
        let mut stops: VecDeque<Step> = self.children.keys().map(Step::Stop).collect();
        stops.make_contiguous().reverse();
        self.begin(Purpose::Exit(reason), stops);
    }

    fn request(&mut self, request: Request, actions: &mut Vec<Action>) {
        let adds = matches!(request, Request::Start(_));
        match self.plan_for(request) {
            Ok(step) => self.begin(Purpose::Request { adds }, step.into_iter().collect()),
            Err(error) => actions.push(Action::Answer(Err(error))),
        }
    }

    /// The step that a request needs, if any.
    fn plan_for(&mut self, request: Request) -> Result<Option<Step>, ChildError> {
        match request {
            Request::Start(spec) => {
                self.auto_shutdown.check(&spec).map_err(ChildError::Spec)?;
                let id = spec.id.clone();
                match self.children.add(spec) {
                    Ok(key) => Ok(Some(Step::Start(key))),
                    Err(key) => Err(match self.children.get(key).map(|child| child.state) {
                        Some(ChildState::Running(pid)) => ChildError::AlreadyStarted { id, pid },
                        _ => ChildError::AlreadyPresent { id },
                    }),
                }
            }
            Request::Terminate(id) => self.find(&id).map(|(key, _)| Some(Step::Stop(key))),
            Request::Restart(id) => self.find_stopped(id).map(|key| Some(Step::Start(key))),
            Request::Delete(id) => {
                let key = self.find_stopped(id)?;
                self.children.remove(key);
                Ok(None)
            }
        }
    }

    fn find(&self, id: &Arc<str>) -> Result<(Key, ChildState), ChildError> {
        let found = self.children.find(id).map(|(key, child)| (key, child.state));
        found.ok_or_else(|| ChildError::NotFound { id: id.clone() })
    }

    fn find_stopped(&self, id: Arc<str>) -> Result<Key, ChildError> {
        match self.find(&id)? {
            (key, ChildState::Stopped) => Ok(key),
            (_, ChildState::Running(pid)) => Err(ChildError::Running { id, pid }),
            (_, ChildState::Restarting) => Err(ChildError::Restarting { id }),
        }
    }

    fn started(&mut self, outcome: Result<Pid, StartError>, actions: &mut Vec<Action>) {
        let Some(Step::Start(key)) = self.current.take() else {
            return;
        };
        match outcome {
            Ok(pid) => {
                self.children.set_state(key, ChildState::Running(pid));
                let requested = matches!(self.purpose, Purpose::Request { .. });
                actions.push(Action::Progress { key, pid, requested });
                self.answer(Some(pid), actions);
            }
            Err(StartError::Ignored) => self.children.ended(key),
            Err(error) => self.start_failed(key, error, actions),
        }
    }

    /// A start that was asked for is answered with its pid.
    fn answer(&mut self, pid: Option<Pid>, actions: &mut Vec<Action>) {
        if let Purpose::Request { .. } = self.purpose {
            self.purpose = Purpose::Idle;
            actions.push(Action::Answer(Ok(pid)));
        }
    }

    fn start_failed(&mut self, key: Key, error: StartError, actions: &mut Vec<Action>) {
        let offender = self.children.offender(key, None);
        let id = offender.id.clone();
        let reason = ExitReason::from(error.clone());
        actions.push(Action::Report { context: ErrorContext::StartError, reason, offender });
        match self.purpose {
            Purpose::Boot => self.give_up(ExitReason::shutdown_with(FailedToStart { id, error })),
            Purpose::Restart => {
                self.plan.clear();
                self.children.set_state(key, ChildState::Restarting);
                actions.push(Action::Retry(key));
            }
            Purpose::Request { adds } => {
                if adds {
                    self.children.remove(key);
                }
                self.purpose = Purpose::Idle;
                actions.push(Action::Answer(Err(ChildError::Start(FailedToStart { id, error }))));
            }
            Purpose::Idle | Purpose::Exit(_) => {}
        }
    }

    fn stopped(&mut self, outcome: Stopped, actions: &mut Vec<Action>) {
        let Some(Step::Stop(key)) = self.current.take() else {
            return;
        };
        let Some(child) = self.children.get(key) else { return };
        let pid = match child.state {
            ChildState::Running(pid) => Some(pid),
            ChildState::Restarting | ChildState::Stopped => None,
        };
        let complaint = match outcome {
            Stopped::Abandoned => Some((ErrorContext::Abandoned, ExitReason::Killed)),
            Stopped::Ended(reason) if is_orderly(&child.spec, &reason) => None,
            Stopped::Ended(reason) => Some((ErrorContext::ShutdownError, reason)),
        };
        if let Some((context, reason)) = complaint {
            let offender = self.children.offender(key, pid);
            actions.push(Action::Report { context, reason, offender });
        }
        self.children.ended(key);
    }
}

/// Whether a child that was told to stop ended as it should.
fn is_orderly(spec: &ChildSpec, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Shutdown => true,
        ExitReason::Killed => spec.shutdown == Shutdown::BrutalKill,
        ExitReason::Normal | ExitReason::ShutdownWith(_) => spec.restart != Restart::Permanent,
        _ => false,
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
