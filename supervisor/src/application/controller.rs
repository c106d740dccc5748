//! The process that starts and stops applications, and knows which run; OTP's application controller.
//!
//! It waits for nobody: an application may take long to start or stop, and others are served meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use proscenium_behaviours::{GenServer, Info};
use proscenium_runtime::{Address, Context, Event, ExitReason, Pid, Reply};

use super::environment::{Environment, Settings};
use super::error::{ApplicationEnded, ApplicationError};
use super::master::Order;
use super::order::start_order;
use super::spec::{AnyEnv, ApplicationSpec};
use crate::child_spec::Restart;
use crate::tree::Mistakes;

pub(super) type Outcome = Result<(), ApplicationError>;

/// What the controller is sent.
pub(crate) enum Ask {
    Start(Arc<str>, Restart, Reply<Outcome>),
    Stop(Arc<str>, Reply<Outcome>),
    Order(Vec<Arc<str>>, Reply<Result<Vec<Arc<str>>, ApplicationError>>),
    Which(Reply<Vec<Arc<str>>>),
    Reload(Reply<Outcome>),
    /// A master tells how the start went.
    Started {
        master: Pid,
        outcome: Result<(), ExitReason>,
    },
}

/// The last master that drops it answers who asked for the reload.
pub(crate) struct ReloadDone(Option<Reply<Outcome>>);

impl Drop for ReloadDone {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            reply.send(Ok(()));
        }
    }
}

/// The process.
pub(super) struct Controller {
    specs: BTreeMap<Arc<str>, ApplicationSpec>,
    environment: Environment,
    envs: BTreeMap<Arc<str>, AnyEnv>,
    /// Those that are starting, run or are stopping, in the order in which they began to start.
    alive: Vec<Alive>,
}

struct Alive {
    name: Arc<str>,
    restart: Restart,
    master: Address<Order>,
    pid: Pid,
    state: State,
}

enum State {
    Starting(Reply<Outcome>),
    /// Its start has failed, and what there was of it is being ended.
    Failed(Reply<Outcome>, ExitReason),
    Running,
    Stopping(Vec<Reply<Outcome>>),
}

impl GenServer for Controller {
    type Args = (Vec<ApplicationSpec>, Environment);
    type Message = Ask;

    async fn init((specs, environment): Self::Args, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        let mut by_name = BTreeMap::new();
        for spec in specs {
            if let Some(first) = by_name.insert(spec.name.clone(), spec) {
                return Err(ApplicationError::Duplicate { name: first.name }.into());
            }
        }
        start_order(&by_name, by_name.keys().cloned())?;
        let mut controller = Controller { specs: by_name, environment, envs: BTreeMap::new(), alive: Vec::new() };
        controller.envs = controller.read_envs().map_err(ApplicationError::Environment)?;
        Ok(controller)
    }

    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match message {
            Ask::Start(name, restart, reply) => match self.check_start(&name) {
                Ok((spec, env)) => {
                    let master = spec.spawn_master(env, ctx);
                    let pid = master.pid().expect("it is the address of a process");
                    self.alive.push(Alive { name, restart, master, pid, state: State::Starting(reply) });
                }
                Err(error) => reply.send(Err(error)),
            },
            Ask::Stop(name, reply) => self.stop(name, reply, ctx),
            Ask::Order(names, reply) => reply.send(start_order(&self.specs, names)),
            Ask::Which(reply) => reply.send(self.running()),
            Ask::Reload(reply) => self.reload(reply),
            Ask::Started { master, outcome } => self.started(master, outcome),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match info {
            Info::Exit(exit) if exit.linked => self.ended(exit.pid, exit.reason, ctx),
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Ask>) {
        // The last first. Meanwhile whoever asks something gets an answer: it may be a callback that we wait for.
        while let Some(pid) = self.alive.last().map(|app| app.pid) {
            ctx.exit(pid, ExitReason::Shutdown);
            while self.alive.iter().any(|app| app.pid == pid) {
                match ctx.receive().await {
                    Event::Message(message) => self.refuse(message),
                    Event::Exit(exit) if exit.linked => self.forget(exit.pid),
                    Event::Exit(_) | Event::Down(_) => {}
                }
            }
        }
    }
}

impl Controller {
    /// The settings of all applications, read anew.
    fn read_envs(&self) -> Result<BTreeMap<Arc<str>, AnyEnv>, Mistakes> {
        let mut mistakes = Mistakes::default();
        let known: Vec<&str> = self.specs.keys().map(|name| &**name).collect();
        let settings: Settings = self.environment.read(&known, &mut mistakes);
        let mut envs = BTreeMap::new();
        for (name, spec) in &self.specs {
            if let Some(env) = spec.read_env(&settings.of(name), &mut mistakes) {
                envs.insert(name.clone(), env);
            }
        }
        mistakes.or(envs)
    }

    fn check_start(&self, name: &Arc<str>) -> Result<(ApplicationSpec, AnyEnv), ApplicationError> {
        // A name that is not there is told as everywhere.
        start_order(&self.specs, [name.clone()])?;
        if self.alive.iter().any(|app| app.name == *name) {
            return Err(ApplicationError::AlreadyStarted { name: name.clone() });
        }
        let spec = &self.specs[name];
        let missing = spec.dependencies().find(|dependency| !self.is_running(dependency));
        match missing {
            Some(dependency) => {
                Err(ApplicationError::DependencyNotStarted { name: name.clone(), dependency: dependency.clone() })
            }
            None => Ok((spec.clone(), self.envs[name].clone())),
        }
    }

    fn is_running(&self, name: &str) -> bool {
        self.alive.iter().any(|app| *app.name == *name && matches!(app.state, State::Running))
    }

    fn stop(&mut self, name: Arc<str>, reply: Reply<Outcome>, ctx: &Context<Ask>) {
        if let Err(error) = start_order(&self.specs, [name.clone()]) {
            return reply.send(Err(error));
        }
        match self.alive.iter_mut().find(|app| app.name == name && app.can_stop()) {
            Some(app) => {
                ctx.exit(app.pid, ExitReason::Shutdown);
                app.wait_for_end(reply);
            }
            None => reply.send(Err(ApplicationError::NotStarted { name })),
        }
    }

    fn started(&mut self, master: Pid, outcome: Result<(), ExitReason>) {
        let Some(place) = self.alive.iter().position(|app| app.pid == master) else { return };
        // Started last, it stops first, whenever it began.
        let app = self.alive.remove(place);
        let state = match (app.state, outcome) {
            (State::Starting(reply), Ok(())) => {
                reply.send(Ok(()));
                State::Running
            }
            (State::Starting(reply), Err(reason)) => State::Failed(reply, reason),
            (state, _) => state,
        };
        self.alive.push(Alive { state, ..app });
    }

    fn ended(&mut self, master: Pid, reason: ExitReason, ctx: &Context<Ask>) -> Result<(), ExitReason> {
        let Some(place) = self.alive.iter().position(|app| app.pid == master) else { return Ok(()) };
        let app = self.alive.remove(place);
        if !matches!(app.state, State::Running) {
            app.answer(reason);
            return Ok(());
        }
        let name = &*app.name;
        slog::info!(ctx.logger(), "an application has ended"; "application" => name, "reason" => %reason);
        match (app.restart, &reason) {
            (Restart::Temporary, _) | (Restart::Transient, ExitReason::Normal) => Ok(()),
            _ => Err(ApplicationEnded { name: app.name.clone(), reason }.into()),
        }
    }

    /// Nothing is started any more, and everything is being stopped.
    fn refuse(&mut self, message: Ask) {
        match message {
            Ask::Start(_, _, reply) | Ask::Reload(reply) => reply.send(Err(ApplicationError::Stopping)),
            Ask::Stop(name, reply) => match self.alive.iter_mut().find(|app| app.name == name) {
                Some(app) => app.wait_for_end(reply),
                None => reply.send(Err(ApplicationError::NotStarted { name })),
            },
            Ask::Order(names, reply) => reply.send(start_order(&self.specs, names)),
            Ask::Which(reply) => reply.send(self.running()),
            Ask::Started { .. } => {}
        }
    }

    fn forget(&mut self, master: Pid) {
        if let Some(place) = self.alive.iter().position(|app| app.pid == master) {
            self.alive.remove(place).answer(ExitReason::Shutdown);
        }
    }

    fn running(&self) -> Vec<Arc<str>> {
        let running = self.alive.iter().filter(|app| matches!(app.state, State::Running));
        running.map(|app| app.name.clone()).collect()
    }

    fn reload(&mut self, reply: Reply<Outcome>) {
        match self.read_envs() {
            Ok(envs) => self.envs = envs,
            Err(mistakes) => return reply.send(Err(ApplicationError::Environment(mistakes))),
        }
        let done = Arc::new(ReloadDone(Some(reply)));
        for app in &self.alive {
            app.master.cast(Order::Reload { env: self.envs[&app.name].clone(), done: done.clone() });
        }
    }
}

impl Alive {
    fn can_stop(&self) -> bool {
        matches!(self.state, State::Running | State::Stopping(_))
    }

    /// Answers who stops it once it has ended.
    fn wait_for_end(&mut self, reply: Reply<Outcome>) {
        match &mut self.state {
            State::Stopping(waiting) => waiting.push(reply),
            State::Running => self.state = State::Stopping(vec![reply]),
            State::Starting(_) | State::Failed(..) => {
                reply.send(Err(ApplicationError::NotStarted { name: self.name.clone() }));
            }
        }
    }

    /// Tells who waits that it has ended, with `reason` unless it has told another one.
    fn answer(self, reason: ExitReason) {
        let failed = |reason| ApplicationError::Start { name: self.name.clone(), reason };
        match self.state {
            State::Starting(reply) => reply.send(Err(failed(reason))),
            State::Failed(reply, told) => reply.send(Err(failed(told))),
            State::Stopping(waiting) => waiting.into_iter().for_each(|reply| reply.send(Ok(()))),
            State::Running => {}
        }
    }
}
