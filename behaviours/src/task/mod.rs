//! One piece of work in a process of its own, and the wait for its result; Elixir's `Task`.
//!
//! Invariants:
//! - A result is taken once, by the owner, when its process has ended: its names are free, and its links have been told.
//! - However a task ends, its owner learns it.

mod body;
mod many;
mod spawner;
mod stream;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use proscenium_runtime::{Address, Context, ExitReason, Pid, RegisterError, Shutdown, SpawnOptions, SystemHandle};

use body::Place;
pub use body::{TaskBody, TaskOwner};
pub use many::{await_many, yield_many};
pub use stream::{StreamTasks, TaskStream};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A piece of work that runs in a process of its own, and will have a result.
///
/// It belongs to the process that started it, its owner, and only that one can wait for it. Awaiting it gives the result;
/// that waits 5 s unless [`timeout`](Self::timeout) says otherwise, as Elixir's `await` does.
///
/// A task that was started with [`spawn_link`](Self::spawn_link) and fails takes its owner along, unless that traps exits,
/// and the owner that fails takes its task along. One that was started with [`spawn`](Self::spawn) fails alone: its owner
/// gets a [`TaskError`]. A result that is itself an error is a result like others.
///
/// Dropping it leaves the task running, linked as before; its result is lost. [`shutdown`](Self::shutdown) ends it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::Task;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// let test = TestSystem::new(1);
/// let sum = test.run(|mut ctx: Context<()>| async move {
///     let second = Duration::from_secs(1);
///     let left = Task::spawn_link(&mut ctx, move |ctx| async move {
///         ctx.sleep(second).await;
///         40
///     });
///     let right = Task::spawn_link(&mut ctx, move |ctx| async move {
///         ctx.sleep(second).await;
///         2
///     });
///     Ok::<_, ExitReason>(left.await? + right.await?)
/// });
/// assert_eq!(sum, Ok(42));
/// assert_eq!(test.elapsed(), Duration::from_secs(1), "they ran at the same time");
/// ```
#[must_use = "a task whose result nobody wants is a process: spawn it"]
pub struct Task<T: Send + 'static> {
    /// `None` if there never was one.
    process: Option<Address<()>>,
    owner: Pid,
    system: SystemHandle,
    result: Place<T>,
    limit: Option<Duration>,
}

/// Why a task has no result.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::{Task, TaskError};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let fails = Task::spawn(&mut ctx, |_ctx| async { "x".parse::<u32>().expect("a number") });
///     let Err(TaskError::Exit { reason, .. }) = fails.await else { unreachable!("it is no number") };
///     assert!(matches!(reason, ExitReason::Panic(_)));
///
///     let slow = Task::spawn(&mut ctx, |_ctx| std::future::pending::<u32>()).timeout(Duration::from_secs(1));
///     assert!(matches!(slow.await, Err(TaskError::Timeout { .. })));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It ended before it had one.
    #[error("task {task} ended: {reason}")]
    Exit {
        /// Its process.
        task: Pid,
        /// Why it ended.
        reason: ExitReason,
    },
    /// It had none in time. It goes on, unless somebody ends it: an owner that fails of this takes a linked task along.
    #[error("task {task} had no result after {timeout:?}")]
    Timeout {
        /// Its process.
        task: Pid,
        /// How long its owner has waited.
        timeout: Duration,
    },
    /// Another process than its owner asked.
    #[error("task {task} belongs to {owner}: {caller} cannot wait for it")]
    NotOwner {
        /// Its process.
        task: Pid,
        /// Who started it.
        owner: Pid,
        /// Who asked.
        caller: Pid,
    },
    /// Its owner has it already.
    #[error("the result was taken before")]
    Taken,
}

impl<T: Send + 'static> Task<T> {
    /// Starts a task linked to this process; Elixir's `Task.async`.
    ///
    /// The task's own context takes no messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let owner = test.spawn(|mut ctx: Context<()>| async move {
    ///     let task: Task<u32> = Task::spawn_link(&mut ctx, |_ctx| async { panic!("too risky") });
    ///     task.await.map(drop).map_err(ExitReason::from)
    /// });
    /// let reason = test.block_on(owner.exited()); // The task's failure is its owner's.
    /// assert!(reason.to_string().ends_with("too risky"));
    /// ```
    pub fn spawn_link<M, B, F>(ctx: &mut Context<M>, body: B) -> Self
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (result, place) = Place::pair();
        let process = ctx.spawn_link(|ctx| body::run(body(ctx), place));
        Task::new(ctx, Some(process), result)
    }

    /// As [`spawn_link`](Self::spawn_link), with options.
    ///
    /// # Errors
    /// If the name or the key is taken. Then there is no task, and `body` was not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let options = SpawnOptions::new().name("backup");
    ///     let first = Task::spawn_link_with(&mut ctx, options.clone(), |_ctx| async { "done" }).unwrap();
    ///     let second = Task::spawn_link_with(&mut ctx, options, |_ctx| async { "done twice" });
    ///     assert!(second.is_err(), "a name is one process's");
    ///     assert_eq!(first.await, Ok("done"));
    /// });
    /// ```
    pub fn spawn_link_with<M, B, F>(ctx: &mut Context<M>, options: SpawnOptions, body: B) -> Result<Self, RegisterError>
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (result, place) = Place::pair();
        let process = ctx.spawn_link_with(options, |ctx| body::run(body(ctx), place))?;
        Ok(Task::new(ctx, Some(process), result))
    }

    /// Starts a task that no link ties to this process; what Elixir's `async_nolink` does. It may fail, and it may outlive its
    /// owner.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("risky").run(|mut ctx: Context<()>| async move {
    ///     let task: Task<u8> = Task::spawn(&mut ctx, |_ctx| async { panic!("too risky") });
    ///     let Err(TaskError::Exit { reason, .. }) = task.await else { unreachable!() };
    ///     assert!(reason.to_string().ends_with("too risky"));
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn spawn<M, B, F>(ctx: &mut Context<M>, body: B) -> Self
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (result, place) = Place::pair();
        let process = ctx.spawn(|ctx| body::run(body(ctx), place));
        Task::new(ctx, Some(process), result)
    }

    /// A task that has its result already, and no process; Elixir's `Task.completed`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let cached = Some(42);
    ///     let answer = match cached {
    ///         Some(answer) => Task::completed(&ctx, answer),
    ///         None => Task::spawn_link(&mut ctx, |_ctx| async { 6 * 7 }),
    ///     };
    ///     assert_eq!((answer.pid(), answer.owner()), (None, ctx.pid()));
    ///     assert_eq!(answer.await, Ok(42));
    /// });
    /// ```
    pub fn completed<M: Send + 'static>(ctx: &Context<M>, result: T) -> Self {
        Task::new(ctx, None, Place::new(Some(result)))
    }

    fn new<M: Send + 'static>(owner: &Context<M>, process: Option<Address<()>>, result: Place<T>) -> Self {
        let (owner, system) = (owner.pid(), owner.system().clone());
        Task { process, owner, system, result, limit: Some(DEFAULT_TIMEOUT) }
    }

    /// Its process; `None` if it was [`completed`](Self::completed) from the beginning.
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().and_then(Address::pid)
    }

    /// Who started it, and may wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let task = Task::spawn_link(&mut ctx, |_ctx| async { 42 });
    ///     assert_eq!(task.owner(), ctx.pid()); // Nobody else can wait for it.
    ///     assert_eq!(task.await, Ok(42));
    /// });
    /// ```
    pub fn owner(&self) -> Pid {
        self.owner
    }

    /// Awaiting it waits at most this long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let slow: Task<()> = Task::spawn_link(&mut ctx, |_ctx| std::future::pending());
    ///     let pid = slow.pid().unwrap();
    ///     let error = slow.timeout(Duration::from_secs(60)).await.unwrap_err();
    ///     assert_eq!(error, TaskError::Timeout { task: pid, timeout: Duration::from_secs(60) });
    ///     assert!(ctx.system().is_alive(pid), "it goes on");
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(60));
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit = Some(timeout);
        self
    }

    /// Awaiting it waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let thinker = Task::spawn_link(&mut ctx, |ctx| async move {
    ///         ctx.sleep(Duration::from_secs(7_500_000)).await;
    ///         42
    ///     });
    ///     assert_eq!(thinker.without_timeout().await, Ok(42));
    /// });
    /// ```
    pub fn without_timeout(mut self) -> Self {
        self.limit = None;
        self
    }

    /// Waits for the result at most this long; `None` if it has not come. The task goes on: ask again. Elixir's `Task.yield`.
    ///
    /// # Errors
    /// See [`TaskError`]; never `Timeout`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::Context;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let second = Duration::from_secs(1);
    ///     let mut tea = Task::spawn_link(&mut ctx, move |ctx| async move {
    ///         ctx.sleep(3 * second).await;
    ///         "tea"
    ///     });
    ///     assert_eq!(tea.yield_for(second).await, None);
    ///     assert_eq!(tea.yield_for(10 * second).await, Some(Ok("tea")));
    /// });
    /// ```
    pub async fn yield_for(&mut self, timeout: Duration) -> Option<Result<T, TaskError>> {
        let sleep = self.system.sleep(timeout);
        sleep.limit(self.take()).await
    }

    /// Ends the task, and returns its result or its own reason to end, if it came to that before; `None` if it was ended
    /// by this. Elixir's `Task.shutdown`.
    ///
    /// It is unlinked first, so that its end harms nobody; then asked to shut down, and killed if it has not ended in time.
    ///
    /// # Errors
    /// See [`TaskError`]; never `Timeout`.
    ///
    /// # Cancel safety
    /// Nothing is done before the first poll. Dropping the future later leaves the task unlinked and asked to end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Shutdown};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let endless: Task<()> = Task::spawn_link(&mut ctx, |_ctx| std::future::pending());
    ///     let pid = endless.pid().unwrap();
    ///     let grace = Shutdown::Timeout(Duration::from_secs(5));
    ///     assert_eq!(endless.shutdown(&mut ctx, grace).await, None);
    ///     assert!(!ctx.system().is_alive(pid));
    ///
    ///     let quick = Task::spawn_link(&mut ctx, |_ctx| async { 42 });
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(quick.shutdown(&mut ctx, Shutdown::BrutalKill).await, Some(Ok(42))); // It came first.
    /// });
    /// ```
    pub async fn shutdown<M: Send + 'static>(
        self,
        ctx: &mut Context<M>,
        how: Shutdown,
    ) -> Option<Result<T, TaskError>> {
        if let Err(error) = self.unlink(ctx) {
            return Some(Err(error));
        }
        if let Some(outcome) = self.try_take() {
            return Some(outcome);
        }
        let process = self.process.clone().expect("it runs");
        let asked = stop(ctx, &process, how).await;
        match self.take().await {
            Err(TaskError::Exit { reason, .. }) if reason == asked => None,
            outcome => Some(outcome),
        }
    }

    /// Unlinks the task and lets it run on; whatever comes of it is lost. Returns its result or its reason to end, if it
    /// has ended already. Elixir's `Task.ignore`.
    ///
    /// # Errors
    /// See [`TaskError`]; never `Timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let task: Task<()> = Task::spawn_link(&mut ctx, |ctx| async move {
    ///         ctx.sleep(Duration::from_secs(60)).await;
    ///         panic!("nobody hears this");
    ///     });
    ///     let pid = task.pid().unwrap();
    ///     assert_eq!(task.ignore(&mut ctx), None);
    ///     ctx.sleep(Duration::from_secs(61)).await;
    ///     assert!(!ctx.system().is_alive(pid)); // It has failed, and we are here.
    /// });
    /// ```
    pub fn ignore<M: Send + 'static>(self, ctx: &mut Context<M>) -> Option<Result<T, TaskError>> {
        if let Err(error) = self.unlink(ctx) {
            return Some(Err(error));
        }
        self.try_take()
    }

    fn unlink<M: Send + 'static>(&self, ctx: &mut Context<M>) -> Result<(), TaskError> {
        self.check_owner(ctx.pid())?;
        if let Some(process) = &self.process {
            ctx.unlink(process);
        }
        Ok(())
    }

    /// Waits for the result, for as long as it takes. Dropping the future loses nothing.
    async fn take(&self) -> Result<T, TaskError> {
        self.check_caller()?;
        let reason = match &self.process {
            Some(process) => process.exited().await,
            None => ExitReason::Normal,
        };
        match (self.result.take(), self.pid()) {
            (Some(result), _) => Ok(result),
            (None, Some(task)) if reason != ExitReason::Normal => Err(TaskError::Exit { task, reason }),
            // It ends normally when it has left its result.
            (None, _) => Err(TaskError::Taken),
        }
    }

    /// The result, if it is there.
    fn try_take(&self) -> Option<Result<T, TaskError>> {
        match pin!(self.take()).poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Outside of processes a test may stand for the owner.
    fn check_caller(&self) -> Result<(), TaskError> {
        self.system.current().map_or(Ok(()), |caller| self.check_owner(caller))
    }

    fn check_owner(&self, caller: Pid) -> Result<(), TaskError> {
        match self.pid() {
            Some(task) if caller != self.owner => Err(TaskError::NotOwner { task, owner: self.owner, caller }),
            _ => Ok(()),
        }
    }
}

/// The wait for a task's result.
type Awaiting<T> = Pin<Box<dyn Future<Output = Result<T, TaskError>> + Send>>;

impl<T: Send + 'static> IntoFuture for Task<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Awaiting<T>;

    fn into_future(mut self) -> Awaiting<T> {
        Box::pin(async move {
            let Some(timeout) = self.limit else {
                return self.take().await;
            };
            match self.yield_for(timeout).await {
                Some(result) => result,
                None => Err(TaskError::Timeout { task: self.pid().expect("what it waits for runs"), timeout }),
            }
        })
    }
}

impl<T: Send + 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("pid", &self.pid()).field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Ends a task's process, and returns the reason with which it ends if this is what ends it.
async fn stop<M: Send + 'static>(ctx: &mut Context<M>, process: &Address<()>, how: Shutdown) -> ExitReason {
    let patience = match how {
        Shutdown::BrutalKill => None,
        Shutdown::Timeout(timeout) => Some(ctx.sleep(timeout)),
        Shutdown::Infinity => Some(ctx.sleep(Duration::MAX)),
    };
    if let Some(patience) = patience {
        ctx.exit(process, ExitReason::Shutdown);
        if patience.limit(process.exited()).await.is_some() {
            return ExitReason::Shutdown;
        }
    }
    ctx.exit(process, ExitReason::Kill);
    process.exited().await;
    ExitReason::Killed
}
