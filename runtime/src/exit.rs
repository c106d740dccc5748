//! Why a process ended.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

/// Any error that can travel between processes.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Cause, ExitReason};
///
/// let cause: Cause = std::sync::Arc::new("x".parse::<u8>().unwrap_err());
/// let reasons = [ExitReason::Error(cause.clone()), ExitReason::ShutdownWith(cause)]; // One error, told twice.
/// assert_eq!(reasons[0].to_string(), "invalid digit found in string");
/// assert_eq!(reasons[1].to_string(), "shutdown: invalid digit found in string");
/// ```
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a process ended, or is told to end.
///
/// Any error becomes an exit reason with `?`, so a body that returns `Result<(), ExitReason>` lets it crash by default.
/// Two reasons are equal when they are of the same kind and their causes read the same.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::ExitReason;
///
/// fn parse(text: &str) -> Result<u16, ExitReason> {
///     Ok(text.parse()?)
/// }
///
/// let reason = parse("70000").unwrap_err();
/// assert_eq!(reason.to_string(), "number too large to fit in target type");
/// assert!(!reason.is_normal());
/// assert!(ExitReason::shutdown_with("deployed").is_normal());
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub enum ExitReason {
    /// The process had done its work. Through a link it does not end others, as in OTP.
    Normal,
    /// A supervisor, or the system, asked it to stop.
    Shutdown,
    /// It stopped on purpose and says why; OTP's `{shutdown, Term}`.
    ShutdownWith(Cause),
    /// The signal that cannot be trapped. Who is sent it ends as [`Killed`](ExitReason::Killed); a process that itself
    /// ends with it tells its links `Kill`, which they may trap, as in OTP.
    Kill,
    /// It was killed.
    Killed,
    /// There was no such process.
    NoProcess,
    /// Its `init` decided that it need not run; OTP's `ignore`.
    Ignore,
    /// Its `init` failed, which only who started it shall hear; OTP's `{error, Reason}`. See [`init_error`](Self::init_error).
    InitError(Cause),
    /// It panicked.
    Panic(Panic),
    /// It returned an error.
    Error(Cause),
}

impl ExitReason {
    /// An abnormal reason made of any error, or of a text.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let stock = test.spawn(|_ctx: Context<()>| async {
    ///     let missing = 3;
    ///     Err(ExitReason::error(format!("{missing} pizzas are missing")))
    /// });
    /// let reason = test.block_on(stock.exited());
    /// assert_eq!(reason.to_string(), "3 pizzas are missing");
    /// assert!(reason.is_crash());
    /// ```
    pub fn error(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        ExitReason::Error(Arc::from(cause.into()))
    }

    /// A shutdown that says why; OTP's `{shutdown, Term}`.
    ///
    /// # Examples
    ///
    /// A deliberate end is no crash, and a transient child is not started again after it:
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let guest = test.spawn(|_ctx: Context<()>| async { Err(ExitReason::shutdown_with("logged out")) });
    /// assert_eq!(test.block_on(guest.exited()).to_string(), "shutdown: logged out");
    /// test.expect_no_crash();
    /// ```
    pub fn shutdown_with(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        ExitReason::ShutdownWith(Arc::from(cause.into()))
    }

    /// A failure of `init` that is told to whoever starts the process, as [`Error`](ExitReason::Error), and to nobody else:
    /// there is no crash report, and to others the process ends normally. For what is to be expected, such as a port that is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, StartOptions, start};
    ///
    /// let test = TestSystem::new(1);
    /// let failed = start(&test, StartOptions::new(), |_ctx: Context<()>, _ack| async {
    ///     Err(ExitReason::init_error("port 6379 is taken"))
    /// });
    /// let error = test.block_on(failed).unwrap_err();
    /// assert_eq!(error.to_string(), "its init failed: port 6379 is taken");
    /// test.expect_no_crash(); // Who started it knows, and that is enough.
    /// ```
    pub fn init_error(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        ExitReason::InitError(Arc::from(cause.into()))
    }

    /// Whether a process that ends so by itself is reported: not if it ends in order, nor if its `init` has said why to whoever
    /// started it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::ExitReason;
    ///
    /// assert!(ExitReason::error("no tea").is_crash());
    /// assert!(ExitReason::Killed.is_crash()); // Though a process that a signal ends makes no report.
    /// assert!(!ExitReason::Shutdown.is_crash() && !ExitReason::init_error("port 80 is taken").is_crash());
    /// ```
    pub fn is_crash(&self) -> bool {
        !self.is_normal() && !matches!(self, ExitReason::Ignore | ExitReason::InitError(_))
    }

    /// What kind of end this is, for counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{ExitKind, ExitReason};
    ///
    /// assert_eq!(ExitReason::shutdown_with("deployed").kind(), ExitKind::Shutdown);
    /// assert_eq!(ExitReason::NoProcess.kind(), ExitKind::Error);
    /// ```
    pub fn kind(&self) -> ExitKind {
        match self {
            ExitReason::Normal | ExitReason::Ignore | ExitReason::InitError(_) => ExitKind::Normal,
            ExitReason::Shutdown | ExitReason::ShutdownWith(_) => ExitKind::Shutdown,
            ExitReason::Kill | ExitReason::Killed => ExitKind::Killed,
            ExitReason::Panic(_) => ExitKind::Panic,
            ExitReason::Error(_) | ExitReason::NoProcess => ExitKind::Error,
        }
    }

    /// Whether this is an orderly end: `Normal`, `Shutdown` or `ShutdownWith`.
    ///
    /// An orderly end makes no crash report, and a transient child that ends so is not restarted.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_))
    }

    /// `Ignore` and `InitError` are words between `init` and who started it; to everybody else the process ended normally.
    pub(crate) fn to_others(&self) -> Self {
        match self {
            ExitReason::Ignore | ExitReason::InitError(_) => ExitReason::Normal,
            reason => reason.clone(),
        }
    }

    /// The error behind this reason, where it is one of type `E`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::num::ParseIntError;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let parser = test.spawn(|_ctx: Context<()>| async {
    ///     "".parse::<u16>()?;
    ///     Ok(())
    /// });
    /// let reason = test.block_on(parser.exited());
    /// let error = reason.downcast_ref::<ParseIntError>().expect("nothing else can fail");
    /// assert_eq!(error.kind(), &std::num::IntErrorKind::Empty);
    /// ```
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            ExitReason::Error(cause) | ExitReason::ShutdownWith(cause) | ExitReason::InitError(cause) => {
                cause.downcast_ref()
            }
            _ => None,
        }
    }
}

/// The kinds of exit reasons, without their causes.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitKind, ExitReason};
///
/// let test = TestSystem::new(1);
/// for reason in [ExitReason::Normal, ExitReason::error("no tea"), ExitReason::error("no milk")] {
///     test.spawn(|_ctx: Context<()>| async { Err(reason) });
/// }
/// test.run_until_idle();
/// let ended = test.counts().ended;
/// assert_eq!(ExitKind::ALL.map(|kind| (kind.to_string(), ended[&kind]))[4], ("error".to_owned(), 2));
/// assert_eq!(ended[&ExitKind::Normal], 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ExitKind {
    /// [`ExitReason::Normal`], [`ExitReason::Ignore`] and [`ExitReason::InitError`].
    Normal,
    /// [`ExitReason::Shutdown`] and [`ExitReason::ShutdownWith`].
    Shutdown,
    /// [`ExitReason::Killed`], and [`ExitReason::Kill`].
    Killed,
    /// [`ExitReason::Panic`].
    Panic,
    /// [`ExitReason::Error`], and [`ExitReason::NoProcess`].
    Error,
}

impl ExitKind {
    /// All of them.
    pub const ALL: [ExitKind; 5] =
        [ExitKind::Normal, ExitKind::Shutdown, ExitKind::Killed, ExitKind::Panic, ExitKind::Error];
}

impl fmt::Display for ExitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExitKind::Normal => "normal",
            ExitKind::Shutdown => "shutdown",
            ExitKind::Killed => "killed",
            ExitKind::Panic => "panic",
            ExitKind::Error => "error",
        })
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ExitReason {
    fn from(error: E) -> Self {
        ExitReason::Error(Arc::new(error))
    }
}

impl PartialEq for ExitReason {
    fn eq(&self, other: &Self) -> bool {
        use ExitReason::{Error, InitError, Panic, ShutdownWith};
        match (self, other) {
            (Error(a), Error(b)) | (ShutdownWith(a), ShutdownWith(b)) | (InitError(a), InitError(b)) => {
                a.to_string() == b.to_string()
            }
            (Panic(a), Panic(b)) => a.message() == b.message() && a.location() == b.location(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for ExitReason {}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("normal"),
            ExitReason::Shutdown => f.write_str("shutdown"),
            ExitReason::ShutdownWith(cause) => {
                f.write_str("shutdown: ")?;
                write_chain(f, &**cause)
            }
            ExitReason::Kill => f.write_str("kill"),
            ExitReason::Killed => f.write_str("killed"),
            ExitReason::NoProcess => f.write_str("no process"),
            ExitReason::Ignore => f.write_str("ignore"),
            ExitReason::Panic(panic) => write!(f, "{panic}"),
            ExitReason::Error(cause) | ExitReason::InitError(cause) => write_chain(f, &**cause),
        }
    }
}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("Normal"),
            ExitReason::Shutdown => f.write_str("Shutdown"),
            ExitReason::ShutdownWith(cause) => write!(f, "ShutdownWith({cause})"),
            ExitReason::Kill => f.write_str("Kill"),
            ExitReason::Killed => f.write_str("Killed"),
            ExitReason::NoProcess => f.write_str("NoProcess"),
            ExitReason::Ignore => f.write_str("Ignore"),
            ExitReason::Panic(panic) => write!(f, "Panic({panic})"),
            ExitReason::Error(_) => write!(f, "Error({self})"),
            ExitReason::InitError(_) => write!(f, "InitError({self})"),
        }
    }
}

/// Writes the error and what caused it. Some errors end with the text of their source: that is not said twice.
fn write_chain(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    let mut said = error.to_string();
    f.write_str(&said)?;
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !said.ends_with(&text) {
            write!(f, ": {text}")?;
        }
        said = text;
        source = error.source();
    }
    Ok(())
}

/// What a caught panic left behind.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// let test = TestSystem::new(1);
/// let clerk = test.spawn(|_ctx: Context<()>| async { panic!("no {}", "tea") });
/// let ExitReason::Panic(panic) = test.block_on(clerk.exited()) else { unreachable!("it has panicked") };
/// assert_eq!(panic.message(), "no tea");
/// assert!(panic.location().is_some());
/// ```
#[derive(Clone)]
pub struct Panic(Arc<PanicDetails>);

struct PanicDetails {
    message: Cow<'static, str>,
    place: Option<Place>,
    backtrace: Backtrace,
}

/// Where a panic happened; as text once somebody asks.
struct Place {
    file: String,
    line: u32,
    column: u32,
    text: OnceLock<String>,
}

impl Panic {
    pub(crate) fn new(message: Cow<'static, str>, location: Option<&Location<'_>>, backtrace: Backtrace) -> Self {
        let place = location.map(|at| Place {
            file: at.file().to_owned(),
            line: at.line(),
            column: at.column(),
            text: OnceLock::new(),
        });
        Panic(Arc::new(PanicDetails { message, place, backtrace }))
    }

    /// A panic of another OS process, of which somebody tells what it said, and where, as `file:line:column`.
    #[cfg(feature = "serde")]
    pub(crate) fn told(message: String, location: Option<&str>) -> Self {
        let place = location.and_then(|location| {
            let mut parts = location.rsplitn(3, ':');
            let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Place { file: parts.next()?.to_owned(), line, column, text: OnceLock::new() })
        });
        Panic(Arc::new(PanicDetails { message: message.into(), place, backtrace: Backtrace::disabled() }))
    }

    /// What the panic said.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        let place = self.0.place.as_ref()?;
        Some(place.text.get_or_init(|| format!("{}:{}:{}", place.file, place.line, place.column)))
    }

    /// The stack at the panic; captured if `RUST_BACKTRACE` (or `RUST_LIB_BACKTRACE`) asks for it, as std does.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<()>| async { panic!("no tea") });
    /// let ExitReason::Panic(panic) = test.block_on(clerk.exited()) else { unreachable!("it panics") };
    /// let is_wanted = ["RUST_LIB_BACKTRACE", "RUST_BACKTRACE"].iter().find_map(|name| std::env::var(name).ok());
    /// assert_eq!(panic.backtrace().is_some(), is_wanted.is_some_and(|value| value != "0"));
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        Some(&self.0.backtrace).filter(|trace| trace.status() == BacktraceStatus::Captured)
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location() {
            Some(location) => write!(f, "panicked at {location}: {}", self.message()),
            None => write!(f, "panicked: {}", self.message()),
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a process body may return: nothing, be it `()` or never, or a `Result` whose error is the exit reason.
///
/// # Examples
///
/// Bodies of all three kinds:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Outcome};
///
/// fn reason_of(returned: impl Outcome) -> ExitReason {
///     returned.into_reason()
/// }
///
/// let test = TestSystem::new(1);
/// let brief = test.spawn(|_ctx: Context<()>| async {});
/// let fallible = test.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
/// let endless = test.spawn(|mut ctx: Context<()>| async move {
///     loop {
///         ctx.receive_message().await;
///     }
/// });
/// endless.system().exit(&endless, ExitReason::Shutdown);
/// assert_eq!(test.block_on(brief.exited()), reason_of(()));
/// assert_eq!(test.block_on(fallible.exited()), reason_of(Err(ExitReason::error("no tea"))));
/// assert_eq!(test.block_on(endless.exited()), ExitReason::Shutdown);
/// ```
#[diagnostic::on_unimplemented(
    message = "the body of a process cannot end with `{Self}`",
    label = "this ends with `{Self}`",
    note = "a body returns nothing or `Result<(), ExitReason>`; what it has to say it sends: `home.cast(…)`, `reply.send(…)`"
)]
pub trait Outcome {
    /// The reason with which the process ends.
    fn into_reason(self) -> ExitReason;
}

impl Outcome for () {
    fn into_reason(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl Outcome for Result<(), ExitReason> {
    fn into_reason(self) -> ExitReason {
        self.err().unwrap_or(ExitReason::Normal)
    }
}

/// A body that never returns, such as a `loop`.
impl Outcome for Never {
    fn into_reason(self) -> ExitReason {
        self
    }
}

/// The type `!`, which stable Rust lets nobody name but as what a function returns.
type Never = <fn() -> ! as Returns>::Value;

/// What a function returns.
pub trait Returns {
    /// The type of it.
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Fault {
        #[error("no oven")]
        Oven,
        #[error("no pizza: {0}")]
        Quoting(#[source] Box<Fault>),
        #[error("no dinner")]
        Silent(#[source] Box<Fault>),
    }

    #[test]
    fn a_reason_tells_each_error_of_its_chain_once() {
        let quoting = || Fault::Quoting(Box::new(Fault::Oven));
        let silent = || Fault::Silent(Box::new(quoting()));
        assert_eq!(ExitReason::from(quoting()).to_string(), "no pizza: no oven");
        assert_eq!(ExitReason::from(silent()).to_string(), "no dinner: no pizza: no oven");
        assert_eq!(ExitReason::shutdown_with(silent()).to_string(), "shutdown: no dinner: no pizza: no oven");
    }
}
