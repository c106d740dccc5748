//! Jobs that wait, and those that find no room.

use std::time::Duration;

use futures_lite::future::{or, poll_once, zip};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, DeadReason, SendError, TrySendError};
use proscenium_supervisor::{JobFault, Troupe, TroupeOptions, TroupeRef, WhenFull};

use super::common::{Log, SECOND, Work, fault, in_any_order, players, rest, settle};

/// One worker, which is busy for a second, and a queue with as many notes as it holds: 1 and 2.
async fn full(troupe: Troupe<Work>, when_full: WhenFull, ctx: &mut Context<()>) -> TroupeRef<Work> {
    let troupe = troupe.workers(1..=1).queue(2, when_full).start_link(ctx).await.unwrap();
    troupe.cast(Work::Note(0, SECOND));
    settle(ctx).await;
    (1..=2).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
    troupe
}

#[test]
fn senders_wait_for_room_in_their_order_and_a_cast_that_cannot_is_a_dead_letter() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = full(players(&log), WhenFull::Wait, &mut ctx).await;
        let sends = zip(
            troupe.send(Work::Note(3, SECOND)),
            zip(troupe.perform(Work::Note(4, SECOND)).without_timeout(), async {
                settle(&ctx).await;
                assert_eq!(troupe.status().senders_waiting, 2);
                assert!(matches!(troupe.try_send(Work::Note(8, SECOND)), Err(TrySendError::Full(Work::Note(8, _)))));
                troupe.cast(Work::Note(9, SECOND));
                assert_eq!(ctx.system().dead_letter_count_of(DeadReason::MailboxFull), 1);
            }),
        );
        let (sent, (done, ())) = sends.await;
        assert_eq!((sent.is_ok(), done), (true, Ok(())));
        assert_eq!(log.notes(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn who_gives_up_waiting_for_room_leaves_it_to_the_next() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = full(players(&log), WhenFull::Wait, &mut ctx).await;
        let hasty = troupe.perform(Work::Note(3, SECOND)).timeout(SECOND / 2);
        let (hasty, patient) = zip(hasty, troupe.perform(Work::Note(4, SECOND)).without_timeout()).await;
        assert_eq!((fault(hasty), patient), (JobFault::Timeout(SECOND / 2), Ok(())));
        assert_eq!(log.notes(), [0, 1, 2, 4]);
    });
}

#[test]
fn who_has_given_up_waiting_for_room_holds_up_nobody_though_it_is_there_still() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = full(players(&log), WhenFull::Wait, &mut ctx).await;
        // As many as there will be room for.
        let mut hasty = [3, 4].map(|note| troupe.perform(Work::Note(note, SECOND)).timeout(SECOND / 2));
        let [first, second] = &mut hasty;
        let patient = troupe.perform(Work::Note(5, SECOND)).without_timeout();
        let ((first, second), patient) = zip(zip(first, second), patient).await;
        assert_eq!([first, second].map(fault), [(); 2].map(|()| JobFault::Timeout(SECOND / 2)));
        assert_eq!((patient, log.notes()), (Ok(()), vec![0, 1, 2, 5]));
        drop(hasty);
    });
}

#[test]
fn a_limit_that_is_set_while_the_job_is_under_way_counts_from_then_on() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        let call = || troupe.call(|reply| Work::Take(9 * SECOND, reply));
        let mut patient = call().without_timeout();
        assert!(poll_once(&mut patient).await.is_none());
        ctx.sleep(2 * SECOND).await;
        let before = ctx.system().now();
        assert_eq!(fault(patient.timeout(SECOND).await), JobFault::Timeout(SECOND));
        assert_eq!(ctx.system().now() - before, SECOND);
        let mut hasty = call().timeout(SECOND);
        assert!(poll_once(&mut hasty).await.is_none());
        assert_eq!(hasty.without_timeout().await, Ok(1));
    });
}

#[test]
fn a_full_queue_may_give_jobs_back() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = full(players(&log), WhenFull::Reject, &mut ctx).await;
        assert_eq!(fault(troupe.call(Work::Who).await), JobFault::QueueFull);
        assert!(matches!(troupe.send(Work::Note(3, SECOND)).await, Err(SendError(Work::Note(3, _)))));
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), [0, 1, 2]);
    });
}

#[test]
fn a_full_queue_may_drop_the_newest_or_the_oldest_and_tell_whoever_waits() {
    for (when_full, expected) in [(WhenFull::DropNewest, vec![0, 1, 2]), (WhenFull::DropOldest, vec![0, 3, 4])] {
        in_any_order(move |mut ctx| {
            let expected = expected.clone();
            async move {
                let log = Log::default();
                let troupe = full(players(&log), when_full, &mut ctx).await;
                let third = troupe.perform(Work::Note(3, SECOND)).without_timeout();
                let (third, ()) = zip(third, async {
                    settle(&ctx).await;
                    troupe.cast(Work::Note(4, SECOND));
                })
                .await;
                rest(&ctx, &troupe).await;
                assert_eq!(third.is_ok(), when_full == WhenFull::DropOldest);
                assert_eq!(log.notes(), expected);
                assert_eq!(troupe.status().dropped, 2);
                let dead = ctx.system().dead_letter_count_of(DeadReason::MailboxFull);
                assert_eq!(dead, if when_full == WhenFull::DropOldest { 2 } else { 1 });
            }
        });
    }
}

#[test]
fn what_is_sent_to_the_door_waits_there_for_room_and_its_senders_wait_if_its_mailbox_is_bounded() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let bounded = players(&log).name("players").mailbox(proscenium_runtime::Mailbox::bounded(1));
        let troupe = full(bounded, WhenFull::Wait, &mut ctx).await;
        let door: Address<Work> = ctx.system().named("players");
        let before = ctx.system().now();
        for note in 3..6 {
            door.send(Work::Note(note, SECOND)).await.unwrap();
        }
        assert!(ctx.system().now() - before >= SECOND / 2, "the third waits: one is in hand, one in the mailbox");
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn more_room_lets_in_who_waits_and_another_policy_turns_them_away() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = full(players(&log), WhenFull::Wait, &mut ctx).await;
        let (sent, ()) = zip(troupe.send(Work::Note(3, SECOND)), async {
            settle(&ctx).await;
            troupe.change(|settings| settings.queue = 3.try_into().ok()).unwrap();
        })
        .await;
        assert_eq!((sent.is_ok(), troupe.status().queued), (true, 3));
        let (refused, ()) = zip(troupe.send(Work::Note(4, SECOND)), async {
            settle(&ctx).await;
            troupe.change(|settings| settings.when_full = WhenFull::Reject).unwrap();
        })
        .await;
        assert!(refused.is_err());
    });
}

#[test]
fn the_most_urgent_goes_first() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).start_link(&mut ctx).await.unwrap();
        troupe.cast(Work::Note(0, SECOND));
        settle(&ctx).await;
        for (note, urgency) in [(1, 0), (2, -1), (3, 1), (4, 0), (5, 1)] {
            troupe.with(TroupeOptions::new().urgency(urgency)).cast(Work::Note(note, SECOND));
        }
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), [0, 3, 5, 1, 4, 2]);
    });
}

#[test]
fn a_job_that_nobody_waits_for_any_more_is_not_begun() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).start_link(&mut ctx).await.unwrap();
        troupe.cast(Work::Note(0, 3 * SECOND));
        settle(&ctx).await;
        assert_eq!(fault(troupe.perform(Work::Note(1, SECOND)).timeout(SECOND).await), JobFault::Timeout(SECOND));
        let dropped = or(async { troupe.perform(Work::Note(2, SECOND)).await.is_ok() }, async {
            ctx.sleep(SECOND).await;
            false
        });
        assert!(!dropped.await);
        troupe.perform(Work::Note(3, SECOND)).await.unwrap();
        assert_eq!(log.notes(), [0, 3]);
        assert_eq!(troupe.status().withdrawn, 2);
    });
}

#[test]
fn what_has_not_begun_by_its_deadline_never_does_and_who_waits_for_what_has_waits_no_longer() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=1).deadline(2 * SECOND).start_link(&mut ctx).await.unwrap();
        let expired = JobFault::Expired(2 * SECOND);
        let before = ctx.system().now();
        let (begun, waiting) =
            zip(troupe.perform(Work::Note(0, 3 * SECOND)), troupe.perform(Work::Note(1, SECOND))).await;
        assert_eq!((fault(begun), fault(waiting)), (expired.clone(), expired));
        assert_eq!(ctx.system().now() - before, 2 * SECOND);
        let patient = troupe.with(TroupeOptions::new().deadline(9 * SECOND));
        assert_eq!(patient.perform(Work::Note(2, SECOND)).await, Ok(()), "the worker has finished the first");
        troupe.cast(Work::Note(3, 3 * SECOND));
        troupe.cast(Work::Note(4, SECOND));
        rest(&ctx, &troupe).await;
        assert_eq!(log.notes(), [0, 2, 3]);
        assert_eq!(troupe.status().expired, 4);
        assert_eq!(ctx.system().dead_letter_count_of(DeadReason::Expired), 1, "nobody waited for 4");
    });
}

#[test]
fn latencies_are_told() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let troupe = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        assert_eq!(troupe.status().latency, None);
        for millis in 1..=100 {
            troupe.call(|reply| Work::Take(Duration::from_millis(millis), reply)).await.unwrap();
        }
        let latency = troupe.status().latency.unwrap();
        assert_eq!([latency.p50, latency.p90, latency.p99, latency.longest].map(|d| d.as_millis()), [50, 90, 99, 100]);
    });
}
