//! A hundred pairs, each of which plays ball by itself; an operation is one throw.

use proscenium::{Address, Context};
use tokio::sync::mpsc;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const PAIRS: u64 = 100;

pub(crate) fn rows() -> Vec<Row> {
    let pairs = Row::new("100 pairs", 400_000, proscenium).beside("tokio", tokio).beside("smol", smol);
    vec![pairs.target("", Target::TimesTokio(1.2))]
}

/// There and back.
fn rallies(load: Load) -> u64 {
    load.size / PAIRS / 2
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let servers: Vec<Address<u64>> = (0..PAIRS)
            .map(|_| {
                let home = ctx.address();
                ctx.spawn(move |mut ctx: Context<u64>| async move {
                    let own = ctx.address();
                    let other = ctx.spawn(move |mut ctx: Context<u64>| async move {
                        loop {
                            let ball = ctx.receive_message().await;
                            own.cast(ball);
                        }
                    });
                    for _ in 0..rallies(load) {
                        let ball = ctx.receive_message().await;
                        other.cast(ball);
                    }
                    ctx.receive_message().await;
                    home.cast(());
                })
            })
            .collect();
        let watch = Stopwatch::start();
        servers.iter().for_each(|server| server.cast(0));
        for _ in 0..PAIRS {
            ctx.receive_message().await;
        }
        watch.stop().each(PAIRS * 2 * rallies(load))
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (home, mut done) = mpsc::unbounded_channel();
        let servers: Vec<_> = (0..PAIRS)
            .map(|_| {
                let home = home.clone();
                let (own, mut messages) = mpsc::unbounded_channel::<u64>();
                let (other, mut balls) = mpsc::unbounded_channel::<u64>();
                let back = own.clone();
                tokio::spawn(async move {
                    while let Some(ball) = balls.recv().await {
                        _ = back.send(ball);
                    }
                });
                tokio::spawn(async move {
                    for _ in 0..rallies(load) {
                        let Some(ball) = messages.recv().await else { return };
                        _ = other.send(ball);
                    }
                    messages.recv().await;
                    _ = home.send(());
                });
                own
            })
            .collect();
        let watch = Stopwatch::start();
        servers.iter().for_each(|server| server.send(0).expect("the pair lives"));
        for _ in 0..PAIRS {
            done.recv().await;
        }
        watch.stop().each(PAIRS * 2 * rallies(load))
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (home, done) = async_channel::unbounded();
        let servers: Vec<_> = (0..PAIRS)
            .map(|_| {
                let home = home.clone();
                let (own, messages) = async_channel::unbounded::<u64>();
                let (other, balls) = async_channel::unbounded::<u64>();
                let back = own.clone();
                let throw_back = async move {
                    while let Ok(ball) = balls.recv().await {
                        _ = back.try_send(ball);
                    }
                };
                let play = async move {
                    for _ in 0..rallies(load) {
                        let Ok(ball) = messages.recv().await else { return };
                        _ = other.try_send(ball);
                    }
                    _ = messages.recv().await;
                    _ = home.try_send(());
                };
                spawner.spawn(throw_back).detach();
                spawner.spawn(play).detach();
                own
            })
            .collect();
        let watch = Stopwatch::start();
        servers.iter().for_each(|server| server.try_send(0).expect("the pair lives"));
        for _ in 0..PAIRS {
            _ = done.recv().await;
        }
        watch.stop().each(PAIRS * 2 * rallies(load))
    })
}
