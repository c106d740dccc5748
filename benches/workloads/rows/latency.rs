//! How long a call takes beside others that have nothing to do with it: a process that is flooded with casts, and who floods it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use proscenium::{Address, Context, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::figures::{Figure, Load, Outcome, Row, Sample, Target, Unit};
use crate::stage;

/// The flood never ends, and so many are on their way at most.
const BURST: u64 = 1000;
const BURSTS: u64 = 4;

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, size, run, tokio, smol| {
        let row = Row::new(name, size, run).beside("tokio", tokio).beside("smol", smol);
        row.target("p99 flooded by p99 alone", Target::AtMost(3.0))
    };
    vec![
        row("call beside a flood", 20_000, proscenium::<0>, tokio::<0>, smol::<0>),
        row("call each millisecond beside a flood", 100, proscenium::<1000>, tokio::<1000>, smol::<1000>)
            .quick_size(10),
    ]
}

/// How long each call took, alone and beside the flood.
struct Durations {
    alone: Vec<f64>,
    flooded: Vec<f64>,
}

impl Durations {
    fn sample(mut self) -> Sample {
        let (alone, flooded) = (p99(&mut self.alone), p99(&mut self.flooded));
        vec![
            Figure::new("p99 alone", Unit::Nanoseconds, alone),
            Figure::new("p99 flooded", Unit::Nanoseconds, flooded),
            Figure::new("p99 flooded by p99 alone", Unit::Times, flooded / alone),
        ]
    }
}

fn p99(durations: &mut [f64]) -> f64 {
    durations.sort_by(f64::total_cmp);
    durations[durations.len() * 99 / 100]
}

fn since(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64
}

fn proscenium<const PAUSE: u64>(load: Load) -> Outcome {
    async fn call<const PAUSE: u64>(load: Load, ctx: &Context<()>, server: &Address<Reply<u64>>) -> Vec<f64> {
        let mut durations = Vec::new();
        for _ in 0..load.size {
            if PAUSE > 0 {
                ctx.sleep(Duration::from_micros(PAUSE)).await;
            }
            let began = Instant::now();
            black_box(server.call(|reply| reply).await.expect("the server lives"));
            durations.push(since(began));
        }
        durations
    }

    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let server = ctx.spawn(|mut ctx: Context<Reply<u64>>| async move {
            loop {
                ctx.receive_message().await.send(black_box(1));
            }
        });
        let alone = call::<PAUSE>(load, &ctx, &server).await;
        ctx.spawn(|mut ctx: Context<()>| async move {
            let home = ctx.address();
            let flooded = ctx.spawn(move |mut ctx: Context<u64>| async move {
                loop {
                    for _ in 0..BURST {
                        black_box(ctx.receive_message().await);
                    }
                    home.cast(());
                }
            });
            (0..BURST * BURSTS).for_each(|n| flooded.cast(n));
            loop {
                ctx.receive_message().await;
                (0..BURST).for_each(|n| flooded.cast(n));
            }
        });
        let flooded = call::<PAUSE>(load, &ctx, &server).await;
        Durations { alone, flooded }.sample()
    })
}

fn tokio<const PAUSE: u64>(load: Load) -> Outcome {
    type Server = mpsc::UnboundedSender<oneshot::Sender<u64>>;

    async fn call<const PAUSE: u64>(load: Load, server: &Server) -> Vec<f64> {
        let mut durations = Vec::new();
        for _ in 0..load.size {
            if PAUSE > 0 {
                tokio::time::sleep(Duration::from_micros(PAUSE)).await;
            }
            let began = Instant::now();
            let (reply, answer) = oneshot::channel();
            server.send(reply).expect("the server lives");
            black_box(answer.await.expect("the server lives"));
            durations.push(since(began));
        }
        durations
    }

    stage::tokio(load, async move {
        let (server, mut requests): (Server, _) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(reply) = requests.recv().await {
                _ = reply.send(black_box(1));
            }
        });
        let alone = call::<PAUSE>(load, &server).await;
        let (home, mut done) = mpsc::unbounded_channel();
        let (flooded, mut messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                for _ in 0..BURST {
                    let Some(n) = messages.recv().await else { return };
                    black_box::<u64>(n);
                }
                _ = home.send(());
            }
        });
        tokio::spawn(async move {
            (0..BURST * BURSTS).for_each(|n| _ = flooded.send(n));
            while done.recv().await.is_some() {
                (0..BURST).for_each(|n| _ = flooded.send(n));
            }
        });
        let flooded = call::<PAUSE>(load, &server).await;
        Durations { alone, flooded }.sample()
    })
}

fn smol<const PAUSE: u64>(load: Load) -> Outcome {
    type Server = async_channel::Sender<async_channel::Sender<u64>>;

    async fn call<const PAUSE: u64>(load: Load, server: &Server) -> Vec<f64> {
        let mut durations = Vec::new();
        for _ in 0..load.size {
            if PAUSE > 0 {
                smol::Timer::after(Duration::from_micros(PAUSE)).await;
            }
            let began = Instant::now();
            let (reply, answer) = async_channel::bounded(1);
            server.try_send(reply).expect("the server lives");
            black_box(answer.recv().await.expect("the server lives"));
            durations.push(since(began));
        }
        durations
    }

    stage::smol(load, move |spawner| async move {
        let (server, requests): (Server, async_channel::Receiver<_>) = async_channel::unbounded();
        let serve = async move {
            while let Ok(reply) = requests.recv().await {
                _ = reply.try_send(black_box(1));
            }
        };
        spawner.spawn(serve).detach();
        let alone = call::<PAUSE>(load, &server).await;
        let (home, done) = async_channel::unbounded();
        let (flooded, messages) = async_channel::unbounded();
        let receive = async move {
            loop {
                for _ in 0..BURST {
                    let Ok(n) = messages.recv().await else { return };
                    black_box::<u64>(n);
                }
                _ = home.try_send(());
            }
        };
        let flood = async move {
            (0..BURST * BURSTS).for_each(|n| _ = flooded.try_send(n));
            while done.recv().await.is_ok() {
                (0..BURST).for_each(|n| _ = flooded.try_send(n));
            }
        };
        let _flood = [spawner.spawn(receive), spawner.spawn(flood)];
        let flooded = call::<PAUSE>(load, &server).await;
        Durations { alone, flooded }.sample()
    })
}
