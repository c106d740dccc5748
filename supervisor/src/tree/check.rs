//! From what the files say to a tree that can be started; or all that is in the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::Catalog;
use super::draft::Draft;
use super::fields::{Located, mistake};
use super::mistake::{Mistakes, Problem};
use super::node::Node;
use super::partial::{self, Args, Flags, Policy};
use super::path::is_good_id;
use super::shape::{ChildShape, SupervisorShape, Tree, What, WorkerStart};
use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::child_spec::{ChildKind, ChildPolicy, Restart, default_shutdown};
use crate::decide;
use crate::strategy::Strategy;

/// The tree that `draft` describes. Where something is wrong it is only good for finding more that is.
pub(crate) fn check(draft: &Draft, catalog: &Catalog, mistakes: &mut Mistakes) -> Tree {
    let mut check = Check { catalog, mistakes, names: BTreeMap::new() };
    for (field, at) in worker_settings(draft).into_iter().chain(policy_settings(draft)) {
        if let Some(at) = at {
            check.complain(at, &field_of(draft, field), Problem::Combination("the top supervisor is nobody's child"));
        }
    }
    Tree { top: check.supervisor(draft) }
}

struct Check<'a> {
    catalog: &'a Catalog,
    mistakes: &'a mut Mistakes,
    /// The supervisors' names, and the paths of who has them.
    names: BTreeMap<String, String>,
}

impl Check<'_> {
    fn complain(&mut self, at: &Node, path: &str, problem: Problem) {
        self.mistakes.add(mistake(at, path, problem));
    }

    fn supervisor(&mut self, draft: &Draft) -> SupervisorShape {
        let flags = &draft.settings.flags;
        self.check_name(draft);
        self.check_period(draft);
        self.check_backoff(draft);
        self.check_ids(draft);
        let auto_shutdown = value(&flags.auto_shutdown).map_or(AutoShutdown::Never, Into::into);
        let children = draft.children.iter().flatten().filter_map(|child| self.child(child, auto_shutdown)).collect();
        let name = flags.name.as_ref().map(|name| name.value.as_str().into());
        SupervisorShape { name, flags: flags_of(flags), children }
    }

    fn check_name(&mut self, draft: &Draft) {
        let Some(Located { value: name, at }) = draft.settings.flags.name.clone() else { return };
        if let Some(first) = self.names.insert(name.clone(), draft.path.clone()) {
            self.complain(&at, &field_of(draft, "name"), Problem::DuplicateName { name, first });
        }
    }

    fn check_backoff(&mut self, draft: &Draft) {
        let Some(backoff) = &draft.settings.flags.backoff else { return };
        let path = field_of(draft, "backoff");
        match (&backoff.first, &backoff.longest) {
            (Some(first), Some(longest)) if longest.value.0 < first.value.0 => {
                let problem = Problem::Combination("the longest pause is shorter than the first");
                self.complain(&longest.at, &format!("{path}.longest"), problem);
            }
            // One that is there and wrong has been told.
            (None, _) if !backoff.at.has_field("first") => {
                self.complain(&backoff.at, &path, Problem::MissingField("first".into()));
            }
            _ => {}
        }
        if let Some(jitter) = backoff.jitter.as_ref().filter(|jitter| !(0.0..=1.0).contains(&jitter.value)) {
            let problem = Problem::Combination("jitter is a share of the pause, between 0 and 1");
            self.complain(&jitter.at, &format!("{path}.jitter"), problem);
        }
    }

    fn check_period(&mut self, draft: &Draft) {
        if let Some(period) = draft.settings.flags.period.as_ref().filter(|period| period.value.0.is_zero()) {
            let problem = Problem::Combination("a period of no time holds no restarts");
            self.complain(&period.at, &field_of(draft, "period"), problem);
        }
    }

    fn check_ids(&mut self, supervisor: &Draft) {
        let mut first: BTreeMap<&str, &Node> = BTreeMap::new();
        for child in supervisor.children.iter().flatten() {
            let Some(Located { value: id, at }) = &child.id else { continue };
            if !is_good_id(id) {
                self.complain(at, &field_of(child, "id"), Problem::BadId);
            }
            match first.get(&**id) {
                Some(other) => {
                    let problem = Problem::DuplicateId { id: id.clone(), first: format!("{other:?}") };
                    self.complain(at, &field_of(child, "id"), problem);
                }
                None => drop(first.insert(id, at)),
            }
        }
    }

    fn child(&mut self, draft: &Draft, auto_shutdown: AutoShutdown) -> Option<ChildShape> {
        if draft.id.is_none() && !draft.has_field("id") {
            self.complain(&draft.at, &draft.path, Problem::MissingField("id".into()));
        }
        self.check_kind(draft);
        let what = match draft.children {
            Some(_) => Some(What::Supervisor(self.supervisor(draft))),
            None => self.worker(draft).map(What::Worker),
        };
        let kind = match &what {
            Some(What::Supervisor(_)) => ChildKind::Supervisor,
            Some(What::Worker(worker)) => worker.start.kind(),
            None => ChildKind::Worker,
        };
        let policy = policy_of(&draft.settings.policy, kind);
        self.check_significance(draft, policy.restart, auto_shutdown);
        let id: Arc<str> = draft.id()?.into();
        Some(ChildShape { id, policy, what: what? })
    }

    /// A child is a supervisor or a worker, and not both.
    fn check_kind(&mut self, draft: &Draft) {
        if draft.children.is_some() {
            for (field, at) in worker_settings(draft) {
                if let Some(at) = at {
                    let problem = "a child with children is a supervisor, and takes no start function";
                    self.complain(at, &field_of(draft, field), Problem::Combination(problem));
                }
            }
        } else if let Some((field, at)) = draft.settings.flags.any() {
            let problem = "this is a setting of supervisors, which have `children` or `include`";
            self.complain(at, &field_of(draft, field), Problem::Combination(problem));
        }
    }

    fn worker(&mut self, draft: &Draft) -> Option<WorkerStart> {
        let worker = &draft.settings.worker;
        let Some(start) = &worker.start else {
            if !["start", "children", "include"].iter().any(|field| draft.has_field(field)) {
                let problem = "a child needs a `start`, or `children`, or an `include`";
                self.complain(&draft.at, &draft.path, Problem::Combination(problem));
            }
            return None;
        };
        match self.catalog.make(&start.value, worker.args.as_ref(), draft, self.mistakes) {
            Ok(made) => made,
            Err(problem) => {
                self.complain(&start.at, &field_of(draft, "start"), problem);
                None
            }
        }
    }

    fn check_significance(&mut self, draft: &Draft, restart: Restart, auto_shutdown: AutoShutdown) {
        let Some(significant) = draft.settings.policy.significant.as_ref().filter(|significant| significant.value)
        else {
            return;
        };
        let problem = match (auto_shutdown, restart) {
            (AutoShutdown::Never, _) => "a child cannot be significant to a supervisor without `auto_shutdown`",
            (_, Restart::Permanent) => "a permanent child cannot be significant, for it is always restarted",
            _ => return,
        };
        self.complain(&significant.at, &field_of(draft, "significant"), Problem::Combination(problem));
    }
}

fn field_of(draft: &Draft, field: &str) -> String {
    format!("{}.{field}", draft.path)
}

fn worker_settings(draft: &Draft) -> [(&'static str, Option<&Node>); 2] {
    let worker = &draft.settings.worker;
    [("start", worker.start.as_ref().map(|start| &start.at)), ("args", worker.args.as_ref().map(Args::at))]
}

fn policy_settings(draft: &Draft) -> [(&'static str, Option<&Node>); 3] {
    let policy = &draft.settings.policy;
    [
        ("restart", policy.restart.as_ref().map(|restart| &restart.at)),
        ("shutdown", policy.shutdown.as_ref().map(|shutdown| &shutdown.at)),
        ("significant", policy.significant.as_ref().map(|significant| &significant.at)),
    ]
}

/// What is set, and OTP's defaults for the rest.
fn flags_of(flags: &Flags) -> decide::Flags {
    let defaults = decide::Flags::new(Strategy::OneForOne);
    decide::Flags {
        strategy: value(&flags.strategy).map_or(defaults.strategy, Into::into),
        intensity: value(&flags.intensity).unwrap_or(defaults.intensity),
        period: value(&flags.period).map_or(defaults.period, |period| period.0),
        auto_shutdown: value(&flags.auto_shutdown).map_or(defaults.auto_shutdown, Into::into),
        backoff: flags.backoff.as_ref().and_then(backoff_of),
    }
}

/// What is set, and the defaults of [`Backoff`] for the rest.
fn backoff_of(backoff: &partial::Backoff) -> Option<Backoff> {
    let mut made = Backoff::new(value(&backoff.first)?.0);
    if let Some(longest) = value(&backoff.longest) {
        made = made.longest(longest.0);
    }
    Some(made.jitter(value(&backoff.jitter).unwrap_or(0.0), value(&backoff.seed).unwrap_or(0)))
}

/// What is set, and OTP's defaults for the rest.
fn policy_of(policy: &Policy, kind: ChildKind) -> ChildPolicy {
    ChildPolicy {
        restart: value(&policy.restart).map_or(Restart::Permanent, Into::into),
        shutdown: value(&policy.shutdown).map_or_else(|| default_shutdown(kind), Into::into),
        significant: value(&policy.significant).unwrap_or(false),
    }
}

fn value<T: Copy>(located: &Option<Located<T>>) -> Option<T> {
    located.as_ref().map(|located| located.value)
}
