//! What is done with more records than can be written: the rules of OTP's `logger_olp`, as a pure machine.

use std::fmt;
use std::time::{Duration, Instant};

use slog::{KV, Level, Record, Serializer, SingleKV};

/// A loss is told of after this long, with all that was lost meanwhile.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What a [`Guarded`](super::Guarded) drain does with more records than it can write; the overload protection of OTP's log
/// handlers, with their names and defaults.
///
/// | records that wait | mode | a new record |
/// |---|---|---|
/// | less than `sync_mode_qlen`, 10 | asynchronous | is queued, and its sender goes on |
/// | from there on | synchronous | is queued, and its sender waits until it is written, 10 ms at most |
/// | `drop_mode_qlen`, 200 | drop | is lost, unless it is an error or worse |
/// | `flush_qlen`, 1,000 | flush | is queued; all that waited are lost |
///
/// Beside that, no more than 500 records are taken within a second. A second after the first loss a record of its own, a
/// warning, tells how many were lost and why.
///
/// Two things differ from OTP. Errors, of which crash reports are made, still get in where other records are dropped. And a
/// sender that waits blocks a worker thread, not its process alone: so it waits for 10 ms where OTP's waits for seconds, and
/// once it has waited in vain nobody waits again until something has been written.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_runtime::logging::Overload;
/// use slog::{Discard, Drain, Logger, o};
///
/// let patient = Overload::new()
///     .qlen(50, 5_000, 10_000)
///     .sync_timeout(Duration::from_millis(50))
///     .flush_timeout(Duration::from_secs(30))
///     .no_burst_limit();
/// let logger = Logger::root(patient.guard(Discard)?.fuse(), o!());
/// slog::info!(logger, "the shop is open");
/// assert!(logger.flush().is_ok()); // All is written.
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overload {
    sync_mode_qlen: usize,
    drop_mode_qlen: usize,
    flush_qlen: usize,
    burst: Option<Limit>,
    sync_timeout: Duration,
    flush_timeout: Duration,
}

/// So many within that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    count: u32,
    window: Duration,
}

impl Overload {
    /// OTP's defaults.
    pub fn new() -> Self {
        Overload {
            sync_mode_qlen: 10,
            drop_mode_qlen: 200,
            flush_qlen: 1000,
            burst: Some(Limit { count: 500, window: Duration::from_secs(1) }),
            sync_timeout: Duration::from_millis(10),
            flush_timeout: Duration::from_secs(5),
        }
    }

    /// Sets how many records wait when each mode begins: 10, 200 and 1,000 by default.
    ///
    /// Modes that begin together leave out the first of them: with `qlen(200, 200, 200)` nobody waits, and of too many
    /// records the newest are kept.
    ///
    /// # Panics
    /// Unless `sync_mode` ≤ `drop_mode` ≤ `flush`, and `drop_mode` is one at least.
    ///
    /// # Examples
    ///
    /// Never wait, and of too many records keep the newest:
    ///
    /// ```
    /// use proscenium_runtime::logging::Overload;
    /// use slog::{Discard, Drain, Logger, o};
    ///
    /// let newest = Overload::new().qlen(200, 200, 200);
    /// assert_ne!(newest, Overload::new());
    /// let logger = Logger::root(newest.guard(Discard)?.fuse(), o!());
    /// slog::info!(logger, "the shop is open");
    /// assert!(logger.flush().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn qlen(mut self, sync_mode: usize, drop_mode: usize, flush: usize) -> Self {
        let in_order = sync_mode <= drop_mode && drop_mode <= flush && drop_mode > 0;
        assert!(in_order, "the modes begin out of order: sync at {sync_mode}, drop at {drop_mode}, flush at {flush}");
        (self.sync_mode_qlen, self.drop_mode_qlen, self.flush_qlen) = (sync_mode, drop_mode, flush);
        self
    }

    /// Sets how many records are taken within `window`, which begins with a record; what is beyond is lost. 500 within 1 s
    /// by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::logging::Overload;
    /// use slog::{Drain, Logger, o};
    ///
    /// # use std::sync::{Arc, Mutex};
    /// # use slog::{FlushError, Never, OwnedKVList, Record};
    /// #
    /// # #[derive(Clone, Default)]
    /// # struct Lines(Arc<Mutex<Vec<String>>>);
    /// #
    /// # impl Lines {
    /// #     fn all(&self) -> Vec<String> { self.0.lock().unwrap().clone() }
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
    /// let calm = Overload::new().burst_limit(3, Duration::from_secs(3600));
    /// let logger = Logger::root(calm.guard(lines.clone())?.fuse(), o!());
    /// for customer in 1..=100 {
    ///     slog::info!(logger, "customer {customer}");
    /// }
    /// logger.flush()?;
    /// assert_eq!(lines.all()[..3], ["customer 1", "customer 2", "customer 3"]);
    /// assert!(!lines.all().contains(&"customer 4".to_owned()), "it is lost, which a record of its own will tell");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn burst_limit(mut self, count: u32, window: Duration) -> Self {
        self.burst = Some(Limit { count, window });
        self
    }

    /// Takes as many records as come, however fast.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::logging::Overload;
    /// use slog::{Discard, Drain, Logger, o};
    ///
    /// let all = Overload::new().no_burst_limit();
    /// assert_ne!(all, Overload::new());
    /// let logger = Logger::root(all.guard(Discard)?.fuse(), o!());
    /// for customer in 1..=1_000 {
    ///     slog::error!(logger, "customer {customer}"); // Errors are not dropped, however many wait.
    /// }
    /// assert!(logger.flush().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn no_burst_limit(mut self) -> Self {
        self.burst = None;
        self
    }

    /// Sets how long a sender waits at most until its record is written; 10 ms by default. A process that waits blocks its
    /// worker thread meanwhile.
    #[must_use]
    pub fn sync_timeout(mut self, timeout: Duration) -> Self {
        self.sync_timeout = timeout;
        self
    }

    /// Sets how long a flush, and the last logger's drop, wait at most until all is written; 5 s by default.
    #[must_use]
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts { sync: self.sync_timeout, flush: self.flush_timeout }
    }
}

impl Default for Overload {
    fn default() -> Self {
        Overload::new()
    }
}

/// How long is waited for the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) sync: Duration,
    pub(super) flush: Duration,
}

/// How many records were lost, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    dropped: u64,
    flushed: u64,
    over_burst_limit: u64,
    failed: u64,
}

impl Lost {
    pub(crate) const LEVEL: Level = Level::Warning;

    fn total(&self) -> u64 {
        self.dropped + self.flushed + self.over_burst_limit + self.failed
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = if self.total() == 1 { "record was" } else { "records were" };
        write!(f, "{} log {records} lost", self.total())
    }
}

impl KV for Lost {
    fn serialize(&self, record: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        let reasons = [
            ("failed", self.failed),
            ("over_burst_limit", self.over_burst_limit),
            ("flushed", self.flushed),
            ("dropped", self.dropped),
        ];
        let mut told = reasons.into_iter().filter(|(_, count)| *count > 0);
        told.try_for_each(|pair| SingleKV::from(pair).serialize(record, serializer))
    }
}

/// How a record comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Async,
    /// Its sender waits until it is written.
    Sync,
    /// All that wait are discarded first.
    Flush,
}

/// Who comes in, and what was lost.
#[derive(Debug)]
pub(super) struct Door {
    limits: Overload,
    burst_began: Option<Instant>,
    burst: u32,
    /// Somebody has waited in vain, and nothing was written since.
    stuck: bool,
    lost: Lost,
    tell_at: Option<Instant>,
}

impl Door {
    pub(super) fn new(limits: Overload) -> Self {
        Door { limits, burst_began: None, burst: 0, stuck: false, lost: Lost::default(), tell_at: None }
    }

    /// Whether a record of that level may come in while so many wait. One that may not is counted.
    pub(super) fn admits(&mut self, level: Level, waiting: usize, now: Instant) -> bool {
        let spared = level.is_at_least(Level::Error) || self.limits.drop_mode_qlen == self.limits.flush_qlen;
        let full = waiting >= self.limits.drop_mode_qlen && !spared;
        if full {
            self.lose(now, |lost| lost.dropped += 1);
        } else if self.burst_is_over_limit(now) {
            self.lose(now, |lost| lost.over_burst_limit += 1);
        } else {
            return true;
        }
        false
    }

    /// Counts a record that comes in while so many wait, and tells how.
    pub(super) fn enter(&mut self, waiting: usize, now: Instant) -> Entry {
        self.burst_began.get_or_insert(now);
        self.burst = self.burst.saturating_add(1);
        if waiting >= self.limits.flush_qlen {
            self.lose(now, |lost| lost.flushed += waiting as u64);
            Entry::Flush
        } else if waiting >= self.limits.sync_mode_qlen && !self.stuck {
            Entry::Sync
        } else {
            Entry::Async
        }
    }

    fn burst_is_over_limit(&mut self, now: Instant) -> bool {
        let Some(limit) = self.limits.burst else { return false };
        if self.burst_began.is_some_and(|began| now.saturating_duration_since(began) >= limit.window) {
            (self.burst_began, self.burst) = (None, 0);
        }
        self.burst >= limit.count
    }

    /// Somebody has waited for as long as they wait, and their record is not written.
    pub(super) fn waited_in_vain(&mut self) {
        self.stuck = true;
    }

    /// The writer is done with a record, whether that is `written` or not.
    pub(super) fn done(&mut self, written: bool, now: Instant) {
        self.stuck = false;
        if !written {
            self.lose(now, |lost| lost.failed += 1);
        }
    }

    fn lose(&mut self, now: Instant, count: impl FnOnce(&mut Lost)) {
        count(&mut self.lost);
        self.tell_at.get_or_insert(now + TOLD_EVERY);
    }

    /// When there will be a loss to tell of.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        self.tell_at
    }

    /// What was lost since it was last told of, if there is something.
    pub(super) fn take_lost(&mut self) -> Option<Lost> {
        self.tell_at = None;
        Some(std::mem::take(&mut self.lost)).filter(|lost| lost.total() > 0)
    }

    /// It could not be told. It will be with the next loss.
    pub(super) fn put_back(&mut self, untold: Lost) {
        let Lost { dropped, flushed, over_burst_limit, failed } = untold;
        self.lost.dropped += dropped;
        self.lost.flushed += flushed;
        self.lost.over_burst_limit += over_burst_limit;
        self.lost.failed += failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(limits: Overload) -> (Door, Instant) {
        (Door::new(limits), Instant::now())
    }

    /// How a record fares while so many wait: `.` asynchronous, `s` synchronous, `d` dropped, `f` after a flush.
    fn fares(door: &mut Door, level: Level, waiting: usize, now: Instant) -> char {
        if !door.admits(level, waiting, now) {
            return 'd';
        }
        match door.enter(waiting, now) {
            Entry::Async => '.',
            Entry::Sync => 's',
            Entry::Flush => 'f',
        }
    }

    #[test]
    fn the_modes_begin_where_they_do_in_otp() {
        let (mut door, now) = door(Overload::new());
        let mut modes = |level| -> String {
            [0, 9, 10, 199, 200, 999, 1000].into_iter().map(|n| fares(&mut door, level, n, now)).collect()
        };
        assert_eq!(modes(Level::Warning), "..ssddd");
        assert_eq!(modes(Level::Error), "..ssssf", "errors are not dropped");
        assert_eq!(modes(Level::Critical), "..ssssf");
        let lost = door.take_lost();
        assert_eq!(lost, Some(Lost { dropped: 3, flushed: 2000, ..Lost::default() }));
    }

    #[test]
    fn modes_that_begin_together_leave_out_the_first_of_them() {
        let modes = |limits: Overload| -> String {
            let (mut door, now) = door(limits);
            (0..6).map(|n| fares(&mut door, Level::Info, n, now)).collect()
        };
        assert_eq!(modes(Overload::new().qlen(3, 3, 3)), "...fff", "the newest are kept");
        assert_eq!(modes(Overload::new().qlen(3, 3, 9)), "...ddd", "nobody waits");
        assert_eq!(modes(Overload::new().qlen(0, 3, 3)), "sssfff", "everybody waits");
    }

    #[test]
    #[should_panic(expected = "sync at 10, drop at 5, flush at 20")]
    fn modes_begin_in_order() {
        let _ = Overload::new().qlen(10, 5, 20);
    }

    #[test]
    fn who_waits_in_vain_is_the_last_until_something_is_written() {
        let (mut door, now) = door(Overload::new());
        assert_eq!(fares(&mut door, Level::Info, 10, now), 's');
        door.waited_in_vain();
        assert_eq!(fares(&mut door, Level::Info, 11, now), '.');
        assert_eq!(fares(&mut door, Level::Info, 200, now), 'd');
        door.done(true, now);
        assert_eq!(fares(&mut door, Level::Info, 11, now), 's');
    }

    #[test]
    fn no_more_come_in_within_a_window_than_the_burst_limit_allows() {
        let (mut door, start) = door(Overload::new().burst_limit(3, Duration::from_millis(100)));
        let fares_at = [0, 10, 20, 30, 99, 100, 101, 199, 199, 200]
            .map(|millis| fares(&mut door, Level::Error, 0, start + Duration::from_millis(millis)));
        assert_eq!(String::from_iter(fares_at), "...dd...d.");
        assert_eq!(door.take_lost(), Some(Lost { over_burst_limit: 3, ..Lost::default() }));
    }

    #[test]
    fn the_burst_limit_is_otps() {
        let (mut door, now) = door(Overload::default());
        assert_eq!((0..1000).filter(|_| fares(&mut door, Level::Info, 0, now) == '.').count(), 500);
        assert_eq!(fares(&mut door, Level::Info, 0, now + Duration::from_millis(999)), 'd');
        assert_eq!(fares(&mut door, Level::Info, 0, now + Duration::from_secs(1)), '.');
    }

    #[test]
    fn without_a_burst_limit_all_come_in() {
        let (mut door, now) = door(Overload::new().no_burst_limit());
        assert!((0..10_000).all(|_| fares(&mut door, Level::Info, 0, now) == '.'));
    }

    #[test]
    fn a_loss_is_told_of_a_second_after_the_first() {
        let (mut door, start) = door(Overload::new());
        assert_eq!((door.tell_at(), door.take_lost()), (None, None));
        let after = |millis| start + Duration::from_millis(millis);
        door.admits(Level::Info, 200, start);
        door.admits(Level::Info, 200, after(900));
        door.done(false, after(950));
        assert_eq!(door.tell_at(), Some(after(1000)));
        let lost = door.take_lost().expect("there is a loss");
        assert_eq!(lost.to_string(), "3 log records were lost");
        assert_eq!(door.tell_at(), None);

        door.put_back(lost.clone());
        assert_eq!(door.tell_at(), None, "who could not be told is not told again and again");
        door.done(false, after(2000));
        assert_eq!(door.tell_at(), Some(after(3000)));
        assert_eq!(door.take_lost(), Some(Lost { failed: 2, ..lost }));
    }
}
