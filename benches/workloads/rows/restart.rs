//! To heal: a server panics, that is reported to a subscriber who counts, and it is started anew and ready; one after another.
//! For tokio and smol a supervisor is written by hand: a task that waits for another, reports and spawns it again.

use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_lite::FutureExt;
use proscenium::{Address, ChildSpec, Context, ExitReason, GenServer, Report, Supervisor};
use tokio::sync::{mpsc, oneshot};

use crate::erlang;
use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

pub(crate) fn rows() -> Vec<Row> {
    let restart =
        Row::new("supervised restart", 10_000, proscenium::<true>).beside("tokio", tokio).beside("smol", smol);
    let restart = restart.beside("Erlang/OTP", |load| erlang::run("supervision.escript", "restart", &[""], load));
    let after_error = Row::new("supervised restart after an error", 10_000, proscenium::<false>);
    vec![
        restart.target("", Target::AtMost(2000.0)),
        after_error.target("", Target::AtMost(2000.0)),
        Row::new("a panic of std, caught, and nothing else", 10_000, bare_panic).with_most_workers(),
    ]
}

/// Tells its starter that it is there, and when it gets a message it panics, or fails.
struct Fragile<const PANICS: bool>;

impl<const PANICS: bool> GenServer for Fragile<PANICS> {
    type Args = Address<Address<()>>;
    type Message = ();

    async fn init(home: Self::Args, ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        home.cast(ctx.address());
        Ok(Fragile)
    }

    async fn handle(&mut self, _message: (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        if PANICS {
            panic!("as told");
        }
        Err(ExitReason::error("as told"))
    }
}

/// What no restart after a panic can cost less than.
fn bare_panic(load: Load) -> Outcome {
    let watch = Stopwatch::start();
    for _ in 0..load.size {
        black_box(panic::catch_unwind(|| panic!("as told")).is_err());
    }
    Ok(watch.stop().each(load.size))
}

fn proscenium<const PANICS: bool>(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<Address<()>>| async move {
        let reports = ctx.system().reports();
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        ctx.spawn(move |_ctx: Context<()>| async move {
            while let Ok(report) = reports.recv().await {
                counted.fetch_add(matches!(report, Report::Crash(_)).into(), Ordering::Relaxed);
            }
        });
        let spec = ChildSpec::new("fragile", Fragile::<PANICS>::start(ctx.address()));
        let supervisor = Supervisor::one_for_one().intensity(u32::MAX).child(spec);
        supervisor.start_link(&mut ctx).await.expect("it starts");
        let mut fragile = ctx.receive_message().await;
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            fragile.cast(());
            fragile = ctx.receive_message().await;
        }
        let lap = watch.stop();
        assert_ne!(count.load(Ordering::Relaxed), 0, "crashes are reported");
        lap.each(load.size)
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (report, mut reports) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut count = 0_u64;
            while let Some(crash) = reports.recv().await {
                count += 1;
                black_box::<(u64, tokio::task::JoinError)>((count, crash));
            }
        });
        let (home, mut started) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (address, mut messages) = mpsc::unbounded_channel::<()>();
                let (ready, is_ready) = oneshot::channel();
                let server = tokio::spawn(async move {
                    _ = ready.send(());
                    if messages.recv().await.is_some() {
                        panic!("as told");
                    }
                });
                _ = is_ready.await;
                _ = home.send(address);
                let Err(crash) = server.await else { return };
                _ = report.send(crash);
            }
        });
        let mut fragile = started.recv().await.expect("it lives");
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            _ = fragile.send(());
            fragile = started.recv().await.expect("it is started anew");
        }
        watch.stop().each(load.size)
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (report, reports) = async_channel::unbounded();
        let count = async move {
            let mut count = 0_u64;
            while let Ok(crash) = reports.recv().await {
                count += 1;
                black_box::<(u64, Box<dyn std::any::Any + Send>)>((count, crash));
            }
        };
        spawner.spawn(count).detach();
        let (home, started) = async_channel::unbounded();
        let executor = spawner.clone();
        let supervise = async move {
            loop {
                let (address, messages) = async_channel::unbounded::<()>();
                let (ready, is_ready) = async_channel::bounded(1);
                let serve = async move {
                    _ = ready.try_send(());
                    if messages.recv().await.is_ok() {
                        panic!("as told");
                    }
                };
                let server = executor.spawn(AssertUnwindSafe(serve).catch_unwind());
                _ = is_ready.recv().await;
                _ = home.try_send(address);
                let Err(crash) = server.await else { return };
                _ = report.try_send(crash);
            }
        };
        let _supervisor = spawner.spawn(supervise);
        let mut fragile = started.recv().await.expect("it lives");
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            _ = fragile.try_send(());
            fragile = started.recv().await.expect("it is started anew");
        }
        watch.stop().each(load.size)
    })
}
