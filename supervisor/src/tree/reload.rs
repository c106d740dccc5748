//! The steps from one tree to another, carried out while it runs.
//!
//! Invariant: after each step the tree that is kept is the one that runs. So a supervisor that fails in the middle of a
//! reload is restarted with what it had by then, and a reload that fails leaves a tree with which the next can begin.

use std::sync::Arc;

use proscenium_runtime::{CallError, Pid, RegisterError};

use super::change::Change;
use super::live::Shared;
use super::path::TreePath;
use super::plan::{Action, Plan, Step, insert, remove};
use super::shape::{ChildShape, Tree};
use crate::children::ChildState;
use crate::error::ChildError;
use crate::supervisor_ref::SupervisorRef;

/// How often a request is made again because the supervisor was restarted meanwhile.
const MOST_RETRIES: usize = 3;

/// A reload did not get through. What it had done by then stays done.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::process;
/// use proscenium_supervisor::tree::{Catalog, ReloadError, TreeFiles};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let catalog = Catalog::new().start("worker", |name: String| {
///         process(|mut ctx: Context<()>| async move { ctx.receive_message().await }).name(&name)
///     });
///     let read = |text: &str| catalog.read(&TreeFiles::new("tree").embed("tree", text)).unwrap();
///     let tree = read("(children: [])").start_link(&mut ctx).await.unwrap();
///     ctx.register("till").unwrap(); // That name is taken.
///     let new = read(r#"(children: [(id: "a", start: "worker", args: "till")])"#);
///     let error = tree.reload(new).await.unwrap_err();
///     assert!(matches!(&error, ReloadError::Step { step, .. } if step == "start /a"));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReloadError {
    /// Another one is under way.
    #[error("another reload is under way")]
    Busy,
    /// A supervisor did not do what a step asked.
    #[error("{step}: {error}")]
    Step {
        /// The step, as the plan prints it.
        step: String,
        /// Why not.
        error: ChildError,
    },
    /// A supervisor could not have its new name.
    #[error("{step}: {error}")]
    Name {
        /// The step, as the plan prints it.
        step: String,
        /// Why not.
        error: RegisterError,
    },
    /// The process that carries it out was ended. The step that it was at may be half done.
    #[error("the reload was interrupted: {0}")]
    Interrupted(#[from] CallError),
}

/// The one reload that goes on; another begins only when this is dropped.
pub(super) struct Reloading(Arc<Shared>);

impl Reloading {
    pub(super) fn begin(shared: &Arc<Shared>) -> Result<Self, ReloadError> {
        let is_going_on = std::mem::replace(&mut shared.lock().reloading, true);
        if is_going_on { Err(ReloadError::Busy) } else { Ok(Reloading(shared.clone())) }
    }

    pub(super) async fn become_like(&self, new: &Tree) -> Result<Plan, ReloadError> {
        let before = self.0.lock().tree.clone();
        let plan = before.plan(new);
        for step in &plan.steps {
            self.carry_out(step).await?;
        }
        Ok(plan)
    }

    async fn carry_out(&self, step: &Step) -> Result<(), ReloadError> {
        let failed = |error| ReloadError::Step { step: step.to_string(), error };
        let above = step.path.parent().unwrap_or_default();
        match &step.action {
            Action::Stop { .. } => {
                let before = self.0.lock().tree.clone();
                // Before it stops: a supervisor that is started meanwhile does without it.
                self.0.change(|tree| step.apply(tree));
                let id = step.path.id().unwrap_or_default();
                if let Err(error) = self.ask(&above, Request::Stop(id)).await {
                    self.0.change(|tree| *tree = before);
                    return Err(failed(error));
                }
                self.0.lock().supervisors.retain(|path, _| !path.is_within(&step.path));
                Ok(())
            }
            Action::Change(change) => self.change(step, change).await,
            Action::Start { position, child, before } => {
                let Err(error) = self.start(&step.path, *position, child).await else {
                    return self.put_in_place(&step.path).await.map_err(failed);
                };
                if let Some(before) = before {
                    // One that cannot be replaced is better than none; should it fail, too, the first error tells.
                    let _ = self.start(&step.path, *position, before).await;
                }
                Err(failed(error))
            }
        }
    }

    /// Starts a child behind so many siblings. If it does not start, it is no part of the tree.
    async fn start(&self, path: &TreePath, position: usize, child: &ChildShape) -> Result<(), ChildError> {
        let above = path.parent().unwrap_or_default();
        let supervisor = self.find(&above).await?;
        // Before it starts: a supervisor reads from there what to be. So does one that is itself started from now on.
        self.0.change(|tree| insert(tree, path, position, child.clone()));
        let request = Request::Start { child, above: &above, knows: false };
        let asked = match supervisor {
            Some(supervisor) => Some(self.request(&supervisor, request).await),
            None => None,
        };
        let started = match asked {
            Some(Err(ChildError::Call(_))) | None => {
                self.ask(&above, Request::Start { child, above: &above, knows: true }).await
            }
            Some(started) => started,
        };
        if started.is_err() {
            self.0.change(|tree| drop(remove(tree, path)));
        }
        started
    }

    /// A supervisor has a new child behind all others.
    async fn put_in_place(&self, child: &TreePath) -> Result<(), ChildError> {
        let above = child.parent().unwrap_or_default();
        let tree = self.0.lock().tree.clone();
        let last = tree.supervisor(&above).and_then(|shape| shape.children.last());
        match last.is_some_and(|last| Some(&*last.id) == child.id()) {
            true => Ok(()),
            false => self.ask(&above, Request::Update(&above)).await,
        }
    }

    async fn change(&self, step: &Step, change: &Change) -> Result<(), ReloadError> {
        let before = self.0.lock().tree.supervisor(&step.path).and_then(|shape| shape.name.clone());
        self.0.change(|tree| step.apply(tree));
        let updated = self.ask(&step.path, Request::Update(&step.path)).await;
        updated.map_err(|error| ReloadError::Step { step: step.to_string(), error })?;
        self.rename(&step.path, before.as_deref(), change.name.as_deref()).map_err(|error| {
            self.0.change(|tree| {
                if let Some(shape) = tree.supervisor_mut(&step.path) {
                    shape.name = None;
                }
            });
            ReloadError::Name { step: step.to_string(), error }
        })
    }

    /// Gives a supervisor another name. One that is started again has it by then.
    fn rename(&self, path: &TreePath, old: Option<&str>, new: Option<&str>) -> Result<(), RegisterError> {
        let (system, supervisor) = {
            let state = self.0.lock();
            (state.system.clone(), state.supervisors.get(path).and_then(SupervisorRef::pid))
        };
        let (Some(system), Some(pid)) = (system, supervisor) else { return Ok(()) };
        if old == new || !system.is_alive(pid) {
            return Ok(());
        }
        if let Some(old) = old.filter(|old| system.whereis(old) == Some(pid)) {
            system.unregister(old);
        }
        match new {
            Some(new) if system.whereis(new) != Some(pid) => system.register(new, pid),
            _ => Ok(()),
        }
    }

    /// Asks the supervisor at `path`, in whatever incarnation. One that does not run is not asked: it starts as the tree
    /// has it.
    async fn ask(&self, path: &TreePath, request: Request<'_>) -> Result<(), ChildError> {
        let mut retries = 0;
        loop {
            let asked = match self.find(path).await {
                Ok(Some(supervisor)) => self.request(&supervisor, request).await,
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
            };
            match asked {
                Err(ChildError::Call(_)) if retries < MOST_RETRIES => retries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn request(&self, supervisor: &SupervisorRef, request: Request<'_>) -> Result<(), ChildError> {
        match request {
            Request::Stop(id) => match supervisor.remove_child(id).await {
                // One that was temporary and has ended is forgotten already.
                Err(ChildError::NotFound { .. }) => Ok(()),
                outcome => outcome,
            },
            Request::Start { child, above, knows } => match supervisor.start_child(self.0.spec(child, above)).await {
                Err(ChildError::AlreadyStarted { .. } | ChildError::AlreadyPresent { .. }) if knows => Ok(()),
                outcome => outcome.map(drop),
            },
            Request::Update(path) => match self.0.supervisor(path) {
                Some(like) => supervisor.update(like).await,
                None => Ok(()),
            },
        }
    }

    /// The supervisor at `path`; `None` if it does not run, and nobody is about to start it.
    async fn find(&self, path: &TreePath) -> Result<Option<SupervisorRef>, ChildError> {
        let mut here = TreePath::top();
        let mut found = self.known(&here);
        for id in path.ids() {
            let Some(above) = found else { return Ok(None) };
            here = here.child(id);
            found = match self.runs(&above, id).await? {
                true => self.known(&here),
                false => None,
            };
        }
        Ok(found)
    }

    fn known(&self, path: &TreePath) -> Option<SupervisorRef> {
        self.0.lock().supervisors.get(path).cloned()
    }

    async fn runs(&self, supervisor: &SupervisorRef, id: &str) -> Result<bool, ChildError> {
        loop {
            let children = supervisor.which_children().await?;
            match children.iter().find(|child| *child.id == *id).map(|child| child.state) {
                // It has ended, and its supervisor has yet to hear of it.
                Some(ChildState::Running(pid)) if !self.is_alive(pid) => {}
                state => return Ok(matches!(state, Some(ChildState::Running(_)))),
            }
        }
    }

    fn is_alive(&self, pid: Pid) -> bool {
        self.0.lock().system.as_ref().is_some_and(|system| system.is_alive(pid))
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        self.0.lock().reloading = false;
    }
}

/// What a supervisor is asked.
#[derive(Clone, Copy)]
enum Request<'a> {
    /// To stop a child for good.
    Stop(&'a str),
    /// To start a child, as one of the supervisor at the path `above`, which may know of it if it was started meanwhile.
    Start { child: &'a ChildShape, above: &'a TreePath, knows: bool },
    /// To become as the tree has it at that path.
    Update(&'a TreePath),
}
