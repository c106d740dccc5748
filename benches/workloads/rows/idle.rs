//! What it costs to wait: a thousand that have nothing to do.

use std::thread;
use std::time::Duration;

use proscenium::Context;
use tokio::sync::mpsc;

use crate::figures::{Figure, Load, Outcome, Row, Sample, Target, Unit};
use crate::stage;
use crate::stopwatch::Stopwatch;

const CROWD: usize = 1000;

/// Before it is measured: who has just worked may look around for more.
const SETTLE: Duration = Duration::from_millis(100);

pub(crate) fn rows() -> Vec<Row> {
    // Its size is in milliseconds.
    let idle = Row::new("idle for 3 s", 3000, proscenium).beside("tokio", tokio).beside("smol", smol).once();
    vec![idle.target("CPU", Target::AtMost(1e5)).target("context switches", Target::AtMost(0.0))]
}

/// Looks on from outside: whoever waited within would have to be woken.
fn observe(load: Load) -> async_channel::Receiver<Sample> {
    let (seen, sample) = async_channel::bounded(1);
    thread::spawn(move || {
        thread::sleep(SETTLE);
        let watch = Stopwatch::start();
        thread::sleep(Duration::from_millis(load.size));
        let lap = watch.stop();
        // This thread itself has waited once.
        let switches = lap.switches.map(|switches| Figure::new("context switches", Unit::Count, switches as f64 - 1.0));
        let cpu = Figure::new("CPU", Unit::Nanoseconds, lap.cpu.as_nanos() as f64);
        _ = seen.try_send([Some(cpu), switches].into_iter().flatten().collect());
    });
    sample
}

fn proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<()>| async move {
        for _ in 0..CROWD {
            ctx.spawn_link(|mut ctx: Context<()>| async move { ctx.receive_message().await });
        }
        observe(load).recv().await.expect("it was seen")
    })
}

fn tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let mut addresses = Vec::new();
        for _ in 0..CROWD {
            let (address, mut messages) = mpsc::unbounded_channel::<()>();
            tokio::spawn(async move { messages.recv().await });
            addresses.push(address);
        }
        observe(load).recv().await.expect("it was seen")
    })
}

fn smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let mut addresses = Vec::new();
        for _ in 0..CROWD {
            let (address, messages) = async_channel::unbounded::<()>();
            spawner.spawn(async move { messages.recv().await }).detach();
            addresses.push(address);
        }
        observe(load).recv().await.expect("it was seen")
    })
}
