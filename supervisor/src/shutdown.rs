//! Stopping one child, as OTP's supervisor does.

use std::time::Duration;

use proscenium_runtime::{Context, Event, EventRef, ExitReason, MonitorRef, Pid};

use crate::child_spec::Shutdown;
use crate::decide::Stopped;

/// How long a killed child may take to end. One that takes longer never yields, and nothing can be done about it.
const GRACE: Duration = Duration::from_secs(5);

/// Stops `pid`, linked to the process of `ctx`, and waits until it has ended. Nothing of it will be received later.
pub(crate) async fn stop<M: Send + 'static>(ctx: &mut Context<M>, pid: Pid, shutdown: Shutdown) -> Stopped {
    // Monitor, not link: a child that unlinked itself must not be able to hang us.
    let monitor = ctx.monitor(pid);
    let ended = match shutdown {
        Shutdown::BrutalKill => None,
        Shutdown::Timeout(limit) => {
            ctx.exit(pid, ExitReason::Shutdown);
            wait(ctx, monitor, limit).await
        }
        Shutdown::Infinity => {
            ctx.exit(pid, ExitReason::Shutdown);
            Some(down(ctx, monitor).await)
        }
    };
    let ended = match ended {
        Some(reason) => Some(reason),
        None => {
            ctx.exit(pid, ExitReason::Kill);
            wait(ctx, monitor, GRACE).await
        }
    };
    ctx.demonitor(monitor);
    let stopped = match ended {
        // It had ended before the monitor was set: the link knows why.
        Some(ExitReason::NoProcess) => Stopped::Ended(linked_exit(ctx, pid).await),
        Some(reason) => Stopped::Ended(reason),
        None => Stopped::Abandoned,
    };
    ctx.unlink(pid);
    stopped
}

async fn wait<M: Send + 'static>(ctx: &mut Context<M>, monitor: MonitorRef, limit: Duration) -> Option<ExitReason> {
    let late = ctx.sleep(limit);
    futures_lite::future::or(async { Some(down(ctx, monitor).await) }, async {
        late.await;
        None
    })
    .await
}

async fn down<M: Send + 'static>(ctx: &mut Context<M>, monitor: MonitorRef) -> ExitReason {
    let this = |event: EventRef<'_, M>| matches!(event, EventRef::Down(down) if down.monitor == monitor);
    match ctx.receive_matching(this).await {
        Event::Down(down) => down.reason,
        Event::Message(_) | Event::Exit(_) => unreachable!("only that down matches"),
    }
}

/// Why a linked process that has ended did; `NoProcess` if it had unlinked itself.
async fn linked_exit<M: Send + 'static>(ctx: &mut Context<M>, pid: Pid) -> ExitReason {
    let is_linked = ctx.is_linked(pid);
    let this = |event: EventRef<'_, M>| matches!(event, EventRef::Exit(exit) if exit.linked && exit.pid == pid);
    let exit = if is_linked {
        // The link stands, so its exit is on the way.
        Some(ctx.receive_matching(this).await)
    } else {
        ctx.try_receive_matching(this)
    };
    match exit {
        Some(Event::Exit(exit)) => exit.reason,
        _ => ExitReason::NoProcess,
    }
}
