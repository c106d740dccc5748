//! A thousand in a ring, each of which passes on what it gets; an operation is one hop.

use proscenium::Context;
use tokio::sync::mpsc;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const MEMBERS: u64 = 1000;

pub(crate) fn rows() -> Vec<Row> {
    let one = Row::new("ring of 1,000", 400_000, proscenium::<1>).beside("tokio", tokio::<1>).beside("smol", smol::<1>);
    let eight = Row::new("ring of 1,000, 8 tokens", 800_000, proscenium::<8>)
        .beside("tokio", tokio::<8>)
        .beside("smol", smol::<8>);
    vec![
        one.quick_size(10_000).target("", Target::TimesTokio(1.7)),
        eight.quick_size(16_000).target("", Target::TimesTokio(1.2)),
    ]
}

fn proscenium<const TOKENS: u64>(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<u64>| async move {
        let mut next = ctx.address();
        for _ in 1..MEMBERS {
            let to = next;
            next = ctx.spawn(move |mut ctx: Context<u64>| async move {
                loop {
                    let token = ctx.receive_message().await;
                    to.cast(token);
                }
            });
        }
        let rounds = load.size / MEMBERS;
        let watch = Stopwatch::start();
        (0..TOKENS).for_each(|token| next.cast(token));
        for round in 0..rounds {
            let token = ctx.receive_message().await;
            if round + TOKENS < rounds {
                next.cast(token);
            }
        }
        watch.stop().each(rounds * MEMBERS)
    })
}

fn tokio<const TOKENS: u64>(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (mut next, mut home) = mpsc::unbounded_channel::<u64>();
        for _ in 1..MEMBERS {
            let to = next;
            let (own, mut messages) = mpsc::unbounded_channel();
            next = own;
            tokio::spawn(async move {
                while let Some(token) = messages.recv().await {
                    _ = to.send(token);
                }
            });
        }
        let rounds = load.size / MEMBERS;
        let watch = Stopwatch::start();
        (0..TOKENS).for_each(|token| next.send(token).expect("the ring lives"));
        for round in 0..rounds {
            let token = home.recv().await.expect("the ring lives");
            if round + TOKENS < rounds {
                next.send(token).expect("the ring lives");
            }
        }
        watch.stop().each(rounds * MEMBERS)
    })
}

fn smol<const TOKENS: u64>(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (mut next, home) = async_channel::unbounded::<u64>();
        for _ in 1..MEMBERS {
            let to = next;
            let (own, messages) = async_channel::unbounded();
            next = own;
            let pass_on = async move {
                while let Ok(token) = messages.recv().await {
                    _ = to.try_send(token);
                }
            };
            spawner.spawn(pass_on).detach();
        }
        let rounds = load.size / MEMBERS;
        let watch = Stopwatch::start();
        (0..TOKENS).for_each(|token| next.try_send(token).expect("the ring lives"));
        for round in 0..rounds {
            let token = home.recv().await.expect("the ring lives");
            if round + TOKENS < rounds {
                next.try_send(token).expect("the ring lives");
            }
        }
        watch.stop().each(rounds * MEMBERS)
    })
}
