//! What each layer adds to a call and to a cast: a server with callbacks, a supervisor above it, a bound on its mailbox; and an actor,
//! which has a callback for each type of message. What a bare process costs is in the rows `call` and `cast in bursts of 100`, and
//! that of a bare task in their other columns.

use std::hint::black_box;

use proscenium::{
    Actor, ActorRef, Address, ChildSpec, Context, Dispatch, ExitReason, GenServer, Handles, Mailbox, Reply, ServerLoop,
    Start, Supervisor,
};
use tokio::sync::{mpsc, oneshot};

use crate::figures::{Load, Outcome, Row, Sample, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const BURST: u64 = 100;
const BOUND: usize = 128;

pub(crate) fn rows() -> Vec<Row> {
    let row =
        |name, size, run, tokio| Row::new(name, size, run).beside("tokio", tokio).target("", Target::TimesTokio(1.0));
    vec![
        row("call, GenServer", 100_000, call_server, call_tokio),
        row("call, supervised GenServer", 100_000, call_supervised, call_tokio),
        row("call, supervised, bounded mailbox", 100_000, call_bounded, call_bounded_tokio),
        row("call, Actor", 100_000, call_actor, call_tokio),
        row("bursts of 100, GenServer", 200_000, cast_server, cast_tokio),
        row("bursts of 100, supervised GenServer", 200_000, cast_supervised, cast_tokio),
        row("bursts of 100, supervised, bounded mailbox", 200_000, cast_bounded, cast_bounded_tokio),
        row("bursts of 100, Actor", 200_000, cast_actor, cast_tokio),
    ]
}

/// A server of a total, which it tells when it is asked.
struct Counter {
    total: u64,
}

enum Message<R> {
    Add(u64),
    Get(R),
}

impl GenServer for Counter {
    type Args = ();
    type Message = Message<Reply<u64>>;

    async fn init(_args: (), _ctx: &mut Context<Self::Message>) -> Result<Self, ExitReason> {
        Ok(Counter { total: 0 })
    }

    async fn handle(&mut self, message: Self::Message, _ctx: &mut Context<Self::Message>) -> Result<(), ExitReason> {
        match message {
            Message::Add(n) => self.total += black_box(n),
            Message::Get(reply) => reply.send(self.total),
        }
        Ok(())
    }
}

struct Add(u64);

struct Get;

impl Actor for Counter {
    type Args = ();

    async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        Ok(Counter { total: 0 })
    }
}

impl Handles<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, add: Add, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        self.total += black_box(add.0);
        Ok(())
    }
}

impl Handles<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _get: Get, _ctx: &mut Context<Dispatch<Self>>) -> Result<u64, ExitReason> {
        Ok(self.total)
    }
}

type Server = Address<Message<Reply<u64>>>;

async fn bare(ctx: &mut Context<()>) -> Server {
    server().link(ctx).await.expect("it starts")
}

async fn supervised(ctx: &mut Context<()>, start: Start<ServerLoop<Counter>>) -> Server {
    let spec = ChildSpec::new("counter", start.name("counter"));
    Supervisor::one_for_one().child(spec).start_link(ctx).await.expect("it starts");
    ctx.system().lookup("counter").expect("it has its name")
}

fn server() -> Start<ServerLoop<Counter>> {
    <Counter as GenServer>::start(())
}

fn bounded() -> Start<ServerLoop<Counter>> {
    server().mailbox(Mailbox::bounded(BOUND))
}

async fn actor(ctx: &mut Context<()>) -> ActorRef<Counter> {
    <Counter as Actor>::start(()).link(ctx).await.expect("it starts")
}

fn call_server(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move { call(bare(&mut ctx).await, load).await })
}

fn call_supervised(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move { call(supervised(&mut ctx, server()).await, load).await })
}

fn call_bounded(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move { call(supervised(&mut ctx, bounded()).await, load).await })
}

fn cast_server(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move { cast(bare(&mut ctx).await, load).await })
}

fn cast_supervised(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move { cast(supervised(&mut ctx, server()).await, load).await })
}

/// With a bound a sender waits for room.
fn cast_bounded(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move {
        let server = supervised(&mut ctx, bounded()).await;
        let watch = Stopwatch::start();
        for _ in 0..load.size / BURST {
            for n in 1..BURST {
                server.send(Message::Add(n)).await.expect("the server lives");
            }
            server.call(Message::Get).await.expect("the server lives");
        }
        watch.stop().each(load.size)
    })
}

fn call_actor(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move {
        let actor = actor(&mut ctx).await;
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            black_box(actor.call(Get).await.expect("the actor lives"));
        }
        watch.stop().each(load.size)
    })
}

fn cast_actor(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx| async move {
        let actor = actor(&mut ctx).await;
        let watch = Stopwatch::start();
        for _ in 0..load.size / BURST {
            (1..BURST).for_each(|n| actor.cast(Add(n)));
            actor.call(Get).await.expect("the actor lives");
        }
        watch.stop().each(load.size)
    })
}

async fn call(server: Server, load: Load) -> Sample {
    let watch = Stopwatch::start();
    for _ in 0..load.size {
        black_box(server.call(Message::Get).await.expect("the server lives"));
    }
    watch.stop().each(load.size)
}

/// The last of each burst is a request, whose answer tells that all have come.
async fn cast(server: Server, load: Load) -> Sample {
    let watch = Stopwatch::start();
    for _ in 0..load.size / BURST {
        (1..BURST).for_each(|n| server.cast(Message::Add(n)));
        server.call(Message::Get).await.expect("the server lives");
    }
    watch.stop().each(load.size)
}

type Answer = oneshot::Sender<u64>;

fn call_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let server = serve_tokio();
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (reply, answer) = oneshot::channel();
            _ = server.send(Message::Get(reply));
            black_box(answer.await.expect("the server lives"));
        }
        watch.stop().each(load.size)
    })
}

fn cast_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let server = serve_tokio();
        let watch = Stopwatch::start();
        for _ in 0..load.size / BURST {
            (1..BURST).for_each(|n| _ = server.send(Message::Add(n)));
            let (reply, answer) = oneshot::channel();
            _ = server.send(Message::Get(reply));
            answer.await.expect("the server lives");
        }
        watch.stop().each(load.size)
    })
}

fn call_bounded_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let server = serve_bounded_tokio();
        let watch = Stopwatch::start();
        for _ in 0..load.size {
            let (reply, answer) = oneshot::channel();
            _ = server.send(Message::Get(reply)).await;
            black_box(answer.await.expect("the server lives"));
        }
        watch.stop().each(load.size)
    })
}

fn cast_bounded_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let server = serve_bounded_tokio();
        let watch = Stopwatch::start();
        for _ in 0..load.size / BURST {
            for n in 1..BURST {
                _ = server.send(Message::Add(n)).await;
            }
            let (reply, answer) = oneshot::channel();
            _ = server.send(Message::Get(reply)).await;
            answer.await.expect("the server lives");
        }
        watch.stop().each(load.size)
    })
}

fn serve_tokio() -> mpsc::UnboundedSender<Message<Answer>> {
    let (server, mut messages) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut total = 0;
        while let Some(message) = messages.recv().await {
            handle(&mut total, message);
        }
    });
    server
}

fn serve_bounded_tokio() -> mpsc::Sender<Message<Answer>> {
    let (server, mut messages) = mpsc::channel(BOUND);
    tokio::spawn(async move {
        let mut total = 0;
        while let Some(message) = messages.recv().await {
            handle(&mut total, message);
        }
    });
    server
}

fn handle(total: &mut u64, message: Message<Answer>) {
    match message {
        Message::Add(n) => *total += black_box(n),
        Message::Get(reply) => _ = reply.send(*total),
    }
}
