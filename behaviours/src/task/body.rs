//! What runs in a task's process, and the place where it leaves its result.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use proscenium_runtime::{Address, Context, Event, Parent, Pid, StartError, StartOptions, start_link};

use super::Task;

/// Where a task leaves its result for whoever waits until its process has ended.
pub(super) struct Place<T>(Arc<Mutex<Option<T>>>);

impl<T> Place<T> {
    /// One place, for who waits and for who works.
    pub(super) fn pair() -> (Self, Self) {
        let place = Place::new(None);
        (place.clone(), place)
    }

    pub(super) fn new(result: Option<T>) -> Self {
        Place(Arc::new(Mutex::new(result)))
    }

    fn put(&self, result: T) {
        *self.0.lock().expect("nobody panics with it") = Some(result);
    }

    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().expect("nobody panics with it").take()
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Place(self.0.clone())
    }
}

/// The life of a task.
pub(super) async fn run<T>(work: impl Future<Output = T>, place: Place<T>) {
    place.put(work.await);
}

type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a task runs, apart from who waits for it: for supervisors of tasks, which start it under themselves. Made by
/// [`Task::prepare`].
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Task, TaskBody, TaskOwner};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Reply, StartOptions};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let (body, owner): (TaskBody, TaskOwner<u32>) = Task::prepare(&ctx, |_ctx| async { 42 });
///     // The body goes to whoever starts it, here to another process:
///     let (reply, process) = Reply::pair();
///     ctx.spawn_link(|ctx: Context<()>| async move {
///         let started = body.start_link(&ctx.as_parent(), StartOptions::new()).await.unwrap();
///         reply.send(started);
///         std::future::pending::<()>().await;
///     });
///     let process = process.await.unwrap();
///     assert_eq!(owner.task(&ctx, process).await, Ok(42)); // It runs from here on.
/// });
/// ```
pub struct TaskBody(Box<dyn FnOnce(Context<()>) -> Life + Send>);

/// The other half of a [`TaskBody`]: the right to its result.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::Task;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, StartOptions};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let (body, owner) = Task::prepare(&ctx, |_ctx| async { 42 });
///     let process = body.start_link(&ctx.as_parent(), StartOptions::new()).await.unwrap();
///     ctx.sleep(Duration::from_secs(60)).await; // It waits for its owner.
///     assert!(ctx.system().is_alive(&process));
///     assert_eq!(owner.link(&mut ctx, process).await, Ok(42));
/// });
/// ```
pub struct TaskOwner<T> {
    place: Place<T>,
}

impl<T: Send + 'static> Task<T> {
    /// The two halves of a task that another process than its owner starts.
    ///
    /// The owner sends the first half to whoever starts it with [`TaskBody::start_link`], gets the process's address, and makes
    /// a task of it with [`TaskOwner::link`] or [`TaskOwner::task`]. The body begins only then; if its owner ends before, so
    /// does it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::{Context, ExitReason, StartOptions, System};
    ///
    /// let outcome = System::new("prepared").run(|mut ctx: Context<()>| async move {
    ///     let (body, owner) = Task::prepare(&ctx, |ctx| async move { ctx.parent() });
    ///     let process = body.start_link(&ctx.as_parent(), StartOptions::new()).await?;
    ///     assert_eq!(owner.link(&mut ctx, process).await?, Some(ctx.pid()));
    ///     Ok::<_, ExitReason>(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn prepare<M, B, F>(owner: &Context<M>, body: B) -> (TaskBody, TaskOwner<T>)
    where
        M: Send + 'static,
        B: FnOnce(Context<()>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (place, result) = Place::pair();
        let owner = owner.pid();
        let life = move |mut ctx: Context<()>| {
            let life = async move {
                if is_wanted(&mut ctx, owner).await {
                    run(body(ctx), result).await;
                }
            };
            Box::pin(life) as Life
        };
        (TaskBody(Box::new(life)), TaskOwner { place })
    }
}

/// Waits until the owner knows of the task, or has ended.
async fn is_wanted(ctx: &mut Context<()>, owner: Pid) -> bool {
    let monitor = ctx.monitor(owner);
    let is_wanted = matches!(ctx.receive().await, Event::Message(()));
    ctx.demonitor(monitor);
    is_wanted
}

impl TaskBody {
    /// Starts the task's process, linked to `parent`. It waits for its owner.
    ///
    /// # Errors
    /// If the name or the key is taken, or the process is ended at once.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, StartOptions};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let (body, owner) = Task::prepare(&ctx, |ctx| async move { ctx.name() });
    ///     let options = StartOptions::new().spawn(|spawn| spawn.name("counts the stars"));
    ///     let process = body.start_link(&ctx.as_parent(), options).await.unwrap();
    ///     assert_eq!(owner.task(&ctx, process).await.unwrap().as_deref(), Some("counts the stars"));
    /// });
    /// ```
    pub async fn start_link(self, parent: &Parent, options: StartOptions) -> Result<Address<()>, StartError> {
        start_link(parent, options, |ctx, ack| {
            ack.ready();
            (self.0)(ctx)
        })
        .await
    }
}

impl<T: Send + 'static> TaskOwner<T> {
    /// Begins the task, linked to its owner.
    pub fn link<M: Send + 'static>(self, owner: &mut Context<M>, process: Address<()>) -> Task<T> {
        owner.link(&process);
        self.task(owner, process)
    }

    /// Begins the task, which no link ties to its owner.
    ///
    /// # Examples
    ///
    /// It is linked to who has started it, and not to its owner:
    ///
    /// ```
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, StartOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let mut starter = test.probe::<()>();
    /// let parent = starter.as_parent();
    /// test.run(|ctx: Context<()>| async move {
    ///     let (body, owner) = Task::prepare(&ctx, |_ctx| async { panic!("too risky") });
    ///     let process = body.start_link(&parent, StartOptions::new()).await.unwrap();
    ///     let failed: Result<(), TaskError> = owner.task(&ctx, process).await;
    ///     assert!(matches!(failed, Err(TaskError::Exit { .. }))); // We go on.
    /// });
    /// starter.expect_exit_matching(|exit| exit.linked);
    /// ```
    pub fn task<M: Send + 'static>(self, owner: &Context<M>, process: Address<()>) -> Task<T> {
        let place = self.begin(&process);
        Task::new(owner, Some(process), place)
    }

    /// Begins the task; where it leaves its result.
    pub(super) fn begin(self, process: &Address<()>) -> Place<T> {
        process.cast(());
        self.place
    }
}

impl fmt::Debug for TaskBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskBody")
    }
}

impl<T> fmt::Debug for TaskOwner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskOwner")
    }
}
