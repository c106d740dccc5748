//! Timers: how late they fire when a hundred thousand do within a second, and what it takes to set and to cancel one among a
//! million.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use proscenium::Context;
use tokio::sync::mpsc;

use crate::figures::{Figure, Load, Outcome, Row, Sample, Target, Unit};
use crate::stage;
use crate::stopwatch::{Lap, Stopwatch};

/// From one to the next.
const GAP: Duration = Duration::from_micros(10);
/// For each to be set before the first fires.
const LEAD: Duration = Duration::from_micros(5);

const HOUR: u64 = 3600;

pub(crate) fn rows() -> Vec<Row> {
    let fire = Row::new("timers, 100,000 in a second", 100_000, fire_proscenium)
        .quick_size(10_000)
        .beside("tokio", fire_tokio)
        .beside("smol", fire_smol)
        .target("p99 late", Target::AtMost(1.5e6))
        .target("early", Target::AtMost(0.0))
        .target("CPU", Target::AtMost(250e6));
    let pending = Row::new("timers, 1,000,000 pending", 1_000_000, pending_proscenium)
        .beside("tokio", pending_tokio)
        .beside("smol", pending_smol)
        .target("set", Target::AtMost(100.0))
        .target("cancel", Target::AtMost(100.0));
    vec![fire.with_most_workers(), pending.with_most_workers()]
}

/// When each is to fire, as far as possible from the order of time.
fn moments(load: Load) -> impl Iterator<Item = Instant> + Send {
    let count = u32::try_from(load.size).expect("there are not so many");
    let first = Instant::now() + LEAD * count;
    // A prime to which the count is none.
    (0..count).map(move |n| first + GAP * u32::try_from(u64::from(n) * 7919 % u64::from(count)).expect("it is below"))
}

/// A timer that has fired.
struct Fired {
    due: Instant,
    at: Instant,
}

impl Fired {
    fn now(due: Instant) -> Self {
        Fired { due, at: Instant::now() }
    }
}

fn lateness(fired: &[Fired], lap: &Lap) -> Sample {
    let mut late: Vec<f64> = fired.iter().map(|f| f.at.saturating_duration_since(f.due).as_nanos() as f64).collect();
    late.sort_by(f64::total_cmp);
    let early = fired.iter().filter(|fired| fired.at < fired.due).count();
    let time = |what, value| Figure::new(what, Unit::Nanoseconds, value);
    vec![
        time("p50 late", late[late.len() / 2]),
        time("p99 late", late[late.len() * 99 / 100]),
        time("latest", late[late.len() - 1]),
        Figure::new("early", Unit::Count, early as f64),
        time("CPU", lap.cpu.as_nanos() as f64),
    ]
}

fn fire_proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |mut ctx: Context<Instant>| async move {
        let mut fired = Vec::with_capacity(load.size as usize);
        let watch = Stopwatch::start();
        for due in moments(load) {
            ctx.send_at(due, due);
        }
        for _ in 0..load.size {
            fired.push(Fired::now(ctx.receive_message().await));
        }
        lateness(&fired, &watch.stop())
    })
}

fn fire_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let mut fired = Vec::with_capacity(load.size as usize);
        let (home, mut messages) = mpsc::unbounded_channel();
        let watch = Stopwatch::start();
        for due in moments(load) {
            let home = home.clone();
            tokio::spawn(async move {
                tokio::time::sleep_until(due.into()).await;
                _ = home.send(due);
            });
        }
        for _ in 0..load.size {
            fired.push(Fired::now(messages.recv().await.expect("it fires")));
        }
        lateness(&fired, &watch.stop())
    })
}

fn fire_smol(load: Load) -> Outcome {
    stage::smol(load, move |spawner| async move {
        let mut fired = Vec::with_capacity(load.size as usize);
        let (home, messages) = async_channel::unbounded();
        let watch = Stopwatch::start();
        for due in moments(load) {
            let home = home.clone();
            let fire = async move {
                smol::Timer::at(due).await;
                _ = home.try_send(due);
            };
            spawner.spawn(fire).detach();
        }
        for _ in 0..load.size {
            fired.push(Fired::now(messages.recv().await.expect("it fires")));
        }
        lateness(&fired, &watch.stop())
    })
}

/// Within two hours, in no order.
fn far(n: u64) -> Duration {
    Duration::from_secs(HOUR + n * 7919 % HOUR)
}

/// What one in ten of those that are pending takes, if each is set in one way and cancelled in another.
fn set_and_cancel<T>(load: Load, mut set: impl FnMut(Duration) -> T, cancel: impl FnMut(T)) -> Sample {
    let _pending: Vec<T> = (0..load.size).map(|n| set(far(n))).collect();
    let count = load.size / 10;
    let watch = Stopwatch::start();
    let timers: Vec<T> = (0..count).map(|n| set(far(n))).collect();
    let set = watch.stop();
    let watch = Stopwatch::start();
    timers.into_iter().for_each(cancel);
    vec![set.figure("set", count), watch.stop().figure("cancel", count)]
}

fn pending_proscenium(load: Load) -> Outcome {
    stage::proscenium(load, move |ctx: Context<u64>| async move {
        let ctx = std::cell::RefCell::new(ctx);
        let set = |delay| ctx.borrow_mut().send_after(delay, 0);
        set_and_cancel(load, set, |timer| {
            ctx.borrow_mut().cancel_timer(timer);
        })
    })
}

/// A timer of theirs is set when it is polled, and cancelled when it is dropped.
fn pending_tokio(load: Load) -> Outcome {
    stage::tokio(load, async move {
        let sample = |cx: &mut std::task::Context<'_>| {
            let set = |delay| polled(Box::pin(tokio::time::sleep(delay)), cx);
            Poll::Ready(set_and_cancel(load, set, drop))
        };
        poll_fn(sample).await
    })
}

fn pending_smol(load: Load) -> Outcome {
    stage::smol(load, move |_spawner| async move {
        let sample = |cx: &mut std::task::Context<'_>| {
            let set = |delay| polled(Box::pin(smol::Timer::after(delay)), cx);
            Poll::Ready(set_and_cancel(load, set, drop))
        };
        poll_fn(sample).await
    })
}

fn polled<T: Future>(mut timer: Pin<Box<T>>, cx: &mut std::task::Context<'_>) -> Pin<Box<T>> {
    assert!(timer.as_mut().poll(cx).is_pending(), "it is far from due");
    timer
}
