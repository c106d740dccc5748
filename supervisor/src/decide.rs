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

mod events;
mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{ErrorContext, ExitReason, Pid, StartError};

use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::child_spec::{ChildSpec, Restart, Shutdown};
use crate::children::{Child, ChildState, Children, Key};
use crate::error::{ChildError, FailedToStart, SpecError};
use crate::intensity::{Intensity, Verdict};
use crate::strategy::Strategy;

use plan::Plan;

pub(crate) use events::{Action, Event, Request, Retry, Stopped};

/// How a supervisor behaves; OTP's `sup_flags`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flags {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) backoff: Option<Backoff>,
}

impl Flags {
    /// Those of OTP.
    pub(crate) fn new(strategy: Strategy) -> Self {
        let (intensity, period) = (1, Duration::from_secs(5));
        Flags { strategy, intensity, period, auto_shutdown: AutoShutdown::Never, backoff: None }
    }

    /// The children of a supervisor that is started so, none of them started yet.
    pub(crate) fn check(&self, specs: Vec<ChildSpec>) -> Result<Children, SpecError> {
        if self.period.is_zero() {
            return Err(SpecError::NoPeriod);
        }
        let mut children = Children::with_capacity(specs.len());
        for spec in specs {
            self.auto_shutdown.check(&spec)?;
            if let Err(known) = children.add(spec) {
                return Err(SpecError::DuplicateId { id: children.id(known) });
            }
        }
        Ok(children)
    }
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
    /// That child is forgotten once it has stopped.
    Remove(Key),
    Exit(ExitReason),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stop(Key),
    Start(Key),
    /// The restart of the child waits for so long; nothing follows.
    Pause(Key, Duration),
}

pub(crate) struct Decide {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    intensity: Intensity,
    backoff: Option<Backoff>,
    children: Children,
    purpose: Purpose,
    plan: Plan,
    /// The step that was handed out.
    current: Option<Step>,
}

impl Decide {
    pub(crate) fn new(flags: Flags, children: Children) -> Self {
        Decide {
            strategy: flags.strategy,
            auto_shutdown: flags.auto_shutdown,
            intensity: Intensity::new(flags.intensity, flags.period),
            backoff: flags.backoff,
            children,
            purpose: Purpose::Idle,
            plan: Plan::default(),
            current: None,
        }
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    pub(crate) fn children(&self) -> &Children {
        &self.children
    }

    /// The id of a child that is there, to be told.
    pub(crate) fn told_id(&mut self, key: Key) -> Arc<str> {
        self.children.told_id(key)
    }

    /// Adds to `actions` what follows from `event`, which happens `now`, so long after the system's start.
    pub(crate) fn decide(&mut self, event: Event, now: Duration, actions: &mut Vec<Action>) {
        match event {
            Event::Boot => self.begin(Purpose::Boot, self.children.keys().map(Step::Start).collect()),
            Event::Exited { pid, reason } => self.exited(pid, reason, now, actions),
            Event::Retry(retry) => self.retry(retry, now, actions),
            Event::Stop => self.give_up(ExitReason::Shutdown),
            Event::Request(request) => self.request(request, actions),
            Event::Started(outcome) => self.started(outcome, actions),
            Event::Stopped(outcome) => self.stopped(outcome, actions),
        }
        self.advance(actions);
    }

    fn begin(&mut self, purpose: Purpose, plan: Plan) {
        self.purpose = purpose;
        self.plan = plan;
    }

    /// Hands out the next step, or what comes after the last.
    fn advance(&mut self, actions: &mut Vec<Action>) {
        while let Some(step) = self.plan.next() {
            if let Some(action) = self.action(step) {
                actions.push(action);
                if let Step::Start(_) | Step::Stop(_) = step {
                    self.current = Some(step);
                    return;
                }
            }
        }
        // The plan of a large supervisor's start is large, too.
        self.plan = Plan::default();
        match std::mem::replace(&mut self.purpose, Purpose::Idle) {
            Purpose::Exit(reason) => actions.push(Action::Exit(reason)),
            Purpose::Request { .. } => actions.push(Action::Answer(Ok(None))),
            Purpose::Remove(key) => {
                self.children.remove(key);
                actions.push(Action::Answer(Ok(None)));
            }
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
                match child.state {
                    ChildState::Running(pid) => {
                        Some(Action::Stop { key, pid, shutdown: self.children.policy(key).shutdown })
                    }
                    ChildState::Restarting | ChildState::Stopped => {
                        self.children.ended(key);
                        None
                    }
                }
            }
            Step::Pause(key, pause) => {
                let retry = Retry { key, delay: self.children.delayed(key), counts: false };
                Some(Action::Retry { retry, pause: Some(pause) })
            }
        }
    }

    fn exited(&mut self, pid: Pid, reason: ExitReason, now: Duration, actions: &mut Vec<Action>) {
        let Some((key, _)) = self.children.by_pid(pid) else {
            return;
        };
        let policy = self.children.policy(key);
        let in_peace = reason.is_normal() && policy.restart != Restart::Permanent;
        if !in_peace {
            let offender = self.children.offender(key, Some(pid));
            actions.push(Action::Report { context: ErrorContext::ChildTerminated, reason, offender });
        }
        if !in_peace && policy.restart != Restart::Temporary {
            return self.restart(key, Some(pid), now, actions);
        }
        self.children.ended(key);
        if self.auto_shutdown.is_due(policy, &self.children) {
            self.give_up(ExitReason::Shutdown);
        }
    }

    fn retry(&mut self, retry: Retry, now: Duration, actions: &mut Vec<Action>) {
        let Retry { key, delay, counts } = retry;
        let is_due = |child: &Child| child.state == ChildState::Restarting && child.delays == delay;
        if !self.children.get(key).is_some_and(is_due) {
            return;
        }
        if counts {
            self.restart(key, None, now, actions);
        } else {
            self.begin_restart(key, None);
        }
    }

    /// Decides on a restart, which counts.
    fn restart(&mut self, failed: Key, pid: Option<Pid>, now: Duration, actions: &mut Vec<Action>) {
        match self.intensity.record(now) {
            Verdict::Within(count) => {
                let pause = self.backoff.map(|backoff| backoff.pause(count, failed.0));
                self.begin_restart(failed, pause);
            }
            Verdict::Exceeded => {
                let reason = self.intensity.reason();
                let offender = self.children.offender(failed, pid);
                actions.push(Action::Report { context: ErrorContext::Shutdown, reason, offender });
                self.children.stopped(failed);
                self.give_up(ExitReason::Shutdown);
            }
        }
    }

    /// Stops those whose fate `failed` shares, and starts them all, at once or after a pause.
    fn begin_restart(&mut self, failed: Key, pause: Option<Duration>) {
        self.children.ended(failed);
        let group = self.strategy.group(&self.children, failed);
        let stops = group.iter().rev().filter(|key| **key != failed).copied().map(Step::Stop);
        let plan = match pause {
            Some(pause) => stops.chain([Step::Pause(failed, pause)]).collect(),
            None => stops.chain(group.iter().copied().map(Step::Start)).collect(),
        };
        self.begin(Purpose::Restart, plan);
    }

    /// Stops every child, the youngest first, and ends.
    fn give_up(&mut self, reason: ExitReason) {
        self.begin(Purpose::Exit(reason), self.children.keys().rev().map(Step::Stop).collect());
    }

    fn request(&mut self, request: Request, actions: &mut Vec<Action>) {
        match self.plan_for(request, actions) {
            Ok((purpose, plan)) => self.begin(purpose, plan),
            Err(error) => actions.push(Action::Answer(Err(error))),
        }
    }

    /// The steps that a request needs, and for what.
    fn plan_for(&mut self, request: Request, actions: &mut Vec<Action>) -> Result<(Purpose, Plan), ChildError> {
        let on = |step| (Purpose::Request { adds: false }, Plan::from_iter([step]));
        let done = || Ok((Purpose::Request { adds: false }, Plan::default()));
        match request {
            Request::Start(spec) => {
                self.auto_shutdown.check(&spec).map_err(ChildError::Spec)?;
                match self.children.add(spec) {
                    Ok(key) => Ok((Purpose::Request { adds: true }, Plan::from_iter([Step::Start(key)]))),
                    Err(known) => Err(self.is_known(known)),
                }
            }
            Request::Terminate(id) => self.find(&id).map(|(key, _)| on(Step::Stop(key))),
            Request::Restart(id) => self.find_stopped(id).map(|key| on(Step::Start(key))),
            Request::Delete(id) => {
                let key = self.find_stopped(id)?;
                self.children.remove(key);
                done()
            }
            Request::Remove(id) => match self.find(&id)? {
                (key, ChildState::Restarting) => {
                    let fallen = self.fallen();
                    self.children.remove(key);
                    self.let_wait(fallen, actions);
                    done()
                }
                (key, _) => Ok((Purpose::Remove(key), Plan::from_iter([Step::Stop(key)]))),
            },
            Request::Update(flags, specs) => {
                let like = flags.check(specs).map_err(ChildError::Spec)?;
                for key in self.fallen() {
                    self.children.delayed(key);
                }
                self.strategy = flags.strategy;
                self.auto_shutdown = flags.auto_shutdown;
                self.intensity.change(flags.intensity, flags.period);
                self.backoff = flags.backoff;
                // Who waits is called by another key now.
                let waiting = self.children.update(&like);
                self.let_wait(waiting, actions);
                done()
            }
        }
    }

    /// Those that fell with a child whose restart is put off, and wait for that one's.
    fn fallen(&self) -> Vec<Key> {
        let state = |key: &Key| self.children.get(*key).map(|child| child.state);
        let delayed = self.children.keys().filter(|key| state(key) == Some(ChildState::Restarting));
        let groups = delayed.flat_map(|key| self.strategy.group(&self.children, key));
        let fallen: BTreeSet<Key> = groups.filter(|key| state(key) == Some(ChildState::Stopped)).collect();
        fallen.into_iter().collect()
    }

    /// Each of these waits for a restart of its own, which has been counted.
    fn let_wait(&mut self, keys: Vec<Key>, actions: &mut Vec<Action>) {
        for key in keys {
            let retry = Retry { key, delay: self.children.delayed(key), counts: false };
            actions.push(Action::Retry { retry, pause: None });
        }
    }

    /// Why no other child is added with the id of this one.
    fn is_known(&self, key: Key) -> ChildError {
        let id = self.children.id(key);
        match self.children.get(key).map(|child| child.state) {
            Some(ChildState::Running(pid)) => ChildError::AlreadyStarted { id, pid },
            _ => ChildError::AlreadyPresent { id },
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
                self.children.started(key, pid);
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
                self.plan = Plan::default();
                let retry = Retry { key, delay: self.children.delayed(key), counts: true };
                actions.push(Action::Retry { retry, pause: None });
            }
            Purpose::Request { adds } => {
                if adds {
                    self.children.remove(key);
                }
                self.purpose = Purpose::Idle;
                actions.push(Action::Answer(Err(ChildError::Start(FailedToStart { id, error }))));
            }
            Purpose::Idle | Purpose::Remove(_) | Purpose::Exit(_) => {}
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
        let policy = self.children.policy(key);
        let complaint = match outcome {
            Stopped::Abandoned => Some((ErrorContext::Abandoned, ExitReason::Killed)),
            Stopped::Ended(reason) if is_orderly(policy.restart, policy.shutdown, &reason) => None,
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
pub(crate) fn is_orderly(restart: Restart, shutdown: Shutdown, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Shutdown => true,
        ExitReason::Killed => shutdown == Shutdown::BrutalKill,
        ExitReason::Normal | ExitReason::ShutdownWith(_) => restart != Restart::Permanent,
        _ => false,
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
