//! Links and monitors that are made and undone at the same time, or beside an end.

use std::sync::{Arc, OnceLock};

use futures_lite::future;

use super::{Count, count_events, exit_reason, in_every_order, pid, run_on_two_threads};
use crate::address::Address;
use crate::context::Context;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::signal::Event;

/// What a process beside one that ends does first, and how many events it receives of that.
fn events_beside_the_end(relate: fn(&mut Context<()>, &Address<()>), expected: usize) {
    in_every_order(move |test| {
        let events = Count::default();
        let seen = events.clone();
        let target = test.spawn(|_ctx: Context<()>| async {});
        let watcher = test.spawn(move |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            relate(&mut ctx, &target);
            count_events(&mut ctx, &seen).await;
        });
        run_on_two_threads(&test);
        assert_eq!(events.get(), expected);
        let info = test.process_info(pid(&watcher)).expect("it lives");
        assert_eq!((info.links, info.monitors), (vec![], vec![]));
    });
}

#[test]
fn a_monitor_beside_the_end_brings_one_down() {
    let by_address = |ctx: &mut Context<()>, target: &Address<()>| {
        ctx.monitor(target);
    };
    events_beside_the_end(by_address, 1);
}

#[test]
fn a_monitor_of_a_pid_beside_the_end_brings_one_down() {
    let by_pid = |ctx: &mut Context<()>, target: &Address<()>| {
        ctx.monitor(pid(target));
    };
    events_beside_the_end(by_pid, 1);
}

#[test]
fn a_link_beside_the_end_brings_one_exit() {
    events_beside_the_end(|ctx, target| ctx.link(target), 1);
}

#[test]
fn a_link_made_twice_beside_the_end_tells_the_reason_first() {
    in_every_order(|test| {
        let parent = test.spawn(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::Shutdown) });
            ctx.link(pid(&child));
            let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends it anything") };
            Err::<(), _>(exit.reason)
        });
        run_on_two_threads(&test);
        assert_eq!(exit_reason(&parent), Some(ExitReason::Shutdown));
    });
}

#[test]
fn a_monitor_that_is_undone_beside_the_end_brings_no_down() {
    let undo = |ctx: &mut Context<()>, target: &Address<()>| {
        let monitor = ctx.monitor(target);
        ctx.demonitor(monitor);
    };
    events_beside_the_end(undo, 0);
}

#[test]
fn a_link_that_is_undone_beside_the_end_brings_no_exit() {
    let undo = |ctx: &mut Context<()>, target: &Address<()>| {
        ctx.link(target);
        ctx.unlink(target);
    };
    events_beside_the_end(undo, 0);
}

/// What parent and child do to each other at the same time, and whether a link is there after it: to both, or to neither.
fn links_agree(parent_does: fn(&mut Context<()>, Pid), child_does: fn(&mut Context<()>, Pid)) {
    in_every_order(move |test| {
        let child = Arc::new(OnceLock::new());
        let spawned = child.clone();
        let parent = test.spawn(move |mut ctx: Context<()>| async move {
            let child = ctx.spawn(move |mut ctx: Context<()>| async move {
                let parent = ctx.parent().expect("it has one");
                child_does(&mut ctx, parent);
                future::pending::<()>().await;
            });
            let child = pid(&child);
            spawned.set(child).expect("there is one");
            parent_does(&mut ctx, child);
            future::pending::<()>().await;
        });
        run_on_two_threads(&test);
        let (parent, child) = (pid(&parent), *child.get().expect("it was spawned"));
        let links = |of, to| test.process_info(of).expect("it lives").links.contains(&to);
        assert_eq!(links(parent, child), links(child, parent), "there is half a link");
    });
}

#[test]
fn a_link_made_and_undone_at_once_is_there_for_both_or_neither() {
    links_agree(|ctx, child| ctx.link(child), |ctx, parent| ctx.unlink(parent));
}

#[test]
fn a_link_made_by_both_at_once_is_there_for_both() {
    links_agree(|ctx, child| ctx.link(child), |ctx, parent| ctx.link(parent));
}
