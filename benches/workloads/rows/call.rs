//! A request and its answer, one after another.

use std::hint::black_box;

use proscenium::{Context, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

pub(crate) fn rows() -> Vec<Row> {
    let call = Row::new("call", 200_000, proscenium).beside("tokio", tokio).beside("smol", smol);
    vec![call.target("", Target::TimesTokio(1.5))]
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let server = ctx.spawn(|mut ctx: Context<Reply<u64>>| async move {
            loop {
                ctx.receive_message().await.send(black_box(1));
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            black_box(server.call(|reply| reply).await.expect("the server lives"));
        }
        watch.stop().each(load.size)
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (server, mut requests) = mpsc::unbounded_channel::<oneshot::Sender<u64>>();
        tokio::spawn(async move {
            while let Some(reply) = requests.recv().await {
                _ = reply.send(black_box(1));
            }
        });
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (reply, answer) = oneshot::channel();
            server.send(reply).expect("the server lives");
            black_box(answer.await.expect("the server lives"));
        }
        watch.stop().each(load.size)
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (server, requests) = async_channel::unbounded::<async_channel::Sender<u64>>();
        let serve = async move {
            while let Ok(reply) = requests.recv().await {
                _ = reply.try_send(black_box(1));
            }
        };
        spawner.spawn(serve).detach();
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (reply, answer) = async_channel::bounded(1);
            server.try_send(reply).expect("the server lives");
            black_box(answer.recv().await.expect("the server lives"));
        }
        watch.stop().each(load.size)
    })
}
