//! Whole trees of three levels, of every strategy, under everything at once: crash storms, slow and stubborn children, failing
//! starts, kills of supervisors, an end at any moment. After each step what must hold is looked at; in the end nothing is left.
//!
//! A seed that fails is printed; `PROSCENIUM_SEED=… cargo test -p proscenium-supervisor --test supervisor simulation` plays it
//! alone, and prints all that happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use proscenium_behaviours::GenServer;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, DeadLetter, Event, ExitReason, Pid};
use proscenium_supervisor::{
    AutoShutdown, Backoff, ChildSpec, ChildState, DynamicRef, DynamicSupervisor, Restart, Shutdown, Supervisor,
    SupervisorRef,
};

use super::common::run;

/// In a debug build there is time for fewer; it is the same test.
const SEEDS: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// What the leaves of a tree share.
#[derive(Clone)]
struct Stage(Arc<Mutex<State>>);

struct State {
    rng: Rng,
    /// Who lives as what, and when it began.
    lives: BTreeMap<String, u64>,
    begun: u64,
    handled: u64,
    /// Whether each leaf sets a timer. What one sends and nobody receives is a dead letter, too.
    timers: bool,
    /// What must never be, and was. A panic would only be one more crash.
    faults: Vec<String>,
}

impl Stage {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn chance(&self, of: u32) -> bool {
        self.with(|state| state.rng.u32(..of) == 0)
    }
}

/// The right to be `id`, which one incarnation has at a time, until all of it is gone.
struct Hold {
    id: String,
    begun: u64,
    stage: Stage,
}

impl Hold {
    fn new(id: &str, stage: &Stage) -> Self {
        let begun = stage.with(|state| {
            state.begun += 1;
            if state.lives.insert(id.to_owned(), state.begun).is_some() {
                state.faults.push(format!("{id} lived twice"));
            }
            state.begun
        });
        Hold { id: id.to_owned(), begun, stage: stage.clone() }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.stage.with(|state| state.lives.remove(&self.id));
    }
}

/// An actor that fails at random: in init, when told, when stopped.
struct Leaf {
    hold: Hold,
    last_ping: u64,
    stubborn: bool,
}

#[derive(Clone)]
struct Seat {
    id: String,
    stage: Stage,
    may_be_stubborn: bool,
}

#[derive(Debug)]
enum Order {
    Ping(u64),
    End(ExitReason),
    /// Of a timer that the incarnation set that began then.
    Timer(u64),
}

impl GenServer for Leaf {
    type Args = Seat;
    type Message = Order;

    async fn init(seat: Seat, ctx: &mut Context<Order>) -> Result<Self, ExitReason> {
        let Seat { id, stage, may_be_stubborn } = seat;
        ctx.trap_exit(!stage.chance(3));
        let hold = Hold::new(&id, &stage);
        pause(&stage, ctx).await;
        match stage.with(|state| state.rng.u8(..24)) {
            0 => return Err(ExitReason::error("no luck")),
            1 => panic!("no luck at all"),
            2 => return Err(ExitReason::Ignore),
            _ => {}
        }
        if stage.with(|state| state.timers) {
            ctx.send_after(Duration::from_millis(stage.with(|state| state.rng.u64(1..50))), Order::Timer(hold.begun));
        }
        let stubborn = may_be_stubborn && stage.chance(4);
        Ok(Leaf { hold, last_ping: 0, stubborn })
    }

    async fn handle(&mut self, order: Order, ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        let Hold { id, begun, stage } = &self.hold;
        stage.with(|state| state.handled += u64::from(!matches!(order, Order::Timer(_))));
        match order {
            Order::Ping(number) => stage.with(|state| {
                if number <= self.last_ping {
                    state.faults.push(format!("{id} got {number} after {}", self.last_ping));
                }
            }),
            Order::Timer(of) if of == *begun => {}
            Order::Timer(of) => stage.with(|state| state.faults.push(format!("{id} got a timer of {of}, not {begun}"))),
            Order::End(reason) => {
                pause(stage, ctx).await;
                return Err(reason);
            }
        }
        if let Order::Ping(number) = order {
            self.last_ping = number;
        }
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Order>) {
        if self.stubborn {
            std::future::pending::<()>().await;
        }
        pause(&self.hold.stage, ctx).await;
        assert!(!self.hold.stage.chance(10), "no luck to the end");
    }
}

/// Now and then takes a little while.
async fn pause(stage: &Stage, ctx: &Context<Order>) {
    if stage.chance(4) {
        ctx.sleep(Duration::from_millis(stage.with(|state| state.rng.u64(1..20)))).await;
    }
}

/// A tree to be, and who is in it.
struct Plan {
    stage: Stage,
    rng: Rng,
    leaves: Vec<String>,
    supervisors: Vec<String>,
    pools: Vec<String>,
    /// Siblings of whom the first begins before the second, whatever is restarted.
    ordered: Vec<[String; 2]>,
}

impl Plan {
    fn supervisor(&mut self, name: &str, depth: u32) -> Supervisor {
        self.supervisors.push(name.to_owned());
        let strategy = self.rng.u8(..3);
        let supervisor = match strategy {
            0 => Supervisor::one_for_one(),
            1 => Supervisor::one_for_all(),
            _ => Supervisor::rest_for_one(),
        };
        let ends_with = [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto_shutdown = ends_with[if depth == 0 { 0 } else { self.rng.usize(..3) }];
        // What is below bears little, so that it fails as a whole now and then. The root bears that a name is taken by whom
        // a killed supervisor left behind: it tries again and again, and no time passes.
        let intensity = if depth == 0 { 200 } else { self.rng.u32(..6) };
        let mut supervisor = supervisor.name(name).intensity(intensity).auto_shutdown(auto_shutdown);
        if self.rng.u8(..4) == 0 {
            supervisor = supervisor.backoff(Backoff::new(Duration::from_millis(2)).jitter(0.5, self.rng.u64(..)));
        }
        let mut before: Option<String> = None;
        for number in 0..self.rng.u32(1..4) {
            let id = format!("{name}.{number}");
            let spec = match self.rng.u8(..3) {
                0 if depth < 2 => ChildSpec::new(&id, self.supervisor(&id, depth + 1)),
                1 if depth < 2 => self.pool(&id),
                _ => {
                    if let Some(before) = before.replace(id.clone()).filter(|_| strategy > 0) {
                        self.ordered.push([before, id.clone()]);
                    }
                    self.leaf(&id)
                }
            };
            supervisor = supervisor.child(self.with_terms(spec, auto_shutdown, depth));
        }
        supervisor
    }

    /// The root's own children are permanent, so that the tree stays.
    fn with_terms(&mut self, spec: ChildSpec, auto_shutdown: AutoShutdown, depth: u32) -> ChildSpec {
        if depth == 0 {
            return spec;
        }
        let restart =
            [Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary][self.rng.usize(..4)];
        let may_be_significant = auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
        spec.restart(restart).significant(may_be_significant && self.rng.bool())
    }

    fn pool(&mut self, id: &str) -> ChildSpec {
        self.pools.push(id.to_owned());
        let restart = [Restart::Permanent, Restart::Transient, Restart::Temporary][self.rng.usize(..3)];
        let pool = DynamicSupervisor::new().name(id).intensity(self.rng.u32(..6)).restart(restart);
        ChildSpec::new(id, pool.shutdown(Shutdown::Timeout(Duration::from_millis(10))))
    }

    fn leaf(&mut self, id: &str) -> ChildSpec {
        self.leaves.push(id.to_owned());
        let shutdowns = [Shutdown::BrutalKill, Shutdown::Timeout(Duration::from_millis(10)), Shutdown::Infinity];
        let shutdown = shutdowns[self.rng.usize(..3)];
        ChildSpec::new(id, Leaf::start(self.seat(id, shutdown != Shutdown::Infinity)).name(id)).shutdown(shutdown)
    }

    fn seat(&self, id: &str, may_be_stubborn: bool) -> Seat {
        Seat { id: id.to_owned(), stage: self.stage.clone(), may_be_stubborn }
    }

    fn any<'a>(rng: &mut Rng, names: &'a [String]) -> Option<&'a str> {
        rng.choice(names).map(String::as_str)
    }
}

/// Whoever plays the world around the tree.
struct World {
    ctx: Context<()>,
    plan: Plan,
    dead_letters: async_channel::Receiver<DeadLetter>,
    /// Whether nobody asks the supervisors for anything: then each sibling begins after those before it.
    unasked: bool,
    sent: u64,
    monitors: u64,
    downs: u64,
    started_in_pools: u64,
}

impl World {
    /// One thing happens.
    async fn happen(&mut self) {
        let Plan { rng, leaves, supervisors, pools, .. } = &mut self.plan;
        let system = self.ctx.system().clone();
        match rng.u8(..16) {
            0..3 => {
                if let Some(leaf) = Plan::any(rng, leaves).and_then(|id| system.lookup::<Order>(id).ok()) {
                    let ways = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::error("boom")];
                    leaf.cast(Order::End(ways[rng.usize(..3)].clone()));
                    self.sent += 1;
                }
            }
            3..6 => {
                if let Some(id) = Plan::any(rng, leaves) {
                    self.sent += 1;
                    system.named::<Order>(id).cast(Order::Ping(self.sent));
                }
            }
            6 => self.kill_any(true),
            7 => self.kill_any(false),
            8 => {
                if let Some(pid) = Plan::any(rng, leaves).and_then(|id| system.whereis(id)) {
                    self.ctx.monitor(pid);
                    self.monitors += 1;
                }
            }
            9..12 if !self.unasked => {
                let Some(name) = Plan::any(rng, supervisors) else { return };
                let supervisor = SupervisorRef::named(&system, name);
                let id = format!("{name}.{}", rng.u8(..3));
                let request = rng.u8(..3);
                self.ctx.spawn(move |_ctx: Context<()>| async move {
                    match request {
                        0 => drop(supervisor.terminate_child(&id).await),
                        1 => drop(supervisor.restart_child(&id).await),
                        _ => drop(supervisor.which_child(&id).await),
                    }
                });
            }
            12..14 => {
                let Some(name) = Plan::any(rng, pools).map(str::to_owned) else { return };
                let pool = DynamicRef::named(&system, &name);
                self.started_in_pools += 1;
                let id = format!("{name} {}", self.started_in_pools);
                let start = Leaf::start(self.plan.seat(&id, true)).name(&id);
                self.plan.leaves.push(id);
                self.ctx.spawn(move |_ctx: Context<()>| async move { drop(pool.start_child(start).await) });
            }
            _ => self.ctx.sleep(Duration::from_millis(rng.u64(..15))).await,
        }
    }

    fn kill_any(&mut self, leaf: bool) {
        let Plan { rng, leaves, supervisors, pools, .. } = &mut self.plan;
        let branches: Vec<String> = supervisors.iter().skip(1).chain(pools.iter()).cloned().collect();
        let names = if leaf { leaves.as_slice() } else { branches.as_slice() };
        if let Some(pid) = Plan::any(rng, names).and_then(|id| self.ctx.system().whereis(id)) {
            self.ctx.exit(pid, ExitReason::Kill);
        }
    }

    /// What holds at any moment: of what each supervisor lists as running, what lives is its child, and has its name.
    async fn look(&self) {
        for name in &self.plan.supervisors {
            let supervisor = SupervisorRef::named(self.ctx.system(), name);
            let asked = self.ctx.sleep(Duration::from_millis(5)).limit(supervisor.which_children()).await;
            let Some(Ok(children)) = asked else { continue };
            for child in children {
                if let ChildState::Running(pid) = child.state {
                    self.assert_child(pid, &child.id);
                }
            }
        }
        self.plan.stage.with(|state| assert_eq!(state.faults, [""; 0]));
    }

    fn assert_child(&self, pid: Pid, id: &str) {
        let Some(info) = self.ctx.system().process_info(pid) else { return };
        assert!(info.name.is_none_or(|name| *name == *id), "{pid} is listed as {id}");
    }

    /// Waits until the tree is at rest, and looks who began before whom.
    async fn rest(&mut self) {
        self.ctx.sleep(Duration::from_secs(20)).await;
        self.look().await;
        let lives = self.plan.stage.with(|state| state.lives.clone());
        for [before, after] in self.plan.ordered.iter().filter(|_| self.unasked) {
            if let (Some(first), Some(second)) = (lives.get(before), lives.get(after)) {
                assert!(first < second, "{before} and {after}");
            }
        }
    }

    async fn end(mut self, root: Pid) {
        let monitor = self.ctx.monitor(root);
        self.ctx.exit(root, ExitReason::Shutdown);
        let mut ended = false;
        // Whom a killed supervisor left behind may take as long as its shutdown time.
        let last = self.ctx.system().now() + Duration::from_secs(60);
        while let Some(event) = self.ctx.receive_deadline(last).await {
            match event {
                Event::Down(down) if down.monitor == monitor => ended = true,
                Event::Down(_) => self.downs += 1,
                Event::Exit(_) | Event::Message(()) => {}
            }
        }
        assert!(ended, "the root does not end");
        let system = self.ctx.system();
        assert_eq!(self.downs, self.monitors, "each monitor tells once");
        assert_eq!(system.process_count(), 1, "{:?} are left", system.registered());
        assert_eq!((system.timer_count(), system.registered().len()), (0, 0));
        let (handled, timers, left) = self.plan.stage.with(|state| {
            assert_eq!(state.faults, [""; 0]);
            (state.handled, state.timers, state.lives.clone())
        });
        assert!(left.is_empty(), "left alive: {left:?}");
        let letters = std::iter::from_fn(|| self.dead_letters.try_recv().ok());
        let lost = letters.filter(|letter| letter.message_type.ends_with("simulation::Order")).count() as u64;
        let all = handled + lost;
        assert!(
            all == self.sent || (timers && all > self.sent),
            "{handled} handled, {lost} dead letters of {}",
            self.sent
        );
    }
}

fn play(test: &TestSystem) {
    let mut rng = Rng::with_seed(test.seed());
    let (timers, unasked) = (rng.bool(), rng.bool());
    let state = State { rng: rng.fork(), lives: BTreeMap::new(), begun: 0, handled: 0, timers, faults: Vec::new() };
    let stage = Stage(Arc::new(Mutex::new(state)));
    let mut plan =
        Plan { stage, rng, leaves: Vec::new(), supervisors: Vec::new(), pools: Vec::new(), ordered: Vec::new() };
    let root = plan.supervisor("root", 0);
    run(test, move |mut ctx| async move {
        let dead_letters = ctx.system().dead_letters();
        let Ok(root) = root.start_link(&mut ctx).await else {
            // A start that failed has left nothing.
            plan.stage.with(|state| assert!(state.lives.is_empty(), "left alive: {:?}", state.lives));
            return assert_eq!(ctx.system().process_count(), 1);
        };
        let root = root.pid().unwrap();
        let mut world = World { ctx, plan, dead_letters, unasked, sent: 0, monitors: 0, downs: 0, started_in_pools: 0 };
        for _ in 0..world.plan.rng.usize(1..40) {
            world.happen().await;
            if world.plan.rng.u8(..4) == 0 {
                world.look().await;
            }
        }
        if world.plan.rng.bool() {
            world.rest().await;
        }
        world.end(root).await;
    });
}

#[test]
fn simulation_of_whole_trees_what_must_hold_holds_after_each_step_and_nothing_leaks() {
    for_each_seed(SEEDS, play);
}
