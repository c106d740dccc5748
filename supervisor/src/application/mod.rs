//! Applications: parts of a program that are started and stopped as wholes, in order, as OTP's.
//!
//! An [`Application`] has callbacks, an [`ApplicationSpec`] its name and needs. The controller (`controller`) starts a
//! master (`master`) for each that runs, in an order that `order` finds. A [`Release`] makes a program of them: it
//! listens to the operating system's signals and speaks to its service manager (`platform`), watches the scheduler
//! (`watchdog`), and ends with an exit code.
//!
//! # Examples
//!
//! Two applications, of which one needs the other:
//!
//! ```
//! use proscenium_runtime::testing::TestSystem;
//! use proscenium_runtime::{Context, Restart};
//! use proscenium_supervisor::application::{Applications, Environment};
//!
//! # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
//! # use part::*;
//! TestSystem::new(1).run(|mut ctx: Context<()>| async move {
//!     let parts = [part("shop").depends_on("stock"), part("stock")];
//!     let applications = Applications::start_link(parts, Environment::new(), &mut ctx).await.unwrap();
//!     applications.ensure_all_started(["shop"], Restart::Permanent).await.unwrap();
//!     assert_eq!(applications.which().await.unwrap(), ["stock".into(), "shop".into()]);
//! });
//! ```

mod error;
mod order;

mod environment;

mod controller;
mod handle;
mod master;
mod spec;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod platform;
mod platform_words;
mod watchdog;

mod release;

pub use environment::{Environment, SettingError};
pub use error::{ApplicationEnded, ApplicationError};
pub use handle::Applications;
pub use release::Release;
pub use spec::{AppContext, Application, ApplicationSpec};
