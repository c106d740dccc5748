//! Drives the machine by hand: plays what happens, answers each step, and writes down what it wanted done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;
use std::time::Duration;

use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ErrorContext, ExitReason, Pid, StartError};

use super::{Action, Decide, Event, Flags, Request, Retry, Stopped};
use crate::auto_shutdown::AutoShutdown;
use crate::child_spec::{ChildSpec, Restart, Shutdown, process};
use crate::children::{ChildState, Children, Key};
use crate::error::{ChildError, FailedToStart, SpecError};
use crate::strategy::Strategy;

pub(super) const FLAGS: Flags = Flags {
    strategy: Strategy::OneForOne,
    intensity: 1000,
    period: Duration::from_secs(5),
    auto_shutdown: AutoShutdown::Never,
    backoff: None,
};

/// What a start comes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Up,
    Fails,
    Ignored,
}

pub(super) struct Bench {
    pub(super) decide: Decide,
    now: Duration,
    /// What the next starts of a child come to; after those, all is well.
    outcomes: BTreeMap<String, VecDeque<Outcome>>,
    /// How the next stops of a child go; after those, in order.
    stops: BTreeMap<String, VecDeque<Stopped>>,
    used_pids: usize,
    retries: VecDeque<Retry>,
    /// Ids, in the order in which they were added last.
    pub(super) places: Vec<String>,
    /// Steps, retries, answers and the exit.
    pub(super) log: Vec<String>,
    pub(super) reports: Vec<String>,
}

impl Bench {
    /// A machine with children such as `a b:transient c:temporary:significant`, not yet booted.
    pub(super) fn new(flags: Flags, children: &str) -> Self {
        let mut all = Children::default();
        for text in children.split_whitespace() {
            all.add(spec(text)).expect("ids are unique");
        }
        Bench {
            decide: Decide::new(flags, all),
            now: Duration::ZERO,
            outcomes: BTreeMap::new(),
            stops: BTreeMap::new(),
            used_pids: 0,
            retries: VecDeque::new(),
            places: children.split_whitespace().map(|text| id_of(text).to_owned()).collect(),
            log: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Plays a script such as `crash b, wait 5000, retry`; what it led to, as a list.
    pub(super) fn play(&mut self, script: &str) -> String {
        self.log.clear();
        self.reports.clear();
        for line in script.split(", ") {
            self.play_line(&line.split(' ').collect::<Vec<_>>());
        }
        self.log.join(", ")
    }

    /// Brings the oldest retry that was asked for.
    pub(super) fn retry(&mut self) {
        let retry = self.retries.pop_front().expect("a retry was asked for");
        self.feed(Event::Retry(retry));
    }

    fn play_line(&mut self, line: &[&str]) {
        match *line {
            ["boot"] => self.feed(Event::Boot),
            ["stop"] => self.feed(Event::Stop),
            ["retry"] => self.retry(),
            ["wait", millis] => self.wait(millis.parse().expect("a number")),
            ["crash", id] => self.exited(id, ExitReason::error("boom")),
            ["end", id] => self.exited(id, ExitReason::Normal),
            ["exit", id, reason] => self.exited(id, self::reason(reason)),
            ["fail", id] => self.next_start(id, Outcome::Fails),
            ["ignore", id] => self.next_start(id, Outcome::Ignored),
            ["stops", id, how] => self.next_stop(id, Stopped::Ended(reason(how))),
            ["hangs", id] => self.next_stop(id, Stopped::Abandoned),
            ["add", text] => self.feed(Event::Request(Request::Start(spec(text)))),
            ["terminate", id] => self.feed(Event::Request(Request::Terminate(id.into()))),
            ["restart", id] => self.feed(Event::Request(Request::Restart(id.into()))),
            ["delete", id] => self.feed(Event::Request(Request::Delete(id.into()))),
            _ => panic!("not in the script: {line:?}"),
        }
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    pub(super) fn next_start(&mut self, id: &str, outcome: Outcome) {
        self.outcomes.entry(id.to_owned()).or_default().push_back(outcome);
    }

    pub(super) fn next_stop(&mut self, id: &str, how: Stopped) {
        self.stops.entry(id.to_owned()).or_default().push_back(how);
    }

    pub(super) fn exited(&mut self, id: &str, reason: ExitReason) {
        let found = self.decide.children().find(id).map(|(_, child)| child.state);
        let Some(ChildState::Running(pid)) = found else { panic!("{id} does not run") };
        self.feed(Event::Exited { pid, reason });
    }

    /// Brings an event and all that follows from it.
    pub(super) fn feed(&mut self, event: Event) {
        if let Event::Request(Request::Start(spec)) = &event
            && self.decide.children().find(&spec.id).is_none()
        {
            self.places.retain(|id| **id != *spec.id);
            self.places.push(spec.id.to_string());
        }
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let mut actions = Vec::new();
            self.decide.decide(event, self.now, &mut actions);
            for action in actions {
                assert!(next.is_none(), "a step comes last: {action:?}");
                next = self.carry_out(action);
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Start(key) => return Some(Event::Started(self.start(key))),
            Action::Stop { key, .. } => {
                let id = self.id(key);
                self.log.push(format!("stop {id}"));
                let how = self.stops.get_mut(&id).and_then(VecDeque::pop_front);
                return Some(Event::Stopped(how.unwrap_or(Stopped::Ended(ExitReason::Shutdown))));
            }
            Action::Retry { retry, pause } => {
                let id = self.id(retry.key);
                self.log.push(match pause {
                    Some(pause) => format!("pause {id} {}", pause.as_millis()),
                    None => format!("retry {id}"),
                });
                self.retries.push_back(retry);
            }
            Action::Answer(answer) => self.log.push(format!("answer {}", answer_text(&answer))),
            Action::Exit(reason) => self.log.push(format!("exit {}", reason_text(&reason))),
            Action::Report { context, reason, offender } => {
                self.reports.push(report_text(context, &offender.id, &reason))
            }
            Action::Progress { .. } => {}
        }
        None
    }

    fn start(&mut self, key: Key) -> Result<Pid, StartError> {
        let id = self.id(key);
        let outcome = self.outcomes.get_mut(&id).and_then(VecDeque::pop_front);
        match outcome.unwrap_or(Outcome::Up) {
            Outcome::Up => {
                self.log.push(format!("start {id}"));
                self.used_pids += 1;
                Ok(pids()[self.used_pids])
            }
            Outcome::Fails => {
                self.log.push(format!("start {id} fails"));
                Err(StartError::Init(ExitReason::error("no luck")))
            }
            Outcome::Ignored => {
                self.log.push(format!("start {id} ignored"));
                Err(StartError::Ignored)
            }
        }
    }

    fn id(&self, key: Key) -> String {
        let child = self.decide.children().get(key);
        child.expect("a step is about a child").id.to_string()
    }

    /// All children, oldest first, each as `a:up`.
    pub(super) fn children(&self) -> String {
        let child = |child: &crate::children::Child| {
            let state = match child.state {
                ChildState::Running(_) => "up",
                ChildState::Restarting => "restarting",
                ChildState::Stopped => "down",
            };
            format!("{}:{state}", &*child.id)
        };
        self.decide.children().iter().map(child).collect::<Vec<_>>().join(" ")
    }
}

/// A spec such as `a`, `b:transient` or `c:temporary:significant`, with `brutal` for one that is killed.
pub(super) fn spec(text: &str) -> ChildSpec {
    let words = text.split(':').skip(1);
    let spec = ChildSpec::new(id_of(text), process(|_ctx: Context<()>| async {}));
    words.fold(spec, |spec, word| match word {
        "transient" => spec.restart(Restart::Transient),
        "temporary" => spec.restart(Restart::Temporary),
        "significant" => spec.significant(true),
        "brutal" => spec.shutdown(Shutdown::BrutalKill),
        _ => panic!("not about a spec: {word}"),
    })
}

fn id_of(text: &str) -> &str {
    text.split(':').next().expect("there is always a first word")
}

pub(super) fn reason(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "done" => ExitReason::shutdown_with("done"),
        "killed" => ExitReason::Killed,
        other => ExitReason::error(other),
    }
}

pub(super) fn reason_text(reason: &ExitReason) -> String {
    match reason {
        ExitReason::ShutdownWith(_) => match reason.downcast_ref::<FailedToStart>() {
            Some(failed) => format!("shutdown({} failed)", failed.id),
            None => "done".to_owned(),
        },
        _ => reason.to_string(),
    }
}

pub(super) fn report_text(context: ErrorContext, id: &str, reason: &ExitReason) -> String {
    format!("{context:?} {id} {}", reason_text(reason))
}

fn answer_text(answer: &Result<Option<Pid>, ChildError>) -> &'static str {
    match answer {
        Ok(Some(_)) => "up",
        Ok(None) => "ok",
        Err(ChildError::NotFound { .. }) => "not found",
        Err(ChildError::Running { .. }) => "running",
        Err(ChildError::Restarting { .. }) => "restarting",
        Err(ChildError::AlreadyStarted { .. }) => "already started",
        Err(ChildError::AlreadyPresent { .. }) => "already present",
        Err(ChildError::Spec(SpecError::SignificantInVain { .. })) => "significant in vain",
        Err(ChildError::Spec(SpecError::SignificantPermanent { .. })) => "significant and permanent",
        Err(ChildError::Start(_)) => "failed",
        Err(ChildError::Spec(_) | ChildError::Call(_) | ChildError::MaxChildren { .. }) => {
            unreachable!("the machine never says so")
        }
    }
}

/// Pids of processes that are no more; only a system makes them.
pub(super) fn pids() -> &'static [Pid] {
    static PIDS: OnceLock<Vec<Pid>> = OnceLock::new();
    PIDS.get_or_init(|| {
        let test = TestSystem::new(0);
        let pid = |_| {
            let process = test.spawn(|_ctx: Context<()>| async {});
            process.pid().expect("it is the address of a process")
        };
        (0..4096).map(pid).collect()
    })
}
