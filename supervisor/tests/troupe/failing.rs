//! Workers that fail, and what becomes of their jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_lite::future::zip;
use proscenium_behaviours::GenServer;
use proscenium_runtime::{CallError, Context, ExitReason, Reply};
use proscenium_supervisor::{ChildSpec, JobFault, Supervisor, Troupe, TroupeOptions};

use super::common::{Log, SECOND, Work, death, fault, in_any_order, players, rest, settle};

#[test]
fn a_panic_reaches_the_caller_with_its_reason() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).name("players").start_link(&mut ctx).await.unwrap();
        let error = troupe.call(Work::BreakAsked).await.unwrap_err();
        assert!(
            error.to_string().starts_with("a job for troupe players: its worker ended, at attempt 1: panic"),
            "{error}"
        );
        assert_eq!(death(Err::<(), _>(error)), ("broken".into(), 1));
        assert_eq!(death(troupe.call(Work::Fail).await), ("no disk".into(), 1));
        assert_eq!(fault(troupe.call(Work::Forget).await), JobFault::Unanswered);
        assert_eq!(death(troupe.perform(Work::Break(1)).await), ("broken by 1".into(), 1));
        assert_eq!(troupe.call(Work::Who).await, Ok(4), "the fourth worker");
        assert_eq!(troupe.status().failed, 3);
    });
}

#[test]
fn a_panic_reaches_a_caller_at_the_door() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        let door = troupe.address().unwrap();
        let error = door.call(Work::BreakAsked).await.unwrap_err();
        assert!(matches!(error, CallError::Unanswered { .. }), "{error}");
        assert_eq!(door.call(Work::Who).await, Ok(2));
    });
}

#[test]
fn who_dies_takes_with_it_the_job_that_it_was_doing_and_no_other() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).start_link(&mut ctx).await.unwrap();
        for note in 0..10 {
            troupe.cast(if note % 3 == 0 { Work::Break(note) } else { Work::Note(note, SECOND) });
        }
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), (0..10).collect::<Vec<_>>());
        assert_eq!((troupe.status().done, troupe.status().failed), (6, 4));
        assert_eq!(ctx.system().dead_letter_count(), 0);
    });
}

#[test]
fn a_job_that_kills_its_workers_is_given_up_and_its_sender_told() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=2).retries(2).start_link(&mut ctx).await.unwrap();
        let (begun, count) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counted = begun.clone();
        let bad = troupe.call_repeatable(move |reply| {
            counted.fetch_add(1, Ordering::Relaxed);
            Work::BreakAsked(reply)
        });
        assert_eq!(death(bad.await), ("broken".into(), 3));
        assert_eq!(begun.load(Ordering::Relaxed), 3);
        let good = troupe.with(TroupeOptions::new().retries(1)).call_repeatable(move |reply| {
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Work::Fail(reply),
                _ => Work::Who(reply),
            }
        });
        assert!(good.await.is_ok(), "the second attempt is answered");
        assert_eq!((troupe.status().retried, troupe.status().failed), (3, 1));
    });
}

#[test]
fn a_job_is_begun_once_unless_it_may_be_repeated() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).retries(9).start_link(&mut ctx).await.unwrap();
        assert_eq!(death(troupe.call(Work::BreakAsked).await), ("broken".into(), 1));
    });
}

#[test]
fn copies_of_messages_are_begun_again() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).repeat_with(1, |work| match work {
            Work::Break(note) => Some(Work::Note(note + 100, SECOND)),
            _ => None,
        });
        let troupe = troupe.start_link(&mut ctx).await.unwrap();
        troupe.cast(Work::Break(1));
        troupe.cast(Work::Note(2, SECOND));
        assert_eq!(death(troupe.call(Work::BreakAsked).await), ("broken".into(), 1), "a reply cannot be copied");
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), [1, 101, 2], "it keeps its place");
    });
}

#[test]
fn what_makes_a_job_again_may_panic_and_harms_nobody_else() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).retries(1).start_link(&mut ctx).await.unwrap();
        let mut is_first = true;
        let call = troupe.call_repeatable(move |reply| {
            assert!(std::mem::take(&mut is_first), "once is enough");
            Work::BreakAsked(reply)
        });
        assert_eq!(fault(call.await), JobFault::Unanswered);
        assert_eq!(troupe.call(Work::Who).await, Ok(2));
    });
}

#[test]
fn a_worker_that_takes_too_long_is_killed_and_another_comes() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).time_limit(2 * SECOND).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        let stuck = troupe.call(|reply| Work::Take(100 * SECOND, reply)).without_timeout();
        let (stuck, next) = zip(stuck, troupe.call(Work::Who).without_timeout()).await;
        assert_eq!((fault(stuck), next), (JobFault::TimeLimit(2 * SECOND), Ok(2)));
        assert_eq!(ctx.system().now() - before, 2 * SECOND);
        assert!(troupe.call(|reply| Work::Take(SECOND, reply)).await.is_ok());
    });
}

#[test]
fn a_worker_that_is_killed_idle_is_replaced() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(2..=2).start_link(&mut ctx).await.unwrap();
        assert!(troupe.call(Work::Who).await.is_ok());
        for worker in troupe.workers() {
            ctx.exit(&worker, ExitReason::Kill);
        }
        ctx.sleep(SECOND).await;
        assert_eq!((troupe.status().workers, troupe.status().idle), (2, 2));
        assert!(troupe.call(Work::Who).await.is_ok_and(|worker| worker > 2));
    });
}

/// Its init fails as often as it is told to.
struct Picky;

impl GenServer for Picky {
    type Args = Arc<AtomicU32>;
    type Message = Reply<()>;

    async fn init(failures: Arc<AtomicU32>, _ctx: &mut Context<Reply<()>>) -> Result<Self, ExitReason> {
        let fails = failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if fails { Err(std::io::Error::other("not today").into()) } else { Ok(Picky) }
    }

    async fn handle(&mut self, reply: Reply<()>, _ctx: &mut Context<Reply<()>>) -> Result<(), ExitReason> {
        reply.send(());
        Ok(())
    }
}

fn picky(failures: &Arc<AtomicU32>) -> Troupe<Reply<()>> {
    let failures = failures.clone();
    Troupe::new(move |seat| Picky::start(failures.clone()).feed(seat))
}

#[test]
fn a_troupe_whose_first_worker_does_not_start_does_not_start() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let error = picky(&Arc::new(AtomicU32::new(1))).start_link(&mut ctx).await.unwrap_err();
        assert!(error.to_string().contains("not today"), "{error}");
        let before = ctx.system().process_count();
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), before, "and nothing of it is left");
    });
}

#[test]
fn workers_that_do_not_start_are_tried_again_after_pauses() {
    in_any_order(|mut ctx| async move {
        let failures = Arc::new(AtomicU32::new(4));
        let troupe = picky(&failures).workers(0..=1).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        assert_eq!(troupe.call(|reply| reply).await, Ok(()));
        let pauses = (ctx.system().now() - before).as_millis();
        assert_eq!(pauses, 100 + 200 + 400 + 800);
    });
}

#[test]
fn a_troupe_that_gets_no_worker_ends_in_the_end_and_its_parent_decides() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let failures = Arc::new(AtomicU32::new(0));
        let troupe = picky(&failures);
        let handle = troupe.handle();
        let tree = Supervisor::one_for_one().intensity(0).child(ChildSpec::new("picky", troupe));
        tree.start_link(&mut ctx).await.unwrap();
        failures.store(u32::MAX, Ordering::Relaxed);
        for worker in handle.workers() {
            ctx.exit(&worker, ExitReason::Kill);
        }
        let error = handle.call(|reply| reply).without_timeout().await.unwrap_err();
        assert_eq!(error.fault, JobFault::NotRunning);
        let proscenium_runtime::Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends anything") };
        assert_eq!(exit.reason, ExitReason::Shutdown);
    });
}
