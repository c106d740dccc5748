//! Ends: why a server ends, whether it cleans up, and who hears of it.

use std::task::{self, Poll};

use proscenium_behaviours::{Feed, GenServer, Info};
use proscenium_runtime::{Address, CallError, Context, Event, ExitReason, Pid, Report};

use super::common::{Log, Order, SECOND, boom, in_any_order, settle};

#[test]
fn a_server_ends_with_the_reason_that_a_callback_returns_and_cleans_up_before() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("done"), boom()];
        for reason in reasons {
            let server = log.server().start().link(&mut ctx).await.unwrap();
            server.cast(Order::Stop(reason.clone()));
            server.cast(Order::Say("never"));
            let Event::Exit(exit) = ctx.receive().await else { panic!() };
            assert_eq!((Some(exit.pid), &exit.reason), (server.pid(), &reason));
            assert_eq!(log.take(), format!("init, terminate {reason} after 1, done"));
        }
    });
}

#[test]
fn a_server_that_panics_cleans_up_and_ends_with_the_panic() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::Panic);
        let ExitReason::Panic(panic) = server.exited().await else { panic!() };
        assert_eq!(panic.message(), "as ordered");
        assert!(panic.location().unwrap().contains("common.rs"), "{panic}");
        assert_eq!(log.take(), "init, terminate panic: as ordered after 1, done");
    });
}

/// Its one message never comes.
struct Broken;

impl Feed<Order> for Broken {
    fn started(&mut self, _server: &Address<Order>) {}

    fn poll_next(&mut self, _cx: &mut task::Context<'_>) -> Poll<Order> {
        panic!("out of order");
    }

    fn handled(&mut self) {}
}

#[test]
fn a_server_whose_feed_panics_cleans_up_and_ends_with_the_panic() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().feed(Broken).link(&mut ctx).await.unwrap();
        let ExitReason::Panic(panic) = server.exited().await else { panic!() };
        assert_eq!(panic.message(), "out of order");
        assert_eq!(log.take(), "init, terminate panic: out of order after 0, done");
    });
}

#[test]
fn an_answer_at_the_end_comes_after_terminate_also_if_that_panics_and_before_the_end() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        for panics in [false, true] {
            let life = log.server().stops_in(SECOND);
            let life = if panics { life.panics_at_last() } else { life };
            let server = life.start().link(&mut ctx).await.unwrap();
            let began = ctx.system().now();
            let call = server.call(|reply| Order::StopAndAnswer(ExitReason::Shutdown, reply));
            assert_eq!(call.await.as_deref(), Ok("init"), "what it had at the time");
            assert_eq!(ctx.system().now() - began, SECOND, "terminate has run");
            assert_eq!(log.take(), format!("terminate shutdown after 1{}", if panics { "" } else { ", done" }));
            let reason = server.exited().await;
            assert_eq!(reason == ExitReason::Shutdown, !panics, "{reason}");
        }
    });
}

#[test]
fn a_server_that_is_killed_before_it_could_answer_at_the_end_is_down() {
    in_any_order(|mut ctx| async move {
        let server = Log::default().server().stops_in(3600 * SECOND).start().spawn(ctx.system()).await.unwrap();
        let pid = server.pid().unwrap();
        ctx.spawn(move |ctx: Context<()>| async move {
            ctx.sleep(SECOND).await;
            ctx.exit(pid, ExitReason::Kill);
        });
        let answer = server.call(|reply| Order::StopAndAnswer(ExitReason::Normal, reply)).await;
        assert!(matches!(&answer, Err(CallError::Down { reason: ExitReason::Killed, .. })), "{answer:?}");
    });
}

/// Fails in the callback that its message names.
struct Clumsy(Log);

impl GenServer for Clumsy {
    type Args = Log;
    type Message = &'static str;

    async fn init(log: Log, ctx: &mut Context<&'static str>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        Ok(Clumsy(log))
    }

    async fn handle(&mut self, callback: &'static str, ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        match callback {
            "handle" => panic!("in handle"),
            "info" => drop(ctx.monitor(Pid::NOBODY)),
            other => ctx.continue_with(other),
        }
        Ok(())
    }

    async fn handle_continue(&mut self, _: &'static str, _ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        panic!("in continue");
    }

    async fn handle_info(&mut self, _: Info, _ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        panic!("in info");
    }

    async fn terminate(&mut self, reason: &ExitReason, _ctx: &mut Context<&'static str>) {
        let ExitReason::Panic(panic) = reason else { unreachable!() };
        self.0.add(panic.message());
    }
}

impl Drop for Clumsy {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_panic_in_any_callback_ends_the_server_and_nobody_else_also_if_its_state_panics_when_dropped() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        for callback in ["handle", "continue", "info"] {
            let clumsy = Clumsy::start(log.clone()).name("clumsy").link(&mut ctx).await.unwrap();
            clumsy.cast(callback);
            let ExitReason::Panic(panic) = clumsy.exited().await else { panic!() };
            assert_eq!(panic.message(), "dropped", "the last failure counts, as that of terminate does");
            assert_eq!(log.take(), format!("in {callback}"));
            assert_eq!(ctx.system().whereis("clumsy"), None);
        }
    });
}

#[test]
fn a_panic_in_terminate_becomes_the_reason() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        for reason in [ExitReason::Normal, boom()] {
            let server = log.server().panics_at_last().start().link(&mut ctx).await.unwrap();
            server.cast(Order::Stop(reason));
            let ExitReason::Panic(panic) = server.exited().await else { panic!() };
            assert_eq!(panic.message(), "to the last");
        }
    });
}

#[test]
fn terminate_may_take_its_time_and_nothing_else_is_handled_meanwhile() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().stops_in(SECOND).start().link(&mut ctx).await.unwrap();
        server.cast(Order::Stop(ExitReason::Normal));
        ctx.sleep(SECOND / 2).await;
        server.cast(Order::Say("never"));
        server.exited().await;
        assert_eq!(log.take(), "init, terminate normal after 1, done");
        assert_eq!(ctx.system().dead_letter_count(), 1);
    });
}

/// Starts a server under a parent of its own, ends the parent with `reason`, and returns the server's last words and its
/// reason, if it has ended.
async fn orphan(ctx: &mut Context<()>, deaf: bool, reason: ExitReason) -> (String, Option<ExitReason>) {
    let log = Log::default();
    let life = if deaf { log.server().deaf() } else { log.server() };
    let parent = ctx.spawn(move |mut ctx: Context<()>| async move {
        life.start().name("orphan").link(&mut ctx).await?;
        ctx.receive_message().await;
        Err::<(), _>(reason)
    });
    settle(ctx).await;
    let server = ctx.system().lookup::<Order>("orphan").unwrap();
    log.take();
    parent.cast(());
    settle(ctx).await;
    let alive = ctx.system().whereis("orphan").is_some();
    let ended = if alive { None } else { Some(server.exited().await) };
    ctx.system().exit(server.pid().unwrap(), ExitReason::Kill);
    settle(ctx).await;
    (log.take(), ended)
}

#[test]
fn a_server_that_traps_exits_ends_in_order_when_its_parent_does() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
            let (words, ended) = orphan(&mut ctx, false, reason.clone()).await;
            assert_eq!(words, format!("terminate {reason} after 0, done"));
            assert_eq!(ended, Some(reason));
        }
    });
}

#[test]
fn a_server_that_does_not_trap_exits_ends_without_a_word_unless_its_parent_ended_normally() {
    in_any_order(|mut ctx| async move {
        for (reason, ends) in [(ExitReason::Normal, false), (ExitReason::Shutdown, true), (boom(), true)] {
            let (words, ended) = orphan(&mut ctx, true, reason.clone()).await;
            assert_eq!(words, "");
            assert_eq!(ended, ends.then_some(reason));
        }
    });
}

#[test]
fn a_parent_that_asks_for_it_is_obeyed_in_order() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        ctx.exit(server.pid().unwrap(), ExitReason::Shutdown);
        assert_eq!(server.exited().await, ExitReason::Shutdown);
        assert_eq!(log.take(), "init, terminate shutdown after 0, done");
    });
}

#[test]
fn a_kill_asks_nobody() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        ctx.exit(server.pid().unwrap(), ExitReason::Kill);
        assert_eq!(server.exited().await, ExitReason::Killed);
        assert_eq!(log.take(), "init");
    });
}

#[test]
fn a_kill_ends_terminate_too() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().stops_in(3600 * SECOND).start().link(&mut ctx).await.unwrap();
        server.cast(Order::Stop(ExitReason::Normal));
        settle(&ctx).await;
        ctx.exit(server.pid().unwrap(), ExitReason::Kill);
        assert_eq!(server.exited().await, ExitReason::Killed);
        assert_eq!(log.take(), "init, terminate normal after 1");
    });
}

#[test]
fn only_an_abnormal_end_of_its_own_makes_a_crash_report() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let log = Log::default();
        let ends = [
            (Order::Stop(ExitReason::Normal), false),
            (Order::Stop(ExitReason::Shutdown), false),
            (Order::Stop(ExitReason::shutdown_with("done")), false),
            (Order::Stop(boom()), true),
            (Order::Panic, true),
        ];
        for (order, crashes) in ends {
            let start = log.server().start().name("server").label("a test");
            let server = start.link(&mut ctx).await.unwrap();
            server.cast(order);
            let reason = server.exited().await;
            let reported: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
            match &*reported {
                [] => assert!(!crashes, "{reason}"),
                [Report::Terminate(terminated), Report::Crash(crash)] => {
                    assert!(crashes, "{reason}");
                    assert_eq!([Some(terminated.pid), Some(crash.pid)], [server.pid(); 2]);
                    assert_eq!((crash.name.as_deref(), crash.label.as_deref()), (Some("server"), Some("a test")));
                    assert_eq!((&terminated.name, &terminated.label), (&crash.name, &crash.label));
                    assert_eq!((crash.ancestors.parent(), &crash.reason), (Some(ctx.pid()), &reason));
                    assert_eq!(terminated.reason, reason);
                }
                more => panic!("{more:?}"),
            }
        }
        let server = log.server().start().link(&mut ctx).await.unwrap();
        ctx.exit(server.pid().unwrap(), ExitReason::Kill);
        server.exited().await;
        assert!(reports.try_recv().is_err());
    });
}
