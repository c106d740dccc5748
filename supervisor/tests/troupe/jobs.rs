//! Jobs that are done.

use std::collections::BTreeSet;

use futures_lite::future::zip;
use proscenium_runtime::{Address, Context};
use proscenium_supervisor::{ChildSpec, JobFault, Supervisor, Troupe};

use super::common::{Log, SECOND, Work, fault, in_any_order, players, rest, settle};

#[test]
fn calls_and_casts_are_done_and_answers_come_straight_from_the_worker() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(2..=2).start_link(&mut ctx).await.unwrap();
        for note in 0..10 {
            troupe.cast(Work::Note(note, SECOND));
        }
        let answers = zip(troupe.call(Work::Who).without_timeout(), troupe.call(Work::Who).without_timeout()).await;
        assert_eq!((answers.0.is_ok(), answers.1.is_ok()), (true, true));
        assert_eq!(log.sorted(), (0..10).collect::<Vec<_>>());
        assert_eq!(troupe.perform(Work::Note(10, SECOND)).await, Ok(()));
        assert_eq!(log.notes().len(), 11);
        let status = troupe.status();
        assert_eq!((status.done, status.queued, status.running, status.idle), (13, 0, 0, 2));
    });
}

#[test]
fn a_job_is_done_at_once_while_others_are_done() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(2..=2).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        let (slow, quick) = zip(troupe.call(|reply| Work::Take(SECOND, reply)), troupe.call(Work::Who)).await;
        assert_ne!(slow.unwrap(), quick.unwrap());
        assert_eq!(ctx.system().now() - before, SECOND);
    });
}

#[test]
fn a_troupe_under_a_supervisor_is_reached_by_its_handle_and_by_the_name_of_its_door() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).name("players");
        let handle = troupe.handle();
        assert_eq!(fault(handle.call(Work::Who).await), JobFault::NotRunning);
        Supervisor::one_for_one().child(ChildSpec::new("players", troupe)).start_link(&mut ctx).await.unwrap();
        assert_eq!(handle.call(Work::Who).await, Ok(1));
        let address: Address<Work> = ctx.system().named("players");
        assert_eq!(address.call(Work::Who).await, Ok(1));
        assert_eq!(handle.address(), Some(ctx.system().lookup("players").unwrap()));
    });
}

#[test]
fn one_value_is_one_troupe() {
    in_any_order(|mut ctx| async move {
        let troupe = std::sync::Arc::new(players(&Log::default()));
        let spec = |id| ChildSpec::new(id, super::trees::Shared(troupe.clone()));
        let supervisor = Supervisor::one_for_one().child(spec("a")).start_link(&mut ctx).await.unwrap();
        let error = supervisor.start_child(spec("b")).await.unwrap_err();
        assert!(error.to_string().ends_with("this troupe runs already"), "{error}");
        assert_eq!(troupe.handle().call(Work::Who).await, Ok(1), "and the first one runs on");
    });
}

#[test]
fn settings_that_contradict_each_other_are_refused_before_and_while_it_runs() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let error = players(&Log::default()).workers(0..=0).start_link(&mut ctx).await.unwrap_err();
        assert!(error.to_string().ends_with("max_workers is 0: a troupe needs a worker"), "{error}");
        let troupe = players(&Log::default()).start_link(&mut ctx).await.unwrap();
        let error = troupe.change(|settings| settings.min_workers = 11).unwrap_err();
        assert_eq!(error.to_string(), "min_workers is 11, and max_workers only 10");
        assert_eq!(troupe.settings().min_workers, 1);
    });
}

#[test]
fn a_broadcast_reaches_each_worker_and_is_no_job() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(3..=3).start_link(&mut ctx).await.unwrap();
        let busy = troupe.clone();
        ctx.spawn(|_ctx: Context<()>| async move { busy.perform(Work::Note(1, SECOND)).await.unwrap() });
        settle(&ctx).await;
        assert_eq!(troupe.broadcast(|| Work::Note(2, SECOND)), 3);
        ctx.sleep(3 * SECOND).await;
        let mut begun = log.all();
        begun.sort_unstable_by_key(|(worker, note)| (*note, *worker));
        assert_eq!(begun[1..], [(1, 2), (2, 2), (3, 2)]);
        assert_eq!(troupe.status().done, 1);
    });
}

#[test]
fn jobs_of_a_key_are_done_by_one_worker_in_their_order_and_keys_are_shared_among_all() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let of = |work: &Work| if let Work::Note(note, _) = work { note % 10 } else { 0 };
        let troupe = players(&log).workers(4..=4).by_key(of).start_link(&mut ctx).await.unwrap();
        (0..100).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        rest(&ctx, &troupe).await;
        let begun = log.all();
        for key in 0..10 {
            let (workers, notes): (BTreeSet<_>, Vec<_>) =
                begun.iter().filter(|(_, note)| note % 10 == key).copied().unzip();
            assert_eq!((workers.len(), notes.len()), (1, 10), "key {key}");
            assert!(notes.is_sorted(), "key {key}");
        }
        assert!(begun.iter().map(|(worker, _)| worker).collect::<BTreeSet<_>>().len() > 1);
    });
}

#[test]
fn a_choice_sees_the_workers_and_is_followed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(3..=3).choose_by(|_work, candidates| {
            candidates.iter().max_by_key(|candidate| candidate.number).map(|candidate| candidate.number)
        });
        let troupe = troupe.start_link(&mut ctx).await.unwrap();
        (0..5).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        rest(&ctx, &troupe).await;
        assert_eq!(log.all(), (0..5).map(|note| (3, note)).collect::<Vec<_>>());
    });
}

#[test]
fn what_chooses_a_worker_may_panic_and_takes_nobody_with_it_but_its_own_sender() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let log = Log::default();
        let troupe: Troupe<Work> = players(&log).name("players").by_key(|work| match work {
            Work::Note(7, _) => panic!("seven is no key"),
            _ => 0,
        });
        let troupe = troupe.start_link(&mut ctx).await.unwrap();
        let door: Address<Work> = ctx.system().lookup("players").unwrap();
        for note in [6, 7, 8] {
            door.cast(Work::Note(note, SECOND));
        }
        let sender = troupe.clone();
        let sender = ctx.spawn(|_ctx: Context<()>| async move { sender.cast(Work::Note(7, SECOND)) });
        assert!(sender.exited().await.is_crash());
        ctx.sleep(4 * SECOND).await;
        assert_eq!(log.notes().len(), 3, "6, 7 and 8, of which 7 may go to anybody");
        assert_eq!(ctx.system().lookup::<Work>("players").unwrap(), door);
    });
}
