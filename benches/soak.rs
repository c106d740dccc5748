//! A soup of processes that do to each other all that processes can, hour after hour: nothing is lost, and memory stays flat.
//!
//! ```sh
//! cargo bench --bench soak                       # a minute
//! cargo bench --bench soak -- --minutes 60
//! cargo bench --bench soak -- --quick            # whether it runs, two seconds
//! ```
//!
//! A thousand processes cast, call, link, monitor, set timers, take names, spawn, panic, fail, and kill each other at random;
//! after a while all are killed, and others come. Every ten seconds a line tells what has happened and what memory is resident. The
//! program fails if memory has grown by more than a tenth since it was warm, if a process, a timer or a name is left when all have
//! been killed, or if nothing happens for half a minute.

#[path = "workloads/resident.rs"]
mod resident;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use futures_lite::future::yield_now;
use proscenium::{Address, Context, Event, ExitReason, Reply, SpawnOptions, System};
use slog::{Discard, Logger, o};

const POPULATION: usize = 1_000;
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Whoever waits for so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of what was resident when it was warm.
const MOST_GROWTH: f64 = 1.1;

/// What has happened.
#[derive(Default)]
struct Counts {
    acts: AtomicU64,
    calls: AtomicU64,
    unanswered: AtomicU64,
    monitors: AtomicU64,
    downs: AtomicU64,
    killed: AtomicU64,
}

enum Act {
    /// Do something at random to one of these.
    Stir(Arc<[Address<Act>]>),
    Ask(Reply<u64>),
    Hello,
}

fn main() -> ExitCode {
    let time = match time_from_args() {
        Ok(time) => time,
        Err(wrong) => {
            eprintln!("{wrong}\nusage: cargo bench --bench soak -- [--minutes N | --quick]");
            return ExitCode::from(2);
        }
    };
    // What panics here does so on purpose.
    std::panic::set_hook(Box::new(|_| {}));
    let counts = Arc::new(Counts::default());
    let system = System::builder("soak").logger(Logger::root(Discard, o!())).build().expect("there are threads");
    watch_over(counts.clone());
    let its_counts = counts.clone();
    let outcome = system.run(move |ctx| stir(ctx, its_counts, time));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("the soak failed: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn time_from_args() -> Result<Duration, String> {
    let mut args = env::args().skip(1);
    let mut time = Duration::from_secs(60);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => time = Duration::from_secs(2),
            "--minutes" => {
                let value = args.next().ok_or("--minutes needs a value")?;
                let minutes: u64 = value.parse().map_err(|_| format!("--minutes takes a number, not {value}"))?;
                time = Duration::from_secs(60 * minutes);
            }
            // Cargo gives it to every benchmark.
            "--bench" => {}
            _ => return Err(format!("there is no option {arg}")),
        }
    }
    Ok(time)
}

/// Keeps the soup stirred for `time`, then has everybody end, and looks whether anything is missing.
async fn stir(mut ctx: Context<()>, counts: Arc<Counts>, time: Duration) -> Result<(), ExitReason> {
    let begin = Instant::now();
    let (mut warm, mut next_line) = (None, LINE_EVERY.min(time / 2));
    while begin.elapsed() < time {
        generation(&mut ctx, &counts).await?;
        if begin.elapsed() >= next_line {
            let resident = resident()?;
            report(begin.elapsed(), &counts, resident);
            let warm = *warm.get_or_insert(resident);
            if resident > warm * MOST_GROWTH + 4e6 {
                return Err(ExitReason::error(format!("{resident} bytes are resident, {warm} when it was warm")));
            }
            next_line += LINE_EVERY;
        }
    }
    report(begin.elapsed(), &counts, resident()?);
    Ok(())
}

/// Ends the program when nothing happens any more.
fn watch_over(counts: Arc<Counts>) {
    thread::spawn(move || {
        let mut before = 0;
        loop {
            thread::sleep(PATIENCE);
            let now = counts.acts.load(Ordering::Relaxed);
            if now == before {
                eprintln!("the soak failed: nothing has happened for {PATIENCE:?}");
                process::exit(1);
            }
            before = now;
        }
    });
}

/// A population that stirs itself until each has acted some hundred times; then everybody is killed, and nothing must be left.
async fn generation(ctx: &mut Context<()>, counts: &Arc<Counts>) -> Result<(), ExitReason> {
    let everybody: Arc<[Address<Act>]> = (0..POPULATION).map(|_| born(ctx, counts)).collect();
    for _ in 0..100 {
        for one in &*everybody {
            one.cast(Act::Stir(everybody.clone()));
        }
        ctx.sleep(Duration::from_millis(1)).await;
    }
    for one in &*everybody {
        ctx.exit(one, ExitReason::Kill);
        one.exited().await;
    }
    counts.killed.fetch_add(POPULATION as u64, Ordering::Relaxed);
    // What they have spawned ends by itself.
    let deadline = Instant::now() + PATIENCE;
    while ctx.system().process_count() > 1 || ctx.system().timer_count() > 0 {
        if Instant::now() > deadline {
            let (processes, timers) = (ctx.system().process_count() - 1, ctx.system().timer_count());
            return Err(ExitReason::error(format!("{processes} processes and {timers} timers are left")));
        }
        ctx.sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn born(ctx: &mut Context<()>, counts: &Arc<Counts>) -> Address<Act> {
    let counts = counts.clone();
    ctx.spawn(move |ctx| live(ctx, counts))
}

async fn live(mut ctx: Context<Act>, counts: Arc<Counts>) -> Result<(), ExitReason> {
    ctx.trap_exit(fastrand::bool());
    let add = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
    loop {
        match ctx.receive().await {
            Event::Message(Act::Stir(others)) => {
                add(&counts.acts);
                let other = &others[fastrand::usize(..others.len())];
                act(&mut ctx, other, &counts).await?;
            }
            Event::Message(Act::Ask(reply)) => match fastrand::u8(..10) {
                0 => drop(reply),
                _ => reply.send(1),
            },
            Event::Message(Act::Hello) | Event::Exit(_) => {}
            Event::Down(_) => _ = add(&counts.downs),
        }
    }
}

/// One of all the things that can be done to `other`.
async fn act(ctx: &mut Context<Act>, other: &Address<Act>, counts: &Counts) -> Result<(), ExitReason> {
    let add = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
    match fastrand::u16(..1000) {
        0..400 => other.cast(Act::Hello),
        400..600 => {
            add(&counts.calls);
            if other.call(Act::Ask).timeout(Duration::from_millis(20)).await.is_err() {
                add(&counts.unanswered);
            }
        }
        600..700 => {
            add(&counts.monitors);
            ctx.monitor(other);
        }
        700..750 => ctx.link(other),
        750..800 => ctx.unlink(other),
        800..900 => {
            let timer = ctx.send_after(Duration::from_micros(fastrand::u64(..5_000)), Act::Hello);
            if fastrand::bool() {
                ctx.forget_timer(timer);
            }
        }
        900..950 => {
            let options = SpawnOptions::new().name(&format!("{}", fastrand::u16(..50)));
            // Many want one name.
            let _ = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
                ctx.receive_timeout(Duration::from_millis(1)).await;
            });
        }
        950..990 => yield_now().await,
        990..993 => ctx.exit(other, ExitReason::Shutdown),
        993..995 => ctx.exit(other, ExitReason::Kill),
        995..998 => panic!("as the dice want it"),
        _ => return Err(ExitReason::error("as the dice want it")),
    }
    Ok(())
}

fn report(elapsed: Duration, counts: &Counts, resident: f64) {
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{:>5} s: {} acts, {} calls ({} without an answer), {} monitors, {} downs, {} killed at last, {:.1} MB resident",
        elapsed.as_secs(),
        count(&counts.acts),
        count(&counts.calls),
        count(&counts.unanswered),
        count(&counts.monitors),
        count(&counts.downs),
        count(&counts.killed),
        resident / 1e6,
    );
}

fn resident() -> Result<f64, ExitReason> {
    resident::resident().map_err(ExitReason::error)
}
