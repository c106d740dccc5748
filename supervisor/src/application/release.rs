//! A program made of applications: what `main` runs.

use std::io;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proscenium_runtime::{Address, Builder, Context, Event, ExitReason, Pid, StartError, System};

use super::environment::Environment;
use super::error::ApplicationError;
use super::handle::Applications;
use super::platform::{Listening, Service};
use super::platform_words::{OsSignal, State};
use super::spec::ApplicationSpec;
use super::watchdog;
use crate::child_spec::Restart;

/// A program: applications, and how they are started; OTP's release.
///
/// [`run`](Self::run) starts them in an order in which each finds running what it depends on, and stops them in
/// reverse.
///
/// # Examples
///
/// A whole program, which runs until it gets a signal:
///
/// ```no_run
/// use std::process::ExitCode;
/// use proscenium_runtime::ExitReason;
/// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Environment, Release};
/// use proscenium_supervisor::Supervisor;
///
/// #[derive(Clone)]
/// struct Shop;
///
/// impl Application for Shop {
///     type Env = ();
///     type Top = Supervisor;
///
///     async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
///         Ok(Supervisor::one_for_one())
///     }
/// }
///
/// fn main() -> ExitCode {
///     match Environment::new().arguments(std::env::args().skip(1)) {
///         Ok((environment, _rest)) => {
///             Release::new("market").permanent(ApplicationSpec::new("shop", Shop)).environment(environment).run()
///         }
///         Err(error) => {
///             eprintln!("{error}");
///             ExitCode::FAILURE
///         }
///     }
/// }
/// ```
///
/// A program of three parts, which ends when its job is done; it does not run until it is told to:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_supervisor::application::{Environment, Release};
///
/// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
/// # use part::*;
/// let market = Release::new("market")
///     .permanent(part("stock"))
///     .transient(part("import").depends_on("stock")) // Its normal end is no loss.
///     .temporary(part("music").optionally("stock")) // Nor is any end of this one.
///     .environment(Environment::new().set("stock.shelves=3").unwrap())
///     .watchdog(Duration::from_secs(10))
///     .system(|system| system.workers(2));
/// assert!(format!("{market:?}").contains("music"));
/// ```
#[derive(Debug)]
pub struct Release {
    name: String,
    system: Builder,
    applications: Vec<(ApplicationSpec, Restart)>,
    environment: Environment,
    watchdog: Option<Duration>,
}

impl Release {
    /// One without applications. Its system has the same name.
    ///
    /// # Examples
    ///
    /// A release runs until it is told to stop; [`Applications`] shows what its parts do meanwhile.
    /// Whether they fit together it says before anything starts:
    ///
    /// ```
    /// use std::process::ExitCode;
    ///
    /// use proscenium_supervisor::application::Release;
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// let code = Release::new("market").permanent(part("shop").depends_on("stock")).run(); // There is no stock.
    /// assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    /// ```
    pub fn new(name: &str) -> Self {
        Release {
            name: name.to_owned(),
            system: System::builder(name),
            applications: Vec::new(),
            environment: Environment::new(),
            watchdog: None,
        }
    }

    /// Adds an application whose end, whatever its reason, ends the program.
    #[must_use]
    pub fn permanent(self, application: ApplicationSpec) -> Self {
        self.with(application, Restart::Permanent)
    }

    /// Adds an application whose end ends the program unless its reason is [`ExitReason::Normal`]. No supervisor ends
    /// so.
    #[must_use]
    pub fn transient(self, application: ApplicationSpec) -> Self {
        self.with(application, Restart::Transient)
    }

    /// Adds an application whose end is only reported.
    #[must_use]
    pub fn temporary(self, application: ApplicationSpec) -> Self {
        self.with(application, Restart::Temporary)
    }

    fn with(mut self, application: ApplicationSpec, restart: Restart) -> Self {
        self.applications.push((application, restart));
        self
    }

    /// Sets where the applications' settings come from; by default nothing is set.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Changes options of the system: workers, logger, and how long a stop in order may take before the rest is
    /// killed, which is 30 s by default.
    #[must_use]
    pub fn system(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.system = change(self.system);
        self
    }

    /// Watches the scheduler: if no process has run for `limit`, that is logged as critical. Not watched by default,
    /// unless the service manager asks for it; then the shorter time counts.
    #[must_use]
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.watchdog = Some(limit);
        self
    }

    /// Runs the program until it is told to stop or cannot go on. What went wrong is printed to standard error.
    ///
    /// On Unix it listens to signals, as OTP does:
    ///
    /// | signal | what it does |
    /// |---|---|
    /// | `SIGTERM`, `SIGINT` | all applications are stopped in order; a second one ends the program at once, with 128 and the signal's number as its exit code |
    /// | `SIGHUP` | the environment is read anew, and all applications are told: [`Application::reload`](crate::application::Application::reload) |
    ///
    /// Where `NOTIFY_SOCKET` is set, it tells the service manager when it is ready, reloads or stops, and, where
    /// `WATCHDOG_USEC` is set, that its scheduler is alive. In a unit that is `Type=notify` or `Type=notify-reload`,
    /// and `WatchdogSec=`.
    ///
    /// The exit code is 0 if it was told to stop, and 1 if it did not start, or an application has ended without which
    /// it cannot go on.
    pub fn run(self) -> ExitCode {
        let name = self.name.clone();
        match self.run_to_end() {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{name}: {reason}");
                ExitCode::FAILURE
            }
        }
    }

    fn run_to_end(self) -> Result<(), ExitReason> {
        let service = Arc::new(Service::of_environment()?);
        let signals = Listening::begin()?;
        let system = self.system.build()?;
        let limit = self.watchdog.into_iter().chain(service.watchdog_limit()).min();
        if let Some(limit) = limit {
            watchdog::watch(&system, limit, service.clone())?;
        }
        let (applications, environment) = (self.applications, self.environment);
        system.run(move |ctx: Context<News>| async move {
            listen(signals, ctx.address())?;
            Main { ctx, service, is_ready: false, reload_waits: false }.run(applications, environment).await
        })
    }
}

/// Passes signals on; the second that asks for a stop does not ask.
fn listen(signals: Listening, main: Address<News>) -> io::Result<()> {
    let stopping = AtomicBool::new(false);
    signals.each(move |signal| match signal {
        OsSignal::Stop { number } if stopping.swap(true, Ordering::Relaxed) => process::exit(128 + i32::from(number)),
        OsSignal::Stop { .. } => main.cast(News::Stop),
        OsSignal::Reload => main.cast(News::Reload),
    })
}

/// What the main process hears.
enum News {
    Started(Result<(), ApplicationError>),
    Stop,
    Reload,
    Reloaded(Result<(), ApplicationError>),
}

/// The main process. It waits for nothing but news, so that it can be told to stop at any time.
struct Main {
    ctx: Context<News>,
    service: Arc<Service>,
    /// Whether all applications have started.
    is_ready: bool,
    /// Whether somebody wanted a reload before that.
    reload_waits: bool,
}

impl Main {
    async fn run(
        mut self,
        applications: Vec<(ApplicationSpec, Restart)>,
        environment: Environment,
    ) -> Result<(), ExitReason> {
        self.ctx.trap_exit(true);
        let types: Vec<(Arc<str>, Restart)> = applications.iter().map(|(spec, r)| (spec.name.clone(), *r)).collect();
        let specs = applications.into_iter().map(|(spec, _)| spec);
        let controller = Applications::start_link(specs, environment, &mut self.ctx).await;
        let controller = controller.map_err(|error| match error {
            StartError::Init(reason) => reason,
            other => other.into(),
        })?;
        let pid = controller.pid();
        let starting = controller.clone();
        self.send_outcome(News::Started, async move { start_all(&starting, types).await });
        self.serve(controller, pid).await
    }

    async fn serve(&mut self, applications: Applications, controller: Option<Pid>) -> Result<(), ExitReason> {
        loop {
            match self.ctx.receive().await {
                Event::Message(News::Started(Ok(()))) => {
                    self.is_ready = true;
                    self.service.tell(State::Ready);
                    if self.reload_waits {
                        self.reload(&applications);
                    }
                }
                Event::Message(News::Started(Err(error))) => return Err(error.into()),
                // The controller is linked to this process, and stops all applications when it ends.
                Event::Message(News::Stop) => {
                    self.service.tell(State::Stopping);
                    return Ok(());
                }
                Event::Message(News::Reload) if self.is_ready => self.reload(&applications),
                Event::Message(News::Reload) => self.reload_waits = true,
                Event::Message(News::Reloaded(outcome)) => {
                    if let Err(error) = outcome {
                        slog::error!(self.ctx.logger(), "nothing was reloaded"; "reason" => %error);
                    }
                    self.service.tell(State::Ready);
                }
                Event::Exit(exit) if exit.linked && Some(exit.pid) == controller => return Err(exit.reason),
                Event::Exit(_) | Event::Down(_) => {}
            }
        }
    }

    fn reload(&self, applications: &Applications) {
        self.service.tell(State::Reloading);
        let applications = applications.clone();
        self.send_outcome(News::Reloaded, async move { applications.reload().await });
    }

    /// Does something beside, and hears of the outcome as news.
    fn send_outcome<T: Send + 'static>(&self, news: fn(T) -> News, work: impl Future<Output = T> + Send + 'static) {
        let main = self.ctx.address();
        self.ctx.system().spawn(move |_ctx: Context<()>| async move { main.cast(news(work.await)) });
    }
}

/// Starts them in an order in which each finds running what it depends on.
async fn start_all(applications: &Applications, types: Vec<(Arc<str>, Restart)>) -> Result<(), ApplicationError> {
    let names: Vec<&str> = types.iter().map(|(name, _)| &**name).collect();
    for name in applications.start_order(names).await? {
        let restart =
            types.iter().find(|(other, _)| *other == name).map_or(Restart::Permanent, |(_, restart)| *restart);
        applications.start(&name, restart).await?;
    }
    Ok(())
}
