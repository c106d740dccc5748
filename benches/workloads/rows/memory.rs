//! What one takes that waits for messages and has had none: resident bytes, each kind of crowd in an OS process of its own.

use std::env;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_lite::future::yield_now;
use proscenium::{ChildSpec, Context, ExitReason, GenServer, Supervisor};
use tokio::sync::mpsc;

use crate::figures::{Figure, Load, Outcome, Row, Run, Target, Unit};
use crate::resident::resident;
use crate::stage;

const BRANCH: u64 = 1000;

/// What measures a crowd, by its name.
const CROWDS: &[(&str, Run)] =
    &[("processes", processes), ("servers", servers), ("supervised", supervised), ("tokio", tokio), ("smol", smol)];

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, size, run| Row::new(name, size, run).quick_size(10_000).once();
    vec![
        row("memory of an idle process", 200_000, |load| ask("processes", load)),
        row("memory of an idle GenServer", 200_000, |load| ask("servers", load)),
        row("memory of each of 1,000,000 idle supervised GenServers", 1_000_000, |load| ask("supervised", load))
            .beside("tokio", |load| ask("tokio", load))
            .beside("smol", |load| ask("smol", load))
            .target("", Target::AtMost(500.0)),
    ]
}

/// Measures a crowd in this OS process, prints how many bytes each takes, and ends: nobody waits until a million have stopped.
pub(crate) fn report(crowd: &str, load: Load) {
    match CROWDS.iter().find(|(name, _)| *name == crowd) {
        Some((_, measure)) => _ = measure(load).map_err(|why| eprintln!("{why}")),
        None => eprintln!("there is no crowd {crowd}"),
    }
}

/// Runs this program anew, so that nothing has been there before.
fn ask(crowd: &str, load: Load) -> Outcome {
    let program = env::current_exe().map_err(|e| e.to_string())?;
    let args = ["--workers", &load.workers.to_string(), "--crowd", crowd, &load.size.to_string()].map(str::to_owned);
    let output = Command::new(program).args(args).output().map_err(|e| e.to_string())?;
    let bytes = String::from_utf8_lossy(&output.stdout).trim().parse();
    let bytes = bytes.map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
    Ok(vec![Figure::new("", Unit::Bytes, bytes)])
}

/// How far a crowd has come: each counts itself when it is there.
type Count = Arc<AtomicU64>;

/// Tells what each takes, of as many as the load says; all are there or will be soon.
async fn tell(before: f64, count: Count, load: Load) -> Outcome {
    while count.load(Ordering::Relaxed) < load.size {
        yield_now().await;
    }
    let bytes = (resident()? - before) / load.size as f64;
    println!("{bytes}");
    process::exit(0)
}

fn processes(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let (before, count) = (resident()?, Count::default());
        for n in 0..load.size {
            let count = count.clone();
            ctx.spawn_link(move |mut ctx: Context<u64>| async move {
                count.fetch_add(1, Ordering::Relaxed);
                drop(count);
                loop {
                    ctx.receive_message().await;
                }
            });
            now_and_then(n).await;
        }
        tell(before, count, load).await
    })
}

/// Lets the others run.
async fn now_and_then(n: u64) {
    if n.is_multiple_of(BRANCH) {
        yield_now().await;
    }
}

struct Idle;

impl GenServer for Idle {
    type Args = Count;
    type Message = u64;

    async fn init(count: Count, _ctx: &mut Context<u64>) -> Result<Self, ExitReason> {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Idle)
    }

    async fn handle(&mut self, _message: u64, _ctx: &mut Context<u64>) -> Result<(), ExitReason> {
        Ok(())
    }
}

fn servers(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let (before, count) = (resident()?, Count::default());
        for _ in 0..load.size {
            Idle::start(count.clone()).link(&mut ctx).await.expect("it starts");
        }
        tell(before, count, load).await
    })
}

/// A supervisor above each thousand.
fn supervised(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        let (before, count) = (resident()?, Count::default());
        for _ in 0..load.size / BRANCH {
            let child = |n: u64| ChildSpec::new(&n.to_string(), Idle::start(count.clone()));
            let supervisor = Supervisor::one_for_one().children((0..BRANCH).map(child));
            supervisor.start_link(&mut ctx).await.expect("it starts");
        }
        tell(before, count, load).await
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let (before, count) = (resident()?, Count::default());
        let mut addresses = Vec::new();
        for n in 0..load.size {
            let (address, mut messages) = mpsc::unbounded_channel::<u64>();
            let count = count.clone();
            addresses.push(address);
            tokio::spawn(async move {
                count.fetch_add(1, Ordering::Relaxed);
                drop(count);
                while messages.recv().await.is_some() {}
            });
            now_and_then(n).await;
        }
        tell(before, count, load).await
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let (before, count) = (resident()?, Count::default());
        let mut addresses = Vec::new();
        for n in 0..load.size {
            let (address, messages) = async_channel::unbounded::<u64>();
            let count = count.clone();
            addresses.push(address);
            let idle = async move {
                count.fetch_add(1, Ordering::Relaxed);
                drop(count);
                while messages.recv().await.is_ok() {}
            };
            spawner.spawn(idle).detach();
            now_and_then(n).await;
        }
        tell(before, count, load).await
    })
}
