//! Between slog and `log`.

use slog::{Drain, FlushError, Level, Never, OwnedKVList, Record, RecordLocation, RecordStatic, b};

use super::{Shore, cross};
use crate::stderr;
use crate::system::SystemHandle;

/// A drain that hands records on to the logger of the `log` crate, whichever that is when a record comes.
///
/// A record's values follow its message, as in `process crashed pid=<0.4.1>`; its module is the target. `log` has no level
/// above error: critical records are errors.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::System;
/// use proscenium_runtime::bridges::SlogToLog;
/// use slog::{Drain, Logger, o};
///
/// # static KEPT: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
/// # struct Kept;
/// # impl log::Log for Kept {
/// #     fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, record: &log::Record<'_>) {
/// #         KEPT.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
/// #     }
/// #     fn flush(&self) {}
/// # }
/// log::set_logger(&Kept).unwrap(); // Any logger of `log`; this one keeps what it is told.
/// log::set_max_level(log::LevelFilter::Info);
/// let system = System::builder("shop").logger(Logger::root(SlogToLog.fuse(), o!())).build()?;
/// slog::info!(system.logger(), "sold {}", "tea"; "pieces" => 2);
/// assert_eq!(*KEPT.lock().unwrap(), ["INFO sold tea pieces=2"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SlogToLog;

impl Drain for SlogToLog {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let metadata = log::Metadata::builder().level(to_log(record.level())).target(record.module()).build();
        let logger = log::logger();
        if metadata.level() <= log::max_level() {
            cross(|| {
                if logger.enabled(&metadata) {
                    let text = stderr::text(record, values);
                    let mut builder = log::Record::builder();
                    builder.metadata(metadata).module_path_static(Some(record.module()));
                    builder.file_static(Some(record.file())).line(Some(record.line()));
                    logger.log(&builder.args(format_args!("{text}")).build());
                }
            });
        }
        Ok(())
    }

    fn is_enabled(&self, level: Level) -> bool {
        to_log(level) <= log::max_level()
    }

    fn flush(&self) -> Result<(), FlushError> {
        log::logger().flush();
        Ok(())
    }
}

/// A logger for the `log` crate that hands its records on to a system's logger.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, System};
/// use proscenium_runtime::bridges::LogToSlog;
///
/// let system = System::new("shop");
/// log::set_boxed_logger(Box::new(LogToSlog::new(&system)))?;
/// log::set_max_level(log::LevelFilter::Info);
/// let outcome = system.run(|_ctx: Context<()>| async {
///     log::warn!("out of cheese"); // Carries the pid of this process.
/// });
/// assert_eq!(outcome, Ok(()));
/// # Ok::<(), log::SetLoggerError>(())
/// ```
#[derive(Debug)]
pub struct LogToSlog(Shore);

impl LogToSlog {
    /// To `system`'s logger. It does not keep the system alive.
    pub fn new(system: &SystemHandle) -> Self {
        LogToSlog(Shore::new(system))
    }
}

impl log::Log for LogToSlog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.0.logger.is_enabled(to_slog(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let location = RecordLocation {
            file: record.file_static().unwrap_or_default(),
            line: record.line().unwrap_or_default(),
            column: 0,
            function: "",
            module: record.module_path_static().unwrap_or_default(),
        };
        let fixed = RecordStatic { location: &location, tag: record.target(), level: to_slog(record.level()) };
        self.0.log(&Record::new(&fixed, record.args(), b!("target" => record.target())));
    }

    fn flush(&self) {
        // Not every drain can, and `log` has no error to tell it with.
        let _ = self.0.logger.flush();
    }
}

fn to_log(level: Level) -> log::Level {
    match level {
        Level::Critical | Level::Error => log::Level::Error,
        Level::Warning => log::Level::Warn,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
        Level::Trace => log::Level::Trace,
    }
}

fn to_slog(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}
