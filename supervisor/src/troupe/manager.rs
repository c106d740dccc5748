//! The process that starts and stops the workers of a troupe, and hears of their ends.
//!
//! It keeps nothing that the stage does not have: one that is killed is followed by another that goes on.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::or;
use proscenium_behaviours::{GenServer, Info};
use proscenium_runtime::{Context, Event, ExitReason, MonitorRef, TimerRef, catch_panic};

use super::crew::WorkerId;
use super::queue::JobId;
use super::stage::{Order, Stage};
use super::workers::{Errand, Workers};

pub(super) enum Control {
    /// There are orders.
    Look,
    /// Time has passed.
    Tick,
}

pub(super) struct Manager<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    workers: Workers<M>,
    monitors: BTreeMap<MonitorRef, WorkerId>,
    alarm: Option<(Instant, TimerRef)>,
    /// How long jobs may take that are there when it is told to stop.
    drain: Duration,
}

pub(super) struct ManagerArgs<M: Send + 'static> {
    pub(super) stage: Arc<Stage<M>>,
    pub(super) workers: Workers<M>,
    pub(super) drain: Duration,
}

impl<M: Send + 'static> Clone for ManagerArgs<M> {
    fn clone(&self) -> Self {
        ManagerArgs { stage: self.stage.clone(), workers: self.workers.clone(), drain: self.drain }
    }
}

/// No worker came, or none was good for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one worker after the other did not start, or ended before it had done a job")]
struct NoWorkerStays;

impl<M: Send + 'static> GenServer for Manager<M> {
    type Args = ManagerArgs<M>;
    type Message = Control;

    /// The fewest workers are there when it has returned, or it fails as the first of them did.
    async fn init(args: ManagerArgs<M>, ctx: &mut Context<Control>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        let ManagerArgs { stage, workers, drain } = args;
        let mut manager = Manager { stage, workers, monitors: BTreeMap::new(), alarm: None, drain };
        for worker in manager.stage.manage(ctx.address()) {
            manager.watch(worker, ctx);
        }
        let (orders, _) = manager.stage.orders();
        for order in orders {
            match order {
                Order::Hire => manager.workers.hire().await?,
                order => manager.carry_out(order, ctx).await?,
            }
        }
        manager.look(ctx).await?;
        Ok(manager)
    }

    async fn handle(&mut self, message: Control, ctx: &mut Context<Control>) -> Result<(), ExitReason> {
        if let Control::Tick = message {
            self.alarm = None;
            self.stage.tick();
        }
        self.look(ctx).await
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Control>) -> Result<(), ExitReason> {
        if let Info::Down(down) = info
            && let Some(worker) = self.monitors.remove(&down.monitor)
        {
            self.stage.left(worker, &down.reason);
        }
        self.look(ctx).await
    }

    /// If it may, it waits until all jobs are done.
    async fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Control>) {
        if reason.is_crash() || self.drain.is_zero() {
            return;
        }
        self.stage.drain();
        let until = ctx.system().now() + self.drain;
        let stage = self.stage.clone();
        let drained = || async {
            poll_fn(|cx| stage.poll_drained(cx.waker())).await;
            None
        };
        while let Some(event) = or(drained(), ctx.receive_deadline(until)).await {
            let handled = match event {
                Event::Message(message) => self.handle(message, ctx).await,
                Event::Down(down) => self.handle_info(Info::Down(down), ctx).await,
                Event::Exit(_) => Ok(()),
            };
            if handled.is_err() {
                return;
            }
        }
    }
}

impl<M: Send + 'static> Manager<M> {
    /// Does what there is to do, and sets the alarm for what is to come.
    async fn look(&mut self, ctx: &mut Context<Control>) -> Result<(), ExitReason> {
        loop {
            let (orders, alarm) = self.stage.orders();
            self.set_alarm(alarm, ctx);
            if orders.is_empty() {
                return Ok(());
            }
            for order in orders {
                self.carry_out(order, ctx).await?;
            }
        }
    }

    async fn carry_out(&mut self, order: Order, ctx: &mut Context<Control>) -> Result<(), ExitReason> {
        match order {
            Order::Hire => self.hire(ctx),
            Order::Watch(worker) => self.watch(worker, ctx),
            Order::Dismiss(worker) => self.dismiss(worker, ctx),
            Order::Kill(worker) => {
                if let Some(address) = self.stage.address(worker) {
                    ctx.exit(&address, ExitReason::Kill);
                }
            }
            Order::Repeat(job) => self.repeat(job).await,
            Order::GiveUp => return Err(NoWorkerStays.into()),
        }
        Ok(())
    }

    /// Beside the manager, which must hear of the ends of others while a worker takes its time to start.
    fn hire(&mut self, ctx: &mut Context<Control>) {
        let (errand, workers, troupe) = (Errand::hire(&self.stage), self.workers.clone(), self.stage.label());
        ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.set_label("hires a worker of a troupe");
            match workers.hire().await {
                Ok(()) => errand.done(),
                Err(reason) => {
                    slog::warn!(ctx.logger(), "a worker did not start"; "troupe" => &*troupe, "reason" => %reason);
                }
            }
        });
    }

    fn dismiss(&mut self, worker: WorkerId, ctx: &mut Context<Control>) {
        let Some(pid) = self.stage.address(worker).and_then(|address| address.pid()) else { return };
        let (errand, workers) = (Errand::dismiss(&self.stage, worker), self.workers.clone());
        ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.set_label("dismisses a worker of a troupe");
            workers.dismiss(pid).await;
            errand.done();
        });
    }

    fn watch(&mut self, worker: WorkerId, ctx: &mut Context<Control>) {
        if let Some(address) = self.stage.address(worker) {
            self.monitors.insert(ctx.monitor(&address), worker);
        }
    }

    /// Has the message of a job made again, by code of a user's.
    async fn repeat(&mut self, job: JobId) {
        let Some(mut again) = self.stage.take_again(job) else {
            return self.stage.repeated(job, None);
        };
        let made = catch_panic(async move {
            let message = again();
            (message, again)
        });
        self.stage.repeated(job, made.await.ok());
    }

    fn set_alarm(&mut self, at: Option<Instant>, ctx: &mut Context<Control>) {
        if at == self.alarm.map(|(at, _)| at) {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            ctx.forget_timer(timer);
        }
        self.alarm = at.map(|at| (at, ctx.send_at(at, Control::Tick)));
    }
}
