//! Eight senders, one receiver: senders that do nothing else, and senders that compute for each message.

use std::hint::black_box;

use futures_lite::future::yield_now;
use proscenium::Context;
use tokio::sync::mpsc;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const SENDERS: u64 = 8;

pub(crate) fn rows() -> Vec<Row> {
    let idle = Row::new("fan-in 8 → 1", 400_000, proscenium::<0>).beside("tokio", tokio::<0>).beside("smol", smol::<0>);
    let computing = Row::new("fan-in 8 → 1, senders compute", 40_000, proscenium::<500>)
        .beside("tokio", tokio::<500>)
        .beside("smol", smol::<500>);
    vec![idle.target("", Target::TimesTokio(1.5)), computing.target("", Target::TimesTokio(1.0))]
}

/// What a sender does before it sends its `n`th message: `STEPS` multiplications, each of which needs the one before. It is not
/// inlined, and keeps to registers, so that it takes the same time for each contender.
#[inline(never)]
fn compute<const STEPS: u64>(n: u64) -> u64 {
    (0..STEPS).fold(n, |x, step| (x ^ step).wrapping_mul(6_364_136_223_846_793_005))
}

/// A sender that computes gives others a turn now and then, as it should.
async fn be_polite<const STEPS: u64>(n: u64) {
    if STEPS > 0 && n % 16 == 15 {
        yield_now().await;
    }
}

fn proscenium<const STEPS: u64>(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let home = ctx.address();
        let each = load.size / SENDERS;
        let receiver = ctx.spawn(move |mut ctx: Context<u64>| async move {
            for _ in 0..each * SENDERS {
                black_box(ctx.receive_message().await);
            }
            home.cast(());
        });
        let watch = Stopwatch::start();
        for _ in 0..SENDERS {
            let receiver = receiver.clone();
            ctx.spawn(move |_ctx: Context<()>| async move {
                for n in 0..each {
                    receiver.cast(compute::<STEPS>(n));
                    be_polite::<STEPS>(n).await;
                }
            });
        }
        ctx.receive_message().await;
        watch.stop().each(each * SENDERS)
    })
}

fn tokio<const STEPS: u64>(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let each = load.size / SENDERS;
        let (receiver, mut messages) = mpsc::unbounded_channel();
        let received = tokio::spawn(async move {
            for _ in 0..each * SENDERS {
                black_box::<Option<u64>>(messages.recv().await);
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..SENDERS {
            let receiver = receiver.clone();
            tokio::spawn(async move {
                for n in 0..each {
                    receiver.send(compute::<STEPS>(n)).expect("the receiver lives");
                    if STEPS > 0 && n % 16 == 15 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        received.await.expect("it does not panic");
        watch.stop().each(each * SENDERS)
    })
}

fn smol<const STEPS: u64>(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let each = load.size / SENDERS;
        let (receiver, messages) = async_channel::unbounded();
        let received = spawner.spawn(async move {
            for _ in 0..each * SENDERS {
                _ = black_box::<Result<u64, _>>(messages.recv().await);
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..SENDERS {
            let receiver = receiver.clone();
            let send = async move {
                for n in 0..each {
                    receiver.try_send(compute::<STEPS>(n)).expect("the receiver lives");
                    be_polite::<STEPS>(n).await;
                }
            };
            spawner.spawn(send).detach();
        }
        received.await;
        watch.stop().each(each * SENDERS)
    })
}
