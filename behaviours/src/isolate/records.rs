//! The log of the server's OS process, which is written by its parent.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use proscenium_runtime::Pid;
use proscenium_runtime::crossing::{Border, LogRecord};
use slog::{Drain, Level, LevelFilter, Logger, Never, OwnedKVList, Record, o};

use super::wire::write_some;
use super::words::FromServer;

/// Where the parent's own reports on the server stand.
const REPORTS: &str = "proscenium_runtime::report";

/// What records need on their way, once it is there.
#[derive(Default)]
pub(super) struct Way {
    pub(super) border: OnceLock<Arc<Border>>,
    /// Who the server is.
    pub(super) server: Arc<OnceLock<Pid>>,
}

/// A logger whose records go to the parent: those that are as grave as `level`, if any is.
pub(super) fn logger(
    level: Option<usize>,
    identity: Vec<(String, Option<String>)>,
    stream: UnixStream,
    way: Arc<Way>,
) -> Logger {
    match level.and_then(Level::from_usize) {
        Some(level) => Logger::root(LevelFilter::new(Forward { identity, stream, way }, level).fuse(), o!()),
        None => Logger::root(slog::Discard, o!()),
    }
}

struct Forward {
    /// Who the server is to its parent.
    identity: Vec<(String, Option<String>)>,
    stream: UnixStream,
    way: Arc<Way>,
}

impl Drain for Forward {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let Some(border) = self.way.border.get() else { return Ok(()) };
        let mut record = LogRecord::new(record, values);
        let pid = self.way.server.get().map(ToString::to_string);
        if pid.is_some() && record.text("pid") == pid.as_deref() {
            if record.module() == REPORTS {
                // The parent reports it itself.
                return Ok(());
            }
            for (key, value) in &self.identity {
                record.set(key, value.as_deref());
            }
        }
        // One that is larger than a frame may be is lost.
        let _ = border.send_control(&FromServer::Log(record));
        // At once: if this OS process dies next, it is the last that is known of it.
        let _ = write_some(&self.stream, border);
        Ok(())
    }
}

/// The least of the levels that `logger` logs, if it logs any.
pub(super) fn least_level(logger: &Logger) -> Option<usize> {
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];
    levels.into_iter().find(|level| logger.is_enabled(*level)).map(|level| level.as_usize())
}
