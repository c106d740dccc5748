//! The way from one tree to another while it runs; pure.
//!
//! Invariants:
//! - Applying the plan between two trees to the first gives the second.
//! - A child that both have, started in the same way, is neither stopped nor started, and neither is what is above it.
//! - All that stops has stopped, and all names that change are free, before anything starts or gets a name.

use std::fmt;

use super::change::{Change, Fate, fate};
use super::path::TreePath;
use super::shape::{ChildShape, SupervisorShape, Tree};

/// What makes one tree of another while it runs; made by [`Tree::plan`]. Prints as one line a step.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_supervisor::tree::{Catalog, Tree, TreeFiles};
/// use proscenium_supervisor::process;
///
/// let catalog = Catalog::new().start("worker", |_number: u32| {
///     process(|mut ctx: Context<()>| async move { ctx.receive_message().await })
/// });
/// let tree = |text: &str| -> Tree { catalog.read(&TreeFiles::new("tree").embed("tree", text)).unwrap() };
/// let old = tree(r#"(children: [(id: "a", start: "worker", args: 1), (id: "b", start: "worker", args: 1)])"#);
/// let new = tree(r#"(children: [(id: "a", start: "worker", args: 2), (id: "c", start: "worker", args: 1)])"#);
/// let plan = old.plan(&new);
/// assert_eq!(plan.to_string(), "stop /b\nstop /a, to restart with other arguments\nstart /a\nstart /c");
/// assert!(old.plan(&old).is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
}

/// A step of a [`Plan`].
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::tree::StepKind;
///
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let old = plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#);
/// let new = plant(r#"(children: [(id: "a", start: "worker", args: 2)])"#);
/// let plan = old.plan(&new);
/// let steps: Vec<(String, StepKind)> = plan.steps().map(|step| (step.path().to_string(), step.kind())).collect();
/// assert_eq!(steps, [("/a".to_owned(), StepKind::Stop), ("/a".to_owned(), StepKind::Start)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub(crate) path: TreePath,
    pub(crate) action: Action,
}

/// What a [`Step`] does.
///
/// # Examples
///
/// Whether a change stops anything:
///
/// ```
/// use proscenium_supervisor::tree::StepKind;
///
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let old = plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#);
/// let calmer = plant(r#"(intensity: 10, children: [(id: "a", start: "worker", args: 1)])"#);
/// let plan = old.plan(&calmer);
/// assert!(plan.steps().all(|step| step.kind() == StepKind::Change));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// It stops a child, with all that is below it.
    Stop,
    /// It changes settings of a supervisor and its children. Nothing is stopped.
    Change,
    /// It starts a child, with all that is below it.
    Start,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Stop {
        /// Why, if it is to start again.
        restart: Option<&'static str>,
    },
    Change(Change),
    Start {
        /// Behind how many siblings.
        position: usize,
        child: ChildShape,
        /// What was stopped to make room for it.
        before: Option<ChildShape>,
    },
}

impl Plan {
    pub(crate) fn between(old: &Tree, new: &Tree) -> Self {
        let mut plan = Plan { steps: Vec::new() };
        plan.stops(&TreePath::top(), &old.top, &new.top);
        plan.free_names(&TreePath::top(), &old.top, &new.top);
        plan.starts(&TreePath::top(), &old.top, &new.top);
        plan
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps, in order: what stops, the youngest first; then what changes and what starts, supervisors before their
    /// children.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.steps.iter()
    }

    fn stops(&mut self, path: &TreePath, old: &SupervisorShape, new: &SupervisorShape) {
        let after = new.by_id();
        for child in old.children.iter().rev() {
            let path = path.child(&child.id);
            match after.get(&*child.id).map(|new| fate(child, new)) {
                None => self.add(path, Action::Stop { restart: None }),
                Some(Fate::Restarts(why)) => self.add(path, Action::Stop { restart: Some(why) }),
                Some(Fate::Stays) => {}
                Some(Fate::Changes(old, new)) => self.stops(&path, old, new),
            }
        }
    }

    fn free_names(&mut self, path: &TreePath, old: &SupervisorShape, new: &SupervisorShape) {
        let after = new.by_id();
        let fates: Vec<_> =
            old.children.iter().filter_map(|child| Some((child, fate(child, after.get(&*child.id)?)))).collect();
        if let Some(name) = old.name.as_ref().filter(|_| old.name != new.name) {
            let kept = fates.iter().filter(|(_, fate)| fate.is_kept());
            let children = kept.map(|(child, _)| (child.id.clone(), child.policy)).collect();
            let details = vec![format!("no name any more, {name:?} until now")];
            self.add(path.clone(), Action::Change(Change { name: None, flags: old.flags, children, details }));
        }
        for (child, fate) in fates {
            if let Fate::Changes(old, new) = fate {
                self.free_names(&path.child(&child.id), old, new);
            }
        }
    }

    fn starts(&mut self, path: &TreePath, old: &SupervisorShape, new: &SupervisorShape) {
        if let Some(change) = Change::between(old, new) {
            self.add(path.clone(), Action::Change(change));
        }
        let before = old.by_id();
        for (position, child) in new.children.iter().enumerate() {
            let path = path.child(&child.id);
            let before = before.get(&*child.id).copied();
            match before.map(|before| fate(before, child)) {
                Some(Fate::Stays) => {}
                Some(Fate::Changes(old, new)) => self.starts(&path, old, new),
                None | Some(Fate::Restarts(_)) => {
                    self.add(path, Action::Start { position, child: child.clone(), before: before.cloned() });
                }
            }
        }
    }

    fn add(&mut self, path: TreePath, action: Action) {
        self.steps.push(Step { path, action });
    }
}

impl Step {
    /// Of what: a child, or for [`StepKind::Change`] a supervisor.
    pub fn path(&self) -> &TreePath {
        &self.path
    }

    /// What it does.
    pub fn kind(&self) -> StepKind {
        match self.action {
            Action::Stop { .. } => StepKind::Stop,
            Action::Change(_) => StepKind::Change,
            Action::Start { .. } => StepKind::Start,
        }
    }

    /// Does it to `tree`.
    pub(crate) fn apply(&self, tree: &mut Tree) {
        match &self.action {
            Action::Stop { .. } => drop(remove(tree, &self.path)),
            Action::Change(change) => {
                if let Some(supervisor) = tree.supervisor_mut(&self.path) {
                    change.apply(supervisor);
                }
            }
            Action::Start { position, child, .. } => insert(tree, &self.path, *position, child.clone()),
        }
    }
}

/// Takes a child out of its supervisor.
pub(crate) fn remove(tree: &mut Tree, path: &TreePath) -> Option<ChildShape> {
    let supervisor = tree.supervisor_mut(&path.parent()?)?;
    let position = supervisor.position(path.id()?)?;
    Some(supervisor.children.remove(position))
}

/// Puts a child behind so many siblings.
pub(crate) fn insert(tree: &mut Tree, path: &TreePath, position: usize, child: ChildShape) {
    let supervisor = path.parent().and_then(|above| tree.supervisor_mut(&above));
    if let Some(SupervisorShape { children, .. }) = supervisor {
        children.insert(position.min(children.len()), child);
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to do");
        }
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.action {
            Action::Stop { restart: None } => write!(f, "stop {path}"),
            Action::Stop { restart: Some(why) } => write!(f, "stop {path}, to restart {why}"),
            Action::Change(change) => write!(f, "change {path}: {}", change.details.join(", ")),
            Action::Start { .. } => write!(f, "start {path}"),
        }
    }
}
