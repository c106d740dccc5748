//! The process that stands between an application's tree and the controller; OTP's application master.
//!
//! Invariant: when it has ended, nothing that was started below it is left, but what cannot be killed.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{Context, Event, EventRef, ExitReason, Pid, catch_panic};

use super::controller::{Ask, ReloadDone};
use super::spec::{AnyEnv, AppContext, Application};
use crate::child_spec::{Shutdown, StartChild};
use crate::shutdown;

/// How long processes that were left over and killed may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// What a master is told.
pub(crate) enum Order {
    /// There are new settings.
    Reload { env: AnyEnv, done: Arc<ReloadDone> },
}

/// The life of a master: it tells the controller how the start went, and ends as the application does.
pub(super) async fn run<A: Application>(
    application: A,
    app: AppContext<A::Env>,
    phases: Vec<Arc<str>>,
    mut ctx: Context<Order>,
) -> Result<(), ExitReason> {
    ctx.trap_exit(true);
    ctx.set_label(&format!("master of application {}", app.name()));
    let mut master = Master { application, app };
    let started = master.start(&phases, &mut ctx).await;
    let top = started.as_ref().ok().copied();
    master.app.applications.tell(Ask::Started { master: ctx.pid(), outcome: started.map(drop) });
    let reason = match top {
        Some(top) => master.serve(top, &mut ctx).await,
        None => ExitReason::Normal,
    };
    end_leftovers(&mut ctx).await;
    Err(reason)
}

struct Master<A: Application> {
    application: A,
    app: AppContext<A::Env>,
}

impl<A: Application> Master<A> {
    async fn start(&mut self, phases: &[Arc<str>], ctx: &mut Context<Order>) -> Result<Pid, ExitReason> {
        let top = catch_panic(self.application.start(&self.app)).await??;
        let parent = ctx.as_parent().as_supervisor(0);
        let top = catch_panic(async move { top.start_child(&parent).await }).await??;
        for phase in phases {
            let passed = catch_panic(self.application.start_phase(phase, &self.app)).await;
            if let Err(reason) = passed.and_then(|passed| passed) {
                stop_top(top, ctx).await;
                self.call_stop(ctx).await;
                return Err(reason);
            }
        }
        Ok(top)
    }

    /// Until the tree ends or shall end. Returns with what reason.
    async fn serve(&mut self, top: Pid, ctx: &mut Context<Order>) -> ExitReason {
        loop {
            match ctx.receive().await {
                Event::Exit(exit) if exit.linked && exit.pid == top => {
                    self.call_prep_stop(ctx).await;
                    self.call_stop(ctx).await;
                    return exit.reason;
                }
                Event::Exit(exit) if ctx.is_from_parent(&exit) => {
                    self.call_prep_stop(ctx).await;
                    stop_top(top, ctx).await;
                    self.call_stop(ctx).await;
                    return ExitReason::Normal;
                }
                Event::Message(Order::Reload { env, done }) => {
                    let before = std::mem::replace(&mut self.app.env, downcast(env));
                    let reloaded = catch_panic(self.application.reload(&before, &self.app)).await;
                    complain("reload", reloaded, ctx);
                    drop(done);
                }
                Event::Exit(_) | Event::Down(_) => {}
            }
        }
    }

    async fn call_prep_stop(&mut self, ctx: &Context<Order>) {
        complain("prep_stop", catch_panic(self.application.prep_stop(&self.app)).await, ctx);
    }

    async fn call_stop(&mut self, ctx: &Context<Order>) {
        complain("stop", catch_panic(self.application.stop(&self.app)).await, ctx);
    }
}

/// The application goes on whatever its callback did.
fn complain(callback: &str, outcome: Result<(), ExitReason>, ctx: &Context<Order>) {
    if let Err(reason) = outcome {
        slog::error!(ctx.logger(), "a callback of an application failed"; "callback" => callback, "reason" => %reason);
    }
}

/// An application's tree may take as long as it takes.
async fn stop_top(top: Pid, ctx: &mut Context<Order>) {
    shutdown::stop(ctx, top, Shutdown::Infinity).await;
}

/// Kills what was started below this process and still lives, again until there is none.
async fn end_leftovers(ctx: &mut Context<Order>) {
    let system = ctx.system().clone();
    let limit = ctx.sleep(GRACE);
    let me = ctx.pid();
    let is_ours = |pid: &Pid| {
        let info = system.process_info(*pid);
        info.is_some_and(|info| info.ancestors.iter().any(|ancestor| ancestor.pid == me))
    };
    let killing = async {
        loop {
            let left: Vec<Pid> = system.processes().into_iter().filter(is_ours).collect();
            if left.is_empty() {
                return;
            }
            for pid in left {
                let monitor = ctx.monitor(pid);
                ctx.exit(pid, ExitReason::Kill);
                ctx.receive_matching(|event| matches!(event, EventRef::Down(down) if down.monitor == monitor)).await;
            }
        }
    };
    if limit.limit(killing).await.is_none() {
        slog::error!(ctx.logger(), "an application leaves processes behind that do not yield");
    }
}

/// The controller keeps each application's settings, and gives them to no other.
pub(super) fn downcast<E: Send + Sync + 'static>(env: Arc<dyn Any + Send + Sync>) -> Arc<E> {
    env.downcast().expect("an application gets its own settings")
}
