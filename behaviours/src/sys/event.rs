//! What a behaviour tells of itself to whoever watches.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use proscenium_runtime::{ExitReason, Pid, catch_panic};

/// Something that a behaviour's process has received or done; OTP's system events.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::{Sys, SysEvent};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// let test = TestSystem::new(1);
/// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
/// let events = test.block_on(Sys::new(&test, &counter).trace()).unwrap();
/// test.advance(Duration::from_secs(60));
/// counter.cast(Count::Add(7));
/// let event: SysEvent = test.block_on(events.recv()).unwrap();
/// assert_eq!((Some(event.pid), event.at), (counter.pid(), test.now()));
/// assert!(event.text.ends_with("Count"), "what a message says is shown only if `format_message` shows it");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysEvent {
    /// Whose.
    pub pid: Pid,
    /// When, by the system's clock.
    pub at: Instant,
    /// What kind of event.
    pub kind: SysEventKind,
    /// What of it the behaviour shows.
    pub text: Arc<str>,
}

impl SysEvent {
    pub(super) fn new(pid: Pid, at: Instant, kind: SysEventKind, text: Arc<str>) -> Self {
        SysEvent { pid, at, kind, text }
    }
}

impl fmt::Display for SysEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pid, self.kind, self.text)
    }
}

/// The kinds of events that behaviours tell of.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::gen_statem::keep_state;
/// use proscenium_behaviours::{Sys, SysEventKind};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod lamp { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lamp.rs")); }
/// # use lamp::*;
/// let test = TestSystem::new(1);
/// let lamp = lamp(&test);
/// let events = test.block_on(Sys::new(&test, &lamp).trace()).unwrap();
/// lamp.cast(go(|| keep_state().state_timeout(Duration::from_secs(60), "it is dark still")));
/// test.advance(Duration::from_secs(60));
/// let kinds: Vec<SysEventKind> = std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.kind).collect();
/// assert_eq!(kinds, [SysEventKind::In, SysEventKind::Timeout]);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SysEventKind {
    /// A message came.
    In,
    /// An exit or a down came.
    Info,
    /// It continues with something before it receives again.
    Continue,
    /// A timeout of its own was due.
    Timeout,
    /// A state machine puts an event aside until its state changes.
    Postpone,
}

impl fmt::Display for SysEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SysEventKind::In => "in",
            SysEventKind::Info => "info",
            SysEventKind::Continue => "continue",
            SysEventKind::Timeout => "timeout",
            SysEventKind::Postpone => "postpone",
        })
    }
}

/// What `write` writes. It is the user's: should it fail, nothing of what it was about is shown, as that may be secret.
pub(crate) fn shown(write: &Write<'_>) -> Arc<str> {
    match caught(|| Shown(write).to_string()) {
        Ok(text) => text.into(),
        Err(_) => "(what would show it panicked)".into(),
    }
}

/// Writes what is shown, whatever that is: what shows it is compiled once.
pub(crate) type Write<'a> = dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result + 'a;

struct Shown<'a>(&'a Write<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// Runs code of the user's that awaits nothing; a panic of it is an error.
pub(super) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let mut outcome = pin!(catch_panic(async { code() }));
    match outcome.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("it awaits nothing"),
    }
}
