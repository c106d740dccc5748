//! What OTP's suites assert of processes and no other topic here shows. `CONFORMANCE.md` says which case is which.

mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use common::{Gate, TIMES, expect_empty, idle, in_every_order, kill, next_down, next_exit, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, Event, ExitReason, MonitorRef, Pid, Reply, SpawnOptions, catch_panic};

#[test]
fn a_process_that_ends_its_watcher_and_then_itself_tells_nobody() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (watcher, _) = ctx.spawn_monitor(|mut ctx: Context<()>| async move {
            let watcher = ctx.pid();
            ctx.spawn_monitor(move |ctx: Context<()>| async move { ctx.exit(watcher, ExitReason::error("flat")) });
            future::pending::<()>().await;
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::error("flat"));
        watcher.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn who_monitors_or_links_itself_hears_nothing_of_it() {
    for_each_seed(100, |test| {
        let process = test.spawn(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let (first, _second) = (ctx.monitor(ctx.pid()), ctx.monitor(ctx.pid()));
            ctx.link(ctx.pid());
            ctx.demonitor(first);
            ctx.demonitor(first);
            ctx.unlink(ctx.pid());
            expect_empty(&mut ctx).await;
        });
        assert_eq!(test.block_on(process.exited()), ExitReason::Normal);
        test.run_until_idle();
        assert_eq!(test.process_count(), 0);
    });
}

/// Monitors the others, drops some of the monitors, and returns how many downs each of the rest brought before `end`.
async fn watch_others(
    mut ctx: Context<()>,
    others: Receiver<Pid>,
    seed: u64,
    lives: bool,
) -> BTreeMap<MonitorRef, u32> {
    let mut rng = Rng::with_seed(seed);
    let mut heard = BTreeMap::new();
    while let Ok(other) = others.recv().await {
        for _ in 0..rng.usize(1..4) {
            let monitor = ctx.monitor(other);
            if rng.u8(..4) == 0 {
                ctx.demonitor(monitor);
            } else {
                heard.insert(monitor, 0);
            }
        }
    }
    while lives && heard.values().any(|count| *count == 0) {
        let down = next_down(&mut ctx).await;
        *heard.get_mut(&down.monitor).expect("a monitor that was removed brings nothing") += 1;
    }
    if lives {
        expect_empty(&mut ctx).await;
        let info = ctx.system().process_info(ctx.pid()).expect("it runs");
        assert_eq!(info.monitors, [], "a monitor is gone with its down");
    }
    heard
}

/// Some monitor the others at random while these end; each that lives on hears once of every end it still asks for.
async fn mix(ctx: Context<()>, seed: u64) {
    const ENDING: u64 = 6;
    let mut lists: Vec<Sender<Pid>> = Vec::new();
    let mut watchers = Vec::new();
    for n in 0..ENDING + 3 {
        let (list, others) = async_channel::unbounded();
        lists.push(list);
        let (result, heard) = async_channel::bounded(1);
        let lives = n >= ENDING;
        let watcher = ctx.system().spawn(move |ctx: Context<()>| async move {
            let counts = watch_others(ctx, others, seed * 31 + n, lives).await;
            result.try_send(counts).expect("it is the only one");
        });
        watchers.push((pid(&watcher), heard));
    }
    let ending: Vec<Pid> = watchers[..ENDING as usize].iter().map(|(pid, _)| *pid).collect();
    for (list, (own, _)) in lists.iter().zip(&watchers) {
        for other in ending.iter().filter(|other| *other != own) {
            list.try_send(*other).expect("it takes any number");
        }
    }
    drop(lists);
    for (_, heard) in &watchers[ENDING as usize..] {
        let heard = heard.recv().await.expect("who lives hears of all");
        assert!(heard.values().all(|count| *count == 1), "{heard:?}");
    }
}

#[test]
fn processes_that_monitor_each_other_at_random_hear_once_of_every_end() {
    for_each_seed(TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| mix(ctx, seed));
    });
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 {
            run_on(&system, move |ctx: Context<()>| mix(ctx, seed));
        }
    });
}

#[test]
fn a_monitor_by_name_brings_one_down_with_the_name_and_the_reason_also_if_nobody_has_it() {
    in_every_order(|mut ctx: Context<()>| async move {
        let name = format!("jeeves of {}", ctx.pid());
        for reason in [ExitReason::Normal, ExitReason::error("frop")] {
            let options = SpawnOptions::new().name(&name);
            let told = reason.clone();
            let jeeves = ctx.system().spawn_with(options, move |mut ctx: Context<()>| async move {
                ctx.receive_message().await;
                Err::<(), _>(told)
            });
            let jeeves = jeeves.expect("the name is free");
            let monitor = ctx.monitor(&*name);
            jeeves.cast(());
            let down = next_down(&mut ctx).await;
            assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&jeeves), reason));
            assert_eq!(down.name.as_deref(), Some(&*name));
        }
        let monitor = ctx.monitor(&*name);
        let down = next_down(&mut ctx).await;
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProcess));
        assert_eq!(down.name.as_deref(), Some(&*name));
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_down_by_name_comes_after_all_that_its_process_sent_and_finds_the_name_free() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let (name, home) = (format!("jeeves of {}", ctx.pid()), ctx.address());
        let options = SpawnOptions::new().name(&name);
        let jeeves = ctx.system().spawn_with(options, move |mut ctx: Context<()>| async move {
            ctx.receive_message().await;
            home.cast(1);
            home.cast(2);
        });
        ctx.monitor(&*name);
        jeeves.expect("the name is free").cast(());
        for n in [1, 2] {
            assert_eq!(ctx.receive().await, Event::Message(n));
        }
        next_down(&mut ctx).await;
        assert_eq!(ctx.register(&name), Ok(()));
        ctx.system().unregister(&name);
    });
}

#[test]
fn links_and_monitors_are_on_both_lists_until_the_end_and_on_none_after_it() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let me = ctx.pid();
        let other = ctx.spawn_link(idle);
        let monitors = [ctx.monitor(pid(&other)), ctx.monitor(pid(&other)), ctx.monitor(pid(&other))];
        let info = |ctx: &Context<()>, pid| ctx.system().process_info(pid).expect("it lives");
        assert_eq!(info(&ctx, me).monitors, [pid(&other); 3]);
        assert_eq!(info(&ctx, pid(&other)).monitored_by, [me; 3]);
        ctx.demonitor(monitors[1]);
        assert_eq!(info(&ctx, me).monitors, [pid(&other); 2]);
        assert_eq!(info(&ctx, pid(&other)).monitored_by, [me; 2]);
        ctx.exit(pid(&other), ExitReason::error("flat"));
        for _ in 0..3 {
            ctx.receive().await;
        }
        expect_empty(&mut ctx).await;
        assert_eq!((info(&ctx, me).monitors, info(&ctx, me).links), (vec![], vec![]));
    });
}

/// An error that carries as much as one likes.
#[derive(Debug, PartialEq)]
struct Large(Vec<u8>);

impl fmt::Display for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Error for Large {}

#[test]
fn a_reason_of_any_size_arrives_whole_and_is_not_copied() {
    for_each_seed(20, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let large = || Large(vec![7; 1 << 20]);
            let returned = ExitReason::error(large());
            let sent = returned.clone();
            ctx.spawn_link(move |_ctx: Context<()>| async move { Err(returned) });
            let exit = next_exit(&mut ctx).await;
            assert_eq!(exit.reason.downcast_ref(), Some(&large()));
            let other = ctx.spawn_link(idle);
            ctx.exit(pid(&other), sent.clone());
            let exit = next_exit(&mut ctx).await;
            let both = exit.reason.downcast_ref::<Large>().zip(sent.downcast_ref::<Large>());
            assert!(both.is_some_and(|(arrived, sent)| std::ptr::eq(arrived, sent)));
        });
    });
}

#[test]
fn a_process_that_traps_exits_receives_the_one_it_sends_itself() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        for n in 0..10 {
            let reason = ExitReason::error(format!("exit {n}"));
            ctx.exit(ctx.pid(), reason.clone());
            let exit = next_exit(&mut ctx).await;
            assert_eq!((exit.pid, exit.reason, exit.linked), (ctx.pid(), reason, false));
        }
    });
}

#[test]
fn an_exit_that_a_process_sends_itself_cannot_be_caught() {
    in_every_order(|mut ctx: Context<&str>| async move {
        let home = ctx.address();
        ctx.spawn_monitor(move |ctx: Context<()>| async move {
            let caught = catch_panic(async {
                ctx.exit(ctx.pid(), ExitReason::error("flat"));
                future::yield_now().await;
            });
            let _ = caught.await;
            home.cast("caught");
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::error("flat"));
    });
}

#[test]
fn an_exit_at_the_instant_of_a_timeout_ends_the_process() {
    in_every_order(|mut ctx: Context<()>| async move {
        const DELAY: Duration = Duration::from_micros(10);
        let (victim, _) = ctx
            .spawn_monitor(|mut ctx: Context<()>| async move { while ctx.receive_timeout(DELAY).await.is_none() {} });
        let victim = pid(&victim);
        ctx.spawn(move |ctx: Context<()>| async move {
            ctx.sleep(DELAY).await;
            ctx.exit(victim, ExitReason::error("flat"));
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::error("flat"));
    });
}

#[test]
fn what_a_body_holds_is_dropped_with_it_however_it_ends() {
    in_every_order(|mut ctx: Context<()>| async move {
        let held = Arc::new(());
        for end in [ExitReason::Normal, ExitReason::error("flat"), ExitReason::Kill] {
            let (holds, killed) = (held.clone(), end == ExitReason::Kill);
            let started = Gate::new();
            let has_started = started.clone();
            let (holder, _) = ctx.spawn_monitor(move |_ctx: Context<()>| async move {
                let _holds = holds;
                has_started.open();
                if killed {
                    future::pending::<()>().await;
                }
                Err::<(), _>(end)
            });
            started.passed().await;
            if killed {
                ctx.exit(pid(&holder), ExitReason::Kill);
            }
            next_down(&mut ctx).await;
            assert_eq!(Arc::strong_count(&held), 1);
        }
    });
}

/// A message that asks, and one that does not.
enum Post {
    Ask(Reply<u32>),
    Nudge,
}

#[test]
fn a_crowd_that_signals_one_process_at_the_same_time_gets_through() {
    timetrap(|| {
        let system = workers(4);
        let target = system.spawn(|mut ctx: Context<Post>| async move {
            ctx.trap_exit(true);
            loop {
                if let Event::Message(Post::Ask(reply)) = ctx.receive().await {
                    reply.send(42);
                }
            }
        });
        // It traps exits before anybody sends one.
        assert_eq!(future::block_on(target.call(Post::Ask)), Ok(42));
        let crowd: Vec<Address<()>> = (0..8)
            .map(|_| {
                system.spawn({
                    let target = target.clone();
                    move |ctx: Context<()>| pester(ctx, target)
                })
            })
            .collect();
        for member in &crowd {
            assert_eq!(future::block_on(member.exited()), ExitReason::Normal);
        }
        let info = system.process_info(pid(&target)).expect("it traps exits");
        assert_eq!((info.links, info.monitored_by), (vec![], vec![]));
        future::block_on(kill(&system, &target));
    });
}

/// Does to `target` whatever one process can do to another, again and again.
async fn pester(mut ctx: Context<()>, target: Address<Post>) {
    let system = ctx.system().clone();
    for _ in 0..TIMES / 4 {
        let monitor = ctx.monitor(pid(&target));
        ctx.link(pid(&target));
        target.cast(Post::Nudge);
        ctx.exit(pid(&target), ExitReason::error("pestered"));
        assert!(system.is_alive(pid(&target)));
        assert!(system.process_info(pid(&target)).expect("it lives").links.contains(&ctx.pid()));
        assert_eq!(target.call(Post::Ask).await, Ok(42));
        ctx.unlink(pid(&target));
        ctx.demonitor(monitor);
    }
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
