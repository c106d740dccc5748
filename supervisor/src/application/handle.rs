//! All applications, as those see them that start and stop some.

use std::fmt;
use std::sync::Arc;

use proscenium_behaviours::GenServer;
use proscenium_runtime::{Address, Context, Pid, StartError};

use super::controller::{Ask, Controller};
use super::environment::Environment;
use super::error::ApplicationError;
use super::spec::ApplicationSpec;
use crate::child_spec::Restart;

/// All applications of a system; cheap to clone. It speaks to the controller, the process that starts and stops them.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Restart};
/// use proscenium_supervisor::application::{Applications, Environment};
///
/// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
/// # use part::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let parts = [part("shop").depends_on("stock"), part("stock")];
///     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
///     assert!(applications.which().await.unwrap().is_empty()); // None was started yet.
///     applications.ensure_all_started(["shop"], Restart::Temporary).await.unwrap();
///     assert_eq!(applications.which().await.unwrap(), ["stock".into(), "shop".into()]);
///     assert!(ctx.is_linked(applications.pid().unwrap()));
/// });
/// ```
#[derive(Clone)]
pub struct Applications {
    controller: Address<Ask>,
}

impl Applications {
    /// Starts the controller, linked to the process of `ctx`. No application is started yet.
    ///
    /// When it is told to exit it stops what runs, in reverse order of the starts. It ends by itself, with
    /// [`ApplicationEnded`](super::ApplicationEnded), when an application ends that was started as permanent, or as transient and not with
    /// [`ExitReason::Normal`](proscenium_runtime::ExitReason::Normal); then too it stops the others first.
    ///
    /// # Errors
    /// An [`ApplicationError`] within [`StartError::Init`] if two applications have one name, they depend on each
    /// other in a circle or on one that is not there, or the environment is wrong.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the controller.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let parts = [part("hen").depends_on("egg"), part("egg").depends_on("hen")];
    ///     let error = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap_err();
    ///     assert!(error.to_string().contains("applications depend on each other"));
    /// });
    /// ```
    pub async fn start_link<M: Send + 'static>(
        applications: impl IntoIterator<Item = ApplicationSpec>,
        environment: Environment,
        ctx: &mut Context<M>,
    ) -> Result<Self, StartError> {
        let specs: Vec<ApplicationSpec> = applications.into_iter().collect();
        let start = Controller::start((specs, environment)).label("application controller");
        start.link(ctx).await.map(Applications::of)
    }

    pub(super) fn of(controller: Address<Ask>) -> Self {
        Applications { controller }
    }

    /// The controller.
    pub fn pid(&self) -> Option<Pid> {
        self.controller.pid()
    }

    /// Starts one, and waits until it and its phases are through. All that it depends on must run.
    ///
    /// `restart` says what its end means, as in OTP: that of a [permanent](Restart::Permanent) one ends all others; so
    /// does that of a [transient](Restart::Transient) one unless it ends with [`ExitReason::Normal`](proscenium_runtime::ExitReason::Normal), which no
    /// supervisor does; that of a [temporary](Restart::Temporary) one is only reported. None is ever started again by
    /// itself.
    ///
    /// # Errors
    /// If there is none of that name, it is started already, something that it depends on is not, or it does not start.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the start.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::application::{ApplicationError, Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let applications = Applications::start_link([part("shop")], Environment::new(), &mut ctx).await.unwrap();
    ///     applications.start("shop", Restart::Temporary).await.unwrap();
    ///     assert!(ctx.system().whereis("shop").is_some()); // Its tree has started.
    ///     let error = applications.start("shop", Restart::Temporary).await.unwrap_err();
    ///     assert_eq!(error, ApplicationError::AlreadyStarted { name: "shop".into() });
    /// });
    /// ```
    pub async fn start(&self, name: &str, restart: Restart) -> Result<(), ApplicationError> {
        self.controller.call(|reply| Ask::Start(name.into(), restart, reply)).without_timeout().await?
    }

    /// Starts those that do not run, and before them all that they depend on. Returns what it has started, in order.
    ///
    /// # Errors
    /// As [`start`](Self::start). Then those that it had started are stopped again, in reverse.
    ///
    /// # Cancel safety
    /// Dropping the future leaves started what it has started.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let parts = [part("shop").depends_on("stock"), part("stock"), part("office").depends_on("stock")];
    ///     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
    ///     let started = applications.ensure_all_started(["shop"], Restart::Temporary).await.unwrap();
    ///     assert_eq!(started, ["stock".into(), "shop".into()]);
    ///     let more = applications.ensure_all_started(["office", "shop"], Restart::Temporary).await.unwrap();
    ///     assert_eq!(more, ["office".into()]); // The others run.
    /// });
    /// ```
    pub async fn ensure_all_started<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        restart: Restart,
    ) -> Result<Vec<Arc<str>>, ApplicationError> {
        let order = self.start_order(names).await?;
        let mut started: Vec<Arc<str>> = Vec::new();
        for name in order {
            match self.start(&name, restart).await {
                Ok(()) => started.push(name),
                Err(ApplicationError::AlreadyStarted { .. }) => {}
                Err(error) => {
                    for name in started.iter().rev() {
                        // What has ended meanwhile need not be stopped.
                        let _ = self.stop(name).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    /// Those and all that they depend on, in an order in which they can start.
    pub(super) async fn start_order<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Arc<str>>, ApplicationError> {
        let names = names.into_iter().map(Arc::from).collect();
        self.controller.call(|reply| Ask::Order(names, reply)).without_timeout().await?
    }

    /// Stops one and waits until nothing of it is left. Others are not affected, whatever they depend on and however
    /// it was started.
    ///
    /// # Errors
    /// If there is none of that name, or it does not run.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the stop.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let parts = [part("shop").depends_on("stock"), part("stock")];
    ///     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
    ///     applications.ensure_all_started(["shop"], Restart::Permanent).await.unwrap();
    ///     applications.stop("stock").await.unwrap(); // Though the shop needs it: whoever says so knows.
    ///     assert_eq!(applications.which().await.unwrap(), ["shop".into()]);
    ///     assert_eq!(ctx.system().whereis("stock"), None);
    /// });
    /// ```
    pub async fn stop(&self, name: &str) -> Result<(), ApplicationError> {
        self.controller.call(|reply| Ask::Stop(name.into(), reply)).without_timeout().await?
    }

    /// The names of those that run, in the order in which they have started; OTP's `which_applications`.
    ///
    /// # Errors
    /// If the controller does not live.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let parts = ["a", "b"].map(part);
    ///     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
    ///     for name in ["b", "a"] {
    ///         applications.start(name, Restart::Temporary).await.unwrap();
    ///     }
    ///     assert_eq!(applications.which().await.unwrap(), ["b".into(), "a".into()]);
    /// });
    /// ```
    pub async fn which(&self) -> Result<Vec<Arc<str>>, ApplicationError> {
        Ok(self.controller.call(Ask::Which).without_timeout().await?)
    }

    /// Reads the environment anew, and calls [`Application::reload`](crate::application::Application::reload) of all
    /// that run. Returns when they have returned.
    ///
    /// # Errors
    /// If the environment is wrong; then nothing has changed.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the reload.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let file = folder.path().join("shop.ron");
    /// fs::write(&file, "()").unwrap();
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let environment = Environment::new().file(file.clone());
    ///     let applications = Applications::start_link([part("shop")], environment, &mut ctx).await.unwrap();
    ///     assert_eq!(applications.reload().await, Ok(()));
    ///     fs::write(&file, "(shpo: ())").unwrap();
    ///     let error = applications.reload().await.unwrap_err(); // All go on with the settings that they had.
    ///     assert!(error.to_string().ends_with("unknown application `shpo`, did you mean `shop`?"));
    /// });
    /// ```
    pub async fn reload(&self) -> Result<(), ApplicationError> {
        self.controller.call(Ask::Reload).without_timeout().await?
    }

    pub(super) fn tell(&self, news: Ask) {
        self.controller.cast(news);
    }
}

impl fmt::Debug for Applications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Applications({})", self.controller)
    }
}
