//! A worker's seat in a troupe: where it gets its jobs, and tells that they are done.
//!
//! Invariants:
//! - A job is done when the callback that got it has returned and all that holds it is dropped. What is dropped in a callback
//!   that fails does not count.
//! - When the seat is gone, the worker does no job any more, whatever it still drops.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;

use proscenium_behaviours::Feed;
use proscenium_runtime::{Address, ExitReason, Pid, SystemHandle};

use super::crew::WorkerId;
use super::error::JobFault;
use super::queue::JobId;
use super::stage::{Part, Stage};

/// A place in a troupe for a worker to be, which gets its jobs from it.
///
/// It is the [`Feed`] of a server: `Thumbnailer::start(256).feed(seat)`. Anything else that starts as a process and takes jobs
/// from [`poll_next`](Feed::poll_next) can be a worker, too, if it says when it has [`started`](Feed::started) and when it has
/// [`handled`](Feed::handled) what it took.
///
/// # Examples
///
/// It says to its worker which one it is, and feeds it:
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{Seat, Troupe};
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = Troupe::new(|seat: Seat<Order>| {
///         let label = format!("baker {}", seat.number());
///         Baker::start(seat.member()).label(&label).feed(seat)
///     });
///     let bakers = bakers.start_link(&mut ctx).await.unwrap();
///     let pid = bakers.workers()[0].pid().unwrap();
///     assert_eq!(ctx.system().process_info(pid).unwrap().label.as_deref(), Some("baker 1"));
/// });
/// ```
pub struct Seat<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    member: Member,
}

/// A worker's membership of its troupe, as the worker itself sees it; cheap to clone.
///
/// # Examples
///
/// A job that takes other processes' answers, and is done when its reply is sent; the worker waits for nobody meanwhile:
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
/// use proscenium_behaviours::{GenServer, Task};
/// use proscenium_runtime::{Context, ExitReason, Reply, testing::TestSystem};
/// use proscenium_supervisor::{Member, Troupe};
///
/// struct Clerk(Member);
///
/// impl GenServer for Clerk {
///     type Args = Member;
///     type Message = Reply<u64>;
///
///     async fn init(member: Member, _ctx: &mut Context<Reply<u64>>) -> Result<Self, ExitReason> {
///         Ok(Clerk(member))
///     }
///
///     async fn handle(&mut self, ask: Reply<u64>, ctx: &mut Context<Reply<u64>>) -> Result<(), ExitReason> {
///         let (hold, number) = (self.0.hold(), self.0.number());
///         ctx.spawn_link(move |ctx: Context<()>| async move {
///             ctx.sleep(Duration::from_secs(1)).await;
///             ask.send(number);
///             drop(hold);
///         });
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let ten = NonZeroUsize::new(10).unwrap();
///     let clerks = Troupe::new(|seat| Clerk::start(seat.member()).feed(seat)).workers(1..=1).concurrency(ten);
///     let clerks = clerks.start_link(&mut ctx).await.unwrap();
///     let before = ctx.system().now();
///     let (first, second) = futures_lite::future::zip(clerks.call(|reply| reply), clerks.call(|reply| reply)).await;
///     assert_eq!((first, second), (Ok(1), Ok(1)));
///     assert_eq!(ctx.system().now() - before, Duration::from_secs(1));
/// });
/// ```
#[derive(Clone)]
pub struct Member {
    number: WorkerId,
    desk: Arc<Desk>,
}

/// A job is not done while this is there; made by [`Member::hold`].
///
/// Dropping it ends that, wherever it is dropped. Dropped by a panic of another process than the worker, it ends the job as
/// not done.
///
/// # Examples
///
/// A job that a thread finishes, after the callback has returned:
///
/// ```
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::{Context, ExitReason, System};
/// use proscenium_supervisor::{Hold, Member, Troupe};
///
/// struct Miller(Member);
///
/// impl GenServer for Miller {
///     type Args = Member;
///     type Message = u32;
///
///     async fn init(member: Member, _ctx: &mut Context<u32>) -> Result<Self, ExitReason> {
///         Ok(Miller(member))
///     }
///
///     async fn handle(&mut self, _sacks: u32, _ctx: &mut Context<u32>) -> Result<(), ExitReason> {
///         let hold: Hold = self.0.hold();
///         std::thread::spawn(move || {
///             // … it grinds …
///             drop(hold); // Now the job is done.
///         });
///         Ok(())
///     }
/// }
///
/// let outcome = System::new("mill").run(|mut ctx: Context<()>| async move {
///     let millers = Troupe::new(|seat| Miller::start(seat.member()).feed(seat)).start_link(&mut ctx).await?;
///     assert_eq!(millers.perform(3).await, Ok(()));
///     assert_eq!(millers.status().done, 1);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Hold {
    desk: Arc<Desk>,
    job: Option<JobId>,
}

/// What a worker, its member and its holds share.
struct Desk {
    jobs: Mutex<Jobs>,
    stage: Box<dyn Finish>,
}

#[derive(Default)]
struct Jobs {
    /// Which job the worker is handling.
    current: Option<JobId>,
    /// How many hold which job.
    holds: BTreeMap<JobId, usize>,
    /// What the callback that runs has let go of: done, if it does not fail.
    released: Vec<JobId>,
    worker: Option<(SystemHandle, Pid)>,
}

/// Where jobs end, whatever their messages are.
trait Finish: Send + Sync {
    fn finish(&self, job: JobId, result: Result<(), JobFault>);
}

struct Stages<M: Send + 'static>(Arc<Stage<M>>);

impl<M: Send + 'static> Finish for Stages<M> {
    fn finish(&self, job: JobId, result: Result<(), JobFault>) {
        self.0.finished(job, result);
    }
}

impl<M: Send + 'static> Seat<M> {
    pub(super) fn new(stage: &Arc<Stage<M>>) -> Self {
        let desk = Desk { jobs: Mutex::default(), stage: Box::new(Stages(stage.clone())) };
        Seat { stage: stage.clone(), member: Member { number: stage.number(), desk: Arc::new(desk) } }
    }

    /// For the worker itself.
    pub fn member(&self) -> Member {
        self.member.clone()
    }

    /// Which worker of its troupe it is for; see [`Member::number`].
    pub fn number(&self) -> u64 {
        self.member.number
    }
}

impl<M: Send + 'static> Feed<M> for Seat<M> {
    fn started(&mut self, server: &Address<M>) {
        let pid = server.pid().expect("it is the address of a process");
        self.member.desk.lock().worker = Some((server.system(), pid));
        self.stage.joined(self.member.number, server);
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<M> {
        let Part { job, message, copy } = ready!(self.stage.poll_part(self.member.number, cx.waker()));
        self.member.desk.lock().current = Some(job);
        if let Some(copy) = copy.and_then(|copy| copy(&message)) {
            self.stage.keep_copy(job, copy);
        }
        Poll::Ready(message)
    }

    fn handled(&mut self) {
        let mut jobs = self.member.desk.lock();
        let Jobs { current, released, holds, .. } = &mut *jobs;
        let is_done = |job: &JobId| !holds.contains_key(job);
        let current = current.take().filter(is_done);
        let mut released = mem::take(released);
        released.retain(is_done);
        drop(jobs);
        for job in current.into_iter().chain(released) {
            self.stage.finished(job, Ok(()));
        }
    }

    fn stopping(&mut self, reason: &ExitReason) {
        self.stage.stopping(self.member.number, reason);
    }
}

impl<M: Send + 'static> Drop for Seat<M> {
    fn drop(&mut self) {
        self.stage.leaving(self.member.number);
    }
}

impl<M: Send + 'static> fmt::Debug for Seat<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({})", self.member.number)
    }
}

impl Member {
    /// Which worker of its troupe it is: 1 is the first that was ever started, and no number comes twice.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Holds the job that the worker is handling: it is not done when the callback returns, but when this is dropped. Meanwhile
    /// the worker is not idle, and gets another job only if it may have several at a time.
    ///
    /// In a callback for what is no job it holds nothing.
    pub fn hold(&self) -> Hold {
        let mut jobs = self.desk.lock();
        let job = jobs.current;
        if let Some(job) = job {
            *jobs.holds.entry(job).or_default() += 1;
        }
        drop(jobs);
        Hold { desk: self.desk.clone(), job }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.number)
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One holds the job no longer.
    fn release(&self, job: JobId) {
        let mut jobs = self.lock();
        let holds = jobs.holds.entry(job).or_default();
        *holds = holds.saturating_sub(1);
        if *holds > 0 {
            return;
        }
        jobs.holds.remove(&job);
        if jobs.is_worker() {
            return jobs.released.push(job);
        }
        let is_handled = jobs.current == Some(job);
        drop(jobs);
        if thread::panicking() {
            self.stage.finish(job, Err(JobFault::Unanswered));
        } else if !is_handled {
            self.stage.finish(job, Ok(()));
        }
    }
}

impl Jobs {
    /// Whether the worker runs the code that asks.
    fn is_worker(&self) -> bool {
        self.worker.as_ref().is_some_and(|(system, pid)| system.current() == Some(*pid))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(job) = self.job {
            self.desk.release(job);
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.job).finish()
    }
}
