//! Messages from one to one, without an answer: all at once, and in bursts after each of which the sender waits.

use std::hint::black_box;

use proscenium::Context;
use tokio::sync::mpsc;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const BURST: u64 = 100;

pub(crate) fn rows() -> Vec<Row> {
    let all = Row::new("cast", 500_000, all_proscenium).beside("tokio", all_tokio).beside("smol", all_smol);
    let bursts = Row::new("cast in bursts of 100", 500_000, bursts_proscenium)
        .beside("tokio", bursts_tokio)
        .beside("smol", bursts_smol);
    [all, bursts].map(|row| row.target("", Target::TimesTokio(1.2))).into()
}

fn all_proscenium(load: Load) -> Outcome {
    in_bursts_proscenium(load, load.size)
}

fn all_tokio(load: Load) -> Outcome {
    in_bursts_tokio(load, load.size)
}

fn all_smol(load: Load) -> Outcome {
    in_bursts_smol(load, load.size)
}

fn bursts_proscenium(load: Load) -> Outcome {
    in_bursts_proscenium(load, BURST)
}

fn bursts_tokio(load: Load) -> Outcome {
    in_bursts_tokio(load, BURST)
}

fn bursts_smol(load: Load) -> Outcome {
    in_bursts_smol(load, BURST)
}

fn in_bursts_proscenium(load: Load, burst: u64) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let home = ctx.address();
        let receiver = ctx.spawn(move |mut ctx: Context<u64>| async move {
            loop {
                for _ in 0..burst {
                    black_box(ctx.receive_message().await);
                }
                home.cast(());
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..load.size / burst {
            for n in 0..burst {
                receiver.cast(n);
            }
            ctx.receive_message().await;
        }
        watch.stop().each(load.size)
    })
}

fn in_bursts_tokio(load: Load, burst: u64) -> Outcome {
    stage::tokio(load, async move {
        let (home, mut done) = mpsc::unbounded_channel();
        let (receiver, mut messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                for _ in 0..burst {
                    let Some(n) = messages.recv().await else { return };
                    black_box::<u64>(n);
                }
                _ = home.send(());
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..load.size / burst {
            for n in 0..burst {
                receiver.send(n).expect("the receiver lives");
            }
            done.recv().await;
        }
        watch.stop().each(load.size)
    })
}

fn in_bursts_smol(load: Load, burst: u64) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (home, done) = async_channel::unbounded();
        let (receiver, messages) = async_channel::unbounded();
        let receive = async move {
            loop {
                for _ in 0..burst {
                    let Ok(n) = messages.recv().await else { return };
                    black_box::<u64>(n);
                }
                _ = home.try_send(());
            }
        };
        spawner.spawn(receive).detach();
        let watch = Stopwatch::start();
        for _ in 0..load.size / burst {
            for n in 0..burst {
                receiver.try_send(n).expect("the receiver lives");
            }
            _ = done.recv().await;
        }
        watch.stop().each(load.size)
    })
}
