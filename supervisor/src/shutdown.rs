//! Stopping one child, as OTP's supervisor does.

use std::time::Duration;

use proscenium_runtime::{Context, Down, Event, EventRef, ExitReason, MonitorRef, Pid};

use crate::child_spec::Shutdown;
use crate::decide::Stopped;

/// How long a killed child may take to end. One that takes longer never yields, and nothing can be done about it.
const GRACE: Duration = Duration::from_secs(5);

/// Stops `pid`, linked to the process of `ctx` and monitored by it, and waits until it has ended. Neither an exit nor a
/// down of it will be received later.
pub(crate) async fn stop<M: Send + 'static>(
    ctx: &mut Context<M>,
    pid: Pid,
    monitor: MonitorRef,
    shutdown: Shutdown,
) -> Stopped {
    stop_within(ctx, pid, monitor, shutdown, GRACE).await
}

async fn stop_within<M: Send + 'static>(
    ctx: &mut Context<M>,
    pid: Pid,
    monitor: MonitorRef,
    shutdown: Shutdown,
    grace: Duration,
) -> Stopped {
    // The monitor is waited for, not the link: a child that unlinked itself must not be able to hang us.
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
        Some(down) => Some(down),
        None => {
            ctx.exit(pid, ExitReason::Kill);
            wait(ctx, monitor, grace).await
        }
    };
    ctx.demonitor(monitor);
    let stopped = match ended {
        Some(down) => Stopped::Ended(reason(ctx, down).await),
        None => Stopped::Abandoned,
    };
    ctx.unlink(pid);
    stopped
}

/// Why a linked process ended that `down` tells of.
pub(crate) async fn reason<M: Send + 'static>(ctx: &mut Context<M>, down: Down) -> ExitReason {
    match down.reason {
        // It had ended before it was monitored: the link knows why.
        ExitReason::NoProcess => linked_exit(ctx, down.pid).await,
        reason => reason,
    }
}

async fn wait<M: Send + 'static>(ctx: &mut Context<M>, monitor: MonitorRef, limit: Duration) -> Option<Down> {
    ctx.sleep(limit).limit(down(ctx, monitor)).await
}

async fn down<M: Send + 'static>(ctx: &mut Context<M>, monitor: MonitorRef) -> Down {
    let this = |event: EventRef<'_, M>| matches!(event, EventRef::Down(down) if down.monitor == monitor);
    match ctx.receive_matching(this).await {
        Event::Down(down) => down,
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use proscenium_runtime::System;

    use super::*;

    #[test]
    fn a_killed_child_that_never_yields_is_given_up_after_the_grace_time() {
        let system = System::builder("stuck").workers(2).build().unwrap();
        let (inside, entered) = async_channel::bounded(1);
        let (open, gate) = mpsc::channel::<()>();
        let outcome = system.run(move |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let child = ctx.spawn_link(move |_ctx: Context<()>| async move {
                inside.try_send(()).unwrap();
                // The thread waits, so the process cannot notice that it was killed.
                let _ = gate.recv();
                std::future::pending::<()>().await;
            });
            entered.recv().await.unwrap();
            let pid = child.pid().unwrap();
            let monitor = ctx.monitor(pid);
            let stopped = stop_within(&mut ctx, pid, monitor, Shutdown::BrutalKill, Duration::from_millis(1)).await;
            assert_eq!(stopped, Stopped::Abandoned);
            assert!(!ctx.is_linked(pid));
            drop(open);
            assert_eq!(child.exited().await, ExitReason::Killed);
        });
        assert_eq!(outcome, Ok(()));
    }
}
