//! Groups of processes; OTP's `pg`.
//!
//! Invariants:
//! - A group exists while it has members, and all of them take messages of one type.
//! - A process may join a group several times and leaves it once for each. When it ends, it has left every group before
//!   anyone is told of its end.
//! - Who monitors a group learns its members and every change after that, in order, with nothing between.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_channel::{Receiver, Sender};

use crate::any_process::{AnyProcess, WithControl};
use crate::pid::{GroupName, Pid};
use crate::sync::Lock;

/// A group's members changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It joined.
    Joined(Pid),
    /// It left, or ended.
    Left(Pid),
}

/// Why a process did not join or leave a group, or a group has no members of that type.
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
    groups: Lock<BTreeMap<GroupName, Group>>,
}

#[derive(Default)]
struct Group {
    members: BTreeMap<Pid, Member>,
    monitors: Vec<Sender<GroupChange>>,
}

struct Member {
    process: Arc<dyn AnyProcess>,
    times: u32,
}

impl Groups {
    /// Adds `process`, once more if it is a member already. One that has ended joins nothing.
    pub(crate) fn join(&self, name: &GroupName, process: &Arc<dyn AnyProcess>) -> Result<(), GroupError> {
        let mut groups = self.groups.lock();
        let group = groups.entry(name.clone()).or_default();
        if let Some(other) = group.any_member().filter(|other| !are_alike(&***other, &**process)) {
            return Err(GroupError::OtherMessageType {
                group: name.clone(),
                wanted: process.message_type(),
                found: other.message_type(),
            });
        }
        group.add(process);
        drop(groups);
        // The process may have ended before it became a member; then nobody else takes it out.
        let lives = process.control(|control| {
            let lives = control.is_running();
            if lives {
                control.groups.insert(name.clone());
            }
            lives
        });
        if !lives {
            self.leave_for_good(name, process.pid());
        }
        Ok(())
    }

    /// Takes a process out, once.
    pub(crate) fn leave(&self, name: &GroupName, process: &dyn AnyProcess) -> Result<(), GroupError> {
        let pid = process.pid();
        let mut groups = self.groups.lock();
        let member = groups.get_mut(name).and_then(|group| group.members.get_mut(&pid));
        let Some(member) = member else {
            return Err(GroupError::NotJoined { pid, group: name.clone() });
        };
        member.times -= 1;
        let gone = member.times == 0;
        drop(groups);
        if gone {
            process.control(|control| control.groups.remove(name));
            self.leave_for_good(name, pid);
        }
        Ok(())
    }

    /// Takes a process out, however often it joined.
    pub(crate) fn leave_for_good(&self, name: &GroupName, pid: Pid) {
        let mut groups = self.groups.lock();
        let Some(group) = groups.get_mut(name) else { return };
        let member = group.remove(pid);
        if group.members.is_empty() && group.monitors.is_empty() {
            groups.remove(name);
        }
        drop(groups);
        drop(member);
    }

    pub(crate) fn members(&self, name: &GroupName) -> Vec<Arc<dyn AnyProcess>> {
        let groups = self.groups.lock();
        let members =
            groups.get(name).map(|group| group.members.values().map(|member| member.process.clone()).collect());
        members.unwrap_or_default()
    }

    pub(crate) fn monitor(&self, name: &GroupName) -> (Vec<Pid>, Receiver<GroupChange>) {
        let (sender, receiver) = async_channel::unbounded();
        let mut groups = self.groups.lock();
        let group = groups.entry(name.clone()).or_default();
        group.monitors.retain(|monitor| !monitor.is_closed());
        group.monitors.push(sender);
        (group.members.keys().copied().collect(), receiver)
    }

    /// The groups of a scope that have members.
    pub(crate) fn names(&self, scope: &str) -> Vec<Arc<str>> {
        let groups = self.groups.lock();
        let of_scope = groups.iter().filter(|(name, group)| &*name.scope == scope && !group.members.is_empty());
        of_scope.map(|(name, _)| name.name.clone()).collect()
    }
}

impl Group {
    fn any_member(&self) -> Option<&Arc<dyn AnyProcess>> {
        self.members.values().next().map(|member| &member.process)
    }

    fn add(&mut self, process: &Arc<dyn AnyProcess>) {
        let pid = process.pid();
        match self.members.get_mut(&pid) {
            Some(member) => member.times += 1,
            None => {
                self.members.insert(pid, Member { process: process.clone(), times: 1 });
                self.tell(GroupChange::Joined(pid));
            }
        }
    }

    fn remove(&mut self, pid: Pid) -> Option<Member> {
        let member = self.members.remove(&pid)?;
        self.tell(GroupChange::Left(pid));
        Some(member)
    }

    /// Under the groups' lock, so that all hear of changes in one order; the channel has room for any number.
    fn tell(&mut self, change: GroupChange) {
        self.monitors.retain(|monitor| monitor.try_send(change).is_ok());
    }
}

/// Whether two processes take messages of one type. Two types may have one name.
fn are_alike(a: &dyn AnyProcess, b: &dyn AnyProcess) -> bool {
    (a as &dyn Any).type_id() == (b as &dyn Any).type_id()
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("count", &self.groups.lock().len()).finish()
    }
}
