//! A storm of news: a thousand watch one, which ends; an operation is one watcher that begins to watch and hears of the end.

use proscenium::{Address, Context, Event};
use tokio::sync::mpsc;

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const WATCHERS: u64 = 1000;

pub(crate) fn rows() -> Vec<Row> {
    let storm = Row::new("monitor storm", 100_000, proscenium).beside("tokio", tokio).beside("smol", smol);
    vec![storm.target("", Target::TimesTokio(1.2))]
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let watchers: Vec<Address<Address<()>>> = (0..WATCHERS)
            .map(|_| {
                let home = ctx.address();
                ctx.spawn(move |mut ctx: Context<Address<()>>| async move {
                    loop {
                        if let Event::Message(target) = ctx.receive().await {
                            ctx.monitor(&target);
                        }
                        home.cast(());
                    }
                })
            })
            .collect();
        let watch = Stopwatch::start();
        for _ in 0..load.size / WATCHERS {
            let target = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
            watchers.iter().for_each(|watcher| watcher.cast(target.clone()));
            all_answer(&mut ctx).await;
            target.cast(());
            all_answer(&mut ctx).await;
        }
        watch.stop().each(load.size)
    })
}

async fn all_answer(ctx: &mut Context<()>) {
    for _ in 0..WATCHERS {
        ctx.receive_message().await;
    }
}

/// Whoever holds a sender can wait until nobody receives any more.
fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (home, mut answers) = mpsc::unbounded_channel();
        let watchers: Vec<mpsc::UnboundedSender<mpsc::UnboundedSender<()>>> = (0..WATCHERS)
            .map(|_| {
                let home = home.clone();
                let (watcher, mut targets) = mpsc::unbounded_channel::<mpsc::UnboundedSender<()>>();
                tokio::spawn(async move {
                    while let Some(target) = targets.recv().await {
                        _ = home.send(());
                        target.closed().await;
                        _ = home.send(());
                    }
                });
                watcher
            })
            .collect();
        let watch = Stopwatch::start();
        for _ in 0..load.size / WATCHERS {
            let (target, mut messages) = mpsc::unbounded_channel();
            tokio::spawn(async move { messages.recv().await });
            watchers.iter().for_each(|watcher| watcher.send(target.clone()).expect("it lives"));
            all_answer_tokio(&mut answers).await;
            _ = target.send(());
            all_answer_tokio(&mut answers).await;
        }
        watch.stop().each(load.size)
    })
}

async fn all_answer_tokio(answers: &mut mpsc::UnboundedReceiver<()>) {
    for _ in 0..WATCHERS {
        answers.recv().await;
    }
}

/// Whoever holds a receiver of a channel to which nobody sends can wait until its one sender is gone.
fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (home, answers) = async_channel::unbounded();
        let watchers: Vec<async_channel::Sender<async_channel::Receiver<()>>> = (0..WATCHERS)
            .map(|_| {
                let home = home.clone();
                let (watcher, targets) = async_channel::unbounded::<async_channel::Receiver<()>>();
                let observe = async move {
                    while let Ok(target) = targets.recv().await {
                        _ = home.try_send(());
                        _ = target.recv().await;
                        _ = home.try_send(());
                    }
                };
                spawner.spawn(observe).detach();
                watcher
            })
            .collect();
        let watch = Stopwatch::start();
        for _ in 0..load.size / WATCHERS {
            let (target, messages) = async_channel::unbounded::<()>();
            let (alive, life) = async_channel::unbounded();
            let live = async move {
                _ = messages.recv().await;
                drop(alive);
            };
            spawner.spawn(live).detach();
            watchers.iter().for_each(|watcher| watcher.try_send(life.clone()).expect("it lives"));
            all_answer_smol(&answers).await;
            _ = target.try_send(());
            all_answer_smol(&answers).await;
        }
        watch.stop().each(load.size)
    })
}

async fn all_answer_smol(answers: &async_channel::Receiver<()>) {
    for _ in 0..WATCHERS {
        _ = answers.recv().await;
    }
}
