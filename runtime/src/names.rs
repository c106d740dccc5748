//! Name to process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use event_listener::Event;

use crate::any_process::{AnyProcess, WithControl};
use crate::key::KeyError;
use crate::pid::Pid;
use crate::sync::Lock;

/// Why a name was not registered.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, RegisterError, SpawnOptions};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.register("shop").unwrap();
///     let again = SpawnOptions::new().name("shop");
///     let error = ctx.spawn_link_with(again, |_ctx: Context<()>| async {}).unwrap_err();
///     assert_eq!(error, RegisterError::Taken { name: "shop".into(), owner: ctx.pid() }); // Who is in the way.
///     let error = ctx.register("store").unwrap_err();
///     assert!(error.to_string().ends_with(r#"cannot be registered as "store": it is "shop" already"#));
/// });
/// ```
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
    /// It was to have a key beside the name, or instead.
    #[error(transparent)]
    Key(#[from] KeyError),
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
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, LookupError};
///
/// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
///     let error = ctx.system().lookup::<u32>("till").unwrap_err();
///     assert_eq!(error, LookupError::NotRegistered { name: "till".into() });
///     ctx.register("till").unwrap();
///     let error = ctx.system().lookup::<&str>("till").unwrap_err();
///     assert_eq!(error.to_string(), r#""till" takes messages of type u32, not &str"#);
/// });
/// ```
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
pub(crate) struct Names {
    /// Whoever is in here knows that name as its own. Where both change, the process's lock is taken within this one.
    names: Lock<BTreeMap<Arc<str>, Arc<dyn AnyProcess>>>,
    /// Told when a name is given.
    given: Event,
}

impl Names {
    /// Gives `process` the name, if it lives. When it ends, it [`release`](Self::release)s the name.
    pub(crate) fn register(&self, name: &Arc<str>, process: &Arc<dyn AnyProcess>) -> Result<(), RegisterError> {
        let mut names = self.names.lock();
        let owner = names.get(name).map(|owner| owner.pid());
        if let Some(owner) = owner.filter(|owner| *owner != process.pid()) {
            return Err(RegisterError::Taken { name: name.clone(), owner });
        }
        process.control(|control| {
            let (pid, name) = (process.pid(), name.clone());
            if !control.is_running() {
                return Err(RegisterError::NoProcess { pid, name });
            }
            if let Some(present) = control.name().cloned() {
                return Err(RegisterError::Named { pid, name, present });
            }
            control.seldom.make().held.name = Some(name);
            Ok(())
        })?;
        names.insert(name.clone(), process.clone());
        drop(names);
        self.given.notify(usize::MAX);
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
        let mut names = self.names.lock();
        let process = names.remove(name)?;
        process.control(|control| control.seldom.make().held.name = None);
        drop(names);
        Some(process.pid())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn AnyProcess>> {
        self.names.lock().get(name).cloned()
    }

    /// Waits until somebody has the name.
    pub(crate) async fn when_registered(&self, name: &str) -> Arc<dyn AnyProcess> {
        loop {
            let given = self.given.listen();
            if let Some(process) = self.get(name) {
                return process;
            }
            given.await;
        }
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.names.lock().keys().cloned().collect()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
