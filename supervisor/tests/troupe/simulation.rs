//! Whole troupes under everything at once: workers that panic, fail, forget, hold and hang, kills of any process of theirs, changed
//! settings, senders that give up. Each caller hears, no job is lost or done twice, and in the end nothing is left.
//!
//! A seed that fails is printed; `PROSCENIUM_SEED=… cargo test -p proscenium-supervisor --test troupe simulation` plays it alone.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use proscenium_behaviours::GenServer;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason, Pid, Reply};
use proscenium_supervisor::{
    ChildSpec, JobError, JobFault, Member, Routing, Supervisor, Troupe, TroupeOptions, TroupeRef, TroupeSettings,
    WhenFull,
};

use super::common::{SECOND, settle};

/// In a debug build there is time for fewer; it is the same test.
const SEEDS: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

const CLIENTS: u64 = 5;
const JOBS: u64 = 12;
const MOST_RETRIES: u32 = 2;

struct Job {
    id: u64,
    does: Does,
    reply: Option<Reply<u64>>,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Quick,
    Slow(Duration),
    Later(Duration),
    Panic,
    Fail,
    Forget,
}

/// What became of each job.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<u64, Entry>>>);

#[derive(Debug, Default)]
struct Entry {
    is_call: bool,
    is_cast: bool,
    is_repeatable: bool,
    begun: u32,
    finished: u32,
    outcome: Option<Result<(), JobFault>>,
}

impl Ledger {
    fn with(&self, id: u64, note: impl FnOnce(&mut Entry)) {
        note(self.0.lock().unwrap().entry(id).or_default());
    }
}

struct Worker {
    member: Member,
    ledger: Ledger,
}

impl GenServer for Worker {
    type Args = (Member, Ledger);
    type Message = Job;

    async fn init((member, ledger): (Member, Ledger), ctx: &mut Context<Job>) -> Result<Self, ExitReason> {
        ctx.sleep(Duration::from_millis(member.number() % 3 * 40)).await;
        if member.number() % 11 == 10 {
            return Err(ExitReason::error("no costume"));
        }
        Ok(Worker { member, ledger })
    }

    async fn handle(&mut self, Job { id, does, reply }: Job, ctx: &mut Context<Job>) -> Result<(), ExitReason> {
        self.ledger.with(id, |entry| entry.begun += 1);
        match does {
            Does::Quick => {}
            Does::Slow(time) => ctx.sleep(time).await,
            Does::Later(time) => {
                let (hold, ledger) = (self.member.hold(), self.ledger.clone());
                ctx.spawn_link(move |ctx: Context<()>| async move {
                    ctx.sleep(time).await;
                    ledger.with(id, |entry| entry.finished += 1);
                    answer(reply, id);
                    drop(hold);
                });
                return Ok(());
            }
            Does::Panic => panic!("stage fright"),
            Does::Fail => return Err(ExitReason::error("forgot the words")),
            Does::Forget => return Ok(()),
        }
        self.ledger.with(id, |entry| entry.finished += 1);
        answer(reply, id);
        Ok(())
    }
}

fn answer(reply: Option<Reply<u64>>, id: u64) {
    if let Some(reply) = reply {
        reply.send(id);
    }
}

fn settings(rng: &mut Rng) -> TroupeSettings {
    let max_workers = rng.usize(1..5);
    TroupeSettings {
        max_workers,
        min_workers: rng.usize(0..=max_workers),
        idle_time: Duration::from_millis(rng.u64(1..500)),
        concurrency: NonZeroUsize::new(rng.usize(1..3)).unwrap(),
        queue: NonZeroUsize::new(rng.usize(0..8)),
        when_full: [WhenFull::Wait, WhenFull::Reject, WhenFull::DropNewest, WhenFull::DropOldest][rng.usize(0..4)],
        routing: [Routing::FirstIdle, Routing::RoundRobin, Routing::LeastLoaded][rng.usize(0..3)],
        deadline: (rng.u32(0..4) == 0).then(|| Duration::from_millis(rng.u64(50..2_000))),
        time_limit: (rng.u32(0..4) == 0).then(|| Duration::from_millis(rng.u64(50..500))),
        retries: rng.u32(0..=MOST_RETRIES),
    }
}

async fn client(ctx: Context<()>, number: u64, mut rng: Rng, troupe: TroupeRef<Job>, ledger: Ledger) {
    for job in 0..JOBS {
        let id = number * JOBS + job;
        let time = Duration::from_millis(rng.u64(0..300));
        let does = match rng.u32(0..12) {
            0 => Does::Panic,
            1 => Does::Fail,
            2 => Does::Forget,
            3..6 => Does::Slow(time),
            6..8 => Does::Later(time),
            _ => Does::Quick,
        };
        let to = troupe.with(TroupeOptions::new().urgency(rng.i8(-1..=1)));
        let once = move |reply| Job { id, does, reply };
        let told = |outcome: Result<(), JobError>| {
            ledger.with(id, |entry| entry.outcome = Some(outcome.map_err(|error| error.fault)));
        };
        let patience = Duration::from_millis(rng.u64(100..100_000));
        match rng.u32(0..6) {
            0..2 => {
                ledger.with(id, |entry| entry.is_call = true);
                let answer = to.call(|reply| once(Some(reply))).timeout(patience).await;
                assert!(answer.as_ref().is_ok_and(|answer| *answer == id) || answer.is_err(), "the answer of another");
                told(answer.map(drop));
            }
            2 => {
                ledger.with(id, |entry| (entry.is_call, entry.is_repeatable) = (true, true));
                let answer = to.call_repeatable(move |reply| once(Some(reply))).timeout(patience).await;
                told(answer.map(drop));
            }
            3 => told(to.perform(once(None)).timeout(patience).await),
            4 => {
                ledger.with(id, |entry| entry.is_cast = true);
                to.cast(once(None));
            }
            _ => match to.send(once(None)).await {
                Ok(()) => ledger.with(id, |entry| entry.is_cast = true),
                Err(_) => ledger.with(id, |entry| entry.outcome = Some(Err(JobFault::NotRunning))),
            },
        }
        ctx.sleep(Duration::from_millis(rng.u64(0..200))).await;
    }
}

/// Kills somebody, changes something, or lets time pass.
async fn mischief(ctx: &mut Context<()>, rng: &mut Rng, troupe: &TroupeRef<Job>) {
    let labels =
        ["manager of a troupe", "workers of a troupe", "hires a worker of a troupe", "dismisses a worker of a troupe"];
    match rng.u32(0..12) {
        0..4 => {
            let workers = troupe.workers();
            if !workers.is_empty() {
                ctx.exit(&workers[rng.usize(0..workers.len())], ExitReason::Kill);
            }
        }
        4..6 => kill(ctx, labels[rng.usize(0..4)]),
        6 if rng.u32(0..4) == 0 => kill(ctx, "door of a troupe"),
        6..9 => troupe.change(|before| *before = settings(rng)).unwrap(),
        _ => {}
    }
    ctx.sleep(Duration::from_millis(rng.u64(0..400))).await;
}

fn kill(ctx: &Context<()>, label: &str) {
    let is_so = |pid: &Pid| ctx.system().process_info(*pid).and_then(|info| info.label).is_some_and(|it| *it == *label);
    if let Some(pid) = ctx.system().processes().into_iter().find(is_so) {
        ctx.exit(pid, ExitReason::Kill);
    }
}

async fn play(mut ctx: Context<()>, seed: u64) -> BTreeMap<u64, Entry> {
    let mut rng = Rng::with_seed(seed);
    let dead_letters = ctx.system().dead_letters();
    let before = ctx.system().process_count();
    let ledger = Ledger::default();
    let of_workers = ledger.clone();
    let troupe = Troupe::new(move |seat| Worker::start((seat.member(), of_workers.clone())).feed(seat));
    let troupe = troupe.settings(settings(&mut rng)).intensity(u32::MAX);
    let troupe = if rng.bool() { troupe.by_key(|job| job.id % 4) } else { troupe };
    let handle = troupe.handle();
    let tree = Supervisor::one_for_one().intensity(u32::MAX).child(ChildSpec::new("troupe", troupe));
    let tree = tree.start_link(&mut ctx).await.unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (rng, troupe, ledger) = (rng.fork(), handle.clone(), ledger.clone());
            ctx.spawn(move |ctx: Context<()>| client(ctx, number, rng, troupe, ledger))
        })
        .collect();
    for _ in 0..20 {
        mischief(&mut ctx, &mut rng, &handle).await;
    }
    for client in clients {
        assert_eq!(client.exited().await, ExitReason::Normal, "each call has come to an end");
    }
    // What is left is done, however the troupe was set.
    handle.change(|settings| *settings = TroupeSettings::default()).unwrap();
    ctx.sleep(SECOND).await;
    handle.drain().await;
    assert_eq!((handle.status().queued, handle.status().running), (0, 0));
    tree.terminate_child("troupe").await.unwrap();
    tree.stop(ExitReason::Normal, None).await.unwrap();
    settle(&ctx).await;
    assert_eq!(ctx.system().process_count(), before, "nobody is left over");
    let buried = std::iter::from_fn(|| dead_letters.try_recv().ok());
    let buried = buried.filter(|letter| letter.message_type.ends_with("simulation::Job")).count();
    let entries = std::mem::take(&mut *ledger.0.lock().unwrap());
    let unbegun = entries.values().filter(|entry| entry.is_cast && entry.begun == 0).count();
    assert_eq!(
        unbegun, buried,
        "what nobody has begun with and nobody waited for is a dead letter, and nothing else is"
    );
    entries
}

#[test]
fn each_caller_hears_and_no_job_is_lost_or_done_twice() {
    let seen = Mutex::new(BTreeMap::<String, u32>::new());
    for_each_seed(SEEDS, |test| {
        let seed = test.seed();
        let entries = test.run(move |ctx: Context<()>| play(ctx, seed));
        assert_eq!(entries.len() as u64, CLIENTS * JOBS);
        for (id, entry) in &entries {
            let most = if entry.is_repeatable { MOST_RETRIES + 1 } else { 1 };
            assert!(entry.begun <= most, "job {id} was begun too often: {entry:?}");
            assert!(entry.finished <= entry.begun, "job {id}: {entry:?}");
            assert_eq!(entry.outcome.is_none(), entry.is_cast, "job {id}: {entry:?}");
            if entry.outcome == Some(Ok(())) {
                assert!(entry.begun > 0 && (entry.finished > 0 || !entry.is_call), "job {id} is done: {entry:?}");
            }
            let kind = entry.outcome.as_ref().map_or("none", kind);
            *seen.lock().unwrap().entry(kind.to_owned()).or_default() += 1;
        }
    });
    // What never comes up shows nothing.
    let seen = seen.into_inner().unwrap();
    if std::env::var_os("PROSCENIUM_SEED").is_none() {
        for kind in ["none", "done", "died", "limit", "expired", "timeout", "unanswered", "full", "not running"] {
            assert!(seen.contains_key(kind), "{kind} is not among {seen:?}");
        }
    }
}

fn kind(outcome: &Result<(), JobFault>) -> &'static str {
    match outcome {
        Ok(()) => "done",
        Err(JobFault::WorkerDied { .. }) => "died",
        Err(JobFault::TimeLimit(_)) => "limit",
        Err(JobFault::Expired(_)) => "expired",
        Err(JobFault::Timeout(_)) => "timeout",
        Err(JobFault::Unanswered) => "unanswered",
        Err(JobFault::QueueFull) => "full",
        Err(JobFault::NotRunning) => "not running",
        Err(_) => "another",
    }
}
