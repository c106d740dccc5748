//! What clients notice of shards that fail.

use proscenium::Report;
use proscenium::testing::{TestSystem, for_each_seed};

use super::*;
use crate::kv::operation::Action;

fn at(key: &str, action: Action) -> Operation {
    Operation::At(key.into(), action)
}

fn on_shard(shard: usize, operations: Vec<Operation>) -> Operations {
    let mut all: Operations = Default::default();
    all[shard] = operations;
    all
}

/// A store whose shards are supervised.
fn start(test: &TestSystem) -> Arc<Store> {
    let store = Arc::new(Store::new(test));
    let shards = Supervisor::one_for_one().intensity(1000).children(store.children());
    test.block_on(shards.spawn(test)).unwrap();
    store
}

fn integers(replies: impl Iterator<Item = Value>) -> Vec<i64> {
    let integer = |reply| match reply {
        Value::Integer(number) => number,
        other => panic!("{other:?} is no number"),
    };
    replies.map(integer).collect()
}

#[test]
fn a_batch_that_panics_within_is_done_once_around_it() {
    let test = TestSystem::new(1);
    let store = start(&test);
    let reports = test.reports();
    let shard = Store::shard_of(b"n");
    let increment = || at("n", Action::Increment(1));
    let operations = vec![increment(), increment(), Operation::Panic, increment()];

    let mut replies = test.block_on(store.carry_out(on_shard(shard, operations)));
    assert_eq!(integers(replies[shard].by_ref().take(2)), [1, 2]);
    assert_eq!(replies[shard].next(), Some(Value::Error(format!("ERR shard {shard} panicked"))));
    assert_eq!(integers(replies[shard].by_ref()), [3]);
    let crashes = || std::iter::from_fn(|| reports.try_recv().ok()).filter(|report| matches!(report, Report::Crash(_)));
    assert_eq!(crashes().count(), 1);
}

/// Clients increment counters, each its own and all a common one, while somebody panics and kills shards.
#[test]
fn no_acknowledged_write_is_lost_and_none_is_doubled() {
    for_each_seed(200, |test| {
        let store = start(test);
        let clients: Vec<_> = (0..6).map(|client| spawn_client(test, &store, client)).collect();
        let vandal = spawn_vandal(test, &store);
        let mut common = Vec::new();
        for client in &clients {
            common.extend(test.block_on(client.call(|reply| reply)).unwrap());
        }
        assert_eq!(test.block_on(vandal.exited()), ExitReason::Normal);
        common.sort();
        assert_eq!(common, (1..=6 * 20).collect::<Vec<i64>>());
        assert!(store.shards().map(|(_, _, restarts)| restarts).sum::<u64>() > 0);
    });
}

/// Increments its own counter and the common one twenty times, and tells what the common one was each time.
fn spawn_client(test: &TestSystem, store: &Arc<Store>, client: u64) -> Address<Reply<Vec<i64>>> {
    let store = store.clone();
    test.spawn(move |mut ctx: Context<Reply<Vec<i64>>>| async move {
        let mut common = Vec::new();
        for turn in 1..=20 {
            let mut operations: Operations = Default::default();
            let own = format!("own:{client}");
            let (own_shard, common_shard) = (Store::shard_of(own.as_bytes()), Store::shard_of(b"common"));
            operations[own_shard].push(at(&own, Action::Increment(1)));
            operations[common_shard].push(at("common", Action::Increment(1)));
            let mut replies = store.carry_out(operations).await;
            assert_eq!(integers(replies[own_shard].by_ref().take(1)), [turn]);
            common.extend(integers(replies[common_shard].by_ref()));
            ctx.sleep(Duration::from_millis(client)).await;
        }
        ctx.receive_message().await.send(common);
    })
}

fn spawn_vandal(test: &TestSystem, store: &Arc<Store>) -> Address<()> {
    let store = store.clone();
    test.spawn(move |ctx: Context<()>| async move {
        for turn in 0..40 {
            let shard = turn % SHARDS;
            match ctx.system().whereis(&name(shard)) {
                Some(pid) if turn % 3 == 0 => ctx.system().exit(pid, ExitReason::Kill),
                _ => drop(store.carry_out(on_shard(shard, vec![Operation::Panic])).await),
            }
            ctx.sleep(Duration::from_millis(2)).await;
        }
    })
}

#[test]
fn what_no_shard_has_done_in_time_is_never_done() {
    let test = TestSystem::new(1);
    let store = Store::new(&test);
    let write = || on_shard(0, vec![at("n", Action::Increment(1))]);
    let mut replies = test.block_on(store.carry_out(write()));
    assert_eq!(replies[0].next(), Some(Value::Error("ERR shard 0 is not available".to_owned())));
    assert_eq!(test.elapsed(), PATIENCE);

    // Now one that is too busy: the request waits in its mailbox, and is called off in there.
    let busy = test.spawn_with(proscenium::SpawnOptions::new().name("shard-0"), |mut ctx: Context<Ask>| async move {
        ctx.sleep(2 * PATIENCE).await;
        let Ask::CarryOut(batch, _late) = ctx.receive_message().await else {
            panic!("nobody else asks");
        };
        let mut table = crate::kv::table::Table::default();
        batch.carry_out(&mut table, ctx.system().now());
        assert_eq!(table.len(ctx.system().now()), 0);
    });
    let mut replies = test.block_on(store.carry_out(write()));
    assert!(matches!(replies[0].next(), Some(Value::Error(_))));
    assert_eq!(test.block_on(busy.unwrap().exited()), ExitReason::Normal);
}

#[test]
fn keys_are_spread_over_all_shards_and_stay_where_they_are() {
    let mut count = [0; SHARDS];
    for number in 0..1000 {
        count[Store::shard_of(format!("key:{number}").as_bytes())] += 1;
    }
    assert!(count.iter().all(|keys| (200..300).contains(keys)), "{count:?}");
    assert_eq!(["a", "b", "c", "d"].map(|key| Store::shard_of(key.as_bytes())), [3, 1, 2, 1]);
}
