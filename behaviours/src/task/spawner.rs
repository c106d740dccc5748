//! The process between a stream's owner and its tasks: it starts them, and hands on their results.
//!
//! Invariants:
//! - No more tasks run, or have a result that has not been taken, than the stream allows.
//! - However it ends, its tasks end with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_channel::Sender;
use proscenium_runtime::{Address, Context, Event, Exit, ExitReason, Pid, TimerRef, catch_panic};

use super::body::{self, Place, TaskBody};
use super::stream::StreamOptions;
use super::{Task, TaskError};

/// Starts a task's process on behalf of a stream, elsewhere than under it.
pub(super) type Start = Box<dyn Fn(TaskBody) -> Starting + Send + Sync>;

type Starting = Pin<Box<dyn Future<Output = Result<Address<()>, ExitReason>> + Send>>;

/// What a spawner is told.
#[derive(Debug)]
pub(super) enum Step {
    /// So many more tasks may be started.
    Start(usize),
    /// This task has had its time.
    Late(Pid),
    /// Nobody wants more results.
    Halt,
}

pub(super) struct Spawner<I, B, T: Send + 'static> {
    ctx: Context<Step>,
    /// `None` once there are no more.
    items: Option<I>,
    body: Arc<B>,
    /// Who starts tasks, if it is not the spawner itself.
    start: Option<Start>,
    options: StreamOptions,
    results: Sender<Result<T, TaskError>>,
    /// How many tasks may be started now.
    room: usize,
    /// The item that is started next, counted from 0.
    next: u64,
    running: BTreeMap<Pid, Running<T>>,
    /// Results that wait for those of earlier items.
    held: BTreeMap<u64, Result<T, TaskError>>,
    /// The item whose result is handed on next, if they are in order.
    due: u64,
}

/// A task that runs.
struct Running<T> {
    item: u64,
    result: Place<T>,
    late: Option<TimerRef>,
}

/// Why a stream is over.
enum Over {
    /// All results are handed on, or nobody wants more.
    Done,
    /// The owner shall hear of this by its link.
    Failed(ExitReason),
}

impl<I, B, F, T> Spawner<I, B, T>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
    B: Fn(Context<()>, I::Item) -> F + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn new(
        mut ctx: Context<Step>,
        items: I,
        body: B,
        start: Option<Start>,
        options: StreamOptions,
        results: Sender<Result<T, TaskError>>,
    ) -> Self {
        // Its tasks are linked to it, and may fail.
        ctx.trap_exit(true);
        Spawner {
            ctx,
            items: Some(items),
            body: Arc::new(body),
            start,
            options,
            results,
            room: 0,
            next: 0,
            running: BTreeMap::new(),
            held: BTreeMap::new(),
            due: 0,
        }
    }

    pub(super) async fn run(mut self) -> Result<(), ExitReason> {
        let over = loop {
            if let Err(over) = self.turn().await {
                break over;
            }
        };
        for task in self.running.keys() {
            self.ctx.exit(*task, ExitReason::Kill);
        }
        match over {
            Over::Done => Ok(()),
            Over::Failed(reason) => Err(reason),
        }
    }

    /// Starts what there is room for, and waits for one thing to happen.
    async fn turn(&mut self) -> Result<(), Over> {
        while self.room > 0 && self.items.is_some() {
            self.start_next().await?;
        }
        if self.items.is_none() && self.running.is_empty() {
            return Err(Over::Done);
        }
        match self.ctx.receive().await {
            Event::Message(Step::Start(tasks)) => self.room += tasks,
            Event::Message(Step::Late(task)) => return self.late(task),
            Event::Message(Step::Halt) => return Err(Over::Done),
            Event::Exit(exit) => return self.exited(exit),
            Event::Down(_) => {}
        }
        Ok(())
    }

    async fn start_next(&mut self) -> Result<(), Over> {
        let Some(items) = &mut self.items else { return Ok(()) };
        let item = match catch_panic(async { items.next() }).await {
            Ok(Some(item)) => item,
            Ok(None) => {
                self.items = None;
                return Ok(());
            }
            Err(reason) => return Err(self.fail(self.ctx.pid(), reason)),
        };
        let (task, result) = match self.start(item).await {
            Ok((process, result)) => (process.pid().expect("it is the address of a process"), result),
            Err(reason) => return Err(self.fail(self.ctx.pid(), reason)),
        };
        let late = self.options.timeout.map(|timeout| self.ctx.send_after(timeout, Step::Late(task)));
        self.running.insert(task, Running { item: self.next, result, late });
        self.next += 1;
        self.room -= 1;
        Ok(())
    }

    /// Starts the task of an item, linked to the spawner.
    async fn start(&mut self, item: I::Item) -> Result<(Address<()>, Place<T>), ExitReason> {
        let body = self.body.clone();
        let work = |ctx| async move { body(ctx, item).await };
        let Some(start) = &self.start else {
            let (result, place) = Place::pair();
            return Ok((self.ctx.spawn_link(|ctx| body::run(work(ctx), place)), result));
        };
        let (body, owner) = Task::prepare(&self.ctx, work);
        let process = start(body).await?;
        self.ctx.link(&process);
        let result = owner.begin(&process);
        Ok((process, result))
    }

    fn late(&mut self, task: Pid) -> Result<(), Over> {
        let Some(timeout) = self.options.timeout else { return Ok(()) };
        let Some(Running { item, .. }) = self.running.remove(&task) else { return Ok(()) };
        self.ctx.exit(task, ExitReason::Kill);
        let error = Err(TaskError::Timeout { task, timeout });
        if self.options.kill_late {
            self.hand_on(item, error);
            Ok(())
        } else {
            self.send(error);
            Err(Over::Done)
        }
    }

    /// The end of a task, or of the owner.
    fn exited(&mut self, exit: Exit) -> Result<(), Over> {
        let Some(Running { item, result, late }) = self.running.remove(&exit.pid) else {
            return if self.ctx.is_from_parent(&exit) { Err(Over::Failed(exit.reason)) } else { Ok(()) };
        };
        if let Some(timer) = late {
            self.ctx.forget_timer(timer);
        }
        match result.take() {
            Some(result) => self.hand_on(item, Ok(result)),
            None if self.options.linked => return Err(self.fail(exit.pid, exit.reason)),
            None => self.hand_on(item, Err(TaskError::Exit { task: exit.pid, reason: exit.reason })),
        }
        Ok(())
    }

    /// The error is the last item.
    fn fail(&self, task: Pid, reason: ExitReason) -> Over {
        self.send(Err(TaskError::Exit { task, reason: reason.clone() }));
        Over::Failed(reason)
    }

    fn hand_on(&mut self, item: u64, result: Result<T, TaskError>) {
        if !self.options.ordered {
            return self.send(result);
        }
        self.held.insert(item, result);
        while let Some(result) = self.held.remove(&self.due) {
            self.send(result);
            self.due += 1;
        }
    }

    fn send(&self, result: Result<T, TaskError>) {
        // An owner that has dropped the stream says so, too.
        let _ = self.results.try_send(result);
    }
}
