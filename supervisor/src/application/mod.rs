//! Applications: parts of a program that are started and stopped as wholes, in order, as OTP's.
//!
//! An [`Application`] has callbacks, an [`ApplicationSpec`] its name and needs. The controller (`controller`) starts a
//! master (`master`) for each that runs, in an order that `order` finds. A [`Release`] makes a program of them: it
//! listens to the operating system's signals and speaks to its service manager (`platform`), watches the scheduler
//! (`watchdog`), and ends with an exit code.

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
