//! What a supervisor has agreed with a child, as its reports tell it.

use std::time::Duration;

/// When a child that has ended by itself is started again; OTP's `restart`.
///
/// # Examples
///
/// Agreed upon in a child's spec, and told in reports about it:
///
/// ```
/// use proscenium_runtime::{ChildKind, Offender, Restart, Shutdown};
///
/// assert_eq!(Restart::default(), Restart::Permanent);
/// let offender = Offender::new(
///     "session 7".into(),
///     None,
///     Restart::Temporary,
///     Shutdown::BrutalKill,
///     false,
///     ChildKind::Worker,
/// );
/// assert_eq!(offender.restart, Restart::Temporary); // It will not be started again.
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always. The default.
    #[default]
    Permanent,
    /// Only if its reason is abnormal: neither `Normal` nor `Shutdown` nor `ShutdownWith`.
    Transient,
    /// Never. Its spec goes with it.
    Temporary,
}

/// How a child is stopped; OTP's `shutdown`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Shutdown;
///
/// /// How long a supervisor waits for such a child before it kills it; `None` for ever.
/// fn patience(shutdown: Shutdown) -> Option<Duration> {
///     match shutdown {
///         Shutdown::BrutalKill => Some(Duration::ZERO),
///         Shutdown::Timeout(time) => Some(time),
///         Shutdown::Infinity => None,
///     }
/// }
///
/// let worker = Shutdown::Timeout(Duration::from_secs(5));
/// assert_eq!([worker, Shutdown::Infinity].map(patience), [Some(Duration::from_secs(5)), None]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It is killed.
    BrutalKill,
    /// It is asked to shut down, and killed if it has not ended after that time. Workers get 5 s by default.
    Timeout(Duration),
    /// It is asked to shut down and given as long as it takes. The default of supervisors, which have children to stop.
    Infinity,
}

/// Whether a child is itself a supervisor; OTP's `type`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{ChildKind, Offender, Restart, Shutdown};
///
/// let top = Offender::new("db".into(), None, Restart::Permanent, Shutdown::Infinity, false, ChildKind::Supervisor);
/// assert_eq!(top.kind, ChildKind::Supervisor); // Its end is that of all its children.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    /// Any process but a supervisor.
    Worker,
    /// A supervisor.
    Supervisor,
}
