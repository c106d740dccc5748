//! Stopping children, as OTP's supervisor does: one, or many at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proscenium_runtime::{Call, CallError, Context, Event, EventRef, ExitReason, Pid, SystemHandle};

use crate::child_spec::Shutdown;
use crate::decide::Stopped;

/// How long a killed child may take to end. One that takes longer never yields, and nothing can be done about it.
const GRACE: Duration = Duration::from_secs(5);

/// Sees to it that the process of `ctx` hears of the end of its child `pid`, or has heard of it.
pub(crate) fn keep_watch<M: Send + 'static>(ctx: &mut Context<M>, pid: Pid) {
    // The link tells, unless there is none: of a start of the user's own making, or because the child's `init` removed it.
    if !ctx.is_linked(pid) {
        ctx.monitor(pid);
    }
}

/// Stops the child `pid` and waits until it has ended. No exit of it will be received later.
pub(crate) async fn stop<M: Send + 'static>(ctx: &mut Context<M>, pid: Pid, shutdown: Shutdown) -> Stopped {
    stop_within(ctx, pid, shutdown, GRACE).await
}

async fn stop_within<M: Send + 'static>(
    ctx: &mut Context<M>,
    pid: Pid,
    shutdown: Shutdown,
    grace: Duration,
) -> Stopped {
    keep_watch(ctx, pid);
    let (mut order, mut limit) = match shutdown {
        Shutdown::BrutalKill => (ExitReason::Kill, Some(grace)),
        Shutdown::Timeout(limit) => (ExitReason::Shutdown, Some(limit)),
        Shutdown::Infinity => (ExitReason::Shutdown, None),
    };
    loop {
        ctx.exit(pid, order.clone());
        let ended = match limit {
            Some(limit) => ctx.sleep(limit).limit(end(ctx, pid)).await,
            None => Some(end(ctx, pid).await),
        };
        match ended {
            Some(reason) => return Stopped::Ended(reason),
            None if order == ExitReason::Kill => break,
            None => (order, limit) = (ExitReason::Kill, Some(grace)),
        }
    }
    ctx.unlink(pid);
    Stopped::Abandoned
}

/// Waits for the end of a child. Returns its reason.
async fn end<M: Send + 'static>(ctx: &mut Context<M>, pid: Pid) -> ExitReason {
    let its_end = |event: EventRef<'_, M>| match event {
        EventRef::Exit(exit) => exit.linked && exit.pid == pid,
        EventRef::Down(down) => down.pid == pid,
        EventRef::Message(_) => false,
    };
    match ctx.receive_matching(its_end).await {
        Event::Exit(exit) => exit.reason,
        Event::Down(down) => down.reason,
        Event::Message(_) => unreachable!("no message matches"),
    }
}

/// Somebody to be waited for, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) pid: Pid,
    /// Then it is killed. Without one it has as long as it takes.
    pub(crate) limit: Option<Duration>,
}

/// Tells all children to stop, at once, and waits until they have ended. The messages of the process of
/// `ctx` are left alone, all other news is taken.
pub(crate) async fn stop_all<M: Send + 'static>(
    ctx: &mut Context<M>,
    children: &[(Pid, Shutdown)],
) -> Vec<(Pid, Stopped)> {
    let mut waits = Vec::with_capacity(children.len());
    for &(pid, shutdown) in children {
        let (reason, limit) = match shutdown {
            Shutdown::BrutalKill => (ExitReason::Kill, Some(Duration::ZERO)),
            Shutdown::Timeout(limit) => (ExitReason::Shutdown, Some(limit)),
            Shutdown::Infinity => (ExitReason::Shutdown, None),
        };
        ctx.exit(pid, reason);
        waits.push(Wait { pid, limit });
    }
    wait_for_all(ctx, &waits).await
}

/// Waits until all have ended, and kills those whose time is over.
async fn wait_for_all<M: Send + 'static>(ctx: &mut Context<M>, waits: &[Wait]) -> Vec<(Pid, Stopped)> {
    let began = ctx.system().now();
    let mut living: BTreeSet<Pid> = waits.iter().map(|wait| wait.pid).collect();
    // By when it is due: first to be killed, then to be given up.
    let mut due: BTreeMap<Duration, Vec<(Pid, bool)>> = BTreeMap::new();
    for wait in waits {
        if let Some(limit) = wait.limit {
            due.entry(limit).or_default().push((wait.pid, false));
        }
    }
    let mut ended = Vec::with_capacity(waits.len());
    while !living.is_empty() {
        let news = match due.keys().next() {
            Some(next) => {
                let passed = ctx.system().now() - began;
                ctx.sleep(next.saturating_sub(passed)).limit(any_end(ctx)).await
            }
            None => Some(any_end(ctx).await),
        };
        if let Some((pid, reason)) = news {
            if living.remove(&pid) {
                ended.push((pid, Stopped::Ended(reason)));
            }
            continue;
        }
        let (limit, late) = due.pop_first().expect("the time of some is over");
        for (pid, killed) in late.into_iter().filter(|(pid, _)| living.contains(pid)).collect::<Vec<_>>() {
            if killed {
                living.remove(&pid);
                ended.push((pid, Stopped::Abandoned));
            } else {
                ctx.exit(pid, ExitReason::Kill);
                due.entry(limit.saturating_add(GRACE)).or_default().push((pid, true));
            }
        }
    }
    ended
}

/// The next end that a link or a monitor tells of.
async fn any_end<M: Send + 'static>(ctx: &mut Context<M>) -> (Pid, ExitReason) {
    loop {
        match ctx.receive_matching(|event| !matches!(event, EventRef::Message(_))).await {
            Event::Exit(exit) if exit.linked => return (exit.pid, exit.reason),
            Event::Down(down) => return (down.pid, down.reason),
            Event::Exit(_) | Event::Message(_) => {}
        }
    }
}

/// Sees to it that those whom a killed supervisor has left behind end. Its links tell them; who ignores that is killed when
/// its shutdown time is over, or after a grace time if it has none. Who may take as long as it likes takes as long as it likes.
pub(crate) fn outlive(system: &SystemHandle, orphans: Vec<(Pid, Shutdown)>) {
    let limit = |shutdown| match shutdown {
        Shutdown::BrutalKill => Some(GRACE),
        Shutdown::Timeout(limit) => Some(limit),
        Shutdown::Infinity => None,
    };
    let wait = |(pid, shutdown)| Some(Wait { pid, limit: Some(limit(shutdown)?) });
    let waits: Vec<Wait> = orphans.into_iter().filter_map(wait).collect();
    if waits.is_empty() {
        return;
    }
    system.spawn(|mut ctx: Context<()>| async move {
        ctx.set_label("watches over orphans");
        for wait in &waits {
            ctx.monitor(wait.pid);
        }
        wait_for_all(&mut ctx, &waits).await;
    });
}

/// Waits for the end of whom `call` asks to stop: it leaves that unanswered.
pub(crate) async fn await_end<M: Send + 'static>(
    call: Call<'_, M, ()>,
    within: Option<Duration>,
) -> Result<(), CallError> {
    let call = match within {
        Some(limit) => call.timeout(limit),
        None => call.without_timeout(),
    };
    match call.await {
        Ok(()) | Err(CallError::Down { .. }) => Ok(()),
        Err(error) => Err(error),
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
            let stopped = stop_within(&mut ctx, pid, Shutdown::BrutalKill, Duration::from_millis(1)).await;
            assert_eq!(stopped, Stopped::Abandoned);
            assert!(!ctx.is_linked(pid));
            drop(open);
            assert_eq!(child.exited().await, ExitReason::Killed);
        });
        assert_eq!(outcome, Ok(()));
    }
}
