//! What a server that fails tells of itself, and what it keeps to itself.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason, Reply, Report, TerminateReport};

use super::common::{SECOND, in_any_order, settle};

/// A safe that shows what is in it but not how it is opened. `TALKS` says whether it keeps what it was told last.
struct Safe<const TALKS: bool> {
    code: &'static str,
    coins: u32,
}

#[derive(Debug)]
enum Ask {
    Put(u32),
    Break,
    BreakAsked(Reply<()>),
    Shy,
}

impl<const TALKS: bool> GenServer for Safe<TALKS> {
    type Args = &'static str;
    type Message = Ask;

    const KEEPS_LAST_MESSAGE: bool = TALKS;

    async fn init(code: &'static str, _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Safe { code, coins: 0 })
    }

    async fn handle(&mut self, ask: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match ask {
            Ask::Put(coins) => self.coins += coins,
            Ask::Break => return Err(ExitReason::error("broken")),
            Ask::BreakAsked(_reply) => return Err(ExitReason::error("broken")),
            Ask::Shy => {
                self.code = "";
                ctx.idle_timeout(SECOND, Ask::Break);
            }
        }
        Ok(())
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.code.is_empty(), "shows {}", self.coins);
        write!(f, "{} coins", self.coins)
    }

    fn format_message(ask: &Ask, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ask:?}")
    }
}

/// What the first server that fails in `play` reports.
fn report_of<F>(play: impl FnOnce(Context<()>) -> F + Send + 'static) -> Arc<TerminateReport>
where
    F: Future<Output = ()> + Send + 'static,
{
    let test = TestSystem::new(1);
    test.run(play);
    let report = test.expect_report(|report| matches!(report, Report::Terminate(_)));
    match report {
        Report::Terminate(report) => report,
        _ => unreachable!("nothing else matches"),
    }
}

#[test]
fn a_report_tells_the_state_as_it_may_be_shown_and_the_message_that_the_server_failed_of() {
    let report = report_of(|mut ctx| async move {
        let safe = Safe::<true>::start("0000").spawn(ctx.system()).await.unwrap();
        safe.cast(Ask::Put(3));
        safe.cast(Ask::Break);
        settle(&ctx).await;
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
    assert_eq!((&*report.state, report.last_message.as_deref()), ("3 coins", Some("Break")));
    assert_eq!((report.behaviour, report.type_name), ("gen_server", type_name::<Safe<true>>()));
    assert_eq!(report.reason, ExitReason::error("broken"));
}

#[test]
fn a_message_that_was_waited_for_in_vain_is_the_last_one_too() {
    let report = report_of(|ctx| async move {
        let safe = Safe::<true>::start("0000").spawn(ctx.system()).await.unwrap();
        safe.cast(Ask::Shy);
        safe.exited().await;
    });
    assert_eq!(report.last_message.as_deref(), Some("Break"));
}

#[test]
fn without_being_asked_to_a_server_keeps_no_message_unless_it_is_logged() {
    let failing = |logs: bool| {
        report_of(move |ctx| async move {
            let safe = Safe::<false>::start("0000").spawn(ctx.system()).await.unwrap();
            if logs {
                Sys::new(ctx.system(), &safe).log(2).await.unwrap();
            }
            safe.cast(Ask::Put(1));
            safe.cast(Ask::Put(2));
            safe.cast(Ask::Break);
            safe.exited().await;
        })
    };
    let (silent, logged) = (failing(false), failing(true));
    assert_eq!((silent.last_message.as_deref(), silent.log.len()), (None, 0));
    assert_eq!(logged.last_message.as_deref(), Some("Break"));
    let pid = logged.pid;
    assert_eq!(logged.log, [format!("{pid} in Put(2)"), format!("{pid} in Break")]);
}

#[test]
fn a_format_status_that_panics_shows_nothing_of_what_it_was_about() {
    let report = report_of(|ctx| async move {
        let safe = Safe::<false>::start("0000").spawn(ctx.system()).await.unwrap();
        safe.cast(Ask::Shy);
        let sys = Sys::new(ctx.system(), &safe);
        assert_eq!(&*sys.get_status().await.unwrap().state, "(what would show it panicked)");
        safe.exited().await;
    });
    assert_eq!(&*report.state, "(what would show it panicked)");
}

/// Shows nothing of itself.
struct Plain;

impl GenServer for Plain {
    type Args = ();
    type Message = u8;

    const KEEPS_LAST_MESSAGE: bool = true;

    async fn init((): (), _ctx: &mut Context<u8>) -> Result<Self, ExitReason> {
        Ok(Plain)
    }

    async fn handle(&mut self, secret: u8, _ctx: &mut Context<u8>) -> Result<(), ExitReason> {
        panic!("{}", if secret > 0 { "too much" } else { "too little" });
    }
}

#[test]
fn what_a_server_does_not_choose_to_show_is_told_by_its_type_only() {
    let report = report_of(|ctx| async move {
        let plain = Plain::start(()).spawn(ctx.system()).await.unwrap();
        plain.cast(7);
        plain.exited().await;
    });
    assert_eq!((&*report.state, report.last_message.as_deref()), (type_name::<Plain>(), Some("u8")));
}

// Only debug builds know who waits.
#[cfg(debug_assertions)]
#[test]
fn a_report_tells_who_waits_for_an_answer() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let safe = Safe::<false>::start("0000").spawn(ctx.system()).await.unwrap();
        let called = safe.clone();
        let client = ctx.spawn(move |_ctx: Context<()>| async move {
            called.call(Ask::BreakAsked).await.unwrap_err();
        });
        safe.exited().await;
        let Ok(Report::Terminate(report)) = reports.recv().await else { panic!() };
        assert_eq!(report.clients, Vec::from_iter(client.pid()));
    });
}

#[test]
fn a_failure_in_terminate_is_what_is_reported() {
    struct Clumsy;

    impl GenServer for Clumsy {
        type Args = ();
        type Message = ();

        async fn init((): (), _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
            Ok(Clumsy)
        }

        async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
            Err(ExitReason::Normal)
        }

        async fn terminate(&mut self, _reason: &ExitReason, _ctx: &mut Context<()>) {
            panic!("dropped the keys");
        }
    }

    let report = report_of(|ctx| async move {
        let clumsy = Clumsy::start(()).spawn(ctx.system()).await.unwrap();
        clumsy.cast(());
        clumsy.exited().await;
    });
    assert!(matches!(&report.reason, ExitReason::Panic(panic) if panic.message() == "dropped the keys"));
}
