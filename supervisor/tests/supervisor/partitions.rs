//! Partitions: a key leads to one of them, whatever happens to it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Reply};
use proscenium_supervisor::{ChildError, ChildSpec, PartitionSupervisor, Partitions, Supervisor};

use super::common::{boom, in_any_order, settle};

/// Tells its number.
struct Numbered(usize);

enum Ask {
    Number(Reply<usize>),
    Crash,
}

impl GenServer for Numbered {
    type Args = (usize, usize);
    type Message = Ask;

    async fn init((number, limit): (usize, usize), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        if number < limit { Ok(Numbered(number)) } else { Err(ExitReason::error("too many")) }
    }

    async fn handle(&mut self, message: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match message {
            Ask::Number(reply) => reply.send(self.0),
            Ask::Crash => return Err(boom()),
        }
        Ok(())
    }
}

fn count(count: usize) -> NonZeroUsize {
    count.try_into().unwrap()
}

fn supervisor(ctx: &Context<()>, partitions: usize) -> PartitionSupervisor<Ask> {
    PartitionSupervisor::new(ctx.system(), count(partitions), |number| Numbered::start((number, 8))).intensity(100)
}

async fn number_of(partitions: &Partitions<Ask>, key: u32) -> usize {
    partitions.of(key).call(Ask::Number).await.unwrap()
}

#[test]
fn a_key_leads_to_the_same_partition_and_keys_are_shared_out() {
    in_any_order(|mut ctx| async move {
        let partitions = supervisor(&ctx, 4).start_link(&mut ctx).await.unwrap();
        let mut shares = BTreeMap::new();
        for key in 0..400 {
            let number = number_of(&partitions, key).await;
            assert_eq!(number_of(&partitions, key).await, number);
            *shares.entry(number).or_insert(0) += 1;
        }
        assert_eq!(shares.len(), 4);
        assert!(shares.values().all(|share| (50..150).contains(share)), "{shares:?}");
        assert_eq!(partitions.of("a text").call(Ask::Number).await, partitions.of("a text").call(Ask::Number).await);
    });
}

#[test]
fn a_partition_that_ends_is_restarted_alone_and_found_again() {
    in_any_order(|mut ctx| async move {
        let partitions = supervisor(&ctx, 3).start_link(&mut ctx).await.unwrap();
        let before: Vec<_> = partitions.all().iter().map(|address| address.pid()).collect();
        let victim = partitions.of(7);
        let number = number_of(&partitions, 7).await;
        victim.cast(Ask::Crash);
        settle(&ctx).await;
        assert_eq!(number_of(&partitions, 7).await, number);
        let after: Vec<_> = partitions.all().iter().map(|address| address.pid()).collect();
        let changed: Vec<_> = (0..3).filter(|it| before[*it] != after[*it]).collect();
        assert_eq!(changed, [number]);
    });
}

#[test]
fn there_can_be_more_partitions_or_fewer() {
    in_any_order(|mut ctx| async move {
        let partitions = supervisor(&ctx, 2).start_link(&mut ctx).await.unwrap();
        for size in [5, 1, 3] {
            partitions.resize(count(size)).await.unwrap();
            assert_eq!(partitions.count(), size);
            for (number, partition) in partitions.all().iter().enumerate() {
                assert_eq!(partition.call(Ask::Number).await, Ok(number));
            }
            let children = partitions.supervisor().count_children().await.unwrap();
            assert_eq!((children.specs, children.active), (size, size));
        }
        // One that does not start leaves those that have.
        let error = partitions.resize(count(20)).await.unwrap_err();
        assert!(matches!(error, ChildError::Start(_)), "{error}");
        assert_eq!(partitions.count(), 8);
    });
}

#[test]
fn many_who_resize_at_the_same_time_do_it_one_after_another() {
    in_any_order(|mut ctx| async move {
        let partitions = supervisor(&ctx, 1).start_link(&mut ctx).await.unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        for size in [6, 2, 4, 3] {
            let (partitions, done) = (partitions.clone(), done.clone());
            ctx.spawn(move |_ctx: Context<()>| async move {
                partitions.resize(count(size)).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        settle(&ctx).await;
        assert_eq!(done.load(Ordering::Relaxed), 4);
        let children = partitions.supervisor().count_children().await.unwrap();
        assert_eq!((children.specs, children.active), (partitions.count(), partitions.count()));
        assert!([6, 2, 4, 3].contains(&partitions.count()));
    });
}

#[test]
fn in_a_tree_its_partitions_are_known_before_it_runs_and_after_it_was_restarted() {
    in_any_order(|mut ctx| async move {
        let supervisor = supervisor(&ctx, 2).intensity(0);
        let partitions = supervisor.partitions();
        let spec = ChildSpec::new("numbers", supervisor);
        Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        partitions.resize(count(4)).await.unwrap();
        let before = partitions.supervisor().pid();
        partitions.of(1).cast(Ask::Crash);
        ctx.sleep(Duration::from_millis(1)).await;
        assert_ne!(partitions.supervisor().pid(), before);
        // It has as many as it had last.
        assert_eq!(partitions.supervisor().count_children().await.unwrap().active, 4);
        assert_eq!(number_of(&partitions, 1).await, number_of(&partitions, 1).await);
    });
}
