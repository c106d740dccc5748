//! Name to process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::any_process::{AnyProcess, WithControl};
use crate::pid::Pid;
use crate::sync::Lock;

/// Why a name was not registered.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Somebody else has the name.
    #[error("the name {name:?} is taken by {owner}")]
    Taken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        owner: Pid,
    },
    /// A process has one name at most, as in OTP.
    #[error("{pid} cannot be registered as {name:?}: it is {present:?} already")]
    Named {
        /// The process.
        pid: Pid,
        /// The name asked for.
        name: Arc<str>,
        /// The name it has.
        present: Arc<str>,
    },
    /// The process has ended.
    #[error("{pid} cannot be registered as {name:?}: it has ended")]
    NoProcess {
        /// The process.
        pid: Pid,
        /// The name asked for.
        name: Arc<str>,
    },
}

/// Why a name led to no address.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Nobody has the name.
    #[error("no process is registered as {name:?}")]
    NotRegistered {
        /// The name.
        name: Arc<str>,
    },
    /// The process of that name takes other messages.
    #[error("{name:?} takes messages of type {found}, not {wanted}")]
    OtherMessageType {
        /// The name.
        name: Arc<str>,
        /// The type asked for.
        wanted: &'static str,
        /// The type the process takes.
        found: &'static str,
    },
}

#[derive(Default)]
pub(crate) struct Registry {
    names: Lock<BTreeMap<Arc<str>, Arc<dyn AnyProcess>>>,
}

impl Registry {
    /// Gives `process` the name. A process that ends meanwhile does not keep it.
    pub(crate) fn register(&self, name: &Arc<str>, process: &Arc<dyn AnyProcess>) -> Result<(), RegisterError> {
        self.reserve(name, process)?;
        let refusal = process.control(|control| {
            let name = name.clone();
            if !control.is_running() {
                return Some(RegisterError::NoProcess { pid: process.pid(), name });
            }
            if let Some(present) = control.name.clone() {
                return Some(RegisterError::Named { pid: process.pid(), name, present });
            }
            control.name = Some(name);
            None
        });
        match refusal {
            None => Ok(()),
            Some(refusal) => {
                self.release(name, process.pid());
                Err(refusal)
            }
        }
    }

    fn reserve(&self, name: &Arc<str>, process: &Arc<dyn AnyProcess>) -> Result<(), RegisterError> {
        let mut names = self.names.lock();
        if let Some(owner) = names.get(name) {
            return match owner.pid() {
                owner if owner == process.pid() => {
                    Err(RegisterError::Named { pid: owner, name: name.clone(), present: name.clone() })
                }
                owner => Err(RegisterError::Taken { name: name.clone(), owner }),
            };
        }
        names.insert(name.clone(), process.clone());
        Ok(())
    }

    /// Frees the name if `owner` has it.
    pub(crate) fn release(&self, name: &str, owner: Pid) {
        let mut names = self.names.lock();
        let process = names.get(name).filter(|process| process.pid() == owner).cloned();
        if process.is_some() {
            names.remove(name);
        }
        // The last handle to a process may drop what user code made: not under the lock.
        drop(names);
        drop(process);
    }

    /// Frees the name, whoever has it, and returns who had it.
    pub(crate) fn unregister(&self, name: &str) -> Option<Pid> {
        let process = self.names.lock().remove(name)?;
        process.control(|control| {
            if control.name.as_deref() == Some(name) {
                control.name = None;
            }
        });
        Some(process.pid())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn AnyProcess>> {
        self.names.lock().get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.names.lock().keys().cloned().collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
