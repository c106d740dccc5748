//! A drain behind a writer.

use std::io;

use slog::{BorrowedKV, Drain, FlushError, Never, OwnedKVList, Record, RecordStatic, o};

use super::captured::Captured;
use super::overload::{Lost, Overload};
use super::writer::{Sink, Unwritten, Writer};

/// A drain that another thread writes to, so that neither a slow drain nor a flood of records holds up the system for
/// long; [`Overload`] has the rules.
///
/// A record is copied when it is logged, with the values of its logger as they are then. A drain that fails or panics loses
/// that record, which is counted as lost, and no other. What it logs itself through this is lost, too, and not counted.
///
/// Put filters around it rather than inside, so that what nobody wants is not copied. A test's simulated system needs a
/// drain without it: a thread of its own is in no seed's hands.
///
/// # Flushing
/// [`Logger::flush`](slog::Logger::flush) waits until all that was logged before is written, told, and flushed by the drain,
/// or for 5 s. A system does that at its end. The last logger's drop writes what is left, too, and waits 5 s at most.
/// [`std::process::exit`] waits for nothing.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::logging::Guarded;
/// use slog::{Drain, Logger, o};
///
/// # use std::sync::{Arc, Mutex, MutexGuard};
/// # use slog::{FlushError, Never, OwnedKVList, Record};
/// #
/// # #[derive(Clone, Default)]
/// # struct Lines(Arc<Mutex<Vec<String>>>);
/// #
/// # impl Lines {
/// #     fn hold(&self) -> MutexGuard<'_, Vec<String>> { self.0.lock().unwrap() }
/// # }
/// #
/// # impl Drain for Lines {
/// #     type Ok = ();
/// #     type Err = Never;
/// #
/// #     fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), Never> {
/// #         self.0.lock().unwrap().push(record.msg().to_string());
/// #         Ok(())
/// #     }
/// #
/// #     fn flush(&self) -> Result<(), FlushError> { Ok(()) }
/// # }
/// #
/// let lines = Lines::default(); // A drain that keeps what is logged.
/// let logger = Logger::root(Guarded::new(lines.clone())?.fuse(), o!());
/// let held = lines.hold(); // The drain is stuck: its disk does not answer.
/// slog::info!(logger, "the shop is open"); // And we go on.
/// drop(held);
/// logger.flush()?;
/// assert_eq!(*lines.hold(), ["the shop is open"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Guarded {
    writer: Writer<Captured>,
}

impl Guarded {
    /// Guards `drain` with the defaults of [`Overload`].
    ///
    /// # Errors
    /// If the operating system gives no thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::logging::Guarded;
    /// use slog::{Discard, Drain, Level, Logger, o};
    ///
    /// let drain = Guarded::new(Discard)?; // In its place: a drain that may be slow.
    /// let logger = Logger::root(drain.filter_level(Level::Info).fuse(), o!());
    /// slog::info!(logger, "the shop is open");
    /// assert!(logger.flush().is_ok()); // All is written.
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new<D>(drain: D) -> io::Result<Self>
    where
        D: Drain + Send + 'static,
    {
        Overload::new().guard(drain)
    }
}

impl Overload {
    /// Guards `drain` by these rules.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn guard<D>(self, drain: D) -> io::Result<Guarded>
    where
        D: Drain + Send + 'static,
    {
        Ok(Guarded { writer: Writer::start("log-writer", self, Inner(drain))? })
    }
}

impl Drain for Guarded {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        self.writer.submit(record.level(), || Captured::new(record, values));
        Ok(())
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.writer.flush()
    }
}

struct Inner<D>(D);

impl<D: Drain + Send + 'static> Sink<Captured> for Inner<D> {
    fn write(&mut self, record: &Captured) -> Result<(), Unwritten> {
        record.log_to(&self.0).map(drop).map_err(|_| Unwritten)
    }

    fn tell(&mut self, lost: &Lost) -> Result<(), Unwritten> {
        let fixed: RecordStatic<'_> = slog::record_static!(Lost::LEVEL, "");
        let message = format_args!("{lost}");
        let record = Record::new(&fixed, &message, BorrowedKV(lost));
        self.0.log(&record, &o!().into()).map(drop).map_err(|_| Unwritten)
    }

    fn flush(&mut self) -> Result<(), FlushError> {
        self.0.flush()
    }
}
