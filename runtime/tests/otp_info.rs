//! What OTP's suites assert of looking at processes and no other topic here shows. `CONFORMANCE.md` says which case is which.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{TIMES, idle, in_every_order, kill, next_down, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, ExitReason, Mailbox, Pid, ProcessInfo, SpawnOptions};

#[test]
fn whoever_lives_all_the_while_is_listed_once_while_others_come_and_go() {
    timetrap(|| {
        let system = workers(4);
        let staying: BTreeSet<Pid> = (0..100).map(|_| pid(&system.spawn(idle))).collect();
        let (end, ended) = async_channel::bounded::<()>(1);
        for _ in 0..4 {
            let ended = ended.clone();
            system.spawn(move |mut ctx: Context<()>| async move {
                while !ended.is_closed() {
                    ctx.spawn(|_ctx: Context<()>| async {}).exited().await;
                }
            });
        }
        for _ in 0..TIMES {
            let listed = system.processes();
            let distinct: BTreeSet<Pid> = listed.iter().copied().collect();
            assert_eq!(distinct.len(), listed.len());
            assert!(distinct.is_superset(&staying));
        }
        drop(end);
    });
}

#[test]
fn whoever_is_listed_can_be_monitored_however_young() {
    timetrap(|| {
        let system = workers(4);
        run_on(&system, |mut ctx: Context<()>| async move {
            let breeder = ctx.spawn(|mut ctx: Context<()>| async move {
                loop {
                    ctx.spawn(|_ctx: Context<()>| async {});
                    ctx.spawn(|_ctx: Context<()>| async {}).exited().await;
                }
            });
            let mut met = 0;
            while met < TIMES {
                let known = [ctx.pid(), pid(&breeder)];
                for other in ctx.system().processes().into_iter().filter(|other| !known.contains(other)) {
                    let monitor = ctx.monitor(other);
                    let down = next_down(&mut ctx).await;
                    assert_eq!((down.monitor, down.pid), (monitor, other));
                    assert!([ExitReason::Normal, ExitReason::NoProcess].contains(&down.reason));
                    met += 1;
                }
                future::yield_now().await;
            }
        });
    });
}

#[test]
fn who_asks_for_a_queue_length_finds_at_least_what_it_has_sent() {
    in_every_order(|mut ctx: Context<()>| async move {
        let receiver = ctx.spawn(|_ctx: Context<u32>| future::pending::<()>());
        let mut senders = Vec::new();
        for _ in 0..3 {
            let receiver = receiver.clone();
            senders.push(ctx.spawn(move |ctx: Context<()>| async move {
                for sent in 1..=5 {
                    receiver.cast(0);
                    let info = ctx.system().process_info(pid(&receiver)).expect("it lives");
                    assert!(info.queue_len >= sent, "{} wait, {sent} were sent", info.queue_len);
                    future::yield_now().await;
                }
            }));
        }
        for sender in &senders {
            assert_eq!(sender.exited().await, ExitReason::Normal);
        }
        assert_eq!(ctx.system().process_info(pid(&receiver)).map(|info| info.queue_len), Some(15));
        kill(ctx.system(), &receiver).await;
    });
}

#[test]
fn what_a_process_is_told_of_itself_is_what_others_are_told_of_it() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let (told, own) = async_channel::bounded(1);
            let options = SpawnOptions::new().name("clerk").label("till 3").mailbox(Mailbox::bounded(7));
            let clerk = ctx.spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                ctx.trap_exit(true);
                ctx.spawn_monitor(idle);
                ctx.send_after(Duration::from_secs(60), 1);
                ctx.system().groups().join(&ctx, "clerks").expect("it is the first");
                told.try_send(ctx.system().process_info(ctx.pid())).expect("it is the only one");
                ctx.receive_message().await;
            });
            let own = own.recv().await.expect("it is told").expect("it runs");
            let others = ctx.system().process_info(pid(&clerk.expect("the name is free"))).expect("it lives");
            let known = |info: &ProcessInfo| {
                let identity =
                    (info.pid, info.parent, info.name.clone(), info.label.clone(), info.message_type.clone());
                let ties = (info.links.clone(), info.monitors.clone(), info.monitored_by.clone(), info.groups.clone());
                (identity, ties, info.ancestors.clone(), info.trap_exit, info.queue_bound, info.timers)
            };
            assert_eq!(known(&own), known(&others));
            assert_eq!((others.name.as_deref(), others.queue_bound, others.timers), (Some("clerk"), Some(7), 1));
        });
    });
}

#[test]
fn a_label_is_there_for_whoever_looks() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let label = |ctx: &Context<()>| ctx.system().process_info(ctx.pid()).and_then(|info| info.label);
            assert_eq!(label(&ctx), None);
            ctx.set_label("till 3");
            assert_eq!(label(&ctx).as_deref(), Some("till 3"));
            ctx.set_label("till 4");
            assert_eq!(label(&ctx).as_deref(), Some("till 4"));
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
