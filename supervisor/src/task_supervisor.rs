//! A supervisor of tasks; Elixir's `Task.Supervisor`.
//!
//! Invariants:
//! - A task that somebody waits for begins only when its owner has it, so an owner that ended or gave up gets no work done.
//! - Only what can be repeated is ever restarted.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use proscenium_behaviours::{StreamTasks, Task, TaskBody};
use proscenium_runtime::{
    Address, CallError, Context, ExitReason, Outcome, Parent, Pid, StartError, StartOptions, SystemHandle, start_link,
};

use crate::child_spec::{ChildKind, Restart, Shutdown, StartChild, Starting, process};
use crate::children::ChildState;
use crate::dynamic_supervisor::{DynamicRef, DynamicSupervisor};
use crate::error::ChildError;
use crate::typed_start::{Once, TypedStart, TypedStarting};

/// A supervisor to be, whose children are [tasks](Task): work on the side that shall end with the part of the program that it
/// is for, and of which there shall be no more than so many at a time.
///
/// A task of [`async_link`](TaskSupervisorRef::async_link) or [`async_nolink`](TaskSupervisorRef::async_nolink) belongs to the
/// process that asks for it, as any task does, and is a child of the supervisor: that stops it when it stops itself, and
/// bears its failure. Such a task is never restarted, because its owner waits for this one.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::TaskError;
/// use proscenium_runtime::{Context, ExitReason, testing::TestSystem};
/// use proscenium_supervisor::{ChildError, TaskSupervisor};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let tasks = TaskSupervisor::new().max_children(2).start_link(&mut ctx).await?;
///     let sum = tasks.async_link(&mut ctx, |_ctx| async { 40 + 2 }).await?;
///     assert_eq!(sum.await?, 42);
///
///     let risky = tasks.async_nolink(&mut ctx, |_ctx| async { "x".parse::<u8>().expect("a number") }).await?;
///     assert!(matches!(risky.await, Err(TaskError::Exit { reason: ExitReason::Panic(_), .. })));
///
///     for _ in 0..2 {
///         tasks.start_child(|ctx| async move { ctx.sleep(std::time::Duration::from_secs(60)).await }).await?;
///     }
///     let error = tasks.async_link(&mut ctx, |_ctx| async {}).await.unwrap_err();
///     assert_eq!(error, ChildError::MaxChildren { max_children: 2 });
///     Ok::<_, ExitReason>(())
/// }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct TaskSupervisor {
    dynamic: DynamicSupervisor,
}

impl TaskSupervisor {
    /// A supervisor of any number of tasks.
    #[expect(clippy::new_without_default, reason = "a supervisor is made on purpose")]
    pub fn new() -> Self {
        TaskSupervisor { dynamic: DynamicSupervisor::new().restart(Restart::Temporary).label("task supervisor") }
    }

    /// How many tasks it may have; any number by default.
    #[must_use]
    pub fn max_children(mut self, count: usize) -> Self {
        self.dynamic = self.dynamic.max_children(count);
        self
    }

    /// How its tasks are stopped; they have 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason, Shutdown};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().shutdown(Shutdown::BrutalKill).start_link(&mut ctx).await.unwrap();
    ///     let pid = tasks.start_child(|_ctx| std::future::pending::<()>()).await.unwrap();
    ///     let monitor = ctx.monitor(pid);
    ///     tasks.terminate_child(pid).await.unwrap();
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Killed)); // It was not asked.
    /// });
    /// ```
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.dynamic = self.dynamic.shutdown(shutdown);
        self
    }

    /// How many restarts within the period it bears, of all tasks that are [restarted](TaskSupervisorRef::start_child_with)
    /// together; 1 by default.
    ///
    /// # Examples
    ///
    /// Tasks that are not restarted may fail as often as they like; of those that are, so many times:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason, Restart};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().intensity(3).period(Duration::from_secs(60));
    ///     let tasks = tasks.spawn(ctx.system()).await.unwrap();
    ///     for _ in 0..10 {
    ///         tasks.start_child(|_ctx| async { Err(ExitReason::error("too risky")) }).await.unwrap();
    ///     }
    ///     let monitor = ctx.monitor(tasks.pid().unwrap());
    ///     assert!(ctx.receive_timeout(Duration::from_secs(1)).await.is_none());
    ///     tasks.start_child_with(Restart::Permanent, |_ctx| async { Err(ExitReason::error("again")) }).await.unwrap();
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!(down.monitor, monitor); // The fourth time was too much.
    /// });
    /// ```
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.dynamic = self.dynamic.intensity(restarts);
        self
    }

    /// The period in which restarts are counted, as [`Supervisor::period`](crate::Supervisor::period); 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Restart};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().period(Duration::from_secs(10)).start_link(&mut ctx).await.unwrap();
    ///     let slow_failure = |ctx: Context<()>| async move {
    ///         ctx.sleep(Duration::from_secs(15)).await;
    ///         Err(ExitReason::error("again"))
    ///     };
    ///     tasks.start_child_with(Restart::Permanent, slow_failure).await.unwrap();
    ///     ctx.sleep(Duration::from_secs(3600)).await; // Once in so long is borne, for ever.
    ///     assert_eq!(tasks.children().await.unwrap().len(), 1);
    /// });
    /// ```
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.dynamic = self.dynamic.period(period);
        self
    }

    /// Registers the supervisor under `name`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().name("errands").start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(ctx.system().whereis("errands"), tasks.pid());
    /// });
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.dynamic = self.dynamic.name(name);
        self
    }

    /// Starts it, linked to the process of `ctx`.
    ///
    /// # Errors
    /// If its name is taken, or its period is zero.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the supervisor.
    pub async fn start_link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<TaskSupervisorRef, StartError> {
        self.dynamic.start_link(ctx).await.map(|dynamic| TaskSupervisorRef { dynamic })
    }

    /// Starts it without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`start_link`](Self::start_link).
    ///
    /// # Cancel safety
    /// As [`start_link`](Self::start_link).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// let test = TestSystem::new(1);
    /// let tasks = test.block_on(TaskSupervisor::new().spawn(&test)).unwrap();
    /// test.block_on(tasks.start_child(|_ctx| std::future::pending::<()>())).unwrap();
    /// test.shutdown(); // It stops its tasks before it ends.
    /// assert_eq!(test.process_count(), 0);
    /// ```
    pub async fn spawn(self, system: &SystemHandle) -> Result<TaskSupervisorRef, StartError> {
        self.dynamic.spawn(system).await.map(|dynamic| TaskSupervisorRef { dynamic })
    }
}

impl StartChild for TaskSupervisor {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        self.dynamic.start_child(parent)
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl TypedStart for TaskSupervisor {
    type Handle = TaskSupervisorRef;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, TaskSupervisorRef> {
        Box::pin(async move {
            let (pid, dynamic) = self.dynamic.start_typed(parent).await?;
            Ok((pid, TaskSupervisorRef { dynamic }))
        })
    }
}

/// A running [`TaskSupervisor`], as those see it that have tasks for it.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{TaskSupervisor, TaskSupervisorRef};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     TaskSupervisor::new().name("errands").start_link(&mut ctx).await.unwrap();
///     let errands = TaskSupervisorRef::named(ctx.system(), "errands");
///     let boxes = errands.async_nolink(&mut ctx, |_ctx| async { 3 + 4 }).await.unwrap();
///     assert_eq!(boxes.await.unwrap(), 7);
/// });
/// ```
#[derive(Clone)]
pub struct TaskSupervisorRef {
    dynamic: DynamicRef,
}

impl TaskSupervisorRef {
    /// The supervisor that has the name when it is asked.
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        TaskSupervisorRef { dynamic: DynamicRef::named(system, name) }
    }

    /// Its pid; `None` if nobody has the name.
    pub fn pid(&self) -> Option<Pid> {
        self.dynamic.pid()
    }

    /// Starts a task under the supervisor, linked to this process, which is its owner: if one of the two fails, so does the
    /// other, unless it traps exits. Elixir's `Task.Supervisor.async`.
    ///
    /// # Errors
    /// [`ChildError::MaxChildren`] if there are as many tasks as there may be, [`ChildError::Call`] if the supervisor does
    /// not live, or ends meanwhile. Then `body` was not called.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, `body` is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     let supervisor = tasks.pid();
    ///     let task = tasks.async_link(&mut ctx, |ctx| async move { ctx.parent() }).await.unwrap();
    ///     assert!(ctx.is_linked(task.pid().unwrap())); // It is the supervisor's child, and ours.
    ///     assert_eq!(task.await, Ok(supervisor));
    /// });
    /// ```
    pub async fn async_link<M, B, F, T>(&self, ctx: &mut Context<M>, body: B) -> Result<Task<T>, ChildError>
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (body, owner) = Task::prepare(ctx, body);
        let process = self.start_task(type_name::<B>(), body).await?;
        Ok(owner.link(ctx, process.claim()))
    }

    /// As [`async_link`](Self::async_link), but no link ties the task to its owner: it may fail, and its owner gets a
    /// [`TaskError`](proscenium_behaviours::TaskError); and it goes on if its owner ends. Elixir's
    /// `Task.Supervisor.async_nolink`.
    ///
    /// # Errors
    /// As `async_link`.
    ///
    /// # Cancel safety
    /// As `async_link`.
    pub async fn async_nolink<M, B, F, T>(&self, ctx: &mut Context<M>, body: B) -> Result<Task<T>, ChildError>
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (body, owner) = Task::prepare(ctx, body);
        let process = self.start_task(type_name::<B>(), body).await?;
        Ok(owner.task(ctx, process.claim()))
    }

    /// A task under the supervisor for each item, of which a bounded number runs at a time; Elixir's
    /// `Task.Supervisor.async_stream`. All else is as [`Task::stream`] has it: [`spawn_link`](StreamTasks::spawn_link) begins the
    /// stream, and [`spawn`](StreamTasks::spawn) one that goes on though a task fails.
    ///
    /// A task that the supervisor does not take, because it has as many as it may or does not live, is the stream's end: its last
    /// item is an error with the [`ChildError`] for a reason, and the owner fails likewise unless it traps exits.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, testing::TestSystem};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await?;
    ///     let square = |_ctx: Context<()>, n: u64| async move { n * n };
    ///     let mut squares = tasks.stream(1..=4, square).max_concurrency(2).spawn_link(&mut ctx);
    ///     let mut sum = 0;
    ///     while let Some(square) = squares.next().await {
    ///         sum += square?;
    ///     }
    ///     assert_eq!(sum, 30);
    ///     Ok::<_, ExitReason>(())
    /// }).unwrap();
    /// ```
    pub fn stream<I, B, F, T>(&self, items: I, body: B) -> StreamTasks<I::IntoIter, B>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
        B: Fn(Context<()>, I::Item) -> F + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let supervisor = self.clone();
        Task::stream(items, body).start_with(move |task| {
            let supervisor = supervisor.clone();
            async move { Ok(supervisor.start_task(type_name::<B>(), task).await?.claim()) }
        })
    }

    /// Starts a task that nobody waits for, and that is not restarted. It ends as its body says: with the reason of an error,
    /// or normally. Elixir's `Task.Supervisor.start_child`.
    ///
    /// # Errors
    /// [`ChildError::MaxChildren`] if there are as many tasks as there may be, [`ChildError::Call`] if the supervisor does
    /// not live, or ends meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request with the supervisor, which starts the task.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     let home = ctx.address();
    ///     tasks.start_child(|_ctx| async move { home.cast("the letter is posted") }).await.unwrap();
    ///     assert_eq!(ctx.receive_message().await, "the letter is posted");
    ///     assert!(tasks.children().await.unwrap().is_empty());
    /// });
    /// ```
    pub async fn start_child<B, F>(&self, body: B) -> Result<Pid, ChildError>
    where
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let start = Once::new(type_name::<B>(), |parent| {
            Box::pin(async move {
                let process = start_link(parent, StartOptions::new(), |ctx, ack| {
                    ack.ready();
                    body(ctx)
                });
                let pid = pid_of(&process.await?);
                Ok((pid, pid))
            })
        });
        self.start(start, Restart::Temporary).await
    }

    /// As [`start_child`](Self::start_child), of a body that can be repeated, restarted as `restart` says and within the
    /// supervisor's [intensity](TaskSupervisor::intensity). The pid is that of this incarnation.
    ///
    /// # Errors
    /// As `start_child`.
    ///
    /// # Cancel safety
    /// As `start_child`.
    ///
    /// # Examples
    ///
    /// A delivery that is tried again until it succeeds:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Restart};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// let tries = Arc::new(AtomicU32::new(0));
    /// let counted = tries.clone();
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().intensity(5).start_link(&mut ctx).await.unwrap();
    ///     let deliver = move |_ctx: Context<()>| {
    ///         let tries = counted.clone();
    ///         async move {
    ///             let is_home = tries.fetch_add(1, Ordering::Relaxed) == 2;
    ///             if is_home { Ok(()) } else { Err(ExitReason::error("nobody is at home")) }
    ///         }
    ///     };
    ///     tasks.start_child_with(Restart::Transient, deliver).await.unwrap();
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert!(tasks.children().await.unwrap().is_empty());
    /// });
    /// assert_eq!(tries.load(Ordering::Relaxed), 3);
    /// ```
    pub async fn start_child_with<B, F>(&self, restart: Restart, body: B) -> Result<Pid, ChildError>
    where
        B: Fn(Context<()>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let address = self.start(process(body), restart).await?;
        Ok(pid_of(&address))
    }

    /// The tasks that live, in no order.
    ///
    /// # Errors
    /// If the supervisor does not live.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     let endless = tasks.start_child(|_ctx| std::future::pending::<()>()).await.unwrap();
    ///     tasks.start_child(|_ctx| async {}).await.unwrap();
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(tasks.children().await.unwrap(), [endless]); // The other one is done.
    /// });
    /// ```
    pub async fn children(&self) -> Result<Vec<Pid>, ChildError> {
        let pid = |state| if let ChildState::Running(pid) = state { Some(pid) } else { None };
        Ok(self.dynamic.which_children().await?.into_iter().filter_map(|child| pid(child.state)).collect())
    }

    /// Stops a task, as [`DynamicRef::terminate_child`]. Its owner, if it is linked to the task, gets an exit signal of reason
    /// `shutdown`.
    ///
    /// # Errors
    /// If it lives, and is no task of this supervisor.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request with the supervisor, which does what it asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     let endless = tasks.start_child(|_ctx| std::future::pending::<()>()).await.unwrap();
    ///     tasks.terminate_child(endless).await.unwrap();
    ///     assert!(!ctx.system().is_alive(endless));
    ///     assert!(tasks.terminate_child(ctx.pid()).await.is_err(), "we are none of its tasks");
    /// });
    /// ```
    pub async fn terminate_child(&self, pid: Pid) -> Result<(), ChildError> {
        self.dynamic.terminate_child(pid).await
    }

    /// Stops its tasks, all at once, and ends it; as [`SupervisorRef::stop`](crate::SupervisorRef::stop).
    ///
    /// # Errors
    /// If it does not live, or has not ended in time. Then it goes on to end.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request with the supervisor, which does what it asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    /// use proscenium_supervisor::TaskSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tasks = TaskSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     ctx.unlink(tasks.pid().unwrap()); // Its end would be ours.
    ///     let endless = tasks.start_child(|_ctx| std::future::pending::<()>()).await.unwrap();
    ///     tasks.stop(ExitReason::Shutdown, Some(Duration::from_secs(30))).await.unwrap();
    ///     assert!(!ctx.system().is_alive(endless));
    ///     assert!(tasks.start_child(|_ctx| async {}).await.is_err());
    /// });
    /// ```
    pub async fn stop(&self, reason: ExitReason, within: Option<Duration>) -> Result<(), CallError> {
        self.dynamic.stop(reason, within).await
    }

    /// Starts the process of a task, which waits for its owner.
    async fn start_task(&self, what: &'static str, body: TaskBody) -> Result<Unclaimed, ChildError> {
        let start = Once::new(what, |parent| {
            Box::pin(async move {
                let process = body.start_link(parent, StartOptions::new()).await?;
                Ok((pid_of(&process), Unclaimed { process, system: parent.system().clone(), is_claimed: false }))
            })
        });
        self.start(start, Restart::Temporary).await
    }

    async fn start<S: TypedStart>(&self, start: S, restart: Restart) -> Result<S::Handle, ChildError> {
        Ok(self.dynamic.apply(start, Some(restart)).await?.expect("what has no init does not choose not to run"))
    }
}

impl fmt::Debug for TaskSupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskSupervisorRef").field(&self.dynamic).finish()
    }
}

/// The process of a task that waits for its owner. If that has given up, it is ended.
struct Unclaimed {
    process: Address<()>,
    system: SystemHandle,
    is_claimed: bool,
}

impl Unclaimed {
    fn claim(mut self) -> Address<()> {
        self.is_claimed = true;
        self.process.clone()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if !self.is_claimed {
            self.system.exit(&self.process, ExitReason::Shutdown);
        }
    }
}

fn pid_of(process: &Address<()>) -> Pid {
    process.pid().expect("it is the address of a process")
}
