//! An application: what it is made of, and its callbacks.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use proscenium_runtime::{Address, Context, ExitReason, SystemHandle};
use serde::de::DeserializeOwned;

use super::controller::Ask;
use super::environment::ApplicationSettings;
use super::handle::Applications;
use super::master::{self, Order};
use super::order::Needs;
use crate::child_spec::StartChild;
use crate::tree::Mistakes;
use crate::tree::arguments::read_fields;
use crate::tree::node::Node;

/// A part of a program that is started and stopped as a whole; OTP's application callbacks.
///
/// Each runs under a process of its own, the master, which calls these one after another.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, ExitReason, testing::TestSystem};
/// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
/// use proscenium_supervisor::{ChildSpec, Restart};
/// use proscenium_supervisor::{Supervisor, process};
/// use serde::Deserialize;
///
/// #[derive(Clone)]
/// struct Shop;
///
/// #[derive(Deserialize)]
/// #[serde(default)]
/// struct Settings {
///     tills: u32,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Settings { tills: 1 }
///     }
/// }
///
/// impl Application for Shop {
///     type Env = Settings;
///     type Top = Supervisor;
///
///     async fn start(&mut self, app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
///         let till = || process(|mut ctx: Context<()>| async move { ctx.receive_message().await });
///         let tills = (0..app.env().tills).map(|number| ChildSpec::new(&format!("till {number}"), till()));
///         Ok(Supervisor::one_for_one().name("tills").children(tills))
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let environment = Environment::new().set("shop.tills=3").unwrap();
///     let shop = ApplicationSpec::new("shop", Shop);
///     let applications = Applications::start_link([shop], environment, &mut ctx).await.unwrap();
///     applications.ensure_all_started(["shop"], Restart::Temporary).await.unwrap();
///     let tills = proscenium_supervisor::SupervisorRef::named(ctx.system(), "tills");
///     assert_eq!(tills.count_children().await.unwrap().active, 3);
///     applications.stop("shop").await.unwrap();
///     assert_eq!(ctx.system().whereis("tills"), None);
/// });
/// ```
pub trait Application: Clone + Send + Sync + 'static {
    /// Its settings, of which serde's `default` attribute gives those that nobody sets; `()` if there are none.
    type Env: DeserializeOwned + Send + Sync + 'static;

    /// The top of its tree: a [`Supervisor`](crate::Supervisor), a [`TreeRef`](crate::tree::TreeRef), or whatever starts a
    /// process.
    type Top: StartChild;

    /// Makes the top of its tree, which is then started.
    ///
    /// # Errors
    /// The application does not start.
    fn start(&mut self, app: &AppContext<Self::Env>) -> impl Future<Output = Result<Self::Top, ExitReason>> + Send;

    /// Goes through one of the spec's phases, once the tree has started.
    ///
    /// # Errors
    /// The application is stopped again, and its start has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Restart};
    /// use proscenium_supervisor::Supervisor;
    /// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
    ///
    /// /// A shop that opens when all of its tree stands.
    /// #[derive(Clone, Default)]
    /// struct Shop(Arc<Mutex<Vec<String>>>);
    ///
    /// impl Application for Shop {
    ///     type Env = ();
    ///     type Top = Supervisor;
    ///
    ///     async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
    ///         Ok(Supervisor::one_for_one())
    ///     }
    ///
    ///     async fn start_phase(&mut self, phase: &str, _app: &AppContext<()>) -> Result<(), ExitReason> {
    ///         self.0.lock().unwrap().push(phase.to_owned());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let shop = Shop::default();
    /// let spec = ApplicationSpec::new("shop", shop.clone()).phase("stock the shelves").phase("open the door");
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let applications = Applications::start_link([spec], Environment::new(), &mut ctx).await.unwrap();
    ///     applications.start("shop", Restart::Temporary).await.unwrap();
    /// });
    /// assert_eq!(*shop.0.lock().unwrap(), ["stock the shelves", "open the door"]);
    /// ```
    fn start_phase(
        &mut self,
        phase: &str,
        app: &AppContext<Self::Env>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = (phase, app);
        async { Ok(()) }
    }

    /// Is called before the tree is stopped, or when its top has ended by itself.
    ///
    /// # Examples
    ///
    /// First the door is closed, then the tree is stopped, and then the light is turned off:
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Restart};
    /// use proscenium_supervisor::Supervisor;
    /// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
    ///
    /// #[derive(Clone, Default)]
    /// struct Shop(Arc<Mutex<Vec<&'static str>>>);
    ///
    /// impl Application for Shop {
    ///     # type Env = ();
    ///     # type Top = Supervisor;
    ///     # async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
    ///     #     Ok(Supervisor::one_for_one().name("tills"))
    ///     # }
    ///     // …
    ///
    ///     async fn prep_stop(&mut self, app: &AppContext<()>) {
    ///         assert!(app.system().whereis("tills").is_some());
    ///         self.0.lock().unwrap().push("the door is closed");
    ///     }
    ///
    ///     async fn stop(&mut self, app: &AppContext<()>) {
    ///         assert_eq!(app.system().whereis("tills"), None);
    ///         self.0.lock().unwrap().push("the light is off");
    ///     }
    /// }
    ///
    /// let shop = Shop::default();
    /// let spec = ApplicationSpec::new("shop", shop.clone());
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let applications = Applications::start_link([spec], Environment::new(), &mut ctx).await.unwrap();
    ///     applications.start("shop", Restart::Temporary).await.unwrap();
    ///     applications.stop("shop").await.unwrap();
    /// });
    /// assert_eq!(*shop.0.lock().unwrap(), ["the door is closed", "the light is off"]);
    /// ```
    fn prep_stop(&mut self, app: &AppContext<Self::Env>) -> impl Future<Output = ()> + Send {
        let _ = app;
        async {}
    }

    /// Is called when the tree has stopped.
    fn stop(&mut self, app: &AppContext<Self::Env>) -> impl Future<Output = ()> + Send {
        let _ = app;
        async {}
    }

    /// Is called when the settings were read anew; OTP's `config_change`, but also if nothing has changed, so that
    /// files of the application's own may be read anew as well. `before` are the settings until now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use std::sync::{Arc, Mutex};
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Restart};
    /// use proscenium_supervisor::Supervisor;
    /// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
    /// use serde::Deserialize;
    ///
    /// #[derive(Clone, Default)]
    /// struct Shop(Arc<Mutex<Vec<(u32, u32)>>>);
    ///
    /// #[derive(Default, Deserialize)]
    /// #[serde(default)]
    /// struct Settings {
    ///     tills: u32,
    /// }
    ///
    /// impl Application for Shop {
    ///     # type Env = Settings;
    ///     # type Top = Supervisor;
    ///     # async fn start(&mut self, _app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
    ///     #     Ok(Supervisor::one_for_one())
    ///     # }
    ///     // …
    ///
    ///     async fn reload(&mut self, before: &Settings, app: &AppContext<Settings>) {
    ///         self.0.lock().unwrap().push((before.tills, app.env().tills));
    ///     }
    /// }
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let file = folder.path().join("shop.ron");
    /// fs::write(&file, "(shop: (tills: 3))").unwrap();
    /// let shop = Shop::default();
    /// let spec = ApplicationSpec::new("shop", shop.clone());
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let environment = Environment::new().file(file.clone());
    ///     let applications = Applications::start_link([spec], environment, &mut ctx).await.unwrap();
    ///     applications.start("shop", Restart::Temporary).await.unwrap();
    ///     fs::write(&file, "(shop: (tills: 5))").unwrap();
    ///     applications.reload().await.unwrap();
    /// });
    /// assert_eq!(*shop.0.lock().unwrap(), [(3, 5)]);
    /// ```
    fn reload(&mut self, before: &Self::Env, app: &AppContext<Self::Env>) -> impl Future<Output = ()> + Send {
        let _ = (before, app);
        async {}
    }
}

/// An application among others, as its callbacks see it.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Restart};
/// use proscenium_supervisor::Supervisor;
/// use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Applications, Environment};
///
/// #[derive(Clone, Default)]
/// struct Shop(Arc<Mutex<String>>);
///
/// impl Application for Shop {
///     type Env = ();
///     type Top = Supervisor;
///
///     async fn start(&mut self, app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
///         let others = app.applications();
///         assert!(others.pid().is_some());
///         let () = app.env();
///         *self.0.lock().unwrap() = format!("{} in {}", app.name(), app.system().name());
///         Ok(Supervisor::one_for_one())
///     }
/// }
///
/// let shop = Shop::default();
/// let spec = ApplicationSpec::new("shop", shop.clone());
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let applications = Applications::start_link([spec], Environment::new(), &mut ctx).await.unwrap();
///     applications.start("shop", Restart::Temporary).await.unwrap();
/// });
/// assert_eq!(*shop.0.lock().unwrap(), "shop in test");
/// ```
pub struct AppContext<E> {
    pub(super) name: Arc<str>,
    pub(super) env: Arc<E>,
    pub(super) system: SystemHandle,
    pub(super) applications: Applications,
}

impl<E> AppContext<E> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its settings.
    pub fn env(&self) -> &E {
        &self.env
    }

    /// The system in which it runs.
    pub fn system(&self) -> &SystemHandle {
        &self.system
    }

    /// All applications. A callback that waits for its own to start or stop would wait for ever.
    pub fn applications(&self) -> &Applications {
        &self.applications
    }
}

impl<E> fmt::Debug for AppContext<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppContext").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An [`Application`] with its name and what it needs; OTP's `.app` file.
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
///     let shop = part("shop").depends_on("stock").optionally("music"); // There is no music: well then.
///     assert_eq!(shop.name(), "shop");
///     let applications = Applications::start_link([shop, part("stock")], Environment::new(), &mut ctx).await.unwrap();
///     let started = applications.ensure_all_started(["shop"], Restart::Temporary).await.unwrap();
///     assert_eq!(started, ["stock".into(), "shop".into()]);
/// });
/// ```
#[derive(Clone)]
pub struct ApplicationSpec {
    pub(super) name: Arc<str>,
    depends_on: Vec<Arc<str>>,
    optionally: Vec<Arc<str>>,
    phases: Vec<Arc<str>>,
    boot: Arc<dyn Boot>,
}

impl ApplicationSpec {
    /// One that needs no others and has no phases. A clone of `application` is made for each start.
    pub fn new(name: &str, application: impl Application) -> Self {
        let (depends_on, optionally, phases) = (Vec::new(), Vec::new(), Vec::new());
        ApplicationSpec { name: name.into(), depends_on, optionally, phases, boot: Arc::new(Booter(application)) }
    }

    /// Adds an application that must run before this one starts; OTP's `applications`.
    #[must_use]
    pub fn depends_on(mut self, name: &str) -> Self {
        self.depends_on.push(name.into());
        self
    }

    /// Adds an application that starts before this one if it is there; OTP's `optional_applications`.
    #[must_use]
    pub fn optionally(mut self, name: &str) -> Self {
        self.optionally.push(name.into());
        self
    }

    /// Adds a phase of the start; they come in the order in which they were added.
    ///
    /// # Examples
    ///
    /// [`Application::start_phase`] shows what becomes of phases; where there are none to go through, they do no harm:
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = part("shop").phase("stock the shelves").phase("open the door");
    ///     let applications = Applications::start_link([shop], Environment::new(), &mut ctx).await.unwrap();
    ///     assert_eq!(applications.start("shop", Restart::Temporary).await, Ok(()));
    /// });
    /// ```
    #[must_use]
    pub fn phase(mut self, phase: &str) -> Self {
        self.phases.push(phase.into());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn dependencies(&self) -> impl Iterator<Item = &Arc<str>> {
        self.depends_on.iter()
    }

    pub(super) fn read_env(&self, settings: &ApplicationSettings, mistakes: &mut Mistakes) -> Option<AnyEnv> {
        self.boot.read_env(&self.name, settings, mistakes)
    }

    /// Starts the master, linked to the controller.
    pub(super) fn spawn_master(&self, env: AnyEnv, ctx: &mut Context<Ask>) -> Address<Order> {
        self.boot.spawn_master(self, env, ctx)
    }
}

impl Needs for ApplicationSpec {
    fn depends_on(&self) -> &[Arc<str>] {
        &self.depends_on
    }

    fn optionally(&self) -> &[Arc<str>] {
        &self.optionally
    }
}

impl fmt::Debug for ApplicationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationSpec")
            .field("name", &self.name)
            .field("depends_on", &self.depends_on)
            .field("optionally", &self.optionally)
            .field("phases", &self.phases)
            .finish_non_exhaustive()
    }
}

/// The settings of an application, whatever their type.
pub(super) type AnyEnv = Arc<dyn Any + Send + Sync>;

/// An application, whatever its types.
trait Boot: Send + Sync {
    fn read_env(&self, name: &str, settings: &ApplicationSettings, mistakes: &mut Mistakes) -> Option<AnyEnv>;

    fn spawn_master(&self, spec: &ApplicationSpec, env: AnyEnv, ctx: &mut Context<Ask>) -> Address<Order>;
}

struct Booter<A>(A);

impl<A: Application> Boot for Booter<A> {
    fn read_env(&self, name: &str, settings: &ApplicationSettings, mistakes: &mut Mistakes) -> Option<AnyEnv> {
        let env: A::Env = read_fields(&settings.fields, &Node::setting(name, name), name, mistakes)?;
        Some(Arc::new(env))
    }

    fn spawn_master(&self, spec: &ApplicationSpec, env: AnyEnv, ctx: &mut Context<Ask>) -> Address<Order> {
        let app = AppContext {
            name: spec.name.clone(),
            env: master::downcast(env),
            system: ctx.system().clone(),
            applications: Applications::of(ctx.address()),
        };
        let (application, phases) = (self.0.clone(), spec.phases.clone());
        ctx.spawn_link(move |ctx| master::run(application, app, phases, ctx))
    }
}
