//! The supervisor of children that come and go as a pure state machine; OTP's `simple_one_for_one`.
//!
//! Each child is on its own, so there is no plan: what happens to one leads to one step at most.
//!
//! Invariants:
//! - A child is known by the pid of its living incarnation, or of the last one while it is restarted.
//! - Those that live and those that are restarted together are never more than there may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{ErrorContext, ExitReason, Offender, Pid, StartError};

use crate::backoff::Backoff;
use crate::child_spec::{ChildKind, Restart, Shutdown, StartChild, default_shutdown};
use crate::children::ChildState;
use crate::decide::{Stopped, is_orderly};
use crate::intensity::{Intensity, Verdict};

/// How such a supervisor behaves, and what it has agreed with all its children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) max_children: usize,
    /// Unless a child asks for something else.
    pub(crate) restart: Restart,
    /// If nothing else was said, it depends on what the child is.
    pub(crate) shutdown: Option<Shutdown>,
}

#[derive(Clone)]
pub(crate) struct DynamicChild {
    /// Nothing, if it is never started again.
    pub(crate) start: Option<Arc<dyn StartChild>>,
    pub(crate) what: &'static str,
    pub(crate) kind: ChildKind,
    restart: Restart,
    /// How many times it was started.
    pub(crate) starts: u32,
}

/// A restart that was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    /// Who it was.
    pub(crate) pid: Pid,
    /// Whether it is a decision of its own, after an attempt that failed, or the rest of one that was counted.
    pub(crate) counts: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Report {
        context: ErrorContext,
        reason: ExitReason,
        offender: Offender,
    },
    /// Start anew who was this; [`Dynamic::restarted`] is told how that went.
    Start(Pid),
    /// Bring [`Dynamic::retry`] after the pause, or once what waits already is done.
    Later {
        later: Later,
        pause: Option<Duration>,
    },
    /// End, with all children.
    GiveUp,
}

/// What it takes to be rid of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It lives, and is stopped so; [`Dynamic::stopped`] is told how that went.
    Stop(Shutdown),
    Done,
    /// There is no such child.
    Unknown,
}

pub(crate) struct Dynamic {
    terms: Terms,
    intensity: Intensity,
    living: BTreeMap<Pid, DynamicChild>,
    /// By who they were.
    restarting: BTreeMap<Pid, DynamicChild>,
    /// How many restarts there ever were.
    restarts: u64,
}

impl DynamicChild {
    /// One that has never been started. It is never restarted if nobody knows how.
    pub(crate) fn new(
        start: Option<Arc<dyn StartChild>>,
        restart: Restart,
        what: &'static str,
        kind: ChildKind,
    ) -> Self {
        let restart = if start.is_none() { Restart::Temporary } else { restart };
        DynamicChild { start, what, kind, restart, starts: 0 }
    }

    pub(crate) fn shutdown(&self, terms: &Terms) -> Shutdown {
        terms.shutdown.unwrap_or_else(|| default_shutdown(self.kind))
    }
}

impl Dynamic {
    pub(crate) fn new(terms: Terms) -> Self {
        Dynamic {
            intensity: Intensity::new(terms.intensity, terms.period),
            terms,
            living: BTreeMap::new(),
            restarting: BTreeMap::new(),
            restarts: 0,
        }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether there may be no more children.
    pub(crate) fn is_full(&self) -> bool {
        self.living.len() + self.restarting.len() >= self.terms.max_children
    }

    /// A child has started.
    pub(crate) fn add(&mut self, pid: Pid, mut child: DynamicChild) {
        child.starts = child.starts.saturating_add(1);
        self.living.insert(pid, child);
    }

    /// Who is restarted, and was `pid`.
    pub(crate) fn restarting(&self, pid: Pid) -> Option<&DynamicChild> {
        self.restarting.get(&pid)
    }

    /// A process has ended by itself.
    pub(crate) fn exited(&mut self, pid: Pid, reason: ExitReason, now: Duration) -> Vec<Step> {
        let Some(child) = self.living.remove(&pid) else {
            return Vec::new();
        };
        let restart = child.restart;
        let in_peace = reason.is_normal() && restart != Restart::Permanent;
        let mut steps = Vec::new();
        if !in_peace {
            let offender = self.offender(&child, Some(pid));
            steps.push(Step::Report { context: ErrorContext::ChildTerminated, reason, offender });
            if restart != Restart::Temporary {
                self.restarting.insert(pid, child);
                self.restart(pid, now, &mut steps);
            }
        }
        steps
    }

    /// It is time for a restart that was put off.
    pub(crate) fn retry(&mut self, later: Later, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.restarting.contains_key(&later.pid) {
            true if later.counts => self.restart(later.pid, now, &mut steps),
            true => steps.push(Step::Start(later.pid)),
            false => {}
        }
        steps
    }

    /// Decides on the restart of one that is among those, which counts.
    fn restart(&mut self, pid: Pid, now: Duration, steps: &mut Vec<Step>) {
        self.restarts += 1;
        match (self.intensity.record(now), self.terms.backoff) {
            (Verdict::Within(_), None) => steps.push(Step::Start(pid)),
            (Verdict::Within(count), Some(backoff)) => {
                let pause = Some(backoff.pause(count, self.restarts));
                steps.push(Step::Later { later: Later { pid, counts: false }, pause });
            }
            (Verdict::Exceeded, _) => {
                if let Some(child) = self.restarting.remove(&pid) {
                    let (reason, offender) = (self.intensity.reason(), self.offender(&child, Some(pid)));
                    steps.push(Step::Report { context: ErrorContext::Shutdown, reason, offender });
                }
                steps.push(Step::GiveUp);
            }
        }
    }

    /// How the start went of who was `pid`. One that chooses not to run is forgotten.
    pub(crate) fn restarted(&mut self, pid: Pid, outcome: Result<Pid, StartError>) -> Vec<Step> {
        match outcome {
            Ok(successor) => {
                if let Some(child) = self.restarting.remove(&pid) {
                    self.add(successor, child);
                }
                Vec::new()
            }
            Err(StartError::Ignored) => {
                self.restarting.remove(&pid);
                Vec::new()
            }
            Err(error) => {
                let Some(child) = self.restarting.get(&pid) else { return Vec::new() };
                let offender = self.offender(child, None);
                let report = Step::Report { context: ErrorContext::StartError, reason: error.into(), offender };
                vec![report, Step::Later { later: Later { pid, counts: true }, pause: None }]
            }
        }
    }

    /// Somebody wants the child gone. One that is restarted is forgotten at once.
    pub(crate) fn remove(&mut self, pid: Pid) -> Removal {
        match self.living.get(&pid) {
            Some(child) => Removal::Stop(child.shutdown(&self.terms)),
            None if self.restarting.remove(&pid).is_some() => Removal::Done,
            None => Removal::Unknown,
        }
    }

    /// How the stop went of a child that lived.
    pub(crate) fn stopped(&mut self, pid: Pid, outcome: Stopped) -> Option<Step> {
        let child = self.living.remove(&pid)?;
        let (context, reason) = self.complaint(&child, outcome)?;
        let offender = self.offender(&child, Some(pid));
        Some(Step::Report { context, reason, offender })
    }

    /// Who lives, and how each is stopped.
    pub(crate) fn living(&self) -> Vec<(Pid, Shutdown)> {
        self.living.iter().map(|(pid, child)| (*pid, child.shutdown(&self.terms))).collect()
    }

    /// How all stops went, in few words: one report for each way of going wrong.
    pub(crate) fn all_stopped(&mut self, outcomes: Vec<(Pid, Stopped)>) -> Vec<Step> {
        let mut complaints: BTreeMap<String, (ErrorContext, ExitReason, Offender, usize)> = BTreeMap::new();
        for (pid, outcome) in outcomes {
            let Some(child) = self.living.remove(&pid) else { continue };
            let Some((context, reason)) = self.complaint(&child, outcome) else { continue };
            let offender = self.offender(&child, Some(pid));
            let text = format!("{context:?} {} {reason}", child.what);
            complaints.entry(text).or_insert((context, reason, offender, 0)).3 += 1;
        }
        let report = |(context, reason, mut offender, count): (_, _, Offender, _)| {
            if count > 1 {
                offender.id = format!("{count} of {}", offender.id).into();
                offender.pid = None;
            }
            Step::Report { context, reason, offender }
        };
        complaints.into_values().map(report).collect()
    }

    fn complaint(&self, child: &DynamicChild, outcome: Stopped) -> Option<(ErrorContext, ExitReason)> {
        match outcome {
            Stopped::Abandoned => Some((ErrorContext::Abandoned, ExitReason::Killed)),
            Stopped::Ended(reason) => {
                let in_order = is_orderly(child.restart, child.shutdown(&self.terms), &reason);
                (!in_order).then_some((ErrorContext::ShutdownError, reason))
            }
        }
    }

    fn offender(&self, child: &DynamicChild, pid: Option<Pid>) -> Offender {
        Offender::new(child.what.into(), pid, child.restart, child.shutdown(&self.terms), false, child.kind)
    }

    /// All children: those that live, and then those that are restarted.
    pub(crate) fn children(&self) -> impl Iterator<Item = (ChildState, &DynamicChild)> {
        let living = self.living.iter().map(|(pid, child)| (ChildState::Running(*pid), child));
        living.chain(self.restarting.values().map(|child| (ChildState::Restarting, child)))
    }
}

#[cfg(test)]
mod properties;
