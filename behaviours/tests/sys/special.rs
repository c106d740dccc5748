//! Processes that become servers, and servers that nobody started.

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::{Context, Event, ExitReason, Report, SpawnOptions};

use super::common::{Adder, Ask, Kind, PLAIN, SECOND, in_any_order, settle};

async fn become_adder(mut ctx: Context<Ask>, kind: Kind) -> Result<(), ExitReason> {
    let Ask::Add(first) = ctx.receive_message().await else { panic!() };
    let adder = Adder::init(kind, &mut ctx).await?;
    adder.with_total(first).enter_loop(ctx).await
}

#[test]
fn a_process_that_has_become_a_server_is_one_from_then_on() {
    in_any_order(|mut ctx| async move {
        let kind = Kind { heir: Some(ctx.address()), ..PLAIN };
        let options = SpawnOptions::new().name("adder");
        let adder = ctx.spawn_link_with(options, |ctx: Context<Ask>| become_adder(ctx, kind)).unwrap();
        let sys = Sys::new(ctx.system(), "adder");
        assert!(sys.get_status().await.is_err(), "not yet");
        adder.cast(Ask::Add(10));
        adder.cast(Ask::Add(1));
        assert_eq!(adder.call(Ask::Total).await, Ok(11));
        let status = sys.get_status().await.unwrap();
        assert_eq!((&*status.state, status.parent), ("total 11, password hidden", Some(ctx.pid())));
        assert_eq!(sys.stop(ExitReason::Shutdown).await, Ok(()));
        assert_eq!(ctx.receive().await, Event::Message(()), "terminate was called");
        assert!(matches!(ctx.receive().await, Event::Exit(exit) if exit.reason == ExitReason::Shutdown));
    });
}

#[test]
fn a_server_that_a_process_has_become_ends_in_order_with_its_parent_by_whatever_name_that_goes() {
    for name in [None, Some("parent")] {
        in_any_order(move |mut ctx| async move {
            let kind = Kind { traps: true, heir: Some(ctx.address()), last_words: SECOND };
            let options = name.map_or(SpawnOptions::new(), |name| SpawnOptions::new().name(name));
            let parent = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
                let adder = ctx.spawn_link(|ctx: Context<Ask>| become_adder(ctx, kind));
                adder.cast(Ask::Add(0));
                ctx.receive_message().await;
                Err::<(), _>(ExitReason::Shutdown)
            });
            let parent = parent.unwrap();
            settle(&ctx).await;
            parent.cast(());
            assert!(matches!(ctx.receive().await, Event::Exit(exit) if exit.reason == ExitReason::Shutdown));
            assert_eq!(ctx.receive().await, Event::Message(()), "terminate was called");
        });
    }
}

#[test]
fn a_server_that_a_process_has_become_reports_its_failure_as_any_other() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let adder = ctx.spawn(|ctx: Context<Ask>| become_adder(ctx, PLAIN));
        adder.cast(Ask::Add(5));
        adder.cast(Ask::Fail);
        adder.exited().await;
        let Ok(Report::Terminate(report)) = reports.try_recv() else { panic!() };
        assert_eq!((Some(report.pid), &*report.state), (adder.pid(), "total 5, password hidden"));
        assert!(matches!(reports.try_recv(), Ok(Report::Crash(_))));
    });
}
