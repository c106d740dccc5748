//! What can go wrong with applications.

use std::sync::Arc;

use proscenium_runtime::{CallError, ExitReason};

use crate::tree::Mistakes;

/// An application did not start or stop.
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
///     let parts = [part("shop").depends_on("stock"), part("stock")];
///     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
///     let error = applications.start("shpo", Restart::Temporary).await.unwrap_err();
///     assert!(matches!(error, ApplicationError::Unknown { nearest: Some(name), .. } if name == "shop"));
///     let error = applications.start("shop", Restart::Temporary).await.unwrap_err();
///     assert_eq!(error.to_string(), r#"application "shop" depends on "stock", which is not started"#);
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// There is none of that name.
    #[error("{}", unknown(name, needed_by.as_deref(), nearest.as_deref()))]
    Unknown {
        /// The name.
        name: Arc<str>,
        /// Which application depends on it, if that is why it was looked for.
        needed_by: Option<Arc<str>>,
        /// A name that is there and is most like it.
        nearest: Option<String>,
    },
    /// Two have one name.
    #[error("two applications have the name {name:?}")]
    Duplicate {
        /// The name.
        name: Arc<str>,
    },
    /// They depend on each other, so none can start first.
    #[error("applications depend on each other: {}", circle.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" -> "))]
    Circle {
        /// Each depends on the next; the last is the first.
        circle: Vec<Arc<str>>,
    },
    /// It runs, or is just starting; OTP's `already_started`.
    #[error("application {name:?} is started already")]
    AlreadyStarted {
        /// Its name.
        name: Arc<str>,
    },
    /// It does not run.
    #[error("application {name:?} is not started")]
    NotStarted {
        /// Its name.
        name: Arc<str>,
    },
    /// One that it depends on does not run; OTP's `not_started`.
    #[error("application {name:?} depends on {dependency:?}, which is not started")]
    DependencyNotStarted {
        /// Its name.
        name: Arc<str>,
        /// What does not run.
        dependency: Arc<str>,
    },
    /// Its start failed, or it ended while it was being started.
    #[error("application {name:?} did not start: {reason}")]
    Start {
        /// Its name.
        name: Arc<str>,
        /// Why.
        reason: ExitReason,
    },
    /// Its environment is wrong.
    #[error("{0}")]
    Environment(Mistakes),
    /// All applications are being stopped.
    #[error("all applications are being stopped")]
    Stopping,
    /// The controller did not answer.
    #[error("{0}")]
    Call(#[from] CallError),
}

/// An application that the system cannot do without has ended; as a reason for which everything ends.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason, Restart};
/// use proscenium_supervisor::application::{ApplicationEnded, Applications, Environment};
///
/// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
/// # use part::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let applications = Applications::start_link([part("shop")], Environment::new(), &mut ctx).await.unwrap();
///     applications.start("shop", Restart::Permanent).await.unwrap();
///     ctx.exit("shop", ExitReason::Kill); // Its top supervisor.
///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     let ended: &ApplicationEnded = exit.reason.downcast_ref().expect("that is why all have ended");
///     assert_eq!((&*ended.name, &ended.reason), ("shop", &ExitReason::Killed));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("application {name:?} has ended: {reason}")]
pub struct ApplicationEnded {
    /// Its name.
    pub name: Arc<str>,
    /// Why.
    pub reason: ExitReason,
}

fn unknown(name: &str, needed_by: Option<&str>, nearest: Option<&str>) -> String {
    let what = match needed_by {
        Some(needed_by) => format!("{needed_by:?} depends on {name:?}, which is not there"),
        None => format!("there is no application {name:?}"),
    };
    nearest.map_or_else(|| what.clone(), |nearest| format!("{what}, did you mean `{nearest}`?"))
}
