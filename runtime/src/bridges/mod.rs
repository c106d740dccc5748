//! Records to and from other logging libraries; each bridge comes with a feature of its name, `log` or `tracing`.
//!
//! | from | to | by | feature |
//! |---|---|---|---|
//! | what is logged in a system | the logger of `log` | `SlogToLog`, a drain | `log` |
//! | what libraries log with `log` | a system's logger | `LogToSlog`, a `log::Log` | `log` |
//! | what libraries tell with `tracing` | a system's logger | `TracingToSlog`, a `tracing_subscriber::Layer` | `tracing` |
//!
//! Nothing is bridged until you install it: `log` and `tracing` have one logger for the whole program, and which that is, is
//! yours to say. What comes from within a process of the system carries what that process's own records do: its pid, name,
//! label and ancestors.
//!
//! What a bridge's far side logs while it writes a record is not bridged back, or it would never come to an end.
//!
//! # Examples
//!
//! What a library logs with `log`, in a system's log, with the pid of the process that it ran in:
//!
//! ```
//! use proscenium_runtime::Context;
//! use proscenium_runtime::bridges::LogToSlog;
//! use proscenium_runtime::testing::TestSystem;
//! use slog::{Drain, Logger, o};
//!
//! # #[cfg(feature = "log")] {
//! # use std::fmt;
//! # use std::sync::{Arc, Mutex};
//! # use slog::{KV, Key, Never, OwnedKVList, Record, Serializer};
//! #
//! # #[derive(Clone, Default)]
//! # struct Lines(Arc<Mutex<Vec<String>>>);
//! #
//! # struct Text(String);
//! #
//! # impl Serializer for Text {
//! #     fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
//! #         if &*key == "pid" { self.0 += &format!(" {key}={value}"); }
//! #         Ok(())
//! #     }
//! # }
//! #
//! # impl Drain for Lines {
//! #     type Ok = ();
//! #     type Err = Never;
//! #
//! #     fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
//! #         let mut text = Text(record.msg().to_string());
//! #         values.serialize(record, &mut text).unwrap();
//! #         self.0.lock().unwrap().push(text.0);
//! #         Ok(())
//! #     }
//! # }
//!
//! let lines = Lines::default(); // A drain that keeps what is logged.
//! let test = TestSystem::with_logger(7, Logger::root(lines.clone().fuse(), o!()));
//! log::set_boxed_logger(Box::new(LogToSlog::new(&test))).unwrap();
//! log::set_max_level(log::LevelFilter::Info);
//! test.run(|_ctx: Context<()>| async { log::warn!("out of cheese") });
//! assert_eq!(*lines.0.lock().unwrap(), ["out of cheese pid=<0.1.1>"]);
//! # }
//! ```

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};

use slog::{Logger, Record, o};

use crate::any_process::WithControl;
use crate::current;
use crate::logging::Identity;
use crate::system::{Shared, SystemHandle};

#[cfg(feature = "log")]
mod with_log;
#[cfg(feature = "tracing")]
mod with_tracing;

#[cfg(feature = "log")]
pub use with_log::{LogToSlog, SlogToLog};
#[cfg(feature = "tracing")]
pub use with_tracing::TracingToSlog;

thread_local! {
    static CROSSING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `code`, unless it is called by such code.
fn cross(code: impl FnOnce()) {
    struct Crossed;

    impl Drop for Crossed {
        fn drop(&mut self) {
            CROSSING.set(false);
        }
    }

    if !CROSSING.replace(true) {
        let _crossed = Crossed;
        code();
    }
}

/// A system as the end of a bridge, which does not keep it in memory.
struct Shore {
    system: Weak<Shared>,
    logger: Logger,
}

impl Shore {
    fn new(system: &SystemHandle) -> Self {
        Shore { system: Arc::downgrade(&system.shared), logger: system.logger().clone() }
    }

    fn log(&self, record: &Record<'_>) {
        cross(|| match self.current_process() {
            Some(identity) => self.logger.new(o!(identity)).log(record),
            None => self.logger.log(record),
        });
    }

    /// The process of this system in which it is asked; pids of other systems are alike.
    fn current_process(&self) -> Option<Identity> {
        let process = self.system.upgrade()?.table.get(current::pid()?)?;
        if Arc::as_ptr(&process).addr() != current::address() {
            return None;
        }
        let (name, label) = process.control(|control| (control.name().cloned(), control.label().cloned()));
        Some(Identity { pid: process.pid(), name, label, ancestors: process.ancestors().clone() })
    }
}

impl fmt::Debug for Shore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shore").field("system", &self.system.upgrade()).finish_non_exhaustive()
    }
}
