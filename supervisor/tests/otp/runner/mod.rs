//! Plays a scenario to our supervisors and writes the trace that the oracle writes of OTP's.

mod parse;

mod words;

mod links;

mod director;

mod gate;
mod tree;

use std::collections::BTreeMap;
use std::time::Duration;

use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, Event, EventRef, ExitReason, Pid};
use proscenium_supervisor::{DynamicRef, SupervisorRef};

use director::{Alive, Director, Role};
use gate::Gate;
use parse::{Kind, Options, Scenario, number};

/// In which order processes run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Whoever could run first runs first, as on one scheduler of Erlang's.
    InTurn,
    /// As a seed picks them.
    Seed(u64),
}

/// The trace of the scenario in `text`.
pub(crate) fn trace(text: &str, order: Order) -> Result<String, String> {
    let scenario = Scenario::parse(text)?;
    let play = |mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let director = Director::new(ctx.system(), &scenario);
        let has_pools = scenario.declarations.iter().any(|declaration| declaration.kind == Kind::Pool);
        let root = scenario.root.clone();
        let mut stage = Stage { ctx, director, root, has_pools, suspended: BTreeMap::new(), trace: String::new() };
        stage.play(&scenario.commands).await?;
        Ok(stage.trace)
    };
    match order {
        Order::InTurn => {
            let test = TestSystem::new(1);
            test.run_in_turn();
            test.run(play)
        }
        Order::Seed(seed) => TestSystem::new(seed).run(play),
    }
}

struct Stage {
    /// The process that is the root's parent.
    ctx: Context<()>,
    director: Director,
    root: String,
    has_pools: bool,
    suspended: BTreeMap<String, Gate>,
    trace: String,
}

impl Stage {
    async fn play(&mut self, commands: &[Vec<String>]) -> Result<(), String> {
        self.step(&["start", &self.root.clone()]).await?;
        for command in commands {
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            self.step(&command).await?;
        }
        if self.director.find(&self.root).is_some() {
            self.step(&["stop"]).await?;
        }
        Ok(())
    }

    async fn step(&mut self, command: &[&str]) -> Result<(), String> {
        self.write("> ", &command.join(" "));
        let result = self.command(command).await?;
        self.settle().await;
        let mut events = self.director.take_events();
        match command {
            ["kill", id] if self.has_pools && self.director.is_supervisor(id) => sort_stops(&mut events),
            _ => self.sort_pools(&mut events),
        }
        for event in events {
            self.write("", &event);
        }
        let gone = self.director.take_gone();
        if !gone.is_empty() {
            self.write("gone ", &gone.join(" "));
        }
        if let Some(result) = result {
            self.write("= ", &result);
        }
        Ok(())
    }

    /// Children of a pool that stop together do so in no order.
    fn sort_pools(&self, events: &mut [String]) {
        let pool_of = |event: &String| {
            let id = event.strip_prefix("stop ")?.split(' ').next()?;
            self.director.pool_of(id)
        };
        for run in events.chunk_by_mut(|a, b| pool_of(a).is_some() && pool_of(a) == pool_of(b)) {
            run.sort();
        }
    }

    fn write(&mut self, mark: &str, text: &str) {
        self.trace += &format!("{mark}{text}\n");
    }

    /// Carries out a command; its result, where it has one.
    async fn command(&mut self, command: &[&str]) -> Result<Option<String>, String> {
        match command {
            ["start", _] => return Ok(Some(self.start().await)),
            ["stop"] => return Ok(Some(self.stop().await)),
            ["next_start", id, outcomes @ ..] => self.director.set_outcomes(id, outcomes),
            ["on_stop", id, how] => self.director.set_on_stop(id, how),
            ["sleep", millis] => self.ctx.sleep(Duration::from_millis(number(millis).into())).await,
            ["align"] => self.align().await,
            [_, id, ..] => {
                self.director.turn().await;
                return match self.director.find(id) {
                    Some(alive) => self.command_to(alive, command).await,
                    None => Ok(Some("not_running".to_owned())),
                };
            }
            _ => return Err(format!("unknown command: {}", command.join(" "))),
        }
        Ok(None)
    }

    async fn command_to(&mut self, alive: Alive, command: &[&str]) -> Result<Option<String>, String> {
        match (command, &alive.role) {
            (["crash", _], Role::Worker(address)) => {
                address.cast(ExitReason::error("boom"));
                self.ended(alive.pid).await;
            }
            (["exit", _, reason], Role::Worker(address)) => {
                address.cast(words::to_reason(reason));
                self.ended(alive.pid).await;
            }
            (["kill", _], _) => {
                self.ctx.exit(alive.pid, ExitReason::Kill);
                self.nudge_links_of(&alive);
                self.ended(alive.pid).await;
            }
            (["suspend", _], Role::Supervisor(supervisor)) => {
                let gate = Gate::close(&mut self.ctx, supervisor).await;
                self.suspended.insert(alive.id, gate);
            }
            (["suspend", _], Role::Pool(pool)) => {
                let gate = Gate::close_pool(&mut self.ctx, pool).await;
                self.suspended.insert(alive.id, gate);
            }
            (["resume", _], Role::Supervisor(_) | Role::Pool(_)) => drop(self.suspended.remove(&alive.id)),
            (["stop", _, reason], role) => {
                let reason = words::to_reason(reason);
                let stopped = match role {
                    Role::Supervisor(supervisor) => supervisor.stop(reason, None).await,
                    Role::Pool(pool) => pool.stop(reason, None).await,
                    Role::Worker(_) => return Err(format!("{} is no supervisor", alive.id)),
                };
                stopped.map_err(|error| error.to_string())?;
            }
            (_, Role::Supervisor(supervisor)) => return self.request(supervisor, command).await.map(Some),
            (_, Role::Pool(pool)) => return self.request_to_pool(pool, command).await.map(Some),
            _ => return Err(format!("{} cannot do that: {}", alive.id, command.join(" "))),
        }
        Ok(None)
    }

    async fn request(&self, supervisor: &SupervisorRef, command: &[&str]) -> Result<String, String> {
        let done = match command {
            ["terminate_child", _, id] => supervisor.terminate_child(id).await.map(|()| "ok".to_owned()),
            ["restart_child", _, id] => supervisor.restart_child(id).await.map(words::of_start),
            ["delete_child", _, id] => supervisor.delete_child(id).await.map(|()| "ok".to_owned()),
            ["start_child", _, id, options @ ..] => {
                let spec = tree::worker_spec(&self.director, id, &Options::parse(options)?);
                supervisor.start_child(spec).await.map(words::of_start)
            }
            ["which", _] => supervisor.which_children().await.map(|children| words::listed(&children)),
            ["which_child", _, id] => supervisor.which_child(id).await.map(|it| words::of_state(it.state).to_owned()),
            ["spec", _, id] => supervisor.child_spec(id).await.map(|spec| words::specified(&spec)),
            ["count", _] => supervisor.count_children().await.map(words::counted),
            _ => return Err(format!("unknown command: {}", command.join(" "))),
        };
        Ok(done.unwrap_or_else(|error| words::of_error(&error)))
    }

    async fn request_to_pool(&self, pool: &DynamicRef, command: &[&str]) -> Result<String, String> {
        let done = match command {
            ["start_child", name, id, ..] => {
                self.director.set_pool(id, name);
                pool.start_child(tree::worker(&self.director, id)).await.map(words::of_start)
            }
            ["terminate_child", _, id] => match self.director.last_pid(id) {
                Some(pid) => pool.terminate_child(pid).await.map(|()| "ok".to_owned()),
                None => return Ok("error:never_started".to_owned()),
            },
            ["which", _] => {
                let id_of = |pid| self.director.id_of(pid).unwrap_or_else(|| format!("{pid}"));
                pool.which_children().await.map(|children| words::listed_of_pool(&children, id_of))
            }
            ["count", _] => pool.count_children().await.map(words::counted_in_pool),
            _ => return Err(format!("unknown command: {}", command.join(" "))),
        };
        Ok(done.unwrap_or_else(|error| words::of_error(&error)))
    }

    /// Waits until a whole second of the system's clock begins.
    async fn align(&self) {
        let passed = Duration::from_nanos(self.ctx.system().uptime().subsec_nanos().into());
        self.ctx.sleep(Duration::from_secs(1) - passed).await;
    }

    async fn start(&mut self) -> String {
        let (root, opening) = tree::supervisor(&self.director, &self.root, None);
        match root.start_link(&mut self.ctx).await {
            Ok(root) => {
                let pid = root.pid().expect("it lives");
                opening.perform(pid, self.ctx.system()).await;
                "ok".to_owned()
            }
            Err(error) => {
                opening.fail(&error);
                format!("error:{}", words::of_start_error(&error))
            }
        }
    }

    async fn stop(&mut self) -> String {
        let root = self.director.find(&self.root).expect("who stops it saw it live");
        self.ctx.exit(root.pid, ExitReason::Shutdown);
        format!("stopped:{}", words::reason(&self.ended(root.pid).await))
    }

    /// Has those who are linked to it run in the order in which Erlang tells them of its end, and not in that of our runtime,
    /// which is as good: what they are sent here they ignore, and who is to run already stays where it is in the line.
    fn nudge_links_of(&self, alive: &Alive) {
        for pid in self.director.told_by(alive) {
            // From nobody: who is told by its parent ends.
            self.ctx.system().exit(pid, ExitReason::Normal);
        }
    }

    /// Waits for the end of a process.
    async fn ended(&mut self, pid: Pid) -> ExitReason {
        let monitor = self.ctx.monitor(pid);
        let is_it = |event: EventRef<'_, ()>| matches!(event, EventRef::Down(down) if down.monitor == monitor);
        match self.ctx.receive_matching(is_it).await {
            Event::Down(down) => down.reason,
            _ => unreachable!("only that down matches"),
        }
    }

    /// Waits until every supervisor that is not suspended has answered, and three looks in a row have seen nothing new; as
    /// the oracle does.
    async fn settle(&mut self) {
        let mut quiet = 0;
        let mut seen = self.seen().await;
        while quiet < 3 {
            for Alive { id, role, .. } in self.supervisors().await {
                match role {
                    _ if self.suspended.contains_key(&id) => {}
                    Role::Supervisor(supervisor) => drop(supervisor.count_children().await),
                    Role::Pool(pool) => drop(pool.count_children().await),
                    Role::Worker(_) => {}
                }
            }
            self.ctx.sleep(Duration::from_millis(4)).await;
            let now = self.seen().await;
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
    }

    async fn seen(&self) -> usize {
        self.director.turn().await;
        self.director.seen()
    }

    async fn supervisors(&self) -> Vec<Alive> {
        self.director.turn().await;
        self.director.supervisors()
    }
}

/// In no order: sorted stops come first, and then the starts as they were.
pub(crate) fn sort_stops(events: &mut [String]) {
    events.sort_by_cached_key(|event| match event.strip_prefix("stop ") {
        Some(_) => (false, event.clone()),
        None => (true, String::new()),
    });
}
