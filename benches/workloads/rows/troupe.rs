//! Callers of a pool of four workers, sixteen at a time; an operation is one job, with its answer.
//!
//! By hand, a pool is workers that take turns at one channel of jobs. It grows by nothing, and a worker that dies is gone.

use std::sync::Arc;

use proscenium::{Context, ExitReason, GenServer, Reply, Troupe};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::figures::{Load, Outcome, Row};
use crate::stage;
use crate::stopwatch::Stopwatch;

const WORKERS: usize = 4;
const CALLERS: u64 = 16;

pub(crate) fn rows() -> Vec<Row> {
    vec![Row::new("troupe, 4 workers", 200_000, proscenium).beside("tokio", tokio).beside("smol", smol)]
}

struct Doubler;

type Double = (u64, Reply<u64>);

impl GenServer for Doubler {
    type Args = ();
    type Message = Double;

    async fn init(_args: (), _ctx: &mut Context<Double>) -> Result<Self, ExitReason> {
        Ok(Doubler)
    }

    async fn handle(&mut self, (n, reply): Double, _ctx: &mut Context<Double>) -> Result<(), ExitReason> {
        reply.send(n * 2);
        Ok(())
    }
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let troupe = Troupe::new(|seat| Doubler::start(()).feed(seat)).workers(WORKERS..=WORKERS);
        let troupe = troupe.start_link(&mut ctx).await.expect("nothing keeps it from starting");
        let watch = Stopwatch::start();
        for _ in 0..CALLERS {
            let (troupe, home) = (troupe.clone(), ctx.address());
            ctx.spawn(move |_ctx: Context<()>| async move {
                for n in 0..load.size / CALLERS {
                    assert_eq!(troupe.call(|reply| (n, reply)).await, Ok(n * 2));
                }
                home.cast(());
            });
        }
        for _ in 0..CALLERS {
            ctx.receive_message().await;
        }
        watch.stop().each(load.size)
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (pool, jobs) = mpsc::unbounded_channel::<(u64, oneshot::Sender<u64>)>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..WORKERS {
            let jobs = jobs.clone();
            tokio::spawn(async move {
                loop {
                    let Some((n, reply)) = jobs.lock().await.recv().await else { return };
                    _ = reply.send(n * 2);
                }
            });
        }
        let watch = Stopwatch::start();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    for n in 0..load.size / CALLERS {
                        let (reply, answer) = oneshot::channel();
                        pool.send((n, reply)).expect("the pool lives");
                        assert_eq!(answer.await, Ok(n * 2));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.expect("it calls to the end");
        }
        watch.stop().each(load.size)
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (pool, jobs) = async_channel::unbounded::<(u64, async_channel::Sender<u64>)>();
        for _ in 0..WORKERS {
            let jobs = jobs.clone();
            let work = async move {
                while let Ok((n, reply)) = jobs.recv().await {
                    _ = reply.send(n * 2).await;
                }
            };
            spawner.spawn(work).detach();
        }
        let watch = Stopwatch::start();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let pool = pool.clone();
                spawner.spawn(async move {
                    for n in 0..load.size / CALLERS {
                        let (reply, answer) = async_channel::bounded(1);
                        pool.send((n, reply)).await.expect("the pool lives");
                        assert_eq!(answer.recv().await, Ok(n * 2));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await;
        }
        watch.stop().each(load.size)
    })
}
