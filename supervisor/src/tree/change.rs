//! What becomes of supervisors and children that two trees have in common; pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::shape::{ChildShape, SupervisorShape, What};
use crate::child_spec::ChildPolicy;
use crate::decide::Flags;

/// What becomes of a child that both trees have.
pub(super) enum Fate<'a> {
    Stays,
    /// It is a supervisor and stays, but it or what is below it may change.
    Changes(&'a SupervisorShape, &'a SupervisorShape),
    /// Why.
    Restarts(&'static str),
}

impl Fate<'_> {
    pub(super) fn is_kept(&self) -> bool {
        !matches!(self, Fate::Restarts(_))
    }
}

pub(super) fn fate<'a>(old: &'a ChildShape, new: &'a ChildShape) -> Fate<'a> {
    match (&old.what, &new.what) {
        (What::Supervisor(old), What::Supervisor(new)) => Fate::Changes(old, new),
        (What::Worker(old), What::Worker(new)) if old == new => Fate::Stays,
        (What::Worker(old), What::Worker(new)) if old.name == new.name => Fate::Restarts("with other arguments"),
        (What::Worker(_), What::Worker(_)) => Fate::Restarts("by another start function"),
        (What::Worker(_), What::Supervisor(_)) => Fate::Restarts("as a supervisor"),
        (What::Supervisor(_), What::Worker(_)) => Fate::Restarts("as a worker"),
    }
}

/// What becomes of a supervisor and of the children that it keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) flags: Flags,
    /// In their new order.
    pub(crate) children: Vec<(Arc<str>, ChildPolicy)>,
    /// What of it is new, in words.
    pub(super) details: Vec<String>,
}

impl Change {
    /// `None` if nothing changes in place.
    pub(super) fn between(old: &SupervisorShape, new: &SupervisorShape) -> Option<Self> {
        let mut details = Vec::new();
        if let Some(name) = new.name.as_ref().filter(|_| old.name != new.name) {
            details.push(format!("name {name:?}"));
        }
        describe(&mut details, "strategy", &old.flags.strategy, &new.flags.strategy);
        describe(&mut details, "intensity", &old.flags.intensity, &new.flags.intensity);
        describe(&mut details, "period", &old.flags.period, &new.flags.period);
        describe(&mut details, "auto_shutdown", &old.flags.auto_shutdown, &new.flags.auto_shutdown);
        describe(&mut details, "backoff", &old.flags.backoff, &new.flags.backoff);
        let before = old.by_id();
        let kept = |child: &&ChildShape| before.get(&*child.id).is_some_and(|old| fate(old, child).is_kept());
        let kept: Vec<&ChildShape> = new.children.iter().filter(kept).collect();
        for ChildShape { id, policy, .. } in &kept {
            let before = before.get(&**id)?.policy;
            describe(&mut details, &format!("{id}'s restart"), &before.restart, &policy.restart);
            describe(&mut details, &format!("{id}'s shutdown"), &before.shutdown, &policy.shutdown);
            describe(&mut details, &format!("{id}'s significance"), &before.significant, &policy.significant);
        }
        let ids: BTreeSet<&str> = kept.iter().map(|child| &*child.id).collect();
        let order_before = old.children.iter().map(|child| &*child.id).filter(|id| ids.contains(id));
        if !order_before.eq(kept.iter().map(|child| &*child.id)) {
            let order: Vec<&str> = kept.iter().map(|child| &*child.id).collect();
            details.push(format!("order {}", order.join(", ")));
        }
        let children = kept.into_iter().map(|child| (child.id.clone(), child.policy)).collect();
        let change = Change { name: new.name.clone(), flags: new.flags, children, details };
        (!change.details.is_empty()).then_some(change)
    }

    pub(super) fn apply(&self, supervisor: &mut SupervisorShape) {
        supervisor.name.clone_from(&self.name);
        supervisor.flags = self.flags;
        let place: BTreeMap<&str, (usize, ChildPolicy)> =
            self.children.iter().enumerate().map(|(place, (id, policy))| (&**id, (place, *policy))).collect();
        for child in &mut supervisor.children {
            if let Some((_, policy)) = place.get(&*child.id) {
                child.policy = *policy;
            }
        }
        // Those that are not named come last, in their order.
        supervisor.children.sort_by_key(|child| place.get(&*child.id).map_or(usize::MAX, |(place, _)| *place));
    }
}

fn describe<T: fmt::Debug + PartialEq>(details: &mut Vec<String>, what: &str, old: &T, new: &T) {
    if old != new {
        details.push(format!("{what} {old:?} -> {new:?}"));
    }
}
