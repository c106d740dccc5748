//! Registries: who has a key, who is under one, who hears of it, and that nobody stays who has ended.

mod common;

use std::hash::{Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use common::{Gate, OnDrop, TIMES, idle, in_every_order, kill, next_down, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, CallError, Changes, Context, DeadReason, Duplicate, ExitReason, KeyError, Pid, Recipient, RegisterError,
    Registry, RegistryChange, RegistryEntry, RegistryKey, Reply, SpawnOptions, SystemHandle, Unique,
};

type RegistryChanges<K, M> = Changes<RegistryChange<K, M, u32>>;
type Topics<M = ()> = Registry<&'static str, M, u32, Duplicate>;

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}

fn values<K, M: Send + 'static>(entries: &[RegistryEntry<K, M, u32>]) -> Vec<u32> {
    entries.iter().map(|entry| *entry.value()).collect()
}

/// What a monitor heard: `+key value` and `-key value`.
fn heard<K: RegistryKey, M: Send + 'static>(changes: &mut RegistryChanges<K, M>) -> Vec<String> {
    let texts = std::iter::from_fn(|| changes.try_recv()).map(|change| match change {
        RegistryChange::Registered(entry) => format!("+{:?} {}", entry.key(), entry.value()),
        RegistryChange::Unregistered(entry) => format!("-{:?} {}", entry.key(), entry.value()),
    });
    texts.collect()
}

#[test]
fn a_unique_key_that_is_taken_tells_by_whom_and_is_free_when_given_up() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let me = ctx.pid();
            let rooms: Registry<u32, (), &str> = Registry::unique(ctx.system());
            rooms.register(&ctx, 7, "blue").expect("nobody has it");
            rooms.register(&ctx, 8, "red").expect("nobody has it");
            let taken = KeyError::Taken { key: "7".into(), owner: me };
            assert_eq!(rooms.register(&ctx, 7, "green"), Err(taken.clone()), "not by itself either");
            assert_eq!(taken.to_string(), format!("the key 7 is taken by {me}"));
            let (other, gone) = (rooms.clone(), Gate::new());
            let is_gone = gone.clone();
            let rival = ctx.spawn(move |ctx: Context<()>| async move {
                assert_eq!(other.register(&ctx, 7, "green"), Err(taken));
                assert_eq!(other.unregister(&ctx, &7), 0, "it is not its to give up");
                is_gone.passed().await;
                other.register(&ctx, 7, "green").expect("nobody has it any more");
                assert_eq!(other.lookup(&7).map(|entry| *entry.value()), Some("green"));
            });
            let entry = rooms.lookup(&7).expect("it is there");
            assert_eq!((*entry.key(), entry.pid(), entry.address(), *entry.value()), (7, me, &ctx.address(), "blue"));
            assert_eq!((rooms.whereis(&7), rooms.whereis(&9)), (Some(me), None));
            assert_eq!((rooms.keys(me), rooms.keys(pid(&rival))), (vec![7, 8], vec![]));
            assert_eq!((rooms.values(&8, me), rooms.values(&8, pid(&rival))), (vec!["red"], vec![]));
            assert_eq!(rooms.count(), 2);
            ctx.sleep(Duration::from_secs(1)).await;
            assert_eq!((rooms.unregister(&ctx, &7), rooms.unregister(&ctx, &7)), (1, 0));
            gone.open();
            assert_eq!(rival.exited().await, ExitReason::Normal);
            assert_eq!(rooms.keys(me), [8]);
        });
    });
}

#[test]
fn under_a_duplicate_key_a_process_is_as_often_as_it_registers() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let topics: Topics = Registry::duplicate(ctx.system());
            let (own, registered) = (topics.clone(), Gate::new());
            for (key, value) in [("rain", 1), ("sun", 2), ("rain", 3)] {
                topics.register(&ctx, key, value).expect("it runs");
            }
            let has_registered = registered.clone();
            let other = ctx.spawn(move |ctx: Context<()>| async move {
                own.register(&ctx, "rain", 4).expect("it runs");
                has_registered.open();
                future::pending::<()>().await;
            });
            registered.passed().await;
            topics.register(&ctx, "rain", 5).expect("it runs");
            assert_eq!(values(&topics.lookup("rain")), [1, 3, 4, 5], "in the order in which they came");
            assert_eq!(topics.keys(ctx.pid()), ["rain", "sun", "rain", "rain"]);
            assert_eq!(topics.values("rain", ctx.pid()), [1, 3, 5]);
            assert_eq!(values(&topics.select(|entry| entry.value() % 2 == 0)), [2, 4]);
            assert_eq!(topics.unregister_match(&ctx, "rain", |value| *value < 3), 1);
            assert_eq!(values(&topics.lookup("rain")), [3, 4, 5]);
            assert_eq!(topics.unregister(&ctx, "rain"), 2);
            assert_eq!(values(&topics.lookup("rain")), [4]);
            assert_eq!((topics.count(), topics.lookup("snow").len()), (2, 0));
            kill(ctx.system(), &other).await;
            assert_eq!(values(&topics.select(|_| true)), [2]);
        });
    });
}

#[test]
fn a_process_that_ends_has_lost_its_entries_before_anyone_is_told() {
    in_every_order(|mut ctx: Context<()>| async move {
        let rooms: Registry<u32, (), u32> = Registry::unique(ctx.system());
        let topics: Topics = Registry::duplicate(ctx.system());
        let (own, own_topics) = (rooms.clone(), topics.clone());
        let (_, mut changes) = rooms.monitor();
        ctx.spawn_monitor(move |ctx: Context<()>| async move {
            for key in [3, 1, 2] {
                own.register(&ctx, key, 10 * key).expect("nobody has it");
                own_topics.register(&ctx, "rain", key).expect("it runs");
            }
        });
        let down = next_down(&mut ctx).await;
        assert_eq!(rooms.whereis(&1), None);
        assert_eq!((rooms.count(), topics.count()), (0, 0));
        assert_eq!((rooms.keys(down.pid), topics.keys(down.pid)), (vec![], vec![]));
        assert_eq!(heard(&mut changes), ["+3 30", "+1 10", "+2 20", "-3 30", "-1 10", "-2 20"]);
    });
}

#[test]
fn a_process_that_is_killed_while_it_registers_leaves_no_ghost() {
    in_every_order(|mut ctx: Context<()>| async move {
        let rooms: Registry<u32, (), u32> = Registry::unique(ctx.system());
        let (_, mut changes) = rooms.monitor();
        let (own, begun) = (rooms.clone(), Gate::new());
        let has_begun = begun.clone();
        let (child, _) = ctx.spawn_monitor(move |ctx: Context<()>| async move {
            has_begun.open();
            loop {
                own.register(&ctx, 1, 0).expect("nobody has it, and it has not ended");
                future::yield_now().await;
                own.unregister(&ctx, &1);
            }
        });
        begun.passed().await;
        ctx.system().exit(pid(&child), ExitReason::Kill);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
        assert_eq!((rooms.count(), rooms.whereis(&1)), (0, None));
        // Coming and going alternate, and a going is the last.
        for pair in heard(&mut changes).chunks(2) {
            assert_eq!(pair, ["+1 0", "-1 0"]);
        }
    });
}

#[test]
fn a_context_that_outlives_its_process_registers_nothing() {
    for_each_seed(10, |test| {
        let rooms: Registry<u32, ()> = Registry::unique(test);
        let topics: Topics = Registry::duplicate(test);
        let (give, given) = async_channel::bounded(1);
        let process = test.spawn(move |ctx: Context<()>| async move {
            give.try_send(ctx).expect("it is the only one");
        });
        test.block_on(process.exited());
        let ctx = given.try_recv().expect("it was given");
        let ended = |key: &str| KeyError::NoProcess { pid: ctx.pid(), key: key.into() };
        assert_eq!(rooms.register(&ctx, 1, ()), Err(ended("1")));
        assert_eq!(topics.register(&ctx, "rain", 1), Err(ended("\"rain\"")));
        assert_eq!(ended("1").to_string(), format!("{} cannot be registered under 1: it has ended", ctx.pid()));
        assert_eq!((rooms.count(), topics.count()), (0, 0));
    });
}

#[test]
fn a_registry_is_of_one_system_though_another_has_the_same_pids() {
    for_each_seed(10, |test| {
        let other = TestSystem::new(test.seed());
        let rooms: Registry<u32, (), u32> = Registry::unique(&other);
        let (own, done) = (rooms.clone(), Gate::new());
        let is_done = done.clone();
        let owner = other.spawn(move |ctx: Context<()>| async move {
            own.register(&ctx, 1, 10).expect("nobody has it");
            is_done.passed().await;
        });
        other.run_until_idle();
        let theirs = rooms.clone();
        test.run(move |ctx: Context<()>| async move {
            assert_eq!(theirs.whereis(&1), Some(ctx.pid()), "which is another process");
            let error = theirs.register(&ctx, 2, 20).expect_err("it is of another system");
            assert_eq!(error, KeyError::OtherSystem { pid: ctx.pid(), key: "2".into() });
            assert_eq!(theirs.unregister(&ctx, &1), 0);
            assert!(theirs.update_value(&ctx, &1, |_| 0).is_err());
            let spawned = ctx.system().spawn_with(SpawnOptions::new().via(&theirs, 3, 30), idle);
            assert!(matches!(spawned, Err(RegisterError::Key(KeyError::OtherSystem { .. }))), "{spawned:?}");
        });
        assert_eq!(rooms.lookup(&1).map(|entry| *entry.value()), Some(10));
        done.open();
        other.block_on(owner.exited());
        assert_eq!(rooms.count(), 0);
    });
}

/// A key whose drop panics, which that of its clones does not.
#[derive(Debug)]
struct Brittle {
    is_original: bool,
}

impl Clone for Brittle {
    fn clone(&self) -> Self {
        Brittle { is_original: false }
    }
}

impl PartialEq for Brittle {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Brittle {}

impl Hash for Brittle {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(!self.is_original, "the key broke");
    }
}

#[test]
fn a_key_that_panics_when_a_spawn_drops_it_leaves_no_process_and_nobody_under_it() {
    in_every_order(|ctx: Context<()>| async move {
        let rooms: Registry<Brittle, (), u32> = Registry::unique(ctx.system());
        let (theirs, before) = (rooms.clone(), ctx.system().process_count());
        let spawner = ctx.system().spawn(move |ctx: Context<()>| async move {
            let options = SpawnOptions::new().via(&theirs, Brittle { is_original: true }, 1);
            drop(ctx.system().spawn_with(options, idle));
        });
        let ExitReason::Panic(panic) = spawner.exited().await else { panic!("it spawned somebody") };
        assert_eq!(panic.message(), "the key broke");
        assert_eq!((rooms.count(), ctx.system().process_count()), (0, before));
    });
}

/// The contexts of processes that do nothing, for whoever acts in their place.
fn puppets(system: &SystemHandle, count: usize) -> Vec<Context<()>> {
    let (give, given) = async_channel::unbounded();
    for _ in 0..count {
        let give = give.clone();
        system.spawn(move |ctx: Context<()>| async move {
            give.try_send(ctx).expect("it is received below");
            future::pending::<()>().await;
        });
    }
    (0..count).map(|_| given.recv_blocking().expect("each gives its own")).collect()
}

#[test]
fn of_those_who_want_a_unique_key_at_the_same_time_one_gets_it_and_the_others_learn_who() {
    timetrap(|| {
        let system = workers(1);
        let prizes: Registry<usize, ()> = Registry::unique(&system);
        let begun: Vec<AtomicUsize> = (0..TIMES).map(|_| AtomicUsize::new(0)).collect();
        // They begin each round at the same moment, as closely as threads can.
        let compete = |ctx: &Context<()>| -> Vec<Result<(), KeyError>> {
            let rounds = begun.iter().enumerate().map(|(round, begun)| {
                begun.fetch_add(1, Ordering::SeqCst);
                while begun.load(Ordering::SeqCst) < 2 {
                    thread::yield_now();
                }
                prizes.register(ctx, round, ())
            });
            rounds.collect()
        };
        let rivals = puppets(&system, 2);
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = rivals.iter().map(|ctx| scope.spawn(|| compete(ctx))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it competes to the end")).collect()
        });
        for round in 0..TIMES {
            let owner = prizes.whereis(&round).expect("somebody got it");
            let taken = Err(KeyError::Taken { key: round.to_string().into(), owner });
            for (rival, outcomes) in rivals.iter().zip(&outcomes) {
                assert_eq!(outcomes[round], if rival.pid() == owner { Ok(()) } else { taken.clone() });
            }
        }
        assert_eq!(prizes.count(), TIMES);
    });
}

/// All have one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alike(u32);

impl Hash for Alike {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

#[test]
fn keys_that_only_have_the_same_hash_are_not_the_same() {
    in_every_order(|ctx: Context<()>| async move {
        let rooms: Registry<Alike, (), u32> = Registry::unique(ctx.system());
        let topics: Registry<Alike, (), u32, Duplicate> = Registry::duplicate(ctx.system());
        let (done, is_done) = async_channel::unbounded();
        let mut rivals = Vec::new();
        for n in 0..4 {
            let (rooms, topics, done) = (rooms.clone(), topics.clone(), done.clone());
            rivals.push(ctx.system().spawn(move |ctx: Context<()>| async move {
                for key in [n, 10 + n, 20] {
                    topics.register(&ctx, Alike(key), n).expect("it runs");
                    let registered = rooms.register(&ctx, Alike(key), n);
                    assert!(registered.is_ok() || key == 20, "{registered:?}");
                }
                assert_eq!(rooms.unregister(&ctx, &Alike(10 + n)), 1);
                assert_eq!(topics.unregister(&ctx, &Alike(n)), 1);
                done.try_send(()).expect("it is waited for");
                future::pending::<()>().await;
            }));
        }
        for _ in &rivals {
            is_done.recv().await.expect("they all come to that");
        }
        for (n, rival) in (0..).zip(&rivals) {
            assert_eq!((rooms.whereis(&Alike(n)), rooms.whereis(&Alike(10 + n))), (rival.pid(), None));
            assert_eq!((topics.lookup(&Alike(n)).len(), values(&topics.lookup(&Alike(10 + n)))), (0, vec![n]));
        }
        assert!(rooms.whereis(&Alike(20)).is_some());
        assert_eq!((rooms.count(), topics.count(), topics.lookup(&Alike(20)).len()), (5, 8, 4));
        for rival in &rivals {
            kill(ctx.system(), rival).await;
        }
        assert_eq!((rooms.count(), topics.count()), (0, 0));
    });
}

/// A key that looks at its registry whatever is done with it.
#[derive(Clone)]
struct Curious(u32, Arc<OnceLock<Registry<Curious, (), u32>>>);

impl Curious {
    fn look(&self) {
        if let Some(registry) = self.1.get() {
            registry.count();
        }
    }
}

impl Hash for Curious {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.look();
        (self.0 / 2).hash(state);
    }
}

impl PartialEq for Curious {
    fn eq(&self, other: &Self) -> bool {
        self.look();
        self.0 == other.0
    }
}

impl Eq for Curious {}

impl std::fmt::Debug for Curious {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.look();
        self.0.fmt(f)
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        self.look();
    }
}

#[test]
fn no_code_of_keys_and_no_closure_runs_under_the_registrys_lock() {
    timetrap(|| {
        for_each_seed(1, |test| {
            let rooms: Registry<Curious, (), u32> = Registry::unique(test);
            let lock = Arc::new(OnceLock::new());
            lock.set(rooms.clone()).expect("it is empty");
            let key = move |n| Curious(n, lock.clone());
            let (same, own) = (key.clone(), rooms.clone());
            test.run(move |ctx: Context<()>| async move {
                for n in 0..4 {
                    own.register(&ctx, key(n), n).expect("nobody has it");
                }
                own.register(&ctx, key(1), 1).expect_err("it has it");
                let changed = own.update_value(&ctx, &key(2), |value| value + own.count() as u32);
                assert_eq!(changed.map(|entry| *entry.value()), Ok(6));
                own.update_value(&ctx, &key(9), |_| 0).expect_err("it does not have it");
                assert_eq!(own.unregister_match(&ctx, &key(3), |_| own.count() == 4), 1);
                assert_eq!(own.select(|_| own.count() == 3).len(), 3);
                assert_eq!(own.dispatch(&key(0), |entry| assert_eq!(own.keys(entry.pid()).len(), 3)), 1);
                own.via(key(0)).cast(());
                own.via(key(9)).cast(());
                assert_eq!(own.unregister(&ctx, &key(0)), 1);
            });
            assert_eq!(rooms.whereis(&same(1)), None);
            assert_eq!(rooms.count(), 0);
        });
    });
}

#[test]
fn a_value_that_panics_when_dropped_keeps_nobody_from_hearing_of_the_end() {
    in_every_order(|mut ctx: Context<()>| async move {
        let rooms: Registry<u32, (), _> = Registry::unique(ctx.system());
        let own = rooms.clone();
        ctx.spawn_monitor(move |ctx: Context<()>| async move {
            for key in 0..3 {
                own.register(&ctx, key, OnDrop(|| panic!("dropped"))).expect("nobody has it");
            }
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
        assert_eq!(rooms.count(), 0);
    });
}

#[test]
fn only_who_has_a_key_changes_its_value_and_entries_that_were_looked_up_stay_as_they_were() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let rooms: Registry<String, (), u32> = Registry::unique(ctx.system());
            rooms.register(&ctx, "hall".to_owned(), 1).expect("nobody has it");
            let (before, mut changes) = rooms.monitor();
            let changed = rooms.update_value(&ctx, "hall", |value| value + 1).expect("it has the key");
            assert_eq!((*changed.value(), changed.pid()), (2, ctx.pid()));
            assert_eq!(rooms.lookup("hall").map(|entry| *entry.value()), Some(2));
            assert_eq!(values(&before), [1]);
            let own = rooms.clone();
            let other = ctx.spawn(move |ctx: Context<()>| async move {
                let refused = KeyError::NotRegistered { pid: ctx.pid(), key: "\"hall\"".into() };
                assert_eq!(own.update_value(&ctx, "hall", |_| 9).map(|entry| *entry.value()), Err(refused));
            });
            assert_eq!(other.exited().await, ExitReason::Normal);
            assert!(changes.try_recv().is_none(), "no entry has come or gone");
            assert_eq!(rooms.unregister(&ctx, "hall"), 1);
            assert_eq!(heard(&mut changes), ["-\"hall\" 2"]);
        });
    });
}

#[test]
fn an_address_by_key_survives_a_restart() {
    in_every_order(|ctx: Context<()>| async move {
        let rooms: Registry<u32, Reply<Pid>, u32> = Registry::unique(ctx.system());
        let by_key = rooms.via(7);
        for generation in 0..2 {
            assert_eq!(by_key.pid(), None);
            assert_eq!(by_key.exited().await, ExitReason::NoProcess);
            let options = SpawnOptions::new().via(&rooms, 7, generation);
            let own = rooms.clone();
            let server = ctx.system().spawn_with(options, move |mut ctx: Context<Reply<Pid>>| async move {
                assert_eq!(own.values(&7, ctx.pid()), [generation], "it was registered before it began");
                loop {
                    ctx.receive_message().await.send(ctx.pid());
                }
            });
            let server = server.expect("nobody has the key");
            assert_eq!(rooms.whereis(&7), server.pid(), "it is registered as soon as it is spawned");
            assert_eq!(by_key.call(|reply| reply).await.ok(), server.pid());
            kill(ctx.system(), &server).await;
        }
    });
}

#[test]
fn an_address_by_key_can_be_monitored_and_told_to_exit_which_is_about_who_has_the_key_then() {
    in_every_order(|mut ctx: Context<()>| async move {
        let rooms: Registry<u32, ()> = Registry::unique(ctx.system());
        let by_key = rooms.via(7);
        for reason in [ExitReason::Shutdown, ExitReason::error("no heating")] {
            let room = ctx.system().spawn_with(SpawnOptions::new().via(&rooms, 7, ()), idle).expect("nobody has it");
            let monitor = ctx.monitor(&by_key);
            ctx.exit(&by_key, reason.clone());
            let down = next_down(&mut ctx).await;
            assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&room), reason));
        }
        ctx.monitor(&by_key);
        let down = next_down(&mut ctx).await;
        assert_eq!((down.pid, down.reason), (Pid::NOBODY, ExitReason::NoProcess));
    });
}

#[test]
fn a_message_to_a_key_that_nobody_has_is_a_dead_letter_that_tells_the_key() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let rooms: Registry<(u32, &str), Option<Reply<()>>> = Registry::unique(ctx.system());
            let room = rooms.via((7, "blue"));
            let nobody = Recipient::Key("(7, \"blue\")".into());
            let letters = ctx.system().dead_letters();
            room.cast(None);
            let letter = letters.try_recv().expect("it is there");
            assert_eq!((letter.target, letter.reason), (nobody.clone(), DeadReason::NoProcess));
            assert_eq!(letter.sender, Some(ctx.pid()));
            assert_eq!(room.call(Some).await, Err(CallError::NoProcess { target: nobody }));
            assert_eq!(room.to_string(), "key (7, \"blue\")");
        });
    });
}

#[test]
fn addresses_by_key_are_equal_if_they_follow_one_key_of_one_registry() {
    for_each_seed(1, |test| {
        let (rooms, others): (Registry<u32, ()>, Registry<u32, ()>) = (Registry::unique(test), Registry::unique(test));
        let topics: Registry<u32, (), u8> = Registry::unique(test);
        assert_eq!(rooms.via(7), rooms.clone().via(7));
        assert_ne!(rooms.via(7), rooms.via(8));
        assert_ne!(rooms.via(7), others.via(7));
        assert_ne!(rooms.via(7), topics.via(7));
        assert_ne!(rooms.via(7), test.named("7"));
        let process = test.spawn_with(SpawnOptions::new().via(&rooms, 7, ()), idle).expect("nobody has it");
        assert_ne!(rooms.via(7), process, "one follows the key, the other does not");
    });
}

#[test]
fn what_cannot_be_registered_under_its_key_is_not_started_and_has_no_name() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let rooms: Registry<u32, ()> = Registry::unique(ctx.system());
            rooms.register(&ctx, 7, ()).expect("nobody has it");
            let processes = ctx.system().processes();
            let options = SpawnOptions::new().name("room").via(&rooms, 7, ());
            let refused = ctx.system().spawn_with(options, |_ctx: Context<()>| -> future::Ready<()> { unreachable!() });
            let taken = KeyError::Taken { key: "7".into(), owner: ctx.pid() };
            assert_eq!(refused.expect_err("the key is taken"), RegisterError::Key(taken));
            assert_eq!(ctx.system().whereis("room"), None);

            let options = SpawnOptions::new().via(&rooms, 8, ());
            let refused = ctx.system().spawn_with(options, |_ctx: Context<u8>| -> future::Ready<()> { unreachable!() });
            let error = refused.expect_err("it takes other messages");
            assert_eq!(error.to_string(), "the process under 8 takes messages of type (), not u8");
            assert_eq!((rooms.whereis(&8), ctx.system().processes()), (None, processes));
        });
    });
}

/// A value that cannot be copied for another start.
struct Single;

impl Clone for Single {
    fn clone(&self) -> Self {
        panic!("there is only one")
    }
}

#[test]
fn a_value_that_panics_when_a_process_is_started_with_it_leaves_no_process() {
    for_each_seed(10, |test| {
        let rooms: Registry<u32, (), Single> = Registry::unique(test);
        let options = SpawnOptions::new().name("room").via(&rooms, 7, Single);
        let spawned = panic::catch_unwind(AssertUnwindSafe(|| test.spawn_with(options, idle)));
        assert!(spawned.is_err());
        assert_eq!((test.process_count(), test.whereis("room"), rooms.count()), (0, None, 0));
    });
}

#[test]
fn who_waits_for_a_key_learns_who_has_it() {
    in_every_order(|mut ctx: Context<()>| async move {
        let rooms: Registry<u32, (), u32> = Registry::unique(ctx.system());
        assert!(future::poll_once(rooms.when_registered(&7)).await.is_none());
        let own = rooms.clone();
        let waiter = ctx.spawn(move |_ctx: Context<()>| async move {
            assert_eq!(*own.when_registered(&7).await.value(), 70);
        });
        let own = rooms.clone();
        let room = ctx.spawn(move |ctx: Context<()>| async move {
            own.register(&ctx, 8, 80).expect("nobody has it");
            future::yield_now().await;
            own.register(&ctx, 7, 70).expect("nobody has it");
            future::pending::<()>().await;
        });
        assert_eq!(Some(rooms.when_registered(&7).await.pid()), room.pid());
        assert_eq!(waiter.exited().await, ExitReason::Normal);
        kill(ctx.system(), &room).await;
        assert!(future::poll_once(rooms.when_registered(&7)).await.is_none());
    });
}

#[test]
fn a_broadcast_reaches_each_entry_of_the_key_in_the_order_in_which_they_came() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let topics: Topics<u32> = Registry::duplicate(ctx.system());
            assert_eq!(topics.broadcast("rain", 1), 0);
            for (key, value) in [("rain", 1), ("sun", 2), ("rain", 3)] {
                topics.register(&ctx, key, value).expect("it runs");
            }
            let mut seen = Vec::new();
            assert_eq!(topics.dispatch("rain", |entry| seen.push(*entry.value())), 2);
            assert_eq!(seen, [1, 3]);
            assert_eq!((topics.broadcast("rain", 10), topics.broadcast("sun", 20)), (2, 1));
            for expected in [10, 10, 20] {
                assert_eq!(ctx.receive_message().await, expected);
            }
            topics.dispatch("rain", |entry| entry.address().cast(*entry.value()));
            assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (1, 3));
            assert_eq!(ctx.system().dead_letter_count(), 0);
        });
    });
}

#[test]
fn a_monitor_ends_with_the_registry_and_the_registry_does_not_end_its_processes() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let rooms: Registry<u32, (), u32> = Registry::unique(ctx.system());
            rooms.register(&ctx, 7, 70).expect("nobody has it");
            let (entries, mut changes) = rooms.monitor();
            assert_eq!(values(&entries), [70]);
            let room = ctx.spawn(idle);
            drop(rooms);
            assert!(changes.recv().await.is_none());
            kill(ctx.system(), &room).await;
        });
    });
}

/// Processes come, go and end while monitors come; each must know the same registry.
async fn bustle(ctx: Context<()>, seed: u64) {
    const MEMBERS: u64 = 6;
    let topics: Registry<u64, (), u32, Duplicate> = Registry::duplicate(ctx.system());
    let mut members = Vec::new();
    let (rest, end) = (async_channel::unbounded(), Gate::new());
    for n in 0..MEMBERS {
        let (topics, at_rest, end) = (topics.clone(), rest.0.clone(), end.clone());
        members.push(ctx.system().spawn(move |ctx: Context<()>| async move {
            let mut rng = Rng::with_seed(seed * MEMBERS + n);
            for value in 0..rng.u32(..12) {
                let key = rng.u64(..3);
                if rng.bool() {
                    topics.register(&ctx, key, value).expect("it runs");
                } else {
                    topics.unregister(&ctx, &key);
                }
                future::yield_now().await;
            }
            at_rest.try_send(()).expect("it is waited for");
            end.passed().await;
        }));
    }
    let mut monitors = Vec::new();
    for _ in 0..4 {
        let (entries, changes) = topics.monitor();
        monitors.push((entries.into_iter().map(seen).collect::<Vec<_>>(), changes));
        future::yield_now().await;
    }
    for _ in 0..MEMBERS {
        rest.1.recv().await.expect("every process comes to rest");
    }
    let there: Vec<_> = topics.select(|_| true).into_iter().map(seen).collect();
    for (known, changes) in &mut monitors {
        learn(known, changes);
        assert_eq!(*known, there);
    }
    end.open();
    for member in &members {
        member.exited().await;
    }
    for (known, changes) in &mut monitors {
        learn(known, changes);
        assert_eq!(*known, []);
    }
    assert_eq!(topics.count(), 0);
}

type Seen = (u64, Pid, u32);

fn seen(entry: RegistryEntry<u64, (), u32>) -> Seen {
    (*entry.key(), entry.pid(), *entry.value())
}

/// Every change must fit what came before it.
fn learn(known: &mut Vec<Seen>, changes: &mut RegistryChanges<u64, ()>) {
    while let Some(change) = changes.try_recv() {
        match change {
            RegistryChange::Registered(entry) => known.push(seen(entry)),
            RegistryChange::Unregistered(entry) => {
                let gone = seen(entry);
                let place = known.iter().position(|entry| *entry == gone).expect("it had come");
                known.remove(place);
            }
        }
    }
}

#[test]
fn a_monitor_knows_the_entries_and_every_change_after_that_without_a_gap() {
    for_each_seed(TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| bustle(ctx, seed));
    });
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 {
            run_on(&system, move |ctx: Context<()>| bustle(ctx, seed));
        }
    });
}

/// What a process is told to do, as itself.
struct Job(Box<Act>);

type Act = dyn FnOnce(&Context<Job>) + Send;

/// Has a process do something, and waits for what comes of it.
async fn has<T: Send + 'static>(process: &Address<Job>, act: impl FnOnce(&Context<Job>) -> T + Send + 'static) -> T {
    let answer = process.call(|reply| Job(Box::new(move |ctx| reply.send(act(ctx)))));
    answer.await.expect("it does as it is told")
}

async fn obey(mut ctx: Context<Job>) {
    loop {
        let Job(act) = ctx.receive_message().await;
        act(&ctx);
    }
}

type Listed = (u64, Pid, u32);
type Model = Vec<Listed>;
type Book<Keys> = Registry<u64, Job, u32, Keys>;

/// Compares all that can be asked of a registry with what the model says.
fn compare<Keys>(registry: &Book<Keys>, model: &[Listed], processes: &[Address<Job>]) {
    let all: Model =
        registry.select(|_| true).iter().map(|entry| (*entry.key(), entry.pid(), *entry.value())).collect();
    assert_eq!(all, *model);
    assert_eq!(registry.count(), model.len());
    for process in processes {
        let own = model.iter().filter(|(_, owner, _)| *owner == pid(process));
        let keys: Vec<_> = own.clone().map(|(key, ..)| *key).collect();
        assert_eq!(registry.keys(pid(process)), keys);
        for key in 0..KEYS {
            let values: Vec<_> = own.clone().filter(|entry| entry.0 == key).map(|(.., value)| *value).collect();
            assert_eq!(registry.values(&key, pid(process)), values);
        }
    }
}

const KEYS: u64 = 4;

/// Does one thing at a time, chosen by the seed, to a registry of each kind and to a plain list.
async fn compare_with_model(ctx: Context<()>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let (unique, duplicate): (Book<Unique>, Book<Duplicate>) =
        (Registry::unique(ctx.system()), Registry::duplicate(ctx.system()));
    let (mut of_unique, mut of_duplicate) = (Model::new(), Model::new());
    let mut processes: Vec<_> = (0..3).map(|_| ctx.system().spawn(obey)).collect();
    for value in 0..50 {
        let (rooms, topics, key) = (unique.clone(), duplicate.clone(), rng.u64(..KEYS));
        let chosen = rng.usize(..processes.len());
        let (process, me) = (processes[chosen].clone(), pid(&processes[chosen]));
        let owner = of_unique.iter().find(|entry| entry.0 == key).map(|entry| entry.1);
        match rng.u8(..10) {
            0..4 => {
                let expected = match owner {
                    Some(owner) => Err(KeyError::Taken { key: key.to_string().into(), owner }),
                    None => Ok(()),
                };
                if owner.is_none() {
                    of_unique.push((key, me, value));
                }
                assert_eq!(has(&process, move |ctx| rooms.register(ctx, key, value)).await, expected);
                assert_eq!(has(&process, move |ctx| topics.register(ctx, key, value)).await, Ok(()));
                of_duplicate.push((key, me, value));
            }
            4..6 => {
                let gone = has(&process, move |ctx| rooms.unregister(ctx, &key) + topics.unregister(ctx, &key)).await;
                let before = of_unique.len() + of_duplicate.len();
                of_unique.retain(|entry| (entry.0, entry.1) != (key, me));
                of_duplicate.retain(|entry| (entry.0, entry.1) != (key, me));
                assert_eq!(gone, before - of_unique.len() - of_duplicate.len());
            }
            6 => {
                has(&process, move |ctx| topics.unregister_match(ctx, &key, |value| value % 2 == 0)).await;
                of_duplicate.retain(|entry| (entry.0, entry.1) != (key, me) || entry.2 % 2 != 0);
            }
            7..9 => {
                let changed =
                    has(&process, move |ctx| rooms.update_value(ctx, &key, |value| value + 1000).is_ok()).await;
                assert_eq!(changed, owner == Some(me));
                if changed {
                    of_unique.iter_mut().filter(|entry| entry.0 == key).for_each(|entry| entry.2 += 1000);
                }
            }
            _ => {
                kill(ctx.system(), &process).await;
                of_unique.retain(|entry| entry.1 != me);
                of_duplicate.retain(|entry| entry.1 != me);
                processes[chosen] = ctx.system().spawn(obey);
            }
        }
        compare(&unique, &of_unique, &processes);
        compare(&duplicate, &of_duplicate, &processes);
        for key in 0..KEYS {
            let owner = of_unique.iter().find(|entry| entry.0 == key).map(|entry| entry.1);
            assert_eq!((unique.whereis(&key), unique.via(key).pid()), (owner, owner));
            let under: Vec<_> = of_duplicate.iter().filter(|entry| entry.0 == key).map(|entry| entry.2).collect();
            assert_eq!(values(&duplicate.lookup(&key)), under);
        }
    }
}

#[test]
fn a_registry_is_as_a_plain_list_of_who_came_under_what() {
    for_each_seed(300, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| compare_with_model(ctx, seed));
    });
}
