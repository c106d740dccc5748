//! Groups: who is a member, who hears of it, and that nobody stays who has ended.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

use async_channel::Sender;
use common::{Gate, TIMES, in_every_order, kill, next_down, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Changes, Context, ExitReason, GroupChange, GroupError, Pid, Scope, ScopeChange};

fn pids<M: Send + 'static>(groups: &Scope, group: &str) -> Vec<Pid> {
    let members = groups.members::<M>(group).expect("they take such messages");
    members.iter().map(pid).collect()
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}

fn names(groups: &Scope) -> Vec<String> {
    groups.which_groups().iter().map(|name| name.to_string()).collect()
}

fn changes(changed: &mut Changes<GroupChange>) -> Vec<GroupChange> {
    std::iter::from_fn(|| changed.try_recv()).collect()
}

/// A member of `group` that does nothing.
async fn member(ctx: &mut Context<()>, group: &'static str) -> Address<u32> {
    let joined = Gate::new();
    let has_joined = joined.clone();
    let member = ctx.spawn(move |ctx: Context<u32>| async move {
        ctx.system().groups().join(&ctx, group).expect("all take numbers");
        has_joined.open();
        future::pending::<()>().await;
    });
    joined.passed().await;
    member
}

#[test]
fn who_joins_several_times_is_a_member_once_and_leaves_as_often() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<u32>| async move {
            let groups = ctx.system().groups();
            let (members, mut changed) = groups.monitor("choir");
            assert_eq!(members, []);
            for _ in 0..3 {
                assert_eq!(groups.join(&ctx, "choir"), Ok(()));
                assert_eq!(pids::<u32>(&groups, "choir"), [ctx.pid()]);
            }
            for _ in 0..3 {
                assert_eq!(pids::<u32>(&groups, "choir"), [ctx.pid()]);
                assert_eq!(groups.leave(&ctx, "choir"), Ok(()));
            }
            assert_eq!(pids::<u32>(&groups, "choir"), []);
            let error = groups.leave(&ctx, "choir").expect_err("it has left for good");
            let not_joined = matches!(&error, GroupError::NotJoined { pid, .. } if *pid == ctx.pid());
            assert!(not_joined, "{error:?}");
            assert!(error.to_string().contains("is not in group"), "{error}");
            let expected = [GroupChange::Joined(ctx.pid()), GroupChange::Left(ctx.pid())];
            assert_eq!(changes(&mut changed), expected);
        });
    });
}

#[test]
fn a_group_is_there_while_it_has_members() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let groups = ctx.system().groups();
            let _monitored = groups.monitor("empty");
            assert_eq!(names(&groups), [""; 0]);
            let tenor = member(&mut ctx, "tenors").await;
            let alto = member(&mut ctx, "altos").await;
            let second = member(&mut ctx, "tenors").await;
            assert_eq!(names(&groups), ["altos", "tenors"], "sorted");
            assert_eq!(pids::<u32>(&groups, "tenors"), [pid(&tenor), pid(&second)], "oldest first");
            kill(ctx.system(), &tenor).await;
            assert_eq!(names(&groups), ["altos", "tenors"]);
            kill(ctx.system(), &second).await;
            assert_eq!(names(&groups), ["altos"]);
            // Its next first member may be of another kind.
            assert_eq!(groups.join(&ctx, "tenors"), Ok(()));
            assert_eq!(pids::<()>(&groups, "tenors"), [ctx.pid()]);
            kill(ctx.system(), &alto).await;
        });
    });
}

#[test]
fn a_member_that_ends_has_left_all_its_groups_before_anyone_is_told() {
    in_every_order(|mut ctx: Context<()>| async move {
        let groups = ctx.system().scope(&format!("of {}", ctx.pid()));
        let own = groups.clone();
        let (child, _) = ctx.spawn_monitor(move |ctx: Context<u32>| async move {
            for group in ["a", "b", "b", "c"] {
                own.join(&ctx, group).expect("all take numbers");
            }
        });
        next_down(&mut ctx).await;
        for group in ["a", "b", "c"] {
            assert_eq!(pids::<u32>(&groups, group), []);
        }
        assert_eq!(names(&groups), [""; 0]);
        drop(child);
    });
}

#[test]
fn a_process_that_is_killed_while_it_joins_leaves_no_ghost() {
    in_every_order(|mut ctx: Context<()>| async move {
        let groups = ctx.system().scope(&format!("of {}", ctx.pid()));
        let (_, mut changed) = groups.monitor("haunted");
        let own = groups.clone();
        let begun = Gate::new();
        let has_begun = begun.clone();
        let (child, _) = ctx.spawn_monitor(move |ctx: Context<u32>| async move {
            has_begun.open();
            loop {
                let _ = own.join(&ctx, "haunted");
                future::yield_now().await;
                let _ = own.leave(&ctx, "haunted");
            }
        });
        begun.passed().await;
        ctx.system().exit(pid(&child), ExitReason::Kill);
        next_down(&mut ctx).await;
        assert_eq!(pids::<u32>(&groups, "haunted"), []);
        assert_eq!(names(&groups), [""; 0]);
        // Joins and leaves alternate, and a leave is the last.
        for pair in changes(&mut changed).chunks(2) {
            assert_eq!(pair, [GroupChange::Joined(pid(&child)), GroupChange::Left(pid(&child))]);
        }
    });
}

#[test]
fn a_context_that_outlives_its_process_joins_nothing() {
    for_each_seed(10, |test| {
        let (give, given) = async_channel::bounded(1);
        let process = test.spawn(move |ctx: Context<u32>| async move {
            give.try_send(ctx).expect("it is the only one");
        });
        test.block_on(process.exited());
        let ctx = given.try_recv().expect("it was given");
        let error = test.groups().join(&ctx, "haunted").expect_err("it has ended");
        assert!(matches!(&error, GroupError::NoProcess { pid, .. } if *pid == ctx.pid()), "{error:?}");
        assert_eq!(error.to_string(), format!("{} cannot join group \"haunted\": it has ended", ctx.pid()));
        assert_eq!(names(&test.groups()), [""; 0]);
    });
}

/// What a monitor knows: every change must fit what came before it.
fn apply(known: &mut BTreeSet<Pid>, change: GroupChange) {
    match change {
        GroupChange::Joined(pid) => assert!(known.insert(pid), "it had joined"),
        GroupChange::Left(pid) => assert!(known.remove(&pid), "it had not joined"),
    }
}

/// Members come, go and end while monitors come; each must have seen the same group.
async fn bustle(ctx: Context<()>, seed: u64) {
    const MEMBERS: u64 = 6;
    let groups = ctx.system().scope(&seed.to_string());
    let mut members = Vec::new();
    let (ready, is_ready) = async_channel::unbounded();
    let end = Gate::new();
    for n in 0..MEMBERS {
        let (groups, ready, end) = (groups.clone(), ready.clone(), end.clone());
        members.push(ctx.system().spawn(move |ctx: Context<u32>| async move {
            let mut rng = Rng::with_seed(seed * MEMBERS + n);
            let mut times = 0;
            for _ in 0..rng.u32(..12) {
                if rng.bool() {
                    groups.join(&ctx, "square").expect("all take numbers");
                    times += 1;
                } else {
                    assert_eq!(groups.leave(&ctx, "square").is_ok(), times > 0);
                    times = i32::max(times - 1, 0);
                }
                future::yield_now().await;
            }
            ready.try_send((ctx.pid(), times > 0)).expect("it is waited for");
            end.passed().await;
        }));
    }
    let mut monitors = Vec::new();
    for _ in 0..4 {
        let (current, changed) = groups.monitor("square");
        monitors.push((current.into_iter().collect::<BTreeSet<_>>(), changed));
        future::yield_now().await;
    }
    let mut stayed = BTreeSet::new();
    for _ in 0..MEMBERS {
        let (pid, stays) = is_ready.recv().await.expect("every member comes to rest");
        if stays {
            stayed.insert(pid);
        }
    }
    assert_eq!(BTreeSet::from_iter(pids::<u32>(&groups, "square")), stayed);
    for (known, changed) in &mut monitors {
        changes(changed).into_iter().for_each(|change| apply(known, change));
        assert_eq!(*known, stayed);
    }
    end.open();
    for member in &members {
        member.exited().await;
    }
    for (known, changed) in &mut monitors {
        changes(changed).into_iter().for_each(|change| apply(known, change));
        assert!(known.is_empty());
    }
    assert_eq!(names(&groups), [""; 0]);
}

#[test]
fn a_monitor_knows_the_members_and_every_change_after_that_without_a_gap() {
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

#[test]
fn a_monitor_of_a_scope_knows_all_its_groups_and_every_change_after_that() {
    in_every_order(|ctx: Context<()>| async move {
        let groups = ctx.system().scope(&format!("of {}", ctx.pid()));
        let members: Vec<_> = (0..4_u64)
            .map(|seed| {
                ctx.system().spawn({
                    let groups = groups.clone();
                    move |ctx| wander(ctx, groups, seed)
                })
            })
            .collect();
        let mut monitors = Vec::new();
        for _ in 0..3 {
            let (current, changed) = groups.monitor_all();
            assert!(current.values().all(|members| !members.is_empty()));
            monitors.push((current, changed));
            future::yield_now().await;
        }
        for member in &members {
            member.exited().await;
        }
        for (current, changed) in &mut monitors {
            let mut known: BTreeMap<_, BTreeSet<Pid>> =
                current.iter().map(|(group, members)| (group.clone(), members.iter().copied().collect())).collect();
            while let Some(ScopeChange { group, change }) = changed.try_recv() {
                apply(known.entry(group).or_default(), change);
            }
            assert!(known.values().all(BTreeSet::is_empty), "{known:?}");
        }
        assert!(groups.monitor_all().0.is_empty());
    });
}

/// Joins and leaves some groups, and ends as a member of some.
async fn wander(ctx: Context<u32>, groups: Scope, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    for _ in 0..10 {
        let group = rng.choice(["a", "b", "c"]).expect("there are some");
        if rng.bool() {
            groups.join(&ctx, group).expect("all take numbers");
        } else {
            let _ = groups.leave(&ctx, group);
        }
        future::yield_now().await;
    }
}

#[test]
fn monitors_hear_of_changes_in_one_order_and_who_stops_listening_holds_up_nobody() {
    in_every_order(|mut ctx: Context<()>| async move {
        let groups = ctx.system().scope(&format!("of {}", ctx.pid()));
        let (mut first, mut second, gone) = (groups.monitor("g").1, groups.monitor("g").1, groups.monitor("g").1);
        drop(gone);
        let mut joiners = Vec::new();
        for _ in 0..5 {
            let own = groups.clone();
            let (joiner, _) = ctx.spawn_monitor(move |ctx: Context<u32>| async move {
                own.join(&ctx, "g").expect("all take numbers");
            });
            joiners.push(joiner);
        }
        for _ in 0..5 {
            next_down(&mut ctx).await;
        }
        let heard = changes(&mut first);
        assert_eq!(heard.len(), 10);
        assert_eq!(changes(&mut second), heard);
    });
}

/// Looks at the group whenever it is woken: whoever wakes it must not be in the way.
struct Curious {
    groups: Scope,
    seen: Sender<Vec<Pid>>,
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        self.seen.try_send(pids::<u32>(&self.groups, "square")).expect("it is received below");
    }
}

#[test]
fn who_waits_for_a_change_is_woken_when_the_group_can_be_looked_at() {
    timetrap(|| {
        for_each_seed(10, |test| {
            let (seen, sights) = async_channel::unbounded();
            let waker = Waker::from(Arc::new(Curious { groups: test.groups(), seen }));
            let mut cx = TaskContext::from_waker(&waker);
            let (_, mut changed) = test.groups().monitor("square");
            assert!(pin!(changed.recv()).poll(&mut cx).is_pending());
            let member = test.run(|mut ctx: Context<()>| async move { member(&mut ctx, "square").await });
            let pid = pid(&member);
            assert_eq!(sights.try_recv(), Ok(vec![pid]));
            assert_eq!(changed.try_recv(), Some(GroupChange::Joined(pid)));

            assert!(pin!(changed.recv()).poll(&mut cx).is_pending());
            test.exit(pid, ExitReason::Kill);
            test.block_on(member.exited());
            assert_eq!(sights.try_recv(), Ok(vec![]));
            assert_eq!(changed.try_recv(), Some(GroupChange::Left(pid)));
        });
    });
}

#[test]
fn a_monitor_ends_with_the_system() {
    timetrap(|| {
        let (_, mut changed) = workers(1).groups().monitor("square");
        assert_eq!(future::block_on(changed.recv()), None);
    });
}

#[test]
fn scopes_and_systems_know_nothing_of_each_other() {
    for_each_seed(10, |test| {
        let other = TestSystem::new(test.seed());
        let elsewhere = other.groups();
        test.run(move |ctx: Context<u32>| async move {
            let (groups, scope) = (ctx.system().groups(), ctx.system().scope("other"));
            let (_, mut changed) = scope.monitor("choir");
            groups.join(&ctx, "choir").expect("it is the first");
            assert_eq!((names(&groups), names(&scope)), (vec!["choir".to_owned()], vec![]));
            assert_eq!(pids::<u32>(&scope, "choir"), []);
            assert!(scope.leave(&ctx, "choir").is_err());
            assert_eq!(scope.broadcast("choir", 1_u32), Ok(0));
            assert!(changes(&mut changed).is_empty());
            // A scope is known by its name, not by who made it.
            scope.join(&ctx, "choir").expect("it is the first");
            assert_eq!(pids::<u32>(&ctx.system().scope("other"), "choir"), [ctx.pid()]);
            assert_eq!(names(&elsewhere), [""; 0]);
        });
    });
}

#[test]
fn a_group_of_another_message_type_is_a_clear_error() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let groups = ctx.system().groups();
            let first = member(&mut ctx, "numbers").await;
            let errors = [
                groups.join(&ctx, "numbers").expect_err("they are numbers"),
                groups.members::<()>("numbers").expect_err("they are numbers"),
                groups.broadcast("numbers", ()).expect_err("they are numbers"),
            ];
            for error in errors {
                let text = error.to_string();
                assert!(text.contains("numbers") && text.contains("u32, not ()"), "{text}");
            }
            assert_eq!(pids::<u32>(&groups, "numbers"), [pid(&first)]);
        });
    });
}

/// Two types of one name, each with a body that joins the group with it.
macro_rules! joiner {
    () => {{
        struct Message;
        |test: &TestSystem, keep: Arc<Gate>| {
            let (tell, told) = async_channel::bounded(1);
            test.spawn(move |ctx: Context<Message>| async move {
                let joined = ctx.system().groups().join(&ctx, "namesakes");
                tell.try_send(joined.is_ok()).expect("it is the only one");
                keep.passed().await;
            });
            test.block_on(told.recv()).expect("it tells")
        }
    }};
}

#[test]
fn message_types_that_only_have_the_same_name_are_not_the_same() {
    for_each_seed(1, |test| {
        let keep = Arc::new(Gate::new());
        let (one, other) = (joiner!(), joiner!());
        assert!(one(test, keep.clone()));
        assert!(!other(test, keep.clone()));
        assert!(one(test, keep.clone()));
    });
}

#[test]
fn a_broadcast_reaches_every_member_once_and_tells_how_many() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let groups = ctx.system().groups();
            assert_eq!(groups.broadcast("all", 0_u32), Ok(0));
            let mut members = Vec::new();
            let (joined, has_joined) = async_channel::unbounded();
            for _ in 0..10 {
                let (home, joined) = (ctx.address(), joined.clone());
                members.push(ctx.spawn(move |mut ctx: Context<u32>| async move {
                    ctx.system().groups().join(&ctx, "all").expect("all take numbers");
                    ctx.system().groups().join(&ctx, "all").expect("all take numbers");
                    joined.try_send(()).expect("it is waited for");
                    for _ in 0..3 {
                        home.cast(ctx.receive_message().await);
                    }
                }));
            }
            for _ in 0..10 {
                has_joined.recv().await.expect("they join");
            }
            for n in 1..=3_u32 {
                assert_eq!(groups.broadcast("all", n), Ok(10));
            }
            let mut sum = 0;
            for _ in 0..30 {
                sum += ctx.receive_message().await;
            }
            assert_eq!(sum, 60);
            for member in &members {
                assert_eq!(member.exited().await, ExitReason::Normal);
            }
            assert_eq!(groups.broadcast("all", 4_u32), Ok(0));
            assert_eq!(ctx.system().dead_letter_count(), 0);
        });
    });
}
