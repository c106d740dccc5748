//! A tree while it runs: its supervisors are started from what the tree is by then.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proscenium_runtime::{ChildKind, Context, Parent, Pid, Reply, StartError, SystemHandle};

use super::path::TreePath;
use super::plan::Plan;
use super::reload::{ReloadError, Reloading};
use super::shape::{ChildShape, Tree, What};
use crate::child_spec::{ChildSpec, StartChild, Starting};
use crate::supervisor::Supervisor;
use crate::supervisor_ref::SupervisorRef;
use crate::typed_start::TypedStart;

/// A tree that is started from it and can be changed while it runs; cheap to clone.
///
/// It starts as a child of any supervisor, so that `ChildSpec::new("shop", tree)` puts it into another tree; one
/// `TreeRef` is for one place. Or use [`Tree::start_link`] and [`Tree::spawn`].
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::tree::TreeRef;
/// use proscenium_supervisor::{ChildSpec, Supervisor};
///
/// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
/// # use plant::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let tree = TreeRef::new(plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#));
///     assert!(tree.top().is_none()); // It does not run yet.
///     Supervisor::one_for_one().child(ChildSpec::new("tree", tree.clone())).start_link(&mut ctx).await.unwrap();
///     assert_eq!(tree.top().unwrap().count_children().await.unwrap().active, 1);
///     assert_eq!(tree.tree().paths().len(), 1);
/// });
/// ```
#[derive(Clone)]
pub struct TreeRef {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) tree: Tree,
    /// The supervisors, each in its latest incarnation.
    pub(super) supervisors: BTreeMap<TreePath, SupervisorRef>,
    /// Where it was started, if it ever was.
    pub(super) system: Option<SystemHandle>,
    pub(super) reloading: bool,
}

impl Tree {
    /// Starts it, linked to the process of `ctx`.
    ///
    /// # Errors
    /// As [`Supervisor::start_link`].
    ///
    /// # Cancel safety
    /// As [`Supervisor::start_link`].
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{ChildKind, Context};
    /// use proscenium_supervisor::SupervisorRef;
    ///
    /// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
    /// # use plant::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tree = plant(r#"(name: "top", children: [(id: "a", start: "worker", args: 1)])"#);
    ///     tree.start_link(&mut ctx).await.unwrap();
    ///     let top = SupervisorRef::named(ctx.system(), "top");
    ///     assert_eq!(top.which_child("a").await.unwrap().kind, ChildKind::Worker);
    /// });
    /// ```
    pub async fn start_link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<TreeRef, StartError> {
        let tree = TreeRef::new(self);
        tree.start_child(&ctx.as_parent()).await?;
        Ok(tree)
    }

    /// Starts it, without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`Supervisor::start_link`].
    ///
    /// # Cancel safety
    /// As [`Supervisor::start_link`].
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
    /// # use plant::*;
    /// let test = TestSystem::new(1);
    /// let tree = plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#);
    /// let tree = test.block_on(tree.spawn(&test)).unwrap();
    /// assert!(tree.top().is_some());
    /// test.shutdown();
    /// assert_eq!(test.process_count(), 0);
    /// ```
    pub async fn spawn(self, system: &SystemHandle) -> Result<TreeRef, StartError> {
        let tree = TreeRef::new(self);
        let top = tree.shared.supervisor(&TreePath::top()).ok_or(StartError::Ignored)?;
        let supervisor = top.spawn(system).await?;
        tree.shared.started(TreePath::top(), supervisor, system);
        Ok(tree)
    }
}

impl TreeRef {
    /// A tree that does not run yet.
    pub fn new(tree: Tree) -> Self {
        let state = State { tree, supervisors: BTreeMap::new(), system: None, reloading: false };
        TreeRef { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// What the tree is now.
    pub fn tree(&self) -> Tree {
        self.shared.lock().tree.clone()
    }

    /// The top supervisor; `None` if it was never started.
    pub fn top(&self) -> Option<SupervisorRef> {
        self.supervisor(&TreePath::top())
    }

    /// The supervisor with that path, in its latest incarnation; `None` if there is none, or it was never started.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::tree::TreePath;
    ///
    /// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
    /// # use plant::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let text = r#"(children: [(id: "front", children: [(id: "till", start: "worker", args: 1)])])"#;
    ///     let tree = plant(text).start_link(&mut ctx).await.unwrap();
    ///     let front = tree.supervisor(&TreePath::top().child("front")).unwrap();
    ///     front.terminate_child("till").await.unwrap();
    ///     assert!(tree.supervisor(&TreePath::top().child("back")).is_none());
    /// });
    /// ```
    pub fn supervisor(&self, path: &TreePath) -> Option<SupervisorRef> {
        self.shared.lock().supervisors.get(path).cloned()
    }

    /// What [`reload`](Self::reload) would do.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_supervisor::tree::TreeRef;
    ///
    /// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
    /// # use plant::*;
    /// let tree = TreeRef::new(plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#));
    /// let plan = tree.plan(&plant("(intensity: 3, children: [])")); // To be looked at first.
    /// assert_eq!(plan.steps().len(), 2);
    /// assert!(plan.to_string().starts_with("stop /a"));
    /// ```
    pub fn plan(&self, new: &Tree) -> Plan {
        // Of a copy: comparing arguments is the user's code, and runs under no lock.
        self.tree().plan(new)
    }

    /// Makes the running tree like `new`, with the least of starts and stops; what is the same in both keeps running.
    /// Returns what was done. If it does not run yet, it will start like `new`.
    ///
    /// Changed settings of supervisors and children take effect in place, as OTP's `code_change` of a supervisor has
    /// it. A child that is started otherwise, or with other arguments, is stopped and started. Its siblings stay,
    /// whatever the strategy. Children that somebody added by [`SupervisorRef::start_child`] stay, too.
    ///
    /// # Errors
    /// If a step fails; then those before it stay done, and those behind it are not taken. A child that does not start
    /// is no part of the tree any more; if it was to take the place of one that ran, that one is started again.
    ///
    /// If the process that carries it out is killed, the step that it was at may be half done: [`tree`](Self::tree) then has it, and
    /// the running tree may not. No later reload will make up for that, because it looks at the former; a restart of the supervisor
    /// that the step was about does.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the reload: a process of its own carries it out.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
    /// # use plant::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tree = plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#);
    ///     let tree = tree.start_link(&mut ctx).await.unwrap();
    ///     let before = tree.top().unwrap().which_child("a").await.unwrap().state;
    ///     let changed = plant(r#"(intensity: 3, children: [(id: "a", start: "worker", args: 1)])"#);
    ///     tree.reload(changed.clone()).await.unwrap();
    ///     assert_eq!(tree.top().unwrap().which_child("a").await.unwrap().state, before); // It works on.
    ///     assert_eq!(tree.tree(), changed);
    /// });
    /// ```
    pub async fn reload(&self, new: Tree) -> Result<Plan, ReloadError> {
        let reloading = Reloading::begin(&self.shared)?;
        let Some(system) = self.shared.lock().system.clone() else {
            let plan = self.plan(&new);
            self.shared.change(|tree| *tree = new);
            return Ok(plan);
        };
        let process = system.spawn(|mut ctx: Context<Reply<Result<Plan, ReloadError>>>| async move {
            ctx.set_label("reload of a tree");
            let reply = ctx.receive_message().await;
            let outcome = reloading.become_like(&new).await;
            drop(reloading);
            reply.send(outcome);
        });
        process.call(|reply| reply).without_timeout().await?
    }
}

impl StartChild for TreeRef {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { start(&self.shared, &TreePath::top(), parent).await })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl fmt::Debug for TreeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeRef").field("top", &self.top()).finish_non_exhaustive()
    }
}

/// The start of a supervisor of a tree, from what the tree says of it by then.
struct Planted {
    shared: Arc<Shared>,
    path: TreePath,
}

impl StartChild for Planted {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(start(&self.shared, &self.path, parent))
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

/// Starts the supervisor at `path`, from what the tree says of it now.
async fn start(shared: &Arc<Shared>, path: &TreePath, parent: &Parent) -> Result<Pid, StartError> {
    // A supervisor whose description is gone is about to be stopped: it need not run.
    let (pid, supervisor) = shared.supervisor(path).ok_or(StartError::Ignored)?.start_typed(parent).await?;
    shared.started(path.clone(), supervisor, parent.system());
    Ok(pid)
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the tree. What of it is dropped is dropped under no lock.
    pub(super) fn change(&self, change: impl FnOnce(&mut Tree)) {
        let mut tree = self.lock().tree.clone();
        change(&mut tree);
        let before = std::mem::replace(&mut self.lock().tree, tree);
        drop(before);
    }

    fn started(&self, path: TreePath, supervisor: SupervisorRef, system: &SystemHandle) {
        let mut state = self.lock();
        state.supervisors.insert(path, supervisor);
        state.system = Some(system.clone());
    }

    /// The supervisor at `path`, to be started or to be updated from.
    pub(super) fn supervisor(self: &Arc<Self>, path: &TreePath) -> Option<Supervisor> {
        let tree = self.lock().tree.clone();
        let shape = tree.supervisor(path)?;
        let children = shape.children.iter().map(|child| self.spec(child, path));
        let supervisor = Supervisor::with_flags(shape.flags).children(children);
        Some(match &shape.name {
            Some(name) => supervisor.name(name),
            None => supervisor,
        })
    }

    pub(super) fn spec(self: &Arc<Self>, child: &ChildShape, above: &TreePath) -> ChildSpec {
        let start: Arc<dyn StartChild> = match &child.what {
            What::Worker(worker) => worker.start.clone(),
            What::Supervisor(_) => Arc::new(Planted { shared: self.clone(), path: above.child(&child.id) }),
        };
        ChildSpec { id: (&*child.id).into(), start, policy: child.policy }
    }
}
