//! Applications that write down what is asked of them.

use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
use proscenium_supervisor::{ChildSpec, Restart, Supervisor, process};
use serde::Deserialize;

pub(crate) use crate::log::Log;

impl Log {
    /// An application of one worker, which is registered under the application's name, and kills its supervisor when
    /// it gets a message.
    pub(crate) fn app(&self, name: &str) -> ApplicationSpec {
        ApplicationSpec::new(name, self.plain())
    }

    pub(crate) fn plain(&self) -> App {
        App { log: self.clone(), fails_in: None, panics_in: None }
    }
}

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) log: Log,
    /// The callback or the phase that returns an error.
    pub(crate) fails_in: Option<&'static str>,
    /// The callback or the phase that panics.
    pub(crate) panics_in: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) greeting: String,
    pub(crate) colour: Option<Colour>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) enum Colour {
    Red,
    Green,
}

impl App {
    fn note(&self, what: &str, app: &AppContext<Settings>) -> Result<(), ExitReason> {
        self.log.add(format!("{} {what}", app.name()));
        assert_ne!(self.panics_in, Some(what), "as wanted");
        if self.fails_in == Some(what) { Err(ExitReason::error("no luck")) } else { Ok(()) }
    }
}

impl Application for App {
    type Env = Settings;
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
        self.note("start", app)?;
        let worker = process(|mut ctx: Context<()>| async move {
            // It leaves something behind that traps exits and that nobody is linked to.
            ctx.spawn(|mut ctx: Context<()>| async move {
                ctx.trap_exit(true);
                loop {
                    ctx.receive().await;
                }
            });
            ctx.receive_message().await;
            ctx.exit(ctx.parent().unwrap(), ExitReason::Kill);
            ctx.receive_message().await;
        });
        Ok(Supervisor::one_for_one().child(ChildSpec::new("worker", worker.name(app.name()))))
    }

    async fn start_phase(&mut self, phase: &str, app: &AppContext<Settings>) -> Result<(), ExitReason> {
        self.note(phase, app)
    }

    async fn prep_stop(&mut self, app: &AppContext<Settings>) {
        self.note("prep_stop", app).unwrap();
    }

    async fn stop(&mut self, app: &AppContext<Settings>) {
        let alive = app.system().whereis(app.name()).is_some();
        self.note(if alive { "stop with its worker" } else { "stop" }, app).unwrap();
    }

    async fn reload(&mut self, before: &Settings, app: &AppContext<Settings>) {
        self.note(&format!("port {} -> {}", before.port, app.env().port), app).unwrap();
    }
}

/// Runs `play` with the controller of `applications`, in many orders.
#[track_caller]
pub(crate) fn play<F>(
    applications: impl Fn(&Log) -> Vec<ApplicationSpec>,
    play: impl Fn(Context<()>, Applications, Log) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| {
        let log = Log::default();
        let (specs, play) = (applications(&log), play.clone());
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let controller = Applications::start_link(specs, Environment::new(), &mut ctx).await.unwrap();
            play(ctx, controller, log).await;
        });
    });
}

/// The error with which a controller of these does not start.
pub(crate) fn refused(applications: impl IntoIterator<Item = ApplicationSpec>, environment: Environment) -> String {
    let specs: Vec<ApplicationSpec> = applications.into_iter().collect();
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        Applications::start_link(specs, environment, &mut ctx).await.unwrap_err().to_string()
    })
}

pub(crate) async fn names(applications: &Applications) -> String {
    applications.which().await.unwrap().join(" ")
}

pub(crate) async fn start(applications: &Applications, name: &str) {
    applications.start(name, Restart::Temporary).await.unwrap();
}
