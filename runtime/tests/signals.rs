//! Exit signals, end to end: the table of Erlang's reference manual, "Receiving Exit Signals".

mod common;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Gate, TIMES, in_every_order, next_down, next_exit, run_on, text, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, Event, ExitReason, Pid, Status, SystemHandle};

/// How a signal comes: over a link, or from a process that calls `exit`.
#[derive(Clone, Copy, Debug)]
enum By {
    Link,
    Exit,
}

/// What becomes of a process that gets an exit signal: "lives", "traps REASON" or "ends REASON".
async fn fate(ctx: &mut Context<String>, by: By, trap: bool, reason: ExitReason) -> String {
    let home = ctx.address();
    let (victim, monitor) = ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
        ctx.trap_exit(trap);
        let pid = ctx.pid();
        let sender = match by {
            By::Link => ctx.spawn_link(move |_ctx: Context<()>| async { Err(reason) }),
            By::Exit => ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, reason) }),
        };
        // What the sender sent has come when the sender has ended.
        sender.exited().await;
        home.cast(match ctx.receive_timeout(std::time::Duration::ZERO).await {
            Some(Event::Exit(exit)) => format!("traps {}", exit.reason),
            Some(_) => unreachable!("nothing else is sent"),
            None => "lives".to_owned(),
        });
    });
    match ctx.receive().await {
        Event::Message(fate) => {
            victim.exited().await;
            ctx.demonitor(monitor);
            fate
        }
        Event::Down(down) => format!("ends {}", down.reason),
        Event::Exit(_) => unreachable!("it is not linked"),
    }
}

#[test]
fn exit_signals_follow_the_table_of_the_reference_manual() {
    use ExitReason::{Kill, Killed, Normal, Shutdown};
    #[rustfmt::skip]
    let table = [
        // reason,                  by link,          by link, trapping,  sent,             sent, trapping
        (Normal,                    ["lives",         "traps normal",     "lives",          "traps normal"]),
        (Shutdown,                  ["ends shutdown", "traps shutdown",   "ends shutdown",  "traps shutdown"]),
        (ExitReason::error("flat"), ["ends flat",     "traps flat",       "ends flat",      "traps flat"]),
        (Killed,                    ["ends killed",   "traps killed",     "ends killed",    "traps killed"]),
        (ExitReason::NoProcess,     ["ends no process", "traps no process", "ends no process", "traps no process"]),
        (Kill,                      ["ends kill",     "traps kill",       "ends killed",    "ends killed"]),
    ];
    for_each_seed(TIMES as u64 / 10, |test| {
        let table = table.clone();
        test.run(|mut ctx: Context<String>| async move {
            for (reason, expected) in table {
                let mut seen = Vec::new();
                for (by, trap) in [(By::Link, false), (By::Link, true), (By::Exit, false), (By::Exit, true)] {
                    seen.push(fate(&mut ctx, by, trap, reason.clone()).await);
                }
                assert_eq!(seen, expected, "{reason}");
            }
        });
    });
}

#[test]
fn an_explicit_kill_cannot_be_trapped_and_is_told_as_killed() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (victim, _) = ctx.spawn_monitor(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            loop {
                ctx.receive().await;
            }
        });
        future::yield_now().await;
        ctx.exit(pid(&victim), ExitReason::Kill);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
    });
}

/// How the first of a chain ends.
#[derive(Clone, Debug)]
enum First {
    IsSent(ExitReason),
    Returns(ExitReason),
}

/// Links `length` processes to a first in a chain, ends the first, and returns why the others ended.
async fn chain_reasons(ctx: &mut Context<()>, length: usize, first: First) -> Vec<ExitReason> {
    let start = Gate::new();
    let started = start.clone();
    let mut last = ctx.spawn(move |ctx: Context<()>| async move {
        started.passed().await;
        match first {
            First::Returns(reason) => Err(reason),
            First::IsSent(reason) => {
                ctx.exit(ctx.pid(), reason);
                future::pending().await
            }
        }
    });
    let mut chain = Vec::new();
    for _ in 0..length {
        let (before, linked) = (pid(&last), Gate::new());
        let is_linked = linked.clone();
        last = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(before);
            is_linked.open();
            future::pending::<()>().await;
        });
        linked.passed().await;
        chain.push(last.clone());
    }
    start.open();
    let mut reasons = Vec::new();
    for process in &chain {
        reasons.push(process.exited().await);
    }
    reasons
}

#[test]
fn a_kill_that_is_sent_becomes_killed_and_one_that_is_returned_stays_kill_down_a_chain() {
    use ExitReason::{Kill, Killed};
    let table = [
        (First::IsSent(Kill), Killed),
        (First::Returns(Kill), Kill),
        (First::Returns(Killed), Killed),
        (First::IsSent(Killed), Killed),
    ];
    for_each_seed(50, |test| {
        let table = table.clone();
        test.run(|mut ctx: Context<()>| async move {
            for (first, reason) in table {
                for length in [1, 2, 9, 10] {
                    let reasons = chain_reasons(&mut ctx, length, first.clone()).await;
                    assert_eq!(reasons, vec![reason.clone(); length], "{first:?}");
                }
            }
        });
    });
}

#[test]
fn the_trap_flag_counts_at_the_moment_of_arrival() {
    in_every_order(|mut ctx: Context<()>| async move {
        let changed = Gate::new();
        let (home, is_changed) = (ctx.pid(), changed.clone());
        let (late_trapper, _) = ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
            assert!(!ctx.trap_exit(true), "it did not trap before");
            is_changed.open();
            let exit = next_exit(&mut ctx).await;
            assert!(ctx.trap_exit(false), "it did");
            assert_eq!(exit.pid, home);
            // Trapped while the flag stood: what waits in the mailbox does not end it.
            let exit = next_exit(&mut ctx).await;
            Err::<(), _>(ExitReason::error(format!("trapped {}", exit.reason)))
        });
        changed.passed().await;
        ctx.exit(pid(&late_trapper), ExitReason::error("first"));
        ctx.exit(pid(&late_trapper), ExitReason::error("second"));
        let reason = next_down(&mut ctx).await.reason;
        let trapped = ExitReason::error("trapped second");
        assert!([trapped, ExitReason::error("second")].contains(&reason), "{reason}");
    });
}

#[test]
fn a_second_exit_signal_changes_nothing() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (victim, _) = ctx.spawn_monitor(common::idle);
        ctx.exit(pid(&victim), ExitReason::error("first"));
        ctx.exit(pid(&victim), ExitReason::Kill);
        ctx.exit(pid(&victim), ExitReason::Shutdown);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::error("first"));
    });
}

#[test]
fn a_process_that_a_signal_has_ended_is_not_alive_though_it_has_yet_to_notice() {
    timetrap(|| {
        let system = workers(1);
        let (began, go_on) = (Gate::new(), Arc::new(AtomicBool::new(false)));
        let (has_began, may_go_on) = (began.clone(), go_on.clone());
        let busy = system.spawn(move |_ctx: Context<()>| async move {
            has_began.open();
            // Code that never awaits cannot be killed.
            while !may_go_on.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            future::yield_now().await;
            unreachable!("it was killed");
        });
        future::block_on(began.passed());
        system.exit(pid(&busy), ExitReason::Kill);
        assert!(!system.is_alive(pid(&busy)));
        assert_eq!(system.process_info(pid(&busy)).map(|info| info.status), Some(Status::Exiting));
        assert!(busy.try_send(()).is_err());
        go_on.store(true, Ordering::Relaxed);
        assert_eq!(future::block_on(busy.exited()), ExitReason::Killed);
        assert_eq!(system.process_info(pid(&busy)), None);
    });
}

#[test]
fn a_process_that_exits_itself_stops_at_its_next_await() {
    for (reason, told) in [(ExitReason::Shutdown, "shutdown"), (ExitReason::Kill, "killed")] {
        for_each_seed(100, |test| {
            let reason = reason.clone();
            test.run(move |mut ctx: Context<&str>| async move {
                let home = ctx.address();
                ctx.spawn_monitor(move |ctx: Context<()>| async move {
                    ctx.exit(ctx.pid(), reason);
                    home.cast("until here");
                    future::yield_now().await;
                    home.cast("too far");
                });
                assert_eq!(text(&ctx.receive().await), "message \"until here\"");
                assert_eq!(text(&ctx.receive().await), format!("down {told}"));
            });
        });
    }
}

#[test]
fn a_process_that_returns_before_a_signal_could_end_it_ended_by_itself() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.spawn_monitor(|ctx: Context<()>| async move { ctx.exit(ctx.pid(), ExitReason::Kill) });
            assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
        });
    });
}

#[test]
fn a_normal_exit_signal_to_itself_does_nothing_unless_it_is_trapped() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.exit(ctx.pid(), ExitReason::Normal);
            future::yield_now().await;
            ctx.trap_exit(true);
            ctx.exit(ctx.pid(), ExitReason::Normal);
            let exit = next_exit(&mut ctx).await;
            assert_eq!((exit.pid, exit.linked), (ctx.pid(), false));
        });
    });
}

#[test]
fn a_trapped_exit_tells_who_sent_it_and_whether_a_link_brought_it() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let me = ctx.pid();
        let linked = ctx.spawn_link(|_ctx: Context<()>| async {});
        let exit = next_exit(&mut ctx).await;
        assert_eq!((Some(exit.pid), exit.linked), (linked.pid(), true));

        let sender = ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(me, ExitReason::Shutdown) });
        let exit = next_exit(&mut ctx).await;
        assert_eq!((Some(exit.pid), exit.linked), (sender.pid(), false));

        ctx.system().exit(me, ExitReason::Shutdown);
        let exit = next_exit(&mut ctx).await;
        assert_eq!((exit.pid.to_string().as_str(), exit.linked), ("<0.0.0>", false));
        assert_eq!(ctx.is_from_parent(&exit), ctx.parent().is_none());
    });
}

#[test]
fn an_exit_signal_to_nobody_does_nothing() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let gone = ctx.spawn(|_ctx: Context<()>| async {});
            gone.exited().await;
            ctx.exit(pid(&gone), ExitReason::Kill);
            common::expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn the_error_behind_a_reason_arrives_whole() {
    #[derive(Debug, PartialEq)]
    struct Broke {
        pipe: u8,
    }
    impl fmt::Display for Broke {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "pipe {} broke", self.pipe)
        }
    }
    impl Error for Broke {}

    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.spawn_monitor(|_ctx: Context<()>| async { Err(ExitReason::from(Broke { pipe: 3 })) });
            let reason = next_down(&mut ctx).await.reason;
            assert_eq!(reason.downcast_ref(), Some(&Broke { pipe: 3 }));
        });
    });
}

/// An error whose drop looks at a process, and so needs that process's lock.
#[derive(Debug)]
struct Looks(SystemHandle, Pid);

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("looks")
    }
}

impl Error for Looks {}

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.process_info(self.1);
    }
}

#[test]
fn what_a_reason_holds_is_dropped_under_no_lock() {
    timetrap(|| {
        let system = workers(1);
        run_on(&system, |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let looks_at = |pid| ExitReason::error(Looks(ctx.system().clone(), pid));
            // One is refused, since the process is ended already; one is overruled by the body's own end.
            let ended = ctx.system().spawn(common::idle);
            let pid_of_ended = pid(&ended);
            ctx.system().exit(pid_of_ended, ExitReason::Shutdown);
            ctx.system().exit(pid_of_ended, looks_at(pid_of_ended));
            let overruled = ctx.system().spawn(|ctx: Context<()>| async move {
                let reason = ExitReason::error(Looks(ctx.system().clone(), ctx.pid()));
                ctx.exit(ctx.pid(), reason);
            });
            assert_eq!(overruled.exited().await, ExitReason::Normal);
            // One waits in the mailbox when its link is removed.
            let reason = looks_at(ctx.pid());
            let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(reason) });
            child.exited().await;
            let pid_of_child = pid(&child);
            drop(child);
            ctx.unlink(pid_of_child);
            common::expect_empty(&mut ctx).await;
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
