//! A tree of a file behaves as one that was built by hand.

use std::time::Duration;

use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, ExitReason, SystemHandle};
use proscenium_supervisor::tree::{TreePath, TreeRef};
use proscenium_supervisor::{ChildSpec, Supervisor};

use crate::common::tree;

const SHOP: &str = r#"(
    name: "shop",
    children: [
        (id: "stock", start: "till", args: (name: "stock")),
        (id: "front", name: "front", strategy: OneForAll, intensity: 1, children: [
            (id: "left", start: "till", args: (name: "left")),
            (id: "right", start: "till", args: (name: "right")),
        ]),
    ],
)"#;

#[test]
fn what_the_file_describes_is_started_and_restarted_as_it_says() {
    for_each_seed(16, |test| {
        test.run(|mut ctx: Context<()>| async move {
            tree(SHOP).start_link(&mut ctx).await.unwrap();
            let system = ctx.system().clone();
            let pids = || ["shop", "stock", "front", "left", "right"].map(|name| system.whereis(name).unwrap());
            let before = pids();
            system.exit("left", ExitReason::Kill);
            system.sleep(Duration::from_secs(1)).await;
            let after = pids();
            assert_eq!(before[..3], after[..3]);
            assert!(before[3] != after[3] && before[4] != after[4], "one for all");
        });
    });
}

#[test]
fn a_supervisor_that_gives_up_is_started_again_from_the_file() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let shop = tree(SHOP).start_link(&mut ctx).await.unwrap();
        let front = TreePath::top().child("front");
        let before = shop.supervisor(&front).unwrap().pid();
        for _ in 0..2 {
            ctx.system().exit("left", ExitReason::Kill);
            ctx.sleep(Duration::from_millis(10)).await;
        }
        let after = shop.supervisor(&front).unwrap().pid();
        assert_ne!(before, after);
        assert_eq!(after, ctx.system().whereis("front"));
    });
}

#[test]
fn a_restart_waits_as_long_as_the_file_says() {
    let text = r#"(backoff: (first: "10s"), children: [(id: "till", start: "till", args: (name: "till"))])"#;
    TestSystem::new(1).run(move |mut ctx: Context<()>| async move {
        tree(text).start_link(&mut ctx).await.unwrap();
        ctx.system().exit("till", ExitReason::Kill);
        ctx.sleep(Duration::from_secs(9)).await;
        assert_eq!(ctx.system().whereis("till"), None);
        ctx.sleep(Duration::from_secs(2)).await;
        assert!(ctx.system().whereis("till").is_some());
    });
}

#[test]
fn a_tree_is_a_child_of_any_supervisor() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let shop = TreeRef::new(tree(SHOP));
        assert!(shop.top().is_none());
        let street = Supervisor::one_for_one().child(ChildSpec::new("shop", shop.clone()));
        let street = street.start_link(&mut ctx).await.unwrap();
        let first = shop.top().unwrap().pid();
        assert_eq!(first, ctx.system().whereis("shop"));
        street.terminate_child("shop").await.unwrap();
        street.restart_child("shop").await.unwrap();
        let second = shop.top().unwrap().pid();
        assert!(second != first && second == ctx.system().whereis("shop"));
    });
}

#[test]
fn a_tree_without_a_parent_is_stopped_by_the_system() {
    let test = TestSystem::new(1);
    let system = SystemHandle::clone(&test);
    test.block_on(async { tree(SHOP).spawn(&system).await.unwrap() });
    assert!(system.whereis("right").is_some());
    test.shutdown();
    assert_eq!(system.process_count(), 0);
}
