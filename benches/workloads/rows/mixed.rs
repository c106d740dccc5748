//! A hundred clients of eight servers. Each time, a client sets a timer, sends a message without an answer, then a request, and
//! cancels the timer when the answer is there.

use std::hint::black_box;
use std::time::Duration;

use futures_lite::future::or;
use proscenium::{Address, Context, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const CLIENTS: u64 = 100;
const SERVERS: usize = 8;
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn rows() -> Vec<Row> {
    let mixed = Row::new("mixed: timer + cast + call", 100_000, proscenium).beside("tokio", tokio).beside("smol", smol);
    vec![mixed.target("", Target::TimesTokio(1.2))]
}

/// What a server is told, with a channel `R` for the answer.
enum Message<R> {
    Add(u64),
    Get(R),
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let servers: Vec<Address<Message<Reply<u64>>>> = (0..SERVERS)
            .map(|_| {
                ctx.spawn(|mut ctx: Context<Message<Reply<u64>>>| async move {
                    let mut total = 0;
                    loop {
                        match ctx.receive_message().await {
                            Message::Add(n) => total += black_box(n),
                            Message::Get(reply) => reply.send(total),
                        }
                    }
                })
            })
            .collect();
        let watch = Stopwatch::start();
        for client in 0..CLIENTS as usize {
            let home = ctx.address();
            let server = servers[client % SERVERS].clone();
            ctx.spawn(move |mut ctx: Context<()>| async move {
                for n in 0..load.size / CLIENTS {
                    let timer = ctx.send_after(LIMIT, ());
                    server.cast(Message::Add(n));
                    black_box(server.call(Message::Get).await.expect("the server lives"));
                    ctx.forget_timer(timer);
                }
                home.cast(());
            });
        }
        for _ in 0..CLIENTS {
            ctx.receive_message().await;
        }
        watch.stop().each(load.size)
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let servers: Vec<mpsc::UnboundedSender<Message<oneshot::Sender<u64>>>> = (0..SERVERS)
            .map(|_| {
                let (server, mut messages) = mpsc::unbounded_channel();
                tokio::spawn(async move {
                    let mut total = 0;
                    while let Some(message) = messages.recv().await {
                        match message {
                            Message::Add(n) => total += black_box(n),
                            Message::Get(reply) => _ = oneshot::Sender::send(reply, total),
                        }
                    }
                });
                server
            })
            .collect();
        let watch = Stopwatch::start();
        let mut clients = Vec::new();
        for client in 0..CLIENTS as usize {
            let server = servers[client % SERVERS].clone();
            clients.push(tokio::spawn(async move {
                for n in 0..load.size / CLIENTS {
                    let ask = async {
                        _ = server.send(Message::Add(n));
                        let (reply, answer) = oneshot::channel();
                        _ = server.send(Message::Get(reply));
                        answer.await.expect("the server lives")
                    };
                    black_box(tokio::time::timeout(LIMIT, ask).await.expect("it takes not so long"));
                }
            }));
        }
        for client in clients {
            client.await.expect("it does not panic");
        }
        watch.stop().each(load.size)
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let servers: Vec<async_channel::Sender<Message<async_channel::Sender<u64>>>> = (0..SERVERS)
            .map(|_| {
                let (server, messages) = async_channel::unbounded();
                let serve = async move {
                    let mut total = 0;
                    while let Ok(message) = messages.recv().await {
                        match message {
                            Message::Add(n) => total += black_box(n),
                            Message::Get(reply) => _ = async_channel::Sender::try_send(&reply, total),
                        }
                    }
                };
                spawner.spawn(serve).detach();
                server
            })
            .collect();
        let watch = Stopwatch::start();
        let mut clients = Vec::new();
        for client in 0..CLIENTS as usize {
            let server = servers[client % SERVERS].clone();
            clients.push(spawner.spawn(async move {
                for n in 0..load.size / CLIENTS {
                    let ask = async {
                        _ = server.try_send(Message::Add(n));
                        let (reply, answer) = async_channel::bounded(1);
                        _ = server.try_send(Message::Get(reply));
                        answer.recv().await.ok()
                    };
                    let give_up = async {
                        smol::Timer::after(LIMIT).await;
                        None
                    };
                    black_box(or(ask, give_up).await.expect("it takes not so long"));
                }
            }));
        }
        for client in clients {
            client.await;
        }
        watch.stop().each(load.size)
    })
}
