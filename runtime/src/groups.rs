//! Groups of processes; OTP's `pg`.
//!
//! Invariants:
//! - A group exists while it has members, and all of them take messages of one type.
//! - A process may join a group several times and leaves it once for each. When it ends, it has left every group before
//!   anyone is told of its end.
//! - Who monitors a group learns its members and every change after that, in order, with nothing between.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Weak};

use crate::any_process::{AnyProcess, WithControl};
use crate::changes::{Changes, Line, Listeners, Woken};
use crate::held::Holder;
use crate::pid::{GroupName, Pid};
use crate::sync::Lock;

/// A group's members changed.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, GroupChange};
///
/// let test = TestSystem::new(1);
/// let (_, mut changes) = test.groups().monitor("tenors");
/// let singer = test.spawn(|ctx: Context<()>| async move {
///     ctx.system().groups().join(&ctx, "tenors").unwrap();
/// });
/// test.run_until_idle();
/// let pid = singer.pid().unwrap();
/// assert_eq!(changes.try_recv(), Some(GroupChange::Joined(pid)));
/// assert_eq!(changes.try_recv(), Some(GroupChange::Left(pid))); // By ending.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It joined.
    Joined(Pid),
    /// It left, or ended.
    Left(Pid),
}

/// A group of a scope changed.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, GroupChange, ScopeChange};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let choir = ctx.system().scope("choir");
///     let (_, mut changes) = choir.monitor_all();
///     choir.join(&ctx, "tenors").unwrap();
///     choir.leave(&ctx, "tenors").unwrap();
///     choir.join(&ctx, "basses").unwrap();
///     let told: Vec<ScopeChange> = std::iter::from_fn(|| changes.try_recv()).collect();
///     let groups: Vec<&str> = told.iter().map(|told| &*told.group).collect();
///     assert_eq!(groups, ["tenors", "tenors", "basses"]);
///     assert_eq!(told[1].change, GroupChange::Left(ctx.pid()));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChange {
    /// The group.
    pub group: Arc<str>,
    /// What became of its members.
    pub change: GroupChange,
}

/// Why a process did not join or leave a group, or a group has no members of that type.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, GroupError};
///
/// TestSystem::new(1).run(|ctx: Context<u32>| async move {
///     let groups = ctx.system().groups();
///     groups.join(&ctx, "sensors").unwrap();
///     let error = groups.broadcast("sensors", "how warm is it?").unwrap_err();
///     assert_eq!(error.to_string(), r#"the members of group "sensors" take messages of type u32, not &str"#);
///     let error = groups.leave(&ctx, "meters").unwrap_err();
///     assert!(matches!(error, GroupError::NotJoined { pid, .. } if pid == ctx.pid()));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The group's members take other messages.
    #[error("the members of group {group} take messages of type {found}, not {wanted}")]
    OtherMessageType {
        /// The group.
        group: GroupName,
        /// The type asked for.
        wanted: &'static str,
        /// The type they take.
        found: &'static str,
    },
    /// The process has ended.
    #[error("{pid} cannot join group {group}: it has ended")]
    NoProcess {
        /// The process.
        pid: Pid,
        /// The group.
        group: GroupName,
    },
    /// The process is not in the group.
    #[error("{pid} is not in group {group}")]
    NotJoined {
        /// The process.
        pid: Pid,
        /// The group.
        group: GroupName,
    },
}

#[derive(Default)]
pub(crate) struct Groups {
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<GroupName, Group>,
    /// Who monitors all groups of a scope.
    scopes: BTreeMap<Arc<str>, Listeners<ScopeChange>>,
    /// The groups of each process that is a member of any.
    of: BTreeMap<Pid, BTreeSet<GroupName>>,
}

/// It is kept while it has members or somebody monitors it.
#[derive(Default)]
struct Group {
    members: BTreeMap<Pid, Member>,
    monitors: Listeners<GroupChange>,
}

/// The members of each group of a scope, by the group's name.
type Members = BTreeMap<Arc<str>, Vec<Pid>>;

struct Member {
    process: Arc<dyn AnyProcess>,
    times: u32,
}

impl Groups {
    /// Adds `process`, once more if it is a member already.
    pub(crate) fn join(self: &Arc<Self>, name: &GroupName, process: &Arc<dyn AnyProcess>) -> Result<(), GroupError> {
        let mut state = self.state.lock();
        if let Some(other) = state.any_member(name).filter(|other| !are_alike(&***other, &**process)) {
            return Err(GroupError::OtherMessageType {
                group: name.clone(),
                wanted: process.message_type(),
                found: other.message_type(),
            });
        }
        let this: Weak<Groups> = Arc::downgrade(self);
        if !process.control(|control| control.hold(this)) {
            return Err(GroupError::NoProcess { pid: process.pid(), group: name.clone() });
        }
        let mut woken = Woken::default();
        state.add(name, process, &mut woken);
        drop(state);
        woken.wake();
        Ok(())
    }

    /// Takes a process out, once.
    pub(crate) fn leave(&self, name: &GroupName, pid: Pid) -> Result<(), GroupError> {
        let mut state = self.state.lock();
        let Some(member) = state.groups.get_mut(name).and_then(|group| group.members.get_mut(&pid)) else {
            return Err(GroupError::NotJoined { pid, group: name.clone() });
        };
        member.times -= 1;
        if member.times == 0 {
            let mut woken = Woken::default();
            let member = state.remove(name, pid, &mut woken);
            drop(state);
            drop(member);
            woken.wake();
        }
        Ok(())
    }

    pub(crate) fn members(&self, name: &GroupName) -> Vec<Arc<dyn AnyProcess>> {
        let state = self.state.lock();
        let group = state.groups.get(name);
        group.map(|group| group.members.values().map(|member| member.process.clone()).collect()).unwrap_or_default()
    }

    /// The groups of a process, sorted.
    pub(crate) fn of(&self, pid: Pid) -> Vec<GroupName> {
        let state = self.state.lock();
        state.of.get(&pid).map(|groups| groups.iter().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn monitor(self: &Arc<Self>, name: &GroupName) -> (Vec<Pid>, Changes<GroupChange>) {
        let mut state = self.state.lock();
        let group = state.groups.entry(name.clone()).or_default();
        let members = group.members.keys().copied().collect();
        let line = group.monitors.add();
        drop(state);
        let (this, name) = (Arc::downgrade(self), name.clone());
        let forget = move |line: &_| {
            if let Some(groups) = this.upgrade() {
                groups.state.lock().forget(&name, line);
            }
        };
        (members, Changes::new(line, forget))
    }

    pub(crate) fn monitor_scope(self: &Arc<Self>, scope: &Arc<str>) -> (Members, Changes<ScopeChange>) {
        let mut state = self.state.lock();
        let of_scope = state.groups.iter().filter(|(name, group)| name.scope == *scope && !group.members.is_empty());
        let members =
            of_scope.map(|(name, group)| (name.name.clone(), group.members.keys().copied().collect())).collect();
        let line = state.scopes.entry(scope.clone()).or_default().add();
        drop(state);
        let (this, scope) = (Arc::downgrade(self), scope.clone());
        let forget = move |line: &_| {
            if let Some(groups) = this.upgrade() {
                groups.state.lock().forget_scope(&scope, line);
            }
        };
        (members, Changes::new(line, forget))
    }

    /// The groups of a scope that have members.
    pub(crate) fn names(&self, scope: &str) -> Vec<Arc<str>> {
        let state = self.state.lock();
        let of_scope = state.groups.iter().filter(|(name, group)| &*name.scope == scope && !group.members.is_empty());
        of_scope.map(|(name, _)| name.name.clone()).collect()
    }
}

impl Holder for Groups {
    fn release(&self, pid: Pid) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let groups = state.of.remove(&pid).unwrap_or_default();
        let left: Vec<_> = groups.iter().map(|name| state.remove(name, pid, &mut woken)).collect();
        drop(state);
        drop(left);
        woken.wake();
    }
}

impl State {
    fn any_member(&self, name: &GroupName) -> Option<&Arc<dyn AnyProcess>> {
        self.groups.get(name)?.members.values().next().map(|member| &member.process)
    }

    fn add(&mut self, name: &GroupName, process: &Arc<dyn AnyProcess>, woken: &mut Woken) {
        let pid = process.pid();
        let group = self.groups.entry(name.clone()).or_default();
        if let Some(member) = group.members.get_mut(&pid) {
            member.times += 1;
            return;
        }
        group.members.insert(pid, Member { process: process.clone(), times: 1 });
        self.of.entry(pid).or_default().insert(name.clone());
        self.tell(name, GroupChange::Joined(pid), woken);
    }

    /// Takes a process out of a group, however often it joined. What is returned must be dropped when the lock is free.
    fn remove(&mut self, name: &GroupName, pid: Pid, woken: &mut Woken) -> Option<Member> {
        if let Some(groups) = self.of.get_mut(&pid) {
            groups.remove(name);
            if groups.is_empty() {
                self.of.remove(&pid);
            }
        }
        let member = self.groups.get_mut(name)?.members.remove(&pid)?;
        self.tell(name, GroupChange::Left(pid), woken);
        self.tidy(name);
        Some(member)
    }

    fn tell(&self, name: &GroupName, change: GroupChange, woken: &mut Woken) {
        if let Some(group) = self.groups.get(name) {
            group.monitors.tell(&change, woken);
        }
        if let Some(monitors) = self.scopes.get(&name.scope) {
            monitors.tell(&ScopeChange { group: name.name.clone(), change }, woken);
        }
    }

    fn forget(&mut self, name: &GroupName, line: &Arc<Line<GroupChange>>) {
        if let Some(group) = self.groups.get_mut(name) {
            group.monitors.remove(line);
        }
        self.tidy(name);
    }

    fn forget_scope(&mut self, scope: &Arc<str>, line: &Arc<Line<ScopeChange>>) {
        if let Some(monitors) = self.scopes.get_mut(scope) {
            monitors.remove(line);
            if monitors.is_empty() {
                self.scopes.remove(scope);
            }
        }
    }

    fn tidy(&mut self, name: &GroupName) {
        if self.groups.get(name).is_some_and(|group| group.members.is_empty() && group.monitors.is_empty()) {
            self.groups.remove(name);
        }
    }
}

/// Whether two processes take messages of one type. Two types may have one name.
fn are_alike(a: &dyn AnyProcess, b: &dyn AnyProcess) -> bool {
    (a as &dyn Any).type_id() == (b as &dyn Any).type_id()
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("count", &self.state.lock().groups.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_or_scope_without_members_is_forgotten_with_the_last_who_monitors_it() {
        let groups = Arc::new(Groups::default());
        let name = GroupName { scope: "".into(), name: "empty".into() };
        let (one, other) = (groups.monitor(&name).1, groups.monitor(&name).1);
        drop(one);
        assert_eq!(groups.state.lock().groups.len(), 1);
        drop(other);
        assert_eq!(groups.state.lock().groups.len(), 0);
        let (one, other) = (groups.monitor_scope(&name.scope).1, groups.monitor_scope(&name.scope).1);
        drop(one);
        assert_eq!(groups.state.lock().scopes.len(), 1);
        drop(other);
        assert_eq!(groups.state.lock().scopes.len(), 0);
    }
}
