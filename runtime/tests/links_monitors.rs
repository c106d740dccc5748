//! Links and monitors: exactly one down per monitor, one exit per link, no gap at spawn, no half link, no deadlock.

mod common;

use std::collections::BTreeSet;

use common::{
    Gate, TIMES, expect_empty, idle, in_every_order, kill, many_times, next_down, next_exit, run_on, timetrap,
};
use common::{text, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, Event, ExitReason, MonitorRef, Pid, SystemHandle};

#[test]
fn every_monitor_gets_exactly_one_down_with_the_reason() {
    in_every_order(|mut ctx: Context<()>| async move {
        let gate = Gate::new();
        let opened = gate.clone();
        let target = ctx.spawn(move |_ctx: Context<()>| async move {
            opened.passed().await;
            Err::<(), _>(ExitReason::error("done"))
        });
        let mut monitors: BTreeSet<MonitorRef> = (0..20).map(|_| ctx.monitor(pid(&target))).collect();
        assert_eq!(monitors.len(), 20);
        gate.open();
        for _ in 0..20 {
            let down = next_down(&mut ctx).await;
            assert_eq!((down.pid, down.reason), (pid(&target), ExitReason::error("done")));
            assert!(monitors.remove(&down.monitor), "twice");
        }
        target.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_monitor_of_a_process_that_is_not_there_gets_one_down_with_no_process() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let gone = ctx.spawn(|_ctx: Context<()>| async {});
            gone.exited().await;
            let monitor = ctx.monitor(pid(&gone));
            let down = next_down(&mut ctx).await;
            assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&gone), ExitReason::NoProcess));
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn a_monitor_by_address_of_a_process_that_has_ended_gets_one_down_with_no_process() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let gone = ctx.spawn(|_ctx: Context<()>| async {});
            gone.exited().await;
            let monitor = ctx.monitor(&gone);
            let down = next_down(&mut ctx).await;
            assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&gone), ExitReason::NoProcess));
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn an_address_from_another_system_leads_a_monitor_to_nobody() {
    let (here, there) = (TestSystem::new(1), TestSystem::new(1));
    let stranger = there.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    there.run_until_idle();
    let target = stranger.clone();
    here.run(|mut ctx: Context<()>| async move {
        let monitor = ctx.monitor(&target);
        let down = next_down(&mut ctx).await;
        assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&target), ExitReason::NoProcess));
        expect_empty(&mut ctx).await;
    });
    assert_eq!(there.process_info(pid(&stranger)).expect("it lives").monitored_by, []);
}

#[test]
fn a_monitor_set_while_its_target_ends_gets_exactly_one_down() {
    in_every_order(|mut ctx: Context<()>| async move {
        let target = ctx.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("done")) });
        for round in 0..6 {
            let monitor = if round % 2 == 0 { ctx.monitor(&target) } else { ctx.monitor(pid(&target)) };
            let down = next_down(&mut ctx).await;
            assert_eq!(down.monitor, monitor);
            assert!([ExitReason::error("done"), ExitReason::NoProcess].contains(&down.reason), "{}", down.reason);
        }
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_process_that_was_killed_but_has_yet_to_notice_still_tells_new_links_and_monitors() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let target = ctx.spawn(idle);
            ctx.exit(pid(&target), ExitReason::error("flat"));
            ctx.monitor(pid(&target));
            ctx.link(pid(&target));
            let events = BTreeSet::from([text(&ctx.receive().await), text(&ctx.receive().await)]);
            assert_eq!(events, BTreeSet::from(["down flat".to_owned(), "exit flat".to_owned()]));
        });
    });
}

#[test]
fn a_child_that_ends_at_once_is_monitored_without_a_gap() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (child, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async {});
        let down = next_down(&mut ctx).await;
        assert_eq!((down.monitor, Some(down.pid), down.reason), (monitor, child.pid(), ExitReason::Normal));
        child.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_child_that_ends_at_once_is_linked_without_a_gap() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn_link(|_ctx: Context<()>| async { panic!("at once") });
        let exit = next_exit(&mut ctx).await;
        let ExitReason::Panic(panic) = exit.reason else { panic!("{}", exit.reason) };
        assert_eq!((Some(exit.pid), panic.message()), (child.pid(), "at once"));
        child.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_child_is_linked_and_monitored_before_it_runs() {
    in_every_order(|mut ctx: Context<Vec<Pid>>| async move {
        let home = ctx.address();
        let tell_ties = move |ctx: Context<()>| async move {
            let info = ctx.system().process_info(ctx.pid()).expect("it runs");
            home.cast(info.links);
            home.cast(info.monitored_by);
        };
        ctx.trap_exit(true);
        let me = vec![ctx.pid()];
        ctx.spawn_link(tell_ties.clone());
        assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (me.clone(), vec![]));
        ctx.spawn_monitor(tell_ties);
        assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (vec![], me));
    });
}

#[test]
fn after_demonitor_no_down_is_received_not_even_one_that_waits() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (target, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async {});
        let second = ctx.monitor(pid(&target));
        // The first down may be on its way, in the mailbox, or already passed over.
        let second_down = ctx.receive_matching(
            |event| matches!(event, proscenium_runtime::EventRef::Down(down) if down.monitor == second),
        );
        second_down.await;
        ctx.demonitor(monitor);
        target.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn demonitor_beside_the_end_of_its_target_leaves_nothing() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (target, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async { future::yield_now().await });
        future::yield_now().await;
        ctx.demonitor(monitor);
        target.exited().await;
        expect_empty(&mut ctx).await;
        let info = ctx.system().process_info(ctx.pid()).expect("it runs");
        assert_eq!(info.monitors, []);
    });
}

#[test]
fn demonitor_ends_only_the_monitor_it_names_and_only_ones_own() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let (target, first) = ctx.spawn_monitor(idle);
            let second = ctx.monitor(pid(&target));
            let other = ctx.spawn_link(move |mut ctx: Context<()>| async move {
                ctx.demonitor(first);
            });
            other.exited().await;
            ctx.demonitor(second);
            ctx.demonitor(second);
            kill(ctx.system(), &target).await;
            assert_eq!(next_down(&mut ctx).await.monitor, first);
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn a_watcher_that_ends_leaves_no_monitor_behind() {
    in_every_order(|mut ctx: Context<()>| async move {
        let target = ctx.spawn_link(idle);
        let watched = pid(&target);
        let watcher = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.monitor(watched);
        });
        watcher.exited().await;
        let info = ctx.system().process_info(watched).expect("it runs");
        assert_eq!(info.monitored_by, []);
        ctx.unlink(watched);
        kill(ctx.system(), &target).await;
    });
}

#[test]
fn ten_thousand_monitors_of_one_process_are_all_told() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<()>| async move {
            let target = ctx.spawn(idle);
            let watched = pid(&target);
            let (set, all_set) = async_channel::unbounded();
            for _ in 0..10_000 {
                let set = set.clone();
                ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
                    ctx.monitor(watched);
                    set.try_send(()).expect("the test waits for it");
                    assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
                });
            }
            for _ in 0..10_000 {
                all_set.recv().await.expect("all set a monitor");
            }
            kill(ctx.system(), &target).await;
            for _ in 0..10_000 {
                assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
            }
        });
    });
}

#[test]
fn a_link_is_one_however_often_it_is_made() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let me = ctx.pid();
            let child = ctx.spawn_link(move |mut ctx: Context<()>| async move {
                ctx.link(me);
                ctx.link(ctx.pid());
            });
            ctx.link(pid(&child));
            ctx.link(me);
            assert_eq!(next_exit(&mut ctx).await.pid, pid(&child));
            expect_empty(&mut ctx).await;
            assert_eq!(links(ctx.system(), me), []);
        });
    });
}

#[test]
fn a_link_to_a_process_that_is_not_there_brings_no_process() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let gone = ctx.spawn(|_ctx: Context<()>| async {});
            gone.exited().await;
            let gone = pid(&gone);
            let (_, _) = ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
                ctx.link(gone);
                future::pending::<()>().await;
            });
            assert_eq!(next_down(&mut ctx).await.reason, ExitReason::NoProcess);
            ctx.trap_exit(true);
            ctx.link(gone);
            let exit = next_exit(&mut ctx).await;
            assert_eq!((exit.pid, exit.reason, exit.linked), (gone, ExitReason::NoProcess, true));
        });
    });
}

#[test]
fn a_link_made_again_does_not_lose_the_reason_that_is_on_its_way() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("flat")) });
        ctx.link(pid(&child));
        assert_eq!(next_exit(&mut ctx).await.reason, ExitReason::error("flat"));
    });
}

#[test]
fn an_end_over_a_link_passes_through_a_chain_of_ten_thousand() {
    timetrap(|| {
        let system = workers(4);
        let (linked, all_linked) = async_channel::unbounded();
        let mut chain: Vec<Address<()>> = vec![system.spawn(idle)];
        for _ in 1..10_000 {
            let (before, linked) = (pid(&chain[chain.len() - 1]), linked.clone());
            chain.push(system.spawn(move |mut ctx: Context<()>| async move {
                ctx.link(before);
                linked.try_send(()).expect("the test waits for it");
                future::pending::<()>().await;
            }));
        }
        for _ in 1..10_000 {
            all_linked.recv_blocking().expect("all link");
        }
        system.exit(pid(&chain[5000]), ExitReason::error("broken"));
        for process in &chain {
            assert_eq!(future::block_on(process.exited()), ExitReason::error("broken"));
        }
    });
}

#[test]
fn after_unlink_no_exit_is_received_not_even_one_that_waits() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("flat")) });
        child.exited().await;
        ctx.unlink(pid(&child));
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn unlink_keeps_exits_that_were_sent_on_purpose() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let me = ctx.pid();
            let child = ctx.spawn_link(move |ctx: Context<()>| async move { ctx.exit(me, ExitReason::error("sent")) });
            child.exited().await;
            ctx.unlink(pid(&child));
            assert_eq!(next_exit(&mut ctx).await.reason, ExitReason::error("sent"));
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn unlink_beside_the_end_of_the_other_either_ends_this_process_or_lets_it_live() {
    many_times(|mut ctx: Context<()>| async move {
        let (unlinker, _) = ctx.spawn_monitor(|mut ctx: Context<()>| async move {
            let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("flat")) });
            ctx.unlink(pid(&child));
            child.exited().await;
            // If the exit came too late to end it by now, it never comes.
            future::yield_now().await;
        });
        let reason = next_down(&mut ctx).await.reason;
        assert!([ExitReason::Normal, ExitReason::error("flat")].contains(&reason), "{reason}");
        drop(unlinker);
    });
}

/// What a process is told to do to another.
#[derive(Debug)]
enum Tell {
    Link(Pid),
    Unlink(Pid),
    Done(async_channel::Sender<()>),
}

async fn obey(mut ctx: Context<Tell>) {
    ctx.trap_exit(true);
    loop {
        match ctx.receive().await {
            Event::Message(Tell::Link(pid)) => ctx.link(pid),
            Event::Message(Tell::Unlink(pid)) => ctx.unlink(pid),
            Event::Message(Tell::Done(done)) => done.try_send(()).expect("it has room for all"),
            Event::Exit(_) | Event::Down(_) => {}
        }
    }
}

/// Links and unlinks at random from both sides, waits until all is done, and looks for links of one side only.
async fn link_at_random(system: SystemHandle, seed: u64, orders: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let family: Vec<Address<Tell>> = (0..4).map(|_| system.spawn(obey)).collect();
    for _ in 0..orders {
        let (one, other) = (rng.usize(..family.len()), rng.usize(..family.len()));
        let other = pid(&family[other]);
        family[one].cast(if rng.bool() { Tell::Link(other) } else { Tell::Unlink(other) });
    }
    let (done, all_done) = async_channel::bounded(family.len());
    for member in &family {
        member.cast(Tell::Done(done.clone()));
    }
    for _ in &family {
        all_done.recv().await.expect("all obey");
    }
    for one in &family {
        for other in links(&system, pid(one)) {
            let both = links(&system, other).contains(&pid(one));
            assert!(both, "{one} is linked to {other}, which is not linked to it");
        }
    }
    for member in &family {
        kill(&system, member).await;
    }
}

#[test]
fn links_made_and_removed_at_random_from_both_sides_are_never_half() {
    for_each_seed(TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| link_at_random(ctx.system().clone(), seed, 40));
    });
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 / 2 {
            future::block_on(link_at_random((*system).clone(), seed, 40));
        }
    });
}

#[test]
fn processes_that_link_each_other_at_the_same_time_do_not_deadlock() {
    timetrap(|| {
        let system = workers(4);
        let storm: Vec<_> = (0..8)
            .map(|seed| {
                let handle = (*system).clone();
                std::thread::spawn(move || future::block_on(link_at_random(handle, seed, 5000)))
            })
            .collect();
        for thread in storm {
            thread.join().expect("no link is half");
        }
        assert_eq!(system.process_count(), 0);
    });
}

#[test]
fn two_linked_processes_that_end_at_the_same_time_tell_each_other_at_most_once() {
    in_every_order(|mut ctx: Context<()>| async move {
        let gate = Gate::new();
        let mut couple = Vec::new();
        for _ in 0..2 {
            let opened = gate.clone();
            let partner = couple.last().map(pid);
            let linked = Gate::new();
            let is_linked = linked.clone();
            couple.push(ctx.spawn(move |mut ctx: Context<()>| async move {
                partner.into_iter().for_each(|partner| ctx.link(partner));
                is_linked.open();
                opened.passed().await;
                Err::<(), _>(ExitReason::error(ctx.pid().to_string()))
            }));
            linked.passed().await;
        }
        gate.open();
        let reasons = [couple[0].exited().await, couple[1].exited().await];
        let own = |index: usize| ExitReason::error(couple[index].to_string());
        assert!(reasons == [own(0), own(1)] || reasons[0] == reasons[1], "{reasons:?}");
    });
}

#[test]
fn process_info_shows_both_ends_of_a_tie() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let linked = ctx.spawn_link(idle);
            let (watched, _) = ctx.spawn_monitor(idle);
            let info = |pid| ctx.system().process_info(pid).expect("it lives");
            assert_eq!(info(ctx.pid()).links, [pid(&linked)]);
            assert_eq!(info(ctx.pid()).monitors, [pid(&watched)]);
            assert_eq!(info(pid(&linked)).links, [ctx.pid()]);
            assert_eq!(info(pid(&watched)).monitored_by, [ctx.pid()]);
            assert_eq!(info(pid(&watched)).parent, Some(ctx.pid()));
            assert!(ctx.is_linked(pid(&linked)));
            assert!(!ctx.is_linked(pid(&watched)));
            ctx.unlink(pid(&linked));
            kill(ctx.system(), &linked).await;
        });
    });
}

#[test]
fn of_many_who_monitor_a_short_life_none_waits_in_vain() {
    many_times(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let target = ctx.spawn(|_ctx: Context<()>| async {});
        let watched = pid(&target);
        for _ in 0..4 {
            ctx.spawn_link(move |mut ctx: Context<()>| async move {
                ctx.monitor(watched);
                next_down(&mut ctx).await;
                expect_empty(&mut ctx).await;
            });
        }
        for _ in 0..4 {
            assert_eq!(next_exit(&mut ctx).await.reason, ExitReason::Normal);
        }
    });
}

fn links(system: &SystemHandle, pid: Pid) -> Vec<Pid> {
    system.process_info(pid).expect("it lives").links
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
