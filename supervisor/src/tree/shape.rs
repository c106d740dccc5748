//! A checked tree, as a value: what supervisors there are, and what they start.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::arguments::Arguments;
use super::path::TreePath;
use super::plan::Plan;
use crate::child_spec::{ChildPolicy, StartChild};
use crate::decide::Flags;

/// A whole supervision tree, read from files and checked: it can be started as it is.
///
/// Two are equal if they have the same supervisors, and the same children in the same order that are started by
/// functions of the same names with equal arguments.
///
/// # Examples
///
/// ```
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// let tree = plant(r#"(children: [(id: "front", children: [(id: "till", start: "worker", args: 1)])])"#);
/// let paths: Vec<String> = tree.paths().iter().map(ToString::to_string).collect();
/// assert_eq!(paths, ["/front", "/front/till"]);
/// let same = plant(r#"(children: [(id: "front", children: [(id: "till", start: "worker", args: 1)])],)"#);
/// assert!(tree == same && tree.plan(&same).is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub(crate) top: SupervisorShape,
}

impl Tree {
    /// What would make `new` of this tree while it runs, with the least of starts and stops.
    pub fn plan(&self, new: &Tree) -> Plan {
        Plan::between(self, new)
    }

    /// The paths of all its children, each after its supervisor.
    pub fn paths(&self) -> Vec<TreePath> {
        let mut paths = Vec::new();
        self.top.paths(&TreePath::top(), &mut paths);
        paths
    }

    pub(crate) fn supervisor(&self, path: &TreePath) -> Option<&SupervisorShape> {
        path.ids().try_fold(&self.top, |above, id| above.child(id)?.supervisor())
    }

    pub(crate) fn supervisor_mut(&mut self, path: &TreePath) -> Option<&mut SupervisorShape> {
        path.ids().try_fold(&mut self.top, |above, id| {
            let child = above.children.iter_mut().find(|child| *child.id == *id)?;
            match &mut child.what {
                What::Supervisor(supervisor) => Some(supervisor),
                What::Worker(_) => None,
            }
        })
    }
}

/// A supervisor of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SupervisorShape {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) flags: Flags,
    pub(crate) children: Vec<ChildShape>,
}

impl SupervisorShape {
    pub(crate) fn child(&self, id: &str) -> Option<&ChildShape> {
        self.children.iter().find(|child| *child.id == *id)
    }

    pub(crate) fn by_id(&self) -> BTreeMap<&str, &ChildShape> {
        self.children.iter().map(|child| (&*child.id, child)).collect()
    }

    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.children.iter().position(|child| *child.id == *id)
    }

    fn paths(&self, here: &TreePath, all: &mut Vec<TreePath>) {
        for child in &self.children {
            let path = here.child(&child.id);
            all.push(path.clone());
            if let Some(supervisor) = child.supervisor() {
                supervisor.paths(&path, all);
            }
        }
    }
}

/// A child of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChildShape {
    pub(crate) id: Arc<str>,
    pub(crate) policy: ChildPolicy,
    pub(crate) what: What,
}

impl ChildShape {
    pub(crate) fn supervisor(&self) -> Option<&SupervisorShape> {
        match &self.what {
            What::Supervisor(supervisor) => Some(supervisor),
            What::Worker(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Worker(WorkerStart),
    Supervisor(SupervisorShape),
}

/// How a worker is started, and from what that was made.
#[derive(Clone)]
pub(crate) struct WorkerStart {
    /// That of the start function.
    pub(crate) name: Arc<str>,
    pub(crate) args: Arc<dyn Arguments>,
    pub(crate) start: Arc<dyn StartChild>,
}

impl PartialEq for WorkerStart {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.args.equals(&*other.args)
    }
}

impl fmt::Debug for WorkerStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerStart").field(&self.name).finish()
    }
}
