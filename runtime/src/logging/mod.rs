//! Logging that an overload can neither hold up nor flood.
//!
//! Wrap a drain of your own with [`Guarded`] before you give it to [`Builder::logger`](crate::Builder::logger); the logger
//! of a system that was given none is guarded so from the start. [`Overload`] tells what is done with more records than the
//! drain can write.
//!
//! # Examples
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use proscenium_runtime::{Context, System};
//! use proscenium_runtime::logging::Guarded;
//! use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, o};
//!
//! #[derive(Clone, Default)]
//! struct Lines(Arc<Mutex<Vec<String>>>);
//!
//! impl Drain for Lines {
//!     type Ok = ();
//!     type Err = Never;
//!
//!     fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), Never> {
//!         self.0.lock().unwrap().push(record.msg().to_string());
//!         Ok(())
//!     }
//! }
//!
//! let lines = Lines::default();
//! let drain = Guarded::new(lines.clone())?.filter_level(Level::Info).fuse();
//! let system = System::builder("shop").logger(Logger::root(drain, o!())).build()?;
//! let outcome = system.run(|ctx: Context<()>| async move {
//!     slog::info!(ctx.logger(), "the shop is open");
//!     slog::debug!(ctx.logger(), "nobody needs to know");
//! });
//! assert_eq!(outcome, Ok(()));
//! // A system that has ended has written all that was logged in it.
//! assert_eq!(*lines.0.lock().unwrap(), ["the shop is open"]);
//! # Ok::<(), std::io::Error>(())
//! ```

mod captured;
mod guarded;
mod identity;
mod overload;
mod writer;

#[cfg(feature = "crossing")]
pub(crate) use captured::Value;
#[cfg(any(feature = "tracing", feature = "crossing"))]
pub(crate) use captured::Values;
pub use guarded::Guarded;
pub(crate) use identity::Identity;
pub(crate) use overload::Lost;
pub use overload::Overload;
pub(crate) use writer::{Sink, Unwritten, Writer};
