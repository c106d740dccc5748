//! A changed file changes the running tree, and no more of it than has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, ExitReason, Pid, SystemHandle};
use proscenium_supervisor::tree::{Catalog, ReloadError, Step, StepKind, Tree, TreePath, TreeRef};
use proscenium_supervisor::{ChildSpec, process};

use crate::common::{catalog, files, tree};

/// Starts `old`, makes `new` of it, and lets `check` see the pids by name before and after.
#[track_caller]
fn reload<F>(
    old: &str,
    new: &str,
    check: impl Fn(Context<()>, TreeRef, [BTreeMap<String, Pid>; 2]) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (old, new) = (tree(old), tree(new));
    for_each_seed(16, |test| {
        let (old, new, check) = (old.clone(), new.clone(), check.clone());
        test.run(|mut ctx: Context<()>| async move {
            let running = old.start_link(&mut ctx).await.unwrap();
            let before = names(ctx.system());
            let planned = running.plan(&new);
            assert_eq!(running.reload(new.clone()).await.unwrap(), planned);
            assert_eq!(running.tree(), new);
            assert!(running.plan(&new).is_empty());
            let after = names(ctx.system());
            check(ctx, running, [before, after]).await;
        });
    });
}

fn names(system: &SystemHandle) -> BTreeMap<String, Pid> {
    let pid = |name: &str| system.whereis(name).unwrap();
    system.registered().iter().map(|name| (name.to_string(), pid(name))).collect()
}

#[test]
fn what_did_not_change_keeps_running() {
    let old = r#"(name: "top", children: [
        (id: "a", start: "till", args: (name: "a")),
        (id: "b", start: "till", args: (name: "b")),
        (id: "front", name: "front", children: [
            (id: "c", start: "till", args: (name: "c")),
            (id: "d", start: "till", args: (name: "d")),
        ]),
    ])"#;
    let new = r#"(name: "top", children: [
        (id: "e", start: "till", args: (name: "e")),
        (id: "a", start: "till", args: (name: "a")),
        (id: "front", name: "front", children: [
            (id: "c", start: "till", args: (name: "c", drawer: 2)),
            (id: "d", start: "till", args: (name: "d")),
        ]),
    ])"#;
    reload(old, new, |_ctx, _tree, [before, after]| async move {
        assert_eq!(after.keys().collect::<Vec<_>>(), ["a", "c", "d", "e", "front", "top"]);
        for name in ["a", "d", "front", "top"] {
            assert_eq!(before[name], after[name], "{name}");
        }
        assert_ne!(before["c"], after["c"]);
    });
}

#[test]
fn new_settings_hold_at_once_and_nothing_is_restarted_for_them() {
    let old = r#"(children: [
        (id: "a", start: "till", args: (name: "a")),
        (id: "b", start: "till", args: (name: "b")),
    ])"#;
    let new = r#"(strategy: RestForOne, intensity: 2, children: [
        (id: "b", start: "till", args: (name: "b"), restart: Temporary),
        (id: "a", start: "till", args: (name: "a")),
    ])"#;
    reload(old, new, |ctx, _tree, [before, after]| async move {
        assert_eq!(before, after);
        let system = ctx.system();
        for _ in 0..2 {
            system.exit("a", ExitReason::Kill);
            ctx.sleep(Duration::from_millis(10)).await;
        }
        let b = system.whereis("b");
        assert!(system.whereis("a").is_some() && b == Some(before["b"]), "b is the older one now");
        system.exit("b", ExitReason::Kill);
        ctx.sleep(Duration::from_millis(10)).await;
        assert_eq!(system.whereis("b"), None, "it is temporary now");
    });
}

#[test]
fn a_name_passes_from_a_child_that_goes_to_one_that_comes() {
    let old = r#"(children: [(id: "left", name: "x", children: []), (id: "b", start: "till", args: (name: "b"))])"#;
    let new = r#"(children: [(id: "c", start: "till", args: (name: "b")), (id: "left", name: "y", children: [])])"#;
    reload(old, new, |_ctx, _tree, [before, after]| async move {
        assert_ne!(before["b"], after["b"]);
        assert_eq!(before["x"], after["y"], "a supervisor gets its new name in place");
        assert!(!after.contains_key("x"));
    });
}

#[test]
fn supervisors_exchange_their_names() {
    let old = r#"(children: [(id: "a", name: "x", children: []), (id: "b", name: "y", children: [])])"#;
    let new = r#"(children: [(id: "a", name: "y", children: []), (id: "b", name: "x", children: [])])"#;
    reload(old, new, |_ctx, _tree, [before, after]| async move {
        assert_eq!([before["x"], before["y"]], [after["y"], after["x"]]);
    });
}

#[test]
fn a_name_that_is_taken_is_told_and_can_be_had_later() {
    let tree = [r#"(name: "x", children: [])"#, r#"(name: "taken", children: [])"#].map(tree);
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let [old, new] = tree;
        let running = old.start_link(&mut ctx).await.unwrap();
        ctx.register("taken").unwrap();
        let error = running.reload(new.clone()).await.unwrap_err();
        assert!(error.to_string().starts_with(r#"change /: name "taken": "#), "{error}");
        assert_eq!(running.plan(&new).to_string(), r#"change /: name "taken""#);
        ctx.system().unregister("taken");
        running.reload(new).await.unwrap();
        assert_eq!(ctx.system().whereis("taken"), running.top().unwrap().pid());
    });
}

#[test]
fn what_is_below_a_supervisor_that_has_ended_changes_for_its_next_start() {
    let old = tree(
        r#"(children: [(id: "front", restart: Transient, intensity: 0, children: [
            (id: "a", start: "till", args: (name: "a")),
            (id: "b", start: "till", args: (name: "b")),
        ])])"#,
    );
    let new = tree(
        r#"(children: [(id: "front", restart: Transient, intensity: 9, children: [
            (id: "a", start: "till", args: (name: "a", drawer: 1)),
            (id: "c", start: "till", args: (name: "c")),
        ])])"#,
    );
    for_each_seed(16, |test| {
        let (old, new) = (old.clone(), new.clone());
        test.run(|mut ctx: Context<()>| async move {
            let running = old.start_link(&mut ctx).await.unwrap();
            ctx.system().exit("a", ExitReason::Kill);
            ctx.sleep(Duration::from_millis(10)).await;
            assert_eq!(ctx.system().registered(), [], "the front has given up");
            running.reload(new.clone()).await.unwrap();
            assert_eq!((running.tree(), ctx.system().registered()), (new, vec![]));
            running.top().unwrap().restart_child("front").await.unwrap();
            assert_eq!(ctx.system().registered(), ["a".into(), "c".into()]);
        });
    });
}

#[test]
fn a_child_that_somebody_added_under_the_id_of_a_new_one_is_told() {
    let [old, new] = ["()", r#"(children: [(id: "guest", start: "clock")])"#].map(tree);
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let running = old.clone().start_link(&mut ctx).await.unwrap();
        let guest = process(|mut ctx: Context<()>| async move { ctx.receive_message().await });
        running.top().unwrap().start_child(ChildSpec::new("guest", guest)).await.unwrap();
        let error = running.reload(new).await.unwrap_err();
        assert!(error.to_string().starts_with(r#"start /guest: child "guest" is started already"#), "{error}");
        assert_eq!(running.tree(), old);
    });
}

#[test]
fn a_supervisor_that_fails_after_a_reload_comes_back_as_the_new_file_has_it() {
    let old = r#"(children: [(id: "front", name: "front", children: [(id: "a", start: "till", args: (name: "a"))])])"#;
    let new = r#"(children: [(id: "front", name: "front", intensity: 0, children: [
        (id: "b", start: "till", args: (name: "b")),
        (id: "c", start: "till", args: (name: "c")),
    ])])"#;
    reload(old, new, |ctx, tree, [_, after]| async move {
        ctx.system().exit("b", ExitReason::Kill);
        ctx.sleep(Duration::from_millis(10)).await;
        let now = names(ctx.system());
        assert_eq!(now.keys().collect::<Vec<_>>(), ["b", "c", "front"]);
        assert!(now.iter().all(|(name, pid)| after[name] != *pid));
        assert_eq!(tree.supervisor(&TreePath::top().child("front")).unwrap().pid(), Some(now["front"]));
    });
}

#[test]
fn children_that_somebody_added_stay() {
    let old = tree(r#"(children: [(id: "a", start: "clock")])"#);
    let new = tree(r#"(intensity: 3, children: [(id: "b", start: "clock")])"#);
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let running = old.start_link(&mut ctx).await.unwrap();
        let top = running.top().unwrap();
        let guest = process(|mut ctx: Context<()>| async move { ctx.receive_message().await });
        top.start_child(ChildSpec::new("guest", guest.name("guest"))).await.unwrap();
        let before = ctx.system().whereis("guest").unwrap();
        running.reload(new).await.unwrap();
        assert_eq!(ctx.system().whereis("guest"), Some(before));
        let children = top.which_children().await.unwrap();
        assert_eq!(children.iter().map(|child| &*child.id).collect::<Vec<_>>(), ["b", "guest"]);
    });
}

#[test]
fn an_invalid_file_changes_nothing() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let running = tree(r#"(children: [(id: "a", start: "till", args: (name: "a"))])"#);
        let running = running.start_link(&mut ctx).await.unwrap();
        let before = (running.tree(), names(ctx.system()));
        let read = catalog().read(&files(r#"(children: [(id: "a", start: "tell")])"#));
        assert!(read.is_err(), "there is no tree, and without one there is no reload");
        assert_eq!((running.tree(), names(ctx.system())), before);
    });
}

/// A catalog with workers that start, as common ones, and such that do not.
fn with_duds() -> Catalog {
    let dud = |_args: ()| process(|_ctx: Context<()>| async {}).name("a");
    catalog().start("dud", dud)
}

fn read(text: &str) -> Tree {
    with_duds().read(&files(text)).unwrap()
}

#[test]
fn a_child_that_does_not_start_is_no_part_of_the_tree_and_the_one_before_it_comes_back() {
    // A dud cannot have its name: another child has it.
    let old = read(
        r#"(children: [(id: "a", start: "till", args: (name: "a")), (id: "b", start: "till", args: (name: "b"))])"#,
    );
    let replaced = read(r#"(children: [(id: "a", start: "till", args: (name: "a")), (id: "b", start: "dud")])"#);
    let added = read(
        r#"(intensity: 7, children: [
            (id: "a", start: "till", args: (name: "a")),
            (id: "dud", start: "dud"),
            (id: "b", start: "till", args: (name: "b")),
        ])"#,
    );
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let running = old.clone().start_link(&mut ctx).await.unwrap();
        let before = names(ctx.system());

        let error = running.reload(replaced).await.unwrap_err();
        assert!(error.to_string().starts_with("start /b: child \"b\" did not start: "), "{error}");
        assert_eq!(running.tree(), old);
        let after = names(ctx.system());
        assert!(before["a"] == after["a"] && before["b"] != after["b"]);

        let error = running.reload(added).await.unwrap_err();
        assert!(matches!(error, ReloadError::Step { .. }));
        assert_eq!(running.plan(&old).to_string(), "change /: intensity 7 -> 1", "the steps before stay done");
        running.reload(old).await.unwrap();
        assert_eq!(names(ctx.system()), after);
    });
}

#[test]
fn one_reload_goes_on_at_a_time_and_nobody_need_wait_for_it() {
    let old = tree(r#"(children: [(id: "a", start: "clock")])"#);
    let new = tree(r#"(children: [(id: "a", start: "clock"), (id: "b", start: "till", args: (name: "b"))])"#);
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let running = old.start_link(&mut ctx).await.unwrap();
        let mut first = Box::pin(running.reload(new.clone()));
        assert!(futures_lite::future::poll_once(&mut first).await.is_none());
        assert!(matches!(running.reload(new.clone()).await, Err(ReloadError::Busy)));
        drop(first);
        ctx.sleep(Duration::from_millis(1)).await;
        assert!(ctx.system().whereis("b").is_some());
        assert!(running.reload(new).await.unwrap().is_empty());
    });
}

#[test]
fn a_tree_that_does_not_run_yet_starts_as_the_new_file_has_it() {
    TestSystem::new(1).run(|ctx: Context<()>| async move {
        let running = TreeRef::new(tree("()"));
        running.reload(tree(r#"(children: [(id: "a", start: "till", args: (name: "a"))])"#)).await.unwrap();
        running.tree().spawn(ctx.system()).await.unwrap();
        assert!(ctx.system().whereis("a").is_some());
    });
}

/// Makes trees as text: workers are registered under their ids, which are unique in a tree.
struct Trees {
    rng: Rng,
    ids: Vec<char>,
    /// Whether whatever ends is started again.
    heals: bool,
}

impl Trees {
    fn new(seed: u64, heals: bool) -> Self {
        Trees { rng: Rng::with_seed(seed), ids: Vec::new(), heals }
    }

    fn any(&mut self) -> Tree {
        self.ids = ('a'..='l').collect();
        self.rng.shuffle(&mut self.ids);
        self.ids.truncate(self.rng.usize(..10));
        let text = self.supervisor(0);
        tree(&format!("({text})"))
    }

    fn supervisor(&mut self, depth: usize) -> String {
        let strategy = self.rng.choice(["OneForOne", "OneForAll", "RestForOne"]).unwrap();
        let intensity = if self.heals { u32::MAX } else { self.rng.u32(..3) };
        let children: String = (0..self.rng.usize(..5)).filter_map(|_| self.child(depth)).collect();
        format!("strategy: {strategy}, intensity: {intensity}, children: [{children}]")
    }

    fn child(&mut self, depth: usize) -> Option<String> {
        let id = self.ids.pop()?;
        let restarts = if self.heals { &["Permanent"][..] } else { &["Permanent", "Transient", "Temporary"] };
        let restart = self.rng.choice(restarts).unwrap();
        let what = if depth < 2 && self.rng.bool() {
            self.supervisor(depth + 1)
        } else {
            format!(r#"start: "till", args: (name: "{id}", drawer: {})"#, self.rng.u8(..2))
        };
        Some(format!(r#"(id: "{id}", restart: {restart}, {what}),"#))
    }
}

/// How many children are registered.
fn workers(tree: &Tree) -> usize {
    format!("{tree:?}").matches("WorkerStart").count()
}

#[test]
fn from_any_tree_to_any_other_what_both_have_keeps_its_pid() {
    for_each_seed(300, |test| {
        let mut any = Trees::new(test.seed(), false);
        let trees: Vec<Tree> = (0..5).map(|_| any.any()).collect();
        test.run(|mut ctx: Context<()>| async move {
            let running = trees[0].clone().start_link(&mut ctx).await.unwrap();
            for (old, new) in trees.iter().zip(&trees[1..]) {
                let before = names(ctx.system());
                let plan = running.reload(new.clone()).await.unwrap();
                let after = names(ctx.system());
                let is_kept = |path: &TreePath| {
                    let moved = |step: &Step| step.kind() != StepKind::Change && path.is_within(step.path());
                    old.paths().contains(path) && !plan.steps().any(moved)
                };
                for path in new.paths().iter().filter(|path| is_kept(path)) {
                    let id = path.id().unwrap();
                    assert_eq!(before.get(id), after.get(id), "{path} by {plan}");
                }
                assert_eq!(after.len(), workers(new), "all of the new ones run, and none of the old");
            }
        });
    });
}

/// Kills one that is below the top of the tree.
fn kill_any(rng: &mut Rng, system: &SystemHandle, running: &TreeRef) {
    let paths = running.tree().paths();
    let Some(path) = rng.choice(&paths) else { return };
    let supervisor = running.supervisor(path).and_then(|supervisor| supervisor.pid());
    if let Some(pid) = supervisor.or_else(|| system.whereis(path.id().unwrap())) {
        system.exit(pid, ExitReason::Kill);
    }
}

#[test]
fn a_reload_among_crashes_gets_through_or_the_next_one_does() {
    for_each_seed(300, |test| {
        let mut any = Trees::new(test.seed(), true);
        let trees: Vec<Tree> = (0..4).map(|_| any.any()).collect();
        let mut rng = any.rng;
        test.run(|mut ctx: Context<()>| async move {
            let running = trees[0].clone().start_link(&mut ctx).await.unwrap();
            for new in &trees[1..] {
                let (reloading, wanted) = (running.clone(), new.clone());
                let reload = ctx.spawn(move |_ctx: Context<()>| async move {
                    // What it meets may be just starting again.
                    let mut tries = 0;
                    while let Err(error) = reloading.reload(wanted.clone()).await {
                        tries += 1;
                        assert!(tries < 100, "{error}");
                    }
                });
                for _ in 0..rng.usize(..20) {
                    kill_any(&mut rng, ctx.system(), &running);
                    futures_lite::future::yield_now().await;
                }
                assert_eq!(reload.exited().await, ExitReason::Normal);
                ctx.sleep(Duration::from_millis(1)).await;
                assert_eq!(running.tree(), *new);
                assert_eq!(names(ctx.system()).len(), workers(new), "{:?}", names(ctx.system()));
            }
        });
    });
}
