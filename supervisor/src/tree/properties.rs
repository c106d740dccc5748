//! What holds of the [plan](super::plan) between any two trees.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use proscenium_runtime::Context;

use super::path::TreePath;
use super::plan::{Step, StepKind};
use super::shape::{ChildShape, SupervisorShape, Tree, What, WorkerStart};
use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::child_spec::{ChildPolicy, Restart, Shutdown, process};
use crate::decide::Flags;
use crate::strategy::Strategy;

#[test]
fn a_plan_makes_the_new_tree_of_the_old_one() {
    for_any_trees(|old, new| {
        let mut tree = old.clone();
        for step in old.plan(new).steps() {
            step.apply(&mut tree);
        }
        assert_eq!(tree, *new);
    });
}

#[test]
fn there_is_nothing_to_do_between_equal_trees_and_something_between_others() {
    for_any_trees(|old, new| {
        assert!(old.plan(&old.clone()).is_empty());
        assert_eq!(old.plan(new).is_empty(), old == new);
    });
}

#[test]
fn only_what_goes_or_starts_otherwise_is_stopped_and_only_what_comes_or_starts_otherwise_is_started() {
    for_any_trees(|old, new| {
        let (before, after) = (starts(old), starts(new));
        for step in old.plan(new).steps() {
            let (before, after) = (before.get(step.path()), after.get(step.path()));
            match step.kind() {
                StepKind::Stop => assert!(before.is_some() && before != after, "{step}"),
                StepKind::Start => assert!(after.is_some() && before != after, "{step}"),
                StepKind::Change => assert_eq!((before, after), (Some(&None), Some(&None)), "{step}"),
            }
        }
    });
}

#[test]
fn no_step_touches_what_another_one_stops_or_starts() {
    for_any_trees(|old, new| {
        let plan = old.plan(new);
        let of = |kind| -> Vec<&TreePath> { plan.steps().filter(|step| step.kind() == kind).map(Step::path).collect() };
        for kind in [StepKind::Stop, StepKind::Start] {
            let paths = of(kind);
            for (number, path) in paths.iter().enumerate() {
                assert!(!paths[number + 1..].iter().any(|other| path.is_within(other) || other.is_within(path)));
                assert!(!of(StepKind::Change).iter().any(|changed| changed.is_within(path)), "{plan}");
            }
        }
    });
}

#[test]
fn everything_has_stopped_before_anything_starts() {
    for_any_trees(|old, new| {
        let plan = old.plan(new);
        let kinds: Vec<StepKind> = plan.steps().map(Step::kind).collect();
        let stops = kinds.iter().take_while(|kind| **kind == StepKind::Stop).count();
        assert!(!kinds[stops..].contains(&StepKind::Stop), "{plan}");
    });
}

/// Pairs of trees that have something in common, and some that are equal.
#[track_caller]
fn for_any_trees(check: impl Fn(&Tree, &Tree)) {
    let mut different = 0;
    for seed in 0..2000 {
        let mut rng = Rng::with_seed(seed);
        let old = Tree { top: supervisor(&mut rng, 0) };
        let mut new = old.clone();
        for _ in 0..rng.usize(..4) {
            mutate(&mut rng, &mut new.top, 0);
        }
        different += usize::from(old != new);
        check(&old, &new);
        check(&old, &Tree { top: supervisor(&mut rng, 0) });
    }
    assert!(different > 1000);
}

fn mutate(rng: &mut Rng, shape: &mut SupervisorShape, depth: usize) {
    match rng.usize(..7) {
        0 => shape.flags.intensity = rng.u32(..3),
        1 => rng.shuffle(&mut shape.children),
        2 => shape.name = rng.bool().then(|| "name".into()),
        3 if !shape.children.is_empty() => drop(shape.children.remove(rng.usize(..shape.children.len()))),
        4 => {
            let child = child(rng, depth);
            if shape.child(&child.id).is_none() {
                shape.children.insert(rng.usize(..=shape.children.len()), child);
            }
        }
        _ => {
            let Some(chosen) = rng.choice(shape.children.iter_mut()) else { return };
            match &mut chosen.what {
                What::Supervisor(below) if rng.bool() => mutate(rng, below, depth + 1),
                _ if rng.bool() => chosen.policy = policy(rng),
                what => *what = child_what(rng, depth),
            }
        }
    }
}

fn supervisor(rng: &mut Rng, depth: usize) -> SupervisorShape {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let flags = Flags {
        strategy: strategies[rng.usize(..3)],
        intensity: rng.u32(..3),
        period: Duration::from_secs(rng.u64(1..3)),
        auto_shutdown: if rng.bool() { AutoShutdown::Never } else { AutoShutdown::AnySignificant },
        backoff: rng.bool().then(|| Backoff::new(Duration::from_secs(1))),
    };
    let mut shape = SupervisorShape { name: rng.bool().then(|| "name".into()), flags, children: Vec::new() };
    for _ in 0..rng.usize(..5) {
        let child = child(rng, depth);
        if shape.child(&child.id).is_none() {
            shape.children.push(child);
        }
    }
    shape
}

fn child(rng: &mut Rng, depth: usize) -> ChildShape {
    ChildShape { id: rng.char('a'..='g').to_string().into(), policy: policy(rng), what: child_what(rng, depth) }
}

fn child_what(rng: &mut Rng, depth: usize) -> What {
    if depth < 3 && rng.u8(..3) == 0 {
        return What::Supervisor(supervisor(rng, depth + 1));
    }
    let name = if rng.bool() { "till" } else { "clock" };
    let start = process(|_ctx: Context<()>| async {});
    What::Worker(WorkerStart { name: name.into(), args: Arc::new(rng.u32(..2)), start: Arc::new(start) })
}

fn policy(rng: &mut Rng) -> ChildPolicy {
    let restarts = [Restart::Permanent, Restart::Transient, Restart::Temporary];
    let shutdown = if rng.bool() { Shutdown::Infinity } else { Shutdown::BrutalKill };
    ChildPolicy { restart: restarts[rng.usize(..3)], shutdown, significant: rng.bool() }
}

/// What starts each child, `None` for supervisors.
fn starts(tree: &Tree) -> BTreeMap<TreePath, Option<WorkerStart>> {
    let mut starts = BTreeMap::from([(TreePath::top(), None)]);
    for path in tree.paths() {
        let above = path.parent().and_then(|above| tree.supervisor(&above));
        let child = above.and_then(|above| above.child(path.id()?)).expect("a path leads to a child");
        let start = match &child.what {
            What::Worker(worker) => Some(worker.clone()),
            What::Supervisor(_) => None,
        };
        starts.insert(path, start);
    }
    starts
}
