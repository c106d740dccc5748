//! What only real threads can show.

use std::time::Duration;

use proscenium_runtime::{Context, ExitReason, System};

use super::common::{Init, Log, Order};

fn system() -> System {
    System::builder("threads").workers(4).logger(slog::Logger::root(slog::Discard, slog::o!())).build().unwrap()
}

#[test]
fn a_failed_init_never_leaves_anything() {
    let inits = [Init::Fails, Init::Panics, Init::Ignores, Init::IsKilled, Init::Takes(Duration::from_secs(3600))];
    let outcome = system().run(move |mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let log = Log::default();
        for round in 0..1000 {
            let init = inits[round % inits.len()];
            let start = log.server().init(init).start().name("server");
            let start =
                start.init_timeout(Duration::from_micros(if let Init::Takes(_) = init { 100 } else { 60_000_000 }));
            start.link(&mut ctx).await.unwrap_err();
            assert_eq!(ctx.system().whereis("server"), None, "{init:?} in round {round}");
            assert_eq!(ctx.system().process_count(), 1, "{init:?} in round {round}");
            assert_eq!(ctx.try_receive_matching(|_| true), None, "{init:?} in round {round}");
        }
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_name_is_free_as_soon_as_its_bearer_has_ended() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let log = Log::default();
        let start = log.server().start().name("server");
        for _ in 0..1000 {
            let server = start.clone().link(&mut ctx).await?;
            server.cast(Order::Stop(ExitReason::Normal));
            ctx.receive().await;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn every_caller_of_a_server_that_crashes_again_and_again_hears_something() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let log = Log::default();
        let start = log.server().start().name("server");
        let (done, finished) = async_channel::unbounded::<()>();
        for _ in 0..4 {
            let done = done.clone();
            ctx.spawn(move |ctx: Context<()>| async move {
                let server = ctx.system().named::<Order>("server");
                for number in 0..500 {
                    // Whatever the answer is, there must be one.
                    let _ = server.call(|reply| Order::Echo(number, reply)).without_timeout().await;
                    if number % 10 == 0 {
                        server.cast(Order::Panic);
                    }
                }
                drop(done);
            });
        }
        drop(done);
        while !finished.is_closed() {
            let server = start.clone().link(&mut ctx).await?;
            // Nothing is ever sent: it closes when the last of them has done.
            let all_done = async { finished.recv().await.is_err() };
            let crashed = async { server.exited().await.is_normal() };
            futures_lite::future::or(crashed, all_done).await;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
