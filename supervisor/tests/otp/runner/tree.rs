//! The processes of a scenario: workers that do as the director says, and supervisors over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_lite::future;
use proscenium_runtime::{
    Context, Event, ExitReason, InitAck, Parent, Pid, StartError, StartOptions, SystemHandle, start_link,
};
use proscenium_supervisor::{
    AutoShutdown, ChildKind, ChildSpec, DynamicRef, DynamicSupervisor, Restart, Shutdown, StartChild, Starting,
    Supervisor, SupervisorRef, TypedStart, TypedStarting,
};

use super::director::{Alive, Director, Role};
use super::parse::{Declaration, Kind, Options, number};

/// The spec of a declared child of a supervisor that opens with `opening`.
fn child_spec(director: &Director, declaration: &Declaration, opening: &Arc<Opening>) -> ChildSpec {
    let (id, director, opening) = (declaration.id.clone(), director.clone(), opening.clone());
    let spec = match declaration.kind {
        Kind::Supervisor => ChildSpec::new(&id.clone(), Opened { opening, start: Branch { id, director } }),
        Kind::Pool => ChildSpec::new(&id.clone(), Opened { opening, start: Pool { id, director } }),
        Kind::Worker => ChildSpec::new(&id.clone(), Opened { opening, start: Leaf { id, director } }),
    };
    with_options(spec, &declaration.options)
}

/// A worker that is started in a pool.
pub(crate) fn worker(director: &Director, id: &str) -> impl TypedStart<Handle = ()> {
    Leaf { id: id.to_owned(), director: director.clone() }
}

pub(crate) fn worker_spec(director: &Director, id: &str, options: &Options) -> ChildSpec {
    let leaf = Leaf { id: id.to_owned(), director: director.clone() };
    with_options(ChildSpec::new(id, leaf), options)
}

fn with_options(spec: ChildSpec, options: &Options) -> ChildSpec {
    let spec = spec.restart(restart(options, "restart")).significant(options.get("significant") == Some("true"));
    match shutdown(options, "shutdown") {
        None => spec,
        Some(shutdown) => spec.shutdown(shutdown),
    }
}

fn restart(options: &Options, key: &str) -> Restart {
    match options.get(key) {
        None | Some("permanent") => Restart::Permanent,
        Some("transient") => Restart::Transient,
        Some("temporary") => Restart::Temporary,
        Some(other) => panic!("unknown restart: {other}"),
    }
}

fn shutdown(options: &Options, key: &str) -> Option<Shutdown> {
    Some(match options.get(key)? {
        "brutal_kill" => Shutdown::BrutalKill,
        "infinity" => Shutdown::Infinity,
        millis => Shutdown::Timeout(Duration::from_millis(number(millis).into())),
    })
}

/// A supervisor with its declared children, and what it opens with.
pub(crate) fn supervisor(director: &Director, id: &str, under: Option<Pid>) -> (Supervisor, Arc<Opening>) {
    let options = director.declaration(id).options;
    let supervisor = match options.get("strategy") {
        None | Some("one_for_one") => Supervisor::one_for_one(),
        Some("one_for_all") => Supervisor::one_for_all(),
        Some("rest_for_one") => Supervisor::rest_for_one(),
        Some(other) => panic!("unknown strategy: {other}"),
    };
    let auto_shutdown = match options.get("auto_shutdown") {
        None | Some("never") => AutoShutdown::Never,
        Some("any_significant") => AutoShutdown::AnySignificant,
        Some("all_significant") => AutoShutdown::AllSignificant,
        Some(other) => panic!("unknown auto_shutdown: {other}"),
    };
    let name = director.new_name(id);
    let empty = supervisor
        .intensity(options.number("intensity", 1))
        .period(Duration::from_secs(options.number("period", 3600).into()))
        .auto_shutdown(auto_shutdown)
        .name(&name);
    let done = AtomicBool::new(false);
    let opening = Arc::new(Opening { id: id.to_owned(), director: director.clone(), name, under, done });
    let children = director.children_of(id);
    let add = |supervisor: Supervisor, child| supervisor.child(child_spec(director, child, &opening));
    (children.iter().fold(empty, add), opening)
}

/// What a supervisor does before it starts its first child, as in the `init` of OTP's; the start of it is an event.
pub(crate) struct Opening {
    id: String,
    director: Director,
    name: String,
    /// Its own supervisor, if that is one of the tree.
    under: Option<Pid>,
    done: AtomicBool,
}

impl Opening {
    /// Done the first time only.
    pub(crate) async fn perform(&self, pid: Pid, system: &SystemHandle) {
        if self.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let link = self.director.links(self.under, pid).await;
        let role = Role::Supervisor(SupervisorRef::named(system, &self.name));
        let started = self.director.started(Alive { id: self.id.clone(), pid, role, link });
        // OTP's has to collect garbage now, and gives a turn away.
        future::zip(started, future::yield_now()).await;
        self.director.saw(format!("start {}", self.id));
    }

    /// The supervisor did not start; if it has not even opened, its specs were wrong.
    pub(crate) fn fail(&self, error: &StartError) {
        if let (StartError::Init(reason), false) = (error, self.done.load(Ordering::Relaxed)) {
            self.director.saw(format!("start {}", self.id));
            self.director.saw_end(&self.id, reason);
        }
    }
}

/// A child whose supervisor opens first.
struct Opened<S> {
    opening: Arc<Opening>,
    start: S,
}

impl<S: StartChild> StartChild for Opened<S> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            self.opening.perform(parent.pid(), parent.system()).await;
            self.start.start_child(parent).await
        })
    }

    fn kind(&self) -> ChildKind {
        self.start.kind()
    }
}

/// A supervisor within the tree.
struct Branch {
    id: String,
    director: Director,
}

impl StartChild for Branch {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let (supervisor, opening) = supervisor(&self.director, &self.id, Some(parent.pid()));
            let pid = supervisor.start_child(parent).await.inspect_err(|error| opening.fail(error))?;
            // One without children has not done it yet.
            opening.perform(pid, parent.system()).await;
            Ok(pid)
        })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

/// A supervisor of children that come and go; the start of it is an event.
struct Pool {
    id: String,
    director: Director,
}

impl StartChild for Pool {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let options = self.director.declaration(&self.id).options;
            let pool = DynamicSupervisor::new()
                .intensity(options.number("intensity", 1))
                .period(Duration::from_secs(options.number("period", 3600).into()))
                .restart(restart(&options, "each_restart"));
            let pool = match shutdown(&options, "each_shutdown") {
                Some(shutdown) => pool.shutdown(shutdown),
                None => pool,
            };
            let name = self.director.new_name(&self.id);
            let pid = pool.name(&name).start_child(parent).await?;
            let link = self.director.links(Some(parent.pid()), pid).await;
            let role = Role::Pool(DynamicRef::named(parent.system(), &name));
            self.director.started(Alive { id: self.id.clone(), pid, role, link }).await;
            self.director.saw(format!("start {}", self.id));
            Ok(pid)
        })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

struct Leaf {
    id: String,
    director: Director,
}

impl StartChild for Leaf {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        let (id, director) = (self.id.clone(), self.director.clone());
        Box::pin(async move {
            let body = move |ctx, ack| work(ctx, ack, id, director);
            let address = start_link(parent, StartOptions::new(), body).await?;
            Ok(address.pid().expect("it is the address of a process"))
        })
    }
}

impl TypedStart for Leaf {
    type Handle = ();

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, ()> {
        Box::pin(async move { Ok((self.start_child(parent).await?, ())) })
    }
}

async fn work(mut ctx: Context<ExitReason>, ack: InitAck, id: String, director: Director) -> Result<(), ExitReason> {
    ctx.trap_exit(true);
    let link = director.links(ctx.parent(), ctx.pid()).await;
    match &*director.next_outcome(&id) {
        "ok" => {}
        "error" => {
            director.unlinks(link);
            director.saw(format!("start {id} error"));
            return Err(ExitReason::error("boom"));
        }
        "ignore" => {
            director.unlinks(link);
            director.saw(format!("start {id} ignore"));
            return Err(ExitReason::Ignore);
        }
        other => panic!("unknown outcome: {other}"),
    }
    let how = director.on_stop(&id);
    let alive = Alive { id: id.clone(), pid: ctx.pid(), role: Role::Worker(ctx.address()), link };
    director.started(alive).await;
    director.saw(format!("start {id}"));
    ack.ready();
    let (reason, how) = await_end(&mut ctx, how).await;
    director.saw(format!("stop {id} {}", super::words::reason(&reason)));
    stop(&ctx, reason, &how).await
}

/// Why the worker ends and how. Only one that is told to stop does it in its own way.
async fn await_end(ctx: &mut Context<ExitReason>, how: String) -> (ExitReason, String) {
    loop {
        match ctx.receive().await {
            Event::Message(reason) => return (reason, "clean".to_owned()),
            Event::Exit(exit) if ctx.is_from_parent(&exit) => return (exit.reason, how),
            Event::Exit(_) | Event::Down(_) => {}
        }
    }
}

async fn stop(ctx: &Context<ExitReason>, reason: ExitReason, how: &str) -> Result<(), ExitReason> {
    match how.split_once(':').unwrap_or((how, "")) {
        _ if reason != ExitReason::Shutdown => {}
        ("clean", _) => {}
        ("slow", millis) => ctx.sleep(Duration::from_millis(number(millis).into())).await,
        ("stubborn", _) => std::future::pending().await,
        ("crash", _) => return Err(ExitReason::error("broken")),
        ("normal", _) => return Err(ExitReason::Normal),
        _ => panic!("unknown way to stop: {how}"),
    }
    Err(reason)
}
