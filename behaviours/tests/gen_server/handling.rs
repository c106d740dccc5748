//! What comes first, what comes when nothing comes, and what is news.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proscenium_behaviours::{GenServer, Info, Sys};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason, Pid};
use slog::{Drain, Level, Logger, OwnedKVList, Record, o};

use super::common::{Log, Order, SECOND, boom, in_any_order, settle};

/// Sends itself messages in `init`, and continues with another.
struct Eager(Log);

impl GenServer for Eager {
    type Args = Log;
    type Message = &'static str;

    async fn init(log: Log, ctx: &mut Context<&'static str>) -> Result<Self, ExitReason> {
        ctx.address().cast("sent first");
        ctx.continue_with("overwritten");
        ctx.address().cast("sent second");
        ctx.continue_with("continued");
        Ok(Eager(log))
    }

    async fn handle(&mut self, text: &'static str, _ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        self.0.add(text);
        Ok(())
    }
}

#[test]
fn what_is_continued_with_comes_before_messages_that_init_itself_sent() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        Eager::start(log.clone()).link(&mut ctx).await.unwrap();
        settle(&ctx).await;
        assert_eq!(log.take(), "continued, sent first, sent second");
    });
}

#[test]
fn continues_are_chained_before_anything_from_the_mailbox() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::First(vec!["1", "2", "3"]));
        server.cast(Order::Say("later"));
        settle(&ctx).await;
        assert_eq!(log.take(), "init, 1, 2, 3, later");
    });
}

#[test]
fn a_continue_can_stop_the_server() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::First(vec!["1", "stop"]));
        server.cast(Order::Say("never"));
        assert_eq!(server.exited().await, ExitReason::error("as continued"));
        assert_eq!(log.take(), "init, 1, terminate as continued after 1, done");
        assert_eq!(ctx.system().dead_letter_count(), 1);
    });
}

#[test]
fn an_idle_timeout_fires_once_when_nothing_has_come_for_that_long() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::Idle(SECOND));
        ctx.sleep(SECOND - SECOND / 1000).await;
        assert_eq!(log.take(), "init");
        ctx.sleep(SECOND / 500).await;
        assert_eq!(log.take(), "timeout");
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "");
    });
}

#[test]
fn whatever_comes_cancels_an_idle_timeout() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        let pid = server.pid().unwrap();
        server.cast(Order::Idle(SECOND));
        ctx.sleep(SECOND / 2).await;
        server.cast(Order::Say("a message"));
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "init, a message");

        server.cast(Order::Idle(SECOND));
        ctx.sleep(SECOND / 2).await;
        ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, boom()) });
        ctx.sleep(3600 * SECOND).await;
        assert_eq!(log.take(), "exit boom");
    });
}

#[test]
fn an_idle_timeout_until_an_instant_fires_then_and_one_in_the_past_lets_what_waits_go_first() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        let at = ctx.system().now() + SECOND;
        server.cast(Order::IdleUntil(at));
        ctx.sleep(SECOND / 2).await;
        server.cast(Order::IdleUntil(at));
        ctx.sleep(SECOND / 2 - SECOND / 1000).await;
        assert_eq!(log.take(), "init");
        ctx.sleep(SECOND / 500).await;
        assert_eq!(log.take(), "timeout");

        server.cast(Order::IdleUntil(at));
        server.cast(Order::Say("waited"));
        settle(&ctx).await;
        assert_eq!(log.take(), "waited");
        server.cast(Order::IdleUntil(at));
        settle(&ctx).await;
        assert_eq!(log.take(), "timeout");
    });
}

#[test]
fn a_system_message_does_not_move_an_idle_timeout() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        let sys = Sys::new(ctx.system(), &server);
        server.cast(Order::Idle(SECOND));
        for _ in 0..9 {
            ctx.sleep(SECOND / 10).await;
            sys.get_status().await.unwrap();
        }
        assert_eq!(log.take(), "init");
        ctx.sleep(SECOND / 5).await;
        assert_eq!(log.take(), "timeout");
    });
}

#[test]
fn an_idle_timeout_that_passes_while_the_server_is_suspended_comes_in_its_turn() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        let sys = Sys::new(ctx.system(), &server);
        for (message_after, expected) in
            [(SECOND / 2, "before"), (2 * SECOND, "timeout, before"), (9 * SECOND, "timeout")]
        {
            server.cast(Order::Idle(SECOND));
            sys.suspend().await.unwrap();
            log.take();
            ctx.send_after_to(message_after, &server, Order::Say("before"));
            ctx.sleep(5 * SECOND).await;
            assert_eq!(log.take(), "");
            sys.resume().await.unwrap();
            settle(&ctx).await;
            assert_eq!(log.take(), expected);
            ctx.sleep(5 * SECOND).await;
        }
    });
}

/// Asks for a timeout in the callback that it is told.
struct Patient(Log);

#[derive(Clone, Copy, PartialEq)]
enum In {
    Init(Duration),
    Continue,
    Handle,
    Info,
}

impl GenServer for Patient {
    type Args = (Log, In);
    type Message = &'static str;

    async fn init((log, callback): Self::Args, ctx: &mut Context<&'static str>) -> Result<Self, ExitReason> {
        match callback {
            In::Init(timeout) => ctx.idle_timeout(timeout, "timeout"),
            In::Continue => ctx.continue_with("continue"),
            In::Handle => ctx.address().cast("wait"),
            In::Info => drop(ctx.monitor(Pid::NOBODY)),
        }
        ctx.address().cast("sent in init");
        Ok(Patient(log))
    }

    async fn handle(&mut self, text: &'static str, ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        self.0.add(text);
        if text == "wait" {
            ctx.idle_timeout(Duration::ZERO, "timeout");
        }
        Ok(())
    }

    async fn handle_continue(&mut self, text: &'static str, ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        self.0.add(text);
        ctx.idle_timeout(Duration::ZERO, "timeout");
        Ok(())
    }

    async fn handle_info(&mut self, _info: Info, ctx: &mut Context<&'static str>) -> Result<(), ExitReason> {
        self.0.add("info");
        ctx.idle_timeout(Duration::ZERO, "timeout");
        Ok(())
    }
}

#[test]
fn an_idle_timeout_may_be_asked_for_in_every_callback() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let table = [
            (In::Init(SECOND), "sent in init"),
            (In::Init(Duration::ZERO), "timeout, sent in init"),
            (In::Continue, "continue, timeout, sent in init"),
            (In::Handle, "wait, timeout, sent in init"),
            (In::Info, "info, timeout, sent in init"),
        ];
        for (callback, expected) in table {
            Patient::start((log.clone(), callback)).link(&mut ctx).await.unwrap();
            ctx.sleep(3600 * SECOND).await;
            assert_eq!(log.take(), expected);
        }
    });
}

#[test]
fn an_idle_timeout_of_no_time_goes_before_what_waits() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::Idle(Duration::ZERO));
        server.cast(Order::Say("waited"));
        settle(&ctx).await;
        assert_eq!(log.take(), "init, timeout, waited");
    });
}

#[test]
fn ends_of_others_and_requests_to_exit_are_news_to_a_server_that_traps_exits() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let server = log.server().start().link(&mut ctx).await.unwrap();
        let pid = server.pid().unwrap();
        ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(pid);
            Err::<(), _>(ExitReason::error("linked"))
        });
        settle(&ctx).await;
        ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, ExitReason::Shutdown) });
        settle(&ctx).await;
        assert_eq!(log.take(), "init, exit linked, exit shutdown");
        assert!(ctx.system().is_alive(pid));
    });
}

/// Monitors whom it is told of, and has no `handle_info` of its own.
struct Plain;

impl GenServer for Plain {
    type Args = ();
    type Message = proscenium_runtime::Pid;

    async fn init((): (), _ctx: &mut Context<Self::Message>) -> Result<Self, ExitReason> {
        Ok(Plain)
    }

    async fn handle(&mut self, pid: Self::Message, ctx: &mut Context<Self::Message>) -> Result<(), ExitReason> {
        ctx.monitor(pid);
        Ok(())
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<(Level, String)>>>);

impl Drain for Records {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), slog::Never> {
        self.0.lock().unwrap().push((record.level(), record.msg().to_string()));
        Ok(())
    }
}

#[test]
fn news_that_a_server_does_not_handle_are_logged_and_forgotten() {
    let records = Records::default();
    let test = TestSystem::with_logger(1, Logger::root(records.clone(), o!()));
    test.run(|mut ctx: Context<()>| async move {
        let server = Plain::start(()).link(&mut ctx).await.unwrap();
        let other = ctx.spawn(|_ctx: Context<()>| async {});
        server.cast(other.pid().unwrap());
        settle(&ctx).await;
        assert!(ctx.system().is_alive(server.pid().unwrap()));
    });
    let records = records.0.lock().unwrap();
    assert_eq!(*records, [(Level::Warning, "unexpected news".to_owned())]);
}
