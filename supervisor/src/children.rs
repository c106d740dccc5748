//! A supervisor's children, in the order in which they start.

use std::collections::BTreeMap;
use std::sync::Arc;

use proscenium_runtime::{Offender, Pid};

use crate::child_spec::{ChildSpec, Restart};

/// Names a child among its siblings; a greater one starts later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) spec: ChildSpec,
    pub(crate) state: ChildState,
    /// How many times it was started.
    pub(crate) starts: u32,
}

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It lives.
    Running(Pid),
    /// Its restart failed and will be tried again.
    Restarting,
    /// It does not live: it was stopped, ended in peace, or chose not to run.
    Stopped,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    by_key: BTreeMap<Key, Child>,
    by_id: BTreeMap<Arc<str>, Key>,
    by_pid: BTreeMap<Pid, Key>,
    last: u64,
}

impl Children {
    /// Adds a child behind the others, not yet started; its key, or the one that has its id already.
    pub(crate) fn add(&mut self, spec: ChildSpec) -> Result<Key, Key> {
        if let Some(key) = self.by_id.get(&spec.id) {
            return Err(*key);
        }
        self.last += 1;
        let key = Key(self.last);
        self.by_id.insert(spec.id.clone(), key);
        self.by_key.insert(key, Child { spec, state: ChildState::Stopped, starts: 0 });
        Ok(key)
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.set_state(key, ChildState::Stopped);
        if let Some(child) = self.by_key.remove(&key) {
            self.by_id.remove(&child.spec.id);
        }
    }

    pub(crate) fn set_state(&mut self, key: Key, state: ChildState) {
        let Some(child) = self.by_key.get_mut(&key) else { return };
        if let ChildState::Running(pid) = child.state {
            self.by_pid.remove(&pid);
        }
        if let ChildState::Running(pid) = state {
            self.by_pid.insert(pid, key);
            child.starts = child.starts.saturating_add(1);
        }
        child.state = state;
    }

    /// The child no longer lives: its spec stays, unless it is temporary.
    pub(crate) fn ended(&mut self, key: Key) {
        match self.get(key).map(|child| child.spec.restart) {
            Some(Restart::Temporary) => self.remove(key),
            _ => self.set_state(key, ChildState::Stopped),
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child> {
        self.by_key.get(&key)
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Key, &Child)> {
        let key = *self.by_id.get(id)?;
        Some((key, self.by_key.get(&key)?))
    }

    pub(crate) fn by_pid(&self, pid: Pid) -> Option<(Key, &Child)> {
        let key = *self.by_pid.get(&pid)?;
        Some((key, self.by_key.get(&key)?))
    }

    /// Oldest first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_key.keys().copied()
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Child> {
        self.by_key.values()
    }

    /// The child as reports name it.
    pub(crate) fn offender(&self, key: Key, pid: Option<Pid>) -> Offender {
        let spec = &self.get(key).expect("what is reported is a child that is there").spec;
        Offender::new(spec.id.clone(), pid, spec.restart, spec.shutdown, spec.significant, spec.kind())
    }
}
