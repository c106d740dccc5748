//! A supervision tree of a hundred thousand: each starts when the one before is ready, and they stop in reverse order, one after
//! another. For tokio and smol a supervisor is written by hand: a task with those that it has started.

use proscenium::{ChildSpec, Context, ExitReason, GenServer, Supervisor};
use tokio::sync::{mpsc, oneshot};

use crate::erlang;
use crate::figures::{Load, Outcome, Row, Target};
use crate::stage;
use crate::stopwatch::Stopwatch;

const BRANCH: u64 = 1000;

pub(crate) fn rows() -> Vec<Row> {
    let tree = Row::new("tree of 100,000", 100_000, proscenium).quick_size(BRANCH);
    let tree = tree
        .beside("tokio", tokio)
        .beside("smol", smol)
        .beside("Erlang/OTP", |load| erlang::run("supervision.escript", "tree", &["start", "stop"], load));
    vec![tree.target("start", Target::TimesTokio(1.0)).target("stop", Target::TimesTokio(1.0))]
}

struct Leaf;

impl GenServer for Leaf {
    type Args = ();
    type Message = u64;

    async fn init(_args: (), _ctx: &mut Context<u64>) -> Result<Self, ExitReason> {
        Ok(Leaf)
    }

    async fn handle(&mut self, _message: u64, _ctx: &mut Context<u64>) -> Result<(), ExitReason> {
        Ok(())
    }
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let leaf = |n: u64| ChildSpec::new(&n.to_string(), Leaf::start(()));
        let branch = |n: u64| ChildSpec::new(&n.to_string(), Supervisor::one_for_one().children((0..BRANCH).map(leaf)));
        let tree = Supervisor::one_for_one().children((0..load.size / BRANCH).map(branch));
        let watch = Stopwatch::start();
        let tree = tree.start_link(&mut ctx).await.expect("it starts");
        let start = watch.stop();
        let watch = Stopwatch::start();
        ctx.exit(tree.pid().expect("it lives"), ExitReason::Shutdown);
        ctx.receive().await;
        vec![start.figure("start", load.size), watch.stop().figure("stop", load.size)]
    })
}

fn tokio(load: Load) -> Outcome {
    /// Stops when nobody can send to it any more.
    async fn leaf(ready: oneshot::Sender<()>, mut messages: mpsc::UnboundedReceiver<u64>) {
        _ = ready.send(());
        while messages.recv().await.is_some() {}
    }

    async fn branch(ready: oneshot::Sender<()>, stop: oneshot::Receiver<()>) {
        let mut leaves = Vec::new();
        for _ in 0..BRANCH {
            let (leaf_ready, is_ready) = oneshot::channel();
            let (address, messages) = mpsc::unbounded_channel();
            let task = tokio::spawn(leaf(leaf_ready, messages));
            _ = is_ready.await;
            leaves.push((address, task));
        }
        _ = ready.send(());
        _ = stop.await;
        while let Some((address, task)) = leaves.pop() {
            drop(address);
            task.await.expect("it does not panic");
        }
    }

    stage::tokio(load, async move {
        let watch = Stopwatch::start();
        let mut branches = Vec::new();
        for _ in 0..load.size / BRANCH {
            let (ready, is_ready) = oneshot::channel();
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(branch(ready, stopped));
            _ = is_ready.await;
            branches.push((stop, task));
        }
        let start = watch.stop();
        let watch = Stopwatch::start();
        while let Some((stop, task)) = branches.pop() {
            drop(stop);
            task.await.expect("it does not panic");
        }
        vec![start.figure("start", load.size), watch.stop().figure("stop", load.size)]
    })
}

fn smol(load: Load) -> Outcome {
    async fn leaf(ready: async_channel::Sender<()>, messages: async_channel::Receiver<u64>) {
        _ = ready.try_send(());
        while messages.recv().await.is_ok() {}
    }

    async fn branch(spawner: stage::Spawner, ready: async_channel::Sender<()>, stop: async_channel::Receiver<()>) {
        let mut leaves = Vec::new();
        for _ in 0..BRANCH {
            let (leaf_ready, is_ready) = async_channel::bounded(1);
            let (address, messages) = async_channel::unbounded();
            let task = spawner.spawn(leaf(leaf_ready, messages));
            _ = is_ready.recv().await;
            leaves.push((address, task));
        }
        _ = ready.try_send(());
        _ = stop.recv().await;
        while let Some((address, task)) = leaves.pop() {
            drop(address);
            task.await;
        }
    }

    stage::smol(load, move |spawner| async move {
        let watch = Stopwatch::start();
        let mut branches = Vec::new();
        for _ in 0..load.size / BRANCH {
            let (ready, is_ready) = async_channel::bounded(1);
            let (stop, stopped) = async_channel::bounded(1);
            let task = spawner.spawn(branch(spawner.clone(), ready, stopped));
            _ = is_ready.recv().await;
            branches.push((stop, task));
        }
        let start = watch.stop();
        let watch = Stopwatch::start();
        while let Some((stop, task)) = branches.pop() {
            drop(stop);
            task.await;
        }
        vec![start.figure("start", load.size), watch.stop().figure("stop", load.size)]
    })
}
