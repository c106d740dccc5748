//! Crash storms over a small tree, in thousands of orders: whatever happens, what must hold holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use proscenium_behaviours::GenServer;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::{ChildSpec, ChildState, Shutdown, Supervisor, SupervisorRef};

use super::common::run;

/// Which actors hold the one thing of which there is only one each, and when they began.
#[derive(Clone, Default)]
struct Stage(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    held: BTreeMap<&'static str, u64>,
    begun: u64,
    /// Who was to live while it did already. A panic would only be one more crash.
    twice: Vec<&'static str>,
}

/// The right to be `id`; freed when it is dropped.
struct Hold {
    id: &'static str,
    stage: Stage,
}

impl Stage {
    fn hold(&self, id: &'static str) -> Hold {
        let mut state = self.0.lock().unwrap();
        state.begun += 1;
        let begun = state.begun;
        if state.held.insert(id, begun).is_some() {
            state.twice.push(id);
        }
        Hold { id, stage: self.clone() }
    }

    /// When the actor that lives as `id`, and one does, began: a number that is greater for who began later.
    fn begun(&self, id: &str) -> u64 {
        *self.0.lock().unwrap().held.get(id).unwrap_or_else(|| panic!("{id} does not live"))
    }

    /// Nobody is left, and nobody ever lived twice at once.
    fn assert_clean(&self) {
        let state = self.0.lock().unwrap();
        assert!(state.held.is_empty(), "left alive: {:?}", state.held);
        assert!(state.twice.is_empty(), "lived twice: {:?}", state.twice);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.stage.0.lock().unwrap().held.remove(self.id);
    }
}

/// An actor that fails at random: in init, when told, when stopped.
struct Frail {
    rng: Rng,
    _hold: Hold,
}

impl GenServer for Frail {
    type Args = (&'static str, Stage, Arc<Mutex<Rng>>);
    type Message = ExitReason;

    async fn init((id, stage, rng): Self::Args, ctx: &mut Context<ExitReason>) -> Result<Self, ExitReason> {
        let mut rng = rng.lock().unwrap().fork();
        ctx.trap_exit(rng.bool());
        let _hold = stage.hold(id);
        pause(&mut rng, ctx).await;
        match rng.u8(..24) {
            0 => Err(ExitReason::error("no luck")),
            1 => panic!("no luck at all"),
            _ => Ok(Frail { rng, _hold }),
        }
    }

    async fn handle(&mut self, reason: ExitReason, ctx: &mut Context<ExitReason>) -> Result<(), ExitReason> {
        pause(&mut self.rng, ctx).await;
        Err(reason)
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<ExitReason>) {
        pause(&mut self.rng, ctx).await;
        assert!(self.rng.u8(..10) > 0, "no luck to the end");
    }
}

/// Now and then takes a little while.
async fn pause(rng: &mut Rng, ctx: &Context<ExitReason>) {
    if rng.u8(..4) == 0 {
        ctx.sleep(Duration::from_millis(rng.u64(1..20))).await;
    }
}

const LEAVES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// `a`, a branch with `b` and `c`, `d`, `e`; and those of whom each begins after the one before, whatever is restarted.
fn tree(rng: &mut Rng, stage: &Stage) -> (Supervisor, Vec<[&'static str; 2]>) {
    let seed = Arc::new(Mutex::new(rng.fork()));
    let mut leaf = |id| {
        let shutdowns = [Shutdown::BrutalKill, Shutdown::Timeout(Duration::from_millis(10)), Shutdown::Infinity];
        let start = Frail::start((id, stage.clone(), seed.clone())).name(id);
        ChildSpec::new(id, start).shutdown(shutdowns[rng.usize(..3)])
    };
    let leaves = LEAVES.map(&mut leaf);
    let mut ordered = Vec::new();
    let mut supervisor = |pairs: &[_]| match rng.u8(..3) {
        0 => Supervisor::one_for_one(),
        strategy => {
            ordered.extend_from_slice(pairs);
            if strategy == 1 { Supervisor::one_for_all() } else { Supervisor::rest_for_one() }
        }
    };
    let root = supervisor(&[["a", "d"], ["d", "e"]]).intensity(1_000_000);
    let branch = supervisor(&[["b", "c"]]);
    let [a, b, c, d, e] = leaves;
    // The branch bears little, so that it fails as a whole now and then.
    let branch = branch.intensity(2).name("branch").child(b).child(c);
    let root = root.child(a).child(ChildSpec::new("branch", branch)).child(d).child(e);
    (root, ordered)
}

async fn storm(ctx: &mut Context<()>, rng: &mut Rng) {
    for _ in 0..rng.usize(1..12) {
        for _ in 0..rng.usize(1..4) {
            let id = LEAVES[rng.usize(..LEAVES.len())];
            match (ctx.system().lookup::<ExitReason>(id), rng.u8(..4)) {
                (Ok(leaf), 0) => ctx.exit(leaf.pid().unwrap(), ExitReason::Kill),
                (Ok(leaf), 1) => leaf.cast(ExitReason::Normal),
                (Ok(leaf), _) => leaf.cast(ExitReason::error("boom")),
                (Err(_), _) => {}
            }
        }
        if rng.bool() {
            ctx.sleep(Duration::from_millis(rng.u64(..30))).await;
        }
    }
}

/// Waits until every child of the supervisor runs; it bears enough that this comes.
async fn all_up(ctx: &Context<()>, supervisor: &SupervisorRef) {
    loop {
        let children = supervisor.which_children().await;
        let is_up = |state| matches!(state, ChildState::Running(_));
        if children.is_ok_and(|children| children.iter().all(|child| is_up(child.state))) {
            return;
        }
        ctx.sleep(Duration::from_millis(1)).await;
    }
}

fn play(test: &TestSystem) {
    let mut rng = Rng::with_seed(test.seed());
    let stage = Stage::default();
    let (root, ordered) = tree(&mut rng, &stage);
    let theirs = stage.clone();
    run(test, |mut ctx| async move {
        let Ok(root) = root.start_link(&mut ctx).await else {
            // A start that failed has left nothing.
            theirs.assert_clean();
            return assert_eq!(ctx.system().process_count(), 1);
        };
        storm(&mut ctx, &mut rng).await;
        let last_orders = ctx.sleep(Duration::from_secs(1));
        if rng.bool() {
            last_orders.await;
            all_up(&ctx, &root).await;
            all_up(&ctx, &SupervisorRef::named(ctx.system(), "branch")).await;
            for id in LEAVES {
                theirs.begun(id);
            }
            for [before, after] in ordered {
                assert!(theirs.begun(before) < theirs.begun(after), "{before} and {after}");
            }
        }
        let pid = root.pid().unwrap();
        ctx.exit(pid, ExitReason::Shutdown);
        let monitor = ctx.monitor(pid);
        while !matches!(ctx.receive().await, proscenium_runtime::Event::Down(down) if down.monitor == monitor) {}
        assert_eq!(ctx.system().process_count(), 1);
    });
    stage.assert_clean();
    assert!(test.registered().is_empty());
}

#[test]
fn through_any_storm_each_child_lives_once_and_in_the_end_nobody_is_left() {
    for_each_seed(10_000, play);
}

#[test]
fn a_successor_begins_after_its_predecessor_has_cleaned_up() {
    in_order(Supervisor::one_for_one());
    in_order(Supervisor::one_for_all());
    in_order(Supervisor::rest_for_one());
}

/// A thousand restarts of children that each hold something of which there is one.
fn in_order(supervisor: Supervisor) {
    let test = TestSystem::new(1);
    let stage = Stage::default();
    let leaf = |id| {
        let start = Keeper::start((id, stage.clone())).name(id);
        ChildSpec::new(id, start)
    };
    let supervisor = supervisor.intensity(1_000_000).child(leaf("a")).child(leaf("b")).child(leaf("c"));
    let theirs = stage.clone();
    run(&test, |mut ctx| async move {
        supervisor.start_link(&mut ctx).await.unwrap();
        for round in 0..1000 {
            let id = LEAVES[round % 3];
            let before = theirs.begun(id);
            let keeper = ctx.system().lookup::<ExitReason>(id).unwrap();
            keeper.cast(ExitReason::error("boom"));
            keeper.exited().await;
            ctx.sleep(Duration::from_secs(1)).await;
            assert!(theirs.begun(id) > before);
        }
    });
    test.shutdown();
    stage.assert_clean();
}

/// Holds its thing until the end of a slow `terminate`.
struct Keeper {
    _hold: Hold,
}

impl GenServer for Keeper {
    type Args = (&'static str, Stage);
    type Message = ExitReason;

    async fn init((id, stage): Self::Args, ctx: &mut Context<ExitReason>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        Ok(Keeper { _hold: stage.hold(id) })
    }

    async fn handle(&mut self, reason: ExitReason, _ctx: &mut Context<ExitReason>) -> Result<(), ExitReason> {
        Err(reason)
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<ExitReason>) {
        ctx.sleep(Duration::from_millis(50)).await;
    }
}
