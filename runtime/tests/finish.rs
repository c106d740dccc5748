//! The end of a process: it comes once, after it no code of the process runs, and who hears of it finds its state
//! dropped, its name free, its mailbox emptied and its timers cancelled.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Gate, OnDrop, TIMES, idle, in_every_order, kill, next_down, next_exit, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, DeadReason, Event, ExitReason, LookupError, Mailbox, Pid, Reply};
use proscenium_runtime::{SendError, SpawnOptions, SystemHandle};
use slog::{Drain, Logger, Never, OwnedKVList, Record, o};

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Returns,
    Fails,
    Panics,
    IsTold,
    IsKilled,
}

const ENDS: [End; 5] = [End::Returns, End::Fails, End::Panics, End::IsTold, End::IsKilled];

impl End {
    async fn come(self, ctx: &Context<u32>) -> Result<(), ExitReason> {
        match self {
            End::Returns => return Ok(()),
            End::Fails => return Err(ExitReason::error("failed")),
            End::Panics => panic!("panicked"),
            End::IsTold => ctx.exit(ctx.pid(), ExitReason::error("told")),
            End::IsKilled => ctx.exit(ctx.pid(), ExitReason::Kill),
        }
        future::pending().await
    }

    fn reason(self) -> &'static str {
        match self {
            End::Returns => "normal",
            End::Fails => "failed",
            End::Panics => "panicked",
            End::IsTold => "told",
            End::IsKilled => "killed",
        }
    }
}

#[test]
fn who_hears_of_an_end_finds_all_else_done() {
    for end in ENDS {
        in_every_order(move |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let name = format!("of {}", ctx.pid());
            let dropped = Arc::new(AtomicUsize::new(0));
            let state = {
                let (dropped, system, name) = (dropped.clone(), ctx.system().clone(), name.clone());
                OnDrop(move || {
                    assert!(system.whereis(&name).is_some(), "the name goes after the state");
                    dropped.fetch_add(1, Ordering::Relaxed);
                })
            };
            let options = SpawnOptions::new().name(&name);
            let body = move |mut ctx: Context<u32>| async move {
                let _state = state;
                ctx.send_after(Duration::from_secs(3600), 1);
                ctx.send_interval(Duration::from_secs(3600), || 1);
                let sleep = ctx.sleep(Duration::from_secs(3600));
                future::or(end.come(&ctx), async {
                    sleep.await;
                    Ok(())
                })
                .await
            };
            let child = ctx.spawn_link_with(options, body).expect("the name is free");
            let child_pid = pid(&child);
            let monitor = ctx.monitor(child_pid);
            child.cast(7);

            for _ in 0..2 {
                let reason = match ctx.receive().await {
                    Event::Exit(exit) => exit.reason,
                    Event::Down(down) if down.monitor == monitor => down.reason,
                    other => panic!("{other:?}"),
                };
                assert!([end.reason(), "no process"].iter().any(|told| reason.to_string().ends_with(told)), "{reason}");
                assert_eq!(dropped.load(Ordering::Relaxed), 1);
                assert_gone(ctx.system(), child_pid, &name);
                assert!(child.try_send(8).is_err());
            }
            assert!(child.exited().await.to_string().ends_with(end.reason()));
            common::expect_empty(&mut ctx).await;
        });
    }
}

#[track_caller]
fn assert_gone(system: &SystemHandle, pid: Pid, name: &str) {
    assert_eq!(system.whereis(name), None);
    let expected = LookupError::NotRegistered { name: name.into() };
    assert_eq!(system.lookup::<u32>(name), Err(expected));
    assert_eq!(system.process_info(pid), None);
    assert!(!system.processes().contains(&pid));
    assert_eq!(system.timer_count(), 0);
}

#[test]
fn when_a_down_an_exit_or_exited_tells_of_an_end_the_name_can_be_taken_at_once() {
    timetrap(|| {
        let system = workers(4);
        run_on(&system, |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            for round in 0..TIMES {
                let options = SpawnOptions::new().name("prize");
                let child = ctx.spawn_link_with(options, |_ctx: Context<()>| async {});
                let child = child.expect("the name is free again");
                match round % 3 {
                    0 => drop(next_exit(&mut ctx).await),
                    1 => {
                        ctx.unlink(pid(&child));
                        ctx.monitor(pid(&child));
                        next_down(&mut ctx).await;
                    }
                    _ => {
                        ctx.unlink(pid(&child));
                        child.exited().await;
                    }
                }
            }
        });
    });
}

#[test]
fn whoever_finds_a_process_gone_finds_its_name_free() {
    timetrap(|| {
        let system = workers(4);
        for round in 0..TIMES {
            let name = format!("prize {round}");
            let options = SpawnOptions::new().name(&name);
            let brief = system.spawn_with(options, |_ctx: Context<()>| async {});
            let brief = brief.expect("nobody has had the name");
            let brief_pid = pid(&brief);
            match round % 3 {
                0 => until(|| system.process_info(brief_pid).is_none()),
                1 => until(|| !system.processes().contains(&brief_pid)),
                _ => {
                    let watcher = system.spawn(move |mut ctx: Context<()>| async move {
                        while next_down_of(&mut ctx, brief_pid).await != ExitReason::NoProcess {}
                    });
                    future::block_on(watcher.exited());
                }
            }
            assert_eq!(system.whereis(&name), None, "round {round}");
        }
    });
}

async fn next_down_of(ctx: &mut Context<()>, pid: Pid) -> ExitReason {
    ctx.monitor(pid);
    next_down(ctx).await.reason
}

/// Lets other threads run until `done`.
fn until(done: impl Fn() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

#[test]
fn eight_threads_that_fight_for_a_name_never_find_it_with_the_dead() {
    timetrap(|| {
        let system = Arc::new(workers(4));
        let fighters: Vec<_> = (0..8)
            .map(|_| {
                let system = system.clone();
                thread::spawn(move || {
                    for _ in 0..TIMES / 4 {
                        let options = SpawnOptions::new().name("prize");
                        let Ok(winner) = system.spawn_with(options, |_ctx: Context<()>| future::yield_now()) else {
                            thread::yield_now();
                            continue;
                        };
                        let reason = future::block_on(winner.exited());
                        assert_eq!(reason, ExitReason::Normal);
                        assert_ne!(system.whereis("prize"), winner.pid());
                    }
                })
            })
            .collect();
        for fighter in fighters {
            fighter.join().expect("the dead have no names");
        }
        assert_eq!(system.whereis("prize"), None);
        assert_eq!(system.process_count(), 0);
    });
}

/// What a body may be blocked on.
#[derive(Clone, Copy, Debug)]
enum BlockedOn {
    Receive,
    NeverReady,
    Channel,
    Sleep,
    Room,
    Call,
    Exited,
}

async fn block(ctx: &mut Context<u32>, on: BlockedOn, full: &Address<Reply<()>>) {
    match on {
        BlockedOn::Receive => drop(ctx.receive().await),
        BlockedOn::NeverReady => future::pending().await,
        BlockedOn::Channel => Gate::new().passed().await,
        BlockedOn::Sleep => ctx.sleep(Duration::from_secs(3600)).await,
        BlockedOn::Room => drop(full.call(|reply| reply).without_timeout().await),
        BlockedOn::Call => {
            let silent = ctx.spawn_link(|_ctx: Context<Reply<()>>| future::pending::<()>());
            drop(silent.call(|reply| reply).without_timeout().await);
        }
        BlockedOn::Exited => drop(full.exited().await),
    }
}

#[test]
fn a_process_can_be_killed_whatever_it_is_blocked_on() {
    use BlockedOn::{Call, Channel, Exited, NeverReady, Receive, Room, Sleep};
    for on in [Receive, NeverReady, Channel, Sleep, Room, Call, Exited] {
        in_every_order(move |mut ctx: Context<()>| async move {
            let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
            let full = ctx.spawn_link_with(options, |_ctx: Context<Reply<()>>| future::pending::<()>());
            let full = full.expect("it has no name");
            let first = full.call(|reply| reply);
            let mut first = std::pin::pin!(first);
            assert!(future::poll_once(&mut first).await.is_none());

            let blocked = Gate::new();
            let (is_blocked, to_full) = (blocked.clone(), full.clone());
            let (victim, _) = ctx.spawn_monitor(move |mut ctx: Context<u32>| async move {
                ctx.trap_exit(true);
                is_blocked.open();
                block(&mut ctx, on, &to_full).await;
                unreachable!("it was killed before");
            });
            blocked.passed().await;
            ctx.exit(pid(&victim), ExitReason::Kill);
            assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
            ctx.unlink(pid(&full));
            kill(ctx.system(), &full).await;
        });
    }
}

#[test]
fn after_the_end_no_code_of_the_process_runs() {
    in_every_order(|mut ctx: Context<()>| async move {
        let polls = Arc::new(AtomicUsize::new(0));
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let (counted, kept) = (polls.clone(), waker.clone());
        let (child, _) = ctx.spawn_monitor(move |_ctx: Context<()>| {
            future::poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::SeqCst);
                *kept.lock().expect("nobody panics with it") = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        });
        while polls.load(Ordering::SeqCst) == 0 {
            future::yield_now().await;
        }
        ctx.exit(pid(&child), ExitReason::Kill);
        next_down(&mut ctx).await;
        let before = polls.load(Ordering::SeqCst);
        let waker = waker.lock().expect("nobody panics with it").take();
        let waker = waker.expect("it was polled");
        for _ in 0..10 {
            waker.wake_by_ref();
            future::yield_now().await;
        }
        assert_eq!(polls.load(Ordering::SeqCst), before);
    });
}

#[test]
fn a_body_that_is_killed_before_it_ran_is_dropped_and_never_runs() {
    in_every_order(|mut ctx: Context<()>| async move {
        let dropped = Gate::new();
        let is_dropped = dropped.clone();
        let captured = OnDrop(move || is_dropped.open());
        let (child, _) = ctx.spawn_monitor(move |_ctx: Context<()>| async move {
            let _captured = captured;
            future::pending::<()>().await;
        });
        ctx.exit(pid(&child), ExitReason::Kill);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
        dropped.passed().await;
    });
}

#[test]
fn a_waker_outlives_its_process_and_its_system_without_harm() {
    for seed in 0..100 {
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let keep = |waker: &Arc<Mutex<Option<Waker>>>| {
            let kept = waker.clone();
            move |_ctx: Context<()>| {
                future::poll_fn(move |cx| {
                    *kept.lock().expect("nobody panics with it") = Some(cx.waker().clone());
                    Poll::<()>::Pending
                })
            }
        };
        let test = TestSystem::new(seed);
        test.spawn(keep(&waker));
        test.run_until_idle();
        drop(test);
        let kept = waker.lock().expect("nobody panics with it").take();
        kept.expect("it was polled").wake();

        let system = workers(1);
        system.spawn(keep(&waker));
        until(|| waker.lock().expect("nobody panics with it").is_some());
        drop(system);
        let kept = waker.lock().expect("nobody panics with it").take();
        kept.expect("it was polled").wake();
    }
}

#[test]
fn who_waits_for_a_process_hears_when_it_ends() {
    for end in ENDS {
        in_every_order(move |mut ctx: Context<()>| async move {
            let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
            let gate = Gate::new();
            let opened = gate.clone();
            let server = ctx.system().spawn_with(options, move |ctx: Context<u32>| async move {
                opened.passed().await;
                end.come(&ctx).await
            });
            let server = server.expect("it has no name");
            server.cast(1);
            let (sender, to_server) = ctx.spawn_monitor({
                let server = server.clone();
                move |_ctx: Context<()>| async move {
                    assert!(matches!(server.send(2).await, Err(SendError(2))), "the message comes back");
                }
            });
            gate.open();
            let reason = next_down(&mut ctx).await;
            assert_eq!((reason.monitor, reason.reason), (to_server, ExitReason::Normal), "{sender}");
            assert!(server.exited().await.to_string().ends_with(end.reason()));
        });
    }
}

#[test]
fn what_a_process_had_not_received_are_dead_letters_and_is_dropped() {
    for end in ENDS {
        for_each_seed(100, |test| {
            let dead_letters = test.dead_letters();
            let content = Arc::new(());
            let child = test.spawn({
                let content = Arc::downgrade(&content);
                move |mut ctx: Context<Arc<()>>| async move {
                    // One is received, some are taken out of the mailbox with it, some come later.
                    ctx.receive_message().await;
                    (0..3).for_each(|_| ctx.address().cast(content.upgrade().expect("the test has it")));
                    match end {
                        End::Returns => return Ok(()),
                        End::Fails => return Err(ExitReason::error("failed")),
                        End::Panics => panic!("panicked"),
                        End::IsTold | End::IsKilled => ctx.exit(ctx.pid(), ExitReason::Kill),
                    }
                    future::pending().await
                }
            });
            (0..5).for_each(|_| child.cast(content.clone()));
            test.run_until_idle();
            assert_eq!(Arc::strong_count(&content), 1, "an address keeps no message");
            let reasons: Vec<_> =
                std::iter::from_fn(|| dead_letters.try_recv().ok()).map(|letter| letter.reason).collect();
            assert_eq!(reasons, [DeadReason::DroppedAtExit; 7]);
            assert_eq!(test.process_count(), 0);
        });
    }
}

#[test]
fn a_context_that_outlives_its_body_can_do_no_harm() {
    for_each_seed(100, |test| {
        let (give, take) = async_channel::bounded(1);
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(4));
        let child = test.spawn_with(options, |mut ctx: Context<Arc<()>>| async move {
            ctx.receive_message().await;
            give.try_send(ctx).expect("it is the only one");
        });
        let child = child.expect("it has no name");
        let content = Arc::new(());
        (0..4).for_each(|_| child.cast(content.clone()));
        test.run_until_idle();
        let mut ctx = take.try_recv().expect("the body has ended");
        let received = future::block_on(future::poll_once(ctx.receive_message()));
        assert!(received.is_some(), "it was taken out of the mailbox before the end");
        drop(ctx);
        drop(received);
        assert_eq!(Arc::strong_count(&content), 1);
        assert_eq!(test.dead_letter_count(), 2, "two of four were received");
        assert_eq!(child.try_send(content).map_err(drop_error), Err(()));
    });
}

fn drop_error<E>(_error: E) {}

/// A logger that lives exactly as long as the system it is given to.
struct Canary(Arc<()>);

impl Drain for Canary {
    type Ok = ();
    type Err = Never;

    fn log(&self, _record: &Record<'_>, _context: &OwnedKVList) -> Result<(), Never> {
        assert!(Arc::strong_count(&self.0) > 0);
        Ok(())
    }
}

/// What the members of a family send each other.
enum Tie {
    Address(Address<Tie>),
    Ask(Reply<()>),
}

/// Families with ties, timers, calls under way, and addresses in states and mailboxes, their own included.
fn populate(system: &SystemHandle) {
    for _ in 0..10 {
        system.spawn(|mut ctx: Context<Tie>| async move {
            let server = ctx.spawn_link(|mut ctx: Context<Tie>| async move {
                let (mut addresses, mut replies) = (vec![ctx.address()], Vec::new());
                loop {
                    match ctx.receive_message().await {
                        Tie::Address(address) => addresses.push(address),
                        Tie::Ask(reply) => replies.push(reply),
                    }
                }
            });
            ctx.monitor(pid(&server));
            server.cast(Tie::Address(ctx.address()));
            ctx.address().cast(Tie::Address(ctx.address()));
            let (home, to) = (ctx.address(), server.clone());
            ctx.send_after_to(Duration::from_secs(3600), &home, Tie::Address(to));
            let again = server.clone();
            ctx.send_interval(Duration::from_secs(3600), move || Tie::Address(again.clone()));
            let _ = server.call(Tie::Ask).await;
        });
    }
}

#[test]
fn a_system_that_has_ended_leaves_nothing_in_memory() {
    for seed in 0..20 {
        let canary = Arc::new(());
        let weak = Arc::downgrade(&canary);
        let test = TestSystem::with_logger(seed, Logger::root(Canary(canary).fuse(), o!()));
        populate(&test);
        test.run_until_idle();
        drop(test);
        assert!(weak.upgrade().is_none(), "a simulated system is kept alive");

        let canary = Arc::new(());
        let weak = Arc::downgrade(&canary);
        let logger = Logger::root(Canary(canary).fuse(), o!());
        let builder = proscenium_runtime::System::builder("test").workers(2).logger(logger);
        let system = builder.build().expect("the operating system gives threads");
        populate(&system);
        drop(system);
        assert!(weak.upgrade().is_none(), "a system on threads is kept alive");
    }
}

#[test]
fn a_process_does_not_end_because_its_last_address_is_dropped() {
    for_each_seed(10, |test| {
        drop(test.spawn(idle));
        test.run_until_idle();
        assert_eq!(test.process_count(), 1, "it does not stop when its last address is dropped");
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
