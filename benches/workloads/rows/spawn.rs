//! To live and to end: something with a mailbox of its own that ends at once, and whose end is waited for.

use std::hint::black_box;

use proscenium::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const CROWD: u64 = 1000;

pub(crate) fn rows() -> Vec<Row> {
    let one = Row::new("spawn + stop", 50_000, proscenium).beside("tokio", tokio).beside("smol", smol);
    let crowd = Row::new("spawn + stop, 1,000 at a time", 50_000, crowd_proscenium)
        .beside("tokio", crowd_tokio)
        .beside("smol", crowd_smol);
    [one, crowd.quick_size(CROWD)].map(|row| row.target("", Target::TimesTokio(1.5))).into()
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            ctx.spawn(|ctx: Context<u64>| async move { drop(black_box(ctx)) }).exited().await;
        }
        watch.stop().each(load.size)
    })
}

fn crowd_proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size / CROWD {
            for _ in 0..CROWD {
                ctx.spawn_monitor(|ctx: Context<u64>| async move { drop(black_box(ctx)) });
            }
            for _ in 0..CROWD {
                ctx.receive().await;
            }
        }
        watch.stop().each(load.size)
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (address, messages) = mpsc::unbounded_channel::<u64>();
            tokio::spawn(async move { drop(black_box(messages)) }).await.expect("it does not panic");
            drop(address);
        }
        watch.stop().each(load.size)
    })
}

fn crowd_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size / CROWD {
            let mut crowd = JoinSet::new();
            for _ in 0..CROWD {
                let (address, messages) = mpsc::unbounded_channel::<u64>();
                crowd.spawn(async move { drop(black_box(messages)) });
                drop(address);
            }
            while let Some(ended) = crowd.join_next().await {
                ended.expect("it does not panic");
            }
        }
        watch.stop().each(load.size)
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (address, messages) = async_channel::unbounded::<u64>();
            spawner.spawn(async move { drop(black_box(messages)) }).await;
            drop(address);
        }
        watch.stop().each(load.size)
    })
}

fn crowd_smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let watch = Stopwatch::start();
        for _ in 0..load.size / CROWD {
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                let (address, messages) = async_channel::unbounded::<u64>();
                crowd.push(spawner.spawn(async move { drop(black_box(messages)) }));
                drop(address);
            }
            for task in crowd {
                task.await;
            }
        }
        watch.stop().each(load.size)
    })
}
